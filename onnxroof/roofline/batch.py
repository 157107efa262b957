"""A model on many targets at once: the groups of the plans that are the same for all, each a row of figures.

What stays on chip differs from target to target, and with it the distinct groups; their work and their traffic are
looked up for all targets together, and all of them are priced by one call.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.given import GIVEN
from onnxroof.mapping.layout import group_layout_bytes
from onnxroof.mapping.level_table import LevelTable, level_table
from onnxroof.mapping.placed import Crossing, Placed, placed
from onnxroof.mapping.planned import CLOCK, PlannedModel
from onnxroof.mapping.policies import SEARCHED
from onnxroof.mapping.residency import Residency, residency, what_decides
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.machines import Machines, machines
from onnxroof.roofline.sheet import Rows, Sheet
from onnxroof.roofline.worked import Worked, worked
from onnxroof.targets.model import Array, Target

__all__ = ["Base", "Batch"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Kind = tuple[GroupShape, Crossing | None]


@dataclass(eq=False)
class Batch:
    """A model on targets.

    Attributes:
        model: Planned.
        targets: The targets.
        tf32: Whether FLOAT contractions may use TF32.
        state: cold | steady: whether weights that fit on chip stay there from run to run.
        apart: Roots that need not stay on chip, as they pass inside of groups.
    """

    model: PlannedModel
    targets: tuple[Target, ...]
    tf32: bool
    state: str
    apart: frozenset[str] = frozenset()

    @cached_property
    def reordered(self) -> tuple[tuple[Batch, str], ...]:
        """Of the model in further orders, in which other operators may be one group, each with what it is like."""
        return tuple((self._of(model), rule) for model, rule in self.model.reordered)

    @cached_property
    def in_given_order(self) -> Batch | None:
        """Of the model in the order that groups from outside ask for, None where it is this one."""
        model = self.model.in_given_order
        return None if model is None else self._of(model)

    def _of(self, model: PlannedModel) -> Batch:
        return Batch(model, self.targets, self.tf32, self.state)

    def beside(self, place: int, apart: frozenset[str]) -> Batch:
        """Of one of the targets, with what stays on chip chosen without some roots."""
        return Batch(self.model, (self.targets[place],), self.tf32, self.state, apart)

    @cached_property
    def residencies(self) -> tuple[Residency, ...]:
        """What stays on chip on each target: one for all with the same levels in all that matters to it."""
        found: dict[Hashable, Residency] = {}
        for target in self.targets:
            key = what_decides(target.levels)
            if key not in found:
                found[key] = residency(self.model.timeline, target.levels, state=self.state, apart=self.apart)
        return tuple(found[what_decides(target.levels)] for target in self.targets)

    @cached_property
    def places(self) -> tuple[dict[str, Placed], ...]:
        """For each target, by policy the groups with what stays on chip around them."""
        wanted = [shaped.plan.fusion for shaped in self.model.plans]
        is_clock_alone = not self.model.policies  # of a model in another order nothing else is asked
        wanted += [CLOCK] if is_clock_alone or any(policy in SEARCHED for policy in self.model.policies) else []
        wanted += [GIVEN] if self.model.given is not None else []
        uses, found = self.model.timeline.uses, dict[Residency, dict[str, Placed]]()
        for chosen in dict.fromkeys(self.residencies):
            shared: dict[object, Crossing] = {}
            found[chosen] = {policy: placed(uses[policy], chosen, shared) for policy in dict.fromkeys(wanted)}
        return tuple(found[chosen] for chosen in self.residencies)

    @cached_property
    def kinds(self) -> tuple[dict[Kind, int], ...]:
        """For each target its distinct groups, by number."""
        found: dict[Residency, dict[Kind, int]] = {}
        for chosen, by in zip(self.residencies, self.places, strict=True):
            if chosen not in found:
                kinds = dict.fromkeys(kind for one in by.values() for kind in one.kinds)
                found[chosen] = {kind: number for number, kind in enumerate(kinds)}
        return tuple(found[chosen] for chosen in self.residencies)

    @cached_property
    def shapes(self) -> dict[GroupShape, int]:
        """The distinct shapes of groups on all targets, by number."""
        return {s: n for n, s in enumerate(dict.fromkeys(shape for one in self.kinds for shape, _ in one))}

    @cached_property
    def work(self) -> Worked:
        """What the work of the shapes takes on the targets."""
        return worked(tuple(self.shapes), self.targets, tf32=self.tf32)

    @cached_property
    def arrays(self) -> tuple[tuple[Array | None, ...], ...]:
        """For each target, by shape the array that its MACs fill."""
        return tuple(
            tuple(target.engines[number].array if number >= 0 else None for number in row)
            for target, row in zip(self.targets, self.work.mac_engine.tolist(), strict=True)
        )

    @cached_property
    def table(self) -> LevelTable:
        """The traffic of the shapes on the targets, if nothing stays on chip around them."""
        return level_table(tuple(self.shapes), [target.levels for target in self.targets], self.arrays)

    def tile(self, place: int, shape: GroupShape, crossing: Crossing | None) -> Mapping[str, int]:
        """Loop name to tile size at the outermost boundary of a group on one of the targets."""
        if crossing is None:
            return self.table.tile(place, self.shapes[shape], shape.curve)
        return crossing.tile_sizes(shape)

    @cached_property
    def machines(self) -> Machines:
        """The numbers of the targets."""
        return machines(self.targets)

    @cached_property
    def base(self) -> Base:
        """The groups of all targets with what they ask, one target after the other."""
        return _base(self)

    @cached_property
    def sheet(self) -> Sheet:
        """What they take."""
        owner = np.repeat(np.arange(len(self.targets)), [len(kinds) for kinds in self.kinds])
        return Sheet(self.base.rows, self.machines.of(owner))

    @cached_property
    def parts(self) -> tuple[slice, ...]:
        """For each target which of all groups are its own."""
        ends = [*itertools.accumulate(map(len, self.kinds), initial=0)]
        return tuple(slice(begin, end) for begin, end in itertools.pairwise(ends))


@dataclass(frozen=True, eq=False, kw_only=True)
class Base:
    """The distinct groups of targets.

    Attributes:
        shapes: (N,) number of the shape of each.
        read_bytes, write_bytes: (N, L) traffic of one trip, without what the layout alone moves.
        footprint_bytes: (N, L) of the tiles, of one instance.
        layout_bytes: (N, 2) read and written for the layout alone, one trip.
        rows: What they ask.
    """

    shapes: IntArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    footprint_bytes: FloatArray
    layout_bytes: FloatArray
    rows: Rows

    @cached_property
    def layout_total_bytes(self) -> FloatArray:
        """(N,) moved for the layout alone, both directions, all trips."""
        found: FloatArray = self.layout_bytes.sum(axis=1) * self.rows.launches
        return found


def _base(batch: Batch) -> Base:
    """The groups of all targets, one target after the other."""
    work, table = batch.work, batch.table
    kinds = [kind for one in batch.kinds for kind in one]
    owner = np.repeat(np.arange(len(batch.targets)), [len(one) for one in batch.kinds])
    which = np.array([batch.shapes[shape] for shape, _ in kinds], dtype=np.int64)
    reads, writes = table.read_bytes[owner, which], table.write_bytes[owner, which]
    alone, footprints = reads + writes, table.footprint_bytes[owner, which]
    shapes = tuple(batch.shapes)
    whole = np.array([float(shape.compulsory_reads + shape.compulsory_writes) for shape in shapes])[which]
    least = whole.copy()
    around = [(number, crossing) for number, (_, crossing) in enumerate(kinds) if crossing is not None]
    if around:
        numbers = np.array([number for number, _ in around])
        boundaries = [len(crossing.moved) for _, crossing in around]
        rows, columns = np.repeat(numbers, boundaries), np.concatenate([np.arange(count) for count in boundaries])
        moved = np.array([pair for _, crossing in around for pair in crossing.moved]).reshape(-1, 2)
        reads[rows, columns], writes[rows, columns] = moved.T
        held = [size for _, crossing in around for size in crossing.footprint_bytes[1:]]
        footprints[rows, columns + 1] = held
        least[numbers] = [crossing.least_bytes for _, crossing in around]
    repeats = np.array([shape.repeat for shape in shapes], dtype=np.float64)[which]
    layout = np.zeros((len(kinds), 2))
    for target, own, part in zip(batch.targets, batch.kinds, batch.parts, strict=True):
        if target.layout is not None:
            layout[part] = [group_layout_bytes(shape, target.layout, crossing) for shape, crossing in own]
    whole = repeats * (whole + layout.sum(axis=1))
    least_bytes = np.repeat(whole[:, None], reads.shape[1], axis=1)
    least_bytes[:, 0] = repeats * least
    with_layout = [array * repeats[:, None] for array in (reads, writes)]
    for direction, array in enumerate(with_layout):
        array[:, 0] += layout[:, direction] * repeats
    asked = Rows(
        engines_s=work.engines_s[owner, which],
        full_engines_s=work.full_engines_s[owner, which],
        runs=work.runs[owner, which],
        compute_j=work.compute_j[owner, which],
        doubtful_s=work.doubtful_s[owner, which],
        doubtful_j=work.doubtful_j[owner, which],
        read_bytes=with_layout[0],
        write_bytes=with_layout[1],
        saved_bytes=(alone - reads - writes) * repeats[:, None],
        whole_bytes=whole,
        least_bytes=least_bytes,
        launches=repeats,
        is_known=np.array([shape.is_known for shape in shapes], dtype=bool)[which],
    )
    return Base(
        shapes=which, read_bytes=reads, write_bytes=writes, footprint_bytes=footprints, layout_bytes=layout, rows=asked
    )
