"""Published measurements of whole models beside our floors: which model and precision each was, and what we say of it.

A measurement of which we have the graph (its operations agree with the published count to `AGREEMENT`, or no count is
published) is held against the floor of the graph; any other with a count against the peak rate alone.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import onnx
from oracles.architectures import ARCHITECTURES, product

from onnxroof.dtypes import DType
from onnxroof.roofline.rates import resolve
from onnxroof.roofline.result import TargetResult
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult
from onnxroof.targets.catalog import load_target
from onnxroof.targets.model import Target

__all__ = ["AGREEMENT", "WINOGRAD", "Point", "measurements", "points", "rank_correlation", "winograd_share"]

DATA = Path(__file__).resolve().parents[1] / "data" / "published" / "measurements.json"

# Published counts are rounded, to two digits at worst, and some leave out what is not a convolution.
AGREEMENT = 0.07

# Multiplications of a direct 3 x 3 convolution over those of F(6x6, 3x3): 36 x 9 / 64.
WINOGRAD = 36 * 9 / 64

# Offline runs choose their batch: at this one the weights are a small part of all bytes.
OFFLINE_BATCH = 256

# Published names of what `oracles.architectures` has.
ARCHITECTURE = {
    "mobilenet": "mobilenet_v1", "ncnn:mobilenet_int8": "mobilenet_v1", "mobilenet_v1_224": "mobilenet_v1",
    "mobilenet-v1-1.0-224-quantized": "mobilenet_v1", "mobilenet-v1-1.0-224-non-quantized": "mobilenet_v1",
    "mobilenet-v1-0.25-128-quantized": "mobilenet_v1_0.25_128", "mobilenetv1_0.25_96": "mobilenet_v1_0.25_96",
    "mobilenetv2_100": "mobilenet_v2", "ncnn:mobilenet_v2": "mobilenet_v2", "mobilenet_v2_224": "mobilenet_v2",
    "mobilenet_v2_1.0": "mobilenet_v2", "mobilenet_v2_1.0_224": "mobilenet_v2",
    "mobilenet-v2-1.0-224-quantized": "mobilenet_v2", "mobilenet_v2_1.4_224": "mobilenet_v2_1.4",
    "mobilenet_v2_0.35_224": "mobilenet_v2_0.35", "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenet-v3-large_224_1.0_uint8": "mobilenet_v3_large", "ncnn:efficientnet_b0": "efficientnet_b0",
    "ncnn:resnet50": "resnet50", "resnet_v1_18": "resnet18", "resnet_v1_50": "resnet50_slim",
    "resnet50_v1_299": "resnet50_slim_299", "resnet50_v2_299": "resnet50_slim_299",
    "resnet152_v2_299": "resnet152_slim_299", "ncnn:vgg16": "vgg16", "vgg16_224": "vgg16", "vgg19_224": "vgg19",
    "vgg16 conv layers": "vgg16_convolutions", "inception_v1_224": "inception_v1", "ds_cnn_kws": "ds_cnn",
    "ncnn:squeezenet": "squeezenet_v1.1", "vit_small_patch16_224": "vit_small", "vit_base_patch16_224": "vit_base",
    "vit_large_patch16_224": "vit_large", "deit_base": "vit_base", "mixer_b16_224": "mixer_b16",
    "swin_tiny_patch4_window7_224": "swin_tiny", "clip_images ViT-B/32": "vit_base_p32",
    "ncnn:vision_transformer": "vit_base_p32_384",
}  # fmt: skip

# Operations a second or a joule of metrics that are rates.
_RATES = {"throughput_gops": 1e9, "throughput_tops": 1e12, "throughput_tflops": 1e12, "efficiency": 1e12}

_PRODUCT = re.compile(r"MatMul (?:dims|best shape MxNxK) (\d+)[x,](\d+)[x,](\d+)")


@dataclass(frozen=True)
class Point:
    """A measurement beside what we say of it, for one sample on one device.

    Attributes:
        record: As published.
        architecture: Of `oracles.architectures`, a matrix product's sizes, "" where only the count is known.
        precision: Policy under which the model was read.
        batch: Of the run.
        measured: s or J.
        floor_s: No sample can take less.
        bound: What sets the floor.
        latency_s: Least time of the best plan for one sample, None without a graph.
        expected_s: With measured efficiencies, None where the target has none.
        floor_j: Least energy of a sample.
        energy_j: Of the best plan for a sample.
        terms: Of each group of the best plan, the times that make its time, of the whole batch.
    """

    record: Mapping[str, Any]
    architecture: str
    precision: str
    batch: int
    measured: float
    floor_s: float
    bound: str
    latency_s: float | None = None
    expected_s: float | None = None
    floor_j: float | None = None
    energy_j: float | None = None
    terms: tuple[Mapping[str, float], ...] = ()

    @property
    def device(self) -> str:
        """Id of the target."""
        return str(self.record["device"])

    @property
    def target(self) -> str:
        """The same, in the power mode in which it was measured."""
        return _target(self.record)

    @property
    def use(self) -> str:
        """What the record can be held against."""
        return str(self.record["exam_use"])

    @property
    def is_energy(self) -> bool:
        """Whether the measurement is in J."""
        return self.use.endswith("energy")

    @property
    def share(self) -> float:
        """Floor over measured: above 1, the measurement beats what cannot be beaten."""
        return (self.floor_j or math.nan if self.is_energy else self.floor_s) / self.measured

    @property
    def predicted_j(self) -> float | None:
        """Energy of a sample as we predict it: the plan's, the floor's where there is no graph."""
        return self.energy_j if self.architecture else self.floor_j

    @property
    def winograd_share(self) -> float:
        """As `share`, all convolutions that Winograd's algorithm fits at its fewest multiplications."""
        fast = winograd_share(self.architecture) if self.architecture in ARCHITECTURES else 0.0
        return self.share * (1 - fast + fast / WINOGRAD)


