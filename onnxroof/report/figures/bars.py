"""Small bars: one share in a table cell, and a stacked bar of parts of a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxroof.report.figures.svg import Svg, element

__all__ = ["Part", "share_bar", "small_bar", "stacked_bar", "swatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a whole: its label, its fraction of it, and the class that colours it."""

    label: str
    fraction: float
    colour: str


def share_bar(fraction: float, colour: str) -> Svg:
    """A bar as long as a fraction of its track."""
    length = 60 * min(max(fraction, 0.0), 1.0)
    track = element("rect", width=60, height=6, rx=1, class_="track")
    bar = element("rect", width=max(length, 0.6) if fraction > 0 else 0.0, height=6, rx=1, class_=colour)
    return element(
        "svg", track, bar, class_="share", viewBox="0 0 60 6", preserveAspectRatio="none", aria_hidden="true"
    )


def stacked_bar(parts: Sequence[Part], label: str, width: int = 720, height: int = 20) -> Svg:
    """Parts side by side in the order given, which together fill the bar where their fractions add up to 1."""
    start, pieces = 0.0, []
    for part in parts:
        length = width * part.fraction
        title = element("title", part.label)
        pieces.append(element("rect", title, x=start, width=max(length - 1, 0.4), height=height, class_=part.colour))
        start += length
    return element(
        "svg",
        *pieces,
        class_="stack",
        viewBox=f"0 0 {width} {height}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{label}: " + ", ".join(part.label for part in parts),
    )


def small_bar(parts: Sequence[Part], title: str, width: int = 100, height: int = 8) -> Svg:
    """A stacked bar for a cell whose text says what matters: one title for all parts, too thin ones left out."""
    start, pieces = 0.0, []
    for part in parts:
        length = width * part.fraction
        if length >= 0.5:
            pieces.append(element("rect", x=start, width=max(length - 0.5, 0.5), height=height, class_=part.colour))
        start += length
    return element(
        "svg",
        element("title", title),
        *pieces,
        class_="stack",
        viewBox=f"0 0 {width} {height}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def swatch(colour: str) -> Svg:
    """A square of a colour, for a legend."""
    return element(
        "svg",
        element("rect", width=10, height=10, rx=2, class_=colour),
        class_="swatch",
        viewBox="0 0 10 10",
        aria_hidden="true",
    )
