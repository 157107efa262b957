"""Node data of Model Explorer."""

import json

import pytest

from onnxroof.report.model_explorer import node_data

NODES = [("conv", "c"), ("", "r"), ("same", "s"), ("same", "t"), ("", "")]


def test_nodes_go_by_their_name_or_by_number_and_first_output():
    data = json.loads(node_data("main", NODES, {0: 5, 1: 7.5, 2: 1, 3: 2, 4: 3}))
    assert data["main"]["results"] == {
        "conv": {"value": 5}, "node": {"value": 7.5}, "r": {"value": 7.5}, "same": {"value": 1}, "s": {"value": 1},
        "same_1": {"value": 2}, "t": {"value": 2}, "node_1": {"value": 3},
    }  # fmt: skip
    stops = data["main"]["gradient"]
    assert (stops[0]["stop"], stops[-1]["stop"]) == (0, 1)
    assert all(set(stop) == {"stop", "bgColor"} for stop in stops)


def test_what_is_unknown_is_left_out_and_words_have_no_gradient():
    data = json.loads(node_data("g", NODES, {0: None, 1: "memory:dram"}))
    assert data == {"g": {"results": {"node": {"value": "memory:dram"}, "r": {"value": "memory:dram"}}}}


def test_numbers_that_are_not_known_are_not_made_up():
    data = json.loads(node_data("g", NODES, {0: 1, 1: 2, 2: 3, 4: 4}, is_numbered=False))
    assert set(data["g"]["results"]) == {"conv", "r", "s"}


def test_a_number_that_is_a_name_of_the_file_is_passed_over():
    nodes = [("node", "a"), ("", "b"), ("node_2", "c"), ("", "d")]
    data = json.loads(node_data("g", nodes, dict.fromkeys(range(4), 1)))
    assert set(data["g"]["results"]) == {"node", "node_1", "b", "node_2", "node_3", "d"}


def test_the_file_is_what_the_package_itself_writes():
    builder = pytest.importorskip(
        "model_explorer.node_data_builder", reason="ai-edge-model-explorer is no dependency of the tests"
    )
    text = node_data("main", NODES, {0: 5, 1: 7.5, 2: 1, 3: 2, 4: 3})
    graphs = {
        name: builder.GraphNodeData(
            results={key: builder.NodeDataResult(**value) for key, value in graph["results"].items()},
            gradient=[builder.GradientItem(**stop) for stop in graph["gradient"]],
        )
        for name, graph in json.loads(text).items()
    }
    written = json.loads(builder.ModelNodeData(graphs).to_json_string())
    for name, graph in json.loads(text).items():
        assert {key: written[name][key] for key in graph} == graph


# The fields of the classes of `node_data_builder.py`, ai-edge-model-explorer 0.1.34, that have no default or that we
# write, with their types. https://github.com/google-ai-edge/model-explorer
RESULT, STOP = {"value": (int, float, str)}, {"stop": (int, float), "bgColor": (str,)}


def test_the_file_has_the_fields_of_the_format_and_no_others():
    for values in ({0: 5, 1: 7.5}, {0: "compute:matrix"}):
        for graph in json.loads(node_data("main", NODES, values)).values():
            assert set(graph) <= {"results", "gradient"}
            for kind, items in ((RESULT, graph["results"].values()), (STOP, graph.get("gradient", ()))):
                for item in items:
                    assert set(item) == set(kind)
                    assert all(isinstance(item[key], types) for key, types in kind.items())
