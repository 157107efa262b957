"""The catalogue: every file is sound, says where its numbers come from, and its estimates are those of the function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from onnxroof.costs.registry import standard_registry
from onnxroof.dtypes import DType
from onnxroof.targets import energy_defaults
from onnxroof.targets.catalog import DEFAULT_SHELF, load_target, target_ids
from onnxroof.targets.model import Quantity, Target

HWDB = Path(__file__).parents[2] / "hwdb"
REQUIRED = {
    "nvidia-h100-sxm",
    "nvidia-a100-sxm-80gb",
    "google-tpu-v4",
    "jetson-orin-nano-8gb",
    "intel-xeon-8480plus",
    "ethos-u85-1024",
    "coral-edge-tpu-usb",
    "hailo-8",
    "raspberry-pi-5",
    "eyeriss-v1",
}
CALL = re.compile(r"(?:(?P<times>\d+) x )?(?P<name>[a-z_]+)\((?P<arguments>[^)]*)\)")
SIZES = {"KiB": 2**10, "MiB": 2**20}


def quantities(target: Target) -> Iterator[Quantity]:
    for name in ("process", "area", "clock", "static_power", "idle_power", "power_cap", "launch_overhead", "host_link"):
        yield from filter(None, [getattr(target, name)])
    for engine in target.engines:
        for peak in engine.peaks:
            yield from filter(None, [peak.rate, peak.energy])
    for level in target.levels:
        yield from filter(None, [level.capacity, level.read_bandwidth, level.write_bandwidth])
        yield from filter(None, [level.read_energy, level.write_energy])
    yield from target.efficiency.values()


def modes(target: Target) -> list[Target]:
    """The target in each of its power modes."""
    return [load_target(f"{target.id}@{name}") for name in target.modes]


def argument(text: str) -> DType | float | str:
    """`FLOAT16`, `4 nm`, `50 MiB` or a word."""
    if text in DType.__members__:
        return DType[text]
    number, _, unit = text.partition(" ")
    if unit == "nm":
        return float(number)
    return float(number) * SIZES[unit] if unit in SIZES else text


def recomputed(call: str) -> float:
    """The value of a call as an hwdb file writes it, pJ."""
    match = CALL.fullmatch(call)
    assert match, call
    assert match["name"] in energy_defaults.__all__
    function = getattr(energy_defaults, match["name"])
    return float(match["times"] or 1) * function(*map(argument, match["arguments"].split(", ")))


@pytest.mark.parametrize("macs", [256, 512, 1024, 2048])
def test_a_capacity_that_a_source_gives_in_kb_is_taken_as_the_larger_one(macs: int) -> None:
    # With 267 kB times that are called least would rise: 267 * 1024.
    capacity = load_target(f"ethos-u85-{macs}").levels[-1].capacity
    assert capacity is not None
    assert capacity.value == 273_408


def test_the_targets_that_must_be_there() -> None:
    assert set(target_ids()) >= REQUIRED
    assert set(target_ids()) == {path.stem for path in HWDB.glob("*.toml")}
    assert len({load_target(target_id).klass for target_id in target_ids()}) >= 8


@pytest.mark.parametrize("target_id", target_ids())
def test_a_file_is_sound(target_id: str) -> None:
    target = load_target(target_id)
    assert target.id == target_id
    used = {quantity.source.key for mode in (target, *modes(target)) for quantity in quantities(mode)}
    used |= {target.support.source.key} if target.support else set()
    assert used == set(target.sources), "a source that no number names says nothing"
    assert any("mac" in engine.runs for engine in target.engines)


def test_operators_that_a_target_runs_exist() -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""}
    known |= {f"{domain}:{name}" for domain, name in standard_registry().rules if domain}
    for target_id in target_ids():
        support = load_target(target_id).support
        assert support is None or support.operators <= known, target_id


@pytest.mark.parametrize("target_id", target_ids())
def test_estimates_are_those_of_the_function(target_id: str) -> None:
    for quantity in quantities(load_target(target_id)):
        if "energy_defaults" not in quantity.source.title + quantity.source.derived_from:
            continue
        value_pj = recomputed(quantity.where)
        assert quantity.source.kind == "estimate"
        assert float(f"{value_pj:.3g}") == pytest.approx(quantity.value * 1e12, rel=1e-9), quantity.where


@pytest.mark.parametrize("target_id", target_ids())
def test_every_energy_of_an_estimate_names_its_node(target_id: str) -> None:
    target = load_target(target_id)
    if target.process is None:
        return
    node = f"{target.process.text}"
    for quantity in quantities(target):
        if re.match(r"(\d+ x )?(operation|sram|register)_pj", quantity.where):
            assert node in quantity.where


@pytest.mark.parametrize("target_id", target_ids())
def test_no_engine_at_its_peak_draws_far_more_than_the_cap(target_id: str) -> None:
    """A boost clock that the cap does not sustain passes it a little, a slip of a unit a thousandfold."""
    target = load_target(target_id)
    for engine in target.engines:
        for peak in engine.peaks:
            if target.power_cap and peak.rate and peak.energy:
                assert peak.rate.value * peak.energy.value < 1.5 * target.power_cap.value, (engine.name, peak.input)


@pytest.mark.parametrize("target_id", target_ids())
def test_levels_grow_faster_and_smaller_towards_the_inside(target_id: str) -> None:
    target = load_target(target_id)
    for outer, inner in zip(target.levels, target.levels[1:], strict=False):
        if outer.capacity and inner.capacity and outer.scope == inner.scope == "device":
            assert outer.capacity.value > inner.capacity.value
        if outer.read_bandwidth and inner.read_bandwidth:
            outer_bandwidth = outer.read_bandwidth.value * outer.instances
            assert outer_bandwidth <= inner.read_bandwidth.value * inner.instances


SLOWER_WHEN_NARROWER = {
    "tenstorrent-wormhole-n150": "INT8 takes four passes of its arrays, BFLOAT16 two",
    "tenstorrent-wormhole-n300": "INT8 takes four passes of its arrays, BFLOAT16 two",
}


def test_a_mode_of_less_power_is_no_faster() -> None:
    """Clocks, cores and memory of a mode are those of the module or less; of less power no faster, where both are."""
    moded = [target for target in map(load_target, target_ids()) if target.modes]
    assert len(moded) >= 7
    for target in moded:
        for mode in modes(target):
            if target.power_cap and mode.power_cap:
                assert mode.power_cap.value <= target.power_cap.value
            if target.clock and mode.clock:
                assert mode.clock.value <= target.clock.value
            for engine, slowed in zip(target.engines, mode.engines, strict=True):
                for peak, slow in zip(engine.peaks, slowed.peaks, strict=True):
                    assert peak.rate is None or slow.rate is not None
                    assert peak.rate is None or slow.rate.value <= peak.rate.value, (mode.id, peak.input)
            for level, slow_level in zip(target.levels, mode.levels, strict=True):
                if level.read_bandwidth and slow_level.read_bandwidth:
                    assert slow_level.read_bandwidth.value <= level.read_bandwidth.value


def test_a_narrower_type_is_never_slower_on_a_matrix_engine() -> None:
    for target_id in sorted(set(target_ids()) - set(SLOWER_WHEN_NARROWER)):
        for engine in load_target(target_id).engines:
            if engine.runs != {"mac"}:
                continue
            rates = [(peak.input.bits, peak.rate.value) for peak in engine.peaks if peak.rate]
            for bits, rate in rates:
                for other_bits, other_rate in rates:
                    assert other_bits <= bits or other_rate <= rate * (1 + 1e-9) or {bits, other_bits} == {16}


def test_the_shelf_can_be_judged_by_energy() -> None:
    """Every level and every engine of the default shelf has an energy, so that none drops out of that comparison."""
    for target_id in DEFAULT_SHELF:
        target = load_target(target_id)
        assert all(level.read_energy and level.write_energy for level in target.levels)
        assert all(peak.energy for engine in target.engines for peak in engine.peaks)


def test_at_least_a_hundred_targets_are_more_than_a_peak() -> None:
    """Beside the rate of MACs a capacity or a bandwidth of a memory, and energies."""

    def is_more(target: Target) -> bool:
        peaks = [peak for engine in target.engines if "mac" in engine.runs for peak in engine.peaks]
        has_rate = any(peak.rate for peak in peaks)
        has_memory = any(level.capacity or level.read_bandwidth for level in target.levels)
        has_energy = any(peak.energy for peak in peaks) or any(level.read_energy for level in target.levels)
        return has_rate and has_memory and has_energy

    assert sum(is_more(load_target(target_id)) for target_id in target_ids()) >= 100
