"""ONNX's own conformance suite, held against what the frontend infers and the rules count.

A case is a model with inputs and the outputs that the standard expects. Of each is asked: does it load; have its
outputs the types and shapes that are expected (a size that depends on data may be larger); does an operator that makes
an output write as many bytes as that output has; is every node known, or not modelled for a stated reason? The
inputs' values are not shown to the frontend, as no user would show them.

Run as a script it prints the figures of every collection and each failure by name:

    python tests/oracles/conformance.py [COLLECTION ...]
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from onnxroof.costs.cost import Coverage, OpCost
from onnxroof.dtypes import DType, packed_bytes
from onnxroof.errors import OnnxroofError
from onnxroof.ir.op import OpKind
from onnxroof.ir.workload import Workload
from onnxroof.study.count import counted
from onnxroof.study.load import load

__all__ = ["COLLECTIONS", "Case", "cases", "faults"]

DATA = Path(onnx.__file__).parent / "backend/test/data"
COLLECTIONS = ("node", "pytorch-converted", "pytorch-operator", "simple")


@dataclass(frozen=True)
class Case:
    """One model and what a run of it gives.

    Attributes:
        name: Unique in its collection.
        model: The serialized model.
        outputs: For each output its values, a list of them for a sequence, None where an optional is empty.
    """

    name: str
    model: bytes
    outputs: tuple[object, ...]


def cases(collection: str) -> Iterator[Case]:
    """The cases of a collection, by name."""
    if collection == "node":
        yield from _node_cases()
        return
    for folder in sorted((DATA / collection).iterdir()):
        if (folder / "model.onnx").is_file():
            model = onnx.load(str(folder / "model.onnx"))
            outputs = tuple(
                _read(folder / f"test_data_set_0/output_{i}.pb", value.type)
                for i, value in enumerate(model.graph.output)
            )
            yield Case(folder.name, model.SerializeToString(), outputs)


def _node_cases() -> Iterator[Case]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the references divide by zero on purpose
        found = collect_testcases("")
    for case in sorted(found, key=lambda case: str(case.name)):
        outputs = case.data_sets[0][1] if case.data_sets else ()
        yield Case(case.name, case.model.SerializeToString(), tuple(outputs))


def _read(path: Path, kind: onnx.TypeProto) -> object:
    content = path.read_bytes()
    if kind.WhichOneof("value") == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if kind.WhichOneof("value") == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def faults(case: Case, folder: Path) -> list[str]:
    """What is wrong with our reading of a case, in words; empty where nothing is."""
    path = folder / "model.onnx"
    path.write_bytes(case.model)
    try:
        workload = load(path)
    except OnnxroofError as error:
        return [f"does not load: {error}"]
    count = counted(workload)
    found = [*_shape_faults(case, workload), *_byte_faults(workload, count.costs.costs)]
    for op, cost in zip(workload.ops, count.costs.costs, strict=True):
        if cost.coverage is Coverage.UNKNOWN:
            found.append(f"{op.op_type} is unknown: {cost.reason}")
    return found


def _shape_faults(case: Case, workload: Workload) -> Iterator[str]:
    graph = onnx.ModelProto.FromString(case.model).graph
    is_bound = any("depends on data" in note or "depend on data" in note for note in workload.notes)
    for name, value, stated in zip(workload.outputs, case.outputs, graph.output, strict=False):
        if not isinstance(value, (np.ndarray, np.generic)) or stated.type.WhichOneof("value") != "tensor_type":
            continue
        tensor = workload.tensors[name]
        wanted = DType.from_number(stated.type.tensor_type.elem_type)
        if tensor.dtype is not wanted:
            yield f"`{stated.name}`: expected {wanted.name}, found {tensor.dtype.name}"
        shape = np.asarray(value).shape
        if tensor.shape != shape:
            is_above = (
                is_bound
                and tensor.is_shaped
                and len(tensor.dims) == len(shape)
                and all(have >= want for have, want in zip(tensor.dims, shape, strict=True))
            )
            if not is_above:
                yield f"`{stated.name}`: expected {list(shape)}, found {tensor.shape and list(tensor.shape)}"


def _byte_faults(workload: Workload, costs: Sequence[OpCost]) -> Iterator[str]:
    for op, cost in zip(workload.ops, costs, strict=True):
        if cost.coverage is not Coverage.EXACT or cost.kind not in (OpKind.COMPUTE, OpKind.MOVE) or cost.in_place:
            continue
        made = [workload.tensors[name] for name in op.outputs if name]
        if all(tensor.is_shaped and tensor.dtype is not DType.STRING for tensor in made):
            wanted = sum(packed_bytes(tensor.elements, tensor.dtype) for tensor in made)
            if cost.write_bytes != wanted:
                yield f"{op.op_type} writes {cost.write_bytes} bytes, its outputs have {wanted}"


def main(collections: Sequence[str]) -> int:
    """Prints figures and failures; the exit code is 1 where there is any."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for collection in collections or COLLECTIONS:
            tally: Counter[bool] = Counter()
            for case in cases(collection):
                wrong = faults(case, Path(folder))
                tally[not wrong] += 1
                for fault in wrong:
                    print(f"{collection}/{case.name}: {fault.splitlines()[0]}")
            failed += tally[False]
            print(f"{collection}: {tally[True]} of {tally.total()} cases right", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
