"""Published measurements beside our figures: the numbers of others, ours, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass

from oracles.tiny import on_target
from validation.layers import convolution, product, shape

from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.footprint import compulsory_bytes
from onnxroof.mapping.traffic import level_traffic
from onnxroof.roofline.model import attainable_ops_per_s
from onnxroof.targets.catalog import load_target

# -- Eyeriss --------------------------------------------------------------------------------------------------------

BUFFER_BYTES = 108 * 1024

# AlexNet, batch 4, words of 16 bits: groups, filters and channels of one, output, taps, image, pad, stride. DRAM words
# of nn_dataflow (stanford-mast/nn_dataflow at 198a527, Eyeriss as in JSSC 2017) without compression, halves of layers
# added up; MB that the chip moved, run-length compressed (JSSC 2017, table V).
EYERISS = {
    "conv1": ((1, 96, 3, 55, 11, 227, 0, 4), 2547552, 5.0),
    "conv2": ((2, 128, 48, 27, 5, 27, 2, 1), 2344320, 4.0),
    "conv3": ((1, 384, 256, 13, 3, 13, 1, 1), 2526720, 3.0),
    "conv4": ((2, 192, 192, 13, 3, 13, 1, 1), 1959936, 2.1),
    "conv5": ((2, 128, 192, 13, 3, 13, 1, 1), 1306624, 1.3),
}


@dataclass(frozen=True)
class EyerissRow:
    """DRAM bytes of one layer."""

    layer: str
    compulsory_bytes: float
    ours_bytes: float
    mapper_bytes: float
    chip_mb: float


def eyeriss() -> list[EyerissRow]:
    """AlexNet's convolutions in the 108 KiB of the global buffer."""
    rows = []
    for name, (sizes, words, chip) in EYERISS.items():
        groups, filters, channels, size, taps, image, pad, stride = sizes
        nest = convolution(
            batch=4, groups=groups, filters=filters, channels=channels, size=size, taps=taps, image=image, pad=pad,
            stride=stride, bits=16, partial_bits=16,
        )  # fmt: skip
        ours = reuse_curve(nest).at(BUFFER_BYTES).total_bytes
        rows.append(EyerissRow(name, sum(compulsory_bytes(nest)), ours, words * 2.0, chip))
    return rows


# -- TPU v1 ---------------------------------------------------------------------------------------------------------

# Jouppi et al., ISCA 2017, tables 1 and 3: MACs for a byte of weights, TOPS of its roofline, TOPS measured, and the
# shares of cycles in which the array is active and in which its MACs are useful.
TPU_V1 = {
    "MLP0": (200, 13.6, 12.3, 12.7, 12.5),
    "MLP1": (168, 11.4, 9.7, 10.6, 9.4),
    "LSTM0": (64, 4.4, 3.7, 8.2, 8.2),
    "LSTM1": (96, 6.5, 2.8, 10.5, 6.3),
    "CNN0": (2888, 92.0, 86.0, 78.2, 78.2),
    "CNN1": (1750, 92.0, 14.1, 46.2, 22.5),
}
LSTM1_MATRIX = 600
"""The paper's own example: matrices of 600 x 600 take nine tiles of 256 x 256."""


@dataclass(frozen=True)
class TpuRow:
    """One application on TPU v1, TOPS."""

    app: str
    intensity: float
    roof: float
    paper_roof: float
    measured: float
    filled: float
    filled_roof: float
    reason: str


