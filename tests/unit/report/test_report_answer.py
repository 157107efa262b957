"""The answer in words."""

from dataclasses import replace

from oracles.sample_analysis import board_result, model, npu_result

from onnxroof.report.answer import answer, metric, slowest_cluster, winner
from onnxroof.roofline.result import TargetResult


def with_targets(*results: TargetResult, **changes: object):
    return replace(model(), targets=results, **changes)


def timed(
    result: TargetResult, latency_s: float | None, energy_j: float | None, fits: bool | None = True
) -> TargetResult:
    """The target with a best plan of that latency and energy."""
    plan = replace(result.best, latency_s=latency_s, energy_j=energy_j, fusion="none", assumed_precision=None)
    return replace(result, plans=(plan,), best_plan="none", fits=fits)


def test_the_first_sentence_gives_the_floor_and_the_least_time():
    first = answer(with_targets(npu_result(30)), "latency")[0]
    result = npu_result(30)
    assert result.floor_latency_s is not None
    floor, least = result.floor_latency_s * 1e6, (result.best.latency_s or 0) * 1e6
    assert first == (
        f"On Example NPU, 16 GB, vision<b>.onnx cannot run faster than {floor:.0f} µs (the floor); the least time of "
        f"its best plan, epilogue fusion, is {least:.0f} µs."
    )


def test_an_assumed_precision_is_in_the_first_sentence():
    assert answer(model(), "latency")[0].startswith("As if converted to FLOAT on Board <b>bold</b> & co")
    assert "converted" not in answer(with_targets(npu_result(3)), "latency")[0]


def test_an_assumed_precision_is_said_even_where_no_time_is_known():
    unknown = replace(board_result(2), fits=None)
    plan = replace(unknown.best, latency_s=None)
    first = answer(with_targets(replace(unknown, plans=(plan,))), "latency")[0]
    assert "converted to FLOAT" in first
    assert "No bound on the time" in first


def test_least_energy_and_misfits_are_named():
    sentences = answer(model(), "latency")
    assert any(sentence.startswith("The least energy for one run is there too, ") for sentence in sentences)
    assert "Weights and activations do not fit the memory of Board <b>bold</b> & co." in sentences


def test_unknown_nodes_are_counted_last():
    assert answer(model(), "latency")[-1] == "The cost of 1 of 30 nodes is unknown and is not in these figures."
    assert not any("unknown and" in s for s in answer(with_targets(npu_result(3), nodes_costed=30), "latency"))


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
    cluster = slowest_cluster(plan)
    assert cluster is not None
    assert times[cluster.op_type, cluster.bound] == max(times.values())
    assert cluster.groups == sum((g.op_types[0], g.time_bound) == (cluster.op_type, cluster.bound) for g in plan.groups)
    assert slowest_cluster(replace(plan, groups=())) is None


def test_count_speaks_of_work_and_weights():
    first = answer(replace(model(), targets=(), totals=replace(model().totals, macs=4_089_184_256)), "latency")[0]
    assert first == "One run of vision<b>.onnx takes 4.09 GMAC and has 25.6 M parameters (25.6 MB)."


def test_many_converted_targets_are_counted_first_and_named_later():
    boards = [replace(board_result(3), target=replace(board_result(3).target, name=f"B{i}")) for i in range(3)]
    sentences = answer(with_targets(npu_result(3), *boards), "latency")
    assert sentences[0].startswith("As if converted to FLOAT on three targets, ")
    assert "Converted to: FLOAT on B0, B1 and B2." in sentences


def test_unknown_numbers_of_the_winner_are_said():
    board = replace(board_result(3), fits=True)
    assert "4 numbers of Board <b>bold</b> & co are unknown and take no time in these bounds." in answer(
        with_targets(board), "latency"
    )
