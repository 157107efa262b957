"""The answer in words."""

from dataclasses import replace

from oracles.sample_analysis import board_result, explained, model, npu_result

from onnxroof.report.answer import answer, metric, slowest_cluster, winner
from onnxroof.roofline.result import TargetResult


def said(answered) -> str:
    """All sentences in a row."""
    return " ".join(answered.sentences)


def with_targets(*results: TargetResult, **changes: object):
    return replace(model(), targets=results, **changes)


def timed(
    result: TargetResult, latency_s: float | None, energy_j: float | None, fits: bool | None = True
) -> TargetResult:
    """The target with a best plan of that latency and energy."""
    plan = replace(result.best, latency_s=latency_s, energy_j=energy_j, fusion="none", assumed_precision=None)
    return replace(result, plans=(plan,), best_plan="none", fits=fits)


def test_the_first_sentence_gives_the_floor_and_the_least_time():
    first = answer(with_targets(npu_result(30)), "latency").sentences[0]
    result = npu_result(30)
    assert result.floor_latency_s is not None
    floor, least = result.floor_latency_s * 1e6, (result.best.latency_s or 0) * 1e6
    assert first == (
        f"vision<b>.onnx takes at least {least:.0f} µs with epilogue fusion on Example NPU, 16 GB; "
        f"no plan can beat {floor:.0f} µs (the floor)."
    )


def test_an_assumed_precision_is_in_the_first_sentence():
    both = answer(model(), "latency")
    assert both.sentences[0].startswith("Taken as FLOAT where a target lacks the model’s types, vision<b>.onnx ")
    assert "Taken as FLOAT on Board <b>bold</b> & co." in both.caveats
    assert answer(with_targets(npu_result(3)), "latency").assumption == ""


def test_the_only_target_says_why_it_is_taken_as_another_type():
    assert answer(with_targets(board_result(3)), "latency").assumption == (
        "Taken as FLOAT for want of the model’s own types, "
    )


def test_an_assumed_precision_is_said_even_where_no_time_is_known():
    unknown = replace(board_result(2), fits=None)
    plan = replace(unknown.best, latency_s=None)
    first = answer(with_targets(replace(unknown, plans=(plan,)), nodes_costed=30), "latency").sentences[0]
    assert first == (
        "Taken as FLOAT for want of the model’s own types, no bound on the time of vision<b>.onnx can be given: "
        "no target knows the rates and bandwidths that it takes."
    )


def test_unknown_operators_are_why_there_is_no_time():
    unknown = replace(npu_result(2), plans=(replace(npu_result(2).best, latency_s=None),))
    answered = answer(with_targets(unknown), "latency")
    assert answered.headline.startswith(
        "No bound on the time of vision<b>.onnx can be given: the cost of 1 of 30 nodes"
    )
    # what is known of it still has a floor
    assert answered.findings[0].startswith("The lowest floor is ")


def test_least_energy_and_misfits_are_named():
    answered = answer(model(), "latency")
    assert any(
        finding.startswith("With the best plans, the least known energy of a run is there too: ")
        for finding in answered.findings
    )
    assert "Weights and activations do not fit the memory of Board <b>bold</b> & co." in answered.caveats
    assert " fits Example NPU, 16 GB alone and takes at least " in answered.headline


def test_unknown_nodes_are_counted_last():
    assert (
        answer(model(), "latency").sentences[-1] == "The cost of 1 of 30 nodes is unknown and is not in these figures."
    )
    assert "unknown and" not in said(answer(with_targets(npu_result(3), nodes_costed=30), "latency"))


def test_the_winner_is_least_in_the_objective_among_those_that_fit():
    quick, frugal = timed(npu_result(3), 1.0, 9.0), timed(npu_result(3), 2.0, 1.0)
    tiny = timed(npu_result(3), 0.1, 0.1, fits=False)
    assert winner([frugal, quick, tiny], "latency") is quick
    assert winner([frugal, quick, tiny], "energy") is frugal
    assert winner([frugal, quick, tiny], "edp") is frugal  # 2 x 1 against 1 x 9
    assert winner([tiny], "latency") is tiny


def test_where_the_objective_is_unknown_latency_decides():
    quick, slow = timed(npu_result(3), 1.0, None), timed(npu_result(3), 2.0, None)
    assert winner([slow, quick], "energy") is quick
    assert winner([timed(npu_result(3), None, None)], "energy") is None
    assert metric(timed(npu_result(3), None, 3.0), "edp") is None


def test_the_slowest_cluster_joins_type_and_bound():
    plan = npu_result(30).best
    times: dict[tuple[str, str], float] = {}
    for group in plan.groups:
        key = (group.op_types[0], group.time_bound)
        times[key] = times.get(key, 0.0) + (group.latency_s or 0.0)
    cluster = slowest_cluster(plan, {})
    assert cluster is not None
    assert times[cluster.op_type, cluster.bound] == max(times.values())
    assert cluster.groups == sum((g.op_types[0], g.time_bound) == (cluster.op_type, cluster.bound) for g in plan.groups)
    assert slowest_cluster(replace(plan, groups=()), {}) is None


