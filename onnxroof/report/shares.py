"""Where the time and the energy of a plan go: by bound, by contribution, by operator type, by busy resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onnxroof.report.figures.bars import Part, share_bar, stacked_bar, swatch
from onnxroof.report.figures.svg import Svg
from onnxroof.report.numbers import percent, quantity
from onnxroof.report.view import Figure, LegendItem
from onnxroof.report.words import bound_words, shown
from onnxroof.roofline.result import PlanResult, TargetResult

__all__ = ["colour_of", "share_figures", "time_by_bound"]

_MOST_TYPES = 6


def time_by_bound(plan: PlanResult) -> dict[str, float]:
    """Fraction of the plan's time in groups of each bound, largest first; {} where a group's time is unknown."""
    return _fractions((group.time_bound, group.latency_s) for group in plan.groups)


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


def share_figures(plan: PlanResult, result: TargetResult) -> tuple[Figure, ...]:
    """The figures that can be drawn; one that an unknown term forbids is left out, its absence is said by the page."""
    figures = [
        _stacked("Time, by what binds each group", time_by_bound(plan), plan.latency_s, "s", result),
        _stacked("Energy, by where it is spent", _energy_terms(plan), plan.energy_j, "J", result),
        _by_type(plan),
        _busy(plan, result),
    ]
    return tuple(figure for figure in figures if figure is not None)


def _stacked(
    title: str, fractions: Mapping[str, float], total: float | None, unit: str, result: TargetResult
) -> Figure | None:
    if not fractions or total is None:
        return None
    labelled = [(bound_words(bound), fraction, colour_of(bound, result)) for bound, fraction in fractions.items()]
    if unit == "J":
        labelled = [(words.replace(" bandwidth", " access"), fraction, colour) for words, fraction, colour in labelled]
    return _figure(title, labelled, total, unit)


def _by_type(plan: PlanResult) -> Figure | None:
    fractions = _fractions(("+".join(dict.fromkeys(group.op_types)), group.latency_s) for group in plan.groups)
    if not fractions or plan.latency_s is None:
        return None
    named = list(fractions.items())
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
    return Figure(title="How busy each engine and level is", svg=Svg(""), legend=legend, note=note)


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
    return _fractions(term for group in plan.groups for term in group.energy_terms_j.items())


def _fractions(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Sums by name over the whole, largest first; {} where one is unknown or there is nothing."""
    sums: dict[str, float] = {}
    for name, value in values:
        if value is None:
            return {}
        sums[name] = sums.get(name, 0.0) + value
    total = sum(sums.values())
    if not total:
        return {}
    return {name: value / total for name, value in sorted(sums.items(), key=lambda item: -item[1]) if value}
