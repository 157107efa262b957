"""Which tensors stay in which on-chip level of a target between operators?

From the innermost level outwards, each level keeps what saves most bytes at the boundary outside it: the least traffic
over all choices, found by walking the steps of the clock with the sets of tensors that are there as states. A set may
never exceed the capacity, and what it takes is taken from the tiles of the groups that run meanwhile: their traffic is
looked up at the capacity that is left. With up to `MOST_STATES` sets at a time the choice is the best there is;
beyond that only those with the least traffic so far are followed, and where many tensors begin at one step those that
can save most. Weights that stay from run to run are chosen together with the others: of a few weights every set is
tried with the best choice of the others beside it; of more, a few sets of different size, filled up as far as that
lowers the traffic.

What stays in a level of several instances is spread over them evenly. A level of unknown capacity keeps everything.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TypeAlias

from onnxroof.mapping.operands import Steps
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.timeline import WRITTEN, Candidate, Timeline, Use
from onnxroof.mapping.traffic import usable_bytes
from onnxroof.targets.model import MemoryLevel

__all__ = ["MOST_STATES", "MOST_WEIGHTS", "Residency", "residency", "what_decides"]

MOST_STATES = 64
"""So many sets of kept tensors are followed at a time: all of them where no more than six tensors compete at once."""

MOST_BEGUN = 4096
"""So many sets are made at most where tensors begin to stay at one step: of six at once all, with all others."""

MOST_WEIGHTS = 8
"""Of so many weights that could lie on chip from run to run every set is tried."""

# Sets of weights that are tried: some at least, and more the fewer steps they have to be tried on.
_LEAST_TRIED, _MOST_TRIED, _TRIED_STEPS = 5, 24, 2048
_TOGETHER = 4
"""So many sizes of what lies on chip from run to run are tried beside the best choice of the rest."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Residency:
    """What stays where on one target.

    Attributes:
        kept: By level, outermost (which is outside of it all) first: the tensors that stay there and in no level
            further inside, with the kernel that brings each in (or `NOBODY`, `WRITTEN`).
        resident_bytes: By level and step, bytes that they take of all instances together.
        room_bytes: By level, what tensors and tiles together may take of all instances.
        instances: By level.
        candidates: What could have stayed.
    """

    kept: tuple[Mapping[str, int], ...]
    resident_bytes: tuple[Sequence[float], ...]
    room_bytes: tuple[float, ...]
    instances: tuple[int, ...]
    candidates: tuple[Candidate, ...]

    def inside(self, boundary: int) -> Mapping[str, int]:
        """What stays inside the boundary between a level and the next one, so that it does not cross it."""
        return {name: payer for kept in self.kept[boundary + 1 :] for name, payer in kept.items()}

    def could_save(self, levels: Sequence[MemoryLevel], apart: Set[str]) -> float:
        """Bytes that others could save in place of what stays now, if some roots need not (`apart` of `residency`).

        All that could stay at some time in room of these counts, though not all of it may fit together.
        """
        freed = [
            [candidate for candidate in self.candidates if candidate.root in kept and candidate.root in apart]
            for kept in self.kept
        ]
        others = [one for one in self.candidates if one.root not in apart and not any(one.root in k for k in self.kept)]
        found = {
            one.root: float(one.saved_bytes)
            for level, room, here in zip(levels[1:], self.room_bytes[1:], freed[1:], strict=True)
            for one in (others if here else ())
            if one.bytes <= room and _word(one) in level.keeps
            if any(one.first <= gone.last and gone.first <= one.last for gone in here)
        }
        return math.fsum(found.values())

    def decisions(self, levels: Sequence[MemoryLevel]) -> tuple[Decision, ...]:
        """One for each tensor that could stay: where it does, or why it does not; none for what no level keeps."""
        place = {name: number for number, kept in enumerate(self.kept) for name in kept}
        found = []
        for candidate in self.candidates:
            keepers = [number for number in range(1, len(levels)) if _word(candidate) in levels[number].keeps]
            if not keepers:
                continue
            figures = {"bytes": float(candidate.bytes), "saved_bytes": float(candidate.saved_bytes)}
            number = place.get(candidate.root)
            if number is not None:
                reason = f"the {_word(candidate)} stays in {levels[number].name} until its last use"
                found.append(Decision(subject=candidate.subject, action="kept", reason=reason, figures=figures))
                continue
            figures["would_save_bytes"] = figures.pop("saved_bytes")
            reason = self._refusal(candidate, levels, keepers)
            found.append(Decision(subject=candidate.subject, action="evicted", reason=reason, figures=figures))
        return tuple(found)

    def _refusal(self, candidate: Candidate, levels: Sequence[MemoryLevel], keepers: Sequence[int]) -> str:
        best = max(keepers, key=lambda number: self.room_bytes[number])
        room = self.room_bytes[best]
        name = levels[best].name
        if candidate.bytes > room:
            return f"it takes {candidate.bytes} B, {name} has {room:.0f} B"
        left = room - max(self.resident_bytes[best][candidate.first : candidate.last + 1])
        if candidate.bytes > left:
            return f"it takes {candidate.bytes} B, and others that save more leave {left:.0f} B in {name}"
        return (
            f"it takes {candidate.bytes} B of the {left:.0f} B that other tensors leave in {name}: "
            "the tiles of the groups that run meanwhile save more with them"
        )


