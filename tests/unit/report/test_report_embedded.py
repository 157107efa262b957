"""What travels inside a page."""

from dataclasses import replace

from oracles.sample_analysis import analysis, npu_result

from onnxroof.report.embedded import MOST_KINDS, page_data


def with_groups(groups):
    whole = analysis(2, with_failure=False)
    result = npu_result(2)
    plans = tuple(replace(plan, groups=groups) for plan in result.plans)
    return replace(whole, models=(replace(whole.models[0], targets=(replace(result, plans=plans),)),))


def test_one_group_stands_for_all_that_are_alike():
    one, other = npu_result(2).best.groups
    data = page_data(with_groups((one, replace(one, id="g8"), replace(one, id="g9"), other)))
    unfused, best = data["models"][0]["targets"][0]["plans"]
    assert "groups" not in unfused
    assert unfused["groups_total"] == best["groups_total"] == 4
    assert sorted(group["alike"] for group in best["groups"]) == [1, 3]
    assert {group["id"] for group in best["groups"]} == {one.id, other.id}


def test_the_slowest_are_kept():
    one = npu_result(1).best.groups[0]
    groups = tuple(replace(one, id=f"g{i}", ops=i + 1, latency_s=float(i + 1)) for i in range(MOST_KINDS + 5))
    kept = page_data(with_groups(groups))["models"][0]["targets"][0]["plans"][1]["groups"]
    assert len(kept) == MOST_KINDS
    assert kept[0]["latency_s"] == MOST_KINDS + 5
    assert kept[-1]["latency_s"] == 6


def test_neither_nodes_nor_decisions_travel():
    model = page_data(analysis(3))["models"][0]
    assert "nodes" not in model
    assert all("decisions" not in plan for target in model["targets"] for plan in target["plans"])
