"""Reading target files: the values of the example, and all faults at once with their lines."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from onnxroof.dtypes import DType
from onnxroof.errors import TargetError
from onnxroof.targets.model import Array, Quantity, Sparsity
from onnxroof.targets.read import read_target, read_target_text

EXAMPLE = Path(__file__).parents[2] / "data" / "example-npu-16.toml"

MINIMAL = """\
schema = 1
id = "mine"
name = "Mine"
class = "CPU"
[sources.s]
title = "Sheet"
kind = "vendor"
[[engine]]
name = "core"
runs = ["mac"]
[[memory]]
level = "dram"
"""


KEYS_OF_ARRAY = "the keys here are m, n, k, stationary"


def value(quantity: Quantity | None) -> float:
    assert quantity is not None
    return quantity.value


def faults(text: str, file_stem: str | None = None) -> list[str]:
    """`LINE KEY: MESSAGE` of each fault."""
    with pytest.raises(TargetError) as caught:
        read_target_text(text, path="f.toml", file_stem=file_stem)
    assert all(diagnostic.where.startswith("f.toml:") for diagnostic in caught.value.diagnostics)
    return [f"{d.where.removeprefix('f.toml:')} {d.message}" for d in caught.value.diagnostics]


def hints(text: str) -> list[str]:
    with pytest.raises(TargetError) as caught:
        read_target_text(text, path="f.toml")
    return [diagnostic.hint for diagnostic in caught.value.diagnostics]


def test_the_example_in_si() -> None:
    target = read_target(EXAMPLE)
    assert (target.id, target.klass, target.vendor) == ("example-npu-16", "edge NPU", "Example")
    assert target.released == datetime.date(2025, 3, 1)
    assert (target.fusion, target.fused_attention, target.cores) == ("epilogue", True, 4)
    assert value(target.process) == 7e-9  # 7 nm
    assert value(target.area) == 120e-6  # 120 mm2
    assert value(target.clock) == 1e9  # 1.0 GHz
    assert value(target.static_power) == 0.8
    assert value(target.power_cap) == 15
    assert value(target.launch_overhead) == 2e-6  # 2 us
    assert target.path == str(EXAMPLE)


def test_the_engines_of_the_example() -> None:
    matrix, vector = read_target(EXAMPLE).engines
    assert (matrix.name, matrix.runs, matrix.array) == ("matrix", frozenset({"mac"}), Array(m=1, n=32, k=32))
    assert matrix.sparsity == Sparsity(pattern="2:4", operand="weight", speedup=2)
    assert [(peak.input, peak.accumulate) for peak in matrix.peaks] == [
        (DType.INT8, DType.INT32),
        (DType.FLOAT16, DType.FLOAT),
    ]
    assert value(matrix.peaks[0].rate) == 8.192e12  # 4 cores x 32 x 32 MACs x 2 OP x 1 GHz
    assert value(matrix.peaks[0].energy) == 0.2e-12  # 0.2 pJ/OP
    assert value(matrix.peaks[1].rate) == 4.096e12
    assert vector.runs == {"vector", "special"}
    assert vector.special_cost == {"EXP": 4, "DIV": 4, "ERF": 8}
    assert (vector.array, vector.sparsity) == (None, None)
    assert value(vector.peaks[0].rate) == 256e9


def test_the_levels_of_the_example() -> None:
    target = read_target(EXAMPLE)
    dram, sram, rf = target.levels
    assert (dram.name, dram.instances, dram.shares_port, dram.overlaps, dram.usable) == ("dram", 1, True, True, 1.0)
    assert value(dram.capacity) == 17179869184  # 16 x 2**30
    assert value(dram.read_bandwidth) == value(dram.write_bandwidth) == 68e9
    assert value(dram.read_energy) == value(dram.write_energy) == 40e-12  # 5 pJ/bit x 8 bit/B
    assert value(sram.capacity) == 4194304  # 4 x 2**20
    assert sram.keeps == {"activation", "weight"}
    assert (rf.scope, rf.instances) == ("core", 4)
    assert value(rf.capacity) == 65536  # of one instance
    assert {name: quantity.value for name, quantity in target.efficiency.items()} == {"matrix": 0.82, "dram": 0.9}


def test_provenance_of_the_example() -> None:
    target = read_target(EXAMPLE)
    bandwidth = target.levels[0].read_bandwidth
    assert bandwidth is not None
    assert (bandwidth.text, bandwidth.source) == ("68 GB/s", target.sources["sheet"])
    assert target.sources["sheet"].retrieved == datetime.date(2026, 11, 20)
    assert target.sources["energy"].kind == "derived"
    assert target.sources["energy"].derived_from.startswith("Horowitz")


def test_what_a_file_leaves_out_is_unknown() -> None:
    target = read_target_text(MINIMAL, path="f.toml")
    assert (target.clock, target.process, target.area, target.static_power) == (None, None, None, None)
    assert (target.power_cap, target.launch_overhead, target.released, target.vendor) == (None, None, None, "")
    assert (target.cores, target.fusion, target.fused_attention) == (1, None, False)
    assert target.engines[0].peaks == ()
    level = target.levels[0]
    assert (level.capacity, level.read_bandwidth, level.write_bandwidth) == (None, None, None)
    assert (level.read_energy, level.write_energy, level.shares_port) == (None, None, True)


def test_read_and_write_apart() -> None:
    apart = """\
