"""In which order can groups from outside run, and in which do they ask to run?"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from onnxroof.mapping.reorder import must_precede
from onnxroof.mapping.storage import Storage

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["ordered", "told_order", "too_early"]


def ordered(store: Storage, label: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """Groups in order of execution, that of the file where it can be, and circles of kernels that keep others from any.

    Args:
        store: Kernels.
        label: The group of each, by the number of its first one.

    A circle lists makers and readers in turn.
    """
    import networkx as nx

    edges: dict[tuple[int, int], tuple[int, int]] = {}
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(dict.fromkeys(label))
    for reader in range(len(store.kernels)):
        for maker in _makers(store, reader):
            if label[maker] != label[reader]:
                edges.setdefault((label[maker], label[reader]), (maker, reader))
                graph.add_edge(label[maker], label[reader])
    knots = [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    if knots:
        return [], [_circle(graph.subgraph(knot), edges) for knot in sorted(knots, key=min)]
    return list(nx.lexicographical_topological_sort(graph)), []


def told_order(
    store: Storage, label: Sequence[int], order: Sequence[int], asked: Mapping[int, tuple[int, Sequence[int]]]
) -> tuple[int, ...]:
    """Kernels in the order that groups ask for, each group whole, whether or not it can run so.

    A group that asks for nothing comes right behind the last one that it reads. Members come in the order in which they
    are named, but behind what they wait for in their group.

    Args:
        store: Kernels.
        label: The group of each, by the number of its first one.
        order: Groups in an order in which they can run.
        asked: By group its place among all, and its kernels in the order in which they are named.
    """
    members: dict[int, list[int]] = {group: [] for group in order}
    for kernel, group in enumerate(label):
        members[group].append(kernel)
    place: dict[int, int] = {}
    for group in order:
        makers = {label[maker] for kernel in members[group] for maker in _makers(store, kernel)}
        place[group] = max((place[maker] for maker in makers if maker != group), default=-1)
        if group in asked:
            place[group], named = asked[group]
            members[group] = [*named]
    before, placed = must_precede(store), dict[int, None]()
    for group in sorted(order, key=place.__getitem__):
        pending = [*reversed(members[group])]
        while pending:
            kernel = pending[-1]
            waits = [other for other in before[kernel] if label[other] == group and other not in placed]
            if waits:
                pending += sorted(waits, reverse=True)
            else:
                placed[pending.pop()] = None
    return tuple(placed)


def too_early(store: Storage, order: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of kernels of which the first would run before the second, for which it has to wait, in an order."""
    place = {kernel: number for number, kernel in enumerate(order)}
    for kernel, others in enumerate(must_precede(store) if place else ()):
        yield from ((kernel, other) for other in sorted(others) if place[other] > place[kernel])


def _makers(store: Storage, kernel: int) -> Iterator[int]:
    """Kernels that make what a kernel reads; what a trip of a loop hands to the next one is made behind its reader."""
    for transfer in store.kernels[kernel].cost.reads:
        maker = store.producers.get(store.root(transfer.tensor), kernel)
        if maker < kernel:
            yield maker


def _circle(graph: nx.DiGraph, edges: Mapping[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Makers and readers in turn along a shortest circle through the first group of a knot."""
    start = min(graph.nodes)
    came: dict[int, int] = {}
    queue = deque([start])
    while start not in came:
        group = queue.popleft()
        for after in graph.successors(group):
            if after not in came:
                came[after] = group
                queue.append(after)
    way = [start]
    while len(way) == 1 or way[-1] != start:
        way.append(came[way[-1]])
    way.reverse()
    return [kernel for pair in itertools.pairwise(way) for kernel in edges[pair]]
