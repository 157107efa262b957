"""Groups of consecutive steps against every partition of a graph into groups that can run one after the other."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator

import networkx as nx
import pytest
from oracles.named_stack import named_stack
from oracles.tiny import engine, level, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.fused import fused_curve
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import Storage, storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import Target


def chip(capacity: int) -> Target:
    """A chip on which nothing stays between groups."""
    return target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("sram", f"{capacity} B", "100 GB/s", "1 pJ/B", rest="keeps = []"),
    )


def run(model: Workload, where: Target) -> TargetResult:
    costs = cost_table(model)
    return evaluate(planned(model, costs, storage(model, costs), ("epilogue", "depth-first")), where)


def graph(draw: random.Random, *, is_shuffled: bool) -> str:
    """Five to seven convolutions and pools, some of which read an earlier result or a sum of two.

    As they were made, or each anywhere behind what it reads.
    """
    nodes, weights, names = [], [], ["x"]
    size, channels = 24, 4
    for number in range(draw.randint(5, 7)):
        source = draw.choice(names[-3:]) if draw.random() < 0.6 else names[-1]
        kind = draw.choice(["conv1", "conv3", "conv3", "pool", "sum"])
        pads = "pads=[1,1,1,1]"
        if kind == "pool":
            nodes.append(f"t{number} = AveragePool<kernel_shape=[3,3], {pads}>({source})")
        elif kind == "sum" and len(names) > 1:
            taps = draw.choice([1, 3])
            weights.append(f"float[{channels},{channels},{taps},{taps}] w{number}")
            window = pads if taps == 3 else "pads=[0,0,0,0]"
            nodes.append(f"s{number} = Add({names[-1]}, {draw.choice(names[:-1])})")
            nodes.append(f"t{number} = Conv<{window}>(s{number}, w{number})")
        else:
            taps = 1 if kind == "conv1" else 3
            weights.append(f"float[{channels},{channels},{taps},{taps}] w{number}")
            nodes.append(f"t{number} = Conv<{pads if taps == 3 else 'pads=[0,0,0,0]'}>({source}, w{number})")
        names.append(f"t{number}")
    shape = f"float[1,{channels},{size},{size}]"
    read = " ".join(node.split("=", 1)[1] for node in nodes)
    outputs = [
        name for name in names[1:] if f"({name})" not in read and f"{name}," not in read and f"{name})" not in read
    ]
    declared = f"<{', '.join(weights)}>" if weights else ""
    if is_shuffled:
        nodes = shuffled(draw, nodes)
    return f"g ({shape} x) => ({', '.join(f'{shape} {n}' for n in outputs)}) {declared} {{ {' '.join(nodes)} }}"


def shuffled(draw: random.Random, nodes: list[str]) -> list[str]:
    """The nodes in a random order that can run."""
    made = {node.split(" = ", 1)[0] for node in nodes}
    reads = {node: set(re.findall(r"\w+", node.rsplit("(", 1)[1])) & made for node in nodes}
    found: list[str] = []
    while len(found) < len(nodes):
        known = {node.split(" = ", 1)[0] for node in found}
        found.append(draw.choice([node for node in nodes if node not in found and reads[node] <= known]))
    return found


def partitions(steps: list[int]) -> Iterator[list[frozenset[int]]]:
    """Every partition of a set."""
    if not steps:
        yield []
        return
    first, rest = steps[0], steps[1:]
    for partition in partitions(rest):
        yield [frozenset({first}), *partition]
        for number, part in enumerate(partition):
            yield [*partition[:number], part | {first}, *partition[number + 1 :]]


def least(model: Workload, store: Storage, units: list[tuple[int, ...]], alone: list[float], capacity: int) -> float:
    """The least outermost traffic over all partitions into groups between which the order of execution is no cycle."""
    step_of = {kernel: step for step, unit in enumerate(units) for kernel in unit}
    edges = {
        (step_of[store.producers[store.root(t.tensor)]], step)
        for step, unit in enumerate(units)
        for kernel in unit
        for t in store.kernels[kernel].cost.reads
        if store.root(t.tensor) in store.producers
    }

    @functools.cache
    def price(group: frozenset[int]) -> float:
        if len(group) == 1:
            return alone[next(iter(group))]
        curve = fused_curve(named_stack(store, model.tensors, [units[step] for step in sorted(group)]).stack)
        fitting = curve.total_bytes[curve.capacity_bytes <= capacity]
        return float(fitting.min()) if len(fitting) else float("inf")

    best = sum(alone)
    for partition in partitions(list(range(len(units)))):
        place = {step: number for number, group in enumerate(partition) for step in group}
        between = nx.DiGraph([(place[a], place[b]) for a, b in edges if place[a] != place[b]])
        if nx.is_directed_acyclic_graph(between):
            best = min(best, sum(map(price, partition)))
    return best


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["as made", "shuffled"])
@pytest.mark.parametrize("seed", range(8))
def test_groups_of_consecutive_steps_are_close_to_the_best_of_all(
    seed: int, is_shuffled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(seed)
    model = workload(graph(draw, is_shuffled=is_shuffled))
    costs = cost_table(model)
    store = storage(model, costs)
    capacity = draw.choice([4096, 8192, 16384])
    result = run(model, chip(capacity))
    number = {kernel.op.name: index for index, kernel in enumerate(store.kernels)}
    groups = result.plan("epilogue").groups
    units = [tuple(number[name] for name in group.nodes) for group in groups]
    alone = [group.traffic_bytes["dram"] for group in groups]
    found = result.plan("depth-first").traffic_bytes["dram"]
    best = least(model, store, units, alone, capacity)
    with capsys.disabled():
        print(
            f"\n{len(units)} steps, {capacity} B: {found / best - 1:.2%} above the best, "
            f"{found / sum(alone):.2f} of apart"
        )
    assert best * (1 - 1e-9) <= found <= best * 1.02
