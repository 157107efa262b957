"""What do the limits of the search for groups give away? The same with longer runs, where nothing stays on chip, and in
further orders of execution.

A run has at most `MOST_STEPS` steps, what stays on chip is chosen before and after the groups, not with them, and two
orders are tried at most beside that of the file.
Printed is, by policy, the part of the figure that the policy looks for (bytes of `depth-first`, latency of `auto`) that
is left when a limit is lifted: the least of all targets, and how many are below 0.999.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import onnxroof
from onnxroof.ir.workload import Workload
from onnxroof.mapping import planned, segments
from onnxroof.mapping.reorder import chained_orders, must_precede
from onnxroof.mapping.storage import Storage
from onnxroof.roofline.result import PlanResult
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult
from onnxroof.targets.catalog import load_target
from onnxroof.targets.model import Target

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("resnet50", "mobilenet_v2", "efficientnet_b0", "bert_base", "vit_b_16")
BRANCHED = ("resnet18_int8_qdq", "ssdlite320", "bert_base")
LONGER = 14
FURTHER = 5
POLICIES = ("depth-first", "auto")


def shelf() -> list[Target]:
    return [load_target(path.stem) for path in sorted((ROOT / "hwdb").glob("*.toml"))[::6]]


def plans(model: Workload, targets: list[Target]) -> Iterator[tuple[str, PlanResult]]:
    (entry,) = run_study([model], targets).models
    assert isinstance(entry, ModelResult)
    for result in entry.targets:
        for policy in POLICIES:
            yield policy, result.plan(policy)


def aim(policy: str, plan: PlanResult) -> float:
    """What the policy is least in."""
    return next(iter(plan.traffic_bytes.values())) if policy == "depth-first" else plan.latency_s or 0.0


def ratios(with_limit: list[tuple[str, PlanResult]], without: list[tuple[str, PlanResult]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    for (policy, one), (_, other) in zip(with_limit, without, strict=True):
        if aim(policy, one):
            found[policy].append(aim(policy, other) / aim(policy, one))
    return found


def summary(found: dict[str, list[float]]) -> str:
    return ", ".join(
        f"{policy} {min(values):.3f} at least, {sum(value < 0.999 for value in values)} of {len(values)} below 0.999"
        for policy, values in found.items()
    )


@pytest.mark.parametrize("name", MODELS)
def test_limits_of_the_search(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model, targets = onnxroof.load(ROOT / "models" / f"{name}.onnx"), shelf()
    plain = [*plans(model, targets)]
    apart = [
        replace(target, levels=tuple(replace(level, keeps=frozenset()) for level in target.levels))
        for target in targets
    ]
    nothing_stays = ratios(plain, [*plans(model, apart)])
    for limit in ("MOST_STEPS", "MOST_IN_ALL"):
        monkeypatch.setattr(segments, limit, LONGER)
    longer = ratios(plain, [*plans(model, targets)])
    with capsys.disabled():
        print(
            f"\n{name}: runs of {LONGER} steps: {summary(longer)}; nothing stays on chip: {summary(nothing_stays)}",
            end="",
        )
    assert max(longer["depth-first"]) <= 1 + 1e-9  # every run of before is still one
    assert min(min(values) for values in nothing_stays.values()) >= 0.98


def drawn_order(store: Storage, seed: int) -> tuple[int, ...]:
    """Each kernel behind all that must be before it, branches in a random order, each of them to its end."""
    draw, before = random.Random(seed), must_precede(store)
    found: dict[int, None] = {}
    pending = draw.sample(range(len(before)), len(before))
    while pending:
        waits = [kernel for kernel in sorted(before[pending[-1]]) if kernel not in found]
        if waits:
            pending += draw.sample(waits, len(waits))
        else:
            found[pending.pop()] = None
    return tuple(found)


@pytest.mark.parametrize("name", BRANCHED)
def test_further_orders(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model, targets = onnxroof.load(ROOT / "models" / f"{name}.onnx"), shelf()
    plain = [*plans(model, targets)]

    def with_further(store: Storage) -> dict[tuple[int, ...], str]:
        return {**chained_orders(store), **{drawn_order(store, seed): f"drawn {seed}" for seed in range(FURTHER)}}

    monkeypatch.setattr(planned, "chained_orders", with_further)
    further = ratios(plain, [*plans(model, targets)])
    with capsys.disabled():
        print(f"\n{name}: {FURTHER} further orders: {summary(further)}", end="")
    assert max(max(values) for values in further.values()) <= 1 + 1e-9
    assert min(min(values) for values in further.values()) >= 0.95
