"""Every choice of tensors that stay in one on-chip level, for graphs whose operators run one by one.

Knows the shapes of the graph and what each operator moves for each tile; tries all subsets, and for each operator all
tiles that fit beside what stays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Step", "Tile", "least_joint_traffic", "least_peak", "least_steady_traffic", "least_traffic"]


@dataclass(frozen=True)
class Tile:
    """Room, and bytes that it moves of each tensor."""

    room: float
    moved: Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """An operator: what it reads and writes, and its tiles."""

    reads: Sequence[str]
    write: str
    tiles: Sequence[Tile]


def least_traffic(steps: Sequence[Step], sizes: Mapping[str, float], outputs: set[str], capacity: float) -> float:
    """The least bytes that cross over all subsets of the activations that stay; outputs are written all the same.

    An input that several steps read may stay as well: it comes in once, whole, with the first of them.
    """
    made = {step.write: number for number, step in enumerate(steps)}
    uses = {name: [n for n, s in enumerate(steps) if name in s.reads] for name in sizes}
    sources = {name: found[0] for name, found in uses.items() if name not in made and len(found) > 1}
    made |= sources
    last = {name: max(uses[name], default=-1) for name in made}
    tensors = [name for name in made if last[name] > made[name]]
    best = math.inf
    for choice in itertools.product((False, True), repeat=len(tensors)):
        kept = {name for name, stays in zip(tensors, choice, strict=True) if stays}
        total = 0.0
        for number, step in enumerate(steps):
            room = capacity - sum(sizes[name] for name in kept if made[name] <= number <= last[name])
            if room < 0:
                total = math.inf
                break
            entering = {name for name, first in sources.items() if first == number}
            total += min(
                (_crossing(tile, step, kept, outputs, sizes, entering) for tile in step.tiles if tile.room <= room),
                default=_crossing(step.tiles[0], step, kept, outputs, sizes, entering),
            )
        best = min(best, total)
    return best


def least_steady_traffic(steps: Sequence[Step], weights: Mapping[str, float], capacity: float) -> float:
    """The least bytes that cross over all sets of weights that lie on chip from run to run; nothing else stays."""
    best = math.inf
    for choice in itertools.product((False, True), repeat=len(weights)):
        kept = {name for name, stays in zip(weights, choice, strict=True) if stays}
        room = capacity - sum(weights[name] for name in kept)
        if room < 0:
            continue
        total = 0.0
        for step in steps:
            moved = [
                sum(count for name, count in tile.moved.items() if name not in kept)
                for number, tile in enumerate(step.tiles)
                if tile.room <= room or number == 0  # a level too small for any tile passes on what the smallest moves
            ]
            total += min(moved)
        best = min(best, total)
    return best


def least_joint_traffic(
    steps: Sequence[Step], sizes: Mapping[str, float], weights: Mapping[str, float], outputs: set[str], capacity: float
) -> float:
    """The least over all sets of weights that lie on chip from run to run, each with all subsets of activations."""
    best = math.inf
    for choice in itertools.product((False, True), repeat=len(weights)):
        kept = {name for name, stays in zip(weights, choice, strict=True) if stays}
        room = capacity - sum(weights[name] for name in kept)
        if room < 0:
            continue
        without = [
            Step(
                step.reads,
                step.write,
                [Tile(t.room, {name: n for name, n in t.moved.items() if name not in kept}) for t in step.tiles],
            )
            for step in steps
        ]
        best = min(best, least_traffic(without, sizes, outputs, room))
    return best


def _crossing(
    tile: Tile, step: Step, kept: set[str], outputs: set[str], sizes: Mapping[str, float], entering: set[str]
) -> float:
    total = 0.0
    for name, moved in tile.moved.items():
        if name not in kept:
            total += moved
        elif name == step.write:
            total += moved - (0.0 if name in outputs else sizes[name])  # partial sums go out and in all the same
        elif name in entering:
            total += sizes[name]
    return total


def least_peak(
    reads: Sequence[Sequence[int]], writes: Sequence[Sequence[int]], sizes: Sequence[int], lasting: set[int]
) -> int:
    """The least peak of live bytes over every topological order, each tensor in a place of its own."""
    makers = {tensor: kernel for kernel, made in enumerate(writes) for tensor in made}
    best = math.inf
    for order in itertools.permutations(range(len(reads))):
        place = {kernel: number for number, kernel in enumerate(order)}
        if any(t in makers and place[makers[t]] >= place[k] for k, names in enumerate(reads) for t in names):
            continue
        peak = 0
        for number in range(len(order)):
            live = 0
            for tensor, size in enumerate(sizes):
                first = place[makers[tensor]] if tensor in makers else 0
                uses = [place[k] for k, names in enumerate(reads) if tensor in names]
                end = len(order) if tensor in lasting else max(uses, default=first)
                live += size if first <= number <= end else 0
            peak = max(peak, live)
        best = min(best, peak)
    return int(best)
