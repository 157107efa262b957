"""The workload as a value."""

import dataclasses

import pytest

from onnxroof.ir.workload import DimBinding, Workload


def test_a_workload_is_frozen_and_replaceable():
    workload = Workload(
        name="m",
        producer="p",
        ir_version=8,
        opsets={},
        dims=(DimBinding(name="N", value=3, source="given"),),
        ops=(),
        tensors={},
        inputs=(),
        outputs=(),
    )
    with pytest.raises(AttributeError):
        workload.name = "other"
    renamed = dataclasses.replace(workload, name="other")
    assert (renamed.name, renamed.dims[0].value, workload.name) == ("other", 3, "m")
    assert len(renamed.graph) == 0