def residency(
    clock: Timeline, levels: Sequence[MemoryLevel], *, state: str = "cold", apart: Set[str] = frozenset()
) -> Residency:
    """The choice for a target.

    Args:
        clock: Of the model.
        levels: Of the target, outermost first.
        state: cold: everything comes from the outermost level in each run; steady: weights may stay from run to run.
        apart: Roots that need not stay, as they pass inside of groups.
    """
    is_steady = state == "steady"
    passing = [one for one in clock.cold if not (is_steady and one.is_weight) and one.root not in apart]
    weights = clock.steady if is_steady else ()
    rooms = tuple(usable_bytes(level) * level.instances for level in levels)
    kept: list[dict[str, int]] = [{} for _ in levels]
    taken = [[0.0] * len(clock.steps) for _ in levels]
    inner = [0.0] * len(clock.steps)  # the most room that a level further inside leaves to tiles
    held: dict[str, int] = {}
    for number in range(len(levels) - 1, 0, -1):
        level = levels[number]
        choice = _Level(clock, rooms[number], held, inner)
        items = [candidate for candidate in passing if _word(candidate) in level.keeps and candidate.root not in held]
        durable = [w for w in weights if w.root not in held] if "weight" in level.keeps else []
        chosen, lasting = choice.together(items, durable)
        room = math.fsum(w.bytes for w in lasting)
        taken[number] = [resident + room for resident in choice.taken(chosen)]
        chosen = [*chosen, *lasting]
        kept[number] = _paid(chosen)
        held |= kept[number]
        inner = [max(most, rooms[number] - resident) for most, resident in zip(inner, taken[number], strict=True)]
    return Residency(
        kept=tuple(kept), resident_bytes=tuple(taken), room_bytes=rooms,
        instances=tuple(level.instances for level in levels), candidates=(*passing, *weights),
    )  # fmt: skip


def what_decides(levels: Sequence[MemoryLevel]) -> Hashable:
    """Equal for levels in which the same stays of any model."""
    return tuple([(usable_bytes(level), level.instances, level.keeps) for level in levels])


def _paid(chosen: Iterable[Candidate]) -> dict[str, int]:
    return {c.root: WRITTEN if c.is_written else c.payer for c in chosen}


def _word(candidate: Candidate) -> str:
    """What `keeps` of a level calls it."""
    return "weight" if candidate.is_weight else "activation"