@cache
def measurements() -> tuple[dict[str, Any], ...]:
    """All records that apply to a target of ours."""
    return tuple(json.loads(DATA.read_text(encoding="utf-8"))["measurements"])


def points(wanted: Iterable[Mapping[str, Any]]) -> list[Point]:
    """What we say of each record of which the model or its count is known."""
    found: list[Point] = []
    runs: dict[tuple[str, int, str], list[tuple[Mapping[str, Any], str]]] = defaultdict(list)
    for record in wanted:
        measured = _measured(record)
        name = _architecture(record)
        if not (name or record.get("gop_per_sample") or record["metric"] in _RATES):
            continue
        for precision in _precisions(record, load_target(_target(record))):
            if name:
                runs[name, _batch(record), precision].append((record, precision))
            else:
                found.append(_by_count(record, measured, precision))
    with tempfile.TemporaryDirectory() as folder:
        for (name, batch, precision), records in runs.items():
            results = _run(Path(folder), name, batch, precision, [_target(record) for record, _ in records])
            found += [_by_graph(record, name, precision, batch, results[_target(record)]) for record, _ in records]
    # Where the precision of a run is not published, the lowest floor is the one to beat.
    least: dict[str, Point] = {}
    for point in found:
        key = point.record["id"]
        if key not in least or point.floor_s < least[key].floor_s:
            least[key] = point
    return sorted(least.values(), key=lambda point: (point.use, point.device, point.record["id"]))


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's: the correlation of the ranks, equal values sharing theirs."""

    def ranks(values: list[float]) -> list[float]:
        return [
            sum(other < value for other in values) + (sum(other == value for other in values) - 1) / 2
            for value in values
        ]

    first, second = ranks([a for a, _ in pairs]), ranks([b for _, b in pairs])
    mean = (len(pairs) - 1) / 2
    across = math.fsum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True))
    spread = [math.fsum((rank - mean) ** 2 for rank in part) for part in (first, second)]
    return across / math.sqrt(spread[0] * spread[1]) if all(spread) else math.nan


def _measured(record: Mapping[str, Any]) -> float:
    """Seconds or joules of a sample on one device; a latency on several devices counts as if they had shared it."""
    value, metric, devices = float(record["value"]), record["metric"], record["device_count"]
    if metric.startswith("latency"):
        return value / 1e3 * devices
    if "energy_per" in metric:
        return value
    if metric == "throughput":
        return devices / value
    joules = record.get("avg_device_power_W", 1.0)
    return _ops(record) * joules / (value * _RATES[metric])


def _ops(record: Mapping[str, Any]) -> float:
    """Published operations of a sample; of rates and efficiencies without one, 10^9 operations are the sample."""
    return float(record.get("gop_per_sample") or 1.0) * 1e9


def _target(record: Mapping[str, Any]) -> str:
    """The target that was measured, in the power mode in which it was."""
    return f"{record['device']}@{record['mode']}" if "mode" in record else str(record["device"])


