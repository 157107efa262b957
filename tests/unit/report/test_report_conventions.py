"""The rules in words against what is counted."""

from oracles.tiny import study

from onnxroof.report.conventions import CONVENTION_TITLES, CONVENTIONS


def test_every_rule_has_a_title() -> None:
    assert set(CONVENTIONS) == set(CONVENTION_TITLES)


def test_the_least_time_says_for_what_it_holds() -> None:
    words = CONVENTIONS["latency"]
    assert "groups one after the other" in words
    assert "may beat a plan, never the floor" in words


def test_bytes_are_of_what_is_touched_not_of_whole_tensors() -> None:
    gather = study("g (int64[3] ids) => (float[3, 8] y) <float[100, 8] table> { y = Gather(table, ids) }")
    # 3 rows of 8 FLOAT and 3 ids of INT64, not the 100 rows of the table: 96 + 24
    assert gather.nodes[0].read_bytes == 120
    sliced = study(
        "g (float[100, 8] x) => (float[2, 8] y) <int64[1] start = {0}, int64[1] end = {2}, int64[1] axis = {0}> "
        "{ y = Slice(x, start, end, axis) }"
    )
    assert sliced.nodes[0].read_bytes == 64  # 2 * 8 FLOAT
    words = CONVENTIONS["bytes"]
    assert "distinct elements" in words
    assert "rows that are gathered" in words
    assert "whole" not in words
