"""The traps of counting: where counters of operations and bytes go wrong, with the product behind each number."""

from __future__ import annotations

import pytest

from onnxroof.costs.cost import Coverage, OpCost, Work
from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind
from tests.oracles.build import T, cost, make_op, workload

F32 = 4
I64 = DType.INT64
WEIGHT = TensorKind.WEIGHT
MS = "com.microsoft"


def work(found: OpCost) -> Work:
    assert found.work is not None
    return found.work


@pytest.mark.parametrize(
    ("image", "weights", "group", "pad", "result", "macs"),
    [
        # 64*32*32 output elements x 16*3*3
        ((1, 64, 32, 32), (64, 16, 3, 3), 4, 1, (1, 64, 32, 32), 9_437_184),
        # 64*32*32 x 1*3*3
        ((1, 64, 32, 32), (64, 1, 3, 3), 64, 1, (1, 64, 32, 32), 589_824),
        # 2*24*15*15 = 10,800 x 6*5*5 = 150
        ((2, 12, 19, 19), (24, 6, 5, 5), 2, 0, (2, 24, 15, 15), 1_620_000),
    ],
)
def test_01_grouped_convolution_divides_the_input_channels_once(image, weights, group, pad, result, macs):
    attributes = {"group": group, "pads": [pad] * 4}
    assert work(cost("Conv", [image, weights], [result], attributes)).macs == macs
    biased = cost("Conv", [image, weights, (weights[0],)], [result], attributes)
    elements = result[0] * result[1] * result[2] * result[3]
    assert work(biased) == Work(macs=macs, vector_ops=elements)  # one add an output element, never a MAC


@pytest.mark.parametrize(
    ("image", "weights", "result", "attributes", "macs"),
    [
        # 64*32*32 input elements x 32*2*2
        ((1, 64, 32, 32), (64, 32, 2, 2), (1, 32, 64, 64), {"strides": [2, 2]}, 8_388_608),
        # 64*32*32 x 1*4*4
        (
            (1, 64, 32, 32),
            (64, 1, 4, 4),
            (1, 64, 64, 64),
            {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 64},
            1_048_576,
        ),
        # 3*10*7 = 210 x 5*6 = 30
        ((3, 10, 7), (10, 5, 6), (3, 5, 24), {"strides": [3]}, 6_300),
    ],
)
def test_02_transposed_convolution_counts_input_elements(image, weights, result, attributes, macs):
    assert work(cost("ConvTranspose", [image, weights], [result], attributes)).macs == macs


@pytest.mark.parametrize(
    ("image", "weights", "result", "attributes", "macs"),
    [
        # 16*50 output elements x 8*5; kernel_shape is absent
        ((1, 8, 50), (16, 8, 5), (1, 16, 50), {"auto_pad": "SAME_UPPER"}, 32_000),
        # 6*4*5*6 = 720 x 2*3*3*3 = 54
        ((1, 2, 4, 5, 6), (6, 2, 3, 3, 3), (1, 6, 4, 5, 6), {"auto_pad": "SAME_LOWER"}, 38_880),
        # 6*2*3*4 = 144 x 54
        ((1, 2, 4, 5, 6), (6, 2, 3, 3, 3), (1, 6, 2, 3, 4), {"auto_pad": "VALID"}, 7_776),
    ],
)
def test_03_convolution_of_one_and_three_dimensions(image, weights, result, attributes, macs):
    assert work(cost("Conv", [image, weights], [result], attributes)).macs == macs


def test_03_pointwise_convolution_with_stride_two_reads_a_quarter():
    found = cost("Conv", [(1, 8, 10, 6), (4, 8, 1, 1)], [(1, 4, 5, 3)], {"strides": [2, 2]})
    assert found.reads[0].bytes == 8 * 5 * 3 * F32  # every second row and column of 10 x 6


@pytest.mark.parametrize(
    ("left", "right", "result", "macs"),
    [
        ((3, 1, 16, 32), (1, 5, 32, 8), (3, 5, 16, 8), 61_440),  # 3*5*16*8 x 32
        ((4, 16, 32), (32,), (4, 16), 2_048),  # trap 5: 4*16 x 32
        ((32,), (4, 32, 8), (4, 8), 1_024),  # 4*8 x 32
        ((32,), (32,), (), 32),
        ((7, 2, 3), (3, 5), (7, 2, 5), 210),  # 7*2*5 x 3
    ],
)
def test_04_05_matrix_products_broadcast_and_take_vectors(left, right, result, macs):
    assert work(cost("MatMul", [left, right], [result])) == Work(macs=macs)


