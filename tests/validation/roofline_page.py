"""Writes docs/roofline.md: `python tests/validation/roofline_page.py` from the root of the repository."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from validation.page import table  # noqa: E402
from validation.published import TPU_V1  # noqa: E402

from onnxroof.roofline.levers import exit_of  # noqa: E402
from onnxroof.roofline.model import (  # noqa: E402
    attainable_ops_per_s,
    energy_j_per_op,
    energy_ridge_ops_per_byte,
    energy_shares,
    ridge_ops_per_byte,
)
from onnxroof.roofline.ranges import SPREADS  # noqa: E402
from onnxroof.roofline.regimes import energy_regime  # noqa: E402
from onnxroof.targets.catalog import load_target  # noqa: E402
from onnxroof.targets.model import Quantity  # noqa: E402

PAGE = ROOT / "docs" / "roofline.md"
GDDR5_BYTES_PER_S = 180e9
"""The memory of the GPU of its day, which the paper gives a better TPU; the figure is from memory."""


@dataclass(frozen=True)
class Chip:
    """What the roofs of TPU v1 are made of."""

    peak_ops_per_s: float
    bandwidth_bytes_per_s: float
    e_op_j: float
    e_byte_j: float
    static_w: float


@dataclass(frozen=True)
class Row:
    """One application at its roof; power = throughput / efficiency, static power in both."""

    app: str
    intensity: float
    paper_roof: float
    measured: float
    roof: float
    time: str
    exit: float | None
    shares: dict[str, float]
    energy: str
    ops_per_j: float
    faster: float


def chip() -> Chip:
    """The numbers of the target file."""
    target = load_target("google-tpu-v1")
    peak, dram = target.engines[0].peaks[0], target.levels[0]
    return Chip(
        peak_ops_per_s=_value(peak.rate),
        bandwidth_bytes_per_s=_value(dram.read_bandwidth),
        e_op_j=_value(peak.energy),
        e_byte_j=_value(dram.read_energy),
        static_w=_value(target.static_power),
    )


def rows() -> list[Row]:
    """The six applications, weights alone crossing from DRAM."""
    own = chip()
    found = []
    for app, (macs_per_byte, paper_roof, measured, _, _) in TPU_V1.items():
        at = 2.0 * macs_per_byte
        roof, bound = attainable_ops_per_s(own.peak_ops_per_s, {"dram": own.bandwidth_bytes_per_s}, {"dram": at})
        times = {"compute:matrix": 1 / own.peak_ops_per_s, "memory:dram": 1 / (own.bandwidth_bytes_per_s * at)}
        leave = exit_of(times, max(times, key=lambda name: times[name])) if bound == "dram" else None
        terms = {"compute": own.e_op_j, "memory:dram": own.e_byte_j / at, "static": own.static_w / roof}
        energy = energy_j_per_op(own.e_op_j, {"dram": own.e_byte_j}, {"dram": at}) + own.static_w / roof
        found.append(
            Row(
                app=app, intensity=at, paper_roof=paper_roof, measured=measured, roof=roof / 1e12,
                time="compute-bound" if bound == "compute" else "memory-bound",
                exit=leave.factor if leave else None, shares=energy_shares(terms), energy=energy_regime(terms),
                ops_per_j=1 / energy,
                faster=attainable_ops_per_s(own.peak_ops_per_s, {"dram": GDDR5_BYTES_PER_S}, {"dram": at})[0] / roof,
            )
        )  # fmt: skip
    return found


def mean_gain() -> float:
    """Geometric mean of what the faster memory brings the six."""
    return math.exp(sum(math.log(row.faster) for row in rows()) / len(rows()))


def page() -> str:
    """The page, from today's target file and equations."""
    own, found = chip(), rows()
    ridge = ridge_ops_per_byte(own.peak_ops_per_s, own.bandwidth_bytes_per_s)
    energy_ridge = energy_ridge_ops_per_byte(own.e_op_j, own.e_byte_j)
    faster_ridge = ridge_ops_per_byte(own.peak_ops_per_s, GDDR5_BYTES_PER_S)
    example = found[0]
    low, high = example.roof / SPREADS["recalled"], example.roof * SPREADS["recalled"]
    return f"""# Two roofs, walked through on TPU v1

The table that made the roofline known among accelerators is that of Google's first TPU (Jouppi et al., *In-datacenter
performance analysis of a Tensor Processing Unit*, ISCA 2017, tables 1 and 3). This page reads it with the equations and
the target file of onnxroof (`hwdb/google-tpu-v1.toml`); a test makes the page anew and compares. Of the file's numbers
the peak is published; bandwidth and idle power were written from memory, energies are estimates: see the end.

## The two roofs

- Throughput: `P = min(peak, bandwidth x AI)`. Peak {own.peak_ops_per_s / 1e12:.0f} TOPS, weights at \
{own.bandwidth_bytes_per_s / 1e9:.0f} GB/s: the ridge is at {ridge:.0f} operations, or {
        ridge / 2:.0f} MACs, for a byte of
  weights (the paper says 1350). Left of it the array waits for weights, right of it weights wait for the array.
- Energy: `eta = 1 / (e_c + e_dram / AI)`. {own.e_op_j * 1e12:.3g} pJ an operation and {
        own.e_byte_j * 1e12:.0f} pJ a byte put
  the energy ridge, where both take half, at {energy_ridge:.0f} operations a byte: {
        energy_ridge / ridge:.1f} times as far right.
  Reuse that is enough for time is not enough for energy.
- Static power: {
        own.static_w:.0f} W flow however busy the chip is, so that a slower application pays more of it for each
  operation: {own.static_w:.0f} W / throughput is the third term of the energy.

## The six applications at the throughput roof

Each byte of weights is used for all of a batch; activations stay in the 24 MiB on chip. So intensity is the paper's
operations for a byte of weights.

{
        table(
            ["application", "ops / byte", "our roof TOPS", "paper's", "measured", "of roof", "regime in time"],
            [
                [
                    row.app,
                    f"{row.intensity:.0f}",
                    f"{row.roof:.1f}",
                    f"{row.paper_roof:.1f}",
                    f"{row.measured:.1f}",
                    f"{row.measured / row.roof:.0%}",
                    row.time,
                ]
                for row in found
            ],
        )
    }

Nothing measured lies above its roof. Why LSTM1 and CNN1 lie far below theirs is in [validation.md](validation.md).

## The same at the energy roof

At the throughput roof, by where the energy goes. Power is throughput / efficiency. The bytes of the buffers on chip are
left out, since the table has none.

{
        table(
            ["application", "TOPS/W", "compute", "dram", "static", "power W", "regime in energy"],
            [
                [
                    row.app,
                    f"{row.ops_per_j / 1e12:.2f}",
                    *(f"{row.shares[name]:.0%}" for name in ("compute", "memory:dram", "static")),
                    f"{row.roof * 1e12 / row.ops_per_j:.0f}",
                    {"memory:dram": "memory-dominated", "static": "static"}.get(row.energy, "compute-dominated"),
                ]
                for row in found
            ],
        )
    }

Idle power leads everywhere: on this chip the way to less energy is to be done sooner. CNN1 lies between the two ridges,
compute-bound in time while DRAM takes more energy than compute; CNN0 lies right of both. One label would hide that.

## Which roof to raise

The least change that leaves the regime, with the same bytes. For {example.app} a bandwidth {
        example.exit:.2f} times as high makes
both terms equal ({own.peak_ops_per_s / 1e12:.0f} / {
        example.roof:.1f} TOPS); as many times fewer bytes do the same. More MACs would
change nothing for the four that wait for weights.

The paper asks what the GDDR5 of the GPUs of its day would do. At {
        GDDR5_BYTES_PER_S / 1e9:.0f} GB/s (from memory) the ridge moves
left to {faster_ridge:.0f} operations a byte.

{
        table(
            ["application", "leaves the regime at bandwidth x", "roof with GDDR5 x"],
            [
                [row.app, "compute-bound" if row.exit is None else f"{row.exit:.2f}", f"{row.faster:.2f}"]
                for row in found
            ],
        )
    }

The geometric mean of the last column, of roofs, is {
        mean_gain():.2f}; the paper's abstract says that this memory would triple
the TOPS that are achieved.

## How sure are these

A number from memory may be off by {SPREADS["recalled"]:g}, an estimate by {
        SPREADS["estimate"]:g} (`onnxroof/roofline/ranges.py`). The roof of \
{example.app} is then {low:.1f} to {high:.1f} TOPS; that of the convolutions is sure, since their peak is published.

`onnxroof analyze MODEL -t google-tpu-v1 -o report.html` shows all of this for a model of yours: both roofs, regimes in
words, the waterfall, what to raise and by how much, and how far each figure may be off.
"""


def _value(quantity: Quantity | None) -> float:
    assert quantity is not None
    return quantity.value


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