read_bandwidth = { value = 2, unit = "GB/s", source = "s", where = "table 3" }
write_energy = { value = 3, unit = "pJ/B", source = "s" }
overlap = false
usable = 0.5
keeps = []
"""
    level = read_target_text(MINIMAL + apart, path="f.toml").levels[0]
    assert value(level.read_bandwidth) == 2e9
    assert level.write_bandwidth is None
    assert level.shares_port is False
    assert level.read_bandwidth is not None
    assert level.read_bandwidth.where == "table 3"
    assert (level.read_energy, value(level.write_energy)) == (None, 3e-12)
    assert (level.overlaps, level.usable, level.keeps) == (False, 0.5, frozenset())


def test_the_accumulator_is_the_usual_one_where_none_is_given() -> None:
    text = MINIMAL.replace("[[memory]]", '[[engine.peak]]\ninput = "INT4"\n[[memory]]')
    assert read_target_text(text, path="f.toml").engines[0].peaks[0].accumulate is DType.INT32


def test_five_faults_are_five_diagnostics_with_their_lines() -> None:
    text = """\
schema = 1
id = "mine"
name = "Mine"
class = "CPU"
colour = "red"
[sources.s]
title = "Sheet"
kind = "vendor"
[[engine]]
name = "core"
runs = ["mac"]
[[engine.peak]]
input = "INT8"
rate = { value = 120, unit = "TB/s", source = "s" }
[[memory]]
level = "dram"
capacity = { value = -1, unit = "GB", source = "s" }
bandwidth = { value = 1, unit = "GB/s", source = "sheet" }
energy = { value = 1, unit = "pJ/B" }
"""
    assert faults(text) == [
        "5 colour: expected a key of the format, found an unknown one",
        "14 engine[0].peak[0].rate.unit: `TB/s` is a bandwidth, expected a compute rate",
        "17 memory[0].capacity.value: expected more than 0, found `-1`",
        "18 memory[0].bandwidth.source: `sheet` is not defined under [sources]",
        "19 memory[0].energy.source: required, but absent: every number names its source",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id = "mine"', 'id = "My Chip"', "2 id: expected a kebab-case word such as `example-npu-16`, found `My Chip`"),
        ("schema = 1", "schema = 2", "1 schema: expected 1, the only version of the format, found `2`"),
        ("schema = 1", "schema = true", "1 schema: expected a whole number, found `true`"),
        ('name = "Mine"', 'name = "a\\u001bb"', "3 name: expected a word, found `a?b`"),
        ('runs = ["mac"]', "runs = []", "10 engine[0].runs: expected at least one, found none"),
        ('runs = ["mac"]', 'runs = "mac"', "10 engine[0].runs: expected an array, found `mac`"),
        ('title = "Sheet"\n', "", "5 sources.s.title: required, but absent"),
        ('kind = "vendor"', 'kind = "derived"', "5 sources.s.from: a derived source says what it was derived from"),
        ('[sources.s]\ntitle = "Sheet"\nkind = "vendor"\n', "", "1 sources: required, but absent"),
        ('[[memory]]\nlevel = "dram"\n', "", "1 memory: required, but absent"),
        ("[[memory]]", "[chip]\nclock = 3\n[[memory]]", "12 chip.clock: expected { value = ..., unit = ..., source"),
        ("[[memory]]", "[chip]\ncores = 0\n[[memory]]", "12 chip.cores: expected at least 1, found `0`"),
        ("[[memory]]", "[chip]\ncores = 1.5\n[[memory]]", "12 chip.cores: expected a whole number, found `1.5`"),
    ],
)
def test_one_fault(old: str, new: str, fault: str) -> None:
    text = MINIMAL.replace(old, new)
    assert text != MINIMAL
    found = [line for line in faults(text) if line.startswith(fault)]
    assert len(found) == len(faults(text)) == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            '[[memory]]\nlevel = "dram"',
            "14 memory[1].level: expected a name of its own, found `dram` again, as memory[0]",
        ),
        ('scope = "core"', "13 memory[0].scope: expected `chip.cores` beside the scope `core`, found none"),
        ('scope = "lane"', "13 memory[0].scope: expected `chip.lanes` beside the scope `lane`, found none"),
        (
            'holds = ["weight"]',
            "13 memory[0].holds: expected an outermost level that holds every operand, found `holds` without some",
        ),
        ("usable = 0", "13 memory[0].usable: expected more than 0, found `0`"),
        ("usable = 1.1", "13 memory[0].usable: expected at most 1, found `1.1`"),
        ('keeps = ["weights"]', "13 memory[0].keeps[0]: expected activation | weight, found `weights`"),
        ("overlap = 1", "13 memory[0].overlap: expected true or false, found `1`"),
        (
            'bandwidth = { value = 1, unit = "GB/s", source = "s" }\n'
            'write_bandwidth = { value = 1, unit = "GB/s", source = "s" }',
            "13 memory[0].bandwidth: expected either `bandwidth` or read and write apart, "
            "found `bandwidth` and `write_bandwidth`",
        ),
        (
            'energy = { value = 1, unit = "pJ/B", source = "s" }\n'
            'read_energy = { value = 1, unit = "pJ/B", source = "s" }',
            "13 memory[0].energy: expected either `energy` or read and write apart, found `energy` and `read_energy`",
        ),
        (
            'capacity = { value = true, unit = "B", source = "s" }',
            "13 memory[0].capacity.value: expected a number, found `true`",
        ),
        (
            'capacity = { value = nan, unit = "B", source = "s" }',
            "13 memory[0].capacity.value: expected a finite number, found `nan`",
        ),
        (
            'capacity = { value = inf, unit = "B", source = "s" }',
            "13 memory[0].capacity.value: expected a finite number, found `inf`",
        ),
        (
            'capacity = { value = 1, source = "s" }',
            "13 memory[0].capacity.unit: required, but absent: every number has a unit",
        ),
        (
            '[efficiency]\nsram = { value = 0.5, unit = "1", source = "s" }',
            "14 efficiency.sram: expected the name of an engine or a level",
        ),
        (
            '[efficiency]\ndram = { value = 1.5, unit = "1", source = "s" }',
            "14 efficiency.dram.value: expected at most 1, found `1.5`",
        ),
    ],
)
def test_one_fault_of_a_level(line: str, fault: str) -> None:
    assert faults(MINIMAL + line + "\n") == [fault]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            '[[engine.peak]]\ninput = "FP16"',
            "12 engine[0].peak[0].input: expected a numeric type in ONNX spelling, found `FP16`",
        ),
        (
            '[[engine.peak]]\ninput = "STRING"',
            "12 engine[0].peak[0].input: expected a numeric type in ONNX spelling, found `STRING`",
        ),
        (
            '[[engine.peak]]\ninput = "INT8"\n[[engine.peak]]\ninput = "INT8"\naccumulate = "INT32"',
            "14 engine[0].peak[1].input: `INT8` into `INT32` has a peak already, engine[0].peak[0]",
        ),
        ("array = { m = 1, n = 2 }", "11 engine[0].array.k: required, but absent"),
        ("array = { m = 0, n = 2, k = 1 }", "11 engine[0].array.m: expected at least 1, found `0`"),
        (
            "special_cost = { exp = 4 }",
            "11 engine[0].special_cost.exp: expected the name of an operation in capitals such as `EXP`, found `exp`",
        ),
        (
            '[[engine]]\nname = "core"\nruns = ["mac"]',
            "12 engine[1].name: expected a name of its own, found `core` again, as engine[0]",
        ),
        (
            'sparsity = { pattern = "2:4", operand = "weight", speedup = 0.5 }',
            "11 engine[0].sparsity.speedup: expected at least 1, found `0.5`",
        ),
    ],
)
def test_one_fault_of_an_engine(lines: str, fault: str) -> None:
    assert faults(MINIMAL.replace("[[memory]]", f"{lines}\n[[memory]]")) == [fault]


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ('name = "Mine"', 'name = "Mine"\nvender = "V"', "did you mean `vendor`?"),
        ('class = "CPU"', 'class = "edge GPUs"', "did you mean `edge GPU`?"),
        ('level = "dram"', 'level = "dram"\nread_bandwith = 1', "did you mean `read_bandwidth`?"),
        (
            'runs = ["mac"]',
            'runs = ["mac"]\narray = { m = 1, n = 1, k = 1, x = 1 }',
            KEYS_OF_ARRAY,
        ),
        ('title = "Sheet"', 'title = "Sheet"\nretreived = 2026-01-01', "did you mean `retrieved`?"),
    ],
)
def test_hints(old: str, new: str, hint: str) -> None:
    assert hints(MINIMAL.replace(old, new)) == [hint]


def test_the_id_equals_the_name_of_a_file_in_hwdb(tmp_path: Path) -> None:
    (tmp_path / "hwdb").mkdir()
    for path in (tmp_path / "other.toml", tmp_path / "hwdb" / "mine.toml", tmp_path / "hwdb" / "other.toml"):
        path.write_text(MINIMAL)
    assert read_target(tmp_path / "other.toml").id == "mine"
    assert read_target(tmp_path / "hwdb" / "mine.toml").id == "mine"
    with pytest.raises(TargetError, match="id: expected the name of the file, `other`, found `mine`"):
        read_target(tmp_path / "hwdb" / "other.toml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("schema = 1\nid = \n", "2 not TOML: Invalid value"),
        ("a = 1\n\na = 2\n", "3 not TOML: Cannot overwrite a value"),
        ("a = 1\n'", "2 not TOML: "),
        ("a = " + "[" * 50_000, "1 not a target file: a number is too long or tables nest too deep"),
        ("a = " + "9" * 5_000, "1 not a target file: a number is too long or tables nest too deep"),
    ],
)
def test_what_is_not_toml(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert found.startswith(fault)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot read the target file: No such file or directory"):
        read_target(tmp_path / "none.toml")
    with pytest.raises(TargetError, match="cannot read the target file: Is a directory"):
        read_target(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"id = 'x'\nname = '\xe4'\n")
    with pytest.raises(TargetError, match=r"latin.toml:2: expected UTF-8 text"):
        read_target(tmp_path / "latin.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(TargetError, match="found more than 1048576 bytes"):
        read_target(tmp_path / "huge.toml")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert read_target_text("\ufeff" + MINIMAL, path="f.toml").id == "mine"


def test_values_of_the_wrong_shape_everywhere() -> None:
    text = 'engine = 3\nmemory = [1]\nsources = "x"\nefficiency = []\nchip = 2\n'
    assert faults(text) == [
        "1 class: required, but absent",
        "1 engine: expected an array, found `3`",
        "1 id: required, but absent",
        "1 name: required, but absent",
        "1 schema: required, but absent",
        "2 memory[0]: expected a table, found `1`",
        "3 sources: expected a table, found `x`",
        "4 efficiency: expected a table, found an array",
        "5 chip: expected a table, found `2`",
    ]


def test_a_dataflow() -> None:
    text = MINIMAL.replace("[[engine]]", "[chip]\ncores = 2\nlanes = 16\n[[engine]]").replace(
        'runs = ["mac"]', 'runs = ["mac"]\narray = { m = 1, n = 4, k = 4, stationary = "weight" }'
    )
    inner = """\
[[memory]]
level = "rf"
capacity = { value = 16, unit = "B", source = "s" }
scope = "lane"
holds = ["weight", "output"]
access_width = { value = 4, unit = "B", source = "s" }
"""
    target = read_target_text(text + inner, path="f.toml")
    assert target.engines[0].array == Array(m=1, n=4, k=4, stationary="weight")
    outer, level = target.levels
    assert (outer.holds, outer.access_width) == (frozenset({"input", "weight", "output"}), None)
    assert (level.holds, level.scope, level.instances) == (frozenset({"weight", "output"}), "lane", 2 * 16)
    assert value(level.access_width) == 4
