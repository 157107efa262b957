"""Which operators fuse, which do not, and the reasons: groups, decisions and traffic of small graphs by hand."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, study, target

from onnxroof.errors import UsageError
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.policies import NAMES, POLICIES, check
from onnxroof.roofline.result import PlanResult

# One level that holds everything: each tensor that enters or leaves a group crosses once.
CHIP = target(engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "1 GB/s"))

# A matrix of 64 x 64 FLOAT.
MATRIX = 16_384
BIAS = 256

WEIGHTS = "<float[64,64] w, float[64,64] v, float[64] b>"


def plans(
    nodes: str, outputs: str = "float[64,64] y", inputs: str = "float[64,64] x", **options: object
) -> list[PlanResult]:
    result = study(f"g ({inputs}) => ({outputs}) {WEIGHTS} {{ {nodes} }}", CHIP, **options).targets[0]
    return [result.plan("none"), result.plan("epilogue")]


def fused(nodes: str, outputs: str = "float[64,64] y", inputs: str = "float[64,64] x", **options: object) -> PlanResult:
    return plans(nodes, outputs, inputs, **options)[1]


def groups(plan: PlanResult) -> list[str]:
    """Types of the operators of each group."""
    return [" ".join(group.op_types) for group in plan.groups]


def decision(plan: PlanResult, subject: str) -> Decision:
    (found,) = [one for one in plan.decisions if one.subject == subject]
    return found


def traffic(plan: PlanResult) -> list[float]:
    return [group.traffic_bytes["dram"] for group in plan.groups]


def test_without_fusion_each_operator_is_a_group() -> None:
    alone, _ = plans("m = MatMul(x, w) a = Add(m, b) y = Relu(a)")
    assert groups(alone) == ["MatMul", "Add", "Relu"]
    assert not alone.decisions


def test_a_product_takes_its_bias_and_activation_along() -> None:
    plan = fused("m = MatMul(x, w) a = Add(m, b) y = Relu(a)")
    assert groups(plan) == ["MatMul Add Relu"]
    assert traffic(plan) == [3 * MATRIX + BIAS]  # x, w, b in, y out
    first, second = plan.decisions
    assert (first.subject, first.action) == ("MatMul_0 -> Add_1", "fused")
    assert (second.subject, second.action) == ("Add_1 -> Relu_2", "fused")
    assert "element by element" in first.reason
    # What is between two of them is neither written nor read any more.
    assert first.figures == second.figures == {"saved_read_bytes": MATRIX, "saved_write_bytes": MATRIX}


def test_a_tensor_that_is_read_under_two_names_is_saved_once() -> None:
    # A transpose that moves no element past another is a view: both operands of the sum are the bytes of n.
    nodes = "n = Neg(x) s = Transpose <perm = [1, 0]> (n) t = Transpose <perm = [1, 0]> (n) y = Add(s, t)"
    alone, plan = plans(nodes, outputs="float[64,1] y", inputs="float[1,64] x")
    assert (traffic(alone), traffic(plan)) == ([2 * 256, 2 * 256], [2 * 256])
    assert decision(plan, "Neg_0 -> Add_3").figures == {"saved_read_bytes": 256, "saved_write_bytes": 256}


def test_a_tensor_that_is_read_outside_too_is_written_still() -> None:
    plan = fused("m = MatMul(x, w) r = Relu(m) y = MatMul(m, r)")
    assert groups(plan) == ["MatMul Relu", "MatMul"]
    assert traffic(plan) == [4 * MATRIX, 3 * MATRIX]  # x, w in, m and r out; m, r in, y out
    assert decision(plan, "MatMul_0 -> Relu_1").figures == {"saved_read_bytes": MATRIX, "saved_write_bytes": 0}


def test_an_output_that_is_read_inside_is_written_still() -> None:
    plan = fused("m = MatMul(x, w) y = Relu(m)", outputs="float[64,64] y, float[64,64] m")
    assert traffic(plan) == [4 * MATRIX]
    assert decision(plan, "MatMul_0 -> Relu_1").figures["saved_write_bytes"] == 0


def test_fan_out_joins_all_readers_that_work_element_by_element() -> None:
    plan = fused(
        "m = MatMul(x, w) r = Relu(m) t = Tanh(m) n = Neg(m)",
        outputs="float[64,64] r, float[64,64] t, float[64,64] n",
    )
    assert groups(plan) == ["MatMul Relu Tanh Neg"]
    assert traffic(plan) == [2 * MATRIX + 3 * MATRIX]  # m itself is wanted by nobody
    # Each of the three reads is saved, the write with the last of them.
    assert [one.figures["saved_write_bytes"] for one in plan.decisions] == [0, 0, MATRIX]


def test_a_diamond_of_elementwise_operators_is_one_group() -> None:
    plan = fused("m = MatMul(x, w) s = Sigmoid(m) y = Mul(m, s)")
    assert groups(plan) == ["MatMul Sigmoid Mul"]
    assert traffic(plan) == [3 * MATRIX]
    assert sum(sum(one.figures.values()) for one in plan.decisions) == 5 * MATRIX  # m written, read twice; s once each


def test_a_residual_comes_in_as_a_side_input() -> None:
    plan = fused("m = MatMul(x, w) a = Add(m, z) y = Relu(a)", inputs="float[64,64] x, float[64,64] z")
    assert groups(plan) == ["MatMul Add Relu"]
    assert traffic(plan) == [4 * MATRIX]


def test_a_residual_that_the_product_reads_anyway_comes_in_once() -> None:
    plan = fused("m = MatMul(x, w) y = Add(m, x)")
    assert traffic(plan) == [3 * MATRIX]


def test_a_side_input_that_two_members_read_comes_in_once() -> None:
    plan = fused("m = MatMul(x, w) a = Add(m, z) y = Mul(a, z)", inputs="float[64,64] x, float[64,64] z")
    assert traffic(plan) == [4 * MATRIX]


def test_an_operand_that_is_named_twice_is_read_once() -> None:
    alone, plan = plans("m = MatMul(x, x) y = Mul(m, m)")
    assert traffic(alone) == [2 * MATRIX, 2 * MATRIX]
    assert traffic(plan) == [2 * MATRIX]


def test_of_two_producers_the_group_of_the_later_one_is_joined() -> None:
    plan = fused("m = MatMul(x, w) n = MatMul(x, v) y = Add(m, n)")
    assert groups(plan) == ["MatMul", "MatMul Add"]
    assert traffic(plan) == [3 * MATRIX, 4 * MATRIX]  # x, w, m out; x, v, m in, y out
    assert [one.subject for one in plan.decisions] == ["MatMul_1 -> Add_2"]


def test_joining_the_earlier_of_two_groups_would_close_a_cycle_and_is_not_done() -> None:
    # The sum reads r of the first group and n of the second, which itself reads r.
    plan = fused("m = MatMul(x, w) r = Relu(m) n = MatMul(r, v) y = Add(r, n)")
    assert groups(plan) == ["MatMul Relu", "MatMul Add"]
    assert traffic(plan) == [3 * MATRIX, 3 * MATRIX]


def test_a_long_chain_is_one_group() -> None:
    steps = " ".join(f"t{i + 1} = Neg(t{i})" for i in range(99))
    plan = fused(f"t0 = Relu(x) {steps} y = Relu(t99)")
    assert [len(group.nodes) for group in plan.groups] == [101]
    assert traffic(plan) == [2 * MATRIX]


def test_views_in_between_do_not_separate() -> None:
    plan = fused(
        "m = MatMul(x, w) s = Constant <value_ints = [4096]> () f = Reshape(m, s) r = Relu(f) "
        "u = Constant <value_ints = [0]> () y = Unsqueeze(r, u)",
        outputs="float[1,4096] y",
    )
    assert groups(plan) == ["MatMul Relu"]
    assert plan.groups[0].nodes == ("MatMul_0", "Relu_3")  # neither views nor constants are in any group
    assert traffic(plan) == [3 * MATRIX]


@pytest.mark.parametrize(
    ("node", "op_type"),
    [
        ("y = Softmax <axis = 1> (m)", "Softmax"),
        ("y = Transpose(m)", "Transpose"),
        ("y = MatMul(m, v)", "MatMul"),
        ("y = CumSum(m, axis)", "CumSum"),
    ],
)
def test_what_needs_more_than_one_element_does_not_join(node: str, op_type: str) -> None:
    plan = fused(f"axis = Constant <value_int = 0> () m = MatMul(x, w) {node}")
    assert groups(plan) == ["MatMul", op_type]
    (refused,) = plan.decisions
    assert (refused.action, refused.figures) == ("not fused", {})
    assert refused.reason.startswith(f"{op_type} does not work element by element")


def test_a_reduction_does_not_join_and_starts_a_group_of_its_own() -> None:
    plan = fused(
        "m = MatMul(x, w) d = Constant <value_ints = [1]> () s = ReduceSum <keepdims = 1> (m, d) y = Sqrt(s)",
        outputs="float[64,1] y",
    )
    assert groups(plan) == ["MatMul", "ReduceSum Sqrt"]
    assert traffic(plan) == [3 * MATRIX, MATRIX + BIAS]  # m in, 64 roots out


@pytest.mark.parametrize("shape", ["64,1", "1,64", "64"])
def test_a_result_that_is_broadcast_does_not_fuse(shape: str) -> None:
    plan = fused("r = Relu(s) y = Mul(r, x)", inputs=f"float[{shape}] s, float[64,64] x")
    assert groups(plan) == ["Relu", "Mul"]
    assert "broadcasts" in decision(plan, "Relu_0 -> Mul_1").reason
    assert traffic(plan) == [2 * BIAS, 2 * MATRIX + BIAS]


def test_the_borders_of_a_loop_are_those_of_a_group() -> None:
    plan = fused(
        """e = Neg(x) trips = Constant <value_int = 7> () go = Constant <value = bool {1}> ()
        h = Loop (trips, go, e) <body = body (int64 i, bool c, float[64,64] s) => (bool c2, float[64,64] s2) {
            c2 = Identity(c) p = MatMul(s, w) s2 = Relu(p) }>
        y = Exp(h)"""
    )
    assert groups(plan) == ["Neg", "MatMul Relu", "Exp"]
    assert [group.repeat for group in plan.groups] == [1, 7, 1]
    # In each trip the carried state and w come in, the next state goes out.
    assert traffic(plan) == [2 * MATRIX, 7 * 3 * MATRIX, 2 * MATRIX]
    refused = [one for one in plan.decisions if one.action == "not fused"]
    assert all("loop" in one.reason or "element by element" in one.reason for one in refused)
    assert "loop" in refused[-1].reason


def test_what_a_loop_carries_to_its_next_trip_is_written_though_a_member_reads_it() -> None:
    plan = fused(
        """trips = Constant <value_int = 7> () go = Constant <value = bool {1}> ()
        last, y = Loop (trips, go, x) <body = body (int64 i, bool c, float[64,64] s)
            => (bool c2, float[64,64] s2, float[64,64] r) { c2 = Identity(c) s2 = Neg(s) r = Exp(s2) }>""",
        outputs="float[7,64,64] y",
    )
    assert groups(plan) == ["Neg Exp"]
    assert traffic(plan) == [7 * 3 * MATRIX]  # s in, s2 and r out


def test_two_loops_of_as_many_trips_are_not_one() -> None:
    body = """<body = body{n} (int64 i, bool c, float[64,64] s) => (bool c2, float[64,64] s2) {{
        c2 = Identity(c) s2 = {op}(s) }}>"""
    plan = fused(
        "trips = Constant <value_int = 3> () go = Constant <value = bool {1}> () "
        f"h = Loop (trips, go, x) {body.format(n=1, op='Neg')} y = Loop (trips, go, h) {body.format(n=2, op='Exp')}"
    )
    assert groups(plan) == ["Neg", "Exp"]
    assert "loop" in plan.decisions[0].reason


def test_functions_are_no_borders() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "f" : 1]>
        g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = f.Linear(x, w) y = f.Act(m) }
        <domain: "f", opset_import: ["" : 21]> Linear (a, b) => (c) { c = MatMul(a, b) }
        <domain: "f", opset_import: ["" : 21]> Act (a) => (c) { s = Sigmoid(a) c = Mul(a, s) }"""
    plan = study(text, CHIP).targets[0].plan("epilogue")
    assert groups(plan) == ["MatMul Sigmoid Mul"]


