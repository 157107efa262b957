"""Where the windows of convolutions and pools lie, and which elements they touch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from onnxroof.costs.context import MissingShapeError
from onnxroof.ir.loopnest import AxisMap, Term
from onnxroof.ir.op import Attributes

__all__ = ["Window", "spatial_names", "touched", "windows_of"]


@dataclass(frozen=True, slots=True)
class Window:
    """One spatial axis: position `o` and tap `f` meet at `o * stride + f * dilation - pad` of `extent` elements."""

    positions: int
    taps: int
    stride: int
    dilation: int
    pad: int
    extent: int

    @property
    def touched(self) -> int:
        """Elements of the axis that some window touches."""
        return touched(self)

    @property
    def meetings(self) -> int:
        """Pairs of a position and a tap that meet inside the axis: the others fall on padding, or are cropped.

        Exact, in as many steps as Euclid's algorithm takes.
        """
        return _below(self, self.extent) - _below(self, 0)

    @property
    def used_taps(self) -> int:
        """Taps that lie inside the axis at some position."""
        if self.stride >= self.extent:  # each tap at one position at most
            return self.meetings
        if not self.positions:
            return 0
        first, last = _reaching(self)
        return max(last - first + 1, 0)

    @property
    def used_positions(self) -> int:
        """Positions of which some tap lies inside the axis."""
        return Window(self.taps, self.positions, self.dilation, self.stride, self.pad, self.extent).used_taps

    def axis(self, position_loop: int, tap_loop: int) -> AxisMap:
        """The axis as an affine map of a loop over positions and one over taps."""
        return AxisMap((Term(position_loop, self.stride), Term(tap_loop, self.dilation)), self.extent, -self.pad)


def windows_of(
    attributes: Attributes, taps: tuple[int, ...], windowed: tuple[int, ...], positions: tuple[int, ...]
) -> tuple[Window, ...]:
    """The windows of an operator's spatial axes.

    Args:
        attributes: `strides`, `dilations`, `pads`, `auto_pad` as in ONNX; absent lists are ones, or zeros for pads.
        taps: Kernel extents.
        windowed: Extents of the tensor in which windows lie: the input, of a transposed convolution the output.
        positions: How often the window is laid along each axis.
    """
    rank = len(taps)
    strides = attributes.integers("strides") or (1,) * rank
    dilations = attributes.integers("dilations") or (1,) * rank
    pads = attributes.integers("pads") or (0,) * rank
    wider = attributes.integers("output_padding") or (0,) * rank  # of a transposed convolution
    auto_pad = attributes.text("auto_pad", "NOTSET")
    if min(map(len, (strides, dilations, pads, wider, windowed, positions))) < rank:
        raise MissingShapeError("the strides, dilations or pads are fewer than the axes of the window")
    if min((*strides, *dilations), default=1) < 1:
        raise MissingShapeError("a stride or a dilation is below 1")
    windows = []
    for i in range(rank):
        # An automatic padding splits what the last window lacks; UPPER puts the odd element at the end.
        span = (positions[i] - 1) * strides[i] + (taps[i] - 1) * dilations[i] + 1 + wider[i]
        lacking = max(span - windowed[i], 0)
        pad = {"SAME_UPPER": lacking // 2, "SAME_LOWER": lacking - lacking // 2, "VALID": 0}.get(auto_pad, pads[i])
        windows.append(Window(positions[i], taps[i], strides[i], dilations[i], pad, windowed[i]))
    return tuple(windows)


def spatial_names(prefix: str, rank: int) -> tuple[str, ...]:
    """Readable loop names of spatial axes: `oy`, `ox`; beyond three dimensions `o0`, `o1` ..."""
    return (
        tuple(prefix + letter for letter in "zyx"[3 - rank :])
        if rank <= 3
        else tuple(f"{prefix}{i}" for i in range(rank))
    )


@lru_cache(maxsize=4096)
def touched(window: Window) -> int:
    """Distinct indices `o * stride + f * dilation - pad` inside [0, extent), exact, in as many steps as Euclid takes.

    Two pairs are at one index where their taps differ by a multiple of stride / gcd and their positions by as many of
    dilation / gcd. With no more taps or positions than that, all indices differ. Else the indices of one remainder
    modulo the stride are one progression without gaps, from one of the first stride / gcd taps at the first position to
    one of the last such taps at the last position.
    """
    shared = math.gcd(window.stride, window.dilation)
    classes = window.stride // shared
    if window.taps <= classes or window.positions <= window.dilation // shared:
        return window.meetings
    return _first(window, classes, window.extent + window.pad) - _first(window, classes, window.pad)


def _first(window: Window, classes: int, reach: int) -> int:
    """Distinct indices before one, counted from that of the first position and tap, in progressions without gaps."""
    stride, dilation = window.stride, window.dilation
    last = (window.positions - 1) * stride + (window.taps - 1) * dilation
    begun = min(max(-(-reach // dilation), 0), classes)  # progressions that begin before it
    found = _quotients(begun, dilation, reach - (begun - 1) * dilation + stride - 1, stride)
    # Those that have ended go on in this sum, in steps of a stride: what is behind their ends is taken off.
    lasting = min(max(-((reach - last - 1) // dilation), 0), classes)
    return found - _quotients(classes - lasting, dilation, reach - last + lasting * dilation - 1, stride)


def _reaching(window: Window) -> tuple[int, int]:
    """The first and the last tap that do not lie beside the axis, on one side of it, at every position."""
    first = max(-(-(window.pad - (window.positions - 1) * window.stride) // window.dilation), 0)
    return first, min((window.extent - 1 + window.pad) // window.dilation, window.taps - 1)


def _below(window: Window, end: int) -> int:
    """Pairs of a position and a tap that meet below an index of the axis, those on the padding before it included."""
    stride, dilation, reach = window.stride, window.dilation, end + window.pad
    if not window.positions:
        return 0
    # The first taps are below the end at every position, later ones at fewer and fewer.
    every = min(max(-(-(reach - (window.positions - 1) * stride) // dilation), 0), window.taps)
    some = min(max(-(-reach // dilation), 0), window.taps)
    last = reach - (some - 1) * dilation + stride - 1
    return every * window.positions + _quotients(some - every, dilation, last, stride)


def _quotients(count: int, factor: int, start: int, divisor: int) -> int:
    """Sum of (start + i * factor) // divisor over i < count, none negative.

    Whole parts are taken out; what is left counts the points under a line, the same as those beside it with the axes
    exchanged (Graham, Knuth, Patashnik: Concrete Mathematics, 3.5).
    """
    total = 0
    while count > 0:
        total += factor // divisor * (count * (count - 1) // 2) + start // divisor * count
        factor %= divisor
        count, start, factor, divisor = *divmod(count * factor + start % divisor, divisor), divisor, factor
    return total
