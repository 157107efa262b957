"""What a layout of the target's own costs: channels padded to a multiple, feature maps rearranged at the border."""

from __future__ import annotations

import json

import pytest
from oracles.build import T, cost
from oracles.tiny import engine, level, on_target, target
from validation.layers import convolution, product

from onnxroof.ir.tensor import TensorKind
from onnxroof.mapping.layout import padding_bytes
from onnxroof.report.fusion_view import plans_table
from onnxroof.report.json import plan_document
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.targets.model import Target

KEEPS_NOTHING = "keeps = []"


def where(layout: str, rest: str = KEEPS_NOTHING) -> Target:
    text = f'[layout]\nsource = "made"\n{layout}' if layout else ""
    return target(
        engine("all", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("sram", "4 MiB", "100 GB/s", "1 pJ/B", rest=rest),
        text,
    )


def test_a_product_pads_what_it_sums_over_and_its_columns() -> None:
    # 5 x 20 times 20 x 30, one byte an element, to multiples of 16: 5 x 32, 32 x 32, 5 x 32.
    assert padding_bytes(product(5, 30, 20), 16) == pytest.approx((5 * 12, 32 * 32 - 20 * 30, 5 * 2))
    assert padding_bytes(product(5, 32, 16), 16) == (0, 0, 0)


def test_a_convolution_pads_its_channels_and_no_rows() -> None:
    # 3 channels of 8 x 8 become 16, 24 filters 32; windows of 3 x 3 stay.
    nest = convolution(filters=24, channels=3, size=8, taps=3, image=8, pad=1)
    assert padding_bytes(nest, 16) == pytest.approx(
        (13 * 8 * 8, (32 * 16 - 24 * 3) * 9, 8 * 8 * 8)
    )  # fmt: skip


def test_a_depthwise_convolution_pads_all_its_channels() -> None:
    operands = [(1, 24, 8, 8), T((24, 1, 3, 3), kind=TensorKind.WEIGHT)]
    nest = cost("Conv", operands, [(1, 24, 8, 8)], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": 24}).nest
    assert nest is not None
    # 24 channels become 32 in the input and the result, FLOAT.
    data, _, written = padding_bytes(nest, 16)
    assert (data, written) == pytest.approx((4 * 8 * 64, 4 * 8 * 64))


NETWORK = """g (float[1,3,8,8] x) => (float[1,24,8,8] y) <float[24,3,3,3] v, float[24,24,3,3] w>
    { a = Conv<pads=[1,1,1,1]>(x, v) b = Relu(a) y = Conv<pads=[1,1,1,1]>(b, w) }"""


def result(layout: str, rest: str = KEEPS_NOTHING) -> TargetResult:
    return on_target(NETWORK, where(layout, rest))


def of(layout: str, fusion: str = "epilogue", rest: str = KEEPS_NOTHING) -> PlanResult:
    return result(layout, rest).plan(fusion)


# FLOAT, to 16: x grows by 13 * 64, v by 32 * 16 * 9 - 24 * 3 * 9, b by 8 * 64 written and 8 * 64 read, w by
# (32 * 32 - 24 * 24) * 9 and y by 8 * 64 elements.
MAPS, WEIGHTS, INNER = 4 * (13 + 8) * 64, 4 * 9 * (32 * 16 - 24 * 3 + 32 * 32 - 24 * 24), 4 * 2 * 8 * 64


def test_padding_is_traffic_with_a_key_of_its_own() -> None:
    plain, padded = of(""), of("channel_multiple = 16")
    more = MAPS + WEIGHTS + INNER
    assert padded.layout_bytes == {"dram": pytest.approx(more), "sram": 0.0}
    assert padded.traffic_bytes["dram"] == pytest.approx(plain.traffic_bytes["dram"] + more)
    assert padded.traffic_bytes["sram"] == plain.traffic_bytes["sram"]
    assert sum(group.layout_bytes["dram"] for group in padded.groups) == pytest.approx(more)
    assert plain.layout_bytes == {"dram": 0.0, "sram": 0.0}
    # 100 pJ a byte of the DRAM and, coming in or going out, 1 pJ of the SRAM.
    assert padded.energy_j is not None
    assert plain.energy_j is not None
    assert padded.energy_j > plain.energy_j
    assert padded.mapped.traffic_bytes["dram"] >= padded.traffic_bytes["dram"]


def test_what_stays_on_chip_is_padded_nowhere_outside() -> None:
    kept = of("channel_multiple = 16", rest="")
    assert kept.layout_bytes["dram"] == pytest.approx(MAPS + WEIGHTS)


def test_what_passes_inside_a_fused_group_is_padded_nowhere_outside() -> None:
    fused = of("channel_multiple = 16", "depth-first")
    assert len(fused.groups) == 1
    assert fused.layout_bytes["dram"] == pytest.approx(MAPS + WEIGHTS)
    assert fused.mapped.traffic_bytes["dram"] >= fused.traffic_bytes["dram"] * (1 - 1e-9)


def test_maps_of_the_model_are_rearranged_once() -> None:
    # x and y, read once and written once more; what lies between is in the target's order already.
    more = 2 * 4 * (3 + 24) * 64
    for fusion in ("none", "epilogue", "depth-first"):
        assert of("channels_last = true", fusion).layout_bytes["dram"] == more, fusion


def test_rows_of_a_product_are_no_feature_maps() -> None:
    text = "g (float[4,8] x) => (float[4,8] y) <float[8,8] w> { y = MatMul(x, w) }"
    assert on_target(text, where("channels_last = true")).plan("none").layout_bytes["dram"] == 0


def test_the_floor_stays() -> None:
    plain, padded = result(""), result("channel_multiple = 16\nchannels_last = true")
    assert padded.floor_latency_s == plain.floor_latency_s
    assert padded.floor_energy_j == plain.floor_energy_j


def test_json_and_the_table_of_bytes_show_it() -> None:
    found = result("channel_multiple = 16")
    document = plan_document(found.plan("epilogue"), found)
    assert document["layout_bytes"] == {"dram": pytest.approx(MAPS + WEIGHTS + INNER), "sram": 0}
    json.dumps(document)
    labels = [row.cells[0].text for row in plans_table(found).rows]
    assert labels[2:4] == ["Bytes at dram", "of them at dram for the layout"]
    assert "for the layout" not in " ".join(row.cells[0].text for row in plans_table(result("")).rows)
