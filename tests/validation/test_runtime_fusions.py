"""Groups of our policies beside the fusions that ONNX Runtime really made, model by model: what agrees, and why not.

An edge between two operators that run is *theirs* if one node of the optimized graph stands for both, *ours* if one
group of the epilogue policy holds both. Each edge of only one side has a class of reason, found from the operators and
the decisions, not from a list of models. Agreement is the share of edges on which both say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from onnxroof.errors import ModelError
from onnxroof.frontend.runtime_graph import runtime_graph
from onnxroof.mapping.correspondence import Correspondence, correspondence
from onnxroof.mapping.policies import plan
from onnxroof.mapping.storage import Storage
from onnxroof.study.count import counted
from onnxroof.study.load import load
from tests.oracles.optimized import optimized, runnable_model

ROOT = Path(__file__).resolve().parents[2]
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MODELS = [*sorted((ROOT / "models").glob("*.onnx")), *sorted(LIGHT.glob("light_*.onnx"))]

FOLDED = "theirs alone: the scale and shift is folded into the weights"
PATTERN = "theirs alone: a pattern of several operators has one kernel"
AHEAD = "theirs alone: an operator is fused into the one behind it"
TWO_OPERANDS = "ours alone: it joins two results, and their kernel takes one"
NO_KERNEL = "ours alone: they have no fused kernel for this pair"


def _edges(store: Storage) -> Iterator[tuple[int, int]]:
    for reader, kernel in enumerate(store.kernels):
        makers = {store.producers.get(store.root(transfer.tensor), reader) for transfer in kernel.cost.reads}
        yield from ((maker, reader) for maker in sorted(makers) if maker < reader)


def _theirs(found: Correspondence) -> dict[str, int]:
    return {name: number for number, (_, names) in enumerate(found.regions) for name in names}


def _class(store: Storage, edge: tuple[int, int], members: int, *, is_theirs: bool) -> str:
    reader = store.kernels[edge[1]]
    if not is_theirs:
        results = {store.producers.get(store.root(t.tensor)) for t in reader.cost.reads} - {None}
        return TWO_OPERANDS if len(results) > 1 else NO_KERNEL
    if reader.cost.is_foldable:
        return FOLDED
    return PATTERN if members > 2 else AHEAD


@pytest.mark.exam
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_epilogue_groups_beside_the_fusions_of_the_runtime(path: Path, tmp_path: Path) -> None:
    workload = load(path)
    try:
        model = runnable_model(path, workload)
    except ModelError as error:
        pytest.skip(f"not run here: {error.diagnostics[0].message}")
    try:
        file = optimized(model, tmp_path / "optimized.onnx")
    except Exception as error:  # the runtime raises many types of its own, none of them documented
        pytest.skip(f"the runtime does not take it: {str(error).splitlines()[0][:120]}")
    count = counted(workload)
    store = count.store
    found = correspondence(runtime_graph(file), count.workload, store)
    theirs = _theirs(found)
    ours = {name: n for n, group in enumerate(plan("epilogue", store).groups) for name in group.ops}
    running = {kernel.op.name for kernel in store.kernels}
    sizes = Counter(theirs[name] for name in running if name in theirs)
    both = neither = 0
    differences: Counter[str] = Counter()
    pairs: dict[str, Counter[str]] = {}
    for edge in _edges(store):
        maker, reader = (store.kernels[kernel].op.name for kernel in edge)
        is_theirs = maker in theirs and theirs[maker] == theirs.get(reader)
        is_ours = ours[maker] == ours[reader]
        both += is_theirs and is_ours
        neither += not is_theirs and not is_ours
        if is_theirs != is_ours:
            reason = _class(store, edge, sizes[theirs.get(reader, -1)], is_theirs=is_theirs)
            differences[reason] += 1
            pairs.setdefault(reason, Counter())[" -> ".join(store.kernels[kernel].op.op_type for kernel in edge)] += 1
    total = both + neither + differences.total()
    unmapped = len(running - theirs.keys())
    print(
        f"\n{path.stem}: {total} edges, agreement {(both + neither) / max(total, 1):.0%} "
        f"(fused by both {both}, by none {neither}); operators in no node of theirs {unmapped}, "
        f"nodes not mapped {len(found.unmapped)}"
    )
    for reason, times in differences.most_common():
        names = ", ".join(f"{pair} {count}" for pair, count in pairs[reason].most_common(4))
        print(f"    {times:4d}  {reason} ({names})")
    assert unmapped <= 0.05 * len(running), "the graphs have little in common: the comparison says nothing"
    # Fusing forward, into the operator behind, is no epilogue: the runtime does it for scales and paddings alone.
    fused = both + differences[FOLDED] + differences[PATTERN] + differences[AHEAD]
    assert differences[AHEAD] <= 0.7 * fused
