"""Writes SVG (and the odd HTML) elements as text in which everything that is not markup is escaped."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

__all__ = ["Attribute", "Svg", "element", "joined", "number"]

Attribute: TypeAlias = "str | int | float | None"


class Svg(str):
    """Finished markup. Jinja does not escape it again; any other text is escaped wherever it meets markup."""

    __slots__ = ()

    def __html__(self) -> Svg:
        return self


def element(tag: str, *children: str, **attributes: Attribute) -> Svg:
    """One element.

    Args:
        tag: Its name.
        children: Markup (`Svg`) as it stands, any other text escaped.
        attributes: `class_` for class, `_` for `-`; None leaves the attribute out; floats are cut to a tenth.
    """
    words = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(number(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    content = joined(*children)
    return Svg(f"<{tag}{words}>{content}</{tag}>" if content else f"<{tag}{words}/>")


def joined(*parts: str) -> Svg:
    """Parts one after the other, those that are not markup escaped."""
    return Svg("".join(part if isinstance(part, Svg) else escape(part) for part in parts))


def number(value: str | float) -> str:
    """A coordinate to a tenth of a unit, without a trailing zero; text as it stands."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text
