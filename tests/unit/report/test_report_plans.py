"""Figures of a plan that every view shows."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import board_result, npu_result

from onnxroof.report.plans import fits_words, fractions, is_rankable, peak_share, stem_of, time_by_bound


def test_the_parts_of_the_time_add_up_and_fall():
    parts = time_by_bound(npu_result(30).best)
    assert sum(parts.values()) == pytest.approx(1)
    assert list(parts.values()) == sorted(parts.values(), reverse=True)
    assert set(parts) == {"compute:matrix", "memory:dram"}


def test_an_unknown_time_leaves_no_parts():
    plan = npu_result(3).best
    unknown = replace(plan.groups[0], latency_s=None)
    assert time_by_bound(replace(plan, groups=(unknown, *plan.groups[1:]))) == {}


def test_fractions_of_nothing_are_none():
    assert fractions([]) == {}
    assert fractions([("a", 0.0)]) == {}
    assert fractions([("a", 1.0), ("b", 2.0), ("a", 1.0)]) == {"a": 0.5, "b": 0.5}
    assert fractions([("a", 1.0), ("b", None)]) == {}


def test_the_share_of_the_peak_counts_the_macs_alone():
    result = npu_result(1)
    group = replace(result.best.groups[0], macs=250, vector_ops=10**9)
    plan = replace(result.best, groups=(group,), latency_s=2.0, ops_per_s=1e9)
    # 500 ops in 2 s against 1000 ops/s, whatever the vector engine does meanwhile
    assert peak_share(replace(result, plans=(plan,), peak_ops_per_s=1000.0)) == pytest.approx(0.25)


def test_a_model_without_macs_is_held_against_the_vector_peak():
    result = npu_result(1)
    plan = replace(result.best, groups=(replace(result.best.groups[0], macs=0),), ops_per_s=100.0, latency_s=2.0)
    assert peak_share(replace(result, plans=(plan,), peak_ops_per_s=1000.0)) == pytest.approx(0.1)


def test_without_a_peak_there_is_no_share():
    assert peak_share(board_result(3)) is None
    result = npu_result(1)
    assert peak_share(replace(result, plans=(replace(result.best, ops_per_s=None),))) is None


def test_a_target_is_ranked_where_peak_and_outer_bandwidth_are_known():
    result = npu_result(1)
    assert is_rankable(result)
    assert not is_rankable(replace(result, peak_ops_per_s=None))
    assert not is_rankable(replace(result, levels=()))
    outer = replace(result.levels[0], bandwidth_bytes_per_s=None)
    assert not is_rankable(replace(result, levels=(outer, *result.levels[1:])))
    inner = replace(result.levels[1], bandwidth_bytes_per_s=None)
    assert is_rankable(replace(result, levels=(result.levels[0], inner)))


def test_the_stem_is_that_of_most_groups():
    plan = npu_result(4).best
    groups = tuple(replace(group, nodes=(f"/m/layer.{i}/x",)) for i, group in enumerate(plan.groups))
    assert stem_of(replace(plan, groups=groups)) == "/m/"
    assert stem_of(plan) == ""


def test_fitting_is_three_valued():
    result = npu_result(1)
    assert [fits_words(replace(result, fits=fits)) for fits in (True, False, None)] == [
        "fits",
        "does not fit",
        "unknown",
    ]