def _architecture(record: Mapping[str, Any]) -> str:
    name = str(record["model"])
    if _PRODUCT.match(name):
        return name
    known = ARCHITECTURE.get(name, name)
    gop = record.get("gop_per_sample")
    if known not in ARCHITECTURES or (gop and abs(_gop(known) / gop - 1) > AGREEMENT):
        return ""
    return known


@cache
def winograd_share(name: str) -> float:
    """Share of an architecture's MACs in convolutions of 3 x 3 and stride 1, which Winograd's algorithm speeds up."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        ARCHITECTURES[name](path)
        fast = {
            node.name
            for node in onnx.load(path, load_external_data=False).graph.node
            if node.op_type == "Conv" and _is_fast({a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
        }
        (model,) = run_study([path], None, dims={"batch": 1}).models
        assert isinstance(model, ModelResult)
        return sum(node.macs or 0 for node in model.nodes if node.name in fast) / (model.totals.macs or 1)


def _is_fast(attributes: Mapping[str, Any]) -> bool:
    return attributes["kernel_shape"] == [3, 3] and attributes.get("strides", [1, 1]) == [1, 1]


@cache
def _gop(name: str) -> float:
    """2 x MACs of an architecture, in 10^9."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        ARCHITECTURES[name](path)
        (model,) = run_study([path], None, dims={"batch": 1}).models
        assert isinstance(model, ModelResult)
        assert model.totals.macs is not None
        return 2 * model.totals.macs / 1e9


def _batch(record: Mapping[str, Any]) -> int:
    return int(record.get("batch") or OFFLINE_BATCH)


def _precisions(record: Mapping[str, Any], target: Target) -> Iterator[str]:
    """Policies that the run may have had: one where it is published, else the fast ones that the target has."""
    text = str(record.get("precision") or "")
    has = {peak.input for engine in target.engines if "mac" in engine.runs for peak in engine.peaks}
    if not text or text.startswith("mixed"):
        yield from (policy for policy, dtype in (("int8", DType.INT8), ("fp8", DType.FLOAT8E4M3FN)) if dtype in has)
    elif text.startswith("fp16 storage"):
        yield "fp16" if DType.FLOAT16 in has else "fp32"
    else:
        short = text.removeprefix("amp ").split(maxsplit=1)[0]
        yield {"float32": "fp32"}.get(short, short)


_TYPES = {
    "int8": DType.INT8, "int16": DType.INT16, "fp8": DType.FLOAT8E4M3FN, "fp16": DType.FLOAT16,
    "bf16": DType.BFLOAT16, "fp32": DType.FLOAT,
}  # fmt: skip


def _by_count(record: Mapping[str, Any], measured: float, precision: str) -> Point:
    """The published count at the peak rate, its energy at the peak's."""
    rate = resolve(load_target(_target(record)), "mac", _TYPES[precision], tf32=True).rate
    ops = _ops(record)
    return Point(
        record, "", precision, _batch(record), measured,
        floor_s=ops / rate.ops_per_s if rate and rate.ops_per_s else 0.0,
        bound=f"compute:{rate.engine.name}" if rate else "",
        floor_j=ops * rate.energy_j_per_op if rate and rate.energy_j_per_op else None,
    )  # fmt: skip


def _run(folder: Path, name: str, batch: int, precision: str, devices: Sequence[str]) -> dict[str, TargetResult]:
    path = folder / "model.onnx"
    sizes = _PRODUCT.match(name)
    if sizes:
        product(path, *(int(size) for size in sizes.groups()))
    else:
        ARCHITECTURES[name](path)
    (model,) = run_study(
        [path], sorted(set(devices)), dims={"batch": batch}, precision=precision, state="steady"
    ).models
    assert isinstance(model, ModelResult), model
    assert model.coverage == 1.0
    return {result.target.id: result for result in model.targets}


def _by_graph(record: Mapping[str, Any], name: str, precision: str, batch: int, result: TargetResult) -> Point:
    best, measured = result.best, _measured(record)
    assert result.floor_latency_s is not None

    def of_one(value: float | None) -> float | None:
        return None if value is None else value / batch

    return Point(
        record, name, precision, batch, measured, result.floor_latency_s / batch, result.floor_bound,
        of_one(best.latency_s), of_one(best.expected_latency_s), of_one(result.floor_energy_j), of_one(best.energy_j),
        tuple(dict(group.time_terms_s) for group in best.groups),
    )  # fmt: skip
