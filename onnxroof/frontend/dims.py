"""Values for named dimensions: what the user gave, what the model implies, and printed defaults.

A dimension that has no name of its own (-1, "?", empty) is called `INPUT.AXIS` and is never taken to equal another.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnxroof.frontend.expressions import evaluate_dim, names_of

__all__ = ["DEFAULTS", "Bound", "DimClass", "InputDims", "Settled", "bind_dims", "is_placeholder"]

_PLACEHOLDERS = frozenset({"", "?", "None", "none", "null", "-1"})
_UNNAMED = re.compile(r"(unk__|unknown|dyn|dim)_*\d+")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
# Names that say nothing of their meaning: torch's s70, u3 and x_dynamic_axes_1; tf2onnx's unk__12; generated Dim_0.
_MUTE = re.compile(
    r"(s|u|unk__|unknown_*|dim_*|d|p2o\.DynamicDimension\.|DynamicDimension\.?|.*_dynamic_axes_)\d+", re.IGNORECASE
)


class DimClass(enum.Enum):
    """The classes of dimensions that have a default."""

    BATCH = "batch"
    SEQUENCE = "sequence"
    PAST = "past"
    IMAGE = "image"


DEFAULTS: Mapping[DimClass, int] = {
    DimClass.BATCH: 1,
    DimClass.SEQUENCE: 128,
    DimClass.PAST: 0,
    DimClass.IMAGE: 224,
}

_BY_NAME: tuple[tuple[str, DimClass], ...] = (
    (r"batch|^bs$|^b$|^n$|^(num|n)_(images|imgs|crops|videos|prompts)", DimClass.BATCH),
    (r"past|cache|history|kv_?len", DimClass.PAST),
    (r"height|width|^h$|^w$|image|img|rows|cols", DimClass.IMAGE),
    (r"seq|len|token|time|frame|step|sample|^s$|^t$|^l$", DimClass.SEQUENCE),
)

Settled = tuple[int, str]  # (value, source)


@dataclass(frozen=True, slots=True)
class InputDims:
    """One input of the model: its name, whether it holds floats, and its dimensions as the file writes them.

    A dimension is an extent, a label, or None where the file gives neither (or one that is not positive).
    """

    name: str
    is_float: bool
    dims: tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """Result of binding.

    Attributes:
        shapes: Extents by input name.
        values: Value of every name, expressions included.
        sources: "given", "model" or "default" by name.
        classes: Class by name.
        readers: Names of the inputs that have the dimension, by its name.
        mute: Names that say nothing of what they stand for.
    """

    shapes: Mapping[str, tuple[int, ...]]
    values: Mapping[str, int]
    sources: Mapping[str, str]
    classes: Mapping[str, DimClass]
    readers: Mapping[str, frozenset[str]]
    mute: frozenset[str]


def bind_dims(inputs: Sequence[InputDims], given: Mapping[str, int], settled: Mapping[str, Settled]) -> Bound:
    """Extents of all inputs.

    Args:
        inputs: The model's inputs.
        given: Values by name from the user; names that the model lacks are ignored here.
        settled: Values with their sources that stand in for the default of their class.
    """
    return _Binding(inputs, given, settled).bound()


class _Binding:
    """Names settled one after the other."""

    def __init__(self, inputs: Sequence[InputDims], given: Mapping[str, int], settled: Mapping[str, Settled]) -> None:
        self.inputs = inputs
        self.given = given
        self.settled = settled
        self.counts = Counter(extent for source in inputs for extent in source.dims if isinstance(extent, str))
        self.caches = self._given_caches()
        self.values: dict[str, int] = {}
        self.sources: dict[str, str] = {}
        self.classes: dict[str, DimClass] = {}
        self.readers: dict[str, set[str]] = {}
        self.mute: set[str] = set()

    def bound(self) -> Bound:
        # A dimension that stands alone says more of its class than one in a sum: `past` before `past + sequence`.
        # What is the sum of others by its name alone, `total_sequence_length`, comes after them.
        alone = [(source, axis, label) for source, axis, label in self._places() if self._stands_alone(label)]
        for source, axis, label in sorted(alone, key=lambda place: _is_total(place[2])):
            self._settle(label, source, axis)
        shapes = {
            source.name: tuple(
                extent if isinstance(extent, int) and extent > 0 else self._extent(source, axis)
                for axis, extent in enumerate(source.dims)
            )
            for source in self.inputs
        }
        readers = {name: frozenset(found) for name, found in self.readers.items()}
        return Bound(shapes, self.values, self.sources, self.classes, readers, frozenset(self.mute))

    def _places(self) -> Iterator[tuple[InputDims, int, str]]:
        for source in self.inputs:
            for axis, extent in enumerate(source.dims):
                if not isinstance(extent, int) or extent <= 0:
                    yield source, axis, extent if isinstance(extent, str) else ""

    def _extent(self, source: InputDims, axis: int) -> int:
        extent = source.dims[axis]
        label = extent if isinstance(extent, str) else ""
        if self._stands_alone(label):
            return self._settle(label, source, axis)
        own = f"{source.name}.{axis}"
        if is_placeholder(label):
            return self._settle(own, source, axis)
        if not _is_expression(label, self.counts):
            return self._settle(label, source, axis)
        for name in names_of(label):
            self._settle(name, source, axis)
        computed = evaluate_dim(label, self.values)
        return computed if computed is not None and computed >= 0 else self._settle(own, source, axis)

    def _stands_alone(self, label: str) -> bool:
        """Whether a label names one dimension: no placeholder, none that stands for unlike ones, no sum."""
        if label in _PLACEHOLDERS or (_UNNAMED.fullmatch(label) and self.counts.get(label, 0) > 1):
            return False
        return _NAME.fullmatch(label) is not None

    def _settle(self, name: str, source: InputDims, axis: int) -> int:
        self.readers.setdefault(name, set()).add(source.name)
        if name in self.values:
            return self.values[name]
        kind = _class_of(name if name != f"{source.name}.{axis}" else "", source, axis)
        self.classes[name] = kind
        says_nothing = name == f"{source.name}.{axis}" or is_placeholder(name) or _MUTE.fullmatch(name) is not None
        if says_nothing:
            self.mute.add(name)
        if name in self.given:
            self.values[name], self.sources[name] = self.given[name], "given"
        elif name in self.settled:
            self.values[name], self.sources[name] = self.settled[name]
        elif kind is DimClass.PAST and _family(source, axis) in self.caches and says_nothing:
            self.values[name], self.sources[name] = self.caches[_family(source, axis)], "model"
        else:
            self.values[name], self.sources[name] = self._default(name, kind), "default"
        return self.values[name]

    def _default(self, name: str, kind: DimClass) -> int:
        if kind is DimClass.SEQUENCE and _is_total(name):
            others = [(n, k) for n, k in self.classes.items() if n != name and not _is_total(n)]
            new = [self.values[n] for n, k in others if k is DimClass.SEQUENCE]
            past = [self.values[n] for n, k in others if k is DimClass.PAST]
            if new:
                return new[0] + (past[0] if past else 0)
        return DEFAULTS[kind]

    def _given_caches(self) -> dict[tuple[bool, int, int], int]:
        """Lengths that the user gave to caches: the caches of one model that have no telling names are equally long."""
        found: dict[tuple[bool, int, int], set[int]] = {}
        for source, axis, label in self._places():
            own = f"{source.name}.{axis}"
            name = label if label in self.given else own
            if name in self.given and _class_of(label if name == label else "", source, axis) is DimClass.PAST:
                found.setdefault(_family(source, axis), set()).add(self.given[name])
        return {family: next(iter(values)) for family, values in found.items() if len(values) == 1}


def is_placeholder(label: str) -> bool:
    """Whether a label stands for any unknown extent, so that two of them need not be equal."""
    return label in _PLACEHOLDERS or _UNNAMED.fullmatch(label) is not None


def _is_total(name: str) -> bool:
    return "total" in name.lower()


def _family(source: InputDims, axis: int) -> tuple[bool, int, int]:
    """Caches of one family are alike: of the decoder or of the encoder, of one rank, along one axis."""
    return "encoder" in source.name.lower(), len(source.dims), axis


def _is_expression(label: str, names: Mapping[str, int]) -> bool:
    """Whether a label is a formula over names, and not a name with a hyphen or a space in it."""
    parts = names_of(label)
    if evaluate_dim(label, dict.fromkeys(parts, 1)) is None:
        return False
    is_hyphenated = "-" in label and not re.search(r"[+*/()^%\s\d]", label)
    return not is_hyphenated or all(name in names for name in parts)


def _class_of(label: str, source: InputDims, axis: int) -> DimClass:
    """Class of a dimension: by its own name if that says something, else by input name and position."""
    last = label.rsplit(".", 1)[-1].lower()
    if label and not _MUTE.fullmatch(label) and label not in _PLACEHOLDERS:
        kind = next((kind for pattern, kind in _BY_NAME if re.search(pattern, last)), None)
        # `kv_cache_dim` on the last axis of a cache is its head size.
        if kind is not None and not (kind is DimClass.PAST and _is_beside_length(source, axis)):
            return kind
    return _class_by_position(source, axis)


def _is_beside_length(source: InputDims, axis: int) -> bool:
    rank = len(source.dims)
    return rank >= 3 and axis in (0, rank - 1)


def _class_by_position(source: InputDims, axis: int) -> DimClass:
    rank = len(source.dims)
    name = source.name.lower()
    if rank >= 3 and re.search(r"past|cache|history", name):
        # batch, heads, past, head size; or stacked: 2, batch, heads, past, head size
        if axis != rank - 2:
            return DimClass.BATCH
        return DimClass.SEQUENCE if "encoder" in name else DimClass.PAST
    if axis == 0:
        return DimClass.BATCH
    if re.search(r"state|hidden", name):
        # encoder_hidden_states is batch, sequence, features; the state of a recurrence is layers, batch, features
        is_sequence = rank == 3 and axis == 1 and not isinstance(source.dims[0], int)
        return DimClass.SEQUENCE if is_sequence else DimClass.BATCH
    may_be_image = source.is_float and not re.search(r"mask|bias", name)
    for channels, rows in ((1, 2), (3, 1), (0, 1)):
        # Channels first, channels last, and channels first without a batch.
        if rank == (3 if channels == 0 else 4) and axis in (rows, rows + 1) and may_be_image:
            other = source.dims[2 * rows + 1 - axis]
            if _is_channels(source.dims[channels]) and (not isinstance(other, int) or other > 16):
                return DimClass.IMAGE
    return DimClass.SEQUENCE


def _is_channels(extent: int | str | None) -> bool:
    """Whether an extent is a number of image channels: grey, colour, colour with alpha."""
    return extent in (1, 3, 4)
