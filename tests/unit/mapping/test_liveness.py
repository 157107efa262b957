"""Peaks of live activations of whole networks, and what may take whose place."""

from __future__ import annotations

from pathlib import Path

from oracles.published import resnet18
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.ir.workload import Workload
from onnxroof.mapping.liveness import Buffers, buffers, overwritable
from onnxroof.mapping.storage import storage
from onnxroof.rewrites.precision import converted
from onnxroof.study.load import load

MODELS = Path(__file__).resolve().parents[3] / "models"
MATRIX = 16_384  # 64 x 64 FLOAT


def problem(model: Workload) -> Buffers:
    found = buffers(model, storage(model, cost_table(model)))
    assert found is not None
    return found


def peaks(model: Workload) -> tuple[int, int]:
    found = problem(model)
    order = range(len(found.reads))
    return max(found.profile(order, in_place=False)), max(found.profile(order, in_place=True))


def matrices(nodes: str, outputs: str = "float[64,64] y") -> list[float]:
    """Live bytes of each operator in matrices, in place."""
    model = workload(f"g (float[64,64] x) => ({outputs}) <float[64,64] w, float[64] b> {{ {nodes} }}")
    found = problem(model)
    return [live / MATRIX for live in found.profile(range(len(found.reads)), in_place=True)]


def test_published_peaks_of_resnet18() -> None:
    # Elements of one byte. Apart: the stem's 64 x 112 x 112 twice, before and after Relu. In place: the pool reads
    # these 802,816 B and writes 64 x 56 x 56.
    model = converted(workload(resnet18()), DType.INT8)
    assert peaks(model) == (2 * 64 * 112 * 112, 64 * 112 * 112 + 64 * 56 * 56) == (1_605_632, 1_003_520)


def test_published_peaks_of_mobilenet_v2() -> None:
    # 96 x 112 x 112 twice; or once and its depthwise successor of 96 x 56 x 56. FLOAT: four times the bytes.
    model = load(MODELS / "mobilenet_v2.onnx")
    assert (
        peaks(model)
        == (4 * 2 * 96 * 112 * 112, 4 * (96 * 112 * 112 + 96 * 56 * 56))
        == (
            4 * 2_408_448,
            4 * 1_505_280,
        )
    )


def test_what_takes_the_place_of_its_operand() -> None:
    assert matrices("m = MatMul(x, w) r = Relu(m) y = MatMul(r, w)") == [2, 1, 2]
    assert matrices("m = MatMul(x, w) r = Add(m, b) y = MatMul(r, w)") == [2, 1, 2]  # b is broadcast, m is not
    assert matrices("m = MatMul(x, w) y = Add(m, x)") == [2, 2]  # two operands, one place is left


def test_what_does_not() -> None:
    assert matrices("m = MatMul(x, w) y = Transpose(m)") == [2, 2]
    assert matrices("m = MatMul(x, w) r = Relu(m) y = Add(r, m)") == [2, 2, 2]  # m is read again
    assert matrices("m = MatMul(x, w) y = Softmax(m)") == [2, 2]  # it reads each row again
    assert matrices("m = MatMul(x, w) y = Relu(m)", "float[64,64] y, float[64,64] m") == [2, 2]  # m is wanted
    model = workload("g (float[4] x) => (float[4] y) <float[4] w> { y = Mul(x, w) }")
    store = storage(model, cost_table(model))
    assert overwritable(model, store, store.kernels[0]) == (("y", "x"),)  # never the weight


def test_an_unknown_shape_is_said() -> None:
    model = workload("g (float[64,64] x) => (float[64,64] y) { q = my.domain.Foo(x) y = Identity(q) }")
    assert buffers(model, storage(model, cost_table(model))) is None or model.tensors["q"].is_shaped