def tpu_v1() -> list[TpuRow]:
    """The roofs of our target file, and what they are where the array is not filled."""
    target = load_target("google-tpu-v1")
    engine, dram = target.engines[0], target.levels[0]
    rate, bandwidth = engine.peaks[0].rate, dram.read_bandwidth
    assert rate is not None
    assert bandwidth is not None
    assert engine.array is not None
    matrix = product(1, LSTM1_MATRIX, LSTM1_MATRIX)  # weights stay: they alone fill rows and columns
    filled = {"LSTM1": spatial_utilization(matrix, engine.array), "CNN1": 22.5 / 46.2}
    reasons = {
        "LSTM1": "600 x 600 matrices are fetched and run as 768 x 768: less of each byte and of each cycle is useful",
        "CNN1": "shallow layers fill half of the array (the paper's useful / active), and its four fully connected "
        "layers wait for weights at 32 MACs a byte",
        "CNN0": "at its roof but for work outside the array",
    }
    rows = []
    for app, (intensity, roof, measured, _, _) in TPU_V1.items():
        share = filled.get(app, 1.0)
        ops = {"dram": 2.0 * intensity}
        ours, _ = attainable_ops_per_s(rate.value, {"dram": bandwidth.value}, ops)
        part, _ = attainable_ops_per_s(rate.value, {"dram": bandwidth.value * share}, ops, spatial_utilization=share)
        rows.append(
            TpuRow(
                app, intensity, ours / 1e12, roof, measured, share, part / 1e12,
                reasons.get(app, "weights are shifted into the array while it waits"),
            )
        )  # fmt: skip
    return rows


def weight_intensity(batch: int) -> float:
    """MACs for a byte of weights from DRAM of a fully connected layer that our traffic says, on TPU v1."""
    target = load_target("google-tpu-v1")
    nest = product(batch, 2000, 2000)
    moved = level_traffic(shape(nest), target.levels, target.engines[0].array)
    activations = 2 * batch * 2000
    return nest.points / float(moved.read_bytes[0] + moved.write_bytes[0] - activations)


# -- A100 -----------------------------------------------------------------------------------------------------------

# M, N, K and ms of FLOAT16 matrix products measured on an A100: PrincetonUniversity/LLMCompass,
# ae/figure5/ab/real_hardware/matmul_A100.csv.
A100 = (
    (64, 12288, 12288, 0.19), (128, 12288, 12288, 0.2003), (256, 12288, 12288, 0.3185), (512, 12288, 12288, 0.6118),
    (1024, 12288, 12288, 1.199), (2048, 12288, 12288, 2.3586), (4096, 12288, 12288, 4.4576),
    (8192, 12288, 12288, 8.6216), (16384, 12288, 12288, 17.0307), (32768, 12288, 12288, 35.4407),
    (8192, 64, 64, 0.0296), (8192, 128, 128, 0.031), (8192, 256, 256, 0.0356), (8192, 512, 512, 0.0471),
    (8192, 1024, 1024, 0.0927), (8192, 2048, 2048, 0.2818), (8192, 4096, 4096, 1.021), (8192, 8192, 8192, 3.9614),
    (8192, 16384, 16384, 15.0087), (8192, 32768, 32768, 61.1346),
)  # fmt: skip


@dataclass(frozen=True)
class GemmRow:
    """One matrix product on the A100, ms."""

    m: int
    n: int
    k: int
    measured_ms: float
    floor_ms: float
    latency_ms: float
    mapped_ms: float
    bound: str
    reason: str


def a100() -> list[GemmRow]:
    """Each product through the whole of our model."""
    target = load_target("nvidia-a100-sxm-80gb")
    rows = []
    for m, n, k, measured in A100:
        found = on_target(
            f"g (float16[{m}, {k}] x) => (float16[{m}, {n}] y) <float16[{k}, {n}] w> {{ y = MatMul(x, w) }}", target
        )
        group = found.plan("none").groups[0]
        assert found.floor_latency_s is not None
        assert group.latency_s is not None
        assert group.mapped.latency_s is not None
        rows.append(
            GemmRow(
                m, n, k, measured, found.floor_latency_s * 1e3, group.latency_s * 1e3, group.mapped.latency_s * 1e3,
                group.time_bound, _reason(group.time_bound, measured, group.latency_s * 1e3),
            )
        )  # fmt: skip
    return rows


def _reason(bound: str, measured_ms: float, latency_ms: float) -> str:
    if measured_ms > 1.5 * latency_ms:
        return f"{(measured_ms - latency_ms) * 1e3:.0f} us of starting and synchronizing, where we count 1.34 us"
    if bound.startswith("memory"):
        return "DRAM reaches three quarters to 87 % of its nominal bandwidth"
    return "the last wave of tiles does not fill 108 cores, and the clock falls under load"
