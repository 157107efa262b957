"""The groups of an evaluated plan: figures once for each kind of group, results made when they are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

from onnxroof.mapping.placed import Placed
from onnxroof.mapping.plan import Decision, Plan
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.regimes import Regime
from onnxroof.roofline.result import GroupResult, MappedResult

__all__ = [
    "Demand", "Figures", "Groups", "Later", "Once", "bypasses", "mapped_total", "outermost", "peaks", "summed", "total",
]  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Demand:
    """What a group asks of a target, before it is priced; all trips, L levels.

    Attributes:
        shapes: Whose work the group does, each `times` so often.
        engines_s: Time by engine, work that is done again among it.
        full_engines_s: The same with every array full.
        energies_j: Of parts of the work, None where unknown.
        spatial: Utilization of the array, None without MACs.
        read_bytes, write_bytes: (L,) traffic.
        saved_bytes: (L,) what it does not move because of what stays on chip around it.
        footprint_bytes: (L,) of its tiles, of one instance.
        bypassed: Numbers of the levels that hold no tile of it.
        tile: Size by dimension.
        whole_bytes: What must cross a level whatever is inside it, if nothing stays there.
        least_bytes: What must cross the outermost boundary, with what stays inside of it.
        doubtful_s, doubtful_j: What of the engines' times and energies rests on uncertain numbers.
        layout_bytes: What of the outermost traffic is there for the layout alone that the target wants.
        again_ops: Operations that are done again.
    """

    shapes: Sequence[GroupShape]
    times: Sequence[float]
    engines_s: Mapping[str, float]
    full_engines_s: Mapping[str, float]
    energies_j: Sequence[float | None]
    spatial: float | None
    read_bytes: Sequence[float]
    write_bytes: Sequence[float]
    saved_bytes: Sequence[float]
    footprint_bytes: Sequence[float]
    tile: Mapping[str, int]
    whole_bytes: float
    least_bytes: float
    doubtful_s: Mapping[str, float]
    doubtful_j: float
    bypassed: Sequence[int] = ()
    layout_bytes: float = 0.0
    again_ops: float = 0.0


@dataclass(slots=True, eq=False)
class Once(Generic[T]):
    """Works something out when it is first called, and keeps it."""

    work: Callable[[], T]
    found: T | None = None

    def __call__(self) -> T:
        """What was worked out."""
        if self.found is None:
            self.found = self.work()
        return self.found


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What all groups of one shape share; all trips.

    They do the work of each of `shapes` so many `times`. `read_bytes` and `write_bytes` are by level, outermost first.
    """

    shapes: tuple[GroupShape, ...]
    times: tuple[float, ...]
    read_bytes: Sequence[float]
    write_bytes: Sequence[float]
    latency_s: float | None
    latency_estimated_s: float | None
    energy_j: float | None
    energy_estimated_j: float | None
    expected_s: float | None
    traffic_bytes: Mapping[str, float]
    saved_bytes: Mapping[str, float]
    intensity: Mapping[str, float | None]
    compulsory_intensity: float | None
    time_bound: str
    energy_bound: str
    time_terms_s: Mapping[str, float]
    energy_terms_j: Mapping[str, float]
    spatial: float | None
    temporal: float | None
    footprint_bytes: Mapping[str, float]
    tile: Mapping[str, int]
    macs: int | None
    vector_ops: int | None
    special_ops: int | None
    ops: int | None
    bypassed: tuple[str, ...]
    full_engines_s: Mapping[str, float]
    waterfall_s: Mapping[str, float]
    regime: Regime
    map: Callable[[], MappedResult]
    again_ops: float = 0.0
    layout_bytes: float = 0.0


class Later(Sequence[T]):
    """Records that are made when they are looked at: a large model has tens of thousands of decisions."""

    def __init__(self, work: Callable[[], Iterable[T]]) -> None:
        self._work = work
        self._found: tuple[T, ...] | None = None

    @property
    def found(self) -> tuple[T, ...]:
        """All of them."""
        if self._found is None:
            self._found = tuple(self._work())
        return self._found

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[T]:
        return iter(self.found)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.found[index]


