"""Random workloads and targets for property tests."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from onnxroof.dtypes import DType
from onnxroof.ir.op import Attributes, Op
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.targets.model import Array, Engine, MemoryLevel, Peak, Quantity, Source, Target

SOURCE = Source(key="made", title="made up for a test", kind="estimate")


def quantity(value: float) -> Quantity:
    """A number with a provenance."""
    return Quantity(value=value, text=f"{value}", source=SOURCE)


@st.composite
def workloads(draw: st.DrawFn, max_ops: int = 10) -> Workload:
    """A random graph over matrices [rows, columns]: products, elementwise chains, sums of branches, reductions."""
    rows = draw(st.sampled_from([1, 7, 16, 64]))
    tensors = {"x": _tensor("x", (rows, draw(st.sampled_from([8, 24, 64]))), TensorKind.INPUT)}
    ops: list[Op] = []
    values = ["x"]
    for index in range(draw(st.integers(min_value=1, max_value=max_ops))):
        source = draw(st.sampled_from(values[-4:]))
        shape = tensors[source].dims
        kind = draw(st.sampled_from(["MatMul", "Relu", "Sigmoid", "Add", "Mul", "Bias", "Softmax", "Transpose"]))
        inputs, out_shape, op_type, attributes = [source], shape, kind, {}
        if kind == "MatMul":
            columns = draw(st.sampled_from([8, 24, 64]))
            weight = f"w{index}"
            tensors[weight] = _tensor(weight, (shape[1], columns), TensorKind.WEIGHT)
            inputs, out_shape = [source, weight], (shape[0], columns)
        elif kind in ("Add", "Mul"):
            inputs.append(draw(st.sampled_from([v for v in values if tensors[v].dims == shape])))
        elif kind == "Bias":
            bias = f"b{index}"
            tensors[bias] = _tensor(bias, (shape[1],), TensorKind.WEIGHT)
            inputs, op_type = [source, bias], "Add"
        elif kind == "Softmax":
            attributes = {"axis": -1}
        elif kind == "Transpose":
            attributes, out_shape = {"perm": (1, 0)}, (shape[1], shape[0])
        name = f"t{index}"
        tensors[name] = _tensor(name, out_shape, TensorKind.ACTIVATION)
        ops.append(
            Op(
                name=f"{op_type}_{index}", op_type=op_type, domain="", version=17, inputs=tuple(inputs),
                outputs=(name,), attributes=Attributes(attributes),
            )
        )  # fmt: skip
        values.append(name)
    read = {name for op in ops for name in op.inputs}
    outputs = [name for name in values if name not in read]
    extra = draw(st.lists(st.sampled_from(values[1:]), max_size=1)) if values[1:] else []
    outputs += [name for name in extra if name not in outputs]
    for name in outputs:
        tensors[name] = _tensor(name, tensors[name].dims, tensors[name].kind, is_output=True)
    return Workload(
        name="random", producer="", ir_version=9, opsets={"": 17}, dims=(), ops=tuple(ops), tensors=tensors,
        inputs=("x",), outputs=tuple(outputs),
    )  # fmt: skip


def _tensor(name: str, shape: Sequence[int], kind: TensorKind, *, is_output: bool = False) -> Tensor:
    return Tensor(name=name, dtype=DType.FLOAT16, shape=tuple(shape), kind=kind, is_output=is_output)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """A random target of two to four levels, each smaller and faster than the one outside."""
    scale = draw(st.sampled_from([1e9, 1e12]))
    depth = draw(st.integers(min_value=2, max_value=4))
    capacity, bandwidth, energy = 1e9, scale / draw(st.sampled_from([10.0, 100.0, 1000.0])), 1e-10
    levels = []
    for index in range(depth):
        levels.append(
            MemoryLevel(
                name=f"l{index}", capacity=quantity(capacity), read_bandwidth=(bw := quantity(bandwidth)),
                write_bandwidth=bw, read_energy=(e := quantity(energy)), write_energy=e,
                overlaps=draw(st.booleans()),
            )
        )  # fmt: skip
        capacity /= draw(st.sampled_from([30.0, 1000.0, 30000.0]))
        bandwidth *= draw(st.sampled_from([2.0, 10.0]))
        energy /= draw(st.sampled_from([2.0, 20.0]))
    array = draw(st.sampled_from([None, Array(m=1, n=32, k=32), Array(m=16, n=16, k=16)]))
    return Target(
        id="random", name="Random", klass="academic", sources={"made": SOURCE}, levels=tuple(levels),
        engines=(
            Engine(name="matrix", runs=frozenset({"mac"}), array=array, peaks=(_peak(scale, 1e-12),)),
            Engine(name="vector", runs=frozenset({"vector", "special"}), peaks=(_peak(scale / 16, 2e-12),)),
        ),
        static_power=draw(st.sampled_from([None, quantity(2.0)])),
        launch_overhead=draw(st.sampled_from([None, quantity(1e-6)])),
    )  # fmt: skip


def _peak(rate: float, energy: float) -> Peak:
    return Peak(input=DType.FLOAT16, accumulate=DType.FLOAT, rate=quantity(rate), energy=quantity(energy))
