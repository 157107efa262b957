"""Random workloads and targets for property tests."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from onnxroof.dtypes import DType
from onnxroof.ir.contents import Contents
from onnxroof.ir.op import Attributes, Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.targets.model import OPERANDS, Array, Engine, MemoryLevel, Peak, Quantity, Source, Target

SOURCE = Source(key="made", title="made up for a test", kind="estimate")


def quantity(value: float) -> Quantity:
    """A number with a provenance."""
    return Quantity(value=value, text=f"{value}", source=SOURCE)


_KINDS = (
    "MatMul", "Square", "Relu", "Sigmoid", "Add", "Mul", "Bias", "Softmax", "Transpose", "Reshape", "Append", "Update",
)  # fmt: skip


@st.composite
def workloads(draw: st.DrawFn, max_ops: int = 10, *, with_unknown: bool = False) -> Workload:
    """A random graph over matrices [rows, columns].

    Products (of a tensor with itself too), elementwise chains, sums of branches, reductions, views, appended caches,
    updates in place; the last operators may be the body of a loop. `with_unknown` adds operators without a rule.
    """
    rows = draw(st.sampled_from([1, 7, 16, 64]))
    tensors = {"x": _tensor("x", (rows, draw(st.sampled_from([8, 24, 64]))), TensorKind.INPUT)}
    ops: list[Op] = []
    values = ["x"]
    kinds = (*_KINDS, "Foo") if with_unknown else _KINDS
    count = draw(st.integers(min_value=1, max_value=max_ops))
    first_of_loop = draw(st.integers(min_value=0, max_value=count))
    trips = draw(st.sampled_from([1, 1, 3]))
    for index in range(count):
        in_loop = trips > 1 and index >= first_of_loop
        source = draw(st.sampled_from(values[-4:]))
        shape = tensors[source].dims
        op_type = kind = draw(st.sampled_from(kinds))
        domain, inputs, out_shape, attributes = "", [source], shape, {}
        is_appended = kind == "Append" and tensors[source].kind is TensorKind.ACTIVATION and not in_loop
        if kind == "MatMul":
            columns = draw(st.sampled_from([8, 24, 64]))
            inputs, out_shape = [source, _add(tensors, f"w{index}", (shape[1], columns))], (shape[0], columns)
        elif kind == "Square" and shape[0] == shape[1]:
            op_type, inputs = "MatMul", [source, source]
        elif kind in ("Add", "Mul"):
            inputs.append(draw(st.sampled_from([v for v in values if tensors[v].dims == shape])))
        elif kind == "Bias":
            op_type, inputs = "Add", [source, _add(tensors, f"b{index}", (shape[1],))]
        elif kind == "Softmax":
            attributes = {"axis": -1}
        elif kind == "Transpose":
            attributes, out_shape = {"perm": (1, 0)}, (shape[1], shape[0])
        elif kind == "Reshape":
            out_shape = (shape[1], shape[0])
            extents = Contents(DType.INT64, (2,), out_shape)
            tensors[f"s{index}"] = Tensor(
                name=f"s{index}", dtype=DType.INT64, shape=(2,), kind=TensorKind.WEIGHT, value=extents
            )
            inputs.append(f"s{index}")
        elif is_appended:
            op_type, attributes, out_shape = "Concat", {"axis": 0}, (shape[0] + 100, shape[1])
            inputs = [_add(tensors, f"past{index}", (100, shape[1]), TensorKind.INPUT), source]
        elif kind == "Update":
            op_type = "ScatterND"
            update = _add(tensors, f"u{index}", (1, shape[1]), TensorKind.INPUT)
            tensors[f"i{index}"] = Tensor(name=f"i{index}", dtype=DType.INT64, shape=(1, 1), kind=TensorKind.INPUT)
            inputs, attributes = [source, f"i{index}", update], {"reduction": "none"}
        elif kind == "Foo":
            domain = "my.domain"
        else:
            op_type = kind if kind in ("Relu", "Sigmoid") else "Neg"
        name = f"t{index}"
        tensors[name] = _tensor(name, out_shape, TensorKind.ACTIVATION, is_output=is_appended)
        ops.append(
            Op(
                name=f"{op_type}_{index}", op_type=op_type, domain=domain, version=17, inputs=tuple(inputs),
                outputs=(name,), attributes=Attributes(attributes), repeat=trips if in_loop else 1,
                scope="loop/body" if in_loop else "",
            )
        )  # fmt: skip
        values.append(name)
    read = {name for op in ops for name in op.inputs}
    outputs = [name for name in values if name not in read or tensors[name].is_output]
    extra = draw(st.lists(st.sampled_from(values[1:]), max_size=1))
    outputs += [name for name in extra if name not in outputs]
    outputs = [_out_of_loop(ops, tensors, name) for name in outputs]
    for name in outputs:
        tensors[name] = _tensor(name, tensors[name].dims, tensors[name].kind, is_output=True)
    return Workload(
        name="random", producer="", ir_version=9, opsets={"": 17}, dims=(), ops=tuple(ops), tensors=tensors,
        inputs=tuple(name for name, tensor in tensors.items() if tensor.kind is TensorKind.INPUT),
        outputs=tuple(outputs),
    )  # fmt: skip


def _add(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], kind: TensorKind = TensorKind.WEIGHT) -> str:
    tensors[name] = _tensor(name, shape, kind)
    return name


def _out_of_loop(ops: list[Op], tensors: dict[str, Tensor], name: str) -> str:
    """What a loop returns is a view, outside, of what its body made last."""
    maker = next((op for op in ops if name in op.outputs), None)
    if maker is None or maker.repeat == 1:
        return name
    ops.append(
        Op(
            name=f"Loop_{name}", op_type="Loop", domain="", version=17, inputs=(name,), outputs=(f"{name}_out",),
            attributes=Attributes({}), disposition=OpKind.VIEW,
        )
    )  # fmt: skip
    return _add(tensors, f"{name}_out", tensors[name].dims, TensorKind.ACTIVATION)


def _tensor(name: str, shape: Sequence[int], kind: TensorKind, *, is_output: bool = False) -> Tensor:
    return Tensor(name=name, dtype=DType.FLOAT16, shape=tuple(shape), kind=kind, is_output=is_output)


HOLDS = [OPERANDS, OPERANDS, OPERANDS, frozenset({"weight"}), frozenset({"input", "output"})]
LANES = [("vector", "special"), ("vector", "special"), ("mac", "vector", "special")]


@st.composite
def targets(draw: st.DrawFn, *, is_known: bool = True, holds_all: bool = True) -> Target:
    """A random target of two to four levels, each smaller and faster than the one outside.

    Levels are of the device or of each core, share a port or have two, overlap or not, keep weights or not. The second
    engine may be able to do what the first one does. Unless `is_known`, capacities, bandwidths, energies and rates may
    be unknown. Unless `holds_all`, some operands may pass by a level.
    """
    scale = draw(st.sampled_from([1e9, 1e12]))
    depth = draw(st.integers(min_value=2, max_value=4))
    cores = draw(st.sampled_from([1, 4]))
    capacity, bandwidth, energy = 1e9, scale / draw(st.sampled_from([10.0, 100.0, 1000.0])), 1e-10

    def known(value: float) -> Quantity | None:
        return quantity(value) if is_known or draw(st.booleans()) else None

    levels = []
    for index in range(depth):
        shares_port = draw(st.booleans())
        instances = draw(st.sampled_from([1, cores])) if index else 1
        read_bandwidth, read_energy = known(bandwidth), known(energy)
        levels.append(
            MemoryLevel(
                name=f"l{index}", capacity=known(capacity), read_bandwidth=read_bandwidth,
                write_bandwidth=read_bandwidth if shares_port else known(bandwidth / 2), shares_port=shares_port,
                read_energy=read_energy, write_energy=draw(st.sampled_from([read_energy, known(2 * energy)])),
                overlaps=draw(st.booleans()), instances=instances, scope="core" if instances > 1 else "device",
                usable=draw(st.sampled_from([1.0, 0.5])),
                keeps=frozenset(draw(st.sampled_from([("activation", "weight"), ("activation",)]))),
                holds=OPERANDS if holds_all or not index else draw(st.sampled_from(HOLDS)),
            )
        )  # fmt: skip
        capacity /= draw(st.sampled_from([30.0, 1000.0, 30000.0]))
        bandwidth *= draw(st.sampled_from([2.0, 10.0]))
        energy /= draw(st.sampled_from([2.0, 20.0]))
    array = draw(st.sampled_from([None, Array(m=1, n=32, k=32), Array(m=16, n=16, k=16)]))
    waits = draw(st.sampled_from(["", "", "matrix", "vector", "matrix vector"]))  # engines that work in turn
    costs = draw(st.sampled_from([{}, {"EXP": 8.0}, {"EXP": 1.0, "DIV": 2.0}]))
    return Target(
        id="random", name="Random", klass="academic", sources={"made": SOURCE}, levels=tuple(levels), cores=cores,
        engines=(
            Engine(
                name="matrix", runs=frozenset({"mac"}), array=array, peaks=(_peak(known(scale), known(1e-12)),),
                overlaps="matrix" not in waits,
            ),
            Engine(
                name="vector", runs=frozenset(draw(st.sampled_from(LANES))), special_cost=costs,
                peaks=(_peak(known(scale / 16), known(2e-12)),), overlaps="vector" not in waits,
            ),
        ),
        static_power=draw(st.sampled_from([None, quantity(2.0)])),
        launch_overhead=draw(st.sampled_from([None, quantity(1e-6)])),
    )  # fmt: skip


def _peak(rate: Quantity | None, energy: Quantity | None) -> Peak:
    return Peak(input=DType.FLOAT16, accumulate=DType.FLOAT, rate=rate, energy=energy)
