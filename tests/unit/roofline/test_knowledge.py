"""What is said of a target's numbers: which are unknown, which are estimates, and whose they are."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, target

from onnxroof.dtypes import DType
from onnxroof.roofline.knowledge import Knowledge
from onnxroof.roofline.rates import resolve
from onnxroof.targets.model import Quantity, Source


def test_an_unknown_quantity_is_named_once_and_a_known_one_names_its_source() -> None:
    where = target(engine("matrix", "mac", {"INT8": ""}), level("dram", capacity="1 GB"))
    knowledge = Knowledge(where)
    for _ in range(2):
        knowledge.need_level_time(0)
        knowledge.need_level_energy(0)
    assert knowledge.unknown == ("memory[dram].bandwidth", "memory[dram].energy")
    assert [source.key for source in knowledge.sources] == ["made"]
    assert knowledge.estimated == ()


def test_of_two_ports_and_two_energies_each_has_a_key() -> None:
    dram = level("dram", read_bandwidth="1 GB/s", read_energy="1 pJ/B")
    knowledge = Knowledge(target(engine("matrix", "mac", {"INT8": ""}), dram))
    knowledge.need_level_time(0)
    knowledge.need_level_energy(0)
    assert knowledge.unknown == ("memory[dram].write_bandwidth", "memory[dram].capacity", "memory[dram].write_energy")


@pytest.mark.parametrize(
    ("kind", "is_estimate"),
    [("vendor", False), ("measured", False), ("derived", False), ("estimate", True), ("recalled", True)],
)
def test_numbers_of_uncertain_origin_are_estimates(kind: str, is_estimate: bool) -> None:
    where = target(engine("matrix", "mac", {"INT8": ""}), level("dram"))
    clock = Quantity(value=1e9, text="1 GHz", source=Source(key="sheet", title="a sheet", kind=kind))
    knowledge = Knowledge(where)
    knowledge.need("chip.clock", clock)
    assert (knowledge.estimated == ("chip.clock",)) is is_estimate
    assert knowledge.sources[0].kind == kind


def test_a_rate_is_named_by_engine_and_type() -> None:
    where = target(engine("matrix", "mac", {"INT8": "1 TOP/s"}), level("dram"))
    knowledge = Knowledge(where)
    knowledge.need_rate("mac", "UINT8", resolve(where, "mac", DType.UINT8).rate)
    knowledge.need_rate("vector", "FLOAT", resolve(where, "vector", DType.FLOAT).rate)
    assert knowledge.unknown == ("engine[matrix].peak[INT8].energy", "engine for vector work in FLOAT")


def test_a_default_cost_of_a_special_operation_is_an_estimate() -> None:
    where = target(engine("vector", "special", {"FLOAT": ""}, rest="special_cost = { EXP = 2 }"), level("dram"))
    rate = resolve(where, "special", DType.FLOAT).rate
    assert rate is not None
    knowledge = Knowledge(where)
    knowledge.need_special(rate, "EXP", 4.0)
    knowledge.need_special(rate, "ERF", 4.0)
    assert knowledge.estimated == ("engine[vector].special_cost.ERF (default 4)",)
