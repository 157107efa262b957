"""Writes docs/exam.md and docs/exam.svg: `python tests/validation/exam_page.py` from the root of the repository."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from validation.efficiencies import Fit
    from validation.exam import Point

ROOT = Path(__file__).resolve().parents[2]
PAGE, FIGURE = ROOT / "docs" / "exam.md", ROOT / "docs" / "exam.svg"

# Fewer points say nothing of an order or of a fit.
FEWEST = 4


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, ["---"] * len(heads), *rows])


def figures(found: Sequence[Point]) -> str:
    """A scatter of measured time over floor, both logarithmic: nothing may lie below the diagonal."""
    side, margin = 560, 60
    low, high = -6.5, 2.0

    def place(seconds: float) -> float:
        return margin + (math.log10(seconds) - low) / (high - low) * side

    total = side + 2 * margin
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {total}" font-family="sans-serif" '
        f'font-size="12"><title>Measured time of a sample over our floor</title>',
        f'<rect width="{total}" height="{total}" fill="#fff"/>',
    ]
    for power in range(-6, 3):
        at = place(10.0**power)
        parts.append(
            f'<path d="M{at:.1f} {margin}V{side + margin}M{margin} {total - at:.1f}H{side + margin}" stroke="#ddd"/>'
            f'<text x="{at:.1f}" y="{side + margin + 18}" text-anchor="middle">1e{power}</text>'
            f'<text x="{margin - 6}" y="{total - at + 4:.1f}" text-anchor="end">1e{power}</text>'
        )
    parts.append(
        f'<path d="M{margin} {side + margin}L{side + margin} {margin}" stroke="#000"/>'
        f'<text x="{total / 2}" y="{total - 8}" text-anchor="middle">floor of a sample, s</text>'
        f'<text transform="translate(16 {total / 2}) rotate(-90)" text-anchor="middle">measured, s</text>'
        f'<text x="{margin + 8}" y="{margin - 12}">filled: floor of the graph; open: operations over peak; '
        f"red: 3x3 convolutions by Winograd’s algorithm</text>"
    )
    for point in found:
        colour = "#c22" if point.use == "bound_winograd" else "#26b"
        name = f"{point.record['id']} {point.record['model']} on {point.device}"
        parts.append(
            f'<circle cx="{place(point.floor_s):.1f}" cy="{total - place(point.measured):.1f}" r="3.5" '
            f'fill="{colour if point.architecture else "none"}" stroke="{colour}" fill-opacity="0.5">'
            f"<title>{name}: {point.share:.0%}</title></circle>"
        )
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True)
class Order:
    """How well two of our times order the points of a group, as Spearman's rank correlation with the measured ones."""

    name: str
    count: int
    floor: float
    plan: float


def orders(found: Sequence[Point]) -> tuple[list[Order], list[Order]]:
    """Over models on one target, and over targets for one model; the first point of each pair and scenario."""
    from validation.exam import rank_correlation

    by_target, by_model = defaultdict(dict), defaultdict(dict)
    for point in found:
        scenario = point.record["scenario"].split(",")[0]
        by_target[f"{point.device}, {scenario}"].setdefault(point.record["model"], point)
        by_model[f"{point.record['model']}, {scenario}"].setdefault(point.device, point)

    def correlated(groups: Mapping[str, Mapping[str, Point]]) -> list[Order]:
        return [
            Order(
                name,
                len(points),
                rank_correlation([(p.floor_s, p.measured) for p in points.values()]),
                rank_correlation([(p.latency_s or p.floor_s, p.measured) for p in points.values()]),
            )
            for name, points in sorted(groups.items())
            if len(points) >= FEWEST
        ]

    return correlated(by_target), correlated(by_model)


def order_rows(found: Sequence[Order]) -> list[list[str]]:
    """As cells of a table."""
    return [[order.name, f"{order.count}", f"{order.floor:.2f}", f"{order.plan:.2f}"] for order in found]


def expectations(found: Sequence[Point]) -> list[list[str]]:
    """Median factor of the plan's least time and of `expected_latency_s` from the measured time, by target.

    Of targets whose efficiencies come from elsewhere: what the exam fitted is in a table of its own.
    """
    from validation.efficiencies import is_fitted
    from validation.efficiencies import median_factor as factor

    groups = defaultdict(list)
    for point in found:
        if point.expected_s and not is_fitted(point.device):
            groups[point.device].append(point)
    return [
        [
            device,
            f"{len(points)}",
            f"{factor((p.latency_s, p.measured) for p in points):.2f}",
            f"{factor((p.expected_s, p.measured) for p in points):.2f}",
            f"{sum(p.expected_s > p.measured for p in points)}",
        ]
        for device, points in sorted(groups.items())
    ]


