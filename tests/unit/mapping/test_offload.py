"""What a device leaves to its host: on graphs that can be followed by hand, and against all divisions of small ones."""

from __future__ import annotations

import itertools

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.tiny import workload
from properties.strategies import workloads

from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.ir.workload import Workload
from onnxroof.mapping.offload import Offload, offload
from onnxroof.mapping.planned import border_of
from onnxroof.mapping.storage import storage
from onnxroof.targets.model import Source, Support

DOC = Source(key="doc", title="documentation", kind="vendor")

# 4 x 8 elements of 4 bytes: 128 B each; an Erf in the middle.
CHAIN = """g (float[4,8] x) => (float[4,8] y) <float[8,8] w>
    { m = MatMul(x, w) e = Erf(m) t = Tanh(e) y = Relu(t) }"""
TENSOR = 128


def support(operators: str, **others: object) -> Support:
    return Support(compiler="Compiler 1", operators=frozenset(operators.split()), source=DOC, **others)  # type: ignore[arg-type]


def divided(text: str | Workload, what: Support | None) -> Offload:
    model = workload(text) if isinstance(text, str) else text
    store = storage(model, cost_table(model))
    return offload(model, store, what, border_of(model, store))


def types(found: Offload) -> dict[str, str]:
    return {fallback.op_type: fallback.reason for fallback in found.fallbacks}


def test_all_on_the_device_is_one_part_and_only_the_border_crosses() -> None:
    found = divided(CHAIN, support("MatMul Erf Tanh Relu"))
    assert (found.is_known, found.fallbacks, found.segment_count, found.node_count) == (True, (), 1, 4)
    assert (found.to_device_bytes, found.to_host_bytes) == (TENSOR, TENSOR)


def test_an_operator_in_the_middle_cuts_the_graph_in_two() -> None:
    found = divided(CHAIN, support("MatMul Tanh Relu"))
    assert types(found) == {"Erf": "not among the operators of Compiler 1"}
    assert found.segment_count == 2
    # In go x and the Erf of the host, out come its operand and y.
    assert (found.to_device_bytes, found.to_host_bytes) == (2 * TENSOR, 2 * TENSOR)


def test_a_compiler_that_stops_leaves_all_that_follows_to_the_host() -> None:
    found = divided(CHAIN, support("MatMul Tanh Relu", cut="first"))
    rest = "Compiler 1 hands on all that follows the host"
    assert types(found) == {"Erf": "not among the operators of Compiler 1", "Tanh": rest, "Relu": rest}
    assert (found.segment_count, found.fallback_count) == (1, 3)
    assert (found.to_device_bytes, found.to_host_bytes) == (TENSOR, TENSOR)


def test_nothing_on_the_device_is_no_part_and_nothing_crosses() -> None:
    found = divided(CHAIN, support("Conv"))
    assert (found.segment_count, found.fallback_count) == (0, 4)
    assert (found.to_device_bytes, found.to_host_bytes) == (0, 0)


def test_what_is_not_documented_is_said_and_the_border_crosses() -> None:
    found = divided(CHAIN, None)
    assert (found.is_known, found.fallbacks, found.segment_count) == (False, (), 1)
    assert (found.to_device_bytes, found.to_host_bytes) == (TENSOR, TENSOR)


def test_a_tensor_that_several_read_crosses_once_and_views_share_it() -> None:
    text = """g (float[4,8] x) => (float[4,8] y, float[8,4] z) {
        e = Erf(x) a = Tanh(e) y = Add(a, e)
        s = Constant<value_ints=[8,4]>() v = Reshape(e, s) z = Relu(v) }"""
    found = divided(text, support("Tanh Add Relu"))
    assert (found.to_device_bytes, found.to_host_bytes) == (TENSOR, 2 * TENSOR)


