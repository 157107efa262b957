"""What stays on chip: whole networks with known answers, loops, weights from run to run, refusals."""

from __future__ import annotations

from oracles.published import resnet18
from oracles.tiny import engine, level, on_target, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.planned import planned
from onnxroof.mapping.residency import residency, what_decides
from onnxroof.mapping.storage import storage
from onnxroof.rewrites.precision import converted
from onnxroof.roofline.result import PlanResult
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult
from onnxroof.targets.model import Target

MATRIX = 16_384  # 64 x 64 FLOAT
CHAIN = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
    { m = MatMul(x, v) y = MatMul(m, w) }"""


def chip(capacity: str, *more: str, dtype: str = "FLOAT", rest: str = "") -> Target:
    return target(
        engine("matrix", "mac vector special", {dtype: "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("sram", capacity, "100 GB/s", "1 pJ/B", rest=rest),
        *more,
    )


def plan(text: str, where: Target, **options: object) -> PlanResult:
    return on_target(text, where, **options).plan("epilogue")


def choices(found: PlanResult, action: str) -> list[Decision]:
    return [one for one in found.decisions if one.action == action]


def test_resnet18_stays_in_two_megabytes_whole() -> None:
    # INT8: 11,678,912 B of weights, 3 x 224 x 224 in, 1000 out, each once; the peak in place is in test_liveness.py.
    model = converted(workload(resnet18()), DType.INT8)
    (result,) = run_study([model], [chip("2 MiB", dtype="INT8")]).models
    assert isinstance(result, ModelResult)
    found = result.targets[0].plan("epilogue")
    assert found.traffic_bytes["dram"] == 11_678_912 + 3 * 224 * 224 + 1000 == 11_830_440
    assert found.resident_bytes["sram"] == 64 * 112 * 112 + 64 * 56 * 56
    assert found.peak_footprint_bytes["sram"] <= 2 * 2**20
    assert not choices(found, "evicted")


def test_what_stays_saves_its_write_and_its_read() -> None:
    apart, together = plan(CHAIN, chip("64 KiB", rest="keeps = []")), plan(CHAIN, chip("64 KiB"))
    assert apart.traffic_bytes["dram"] == 6 * MATRIX
    assert together.traffic_bytes["dram"] == 4 * MATRIX  # x, v, w in, y out
    assert together.resident_saved_bytes == {"dram": 2 * MATRIX, "sram": 0.0}
    (kept,) = choices(together, "kept")
    assert kept.subject == "MatMul_0 -> MatMul_1"
    assert kept.figures == {"bytes": MATRIX, "saved_bytes": 2 * MATRIX}
    assert "sram" in kept.reason
    assert [group.footprint_bytes["sram"] for group in together.groups] == [
        MATRIX + group.footprint_bytes["sram"] for group in apart.groups
    ]


def test_too_large_is_refused_with_figures() -> None:
    found = plan(CHAIN, chip("8 KiB"))
    (evicted,) = choices(found, "evicted")
    assert evicted.reason == "it takes 16384 B, sram has 8192 B"
    assert evicted.figures == {"bytes": MATRIX, "would_save_bytes": 2 * MATRIX}
    assert found.traffic_bytes == plan(CHAIN, chip("8 KiB", rest="keeps = []")).traffic_bytes


def test_tiles_that_save_more_are_left_their_room() -> None:
    # 16.5 KiB: beside a resident matrix 512 B are left, and the tiles of two products would move far more.
    found = plan(CHAIN, chip("16.5 KiB"))
    (evicted,) = choices(found, "evicted")
    assert evicted.reason.startswith("it takes 16384 B of the 16896 B that other tensors leave in sram")


def test_what_others_leave_no_room_for_says_so() -> None:
    # `m` saves a write and two reads, `n` a write and a read, and of 28 KiB `m` leaves 12.
    text = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) n = MatMul(m, w) y = MatMul(n, m) }"""
    (evicted,) = choices(plan(text, chip("28 KiB")), "evicted")
    assert evicted.reason == "it takes 16384 B, and others that save more leave 12288 B in sram"


def test_usable_and_unknown_capacity() -> None:
    assert choices(plan(CHAIN, chip("64 KiB", rest="usable = 0.125")), "evicted")
    unknown = target(engine("matrix", "mac", {"FLOAT": "1 TOP/s"}), level("dram", "1 GB"), level("sram"))
    assert plan(CHAIN, unknown).traffic_bytes["dram"] == 4 * MATRIX


def test_a_tensor_in_an_inner_level_crosses_none_outside() -> None:
    found = plan(CHAIN, chip("1 MiB", level("near", "64 KiB", "1 TB/s", "1 pJ/B")))
    assert found.traffic_bytes["dram"] == found.traffic_bytes["sram"] == 4 * MATRIX
    assert found.resident_bytes == {"sram": 0.0, "near": MATRIX}


def test_an_output_is_written_all_the_same() -> None:
    text = CHAIN.replace("=> (float[64,64] y)", "=> (float[64,64] y, float[64,64] m)")
    assert plan(text, chip("64 KiB")).traffic_bytes["dram"] == 5 * MATRIX


