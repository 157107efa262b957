"""ZigZag on its own machines and layers, side by side with our nested mapping in one run: bytes, cycles, time.

Needs the `bench` extra. Search depth 6, uneven mappings, no data locality: its defaults, and what
`tests/data/zigzag/recorded.json` was made with.
"""

import time

import pytest
from validation.layers import figures, layer, machine, recorded, shape

from onnxroof.mapping.traffic import level_traffic

pytestmark = pytest.mark.benchmark

RECORDED = recorded()
MACHINES = ("tpu_like", "meta_prototype", "edge_tpu_like", "eyeriss_like")
FASTER = 100
"""Times at least, all layers together with nothing known beforehand; the last line printed says how many it was."""

CONV = "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]"
DEPTHWISE = "O[b][g][oy][ox]+=W[g][fy][fx]*I[b][g][iy][ix]"
PRODUCT = "O[d][k]+=I[d][c]*W[c][k]"


def kind(name):
    return "gemm" if name.startswith("gem") else "dw" if name.startswith("dw") else "conv"


def node(name, description):
    """The layer in ZigZag's terms."""
    sizes = description["loops"]
    found = {
        "id": 0,
        "name": name,
        "operator_type": "Gemm" if kind(name) == "gemm" else "Conv",
        "equation": {"gemm": PRODUCT, "conv": CONV, "dw": DEPTHWISE}[kind(name)],
        "dimension_relations": [],
        "loop_dims": list(sizes),
        "loop_sizes": list(sizes.values()),
        "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
        "operand_source": {"W": 0, "I": 0},
    }
    if kind(name) != "gemm":
        stride, pad = description["stride"], description["pad"]
        found["dimension_relations"] = [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"]
        found["pr_loop_dims"] = ["IX", "IY"]
        found["pr_loop_sizes"] = description["image"]
        found["padding"] = [[pad, pad], [pad, pad]]
    return found


def run_zigzag(zigzag, hardware, name, description, folder, optimised_for):
    mapping = folder / "mapping.yaml"
    spatial = RECORDED["spatial_mappings"][hardware][kind(name)]
    heads = ("cycles", "ours", "bytes", "ours")
    lines = [f"{'machine':15} {'layer':20} " + " ".join(f"{head:>10}" for head in heads) + "      s  ours ms"]
    for hardware in MACHINES:
        for name, description in RECORDED["layers"].items():
            cycles, moved, spent = run_zigzag(zigzag, hardware, name, description, tmp_path, "latency")
            target = machine(hardware, description)
            begin = time.perf_counter()
            level_traffic(shape(layer(description)), target.levels, target.engines[0].array)
            bounds_s += time.perf_counter() - begin
            found = figures(layer(description), target)
            own = time.perf_counter() - begin
            theirs_s, ours_s = theirs_s + spent, ours_s + own
            lines.append(
                f"{hardware:15} {name:20} {cycles:10.0f} {found.latency_s * 1e9:10.0f} {moved:10.0f} "
                f"{found.mapped_traffic_bytes:10.0f} {spent:6.2f} {own * 1e3:8.1f}"
            )
            # Its defects: see `tests/validation/test_zigzag_recorded.py`.
            assert found.mapped_traffic_bytes <= max(moved, found.compulsory_bytes), lines[-1]
            assert found.latency_s * 1e9 <= max(cycles, moved / 8, found.compulsory_bytes / 8), lines[-1]
    lines.append(
        f"all: {theirs_s:.1f} s, ours {ours_s * 1e3:.0f} ms, {theirs_s / ours_s:.0f} times faster; the bounds alone "
        f"{bounds_s * 1e3:.0f} ms, {theirs_s / bounds_s:.0f} times"
    )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert theirs_s > FASTER * ours_s
