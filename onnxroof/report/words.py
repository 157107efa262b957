"""How names and bounds are said: names of a hostile file made harmless to a reader, bounds as words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = [
    "alike_notes",
    "bound_words",
    "cause_label",
    "cause_words",
    "comma_list",
    "common_stem",
    "counted",
    "energy_words",
    "fusion_words",
    "number_word",
    "share_words",
    "shortened",
    "shown",
    "unbroken",
    "waterfall_words",
    "without_stem",
]

_UNIT_GAP = re.compile(r"(?<=\d) (?=(?:%|[^\W\d_]{1,3})(?:[\s.,;:)]|$))")
_MOST_OF_ALL = 0.75  # of all names must share a stem before it is left out
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_FRACTIONS = (
    (0.995, "all"),
    (0.90, "nine tenths"),
    (0.73, "three quarters"),
    (0.64, "two thirds"),
    (0.48, "half"),
    (0.32, "a third"),
    (0.24, "a quarter"),
)
_BOUNDS = {"launch": "launch overhead", "static": "static power", "compute": "compute", "": "unknown"}
_CAUSES = {
    "reload": "bytes that cross again",
    "ports": "a port of a level that idles while the other is full",
    "spatial": "an array that is not full",
    "overlap": "memory that does not work beside compute",
    "launch": "launch overhead",
    "conversion": "conversions between types",
    "power": "the power cap",
    "host": "operators that run on the host",
    "sparsity": "sparsity",
}
_CAUSE_LABELS = {
    "reload": "bytes again",
    "ports": "one port idle",
    "spatial": "array not full",
    "overlap": "no overlap",
    "launch": "launches",
    "conversion": "converts types",
    "power": "power cap",
    "host": "runs on the host",
}
_WATERFALL = {
    "ideal": "compute at full peak",
    "spatial": "array not full",
    "stall": "waiting for",
    "serial": "not overlapped:",
    "launch": "launch overhead",
}
_FUSIONS = {
    "none": "no fusion",
    "epilogue": "epilogue fusion",
    "depth-first": "depth-first fusion",
    "auto": "the least grouping found",
    "given": "the groups given",
}


def alike_notes(notes: Iterable[str]) -> list[str]:
    """Notes `NODE: words`, those of the same words as one that names the first node and counts the others."""
    nodes: dict[str, list[str]] = {}
    for note in notes:
        node, colon, words = note.partition(": ")
        nodes.setdefault(words if colon else note, []).append(node if colon else "")
    return [
        ": ".join(filter(None, (first + (f" and {len(others):,} more" if others else ""), words)))
        for words, (first, *others) in nodes.items()
    ]


def shown(name: str) -> str:
    """A name with control, direction and other invisible characters spelled out, so that it shows what it is.

    Escaping for HTML, Markdown or a terminal's markup is the business of the writer.
    """
    if name.isprintable():
        return name
    return "".join(
        char if unicodedata.category(char) not in _INVISIBLE else char.encode("unicode_escape").decode()
        for char in name
    )


def unbroken(text: str) -> str:
    """The text with its numbers tied to their units, so that no line of a page ends between them."""
    return _UNIT_GAP.sub("\u00a0", text)


def common_stem(names: Iterable[str]) -> str:
    """The start of a path that most of the names share, "" for none: `/model/encoder/` tells no two nodes apart."""
    paths = [name.split("/") for name in names]
    stem: list[str] = []
    while True:
        place = len(stem)
        nexts = Counter(path[place] for path in paths if len(path) > place + 1 and path[:place] == stem)
        name, times = nexts.most_common(1)[0] if nexts else ("", 0)
        if not times or times < _MOST_OF_ALL * len(paths):
            break
        stem.append(name)
    return "/".join([*stem, ""]) if len(paths) > 1 and any(stem) else ""


def without_stem(name: str, stem: str) -> str:
    """The name without the stem that `common_stem` found, an ellipsis in its place."""
    return f"…{name[len(stem) :]}" if stem and name.startswith(stem) and name != stem else name


def shortened(name: str, length: int) -> str:
    """A shown name of at most `length` characters; of a long one the end is kept, where the difference lies."""
    name = shown(name)
    if len(name) <= length:
        return name
    head = max((length - 1) // 3, 1)
    return f"{name[:head]}…{name[len(name) - (length - 1 - head) :]}"


def bound_words(bound: str) -> str:
    """`memory:dram` as "dram bandwidth", `compute:matrix` as "matrix compute"; "" is "unknown"."""
    kind, _, name = bound.partition(":")
    if not name:
        return _BOUNDS.get(bound, bound)
    return f"{shown(name)} {'bandwidth' if kind == 'memory' else kind}"


def energy_words(bound: str) -> str:
    """A contribution to energy as words: `memory:dram` as "dram access", the others as `bound_words`."""
    kind, _, name = bound.partition(":")
    return f"{shown(name)} access" if kind == "memory" and name else bound_words(bound)


def cause_words(cause: str) -> str:
    """Why something lies below its roof."""
    return _CAUSES.get(cause, cause)


def cause_label(cause: str) -> str:
    """The same for a table, where there is little room."""
    return _CAUSE_LABELS.get(cause, cause)


def waterfall_words(part: str) -> str:
    """A part of a latency: `stall:dram` as "waiting for dram"."""
    kind, _, name = part.partition(":")
    words = _WATERFALL.get(kind, kind)
    is_engine = name.startswith("compute:")
    return f"{words} {shown(name.removeprefix('compute:'))}{' engine' if is_engine else ''}" if name else words


def fusion_words(fusion: str) -> str:
    """A fusion policy as words."""
    return _FUSIONS.get(fusion, fusion)


def share_words(fraction: float) -> str:
    """A share as words where it is close to a simple one, else as "12 %"."""
    for least, words in _FRACTIONS:
        if fraction >= least and (fraction < least + 0.04 or least > 0.99):
            return f"{'about ' if least < 0.99 else ''}{words}"
    return f"{fraction * 100:.0f} %"


def number_word(value: int) -> str:
    """Numbers up to twelve as words."""
    return _NUMBERS[value] if value < len(_NUMBERS) else str(value)


def counted(value: int, noun: str) -> str:
    """A number with its noun: "1 node", "3 nodes"."""
    return f"{value} {noun}" if value == 1 else f"{value} {noun}s"


def comma_list(items: Iterable[str], most: int = 0, conjunction: str = "and") -> str:
    """Items joined as "a, b and c"; after `most` items (0: all) the number of the others."""
    parts: Sequence[str] = list(items)
    if most and len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}"
