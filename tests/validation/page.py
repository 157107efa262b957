"""Writes docs/validation.md: `python tests/validation/page.py` from the root of the repository."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "validation.md"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, figures to the right."""
    rule = ["---", *("---:" if row[1:2] else "---" for row in [heads] for _ in heads[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, rule, *rows])


def page() -> str:
    """The page, from the figures of today's model."""
    from validation.layers import figures, layer, machine, recorded
    from validation.published import a100, eyeriss, tpu_v1

    known = recorded()
    zigzag = []
    for run in known["runs"]:
        if run["optimised_for"] == "latency":
            description = known["layers"][run["layer"]]
            found = figures(layer(description), machine(run["machine"], description))
            its = max(run["dram_bytes"], run["compulsory_bytes"])
            note = "fewer bytes than the tensors have" if run["dram_bytes"] < run["compulsory_bytes"] else ""
            if run["cycles"] < its / 8:
                note = "its bytes do not fit its time"
            zigzag.append(
                [
                    run["machine"], run["layer"], f"{run['dram_bytes']:.0f}", f"{found.mapped_traffic_bytes:.0f}",
                    f"{run['cycles']:.0f}", f"{found.latency_s * 1e9:.0f}", note,
                ]
            )  # fmt: skip
    return f"""# Our figures beside those of others

Made by `python tests/validation/page.py`; a test fails when it is out of date. A bound of ours must lie below what was
measured or simulated, and not far below where nothing else is known to stand in the way.

## ZigZag, seven layers on four machines

[ZigZag](https://github.com/KULeuven-MICAS/zigzag) 3.9.1 searches a mapping for each layer (depth 6, for latency). Its
memories under DRAM are one buffer here, which any operand may use; the array is unrolled as best it goes, where ZigZag
is given its unrolling. So our bytes and times are at most its own, and equal in bytes where each element crosses once.
The fewer cycles of the 7x7 convolution, of the depthwise one and of the 1x1 one on `eyeriss_like` come from unrolling
more loops. Otherwise the difference is the first load, which ZigZag does not overlap. The notes name its defects.

{table(["machine", "layer", "DRAM bytes", "ours, nested", "cycles", "ours", "note"], zigzag)}

## Eyeriss, AlexNet at batch 4

DRAM bytes of each convolution in the 108 KiB of the global buffer, 16 bits a word. nn_dataflow is an exhaustive mapper
of that chip, without compression; it runs the layers in two halves, counts the padding as read, and gives part of the
buffer to each operand. The chip compresses zeros of the feature maps, so it may be below what is compulsory without.

{
        table(
            ["layer", "compulsory MB", "ours MB", "nn_dataflow MB", "chip, compressed MB"],
            [
                [
                    row.layer,
                    *(f"{value / 1e6:.2f}" for value in (row.compulsory_bytes, row.ours_bytes, row.mapper_bytes)),
                    f"{row.chip_mb:.1f}",
                ]
                for row in eyeriss()
            ],
        )
    }

## TPU v1, six applications

Jouppi et al., ISCA 2017. The roof is min(peak, bandwidth x 2 x MACs for a byte of weights) of our target file. Where
the array is not filled, a byte of weights and a cycle are worth less: `filled` is the useful share, and the roof with
it explains LSTM1 and a part of CNN1.

{
        table(
            [
                "application",
                "MACs / byte",
                "our roof TOPS",
                "paper's",
                "measured",
                "of roof",
                "filled",
                "roof filled",
                "of that",
                "why below",
            ],
            [
                [
                    row.app,
                    f"{row.intensity:.0f}",
                    f"{row.roof:.1f}",
                    f"{row.paper_roof:.1f}",
                    f"{row.measured:.1f}",
                    f"{row.measured / row.roof:.0%}",
                    f"{row.filled:.0%}",
                    f"{row.filled_roof:.1f}",
                    f"{row.measured / row.filled_roof:.0%}",
                    row.reason,
                ]
                for row in tpu_v1()
            ],
        )
    }

## A100, matrix products in FLOAT16

Measured times of LLMCompass (Zhang et al., ISCA 2024), our floor (nothing can be faster), the least time of the
operator with the launch, and that of one nested mapping.

{
        table(
            [
                "M",
                "N",
                "K",
                "measured ms",
                "floor ms",
                "latency ms",
                "mapped ms",
                "measured / latency",
                "bound",
                "why slower",
            ],
            [
                [
                    str(row.m),
                    str(row.n),
                    str(row.k),
                    f"{row.measured_ms:.4f}",
                    f"{row.floor_ms:.4f}",
                    f"{row.latency_ms:.4f}",
                    f"{row.mapped_ms:.4f}",
                    f"{row.measured_ms / row.latency_ms:.2f}",
                    row.bound,
                    row.reason,
                ]
                for row in a100()
            ],
        )
    }
"""


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    PAGE.write_text(page(), encoding="utf-8")