class Groups(Sequence[GroupResult]):
    """Groups of a plan, each made when it is looked at: most studies look at a few of many thousands."""

    def __init__(self, types: Mapping[str, str], plan: Plan, groups: Placed, figures: Sequence[Figures]) -> None:
        self._types = types
        self._groups = plan.groups
        self._placed = groups
        self._figures = figures

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, index: int) -> GroupResult: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[GroupResult]: ...

    def __getitem__(self, index: int | slice) -> GroupResult | Sequence[GroupResult]:
        if isinstance(index, slice):
            return [self._result(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._result(index)

    def _result(self, index: int) -> GroupResult:
        group, figures = self._groups[index], self._figures[self._placed.index[index]]
        resident = self._placed.resident_bytes[index][1:]
        return GroupResult(
            id=group.id,
            nodes=group.ops,
            op_types=tuple(self._types[name] for name in group.ops),
            repeat=group.repeat,
            macs=figures.macs,
            vector_ops=figures.vector_ops,
            special_ops=figures.special_ops,
            ops=figures.ops,
            latency_s=figures.latency_s,
            latency_estimated_s=figures.latency_estimated_s,
            energy_j=figures.energy_j,
            energy_estimated_j=figures.energy_estimated_j,
            traffic_bytes=figures.traffic_bytes,
            traffic_read_bytes=dict(zip(figures.traffic_bytes, figures.read_bytes, strict=True)),
            traffic_write_bytes=dict(zip(figures.traffic_bytes, figures.write_bytes, strict=True)),
            intensity_ops_per_byte=figures.intensity,
            compulsory_intensity_ops_per_byte=figures.compulsory_intensity,
            time_bound=figures.time_bound,
            energy_bound=figures.energy_bound,
            time_terms_s=figures.time_terms_s,
            energy_terms_j=figures.energy_terms_j,
            spatial_utilization=figures.spatial,
            temporal_utilization=figures.temporal,
            footprint_bytes={
                name: own + more for (name, own), more in zip(figures.footprint_bytes.items(), resident, strict=True)
            },
            tile=figures.tile,
            full_engines_s=figures.full_engines_s,
            waterfall_s=figures.waterfall_s,
            regime=figures.regime,
            recomputed_ops=figures.again_ops,
            layout_bytes=outermost([*figures.traffic_bytes], figures.layout_bytes),
            map=figures.map,
        )


def mapped_total(figures: Sequence[Figures], counts: Sequence[int]) -> MappedResult:
    """The nested mappings of a plan's groups together."""
    found = [figure.map() for figure in figures]
    names = found[0].traffic_bytes if found else ()
    return MappedResult(
        traffic_bytes={name: total([one.traffic_bytes[name] for one in found], counts) or 0.0 for name in names},
        # As for the plan itself: a target of which no rate and no bandwidth is known says nothing of time.
        latency_s=total([one.latency_s for one in found], counts)
        if not figures or any(figure.time_terms_s for figure in figures)
        else None,
    )


def summed(parts: Sequence[Mapping[str, float]], counts: Sequence[int]) -> dict[str, float]:
    """Sums by name of terms that occur so often, the names in the order of the first that has them."""
    found: dict[str, list[float]] = {}
    for terms, count in zip(parts, counts, strict=True):
        for name, value in terms.items():
            found.setdefault(name, []).append(value * count)
    return {name: math.fsum(values) for name, values in found.items()}


def outermost(names: Sequence[str], value: float) -> dict[str, float]:
    """By level a figure that all but the outermost lack."""
    return dict.fromkeys(names, 0.0) | dict.fromkeys(names[:1], value)


def peaks(names: Sequence[str], groups: Placed, figures: Sequence[Figures]) -> dict[str, float]:
    """Largest footprint at each level, what stays there among it."""
    found = dict.fromkeys(names, 0.0)
    for kind, resident in dict.fromkeys(zip(groups.index, groups.resident_bytes, strict=True)):
        for (name, own), more in zip(figures[kind].footprint_bytes.items(), resident[1:], strict=True):
            found[name] = max(found[name], own + more)
    return found


def total(parts: Sequence[float | None], counts: Sequence[int]) -> float | None:
    """The sum of parts that occur so often; None as soon as one is unknown."""
    known = [part * count for part, count in zip(parts, counts, strict=True) if part is not None]
    return math.fsum(known) if len(known) == len(parts) else None


def bypasses(figures: Sequence[Figures], counts: Sequence[int]) -> Iterator[Decision]:
    """A decision for each level that holds no tile of some group."""
    groups: dict[str, int] = {}
    for figure, count in zip(figures, counts, strict=True):
        for name in figure.bypassed:
            groups[name] = groups.get(name, 0) + count
    for name, count in groups.items():
        yield Decision(
            subject=name,
            action="bypassed",
            reason=f"no tile of {count} of {sum(counts)} groups fits: what is outside delivers to what is inside",
            figures={"groups": float(count)},
        )
