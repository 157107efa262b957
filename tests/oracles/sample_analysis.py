"""A made-up but consistent `Analysis`: two targets, two plans each, a failure, unknowns, and hostile names.

Times and energies follow from the work and bytes below by the roofline equations, written out here once more.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace

from onnxroof.dtypes import DType
from onnxroof.errors import Diagnostic, ModelError
from onnxroof.ir.op import OpKind
from onnxroof.ir.workload import DimBinding
from onnxroof.mapping.plan import Decision
from onnxroof.roofline.efficiency import Efficiency
from onnxroof.roofline.regimes import Regime
from onnxroof.roofline.result import Explanation, GroupResult, LevelResult, PlanResult, TargetResult
from onnxroof.study.result import Analysis, Failure, ModelResult, NodeResult, OutputInfo, Totals, Unresolved
from onnxroof.targets.model import Engine, MemoryLevel, Peak, Quantity, Source, Target

SCRIPT_NAME = "<script>alert(1)</script>"
IMAGE_NAME = '"><img src=x onerror=alert(2)>'
CONTROL_NAME = "relu\x1b[31m\u202egnp.exe"
FORMULA_NAME = '=HYPERLINK("http://example.org")'
PIPE_NAME = "a|b `c` [d](javascript:e)"
HOSTILE_NAMES = (SCRIPT_NAME, IMAGE_NAME, CONTROL_NAME, FORMULA_NAME, PIPE_NAME)

SHEET = Source(key="sheet", title="Example NPU data sheet, rev 1.2", kind="vendor", retrieved=datetime.date(2025, 3, 1))
GUESS = Source(key="guess", title="Energies of a similar chip", kind="estimate", derived_from="45 nm table, scaled")

PEAK, E_OP = 8.192e12, 0.2e-12  # OP/s, J/OP
BANDWIDTH = {"dram": 68e9, "sram": 1.0e12, "rf": 8.0e12}  # B/s, all instances
E_BYTE = {"dram": 40e-12, "sram": 3.2e-12, "rf": 0.4e-12}  # J/B
STATIC_W, LAUNCH_S, SPATIAL = 0.8, 2e-6, 0.75

KINDS = ("Conv", "Conv", "MatMul", "Add", "Softmax", "Gemm")


def _quantity(value: float, text: str, source: Source = SHEET) -> Quantity:
    return Quantity(value=value, text=text, source=source)


def npu() -> Target:
    return Target(
        id="example-npu-16",
        name="Example NPU, 16 GB",
        klass="edge NPU",
        vendor="Example",
        engines=(
            Engine(
                name="matrix",
                runs=frozenset({"mac"}),
                peaks=(Peak(input=DType.INT8, accumulate=DType.INT32, rate=_quantity(PEAK, "8.192 TOP/s")),),
            ),
            Engine(
                name="vector",
                runs=frozenset({"vector", "special"}),
                peaks=(Peak(input=DType.FLOAT16, accumulate=DType.FLOAT16, rate=_quantity(256e9, "256 GFLOP/s")),),
            ),
        ),
        levels=(MemoryLevel(name="dram"), MemoryLevel(name="sram"), MemoryLevel(name="rf", scope="core", instances=4)),
        sources={"sheet": SHEET, "guess": GUESS},
        cores=4,
    )


def board() -> Target:
    return Target(
        id="board",
        name="Board <b>bold</b> & co",
        klass="MCU",
        engines=(Engine(name="cpu", runs=frozenset({"mac", "vector"}), peaks=()),),
        levels=(MemoryLevel(name="flash<i>"), MemoryLevel(name="ram")),
        sources={"sheet": SHEET},
    )


def _work(index: int) -> tuple[str, int, dict[str, float]]:
    """Type, MACs and bytes by level of group `index`: the intensity falls and rises along the model."""
    kind = KINDS[index % len(KINDS)]
    macs = 0 if kind in ("Add", "Softmax") else 2_000_000 * (1 + index * 7 % 23)
    dram = 40_000.0 * (1 + index * 5 % 17)
    return kind, macs, {"dram": dram, "sram": dram * 6, "rf": dram * 24}


def _npu_group(index: int, saved: float) -> GroupResult:
    kind, macs, traffic = _work(index)
    traffic = {**traffic, "dram": traffic["dram"] * (1 - saved)}
    vector = 300_000 if kind in ("Add", "Softmax") else 50_000
    ops = 2 * macs + vector
    terms = {"compute:matrix": 2 * macs / (PEAK * SPATIAL), "compute:vector": vector / 256e9}
    terms |= {f"memory:{level}": traffic[level] / BANDWIDTH[level] for level in BANDWIDTH}
    bound = max(terms, key=lambda name: terms[name])
    terms["launch"] = LAUNCH_S
    latency = terms[bound] + LAUNCH_S
    energies = {"compute": ops * E_OP} | {f"memory:{level}": traffic[level] * E_BYTE[level] for level in E_BYTE}
    energies["static"] = STATIC_W * latency
    full = {"matrix": terms["compute:matrix"] * SPATIAL, "vector": terms["compute:vector"]}
    ideal, busiest = max(full.values()), max(terms["compute:matrix"], terms["compute:vector"])
    roof = max(ideal, *(terms[f"memory:{level}"] for level in BANDWIDTH))
    waterfall = {"ideal": ideal, "spatial": busiest - ideal}
    reached = busiest
    for level in sorted(BANDWIDTH, key=lambda name: terms[f"memory:{name}"]):
        waterfall[f"stall:{level}"] = max(terms[f"memory:{level}"] - reached, 0.0)
        reached = max(reached, terms[f"memory:{level}"])
    waterfall["launch"] = LAUNCH_S
    lost = {"ports": 0.0, "spatial": terms[bound] - roof, "overlap": 0.0, "launch": LAUNCH_S}
    regime = Regime(
        time=bound if terms[bound] > LAUNCH_S else "launch",
        energy=max(energies, key=lambda name: energies[name]),
        roof_s=roof,
        lost_s=lost,
    )
    nodes = (f"{kind}_{index}",) if saved == 0 else (f"{kind}_{index}", f"Relu_{index}")
    if index < len(HOSTILE_NAMES):
        nodes = (HOSTILE_NAMES[index], *nodes[1:])
    return GroupResult(
        id=f"g{index}",
        nodes=nodes,
        op_types=(kind, "Relu")[: len(nodes)],
        repeat=1,
        macs=macs,
        vector_ops=vector,
        special_ops=0,
        ops=ops,
        latency_s=latency,
        energy_j=sum(energies.values()),
        traffic_bytes=traffic,
        intensity_ops_per_byte={level: ops / traffic[level] for level in traffic},
        time_bound=bound,
        energy_bound=max(energies, key=lambda name: energies[name]),
        time_terms_s=terms,
        energy_terms_j=energies,
        spatial_utilization=SPATIAL,
        temporal_utilization=terms["compute:matrix"] / latency,
        footprint_bytes={"sram": 1_000_000.0, "rf": 60_000.0},
        tile={"m": 64, "n": 128},
        full_engines_s=full,
        mac_engines=("matrix",) if macs else (),
        waterfall_s=waterfall,
        regime=regime,
    )


def _board_group(index: int) -> GroupResult:
    kind, macs, traffic = _work(index)
    known = index != 7  # one operator of this plan has no known work
    time = traffic["dram"] / 400e6
    return GroupResult(
        id=f"g{index}",
        nodes=(HOSTILE_NAMES[index] if index < len(HOSTILE_NAMES) else f"{kind}_{index}",),
        op_types=(kind,),
        repeat=1,
        macs=macs if known else None,
        vector_ops=0 if known else None,
        special_ops=0 if known else None,
        ops=2 * macs if known else None,
        latency_s=time,
        energy_j=None,
        traffic_bytes={"flash<i>": traffic["dram"], "ram": traffic["sram"]},
        intensity_ops_per_byte={
            "flash<i>": 2 * macs / traffic["dram"] if known else None,
            "ram": 2 * macs / traffic["sram"] if known else None,
        },
        time_bound="memory:flash<i>",
        energy_bound="",
        time_terms_s={"memory:flash<i>": time},
        energy_terms_j={},
        spatial_utilization=1.0,
        temporal_utilization=None,
        footprint_bytes={"ram": 200_000.0},
        tile={},
    )


def _sums(parts: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def _total(values: list[float | None]) -> float | None:
    return None if None in values else sum(v for v in values if v is not None)


def _plan(fusion: str, groups: tuple[GroupResult, ...], assumed: str | None = None) -> PlanResult:
    latency, energy = _total([g.latency_s for g in groups]), _total([g.energy_j for g in groups])
    ops = sum(g.ops or 0 for g in groups)
    levels = groups[0].traffic_bytes
    decisions = (
        Decision(
            subject=f"{SCRIPT_NAME} -> Relu_1",
            action="fused",
            reason="the intermediate stays in sram",
            figures={"saved_bytes": 480_000.0},
        ),
        Decision(
            subject="MatMul_2 -> Softmax_4",
            action="not fused",
            reason="the tile needs 6.1 MB of sram and 4.2 MB are there",
            figures={"needed_bytes": 6.1e6, "capacity_bytes": 4.2e6},
        ),
        Decision(subject="rf", action="bypassed", reason="no tile of Gather_3 fits"),
    )
    explanation = Explanation(
        peak_footprint_bytes={"sram": 1_000_000.0} if "sram" in levels else {"ram": 200_000.0},
        resident_bytes={"sram": 400_000.0} if "sram" in levels else {"ram": 0.0},
        resident_saved_bytes=dict.fromkeys(levels, 0.0),
        expected_latency_s=latency * 1.2 if latency and fusion == "epilogue" else None,
        waterfall_s=_sums([g.waterfall_s for g in groups]),
        regime=Regime(
            time=groups[0].regime.time,
            energy=groups[0].regime.energy,
            roof_s=_total([g.regime.roof_s for g in groups]),
            lost_s=_sums([g.regime.lost_s for g in groups]),
        ),
        efficiency=Efficiency(peak_ops_per_s=PEAK, ops_per_s=ops / latency) if latency and energy else Efficiency(),
    )
    return PlanResult(
        fusion=fusion,
        latency_s=latency,
        energy_j=energy,
        ops_per_s=ops / latency if latency else None,
        ops_per_j=ops / energy if energy else None,
        traffic_bytes={level: sum(g.traffic_bytes[level] for g in groups) for level in levels},
        assumed_precision=assumed,
        groups=groups,
        decisions=decisions,
        explain=lambda: explanation,
    )


def explained(plan: PlanResult, **figures: object) -> PlanResult:
    """A plan with other figures behind its own."""
    other = replace(plan.explain(), **figures)
    return replace(plan, explain=lambda: other)


def _level(name: str, capacity: float | None, instances: int = 1) -> LevelResult:
    bandwidth = BANDWIDTH.get(name)
    return LevelResult(
        name=name,
        capacity_bytes=capacity,
        instances=instances,
        bandwidth_bytes_per_s=bandwidth / instances if bandwidth else None,
        energy_j_per_byte=E_BYTE.get(name),
        ridge_ops_per_byte=PEAK / bandwidth if bandwidth else None,
        energy_ridge_ops_per_byte=E_BYTE[name] / E_OP if name in E_BYTE else None,
    )


def npu_result(groups: int) -> TargetResult:
    unfused = _plan("none", tuple(_npu_group(i, 0.0) for i in range(groups)))
    fused = _plan("epilogue", tuple(_npu_group(i, 0.25) for i in range(groups)))
    return TargetResult(
        target=npu(),
        levels=(_level("dram", 17.2e9), _level("sram", 4.2e6), _level("rf", 65536.0, instances=4)),
        peak_ops_per_s=PEAK,
        peak_engine="matrix",
        peak_type="INT8",
        energy_j_per_op=E_OP,
        fits=True,
        memory_needed_bytes=28_000_000,
        floor_latency_s=0.6 * (fused.latency_s or 0),
        floor_energy_j=0.5 * (fused.energy_j or 0),
        floor_bound="memory:dram",
        unknown=(),
        estimated=("memory[dram].energy", "engine[matrix].peak[INT8].energy"),
        sources=(SHEET, GUESS),
        best_plan="epilogue",
        plans=(unfused, fused),
    )


def board_result(groups: int) -> TargetResult:
    plan = _plan("none", tuple(_board_group(i) for i in range(groups)), assumed="FLOAT")
    return TargetResult(
        target=board(),
        levels=(
            LevelResult(
                name="flash<i>",
                capacity_bytes=8e6,
                instances=1,
                bandwidth_bytes_per_s=400e6,
                energy_j_per_byte=None,
                ridge_ops_per_byte=None,
                energy_ridge_ops_per_byte=None,
            ),
            _level("ram", None),
        ),
        peak_ops_per_s=None,
        peak_engine="",
        peak_type="",
        energy_j_per_op=None,
        fits=False,
        memory_needed_bytes=28_000_000,
        floor_latency_s=plan.latency_s,
        floor_energy_j=None,
        floor_bound="memory:flash<i>",
        unknown=(
            "engine[cpu].peak[FLOAT].rate",
            "memory[flash<i>].energy",
            "memory[ram].bandwidth",
            "memory[ram].energy",
        ),
        estimated=(),
        sources=(SHEET,),
        best_plan="none",
        plans=(plan,),
    )


def _node(index: int) -> NodeResult:
    kind, macs, traffic = _work(index)
    is_known = index != 7
    return NodeResult(
        name=HOSTILE_NAMES[index] if index < len(HOSTILE_NAMES) else f"{kind}_{index}",
        op_type=kind if is_known else "Mystery",
        domain="" if is_known else "org.example",
        scope="encoder/layer.0" if index % 2 else "",
        kind=OpKind.COMPUTE if is_known else OpKind.UNKNOWN,
        repeat=1,
        macs=macs if is_known else None,
        vector_ops=50_000 if is_known else None,
        special_ops=0 if is_known else None,
        read_bytes=int(traffic["dram"]) if is_known else None,
        weight_bytes=int(traffic["dram"]) // 2 if is_known else None,
        write_bytes=int(traffic["dram"]) // 4 if is_known else None,
        compute_type="INT8",
        outputs=(OutputInfo(name=f"t{index}", dtype="FLOAT", shape=(1, None, 64) if is_known else None),),
    )


def model(groups: int = 30, *, with_targets: bool = True) -> ModelResult:
    nodes = tuple(_node(i) for i in range(groups))
    return ModelResult(
        name="vision<b>.onnx",
        producer="pytorch 2.6",
        ir_version=8,
        opsets={"": 17, "org.example": 1},
        dims=(
            DimBinding(name="batch", value=1, source="default"),
            DimBinding(name="height", value=224, source="given"),
            DimBinding(name=IMAGE_NAME, value=3, source="model"),
        ),
        notes=("Loop_9 is counted for 1 trip: its trip count is an input",),
        nodes_total=groups,
        nodes_costed=groups - 1,
        nodes_shaped=groups - 2,
        unresolved=(
            Unresolved(
                node=f"Mystery_{SCRIPT_NAME}",
                op_type="Mystery",
                domain="org.example",
                reason="no rule for this operator",
            ),
        ),
        not_modelled=(
            Unresolved(node="Tfidf_3", op_type="TfIdfVectorizer", domain="", reason="its work depends on the text"),
        ),
        parameter_count=25_557_032,
        parameter_bytes=25_557_032,
        peak_activation_bytes=2_442_968,
        totals=Totals(
            macs=None,
            vector_ops=None,
            special_ops=None,
            read_bytes=sum(n.read_bytes or 0 for n in nodes),
            weight_bytes=sum(n.weight_bytes or 0 for n in nodes),
            write_bytes=sum(n.write_bytes or 0 for n in nodes),
        ),
        nodes=nodes,
        targets=(npu_result(groups), board_result(groups)) if with_targets else (),
    )


def failure() -> Failure:
    fault = Diagnostic(
        where="broken.onnx", message="the file ends inside a <tensor>", hint="copy it again", code="M103"
    )
    return Failure(name="broken.onnx", error=ModelError(fault))


def analysis(groups: int = 30, *, with_targets: bool = True, with_failure: bool = True) -> Analysis:
    """One answered model with `groups` groups on two targets and, unless told otherwise, one that failed."""
    models = (model(groups, with_targets=with_targets), *((failure(),) if with_failure else ()))
    return Analysis(
        models=models, has_targets=with_targets, command="onnxroof analyze 'vision<b>.onnx' -t example-npu-16 -t board"
    )
