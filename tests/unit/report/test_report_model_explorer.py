"""Node data of Model Explorer."""

import json

from onnxroof.report.model_explorer import node_data

NODES = [("conv", "c"), ("", "r"), ("same", "s"), ("same", "t"), ("", "")]


def test_nodes_go_by_their_name_or_their_first_output():
    data = json.loads(node_data("main", NODES, {0: 5, 1: 7.5, 2: 1, 3: 2, 4: 3}))
    assert data["main"]["results"] == {
        "conv": {"value": 5}, "r": {"value": 7.5}, "s": {"value": 1}, "t": {"value": 2},
    }  # fmt: skip
    stops = data["main"]["gradient"]
    assert (stops[0]["stop"], stops[-1]["stop"]) == (0, 1)
    assert all(set(stop) == {"stop", "bgColor"} for stop in stops)


def test_what_is_unknown_is_left_out_and_words_have_no_gradient():
    data = json.loads(node_data("g", NODES, {0: None, 1: "memory:dram"}))
    assert data == {"g": {"results": {"r": {"value": "memory:dram"}}}}
