"""What is said of whether a model fits the memories of targets, in words and in the JSON?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnxroof.report.document import number
from onnxroof.report.numbers import percent, quantity
from onnxroof.report.words import comma_list, shown

if TYPE_CHECKING:
    from onnxroof.report.document import Document, Json
    from onnxroof.roofline.fit import Fit, Home
    from onnxroof.roofline.result import TargetResult

__all__ = [
    "VERDICTS",
    "fit_document",
    "fit_lines",
    "fit_words",
    "home_words",
    "ranked",
    "ranking_document",
    "room_words",
]

VERDICTS = ("fits", "fits in another order", "unknown", "does not fit")
"""By the number of the verdict."""

_KEYS = ("fits", "fits-in-another-order", "unknown", "too-small")
_NOUNS = {"weight": "weights", "activation": "activations"}
_MOST_NAMES = 4


def ranked(results: Sequence[TargetResult]) -> list[tuple[TargetResult, Fit]]:
    """Targets of which the question was asked: what fits with most room first, what lacks most last."""
    asked = [(result, result.fit) for result in results if result.fit is not None]
    return sorted(asked, key=lambda pair: pair[1].rank)


def fit_words(fit: Fit) -> str:
    """As in "fits with 38 % spare"; "unknown" where nothing can be said."""
    verdict = VERDICTS[fit.verdict]
    spare = fit.spare_fraction
    return f"{verdict} with {percent(spare)} spare" if spare is not None and fit.fits else verdict


def room_words(home: Home) -> str:
    """As in "activations 412 kB against 256 kB of sram"."""
    nouns = comma_list([_NOUNS[kind] for kind in home.holds])
    room = "an unknown capacity" if home.capacity_bytes is None else quantity(home.capacity_bytes, "B")
    unknown_peak = home.activation_bytes is None
    needed = f"at least {quantity(home.weight_bytes, 'B')}" if unknown_peak else quantity(home.needed_bytes, "B")
    return f"{nouns} {needed} against {room} of {shown(home.level)}"


def home_words(home: Home) -> str:
    """As in "activations 412 kB against 256 kB of sram: short by 156 kB; another order needs 300 kB"."""
    words = room_words(home)
    spare = home.spare_bytes
    if spare is not None and spare < 0:
        words += f": short by {quantity(-spare, 'B')}"
    lower = home.lower_bytes
    if lower is not None:
        words += f"; the order with the lowest peak that was found needs {quantity(lower, 'B')}"
    planned = home.plan_bytes
    if planned is not None:
        words += f"; the best plan at least {quantity(planned, 'B')} and its tiles"
    return words


def fit_lines(results: Sequence[TargetResult]) -> Iterator[str]:
    """Lines for the terminal, the best target first; those of which a capacity is unknown in one line."""
    found = ranked(results)
    if found:
        yield "does it fit (weights, and the most activations alive at once; most room first):"
    unsaid = []
    for result, fit in found:
        if all(home.capacity_bytes is None for home in fit.homes):
            unsaid.append(shown(result.target.name))
            continue
        yield f"  {shown(result.target.name)}: {fit_words(fit)} ({'; '.join(map(home_words, fit.homes))})"
    if unsaid:
        yield f"  unknown of {comma_list(unsaid, _MOST_NAMES)}: no capacity is given"


def fit_document(result: TargetResult) -> Document | None:
    """The JSON of one target; room that is not known is null."""
    fit = result.fit
    if fit is None:
        return None
    homes: list[Json] = [
        {
            "level": home.level,
            "holds": list(home.holds),
            "needed_bytes": home.needed_bytes,
            "capacity_bytes": number(home.capacity_bytes),
            "spare_bytes": number(home.spare_bytes),
            "lower_order_bytes": home.lower_bytes,
            "best_plan_bytes": home.plan_bytes,
        }
        for home in fit.homes
    ]
    return {"verdict": _KEYS[fit.verdict], "spare_fraction": number(fit.spare_fraction), "homes": homes}


def ranking_document(results: Sequence[TargetResult]) -> list[Json]:
    """Targets by how well a model fits them, the one with most room first."""
    return [result.target.id for result, _ in ranked(results)]
