"""Alike groups together."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import npu_result

from onnxroof.report.kinds import slowest_kinds


def test_alike_groups_are_one_kind_with_the_time_of_all():
    one, other = npu_result(2).best.groups
    kinds = slowest_kinds([one, other, replace(one, id="g7", nodes=("again",)), replace(one, id="g9")])
    assert [kind.groups for kind in kinds] == [3, 1] if 3 * one.latency_s > other.latency_s else [1, 3]
    triple = next(kind for kind in kinds if kind.groups == 3)
    assert triple.first is one
    assert triple.latency_s == pytest.approx(3 * one.latency_s)
    assert triple.energy_j == pytest.approx(3 * one.energy_j)


def test_the_time_of_all_kinds_is_that_of_all_groups_and_falls():
    groups = npu_result(200).best.groups
    kinds = slowest_kinds(groups)
    times = [kind.latency_s for kind in kinds]
    assert times == sorted(times, reverse=True)
    assert sum(times) == pytest.approx(sum(group.latency_s for group in groups))
    assert sum(kind.groups for kind in kinds) == 200


def test_what_may_take_any_time_comes_first():
    one, other = npu_result(2).best.groups
    kinds = slowest_kinds([one, replace(other, latency_s=None)])
    assert kinds[0].latency_s is None