@pytest.mark.parametrize(
    ("left", "right", "attributes"),
    [
        ((6, 10), (10, 4), {}),
        ((10, 6), (10, 4), {"transA": 1}),
        ((6, 10), (4, 10), {"transB": 1}),
        ((10, 6), (4, 10), {"transA": 1, "transB": 1}),
    ],
)
def test_06_gemm_takes_extents_after_the_transposes(left, right, attributes):
    assert work(cost("Gemm", [left, right, (4,)], [(6, 4)], attributes)) == Work(macs=240, vector_ops=24)


@pytest.mark.parametrize(
    ("equation", "shapes", "result", "macs"),
    [
        # b h i j d = 2*4*64*64*64
        ("bhid,bhjd->bhij", [(2, 4, 64, 64), (2, 4, 64, 64)], (2, 4, 64, 64), 2_097_152),
        ("...ij,...jk->...ik", [(3, 1, 2, 5), (4, 5, 6)], (3, 4, 2, 6), 720),  # 3*4 x 2*5*6
        # (ij,jk) 2*30*3 = 180, then (ik,kl) 2*3*20 = 120; the other way (jk,kl) 30*3*20 = 1800 + 2*30*20
        ("ij,jk,kl->il", [(2, 30), (30, 3), (3, 20)], (2, 20), 300),
        ("ii,ij->j", [(4, 4), (4, 5)], (5,), 20),  # the diagonal: i*j
        ("i,j", [(3,), (4,)], (3, 4), 12),  # implicit result ij
    ],
)
def test_07_einsum_is_the_product_of_the_distinct_labels(equation, shapes, result, macs):
    assert work(cost("Einsum", shapes, [result], {"equation": equation})) == Work(macs=macs)