def test_an_input_or_weight_of_two_readers_comes_in_once() -> None:
    text = """g (float[64,64] x) => (float[64,64] y, float[64,64] z) <float[64,64] w>
        { y = MatMul(x, w) z = Softmax(x) }"""
    assert plan(text, chip("64 KiB")).traffic_bytes["dram"] == 4 * MATRIX  # x, w in, y, z out
    tied = CHAIN.replace("MatMul(x, v)", "MatMul(x, w)")
    assert plan(tied, chip("64 KiB")).traffic_bytes["dram"] == 3 * MATRIX  # x, w in, y out


def test_weights_stay_from_run_to_run_only_in_a_steady_state() -> None:
    assert plan(CHAIN, chip("128 KiB")).traffic_bytes["dram"] == 4 * MATRIX
    steady = plan(CHAIN, chip("128 KiB"), state="steady")
    assert steady.traffic_bytes["dram"] == 2 * MATRIX
    assert steady.resident_bytes["sram"] == 3 * MATRIX
    assert (
        plan(CHAIN, chip("128 KiB", rest='keeps = ["activation"]'), state="steady").traffic_bytes["dram"] == 4 * MATRIX
    )
    # Beside m and the tiles (4224 elements of 4 B and less) only one weight has room in 52 KiB.
    assert plan(CHAIN, chip("52 KiB"), state="steady").traffic_bytes["dram"] == 3 * MATRIX


def test_the_weight_of_a_loop_stays_over_its_trips() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21]>
        g (float[64,64] x) => (float[64,64] y) <int64 trips = {5}, bool go = {1}, float[64,64] w> {
            y = Loop (trips, go, x) <body = b (int64 i, bool c, float[64,64] h) => (bool c2, float[64,64] h2) {
                c2 = Identity(c) h2 = MatMul(h, w) }>
        }"""
    # Five trips read h and write h2; w comes in once.
    assert plan(text, chip("64 KiB")).traffic_bytes["dram"] == (5 * 2 + 1) * MATRIX
    assert plan(text, chip("64 KiB", rest="keeps = []")).traffic_bytes["dram"] == 5 * 3 * MATRIX


def test_a_choice_without_some_tensors_and_what_it_could_save() -> None:
    # `m` and `n` are 16 KiB each and alive together with the last product's operands: one of them fits.
    text = """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) n = MatMul(m, w) y = MatMul(n, m) }"""
    model, where = workload(text), chip("28 KiB")
    costs = cost_table(model)
    clock = planned(model, costs, storage(model, costs), ("epilogue",)).timeline
    found = residency(clock, where.levels)
    (stays,) = found.kept[1]
    (other,) = {"m", "n"} - {stays}
    saves = {candidate.root: candidate.saved_bytes for candidate in clock.cold}
    assert saves["m"] == 3 * MATRIX  # written once, read twice
    assert saves["n"] == 2 * MATRIX
    assert found.could_save(where.levels, frozenset({stays})) == saves[other]
    assert found.could_save(where.levels, frozenset({other})) == 0  # which takes no room
    assert found.could_save(where.levels, frozenset({"m", "n"})) == 0  # nothing else is there
    again = residency(clock, where.levels, apart=frozenset({stays}))
    assert stays not in again.kept[1]
    assert stays not in {candidate.root for candidate in again.candidates}


def test_what_stays_is_spread_over_the_instances_of_a_level() -> None:
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("near", "8 KiB", "1 TB/s", "1 pJ/B", rest='scope = "core"'),
        cores="4",
    )
    assert plan(CHAIN, where).resident_bytes["near"] in (0.0, MATRIX / 4)


def test_room_and_what_a_level_keeps_decide_what_stays_and_nothing_else() -> None:
    def decides(capacity: str, rate: str, rest: str = "") -> object:
        return what_decides(target(engine("all", "mac", {}), level("l", capacity, rate, rest=rest)).levels)

    assert decides("1 MB", "1 GB/s") == decides("1 MB", "2 GB/s")
    others = [
        decides("2 MB", "1 GB/s"),
        decides("1 MB", "1 GB/s", "usable = 0.5"),
        decides("1 MB", "1 GB/s", "keeps = []"),
    ]
    assert decides("1 MB", "1 GB/s") not in others


def parts(count: int) -> str:
    """So many parts of 16 KiB that one step makes, each then read by a step of its own, and all results together."""
    made, read = ([f"{letter}{number}" for number in range(count)] for letter in "sr")
    nodes = [f"{', '.join(made)} = Split<axis=0, num_outputs={count}>(t)"]
    nodes += [f"{result} = CumSum({part}, k)" for part, result in zip(made, read, strict=True)]
    return (
        f"g (float[{64 * count},64] x) => (float[{64 * count},64] y) <int64 k = {{0}}>"
        f" {{ t = Relu(x) {' '.join(nodes)} y = Concat<axis=0>({', '.join(read)}) }}"
    )


def test_of_many_tensors_that_begin_at_once_as_many_stay_as_of_few() -> None:
    # Three fit: three parts stay until they are read, three results from then on. Sets of 40 parts are never all made.
    saved = [plan(parts(count), chip("50 KiB")).resident_saved_bytes["dram"] for count in (4, 6, 40)]
    assert saved == [3 * 2 * 2 * MATRIX] * 3