def test_nothing_joins_an_operator_that_is_not_known_nor_does_it_join() -> None:
    result = study(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64,64] q>
        { m = MatMul(x, w) q = my.domain.Foo(m) y = Relu(q) }""",
        CHIP,
    ).targets[0]
    plan = result.plan("epilogue")
    assert groups(plan) == ["MatMul", "Foo", "Relu"]
    assert [one.reason for one in plan.decisions] == ["what Foo does is not known"] * 2


def test_a_reader_of_a_whole_cache_does_not_join_what_appends_to_it() -> None:
    plan = fused(
        "k = MatMul(x, w) present = Concat <axis = 0> (past, k) y = Relu(present)",
        inputs="float[64,64] x, float[100,64] past",
        outputs="float[164,64] present, float[164,64] y",
    )
    assert groups(plan) == ["MatMul", "Concat", "Relu"]
    assert "in place" in decision(plan, "Concat_1 -> Relu_2").reason
    # k in, its 64 rows out; 164 rows in and out
    assert traffic(plan)[1:] == [2 * MATRIX, 2 * 164 * 256]


def test_a_reader_of_all_does_not_join_what_writes_a_part_in_place() -> None:
    plan = fused("n = Neg(x) s = ScatterND(n, i, u) y = Relu(s)", inputs="float[64,64] x, int64[2,1] i, float[2,64] u")
    assert groups(plan) == ["Neg", "ScatterND", "Relu"]
    assert traffic(plan) == [2 * MATRIX, 2 * 512 + 16, 2 * MATRIX]
    assert "in place" in decision(plan, "ScatterND_1 -> Relu_2").reason


def test_a_batch_normalization_joins_its_convolution() -> None:
    plan = (
        study(
            """g (float[1,4,8,8] x) => (float[1,16,8,8] y)
        <float[16,4,1,1] w, float[16] s, float[16] b, float[16] mean, float[16] var>
        { c = Conv(x, w) n = BatchNormalization(c, s, b, mean, var) y = Relu(n) }""",
            CHIP,
        )
        .targets[0]
        .plan("epilogue")
    )
    assert groups(plan) == ["Conv BatchNormalization Relu"]
    assert traffic(plan) == [(4 * 64 + 16 * 64 + 64 + 4 * 16) * 4]


def test_what_a_split_hands_out_is_used_at_once() -> None:
    plan = fused("a, c = Split <axis = 1, num_outputs = 2> (x) s = Sigmoid(a) y = Mul(s, c)", outputs="float[64,32] y")
    assert groups(plan) == ["Split Sigmoid Mul"]
    assert traffic(plan) == [MATRIX + MATRIX // 2]


def test_policies_that_do_not_exist_are_refused_with_those_that_do() -> None:
    assert set(POLICIES) == {"none", "epilogue"}
    assert NAMES == ("none", "epilogue", "depth-first", "auto")
    for fusion in NAMES:
        check(fusion)
    with pytest.raises(UsageError, match="no such policy") as wrong:
        check("magic")
    assert "none, epilogue, depth-first, auto" in wrong.value.diagnostics[0].hint