def test_a_group_is_called_by_the_operator_with_most_macs():
    plan = npu_result(30).best
    group = replace(plan.groups[0], nodes=("join", "wide", "narrow"), op_types=("Concat", "Conv", "Gemm"))
    alone = replace(plan, groups=(group,))
    cluster = slowest_cluster(alone, {"join": 0, "wide": 90, "narrow": 10})
    assert cluster is not None
    assert cluster.op_type == "Conv"
    unweighed = slowest_cluster(alone, {})
    assert unweighed is not None
    assert unweighed.op_type == "Concat"


def test_count_speaks_of_work_and_weights():
    counted = replace(model(), targets=(), totals=replace(model().totals, macs=4_089_184_256))
    assert (
        answer(counted, "latency").sentences[0]
        == "One run of vision<b>.onnx takes 4.09 GMAC and has 25.6 M parameters (25.6 MB)."
    )


def test_several_types_are_named_first_and_their_targets_later():
    boards = [replace(board_result(3), target=replace(board_result(3).target, name=f"B{i}")) for i in range(3)]
    answered = answer(with_targets(npu_result(3), *boards), "latency")
    assert answered.sentences[0].startswith("Taken as FLOAT where a target lacks the model’s types, ")
    assert "Taken as FLOAT on B0, B1 and B2." in answered.caveats


def test_unknown_numbers_of_the_winner_are_said():
    board = replace(board_result(3), fits=True)
    assert "4 numbers of Board <b>bold</b> & co are unknown and take no time in these bounds." in said(
        answer(with_targets(board), "latency")
    )


def test_a_target_of_unknown_bandwidth_does_not_win():
    quick, known = timed(npu_result(3), 1.0, 1.0), timed(npu_result(3), 2.0, 2.0)
    blind = replace(quick, levels=(replace(quick.levels[0], bandwidth_bytes_per_s=None), *quick.levels[1:]))
    blind = replace(blind, target=replace(blind.target, name="Blind"))
    assert winner([blind, known], "latency") is known
    assert winner([blind], "latency") is blind
    caveats = answer(with_targets(blind, known), "latency").caveats
    assert "Blind is not ranked: its peak or the bandwidth of its memory is unknown." in caveats


def test_the_objective_decides_what_is_said_first():
    quick, frugal = timed(npu_result(3), 1.0, 9.0), timed(npu_result(3), 2.0, 1.0)
    pair = with_targets(quick, frugal)
    assert " is fastest on Example NPU, 16 GB: at least 1 s without fusion; " in answer(pair, "latency").headline
    assert " takes least energy on Example NPU, 16 GB: 1 J and at least 2 s " in answer(pair, "energy").headline
    assert " takes least energy × time on " in answer(pair, "edp").headline


def test_a_lower_floor_elsewhere_is_said():
    quick = replace(timed(npu_result(3), 1.0, 9.0), floor_latency_s=0.5)
    low = replace(timed(npu_result(3), 2.0, 1.0), floor_latency_s=0.1)
    assert "The lowest floor is 100 ms, on Example NPU, 16 GB." in answer(with_targets(quick, low), "latency").findings
    assert "lowest floor" not in said(answer(with_targets(quick, low), "energy"))


def test_a_precision_that_was_asked_for_begins_the_first_sentence():
    recast = replace(model(), precision="w4a16")
    both = answer(recast, "latency").sentences[0]
    assert both.startswith("Read as if exported in w4a16 and taken as FLOAT where a target lacks the model’s types, ")
    alone = answer(replace(recast, targets=(npu_result(3),)), "latency").sentences[0]
    assert alone.startswith("Read as if exported in w4a16, vision<b>.onnx takes at least ")
    counted = replace(recast, targets=(), totals=replace(recast.totals, macs=4_089_184_256))
    assert (
        answer(counted, "latency")
        .sentences[0]
        .startswith("Read as if exported in w4a16, one run of vision<b>.onnx takes 4.09 GMAC ")
    )


def test_what_rests_on_estimates_is_said_of_the_winner():
    npu = timed(npu_result(3), 4.0, 1.0)
    plan = explained(npu.best, latency_estimated_s=1.52, energy_estimated_j=0.0)
    # 1.52 s of 4 s are 38 %.
    assert "Of Example NPU, 16 GB, 38 % of its least time rests on estimates." in said(
        answer(with_targets(replace(npu, plans=(plan,))), "latency")
    )
    assert "estimates" not in said(answer(with_targets(npu), "latency"))
