"""What the terminal shows of targets: all of them side by side, the slowest groups of one, and what is uncertain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxroof.report.conventions import LEAST_TIME
from onnxroof.report.estimates import MARK_WORDS, marked, rests_words
from onnxroof.report.kinds import Kind, slowest_kinds
from onnxroof.report.numbers import intensity, percent, quantity
from onnxroof.report.plans import efficiency_words, peak_share, stem_of, time_by_bound
from onnxroof.report.terminal import Content, Heading, Name
from onnxroof.report.words import bound_words, fusion_words, shortened, shown, without_stem
from onnxroof.roofline.result import TargetResult

__all__ = ["LEGEND", "expected_lines", "groups_table", "targets_table", "uncertain_lines"]

LEGEND = f"least time = {LEAST_TIME}; floor = what no plan can beat; {MARK_WORDS}"

_TOP_GROUPS = 10
_MOST_TYPES = 3


def targets_table(
    results: Sequence[TargetResult], *, is_wide: bool
) -> tuple[tuple[Heading, ...], list[tuple[Content, ...]]]:
    """One target a row; a narrow terminal goes without the name of the plan."""
    headings = (
        Heading(label="target", least=13),
        *(Heading(label=label, is_number=True) for label in ("floor", "least time", "energy")),
        *([Heading(label="plan")] if is_wide else []),
        Heading(label="what binds", least=12),
        Heading(label="of peak", is_number=True, least=6),
        Heading(label="fits"),
    )
    rows: list[tuple[Content, ...]] = []
    for result in results:
        plan = result.best
        binding = next((f"{bound_words(bound)} {percent(part)}" for bound, part in time_by_bound(plan).items()), "")
        rows.append(
            (
                shown(result.target.name),
                marked(result.floor_latency_s, "s", result.floor_latency_estimated_s),
                marked(plan.latency_s, "s", plan.latency_estimated_s),
                marked(plan.energy_j, "J", plan.energy_estimated_j),
                *([shown(plan.fusion)] if is_wide else []),
                binding or "unknown",
                percent(peak_share(result)),
                {True: "yes", False: "no", None: "unknown"}[result.fits],
            )
        )
    return headings, rows


def groups_table(result: TargetResult, *, is_wide: bool) -> tuple[str, tuple[Heading, ...], list[tuple[Content, ...]]]:
    """Title, columns and rows: alike groups in one row with the time of all; a narrow terminal has no intensity."""
    outer = result.levels[0].name if result.levels else ""
    plan = result.best
    title = f"slowest groups on {shown(result.target.name)}, {fusion_words(plan.fusion)}, alike ones together"
    headings = (
        Heading(label="group", least=16),
        Heading(label="operators", least=10),
        *(Heading(label=label, is_number=True) for label in ("least time", "share")),
        Heading(label="bound by", least=9),
        *([Heading(label=f"ops/byte at {shortened(outer, 12)}", is_number=True, least=8)] if is_wide else []),
        Heading(label="energy", is_number=True),
    )
    kinds = slowest_kinds(plan.groups)
    stem = stem_of(plan)
    rows = [_kind_row(kind, stem, plan.latency_s, outer, is_wide=is_wide) for kind in kinds[:_TOP_GROUPS]]
    return title, headings, rows


def expected_lines(results: Sequence[TargetResult]) -> Iterator[str]:
    """What the best plan is expected to take where a target carries measured efficiencies."""
    known = [(result, time_s) for result in results if (time_s := result.best.expected_latency_s) is not None]
    if known:
        yield "expected time of the best plan, with efficiencies that were measured (no bound):"
    for result, time_s in known:
        yield f"  {shown(result.target.name)}: {quantity(time_s, 's')} with {efficiency_words(result)}"


def uncertain_lines(results: Sequence[TargetResult]) -> Iterator[str]:
    """How many numbers of each target are unknown or estimates."""
    unsure = [result for result in results if result.unknown or result.estimated]
    if unsure:
        yield "numbers that are unknown or estimates (the report and the JSON name them):"
    for result in unsure:
        rests = f"; {words}" if (words := rests_words(result)) else ""
        yield f"  {shown(result.target.name)}: {len(result.unknown)} unknown, {len(result.estimated)} estimated{rests}"


def _kind_row(kind: Kind, stem: str, total_s: float | None, outer: str, *, is_wide: bool) -> tuple[Content, ...]:
    group = kind.first
    share = kind.latency_s / total_s if total_s and kind.latency_s is not None else None
    more = f" (+{len(group.nodes) - 1})" if len(group.nodes) > 1 else ""
    alike = f" × {kind.groups}" if kind.groups > 1 else ""
    types = " + ".join(map(shown, group.op_types[:_MOST_TYPES]))
    return (
        Name(without_stem(group.nodes[0], stem) if group.nodes else group.id, more + alike),
        types + (" + …" if len(group.op_types) > _MOST_TYPES else ""),
        quantity(kind.latency_s, "s"),
        percent(share),
        bound_words(group.time_bound),
        *([intensity(group.intensity_ops_per_byte.get(outer))] if is_wide else []),
        quantity(kind.energy_j, "J"),
    )