def test_the_type_the_factor_and_the_rank_are_looked_at() -> None:
    chain = support("MatMul Erf Tanh Relu", types=frozenset({DType.INT8}))
    assert set(types(divided(CHAIN, chain)).values()) == {"computes in FLOAT"}
    square = "g (float[8,8] x) => (float[8,8] y) <float[8,8] w> { m = MatMul(x, w) y = MatMul(m, x) }"
    found = divided(square, support("MatMul", constant_weights=frozenset({"MatMul"})))
    assert types(found) == {"MatMul": "its second input is not constant"}
    assert found.fallback_count == 1
    deep = "g (float[1,1,1,2,2] x) => (float[1,1,1,2,2] y) { y = Relu(x) }"
    assert types(divided(deep, support("Relu", largest_rank=4))) == {"Relu": "a tensor of 5 dimensions"}
    assert not types(divided(deep, support("Relu", largest_rank=5)))


def test_an_operator_of_another_domain_is_named_with_it() -> None:
    text = "g (float[4,8] x) => (float[4,8] y) { y = com.microsoft.QuickGelu(x) }"
    assert not types(divided(text, support("com.microsoft:QuickGelu")))
    assert types(divided(text, support("QuickGelu")))


def test_a_scale_that_folds_into_a_contraction_is_no_cut() -> None:
    text = """g (float[1,3,8,8] x) => (float[1,4,6,6] y)
        <float[4,3,3,3] w, float[4] s, float[4] b, float[4] m, float[4] v> {
        c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) }"""
    assert not divided(text, support("Conv")).fallbacks


def fewest_parts(model: Workload, on_host: set[str]) -> int:
    """The fewest parts by trying: numbers for the kernels of the device such that no part depends on itself."""
    store = storage(model, cost_table(model))
    graph = nx.DiGraph()
    for index, kernel in enumerate(store.kernels):
        graph.add_node(index)
        for transfer in kernel.cost.reads:
            maker = store.producers.get(store.root(transfer.tensor))
            if maker is not None and maker != index:
                graph.add_edge(maker, index)
    device = [index for index, kernel in enumerate(store.kernels) if kernel.op.name not in on_host]
    for parts in range(len(device) + 1):
        for numbers in itertools.product(range(parts), repeat=len(device)):
            part = dict(zip(device, numbers, strict=True))
            merged = nx.DiGraph((part.get(a, -1 - a), part.get(b, -1 - b)) for a, b in graph.edges)
            merged.remove_edges_from([*nx.selfloop_edges(merged)])
            if nx.is_directed_acyclic_graph(merged):
                return parts
    raise AssertionError("one part for each kernel always does")


@settings(max_examples=40, deadline=None)
@given(model=workloads(max_ops=5), data=st.data())
def test_no_division_has_fewer_parts(model: Workload, data: st.DataObject) -> None:
    kernels = storage(model, cost_table(model)).kernels
    names = sorted({kernel.op.op_type for kernel in kernels})
    taken = data.draw(st.sets(st.sampled_from(names))) if names else set()
    found = divided(model, support(" ".join(taken)))
    on_host = {name for fallback in found.fallbacks for name in fallback.nodes}
    assert found.segment_count == fewest_parts(model, on_host)
    assert found.fallback_count + sum(kernel.op.name not in on_host for kernel in kernels) == found.node_count


def test_the_device_s_part_has_a_border_of_its_own() -> None:
    whole, cut = divided(CHAIN, support("MatMul Erf Tanh Relu")), divided(CHAIN, support("Erf Tanh Relu"))
    # 4 x 8 x 8 MACs; x of 128 B, w of 256 B, y of 128 B.
    assert (whole.border.work["FLOAT"].macs, whole.border.weight_bytes, whole.border.input_bytes) == (256, 256, TENSOR)
    assert (cut.border.work["FLOAT"].macs, cut.border.weight_bytes, cut.border.input_bytes) == (0, 0, 0)
    assert (whole.border.output_bytes, cut.border.output_bytes) == (TENSOR, TENSOR)
    assert divided(CHAIN, support("Conv")).border.work == {}
