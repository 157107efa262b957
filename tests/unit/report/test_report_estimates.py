"""How the part of a figure that rests on estimates is said."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import explained, npu_result

from onnxroof.report.estimates import estimated_words, marked, rests_words, share


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0.5, 2.0, 0.25), (0.0, 2.0, 0.0), (2.1, 2.0, 1.0), (None, 2.0, None), (1.0, None, None), (0.0, 0.0, None)],
)
def test_a_share_is_of_something_known_and_at_most_all(part, whole, expected):
    assert share(part, whole) == expected


def test_a_mark_stands_before_what_rests_on_estimates_alone():
    assert marked(2e-3, "s", 1e-3) == "~2 ms"
    assert marked(2e-3, "s", 0.0) == marked(2e-3, "s", None) == "2 ms"
    assert marked(None, "s", None) == "unknown"


def test_words_are_there_only_if_something_rests():
    assert estimated_words(4.0, 1.52) == "38 % on estimates"
    assert estimated_words(4.0, 0.0) == estimated_words(None, None) == ""


def test_time_and_energy_are_said_together():
    npu = npu_result(3)
    plan = explained(replace(npu.best, latency_s=4.0, energy_j=2.0), latency_estimated_s=1.0, energy_estimated_j=1.0)
    both = replace(npu, plans=(plan,))
    assert rests_words(both) == "25 % of its least time and 50 % of its energy rest on estimates"
    time = replace(npu, plans=(explained(plan, energy_estimated_j=0.0),))
    assert rests_words(time) == "25 % of its least time rests on estimates"
    assert rests_words(npu) == ""
