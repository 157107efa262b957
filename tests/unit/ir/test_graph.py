"""The bipartite graph of a workload."""

import networkx as nx

from onnxroof.dtypes import DType
from onnxroof.ir.graph import dataflow_graph
from onnxroof.ir.op import Attributes, Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload


def op(name, inputs, outputs, **more):
    return Op(
        name=name, op_type="Op", domain="", version=1, inputs=inputs, outputs=outputs, attributes=Attributes(), **more
    )


def tensors(*names):
    return {n: Tensor(name=n, dtype=DType.FLOAT, shape=(2,), kind=TensorKind.ACTIVATION) for n in names}


def test_operators_and_tensors_are_nodes_reads_and_writes_are_edges():
    ops = (op("mul", ("x", "x", "", "y"), ("z", "", "u")), op("neg", ("z",), ("v",)))
    found = dataflow_graph(ops, tensors("x", "y", "z", "u", "v"))
    assert nx.is_bipartite(found)
    assert dict(found.edges) == {
        (("tensor", "x"), ("op", "mul")): {"indices": (0, 1)},
        (("tensor", "y"), ("op", "mul")): {"indices": (3,)},
        (("op", "mul"), ("tensor", "z")): {"indices": (0,)},
        (("op", "mul"), ("tensor", "u")): {"indices": (2,)},
        (("tensor", "z"), ("op", "neg")): {"indices": (0,)},
        (("op", "neg"), ("tensor", "v")): {"indices": (0,)},
    }
    assert found.nodes[("op", "mul")]["op"] is ops[0]
    assert found.nodes[("tensor", "x")]["tensor"].name == "x"


def test_an_operator_and_a_tensor_may_have_one_name():
    found = dataflow_graph((op("y", ("x",), ("y",)),), tensors("x", "y"))
    assert found.has_edge(("op", "y"), ("tensor", "y"))


def test_scales_that_were_taken_over_follow_the_inputs_and_an_absorbed_node_stands_alone():
    ops = (
        op("dq", ("q", "s"), ("f",), disposition=OpKind.ABSORBED),
        op("conv", ("q", "w"), ("y",), parameters=("s", "z")),
    )
    found = dataflow_graph(ops, tensors("q", "s", "z", "w", "f", "y"))
    assert found.degree[("op", "dq")] == 0
    assert found.edges[("tensor", "s"), ("op", "conv")]["indices"] == (2,)
    assert found.edges[("tensor", "z"), ("op", "conv")]["indices"] == (3,)


def test_a_workload_makes_its_graph_once():
    workload = Workload(
        name="m",
        producer="",
        ir_version=8,
        opsets={"": 17},
        dims=(),
        ops=(op("n", ("x",), ("y",)),),
        tensors=tensors("x", "y"),
        inputs=("x",),
        outputs=("y",),
    )
    assert workload.graph is workload.graph
    assert nx.is_directed_acyclic_graph(workload.graph)
    assert workload.notes == ()