def fit_rows(found: Sequence[Fit]) -> list[list[str]]:
    """Efficiencies fitted on one half of a target's points, and how the other half was foretold."""
    rows = []
    for fit in found:
        words = ", ".join(f"{name} {value:g}" for name, value in fit.efficiencies.items()) or "none below 1"
        numbers = (f"{fit.tried_on}", f"{fit.before:.2f}", f"{fit.after:.2f}", f"{fit.above}")
        rows.append([fit.device, f"{fit.fitted_on}", words, *numbers, "yes" if fit.is_kept else "no"])
    return rows


def energies(found: Sequence[Point]) -> list[list[str]]:
    """Predicted energy of the device beside what was measured."""

    def millijoules(value: float | None) -> str:
        return "unknown" if value is None else f"{value * 1e3:.3g}"

    return [
        [
            point.record["id"], point.target, point.record["model"], point.precision, f"{point.batch}",
            millijoules(point.measured), millijoules(point.floor_j), millijoules(point.energy_j),
            "unknown" if point.predicted_j is None else f"{point.predicted_j / point.measured:.3f}",
        ]
        for point in found
    ]  # fmt: skip


def page(found: Sequence[Point], known: int) -> str:
    """The page of these points, out of so many records."""
    from validation.efficiencies import WORTH, fits
    from validation.exam import AGREEMENT, rank_correlation, winograd_share

    from onnxroof.targets.catalog import load_target

    times = [point for point in found if not point.is_energy]
    wall = [point for point in found if point.use == "system_energy"]
    shares = sorted(point.share for point in times)
    above = [point for point in times if point.share > 1]
    models, devices = orders(times)
    predicted = [point for point in wall if point.predicted_j]
    energy_order = rank_correlation([(p.predicted_j or 0.0, p.measured) for p in predicted])
    rows = [
        [
            p.record["id"], p.target, p.record["model"], p.precision,
            f"{p.batch}" if p.record.get("batch") else "offline", "graph" if p.architecture else "count",
            f"{p.measured * 1e3:.4g}", f"{p.floor_s * 1e3:.4g}", f"{p.share:.3f}", p.bound,
        ]
        for p in times
        if (p.record["source"], p.device) != ("llmcompass", "nvidia-a100-sxm-80gb")
    ]  # fmt: skip
    dated = [point for point in times if point.record.get("batch")]
    planned = [point for point in dated if point.latency_s]
    slower = [point for point in planned if point.latency_s > point.measured]
    faster = "; ".join(f"{p.record['model']} on {p.device}" for p in slower)
    ratios = [(point.predicted_j or 0.0) / point.measured for point in predicted]
    fast = [point for point in times if point.use == "bound_winograd"]
    fast_share = winograd_share("vgg16")
    desktop = [point for point in times if load_target(point.device).klass == "desktop GPU"]
    boosted = max(desktop, key=lambda point: point.share)
    names = "; ".join(f"{p.record['model']} on {p.device} ({p.share:.2f})" for p in above)
    return f"""# The exam: published measurements beside our floors

Made by `python tests/validation/exam_page.py`. The measurements, with source, place and caveats, are in
`tests/data/published/measurements.json`: {known} apply to a target of `hwdb/`, {len(found)} of them have a model or a
count; `tests/validation/test_exam.py` names the others. Networks are built from their papers at real dimensions
(`tests/oracles/architectures.py`). A graph is used where its operations agree with the published count to
{AGREEMENT:.0%}, or where no count is published and the network is named exactly. For all others the published count is
held against the peak rate alone (`count`). The A100's matrix products are listed in [validation.md](validation.md).

A throughput is held against the floor of a batch, divided by the batch; an offline run, whose batch is not published,
against that of 256 samples. Where the precision is not published, the lowest floor of int8 and fp8 is the one to beat.
A latency on several devices counts as if they had shared the sample. What ran in another power mode is held against the
target in that mode: GAP9 at 240 MHz (`gap9@240mhz`) reaches the same shares as at 370. One of three cores of the RK3588
is held against the floor of the three.

Chosen after the results were seen: the {AGREEMENT:.0%} of agreement, the limits that the order has to keep in the test,
and the removal of the Gaudis' array. The Coral's link rate was taken from its VGG points, which are examined here too.

## Floor over measured time

{len(times)} points; the share is {shares[0]:.3f} at least, {median(shares):.2f} in the median, {shares[-1]:.2f} at
most. Above 1: {names}. ncnn runs 3x3 convolutions by Winograd's algorithm (class `bound_winograd`), up to
{36 * 9 / 64:.2f} times fewer multiplications than the direct count; with that, the share is
{max(p.winograd_share for p in above):.2f}.

![Measured time over floor](exam.svg)

## The classes of exceptions

- **Padding removed**: 35 published results of BERT on SQuAD are left out. Their submitters drop the padding, so that
  the 384 tokens of the benchmark are no count of what ran, and lengths are not published with the results. At 384
  tokens they would pass the dense INT8 peaks of their GPUs, by up to 1.57 on an RTX 4090.
- **Winograd**: {len(fast)} points of ncnn's 3x3 convolutions are examined at their direct counts. Above 1, by the fewer
  multiplications of the algorithm: {names}. Of VGG-16, {fast_share:.0%} of the MACs are such convolutions.
- **Boost clocks**: GeForce cards run above the clock of their paper peaks, by several percent. No point needs that: the
  highest share on a desktop GPU is {boosted.share:.2f} ({boosted.record["model"]} on {boosted.device}).

Also left out, since what ran is not known well enough: 19 results of 3D U-Net, whose volumes differ from sample to
sample, 14 of language models, whose lengths do, and 12 on devices without a file here.

## Where the least time of a plan lies above what was measured

The floor holds for every plan; `latency_s` for the grouping of its plan. Measurements are means of many runs, so the
state is steady: weights that fit stay on the chip. Faster than the best plan that we have, of {len(planned)} points
with a graph and a published batch: {faster} ({len(slower)}),
by Winograd's algorithm. What other points told:

- **Coral, Hailo-8, Hailo-8L, speedAI240, STM32N6**: where each group's result goes to the outermost level, a host link
  or flash there, a plan is up to 14 times slower than measured. What stays on the chip between operators explains it.
- **Gaudi 2 and 3**: an array of 256 x 256 that keeps weights made matrix products slower than measured (by 1.19 and
  1.52), because partial sums went through the SRAM. Either that array or the recalled bandwidth of the
  Gaudi 2's SRAM is wrong; no source that was opened says what the array keeps, so `hwdb/` no longer gives one.

## Order

Rank correlation (Spearman) of the measured time with the floor, and with the least time of the best plan (the floor
where there is no graph), where there are at least {FEWEST} points.

{table(["models on one target", "models", "floor", "plan"], order_rows(models))}

{table(["targets for one model", "targets", "floor", "plan"], order_rows(devices))}

MobileNetV2 by ncnn is in no order: the 64 cores of an EPYC take longer than one core of an M3, which no peak tells.

## Energy

Wall energy is that of the whole system: the device's lies below it. Predicted: the best plan, or the count at the
energy of the peak where there is no graph. Over {len(predicted)} points, predicted over wall is {median(ratios):.3f} in
the median and {max(ratios):.2f} at most; the rank correlation is {energy_order:.2f}.

{table(ENERGY_HEADS, energies(wall))}

Energy of the chip or its supply. A sample of a rate or an efficiency is 10^9 operations. The energy of a byte of flash
or MRAM is not known for the microcontrollers, so theirs is unknown.

{table(ENERGY_HEADS, energies([p for p in found if p.use == "device_energy"]))}

## Expected latency

`expected_latency_s` slows engines and levels to the fractions in the target's `[efficiency]`; it never touches floor or
least time. Efficiencies from microbenchmarks of others (the link of the Coral parts from points of this page, VGG-16
and VGG-19): median factor from the measured time, offline points left out; *above*: points that are expected slower
than they were measured.

{table(["target", "points", "least time", "expected", "above"], expectations(dated))}

Efficiencies fitted here: of each target with enough points every other one, by id, is taken to fit one number an engine
and one for the outermost level (one for all where there are fewer than twice as many points), by the least sum of
logarithmic errors; a number that does not bind in three points stays 1, and numbers from elsewhere stay as they are.
The other half was not looked at: it is foretold, and its error is what counts. In `hwdb/` are those that come within a
factor of {WORTH:g} there. Left out: targets with a plan that is slower than measured, and Winograd's points.

{table(FIT_HEADS, fit_rows(fits(dated)))}

## All points

{table(["id", "target", "model", "precision", "batch", "by", "measured ms", "floor ms", "share", "bound"], rows)}
"""


ENERGY_HEADS = (
    "id", "target", "model", "precision", "batch", "measured mJ", "floor mJ", "plan mJ", "predicted over measured",
)  # fmt: skip
FIT_HEADS = (
    "target", "fitted on", "efficiencies", "foretold", "factor of the least time", "factor expected", "above",
    "in `hwdb/`",
)  # fmt: skip


def main() -> None:
    """Writes both."""
    from validation.exam import measurements, points

    found = points(measurements())
    PAGE.write_text(page(found, len(measurements())), encoding="utf-8")
    FIGURE.write_text(figures([point for point in found if not point.is_energy]), encoding="utf-8")


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    main()
