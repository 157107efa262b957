"""Which tensors stay on chip between groups, in words that a reader of a plan needs."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.mapping.residency import Residency
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.timeline import Candidate
from onnxroof.roofline.result import Resident
from onnxroof.targets.model import MemoryLevel

__all__ = ["resident_tensors"]


def resident_tensors(residency: Residency, levels: Sequence[MemoryLevel], store: Storage) -> tuple[Resident, ...]:
    """What stays in some level, in the order in which it could."""
    place = {name: number for number, kept in enumerate(residency.kept) for name in kept}
    return tuple(
        _resident(candidate, levels[place[candidate.root]].name, store, len(residency.resident_bytes[0]))
        for candidate in residency.candidates
        if candidate.root in place
    )


def _resident(candidate: Candidate, level: str, store: Storage, steps: int) -> Resident:
    readers = store.readers.get(candidate.root, ())
    maker = store.producers.get(candidate.root)
    is_lasting = maker is None and candidate.is_weight and (candidate.first, candidate.last) == (0, steps - 1)
    ends = () if is_lasting or not readers else (readers[0] if maker is None else maker, readers[-1])
    first, last = (store.kernels[end].op.name for end in ends) if ends else ("", "")
    return Resident(
        tensor=candidate.root, kind="weight" if candidate.is_weight else "activation", level=level,
        bytes=candidate.bytes, first=first, last=last, subject=candidate.subject,
    )  # fmt: skip
