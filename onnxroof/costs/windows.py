"""Where the windows of convolutions and pools lie, and which elements they touch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

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
    auto_pad = attributes.text("auto_pad", "NOTSET")
    windows = []
    for i in range(rank):
        # An automatic padding splits what the last window lacks; UPPER puts the odd element at the end.
        lacking = max((positions[i] - 1) * strides[i] + (taps[i] - 1) * dilations[i] + 1 - windowed[i], 0)
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
    """Distinct indices `o * stride + f * dilation - pad` inside [0, extent), exact.

    For one tap the indices are an arithmetic progression with step `stride`. Progressions of one remainder modulo
    the stride are intervals of quotients, whose union is counted by a sweep; other remainders are disjoint.
    """
    intervals: dict[int, list[tuple[int, int]]] = {}
    for tap in range(window.taps):
        quotient, remainder = divmod(tap * window.dilation - window.pad, window.stride)
        low = max(quotient, 0)  # the least quotient with quotient * stride + remainder >= 0 is 0
        high = min(quotient + window.positions, -(-(window.extent - remainder) // window.stride))
        if low < high:
            intervals.setdefault(remainder, []).append((low, high))
    count = 0
    for spans in intervals.values():
        end = 0
        for low, high in sorted(spans):
            count += max(high - max(low, end), 0)
            end = max(end, high)
    return count
