"""One model on target after target: plans are shared, conversions are made once for each type that is forced."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, study, target, workload

from onnxroof.mapping import policies
from onnxroof.mapping.plan import Plan
from onnxroof.mapping.storage import Storage
from onnxroof.study.count import counted
from onnxroof.study.on_targets import OnTargets
from onnxroof.targets.model import Target

DRAM = level("dram", "1 GB", "1 GB/s")
MATMUL = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"


def chip(dtype: str) -> Target:
    unit = "TOP/s" if dtype.startswith("INT") else "TFLOP/s"
    return target(engine("all", "mac vector special", {dtype: f"1 {unit}"}), DRAM, name=dtype.lower())


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Policies in the order in which they were asked for a plan."""
    asked: list[str] = []

    def noting(name: str, store: Storage) -> Plan:
        asked.append(name)
        return originals[name](store)

    originals = dict(policies.POLICIES)
    monkeypatch.setattr(
        policies, "POLICIES", {name: lambda store, name=name: noting(name, store) for name in originals}
    )
    return asked


def test_plans_are_made_once_for_each_precision(planned: list[str]) -> None:
    model = OnTargets(counted(workload(MATMUL)), None, "latency", tf32=True, copies_cache=False, state="cold")
    names = ["FLOAT", "INT8", "FLOAT", "BFLOAT16", "INT8", "BFLOAT16"]
    results = [*model.results([chip(name) for name in names])]
    assert [result.best.assumed_precision for result in results] == [None, "INT8", None, "BFLOAT16", "INT8", "BFLOAT16"]
    assert planned == ["none", "epilogue"] * 3
    # x, w and y cross once: 3 x 4096 elements
    assert [result.plan("epilogue").traffic_bytes["dram"] / 12_288 for result in results] == [4, 1, 4, 2, 1, 2]


def test_one_policy_shows_one_plan(planned: list[str]) -> None:
    model = OnTargets(counted(workload(MATMUL)), "none", "latency", tf32=True, copies_cache=False, state="cold")
    assert [plan.fusion for plan in next(model.results([chip("INT8")])).plans] == ["none"]
    # As it stands, and converted; the groups of the other are the clock of what stays on chip.
    assert planned == ["none", "epilogue"] * 2


def test_work_that_is_folded_has_a_type_too() -> None:
    # Nothing but a batch normalization by constants, in FLOAT, on a target of INT8.
    text = """g (float[1,4,8,8] x) => (float[1,4,8,8] y) <float[4] s, float[4] b, float[4] mean, float[4] var>
        { y = BatchNormalization(x, s, b, mean, var) }"""
    plan = study(text, chip("INT8")).targets[0].plan("none")
    # x and y of 256 elements and four vectors of 4, one byte each.
    assert plan.assumed_precision == "INT8"
    assert plan.traffic_bytes["dram"] == 2 * 256 + 4 * 4


CASTS = """g (float16[64,64] x, float[64,64] z) => (float16[64,64] y, float16[64,64] v) <float[64,64] w> {
    a = Cast <to = 1> (x) m = MatMul(a, w) b = Cast <to = 10> (m) y = Relu(b)
    c = Cast <to = 10> (z) v = Identity(c) }"""


def test_casts_that_a_conversion_leaves_without_work_stay_in_a_group_at_no_cost() -> None:
    exact, converted = study(CASTS, chip("DOUBLE"), chip("INT8")).targets
    assert exact.best.assumed_precision is None
    for plan in (*exact.plans, *converted.plans):
        names = sorted(name for group in plan.groups for name in group.nodes)
        assert names == ["Cast_0", "Cast_2", "Cast_4", "MatMul_1", "Relu_3"]
        assert [group.id for group in plan.groups] == [f"g{i}" for i in range(len(plan.groups))]
    alone = converted.plan("none")
    # The cast in front is listed with its reader, the one behind with its maker, the one of an output by itself.
    assert [group.nodes for group in alone.groups] == [("MatMul_1", "Cast_0", "Cast_2"), ("Relu_3",), ("Cast_4",)]
    assert [group.traffic_bytes["dram"] for group in alone.groups] == [3 * 4_096, 2 * 4_096, 0]
    assert [group.vector_ops for group in alone.groups] == [0, 4_096, 0]
    assert alone.groups[0].op_types == ("MatMul", "Cast", "Cast")


def test_a_model_that_a_conversion_leaves_without_any_work_takes_nothing() -> None:
    text = "g (float[3,4] x) => (float16[3,4] y) { y = Cast <to = 10> (x) }"
    for state in ("cold", "steady"):
        found = study(text, chip("INT8"), state=state).targets[0]
        assert [group.nodes for group in found.best.groups] == [("Cast_0",)]
        assert (found.best.latency_s, found.best.traffic_bytes["dram"]) == (0, 0)


def test_options_reach_the_evaluation() -> None:
    fast = target(engine("all", "mac vector", {"FLOAT": "1 GFLOP/s", "TF32": "4 GFLOP/s"}), DRAM)
    slow, quick = (study(MATMUL, fast, tf32=tf32).targets[0].floor_latency_s for tf32 in (False, True))
    # 524,288 operations of MACs, and 4,096 others which are never TF32
    assert slow == pytest.approx((524_288 + 4_096) * 1e-9)
    assert quick == pytest.approx(524_288 * 0.25e-9 + 4_096 * 1e-9)
    text = "g (float[64,64] p, float[1,64] x) => (float[65,64] q) { k = Exp(x) q = Concat <axis = 0> (p, k) }"
    appended, copied = (
        study(text, fast, copies_cache=copies).targets[0].plan("none").traffic_bytes["dram"] for copies in (False, True)
    )
    assert (appended, copied) == (4 * 256, 2 * 256 + 2 * 65 * 256)
