"""Traps of counting, on whole models from file to totals. Sizes vary: a rule is right, not a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.tiny import engine, level, model, study, target

from onnxroof.ir.op import OpKind
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult, NodeResult


def node(result: ModelResult, op_type: str) -> NodeResult:
    """The only node of a type."""
    (found,) = [one for one in result.nodes if one.op_type == op_type]
    return found


def moved(one: NodeResult) -> int:
    assert one.read_bytes is not None
    assert one.write_bytes is not None
    return one.read_bytes + one.write_bytes


# -- views, constants, shape arithmetic ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "view",
    [
        "y = Reshape(x, s)",
        "y = Flatten(x)",
        "y = Identity(x)",
        "y = Squeeze(x)",
        "y = Dropout(x)",
        "y = Cast <to = 1> (x)",
        "y = Transpose <perm = [1, 0, 2]> (x)",  # moves an axis of size 1 past another
    ],
)
def test_trap_11_views_cost_nothing(view: str) -> None:
    result = study(f"g (float[1,64,5] x) => (y) <int64[2] s = {{64, 5}}> {{ {view} }}")
    (one,) = result.nodes
    assert one.kind is OpKind.VIEW
    assert (one.macs, one.vector_ops, moved(one)) == (0, 0, 0)
    assert result.totals.read_bytes == 0


def test_trap_11_a_transpose_that_moves_data_is_no_view() -> None:
    one = node(study("g (float[3,64,5] x) => (float[64,3,5] y) { y = Transpose <perm = [1, 0, 2]> (x) }"), "Transpose")
    assert one.kind is OpKind.MOVE
    assert moved(one) == 2 * 3 * 64 * 5 * 4


@pytest.mark.parametrize(("heads", "tokens"), [(32, 1024), (3, 17)])
def test_trap_12_a_mask_that_is_broadcast_is_read_at_its_own_size(heads: int, tokens: int) -> None:
    scores = heads * tokens * tokens * 4
    shape = f"float[1,{heads},{tokens},{tokens}]"
    direct = study(f"g ({shape} x, float[1,1,1,{tokens}] m) => ({shape} y) {{ y = Add(x, m) }}")
    assert moved(node(direct, "Add")) == 2 * scores + tokens * 4
    assert (direct.totals.macs, direct.totals.vector_ops) == (0, heads * tokens * tokens)
    alone = study(
        f"g ({shape} x, float[1,1,1,{tokens}] m) => ({shape} y) <int64[4] s = {{1, {heads}, {tokens}, {tokens}}}> "
        "{ e = Expand(m, s) y = Add(x, e) }"
    )
    expand = node(alone, "Expand")
    assert (expand.macs, expand.vector_ops, expand.read_bytes, expand.write_bytes) == (0, 0, tokens * 4, scores)


@pytest.mark.parametrize(
    ("a", "b", "sizes", "elements"),
    [("8,1,5", "1,7,5", (40, 35), 280), ("5", "3,5", (5, 15), 15), ("1", "9", (1, 9), 9)],
)
def test_trap_13_one_operation_for_each_output_element(a: str, b: str, sizes: tuple[int, int], elements: int) -> None:
    one = node(study(f"g (float[{a}] x, float[{b}] z) => (y) {{ y = Mul(x, z) }}"), "Mul")
    assert (one.vector_ops, one.macs) == (elements, 0)
    assert moved(one) == 4 * (sum(sizes) + elements)


@pytest.mark.parametrize("batch", [1, 6])
def test_trap_14_shape_arithmetic_is_for_the_host(batch: int) -> None:
    result = study(
        """g (float[N,4,16] x) => (float[N,64] y) {
        s = Shape(x) i = Constant <value_int = 0> () n = Gather(s, i) a = Constant <value_ints = [0]> ()
        u = Unsqueeze(n, a) minus = Constant <value_ints = [-1]> () to = Concat <axis = 0> (u, minus)
        r = Relu(x) y = Reshape(r, to) }""",
        dims={"N": batch},
    )
    kinds = {one.op_type: one.kind for one in result.nodes}
    assert [kinds[name] for name in ("Shape", "Gather", "Unsqueeze", "Concat")] == [OpKind.HOST] * 4
    assert kinds["Constant"] is OpKind.CONSTANT
    assert result.totals.vector_ops == batch * 64
    assert (result.totals.read_bytes, result.totals.write_bytes) == (batch * 256, batch * 256)
    assert node(result, "Reshape").outputs[0].shape == (batch, 64)


def test_trap_15_constants_that_nodes_make_are_weights_and_cost_nothing() -> None:
    result = study(
        """g (float[8,32] x) => (float[8,64] y) <float[64,32] w> {
        k = Constant <value_floats = [1.0]> () s = Constant <value_ints = [32]> ()
        ones = ConstantOfShape <value = float[1] {1.0}> (s)
        t = Transpose(w) c = Cast <to = 1> (t) i = Identity(c) h = Mul(x, ones) y = MatMul(h, i) }"""
    )
    assert [one.kind for one in result.nodes].count(OpKind.CONSTANT) == 6
    assert (result.parameter_count, result.parameter_bytes) == (64 * 32 + 32, (64 * 32 + 32) * 4)
    # Mul: x, 32 ones, h; MatMul: h, w, y
    assert result.totals.read_bytes == (256 + 32 + 256 + 2_048) * 4
    assert result.totals.weight_bytes == (32 + 2_048) * 4


@pytest.mark.parametrize(("vocabulary", "width"), [(1000, 64), (77, 12)])
def test_trap_16_a_tied_weight_is_stored_once_and_read_for_each_use(vocabulary: int, width: int) -> None:
    result = study(
        f"""g (int64[8] i) => (float[8,{vocabulary}] y) <float[{vocabulary},{width}] table>
        {{ e = Gather(table, i) t = Transpose(table) y = MatMul(e, t) }}"""
    )
    assert (result.parameter_count, result.parameter_bytes) == (vocabulary * width, vocabulary * width * 4)
    assert result.totals.weight_bytes == (8 * width + vocabulary * width) * 4
    assert result.totals.macs == 8 * vocabulary * width


# -- control flow -------------------------------------------------------------------------------------------------

LOOP = """g (float[4,16] x, int64 n, bool go) => (float[4,16] y)
    <float[16,16] w, int64 ten = {{10}}, bool on = {{1}}> {{
    y = Loop ({trips}) <body = b (int64 i, bool c, float[4,16] h) => (bool c2, float[4,16] h2) {{
        c2 = Identity(c) h2 = MatMul(h, w) }}> }}"""


def test_trap_17_a_loop_counts_its_trips() -> None:
    result = study(LOOP.format(trips="ten, on, x"))
    body = node(result, "MatMul")
    assert (body.repeat, body.macs) == (10, 4 * 16 * 16)  # a node's own figures are those of one trip
    assert result.totals.macs == 10 * 4 * 16 * 16
    assert result.totals.weight_bytes == 10 * 16 * 16 * 4
    assert result.parameter_count == 256
    assert result.dims == ()


@pytest.mark.parametrize(("given", "trips", "source"), [({}, 1, "default"), ({"decode.trips": 37}, 37, "given")])
def test_trap_17_an_unknown_trip_count_is_a_named_dimension(given: dict[str, int], trips: int, source: str) -> None:
    text = LOOP.format(trips="n, go, x").replace("y = Loop", "[decode] y = Loop")
    result = study(text, dims=given)
    assert [(dim.name, dim.value, dim.source) for dim in result.dims] == [("decode.trips", trips, source)]
    assert result.totals.macs == trips * 4 * 16 * 16


@pytest.mark.parametrize("length", [1, 12])
def test_trap_17_a_scan_counts_each_element_of_what_it_walks(length: int) -> None:
    result = study(
        """g (float[T,16] xs, float[16] h) => (float[16] last, float[T,16] ys) <float[16,16] w> {
        last, ys = Scan <num_scan_inputs = 1, body = b (float[16] s, float[16] x) => (float[16] s2, float[16] o) {
            m = MatMul(s, w) s2 = Add(m, x) o = Tanh(s2) }> (h, xs) }""",
        dims={"T": length},
    )
    totals = result.totals
    assert (totals.macs, totals.vector_ops, totals.special_ops) == (length * 256, length * 16, length * 16)


def test_trap_17_a_loop_without_trips_does_nothing() -> None:
    result = study(LOOP.format(trips="n, go, x").replace("y = Loop", "[l] y = Loop"), dims={"l.trips": 0})
    assert result.totals.macs == 0
    assert result.coverage == 1.0


IF = """g (bool p, float[4,16] x) => (float[4,16] y)
    <float[16,16] w, float[16,32] u, float[32,16] v, bool no = {{0}}> {{
    y = If ({condition}) <then_branch = a () => (float[4,16] t) {{ h = MatMul(x, u) t = MatMul(h, v) }},
                         else_branch = b () => (float[4,16] e) {{ e = MatMul(x, w) }}> }}"""


def test_trap_18_one_branch_counts_the_larger_unless_the_condition_is_known() -> None:
    larger = study(IF.format(condition="p"))
    assert larger.totals.macs == 2 * 4 * 16 * 32
    assert any("branch" in note for note in larger.notes)
    known = study(IF.format(condition="no"))
    assert known.totals.macs == 4 * 16 * 16
    assert known.notes == ()
    assert known.parameter_count == 256  # weights of the other branch are not read


def test_trap_19_functions_are_inlined_and_keep_their_call_path() -> None:
    result = study(
        """<ir_version: 10, opset_import: ["" : 21, "f" : 1]>
        g (float[4,16] x) => (float[4,16] y) <float[16,32] w, float[32,16] v> {
            [up] h = f.Block(x, w) [down] y = f.Block(h, v) }
        <domain: "f", opset_import: ["" : 21, "f" : 1]> Block (a, b) => (c) { d = f.Product(a, b) c = Relu(d) }
        <domain: "f", opset_import: ["" : 21]> Product (a, b) => (c) { c = MatMul(a, b) }"""
    )
    products = [one for one in result.nodes if one.op_type == "MatMul"]
    assert [one.macs for one in products] == [4 * 16 * 32] * 2
    assert [one.scope.split("/")[0] for one in products] == ["up", "down"]
    assert len({one.name for one in result.nodes}) == len(result.nodes)
    assert result.totals.vector_ops == 4 * 32 + 4 * 16


@pytest.mark.parametrize(("mode", "taps"), [("nearest", 0), ("linear", 2 + 2), ("cubic", 4 + 4)])
def test_trap_20_a_resize_takes_its_taps_and_no_macs(mode: str, taps: int) -> None:
    result = study(
        f"""g (float[1,3,10,12] x) => (float[1,3,20,24] y) <float[4] s = {{1.0, 1.0, 2.0, 2.0}}>
        {{ y = Resize <mode = "{mode}"> (x, , s) }}"""
    )
    one = node(result, "Resize")
    assert one.macs == 0
    assert (one.vector_ops == 0) == (taps == 0)
    assert moved(one) == (3 * 120 + 3 * 480) * 4


# -- numbers of few bits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "size"), [(64, 32), (8, 10)])
def test_trap_22_a_quantized_convolution_moves_bytes_not_floats(channels: int, size: int) -> None:
    shape, weights = channels * size * size, channels * channels * 9
    result = study(
        f"""g (float[1,{channels},{size},{size}] x) => (float[1,{channels},{size},{size}] y)
        <int8[{channels},{channels},3,3] w, float sx = {{0.1}}, float sw = {{0.2}}, float sy = {{0.3}}, int8 z = {{0}}>
        {{ q = QuantizeLinear(x, sx, z) dx = DequantizeLinear(q, sx, z) dw = DequantizeLinear(w, sw, z)
        c = Conv <pads = [1, 1, 1, 1]> (dx, dw) qy = QuantizeLinear(c, sy, z) y = DequantizeLinear(qy, sy, z) }}"""
    )
    conv = node(result, "Conv")
    assert conv.compute_type == "INT8"
    assert conv.macs == shape * channels * 9
    # Scales of 4 B (input, weights, output) and zero points of 1 B, shared ones once: 13 B.
    assert moved(conv) == 2 * shape + weights + 13
    kinds = [one.kind for one in result.nodes]
    assert kinds.count(OpKind.ABSORBED) == 3  # both before the convolution, one behind it
    # Floats at the real borders only: x in and q out, q of the result in and y out, with a scale and a zero point each.
    whole = result.totals.read_bytes + result.totals.write_bytes  # type: ignore[operator]
    assert whole == 2 * shape + weights + 13 + 2 * (5 * shape + 5)
    if channels == 64:
        assert moved(conv) == 167_936 + 13
        assert whole / 1e6 == pytest.approx(0.823, abs=1e-3)


def test_trap_22_an_unmatched_pair_stays_as_its_own_nodes() -> None:
    result = study(
        """g (float[64] x) => (float[64] y) <float s = {0.1}, int8 z = {0}>
        { q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Softmax(d) }"""
    )
    assert [one.kind for one in result.nodes] == [OpKind.COMPUTE] * 3
    assert moved(node(result, "QuantizeLinear")) == 64 * 5 + 5


@pytest.mark.parametrize(("depth", "columns", "rows"), [(1024, 1024, 1), (256, 96, 5)])
def test_trap_23_four_bits_are_packed_and_dequantized_on_the_fly(depth: int, columns: int, rows: int) -> None:
    result = study(
        f"""g (float[{rows},{depth}] x) => (float[{rows},{columns}] y)
        <int4[{depth},{columns}] w, float[{depth // 32},{columns}] s>
        {{ d = DequantizeLinear <axis = 0, block_size = 32> (w, s) y = MatMul(x, d) }}"""
    )
    product = node(result, "MatMul")
    packed = depth * columns // 2 + depth // 32 * columns * 4
    assert moved(product) == packed + rows * (depth + columns) * 4
    assert (depth, columns, rows) != (1024, 1024, 1) or moved(product) == 663_552
    assert product.compute_type == "FLOAT"  # not at the rate of INT4
    assert (product.macs, product.vector_ops) == (rows * depth * columns, depth * columns)
    assert result.parameter_bytes == packed


@pytest.mark.parametrize(("k", "n", "m", "block"), [(1024, 4096, 1, 32), (256, 48, 3, 64)])
def test_trap_24_a_product_with_packed_weights(k: int, n: int, m: int, block: int) -> None:
    result = study(
        f"""g (float[{m},{k}] a) => (float[{m},{n}] y)
        <uint8[{n},{k // block},{block // 2}] b, float[{n},{k // block}] s>
        {{ y = com.microsoft.MatMulNBits <K = {k}, N = {n}, bits = 4, block_size = {block}> (a, b, s) }}"""
    )
    one = node(result, "MatMulNBits")
    assert (one.macs, one.vector_ops) == (m * n * k, n * k)
    assert moved(one) == n * k // 2 + n * k // block * 4 + (m * k + m * n) * 4


# -- attention ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heads", "kv_heads", "width", "past"), [(32, 8, 128, 1023), (6, 2, 16, 40)])
def test_trap_25_a_decode_step_reads_the_cache_of_key_value_heads_and_appends_to_it(
    heads: int, kv_heads: int, width: int, past: int
) -> None:
    text = f"""g (float[1,1,{heads * width}] q, float[1,1,{kv_heads * width}] k, float[1,1,{kv_heads * width}] v,
        float[1,{kv_heads},{past},{width}] pk, float[1,{kv_heads},{past},{width}] pv, int32[1] l, int32 t)
        => (float[1,1,{heads * width}] y, float[1,{kv_heads},{past + 1},{width}] nk,
        float[1,{kv_heads},{past + 1},{width}] nv)
        {{ y, nk, nv = com.microsoft.GroupQueryAttention <num_heads = {heads}, kv_num_heads = {kv_heads}>
            (q, k, v, pk, pv, l, t) }}"""
    one = node(study(text), "GroupQueryAttention")
    assert one.macs == 2 * heads * (past + 1) * width
    token = 2 * kv_heads * width * 4  # key and value of a token
    lengths = 4 + 4
    assert one.read_bytes == heads * width * 4 + token + past * token + lengths
    assert one.write_bytes == heads * width * 4 + token
    if heads == 32:
        assert one.macs == 8_388_608
        assert moved(one) / 1e6 == pytest.approx(8.43, abs=0.001)
    copied = node(study(text, copies_cache=True), "GroupQueryAttention")
    assert copied.write_bytes == heads * width * 4 + (past + 1) * token


@pytest.mark.parametrize(("heads", "kv_heads", "width", "new", "past"), [(32, 8, 128, 128, 0), (4, 2, 8, 5, 30)])
def test_trap_26_attention_counts_the_past_and_query_heads(
    heads: int, kv_heads: int, width: int, new: int, past: int
) -> None:
    caches = f", float[1,{kv_heads},{past},{width}] pk, float[1,{kv_heads},{past},{width}] pv" if past else ""
    outputs = (
        f", float[1,{kv_heads},{past + new},{width}] nk, float[1,{kv_heads},{past + new},{width}] nv" if past else ""
    )
    call = "y, nk, nv = Attention" if past else "y = Attention"
    result = study(
        f"""g (float[1,{new},{heads * width}] q, float[1,{new},{kv_heads * width}] k,
        float[1,{new},{kv_heads * width}] v{caches})
        => (float[1,{new},{heads * width}] y{outputs}) {{
        {call} <q_num_heads = {heads}, kv_num_heads = {kv_heads}> (q, k, v{", , pk, pv" if past else ""}) }}"""
    )
    one = node(result, "Attention")
    assert one.macs == 2 * heads * new * (past + new) * width
    assert (heads, new) != (32, 128) or one.macs == 134_217_728
    cache = 2 * kv_heads * width * 4
    assert one.read_bytes == 4 * new * heads * width + new * cache + past * cache
    assert one.write_bytes == 4 * new * heads * width + (new * cache if past else 0)


def test_trap_27_attention_as_one_operator_keeps_its_scores_to_itself() -> None:
    # 4 heads, 100 tokens, 16 wide: q, k, v and y of 6,400 elements each, scores of 40,000.
    head = "float[1,4,100,16]"
    fused = study(f"g ({head} q, {head} k, {head} v) => ({head} y) {{ y = Attention(q, k, v) }}")
    assert moved(node(fused, "Attention")) == 4 * 6_400 * 4
    apart = study(
        f"""g ({head} q, {head} k, {head} v) => ({head} y) {{
        t = Transpose <perm = [0, 1, 3, 2]> (k) s = MatMul(q, t) p = Softmax(s) y = MatMul(p, v) }}"""
    )
    assert apart.totals.macs == fused.totals.macs == 2 * 40_000 * 16
    products = [moved(one) for one in apart.nodes if one.op_type == "MatMul"]
    assert sum(products) + moved(node(apart, "Softmax")) == (4 * 6_400 + 4 * 40_000) * 4


# -- what is not known, and what is not meant ---------------------------------------------------------------------


@pytest.mark.parametrize("placeholder", ["?", "", "None", "unk__12", -1])
def test_trap_31_placeholders_are_not_one_dimension(placeholder: str | int, tmp_path: Path) -> None:
    # Rows and columns of x have the same placeholder: they may differ all the same.
    proto = model("g (float[R,C] x) => (float[R2,C2] y) { y = Relu(x) }")
    for value in (proto.graph.input[0], proto.graph.output[0]):
        for dim in value.type.tensor_type.shape.dim:
            if isinstance(placeholder, int):
                dim.dim_value = placeholder
            else:
                dim.dim_param = placeholder
    path = tmp_path / "placeholders.onnx"
    path.write_bytes(proto.SerializeToString())
    (counted,) = run_study([path], None).models
    assert isinstance(counted, ModelResult)
    assert len(counted.dims) == 2
    assert all(dim.value > 0 and dim.source == "default" for dim in counted.dims)
    given = {dim.name: extent for dim, extent in zip(counted.dims, (3, 5), strict=True)}
    (counted,) = run_study([path], None, dims=given).models
    assert isinstance(counted, ModelResult)
    assert counted.totals.vector_ops == 15


def test_trap_34_an_unknown_operator_is_listed_and_its_bytes_count() -> None:
    result = study(
        """g (float[8,16] x) => (float[8,16] y) <float[16,16] w, float[8,16] m, float[8,16] q>
        { m = MatMul(x, w) q = my.domain.Foo(m) y = Relu(q) }"""
    )
    foo = node(result, "Foo")
    assert foo.kind is OpKind.UNKNOWN
    assert (foo.macs, foo.vector_ops, foo.special_ops) == (None, None, None)
    assert (foo.read_bytes, foo.write_bytes) == (512, 512)
    assert [(one.node, one.op_type, one.domain) for one in result.unresolved] == [("Foo_1", "Foo", "my.domain")]
    assert result.coverage == pytest.approx(2 / 3)
    assert (result.totals.macs, result.totals.vector_ops) == (None, None)
    assert result.totals.read_bytes == 512 + 1_024 + 512 + 512  # known all the same


def test_trap_34_bytes_of_which_a_part_is_unknown_are_unknown() -> None:
    result = study("g (float[8,16] x) => (float[8,16] y) { q = my.domain.Foo(x) r = Relu(q) y = my.domain.Bar(r) }")
    assert [(one.read_bytes, one.write_bytes) for one in result.nodes] == [(None, None)] * 3
    assert result.totals.read_bytes is None
    assert (result.coverage, result.peak_activation_bytes) == (0.0, None)


def test_trap_34_a_rule_without_shapes_is_unknown_in_bytes_too() -> None:
    # The product has a rule; one of its operands has no shape, so not all of its bytes are known.
    result = study(
        """g (float[8,16] x) => (float[8,16] y) <float[16,16] w>
        { q = my.domain.Foo(x) m = MatMul(q, w) y = my.domain.Bar(m) }"""
    )
    product = node(result, "MatMul")
    assert (product.macs, product.read_bytes, product.weight_bytes, product.write_bytes) == (None,) * 4
    assert result.totals.weight_bytes is None


def test_trap_35_a_group_takes_the_longest_of_its_terms_not_their_sum() -> None:
    # 64^3 MACs at 1 TFLOP/s take 0.52 us, 49,152 B at 100 GB/s 0.49 us.
    chip = target(engine("all", "mac", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "100 GB/s"))
    result = study("g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }", chip)
    assert result.targets[0].plan("none").latency_s == pytest.approx(524_288e-12)
