"""Where the time and the energy of a plan go: by bound, by contribution, by operator type, by busy resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxroof.report.figures.bars import Part, share_bar, small_bar, stacked_bar, swatch
from onnxroof.report.figures.svg import Svg
from onnxroof.report.kinds import Kind
from onnxroof.report.numbers import intensity, percent, quantity
from onnxroof.report.plans import fractions, time_by_bound
from onnxroof.report.view import NO_FIGURE, Figure, LegendItem
from onnxroof.report.words import bound_words, energy_words, shortened, shown
from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult

__all__ = ["colour_of", "energy_bar", "share_figures"]

_MOST_TYPES = 6
_MOST_KINDS = 8


def colour_of(bound: str, result: TargetResult) -> str:
    """The class that colours a bound on every figure of a target: levels `s0`.., engines `k0`.."""
    kind, _, name = bound.partition(":")
    levels = [level.name for level in result.levels]
    if kind == "memory" and name in levels:
        return f"s{levels.index(name) % 6}"
    if kind == "compute":
        engines = [engine.name for engine in result.target.engines]
        return f"k{engines.index(name) % 3}" if name in engines else "k0"
    return bound if bound in ("launch", "static") else "nothing"


def energy_bar(group: GroupResult, result: TargetResult) -> Svg:
    """The contributions to a group's energy as one stacked bar; "" where its energy is unknown."""
    parts = [
        Part(label=f"{energy_words(term)} {percent(part)}", fraction=part, colour=colour_of(term, result))
        for term, part in fractions(group.energy_terms_j.items()).items()
    ]
    return small_bar(parts, ", ".join(part.label for part in parts)) if parts else NO_FIGURE


def share_figures(result: TargetResult, kinds: Sequence[Kind]) -> tuple[Figure, ...]:
    """The figures that can be drawn of the best plan, whose groups `kinds` are.

    One that an unknown term forbids is left out, its absence is said by the page.
    """
    plan = result.best
    figures = [
        _stacked("Time, by what binds each group", time_by_bound(plan), plan.latency_s, "s", result),
        _stacked("Energy, by where it is spent", _energy_terms(plan), plan.energy_j, "J", result),
        _by_type(plan),
        _busy(plan, result),
        _energy_per_op(kinds, result),
    ]
    return tuple(figure for figure in figures if figure is not None)


def _stacked(
    title: str, parts: Mapping[str, float], total: float | None, unit: str, result: TargetResult
) -> Figure | None:
    if not parts or total is None:
        return None
    words = energy_words if unit == "J" else bound_words
    labelled = [(words(bound), fraction, colour_of(bound, result)) for bound, fraction in parts.items()]
    return _figure(title, labelled, total, unit)


def _by_type(plan: PlanResult) -> Figure | None:
    parts = fractions(("+".join(dict.fromkeys(group.op_types)), group.latency_s) for group in plan.groups)
    if not parts or plan.latency_s is None:
        return None
    named = list(parts.items())
    labelled = [(shown(name), part, f"c{i}") for i, (name, part) in enumerate(named[:_MOST_TYPES])]
    rest = sum(part for _, part in named[_MOST_TYPES:])
    if rest:
        labelled.append((f"{len(named) - _MOST_TYPES} other kinds", rest, "nothing"))
    return _figure("Time, by the operators of a group", labelled, plan.latency_s, "s")


def _busy(plan: PlanResult, result: TargetResult) -> Figure | None:
    """For each engine and level: the time in which it must work, as a part of the plan's."""
    if not plan.latency_s:
        return None
    times: dict[str, float] = {}
    for group in plan.groups:
        for term, seconds in group.time_terms_s.items():
            times[term] = times.get(term, 0.0) + seconds
    if not times:
        return None
    legend = tuple(
        LegendItem(
            swatch=share_bar(seconds / plan.latency_s, colour_of(term, result)),
            label=bound_words(term),
            value=percent(seconds / plan.latency_s),
            note=quantity(seconds, "s"),
        )
        for term, seconds in sorted(times.items(), key=lambda item: -item[1])
    )
    note = "Engines and levels that work at the same time overlap, so these do not add up to 100 %."
    return Figure(title="How busy each engine and level is", svg=NO_FIGURE, legend=legend, note=note)


def _energy_per_op(kinds: Sequence[Kind], result: TargetResult) -> Figure | None:
    """The kinds of groups that take most energy, by rising intensity: what an operation of each costs, and for what."""
    spending = [kind for kind in kinds if kind.energy_j and kind.first.ops]
    if not spending or not result.levels:
        return None
    outer = result.levels[0].name
    spending.sort(key=lambda kind: -(kind.energy_j or 0.0))
    chosen = sorted(spending[:_MOST_KINDS], key=lambda kind: kind.first.intensity_ops_per_byte.get(outer) or 0.0)
    legend = tuple(
        LegendItem(
            swatch=energy_bar(kind.first, result),
            label=shortened(" + ".join(kind.first.op_types[:5]), 44),
            value=quantity((kind.first.energy_j or 0.0) / (kind.first.ops or 1), "J/OP"),
            note=f"{intensity(kind.first.intensity_ops_per_byte.get(outer))} ops/B",
        )
        for kind in chosen
    )
    note = f"The kinds of groups that take most energy, by rising intensity at {shown(outer)}; colours as above."
    return Figure(title="Energy of an operation, by contribution", svg=NO_FIGURE, legend=legend, note=note)


def _figure(title: str, labelled: list[tuple[str, float, str]], total: float, unit: str) -> Figure:
    parts = [Part(label=f"{words} {percent(part)}", fraction=part, colour=colour) for words, part, colour in labelled]
    legend = tuple(
        LegendItem(swatch=swatch(colour), label=words, value=percent(part), note=quantity(part * total, unit))
        for words, part, colour in labelled
    )
    return Figure(title=title, svg=stacked_bar(parts, title), legend=legend)


def _energy_terms(plan: PlanResult) -> dict[str, float]:
    if plan.energy_j is None:
        return {}
    return fractions(term for group in plan.groups for term in group.energy_terms_j.items())
