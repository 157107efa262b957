"""What is said of the operators that a device leaves to its host, and of the bytes that cross the link between them?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnxroof.report.document import number
from onnxroof.report.numbers import count, quantity
from onnxroof.report.words import comma_list, counted, shown

if TYPE_CHECKING:
    from onnxroof.mapping.offload import Offload
    from onnxroof.report.document import Document, Json
    from onnxroof.roofline.result import TargetResult

__all__ = ["AS_IF", "divided_words", "fallback_words", "link_words", "offload_document", "offload_lines"]

_MOST_TYPES = 4
AS_IF = "the times and energies take them as if they ran on the device"
"""What the figures of a model that falls back are."""


def fallback_words(result: TargetResult) -> str:
    """As in "12 of 140 nodes would run on the host (Erf and TopK), in 3 parts on the device"; "" where none would."""
    offload = result.offload
    if offload is None or not offload.fallbacks:
        return ""
    types = dict.fromkeys(shown(fallback.op_type) for fallback in offload.fallbacks)
    nodes = f"{count(offload.fallback_count)} of {count(offload.node_count)} nodes"
    parts = f", which leaves {counted(offload.segment_count, 'part')} on the device" if offload.segment_count else ""
    return f"{nodes} would run on the host ({comma_list(list(types), _MOST_TYPES)}){parts}"


def offload_lines(results: Sequence[TargetResult]) -> Iterator[str]:
    """Lines for the terminal: fallbacks by target, and of which targets nothing is documented."""
    looked = [(result, result.offload) for result in results if result.offload is not None]
    fallen = [result for result, offload in looked if offload.fallbacks]
    if fallen:
        yield f"what a target would leave to its host ({AS_IF}):"
        for result in fallen:
            yield f"  {shown(result.target.name)}: {fallback_words(result)}; {_crossing_words(result)}"
    known = [shown(result.target.name) for result, offload in looked if offload.is_known and not offload.fallbacks]
    if known:
        yield f"all operators run on {comma_list(known, _MOST_TYPES)}, by what is documented"
    unknown = [shown(result.target.name) for result, offload in looked if not offload.is_known]
    if unknown:
        yield f"which operators a target runs is not known of {comma_list(unknown, _MOST_TYPES)}"


def offload_document(result: TargetResult) -> Document | None:
    """The JSON of it; bytes and times of an unknown shape or link are null."""
    offload, support, link = result.offload, result.target.support, result.target.host_link
    if offload is None:
        return None
    return {
        "compiler": support.compiler if support else None,
        "source": support.source.key if support else None,
        "unchecked": support.unchecked if support else None,
        "fallback": None if support is None else _fallbacks(offload),
        "segments": offload.segment_count,
        "to_device_bytes": offload.to_device_bytes,
        "to_host_bytes": offload.to_host_bytes,
        "link_bytes_per_s": link.value if link else None,
        "link_latency_s": result.link_s,
        "least_latency_s": number(result.divided_latency_s),
    }


def _fallbacks(offload: Offload) -> list[Json]:
    return [
        {"op_type": fallback.op_type, "reason": fallback.reason, "nodes": list(fallback.nodes)}
        for fallback in offload.fallbacks
    ]


def _crossing_words(result: TargetResult) -> str:
    offload = result.offload
    assert offload is not None
    sizes = f"{quantity(offload.to_device_bytes, 'B')} go to it and {quantity(offload.to_host_bytes, 'B')} come back"
    return f"{sizes}, {link_words(result)}{divided_words(result)}"


def divided_words(result: TargetResult) -> str:
    """As in "; so divided a run takes at least 3 ms, and the host's own work"; "" where nothing falls back."""
    if result.offload is None or not result.offload.fallbacks or result.divided_latency_s is None:
        return ""
    return f"; so divided a run takes at least {quantity(result.divided_latency_s, 's')}, and the host’s own work"


def link_words(result: TargetResult) -> str:
    """As in "at least 2.4 ms over the link"."""
    time_s = result.link_s
    return "at a bandwidth that is not known" if time_s is None else f"at least {quantity(time_s, 's')} over the link"
