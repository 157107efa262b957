"""The groups of an evaluated plan: figures once for each kind of group, results made when they are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.placed import Placed
from onnxroof.mapping.plan import Decision, Group
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.regimes import Regime
from onnxroof.roofline.result import GroupResult, MappedResult, Resident
from onnxroof.roofline.sheet import Sheet
from onnxroof.roofline.terms import largest
from onnxroof.roofline.totals import Sums
from onnxroof.roofline.worked import rates_of
from onnxroof.targets.model import Target

__all__ = [
    "Assembled", "Figures", "Groups", "Kinds", "Later", "Once", "bypasses", "mapped_total", "outermost",
    "total",
]  # fmt: skip

T = TypeVar("T")

IntArray = npt.NDArray[np.int64]

ONE = np.ones(1)


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Figures:
    """What all groups of one kind share, read from a row of a sheet when it is looked at; all trips.

    They do the work of each of `shapes` so many `times`. Sequences and mappings by level are outermost first.

    Attributes:
        target: The target.
        sheet: Of groups on it.
        number: Row of the sheet.
        shapes, times: The work.
        spatial: Utilization of the array, None without MACs.
        tf32: Whether FLOAT contractions may use TF32.
        held_bytes: (L,) of the tiles, of one instance.
        bypassed: Names of the levels that hold no tile of it.
        map: Works out one mapping to all levels at once.
        again_ops: Operations that are done again.
        layout_bytes: What of the outermost traffic is there for the layout alone that the target wants.
    """

    target: Target
    sheet: Sheet
    number: int
    shapes: tuple[GroupShape, ...]
    times: tuple[float, ...]
    spatial: float | None
    tf32: bool
    held_bytes: Sequence[float]
    bypassed: tuple[str, ...]
    map: Callable[[], MappedResult]
    again_ops: float = 0.0
    layout_bytes: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether the work of all its operators is known."""
        return bool(self.sheet.rows.is_known[self.number])

    @property
    def says_time(self) -> bool:
        """Whether a rate, a bandwidth or a launch is known that it takes, or it takes nothing."""
        return self._alone.says_time or (self.ops == 0 and not any(self.traffic_bytes.values()))

    @property
    def latency_s(self) -> float | None:
        """None where the work is not known, or nothing that it takes."""
        return _known(self.sheet.latency_s[self.number]) if self.says_time else None

    @property
    def latency_estimated_s(self) -> float | None:
        """What of it rests on uncertain numbers."""
        return _known(self.sheet.latency_estimated_s[self.number]) if self.says_time else None

    @property
    def energy_j(self) -> float | None:
        """None where an energy is unknown, or the time that static power takes."""
        return _known(self.sheet.energy_j[self.number]) if self._says_energy else None

    @property
    def energy_estimated_j(self) -> float | None:
        """What of it rests on uncertain numbers."""
        return _known(self.sheet.energy_estimated_j[self.number]) if self._says_energy else None

    @property
    def _says_energy(self) -> bool:
        return self.target.static_power is None or self.says_time

    @property
    def traffic_bytes(self) -> dict[str, float]:
        """Both directions."""
        rows = self.sheet.rows
        return self._by_level(rows.read_bytes[self.number] + rows.write_bytes[self.number])

    @property
    def traffic_read_bytes(self) -> dict[str, float]:
        """From each level towards the inside."""
        return self._by_level(self.sheet.rows.read_bytes[self.number])

    @property
    def traffic_write_bytes(self) -> dict[str, float]:
        """From the inside into each level."""
        return self._by_level(self.sheet.rows.write_bytes[self.number])

    @cached_property
    def footprint_bytes(self) -> dict[str, float]:
        """Of its tiles, of one instance of each level inside the outermost."""
        return {level.name: size for level, size in zip(self.target.levels[1:], self.held_bytes[1:], strict=True)}

    @property
    def intensity(self) -> dict[str, float | None]:
        """Operations / traffic by level; None without traffic or with unknown work."""
        ops = self.ops
        return {name: ops / total if ops is not None and total else None for name, total in self.traffic_bytes.items()}

    @property
    def compulsory_intensity(self) -> float | None:
        """Operations / bytes that must cross the outermost boundary."""
        least = float(self.sheet.rows.least_bytes[self.number, 0])
        return self.ops / least if self.ops is not None and least > 0 else None

    @property
    def time_terms_s(self) -> dict[str, float]:
        """Every term of the time: those that hide behind one another, those that do not, launches."""
        launch_s = float(self.sheet.launch_s[self.number])
        return {
            **self._terms_s(waits=False), **self._terms_s(waits=True), **({"launch": launch_s} if launch_s else {}),
        }  # fmt: skip

    def _terms_s(self, *, waits: bool) -> dict[str, float]:
        rows, found = self.sheet.rows, dict[str, float]()
        times, runs = rows.engines_s[self.number].tolist(), rows.runs[self.number].tolist()
        for engine, time, has_work in zip(self.target.engines, times, runs, strict=False):
            if has_work and engine.overlaps is not waits:
                found[f"compute:{engine.name}"] = time
        for level, time in zip(self.target.levels, self.sheet.levels_s[self.number].tolist(), strict=False):
            if level.is_timed and level.overlaps is not waits:
                found[f"memory:{level.name}"] = time
        return found

    @property
    def time_bound(self) -> str:
        """The longest term of the time; "" where nothing of it is known."""
        return largest(self.time_terms_s) if self.is_known else ""

    @property
    def energy_bound(self) -> str:
        """The largest term of the energy; "" where it is unknown."""
        return largest(self.energy_terms_j)

    @property
    def temporal(self) -> float | None:
        """Time of the busiest engine / latency."""
        latency_s = self.latency_s
        return float(self.sheet.rows.engines_s[self.number].max(initial=0.0)) / latency_s if latency_s else None

    @property
    def full_engines_s(self) -> dict[str, float]:
        """Time by engine, every array full."""
        rows = self.sheet.rows
        times, runs = rows.full_engines_s[self.number].tolist(), rows.runs[self.number].tolist()
        return {
            engine.name: time
            for engine, time, has_work in zip(self.target.engines, times, runs, strict=False)
            if has_work
        }

    @property
    def mac_engines(self) -> tuple[str, ...]:
        """Names of the engines on which its MACs run at a known rate."""
        parts = [("mac", dtype, "") for shape in self.shapes for dtype, count in shape.macs if count]
        rates = rates_of(self.target, parts, tf32=self.tf32)
        return tuple(dict.fromkeys(rate.engine.name for rate in rates if rate is not None and rate.ops_per_s))

    @property
    def macs(self) -> int | None:
        """MACs, None where the work is not known."""
        return self._count(sum(shape.mac_count for shape in self.shapes))

    @property
    def vector_ops(self) -> int | None:
        """Vector operations, None likewise."""
        return self._count(sum(shape.vector_count for shape in self.shapes))

    @property
    def special_ops(self) -> int | None:
        """Special operations, None likewise."""
        return self._count(sum(shape.special_count for shape in self.shapes))

    @property
    def ops(self) -> int | None:
        """All operations, a MAC is two; None likewise."""
        return self._count(sum([shape.ops for shape in self.shapes]))

    def _count(self, one_trip: int) -> int | None:
        return one_trip * self.shapes[0].repeat if self.is_known else None

    @property
    def waterfall_s(self) -> dict[str, float]:
        """Parts that add up to the latency; {} where that is unknown."""
        return self._alone.waterfall_s

    @property
    def regime(self) -> Regime:
        """What sets time and energy, and why the group lies below its roof."""
        return self._alone.regime

    @property
    def energy_terms_j(self) -> dict[str, float]:
        """Every term of the energy, {} where it is unknown."""
        return self._alone.energy_terms_j if self._says_energy else {}

    @cached_property
    def shared(self) -> Mapping[str, Any]:
        """What the groups' results have in common, by field: worked out once, as there may be thousands of them."""
        traffic_bytes = self.traffic_bytes
        return {
            "macs": self.macs,
            "vector_ops": self.vector_ops,
            "special_ops": self.special_ops,
            "ops": self.ops,
            "latency_s": self.latency_s,
            "latency_estimated_s": self.latency_estimated_s,
            "energy_j": self.energy_j,
            "energy_estimated_j": self.energy_estimated_j,
            "traffic_bytes": traffic_bytes,
            "traffic_read_bytes": self.traffic_read_bytes,
            "traffic_write_bytes": self.traffic_write_bytes,
            "intensity_ops_per_byte": self.intensity,
            "compulsory_intensity_ops_per_byte": self.compulsory_intensity,
            "time_bound": self.time_bound,
            "energy_bound": self.energy_bound,
            "time_terms_s": self.time_terms_s,
            "energy_terms_j": self.energy_terms_j,
            "spatial_utilization": self.spatial,
            "temporal_utilization": self.temporal,
            "full_engines_s": self.full_engines_s,
            "mac_engines": self.mac_engines,
            "waterfall_s": self.waterfall_s,
            "regime": self.regime,
            "recomputed_ops": self.again_ops,
            "layout_bytes": outermost([*traffic_bytes], self.layout_bytes),
            "map": self.map if self.says_time else Once(lambda: replace(self.map(), latency_s=None)),
        }

    @property
    def _alone(self) -> Sums:
        return Sums(self.target, [(self.sheet, np.array([self.number]))], ONE)

    def _by_level(self, values: npt.NDArray[np.float64]) -> dict[str, float]:
        return {level.name: value for level, value in zip(self.target.levels, values.tolist(), strict=False)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


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


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """What a plan's totals take of the kinds of groups, K of them.

    Attributes:
        rows: Sheets, and which of their rows are the kinds.
        held_bytes: (K, L) of the tiles, of one instance.
        ops: Operations, all trips; of work that is not known what is known of it.
        layout_bytes: What of the outermost traffic is there for the layout alone.
    """

    rows: Sequence[tuple[Sheet, IntArray]]
    held_bytes: npt.NDArray[np.float64]
    ops: Sequence[int]
    layout_bytes: Sequence[float]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Assembled:
    """A plan before its groups are summed up; all but its kinds is made when somebody looks.

    Attributes:
        fusion: Its policy.
        listed: Its groups.
        tiles: Of each group the size of its tile by dimension.
        placed: Of each group its kind, and what stays around it.
        kinds: What totals take of the kinds.
        figures: All figures of the kinds.
        choices: Its decisions.
        residents: What stays on chip between its groups.
    """

    fusion: str
    listed: Sequence[Group]
    tiles: Sequence[Mapping[str, int]]
    placed: Placed
    kinds: Kinds
    figures: Sequence[Figures]
    choices: Sequence[Decision]
    residents: Sequence[Resident]


class Groups(Sequence[GroupResult]):
    """Groups of a plan, each made when it is looked at: most studies look at a few of many thousands.

    Args:
        types: Of all operators, by name.
        plan: The plan.
    """

    def __init__(self, types: Mapping[str, str], plan: Assembled) -> None:
        self._types, self._plan = types, plan

    def __len__(self) -> int:
        return len(self._plan.listed)

    @overload
    def __getitem__(self, index: int) -> GroupResult: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[GroupResult]: ...

    def __getitem__(self, index: int | slice) -> GroupResult | Sequence[GroupResult]:
        if isinstance(index, slice):
            return [self._result(i) for i in range(*index.indices(len(self)))]
        return self._result(range(len(self))[index])

    def __iter__(self) -> Iterator[GroupResult]:
        # Else an IndexError in a result would end the loop as if there were no more of them.
        return (self._result(index) for index in range(len(self)))

    def _result(self, index: int) -> GroupResult:
        plan = self._plan
        group, figures = plan.listed[index], plan.figures[plan.placed.index[index]]
        resident = plan.placed.resident_bytes[index][1:]
        return GroupResult(
            id=group.id,
            nodes=group.ops,
            op_types=tuple([self._types[name] for name in group.ops]),
            repeat=group.repeat,
            footprint_bytes={
                name: own + more for (name, own), more in zip(figures.footprint_bytes.items(), resident, strict=True)
            },
            tile=plan.tiles[index],
            **figures.shared,
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


def outermost(names: Sequence[str], value: float) -> dict[str, float]:
    """By level a figure that all but the outermost lack."""
    return dict.fromkeys(names, 0.0) | dict.fromkeys(names[:1], value)


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