# Bytes moved so far, bytes resident, and what was chosen as a linked list of numbers.
_Chosen: TypeAlias = "tuple[int, _Chosen] | None"
_State: TypeAlias = tuple[float, float, _Chosen]


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """One level of a target: `held` stays further inside, where tiles have `inner` bytes by step."""

    clock: Timeline
    room: float
    held: Mapping[str, int]
    inner: Sequence[float]

    def curve(self, use: Use, kept: Mapping[str, int]) -> Steps:
        """What a step moves across the boundary outside this level when tensors stay in it."""
        # Of what stays elsewhere only the step's own tensors matter, and there may be thousands.
        held = {name: self.held[name] for name in use.local if name in self.held}
        return use.curve({**held, **kept})

    def moved(self, use: Use, curve: Steps, resident: float) -> float:
        """Bytes of all trips of a step, with so much of the level taken."""
        step = curve.at(max(self.room - resident, self.inner[use.step]))
        return curve.total_bytes(max(step, 0)) * use.shape.repeat

    def taken(self, chosen: Sequence[Candidate]) -> list[float]:
        """Bytes that tensors take, by step."""
        changes = [0.0] * (len(self.clock.steps) + 1)
        sizes = {c.root: float(c.bytes) for c in chosen}
        for c in chosen:
            changes[c.first] += sizes[c.root]
            changes[c.last + 1] -= sizes[c.root]
        found = list(itertools.accumulate(changes[:-1]))
        for step, pairs in self.clock.overlaps.items():
            found[step] -= math.fsum(sizes[y] for x, y in pairs if x in sizes and y in sizes)
        return found

    def passing(self, items: Sequence[Candidate]) -> list[Candidate]:
        """The tensors to keep over a part of the run."""
        items = [item for item in items if float(item.bytes) <= self.room]
        if not items:
            return []
        everything = self.taken(items)
        # Where all fit beside the tile that moves nothing twice, there is nothing to choose.
        crowded = [0]
        for needed, resident in zip(self.clock.needed_bytes, everything, strict=True):
            crowded.append(crowded[-1] + (needed + resident > self.room))
        free = [crowded[item.last + 1] == crowded[item.first] for item in items]
        if all(free):
            return list(items)
        return self._walked(items, free, crowded)

    def _walked(self, items: Sequence[Candidate], free: Sequence[bool], crowded: Sequence[int]) -> list[Candidate]:
        """The best choice by walking the steps with the sets of what is there.

        `free` items stay in any case, so they are in no set: what they take is the same for all.
        """
        sizes = [float(item.bytes) for item in items]
        numbers = {item.root: number for number, item in enumerate(items)}
        begins: dict[int, list[int]] = {}
        ends: dict[int, int] = {}
        for number, item in enumerate(items):
            if not free[number]:
                begins.setdefault(item.first, []).append(number)
                ends[item.last] = ends.get(item.last, 0) | 1 << number
        always = [item for item, is_free in zip(items, free, strict=True) if is_free]
        contested = numbers.keys() - {item.root for item in always}
        beside = self.taken(always)
        states: dict[int, _State] = {0: (0.0, 0.0, None)}
        for step, use in enumerate(self.clock.steps):
            if step in begins:
                states = self._begun(step, states, begins[step], items, beside[step])
            # Where all fits, a step that touches nothing of which some stays tells no set from another.
            if crowded[step + 1] > crowded[step] or (len(states) > 1 and not contested.isdisjoint(use.local)):
                states = self._after(use, states, items, numbers, free, beside[step])
            gone = ends.get(step, 0)
            if gone:
                states = _merged(states, gone, sizes)
        best = min(states.values(), key=lambda state: state[0])[2]
        chosen = {number for number, is_free in enumerate(free) if is_free}
        while best is not None:
            chosen.add(best[0])
            best = best[1]
        return [item for number, item in enumerate(items) if number in chosen]

    def _begun(
        self, step: int, states: dict[int, _State], begun: Sequence[int], items: Sequence[Candidate], beside: float
    ) -> dict[int, _State]:
        """The sets with and without what may begin to stay at a step, beside so many bytes that stay in any case."""
        room = self.room - beside
        if step in self.clock.overlaps:
            room += sum(items[number].bytes for number in begun)  # some may lie in the place of others
        before, is_bounded = states, len(states) << len(begun) > MOST_BEGUN
        # What moves, less what is saved from now on.
        left = {mask: moved for mask, (moved, _, _) in states.items()} if is_bounded else {}
        for number in begun:
            bit, size = 1 << number, float(items[number].bytes)
            most = room - size
            added: dict[int, _State] = {
                mask | bit: (moved, resident + size, (number, chosen))
                for mask, (moved, resident, chosen) in states.items()
                if resident <= most
            }
            states = states | added
            if is_bounded:
                left |= {mask: left[mask ^ bit] - items[number].saved_bytes for mask in added}
                if len(states) > MOST_BEGUN:
                    leading = dict.fromkeys([*before, *sorted(left, key=left.__getitem__)[:MOST_BEGUN]])
                    states, left = {mask: states[mask] for mask in leading}, {mask: left[mask] for mask in leading}
        return states

    def _after(
        self,
        use: Use,
        states: Mapping[int, _State],
        items: Sequence[Candidate],
        numbers: Mapping[str, int],
        free: Sequence[bool],
        beside: float,
    ) -> dict[int, _State]:
        """The sets that fit beside so many bytes of `free` items, with what the step moves."""
        local = [numbers[name] for name in use.local if name in numbers]
        always = sum(1 << number for number in local if free[number])
        relevant = sum(1 << number for number in local if not free[number])
        pairs = []
        for result, operand in self.clock.overlaps.get(use.step, ()):
            both = [numbers[name] for name in (result, operand) if name in numbers]
            if len(both) == 2 and not all(free[number] for number in both):  # of two that are free it is in `beside`
                mask = sum(1 << number for number in both if not free[number])
                pairs.append((mask, float(items[both[1]].bytes)))
        curves: dict[int, Steps] = {}
        found = {}
        # As `moved`, written out: there may be a hundred thousand sets.
        inner, repeat, room = self.inner[use.step], use.shape.repeat, self.room - beside
        for mask, (moved, resident, chosen) in states.items():
            left = room - resident
            if pairs:
                left += sum(size for both, size in pairs if mask & both == both)
            if left < 0:
                continue
            here = mask & relevant
            curve = curves.get(here)
            if curve is None:
                kept = here | always
                curve = curves[here] = self.curve(use, _paid(items[n] for n in local if kept >> n & 1))
            tiles = curve.repeats
            place = max(bisect_right(tiles.capacity_bytes, left if left > inner else inner) - 1, 0)
            read, written = tiles.read_bytes[place], tiles.write_bytes[place]
            total = (read + curve.once_read_bytes) + (written + curve.once_write_bytes)
            found[mask] = (moved + total * repeat, resident, chosen)
        if len(found) > MOST_STATES:
            leading = sorted(found, key=lambda mask: found[mask][0])[:MOST_STATES]
            found = {mask: found[mask] for mask in leading}
        return found

    def together(
        self, items: Sequence[Candidate], weights: Sequence[Candidate]
    ) -> tuple[list[Candidate], list[Candidate]]:
        """What stays over a part of the run and what stays from run to run, chosen by what both save.

        For each set of weights that is tried, the best choice of the others in the room that it leaves. Of up to
        `MOST_WEIGHTS` weights every set is tried, of more a few of different size, each filled up with further weights;
        and what is best if weights only take the room that the others leave.
        """
        chosen = self.passing(items)
        if not weights:
            return chosen, []
        rest = self.lasting(weights, chosen, self.taken(chosen))
        if not chosen or len(chosen) + len(rest) == len(items) + len(weights):
            return chosen, rest  # nothing is in the way of anything
        best = (self._total(chosen, rest), chosen, rest)
        ranked = sorted((w for w in weights if w.bytes <= self.room), key=lambda w: (-w.saved_bytes / w.bytes, w.bytes))
        if len(ranked) <= MOST_WEIGHTS:
            tried = [list(c) for n in range(1, len(ranked) + 1) for c in itertools.combinations(ranked, n)]
        else:
            packed = _packed(ranked, self.room)
            tried = [list(packed[number]) for number in _spread(len(packed) - 1, _TOGETHER)]
        for some in tried:
            size = math.fsum(w.bytes for w in some)
            if not some or size > self.room:
                continue
            less = replace(self, room=self.room - size, held={**self.held, **_paid(some)})
            others = less.passing(items)
            if len(ranked) > MOST_WEIGHTS:
                left = [w for w in weights if w not in some]
                some = [*some, *less.lasting(left, others, less.taken(others))]  # noqa: PLW2901
            total = self._total(others, some)
            if total < best[0]:
                best = (total, others, some)
        return best[1], best[2]

    def _total(self, chosen: Sequence[Candidate], weights: Sequence[Candidate]) -> float:
        """Bytes that cross in all steps."""
        paid, taken = {**_paid(chosen), **_paid(weights)}, self.taken(chosen)
        room = math.fsum(w.bytes for w in weights)
        return math.fsum(self.moved(use, self.curve(use, paid), taken[use.step] + room) for use in self.clock.steps)

    def lasting(
        self, weights: Sequence[Candidate], chosen: Sequence[Candidate], taken: Sequence[float]
    ) -> list[Candidate]:
        """The weights to keep from run to run beside what else stays.

        Of up to `MOST_WEIGHTS` that fit, the best set there is. Of more the best of some prefixes by what they save for
        their size, and of some sets that save most of all of their size, both with the tiles that they leave room for.
        """
        most = self.room - max(taken, default=0.0)
        ranked = sorted((w for w in weights if w.bytes <= most), key=lambda w: (-w.saved_bytes / w.bytes, w.bytes))
        kept = _paid(chosen)

        def moved(names: Sequence[Candidate]) -> float:
            paid = {**kept, **_paid(names)}
            room = math.fsum(w.bytes for w in names)
            return math.fsum(self.moved(use, self.curve(use, paid), taken[use.step] + room) for use in self.clock.steps)

        if len(ranked) <= MOST_WEIGHTS:
            every: Iterator[Sequence[Candidate]] = (
                found
                for count in range(len(ranked), -1, -1)
                for found in itertools.combinations(ranked, count)
                if math.fsum(w.bytes for w in found) <= most
            )
            best = min(every, key=moved)
            return list(best)
        sums = list(itertools.accumulate(float(w.bytes) for w in ranked))
        count = sum(total <= most for total in sums)
        packed = _packed(ranked, most)
        parts = max(_LEAST_TRIED, min(_MOST_TRIED, _TRIED_STEPS // len(self.clock.steps)))
        tried: list[Sequence[Candidate]] = [ranked[:number] for number in _spread(count, parts)]
        tried += [packed[number] for number in _spread(len(packed) - 1, parts)]
        best = min(tried, key=moved)
        return list(best)


def _spread(last: int, parts: int) -> list[int]:
    """Numbers from `last` down to 0, about so many equal steps apart."""
    return sorted({round(last * part / parts) for part in range(parts + 1)}, reverse=True)


def _packed(weights: Sequence[Candidate], most: float) -> list[list[Candidate]]:
    """Sets of weights by ascending size, each of which saves more than any smaller one, if tiles are left aside.

    All of them as long as there are no more than `MOST_STATES`, else some of about equal distances in size.
    """
    front: list[tuple[int, int, _Chosen]] = [(0, 0, None)]
    for number, weight in enumerate(weights):
        added = [
            (size + weight.bytes, saved + weight.saved_bytes, (number, chosen))
            for size, saved, chosen in front
            if size + weight.bytes <= most
        ]
        merged = sorted([*front, *added], key=lambda one: (one[0], -one[1]))
        front = [merged[0]]
        for one in merged:
            if one[1] > front[-1][1]:
                front.append(one)
        if len(front) > MOST_STATES:
            last = len(front) - 1
            apart = front[-1][0] / (MOST_STATES - 1)
            kept, due = [], 0.0
            for place, one in enumerate(front):
                if one[0] >= due or place == last:
                    kept.append(one)
                    due = one[0] + apart
            front = kept
    found = []
    for _, _, chosen in front:
        names = []
        while chosen is not None:
            names.append(weights[chosen[0]])
            chosen = chosen[1]  # noqa: PLW2901
        found.append(names[::-1])
    return found


def _merged(states: Mapping[int, _State], gone: int, sizes: Sequence[float]) -> dict[int, _State]:
    """The sets without tensors that nobody needs any more; of equal ones the one that moved least."""
    found: dict[int, _State] = {}
    for mask, (moved, before, chosen) in states.items():
        rest, resident = mask & ~gone, before
        lost = mask & gone
        while lost:
            bit = lost & -lost
            resident -= sizes[bit.bit_length() - 1]
            lost ^= bit
        if rest not in found or moved < found[rest][0]:
            found[rest] = (moved, resident, chosen)
    return found
