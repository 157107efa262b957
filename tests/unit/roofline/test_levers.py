"""Which roof to raise: every advice is applied to the target, and the label must move, no sooner and no later."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.sample_analysis import npu_result
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.levers import Exit, energy_exit_of, exit_of, levers
from onnxroof.roofline.regimes import energy_regime
from onnxroof.roofline.result import PlanResult
from onnxroof.targets.model import Quantity, Target

# Products of 64^3 (10.7 ops/B) and 1024^3 (170.7 ops/B) and a relu, in floats.
MIXED = """g (float[64,64] x, float[1024,1024] u) => (float[64,64] z, float[1024,1024] v)
    <float[64,64] w, float[1024,1024] t> { y = MatMul(x, w) z = Relu(y) v = MatMul(u, t) }"""
JUST = 1e-6


def chip(dram: str, matrix: str = "1 TFLOP/s", *, rest: str = "", **others: str) -> Target:
    return target(
        engine("matrix", "mac", {"FLOAT": matrix}), engine("vector", "vector special", {"FLOAT": "10 GFLOP/s"}),
        level("dram", "1 GB", dram, rest=rest), level("sram", "16 MB", "1 TB/s", rest="keeps = []"), **others,
    )  # fmt: skip


def times(quantity: Quantity | None, factor: float) -> Quantity | None:
    return None if quantity is None else replace(quantity, value=quantity.value * factor)


def raised(where: Target, term: str, factor: float) -> Target:
    """The target with one of its roofs raised, or its launches shortened."""
    kind, _, name = term.partition(":")
    if kind == "launch":
        return replace(where, launch_overhead=times(where.launch_overhead, 1 / factor))
    if kind == "memory":
        wider = tuple(
            replace(
                one,
                read_bandwidth=times(one.read_bandwidth, factor),
                write_bandwidth=times(one.write_bandwidth, factor),
            )
            if one.name == name
            else one
            for one in where.levels
        )
        return replace(where, levels=wider)
    faster = tuple(
        replace(one, peaks=tuple(replace(peak, rate=times(peak.rate, factor)) for peak in one.peaks))
        if one.name == name
        else one
        for one in where.engines
    )
    return replace(where, engines=faster)


def label(plan: PlanResult) -> str:
    """The bound of most of the time, summed group by group."""
    sums: dict[str, float] = {}
    for group in plan.groups:
        sums[group.time_bound] = sums.get(group.time_bound, 0.0) + (group.latency_s or 0.0)
    return max(sums, key=lambda name: sums[name])


@pytest.mark.parametrize(
    ("where", "bound"),
    [
        (chip("10 GB/s", "0.2 TFLOP/s"), "compute:matrix"),
        (chip("1 GB/s"), "memory:dram"),
        (chip("1 GB/s", rest="overlap = false"), "memory:dram"),
        (chip("10 GB/s", "10 TFLOP/s", launch_overhead="10 ms"), "launch"),
        (chip("100 GB/s", "2 TFLOP/s", launch_overhead="1.3 ms"), "launch"),
        (chip("5 GB/s", launch_overhead="1 ms"), "memory:dram"),
    ],
)
@pytest.mark.parametrize("fusion", ["none", "epilogue"])
def test_c39_applying_the_advice_moves_the_label(where: Target, bound: str, fusion: str) -> None:
    def plan(changed: Target) -> PlanResult:
        return on_target(MIXED, changed).plan(fusion)

    assert label(plan(where)) == bound
    found = {lever.term: lever for lever in levers(plan(where).groups)}
    assert {term for term, lever in found.items() if lever.exit} == {bound}
    leave = found[bound].exit
    assert leave is not None
    assert label(plan(raised(where, bound, leave.factor * (1 - JUST)))) == bound
    assert label(plan(raised(where, bound, leave.factor * (1 + JUST)))) == leave.becomes


@pytest.mark.parametrize("rest", ["", "overlap = false"])
def test_c39_what_a_lever_saves_is_what_it_saves_when_applied(rest: str) -> None:
    where = chip("5 GB/s", rest=rest, launch_overhead="0.1 ms")
    found = levers(on_target(MIXED, where).plan("none").groups)
    assert [lever.limit_s for lever in found] == sorted(lever.limit_s for lever in found)
    for lever in found:
        for factor, expected in ((2.0, lever.twice_s), (1e15, lever.limit_s)):
            after = on_target(MIXED, raised(where, lever.term, factor)).plan("none").latency_s
            assert after == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("size", "where", "change"),
    [
        (64, chip("10 GB/s"), raised),  # memory-bound
        (1024, chip("10 GB/s"), raised),  # compute-bound
        (64, chip("10 GB/s", launch_overhead="20 us"), raised),
    ],
)
def test_c39_the_exit_of_a_group_moves_its_label(
    size: int, where: Target, change: Callable[[Target, str, float], Target]
) -> None:
    text = f"g (float[{size},{size}] x) => (float[{size},{size}] y) <float[{size},{size}] w> {{ y = MatMul(x, w) }}"

    def bound(changed: Target) -> str:
        return on_target(text, changed).plan("none").groups[0].time_bound

    (group,) = on_target(text, where).plan("none").groups
    leave = exit_of(group.time_terms_s, group.time_bound)
    assert leave is not None
    assert bound(change(where, group.time_bound, leave.factor * (1 - JUST))) == group.time_bound
    assert bound(change(where, group.time_bound, leave.factor * (1 + JUST))) == leave.becomes


def test_c39_narrower_elements_do_what_more_bandwidth_does() -> None:
    # FLOAT 64^3 at 10.7 ops/B leaves dram at a factor f; with half the bytes and an equal peak f is halved.
    both = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s", "FLOAT16": "1 TFLOP/s"})
    where = target(both, level("dram", "1 GB", "10 GB/s"), level("sram", "16 MB"))
    exits = []
    for dtype in ("float", "float16"):
        text = f"g ({dtype}[64,64] x) => ({dtype}[64,64] y) <{dtype}[64,64] w> {{ y = MatMul(x, w) }}"
        (group,) = on_target(text, where).plan("none").groups
        exits.append(exit_of(group.time_terms_s, group.time_bound))
    assert exits[0] is not None
    assert exits[1] is not None
    assert exits[0].factor == pytest.approx(2 * exits[1].factor)
    assert exits[0].factor == pytest.approx(49_152 / 10e9 / (524_288 / 1e12))


def test_exits_by_hand() -> None:
    assert exit_of({"memory:dram": 6.0, "compute:m": 2.0, "launch": 3.0}, "memory:dram") == Exit(
        factor=2.0, becomes="launch"
    )
    assert exit_of({"memory:dram": 6.0, "compute:m": 0.0}, "memory:dram") is None
    assert exit_of({"memory:dram": 6.0}, "memory:dram") is None


def test_a_plan_that_nothing_else_binds_has_no_exit() -> None:
    text = "g (float[8,64] x) => (float[64,8] y) { y = Transpose <perm = [1, 0]> (x) }"
    (lever,) = levers(
        on_target(text, target(engine("m", "mac", {"FLOAT": ""}), level("dram", "", "1 GB/s"))).best.groups
    )
    assert (lever.term, lever.exit, lever.limit_s) == ("memory:dram", None, 0.0)


def test_unknown_times_and_no_groups_have_no_levers() -> None:
    text = "g (float[8] x) => (float[8] z) { y = Relu(x) z = my.domain.Foo(y) }"
    where = target(engine("v", "vector", {"FLOAT": "1 GFLOP/s"}), level("dram", "", "1 GB/s"))
    assert levers(on_target(text, where).plan("none").groups) == ()
    assert levers([]) == ()


NAMES = ("memory:dram", "compute:matrix", "memory:sram", "launch")
duration = st.one_of(st.just(0.0), st.floats(min_value=1e-3, max_value=1e3))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(duration, duration, duration, duration), min_size=1, max_size=6), st.booleans())
def test_c39_no_smaller_change_leaves_the_regime(rows: list[tuple[float, ...]], is_serial: bool) -> None:
    # The label at every scale of a fine grid, by the rule itself: the longest term binds, hidden terms run at once.
    def bound(term: int, scale: float) -> tuple[str, float]:
        sums = dict.fromkeys(NAMES, 0.0)
        for row in rows:
            times = [time * (scale if place == term else 1.0) for place, time in enumerate(row)]
            hidden = times[1:3] if is_serial else times[:3]
            latency = max(hidden) + times[3] + (times[0] if is_serial else 0.0)
            sums[NAMES[times.index(max(times))]] += latency
        ordered = sorted(sums.values())
        return max(sums, key=lambda name: sums[name]), ordered[-1] - ordered[-2]

    groups = [
        replace(
            npu_result(1).best.groups[0],
            latency_s=1.0,
            time_terms_s=dict(zip(NAMES, row, strict=True)),
            waterfall_s={"serial:dram": 1.0} if is_serial else {},
        )
        for row in rows
    ]
    now, margin = bound(0, 1.0)
    found = {lever.term: lever for lever in levers(groups)}
    if margin < 1e-9 or now not in found:
        return
    leave = found[now].exit
    term = NAMES.index(now)
    for step in range(1, 400):
        scale = 1.02**-step
        if leave is not None and scale * leave.factor <= 1 + 1e-9:
            break
        label, lead = bound(term, scale)
        assert label == now or lead < 1e-9
    if leave is not None:
        label, lead = bound(term, (1 - 1e-9) / leave.factor)
        assert label != now or lead < 1e-6 * sum(map(sum, rows))


energy = st.one_of(st.just(0.0), st.floats(min_value=1e-3, max_value=1e3))


@settings(max_examples=300, deadline=None)
@given(energy, energy, energy, energy)
def test_c39_less_of_the_leading_energy_leaves_its_regime_no_sooner_and_no_later(
    compute: float, dram: float, sram: float, static: float
) -> None:
    terms = {"compute": compute, "memory:dram": dram, "memory:sram": sram, "static": static}
    lead, leave = energy_regime(terms), energy_exit_of(terms)
    if not lead:
        assert leave is None
        return

    def at(scale: float) -> str:
        return energy_regime({**terms, lead: terms[lead] * scale})

    if leave is None:
        assert all(at(scale) in (lead, "") for scale in (0.5, 1e-3, 1e-9))
        return
    assert leave.factor >= 1 - 1e-12
    assert all(at(1 - (1 - 1 / leave.factor) * part) == lead for part in (0.0, 0.5, 1 - 1e-6) if leave.factor > 1.001)
    after = at((1 - JUST) / leave.factor)
    assert after != lead
    ordered = sorted((dram, sram, static, compute))
    if all(b - a > 1e-3 * b for a, b in itertools.pairwise(ordered)):  # no other tie
        assert after == leave.becomes


def test_c39_cheaper_bytes_leave_the_energy_regime_when_applied() -> None:
    # 64^3: 524,288 x 0.1 pJ = 52.4 nJ of compute, 49,152 x 10 pJ = 491.5 nJ of dram, 98,304 x 0.001 pJ of sram: dram
    # must fall to 52,428.8 - 98.3 pJ = 52.33 nJ, a factor of 9.39.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    matrix = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})

    def terms(dram_pj: float) -> dict[str, float]:
        levels = level("dram", "1 GB", "10 GB/s", f"{dram_pj} pJ/B"), level("sram", "16 MB", "", "0.001 pJ/B")
        return dict(on_target(text, target(matrix, *levels)).plan("none").groups[0].energy_terms_j)

    leave = energy_exit_of(terms(10.0))
    assert leave is not None
    assert leave.factor == pytest.approx(491_520 / (52_428.8 - 98.304))
    assert leave.becomes == "compute"
    assert energy_regime(terms(10.0 / (leave.factor * (1 - JUST)))) == "memory:dram"
    assert energy_regime(terms(10.0 / (leave.factor * (1 + JUST)))) == "compute"