@pytest.mark.parametrize(("op_type", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize(("direction", "directions"), [("forward", 1), ("bidirectional", 2)])
def test_08_recurrent_operators_count_input_and_hidden_products(op_type, gates, direction, directions):
    time, batch, width, hidden = 7, 3, 10, 6
    attributes = {"hidden_size": hidden, "direction": direction}
    if op_type == "RNN":
        attributes["activations"] = ["Tanh"] * directions
    found = cost(
        op_type,
        [(time, batch, width), (directions, gates * hidden, width), (directions, gates * hidden, hidden)],
        [(time, directions, batch, hidden)],
        attributes,
    )
    # 7*3*directions*(gates*6*10 + gates*6*6)
    assert work(found).macs == 21 * directions * gates * 96
    # 21*10 of X, directions*gates*6*16 of W and R: weights once, whatever the number of steps
    assert found.read_bytes == (210 + directions * gates * 96) * F32
    assert found.write_bytes == 21 * directions * hidden * F32


@pytest.mark.parametrize(
    ("rows", "width", "ids", "moved"),
    [
        (50_000, 256, 8, 16_448),  # 8*256*4 read and written, 8 ids of 8 bytes
        (1_000, 64, 128, 66_560),  # 2 * 128*64*4 + 128*8
    ],
)
def test_09_gather_moves_the_gathered_rows(rows, width, ids, moved):
    found = cost("Gather", [T((rows, width), kind=WEIGHT), T((ids,), I64)], [(ids, width)], {"axis": 0})
    assert (found.kind, work(found)) == (OpKind.MOVE, Work())
    assert found.read_bytes + found.write_bytes == moved
    assert found.read_bytes == ids * width * F32 + ids * 8


def test_09_gather_never_reads_more_than_the_table():
    found = cost("Gather", [(4, 8), T((100,), I64)], [(100, 8)])
    assert found.reads[0].bytes == 4 * 8 * F32


def test_09_scatter_writes_the_updates():
    operands = [(1000, 64), T((5, 1), I64), (5, 64)]
    found = cost("ScatterND", operands, [(1000, 64)])
    assert (found.read_bytes, found.write_bytes) == (5 * 8 + 5 * 64 * F32, 5 * 64 * F32)
    assert found.in_place == (("op.o0", "op.i0"),)
    added = cost("ScatterND", operands, [(1000, 64)], {"reduction": "add"})
    assert (added.read_bytes, work(added)) == (5 * 8 + 2 * 5 * 64 * F32, Work(vector_ops=320))
    # a weight stays as it is: the other 995 rows are copied
    kept = cost("ScatterND", [T((1000, 64), kind=WEIGHT), *operands[1:]], [(1000, 64)])
    assert (kept.read_bytes, kept.write_bytes) == (5 * 8 + 1000 * 64 * F32, 1000 * 64 * F32)


def test_10_slice_split_and_concat_move_what_they_select():
    axes = [T((1,), I64)] * 3
    found = cost("Slice", [(1000, 1000), *axes], [(1, 1000)])
    assert (found.read_bytes, found.write_bytes) == (4_000, 4_000)
    found = cost("Split", [(10, 6)], [(4, 6), None, (3, 6)], {"axis": 0, "num_outputs": 3})
    assert (found.read_bytes, found.write_bytes) == (7 * 6 * F32, 7 * 6 * F32)
    found = cost("Concat", [(10, 6), (2, 6)], [(12, 6)], {"axis": 0})
    assert (found.read_bytes, found.write_bytes) == (12 * 6 * F32, 12 * 6 * F32)


@pytest.mark.parametrize(
    ("op_type", "inputs", "outputs", "attributes"),
    [
        ("Reshape", [(4, 6), T((1,), I64)], [(24,)], {}),
        ("Squeeze", [(4, 1, 6), T((1,), I64)], [(4, 6)], {}),
        ("Unsqueeze", [(4, 6), T((1,), I64)], [(4, 1, 6)], {}),
        ("Flatten", [(4, 2, 3)], [(4, 6)], {}),
        ("Identity", [(4, 6)], [(4, 6)], {}),
        ("Dropout", [(4, 6)], [(4, 6)], {}),
        ("Cast", [(4, 6)], [(4, 6)], {"to": DType.FLOAT.number}),
        ("Transpose", [(4, 1, 6)], [(1, 4, 6)], {"perm": [1, 0, 2]}),
        ("Transpose", [(1, 1, 5)], [(5, 1, 1)], {}),
        ("Shape", [(4, 6)], [T((2,), I64)], {}),
        ("Size", [(4, 6)], [T((), I64)], {}),
    ],
)
def test_11_views_cost_nothing(op_type, inputs, outputs, attributes):
    found = cost(op_type, inputs, outputs, attributes)
    assert (found.kind, work(found), found.reads, found.writes) == (OpKind.VIEW, Work(), (), ())


def test_11_transpose_that_moves_data_reads_and_writes_it():
    found = cost("Transpose", [(4, 5, 6)], [(6, 5, 4)])
    assert (found.kind, found.read_bytes, found.write_bytes) == (OpKind.MOVE, 480, 480)  # 4*5*6*4


def test_12_a_broadcast_mask_is_read_at_its_own_size():
    found = cost("Add", [(1, 32, 1024, 1024), (1, 1, 1, 1024)], [(1, 32, 1024, 1024)])
    scores = 32 * 1024 * 1024 * F32  # 134.2 MB
    assert (found.read_bytes, found.write_bytes) == (scores + 4_096, scores)
    assert work(found) == Work(vector_ops=33_554_432)
    expanded = cost("Expand", [(1, 1, 1, 1024), T((4,), I64)], [(1, 32, 1024, 1024)])
    assert (expanded.kind, expanded.read_bytes, expanded.write_bytes) == (OpKind.MOVE, 4_096, scores)


@pytest.mark.parametrize(
    ("left", "right", "result"), [((5, 1, 3), (4, 1), (5, 4, 3)), ((7,), (), (7,)), ((2, 3), (2, 3), (2, 3))]
)
def test_13_elementwise_ops_are_output_elements(left, right, result):
    found = cost("Mul", [left, right], [result])

    def elements(shape: tuple[int, ...]) -> int:
        count = 1
        for size in shape:
            count *= size
        return count

    assert work(found) == Work(vector_ops=elements(result))
    assert found.read_bytes == (elements(left) + elements(right)) * F32
    assert found.write_bytes == elements(result) * F32


def test_14_15_host_and_constant_nodes_cost_nothing():
    built = [
        make_op("Mul", [(4, 4), (4, 4)], [(4, 4)], name="a", disposition=OpKind.CONSTANT),
        make_op("Gather", [T((4,), I64), T((), I64)], [T((), I64)], name="b", disposition=OpKind.HOST),
        make_op("QuantizeLinear", [(4,), ()], [T((4,), DType.INT8)], name="c", disposition=OpKind.ABSORBED),
        make_op("Scan", [(4,)], [(4,)], name="d", disposition=OpKind.VIEW),
    ]
    table = cost_table(workload(*built))
    assert [found.kind.value for found in table.costs] == ["constant", "host", "absorbed", "view"]
    for column in (table.macs, table.vector_ops, table.special_ops, table.read_bytes, table.write_bytes):
        assert column.tolist() == [0.0] * 4


def test_16_a_weight_is_read_by_each_use():
    shared = T((8, 8), kind=WEIGHT, name="w")
    table = cost_table(
        workload(
            make_op("MatMul", [(2, 8), shared], [(2, 8)], name="a"),
            make_op("MatMul", [(2, 8), shared], [(2, 8)], name="b"),
        )
    )
    assert table.weight_bytes.tolist() == [256.0, 256.0]  # 8*8*4 each
    assert table.read_bytes.tolist() == [320.0, 320.0]  # and 2*8*4


def test_17_figures_are_of_one_trip():
    table = cost_table(workload(make_op("MatMul", [(2, 3), (3, 4)], [(2, 4)], repeat=10)))
    assert table.macs.tolist() == [24.0]


@pytest.mark.parametrize(
    ("mode", "result", "vector_ops"),
    [
        ("nearest", (1, 3, 64, 64), 0),
        ("linear", (1, 3, 64, 64), 3 * 64 * 64 * 4 * 2),  # 2*2 taps of 1 mul and 1 add
        ("cubic", (1, 3, 64, 64), 3 * 64 * 64 * 16 * 2),  # 4*4 taps
        ("linear", (1, 3, 32, 64), 3 * 32 * 64 * 2 * 2),  # one axis is resized
    ],
)
def test_20_resize_counts_taps_as_vector_work(mode, result, vector_ops):
    found = cost("Resize", [(1, 3, 32, 32), None, T((4,))], [result], {"mode": mode})
    assert work(found) == Work(vector_ops=vector_ops)
    assert found.read_bytes == 3 * 32 * 32 * F32
    assert found.write_bytes == 3 * result[2] * 64 * F32


def test_21_vector_and_special_work_are_apart():
    n = 6 * 10
    assert work(cost("Softmax", [(6, 10)], [(6, 10)])) == Work(vector_ops=3 * n, special={"EXP": n, "DIV": n})
    norm = work(cost("LayerNormalization", [(6, 10), (10,), (10,)], [(6, 10)]))
    assert norm == Work(vector_ops=7 * n + 6, special={"SQRT": 6, "DIV": 18})
    assert work(cost("Gelu", [(6, 10)], [(6, 10)])) == Work(vector_ops=4 * n, special={"ERF": n})
    image = (1, 8, 6, 6)
    assert work(cost("MaxPool", [image], [(1, 8, 3, 3)], {"kernel_shape": [2, 2], "strides": [2, 2]})) == Work(
        vector_ops=8 * 9 * 4
    )
    vectors = [T((8,), kind=WEIGHT)] * 4
    norm_cost = cost("BatchNormalization", [image, *vectors], [image])
    assert (work(norm_cost), norm_cost.is_foldable) == (Work(vector_ops=2 * 8 * 36), True)


def test_22_quantized_convolution_computes_and_moves_bytes():
    operands = [T((1, 64, 32, 32), DType.INT8), T((64, 64, 3, 3), DType.INT8, WEIGHT)]
    op, tensors = make_op(
        "Conv",
        operands,
        [T((1, 64, 32, 32), DType.INT8)],
        {"pads": [1] * 4},
        compute_type="INT8",
        parameters=("scale",),
    )
    tensors.update(make_op("Relu", [T((64,), kind=WEIGHT, name="scale")], [None])[1])
    table = cost_table(workload((op, tensors)))
    # 65,536 of x, 36,864 of w, 65,536 of y, 1 byte each; the scales 64*4 beside
    assert table.read_bytes[0] + table.write_bytes[0] == 167_936 + 256
    assert table.macs[0] == 65_536 * 576
    assert table.costs[0].compute_type is DType.INT8
    assert table.weight_bytes[0] == 36_864 + 256


@pytest.mark.parametrize(("width", "block"), [(1024, 32), (256, 64)])
def test_23_packed_weights_and_their_scales(width, block):
    op, tensors = make_op(
        "MatMul",
        [(1, width), T((width, width), DType.INT4, WEIGHT)],
        [(1, width)],
        compute_type="FLOAT",
        parameters=("scale",),
        conversion_ops=width * width,
    )
    scales = T((width // block, width), kind=WEIGHT, name="scale")
    tensors.update(make_op("Relu", [scales], [None])[1])
    found = cost_table(workload((op, tensors)))
    # two weights a byte, fp32 scales, one row in and out: 524,288 + 131,072 + 8,192 = 663,552 for the first
    moved = width * width // 2 + width // block * width * 4 + 2 * width * 4
    assert found.read_bytes[0] + found.write_bytes[0] == moved
    if width == 1024:
        assert moved == 663_552
    assert found.costs[0].compute_type is DType.FLOAT
    assert (found.macs[0], found.vector_ops[0]) == (width * width, width * width)
    assert tensors["op.i1"].bytes == width * width // 2


@pytest.mark.parametrize(
    ("rows", "depth", "columns", "block", "packed", "scales"),
    [
        (1, 1024, 4096, 32, 2_097_152, 524_288),  # 1024*4096/2; 32*4096*4
        (5, 256, 96, 64, 12_288, 1_536),  # 256*96/2; 4*96*4
    ],
)
def test_24_matmul_nbits(rows, depth, columns, block, packed, scales):
    blocks = depth // block
    found = cost(
        "MatMulNBits",
        [(rows, depth), T((columns, blocks, block // 2), DType.UINT8, WEIGHT), T((columns * blocks,), kind=WEIGHT)],
        [(rows, columns)],
        {"K": depth, "N": columns, "bits": 4, "block_size": block},
        domain=MS,
    )
    assert work(found) == Work(macs=rows * depth * columns, vector_ops=depth * columns)
    assert found.read_bytes == packed + scales + rows * depth * F32
    assert found.write_bytes == rows * columns * F32
    assert found.compute_type is DType.FLOAT


def _decode(past: int, total: int, *, copies_cache: bool = False, filled: int | None = None) -> OpCost:
    query, new, kept = (1, 1, 32 * 128), (1, 1, 8 * 128), (1, 8, past, 128)
    present = (1, 8, total, 128)
    return cost(
        "GroupQueryAttention",
        [
            query,
            new,
            new,
            T(kept, kind=TensorKind.INPUT),
            T(kept, kind=TensorKind.INPUT),
            T((1,), DType.INT32),
            T((), DType.INT32, value=filled),
        ],
        [query, T(present, is_output=True), T(present, is_output=True)],
        {"num_heads": 32, "kv_num_heads": 8},
        domain=MS,
        copies_cache=copies_cache,
    )


def test_25_grouped_queries_read_keys_and_values_of_their_own_heads():
    found = _decode(1023, 1024)
    assert work(found).macs == 8_388_608  # 2*32*1*1024*128
    past = 2 * 8 * 1023 * 128 * F32  # 8,380,416
    row, new = 32 * 128 * F32, 2 * 8 * 128 * F32
    assert found.read_bytes == past + row + new + 4 + 4  # and two integers
    assert found.write_bytes == row + new  # the output and the new token alone
    assert found.read_bytes + found.write_bytes == 8_429_576  # 8.43 MB
    assert found.in_place == (("op.o1", "op.i3"), ("op.o2", "op.i4"))


def test_25_a_buffer_of_the_greatest_length_is_read_as_far_as_it_is_filled():
    full, part = _decode(1024, 1024), _decode(1024, 1024, filled=512)
    assert work(full).macs == 8_388_608
    assert work(part).macs == 4_194_304  # 2*32*512*128
    assert full.read_bytes - part.read_bytes == 2 * 8 * 512 * 128 * F32


def test_25_a_copied_cache_is_written_as_a_whole():
    found = _decode(1023, 1024, copies_cache=True)
    assert found.write_bytes == 32 * 128 * F32 + 2 * 8 * 1024 * 128 * F32
    assert found.in_place == ()


@pytest.mark.parametrize("past", [0, 896])
def test_26_attention_counts_the_past(past):
    query, key = (1, 128, 32 * 128), (1, 128, 8 * 128)
    inputs = [query, key, key, None]
    outputs: list[T | tuple[int, ...]] = [query]
    if past:
        inputs += [T((1, 8, past, 128)), T((1, 8, past, 128))]
        outputs += [(1, 8, past + 128, 128)] * 2
    attributes = {"q_num_heads": 32, "kv_num_heads": 8}
    found = cost("Attention", inputs, outputs, attributes)
    keys = past + 128
    assert work(found).macs == 2 * 32 * 128 * keys * 128
    if not past:
        assert work(found).macs == 134_217_728
    assert found.read_bytes == (128 * 4096 + 2 * 8 * keys * 128) * F32
    assert found.write_bytes == (128 * 4096 + (2 * 8 * 128 * 128 if past else 0)) * F32
    causal = cost("Attention", inputs, outputs, {**attributes, "is_causal": 1})
    assert work(causal) == work(found)  # a causal mask halves nothing by itself


def test_26_heads_side_by_side_or_apart_cost_the_same():
    apart = cost("Attention", [(1, 32, 16, 8), (1, 4, 20, 8), (1, 4, 20, 12)], [(1, 32, 16, 12)])
    aside = cost(
        "Attention", [(1, 16, 256), (1, 20, 32), (1, 20, 48)], [(1, 16, 384)], {"q_num_heads": 32, "kv_num_heads": 4}
    )
    assert work(apart) == work(aside)
    assert work(apart).macs == 32 * 16 * 20 * (8 + 12)
    assert (apart.read_bytes, apart.write_bytes) == (aside.read_bytes, aside.write_bytes)


def test_27_fused_attention_moves_no_scores():
    found = cost("Attention", [(2, 4, 64, 16)] * 3, [(2, 4, 64, 16)])
    assert found.read_bytes + found.write_bytes == 4 * 2 * 4 * 64 * 16 * F32  # Q, K, V and O


def _append(*, copies_cache: bool = False, **changed: TensorKind) -> OpCost:
    past = T((1, 8, 100, 16), kind=changed.get("past", TensorKind.INPUT))
    new = T((1, 8, 1, 16), kind=changed.get("new", TensorKind.ACTIVATION))
    result = T((1, 8, 101, 16), is_output=True)
    return cost("Concat", [past, new], [result], {"axis": 2}, copies_cache=copies_cache)


def test_25_concat_that_appends_to_a_cache_moves_the_new_part():
    found = _append()
    assert (found.read_bytes, found.write_bytes, found.appends_to) == (8 * 16 * F32, 8 * 16 * F32, "op.i0")
    assert found.in_place == (("op.o0", "op.i0"),)


@pytest.mark.parametrize(
    "found",
    [_append(copies_cache=True), _append(past=TensorKind.ACTIVATION), _append(new=TensorKind.INPUT)],
    ids=["copied", "not kept between runs", "both given"],
)
def test_25_any_other_concat_moves_everything(found):
    assert (found.read_bytes, found.write_bytes, found.appends_to) == (8 * 101 * 16 * F32, 8 * 101 * 16 * F32, "")


def test_30_index_tensors_have_their_own_width():
    found = cost("Add", [T((10,), I64), T((10,), I64)], [T((10,), I64)])
    assert (found.read_bytes, found.write_bytes, found.compute_type) == (160, 80, I64)
    found = cost("Less", [(10,), (10,)], [T((10,), DType.BOOL)])
    assert (found.read_bytes, found.write_bytes) == (80, 10)


def test_34_an_operator_without_a_rule_is_unknown_and_its_bytes_are_counted():
    table = cost_table(
        workload(
            make_op("Mystery", [(3, 4), T((None, 2))], [(5,)], domain="org.example", name="a"),
            make_op("Relu", [T(None)], [T(None)], name="b"),
            make_op("StringNormalizer", [T((3,), DType.STRING)], [T((3,), DType.STRING)], name="c"),
        )
    )
    mystery, relu, text = table.costs
    assert (mystery.kind, mystery.work, mystery.coverage) == (OpKind.UNKNOWN, None, Coverage.UNKNOWN)
    assert mystery.reason == "org.example::Mystery has no rule"
    assert (mystery.read_bytes, mystery.write_bytes) == (48, 20)
    assert (relu.kind, relu.work, relu.coverage) == (OpKind.COMPUTE, None, Coverage.UNKNOWN)
    assert "`b." in relu.reason
    assert (text.coverage, text.work) == (Coverage.NOT_MODELLED, Work())
    assert "text" in text.reason
    assert [str(value) for value in table.macs] == ["nan", "nan", "0.0"]
    assert table.is_known.tolist() == [False, False, True]
