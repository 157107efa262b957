"""A file that extends another: what is merged, what is replaced, whose sources are whose, and where faults are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from onnxroof.errors import Diagnostic, TargetError
from onnxroof.targets.catalog import load_target
from onnxroof.targets.extend import extended
from onnxroof.targets.model import Quantity, Target

HEAD = 'schema = 1\nid = "mine"\nname = "Mine"\n'
SHEET = '[sources.sheet]\ntitle = "My sheet"\nkind = "vendor"\n'
EXAMPLE = Path(__file__).parents[2] / "data" / "example-npu-16.toml"

Read = Callable[..., Target]


def value(quantity: Quantity | None) -> float:
    assert quantity is not None
    return quantity.value


def kind(quantity: Quantity | None) -> str:
    assert quantity is not None
    return quantity.source.title


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a target of the example, changed by a text."""
    (tmp_path / "base.toml").write_text(EXAMPLE.read_text())

    def of(changes: str, base: str = "base.toml") -> Target:
        (tmp_path / "mine.toml").write_text(f'{HEAD}extends = "{base}"\n{changes}')
        return load_target(tmp_path / "mine.toml")

    return of


def faults(read: Read, changes: str, base: str = "base.toml") -> tuple[Diagnostic, ...]:
    with pytest.raises(TargetError) as caught:
        read(changes, base)
    return caught.value.diagnostics


def test_without_changes_all_but_the_name_is_the_base(read: Read) -> None:
    base, mine = load_target(EXAMPLE), read("")
    assert (mine.id, mine.name, mine.extends) == ("mine", "Mine", "base.toml")
    assert (mine.engines, mine.levels, mine.sources) == (base.engines, base.levels, base.sources)
    assert (mine.klass, mine.vendor, mine.cores, mine.clock) == (base.klass, base.vendor, base.cores, base.clock)
    assert mine.efficiency == base.efficiency


def test_a_level_of_the_same_name_is_changed_key_by_key(read: Read) -> None:
    mine = read(SHEET + '[[memory]]\nlevel = "sram"\ncapacity = { value = 8, unit = "MiB", source = "sheet" }\n')
    assert [level.name for level in mine.levels] == ["dram", "sram", "rf"]
    assert value(mine.levels[1].capacity) == 8388608  # 8 x 2**20
    assert value(mine.levels[1].read_bandwidth) == 1e12  # of the base


def test_a_number_names_the_source_of_the_file_that_wrote_it(read: Read) -> None:
    """Both files call their source `sheet`."""
    mine = read(SHEET + '[[memory]]\nlevel = "sram"\ncapacity = { value = 8, unit = "MiB", source = "sheet" }\n')
    assert kind(mine.levels[1].capacity) == "My sheet"
    assert kind(mine.levels[1].read_bandwidth) == "Example NPU data sheet, rev 1.2"
    assert set(mine.sources) == {"sheet", "example-npu-16:sheet", "energy"}
    assert mine.sources["example-npu-16:sheet"].title == "Example NPU data sheet, rev 1.2"


def test_a_change_may_name_a_source_of_the_base(read: Read) -> None:
    mine = read('[chip]\nclock = { value = 2, unit = "GHz", source = "sheet" }\n')
    assert (value(mine.clock), kind(mine.clock)) == (2e9, "Example NPU data sheet, rev 1.2")
    assert (mine.cores, value(mine.static_power)) == (4, 0.8)


def test_peaks_are_merged_by_type(read: Read) -> None:
    mine = read(
        '[[engine]]\nname = "matrix"\n'
        '[[engine.peak]]\ninput = "FLOAT16"\nrate = { value = 5, unit = "TFLOP/s", source = "sheet" }\n'
        '[[engine.peak]]\ninput = "INT4"\nrate = { value = 16, unit = "TOP/s", source = "sheet" }\n'
    )
    matrix, vector = mine.engines
    assert [(peak.input.name, value(peak.rate)) for peak in matrix.peaks] == [
        ("INT8", 8.192e12),
        ("FLOAT16", 5e12),
        ("INT4", 16e12),
    ]
    assert value(matrix.peaks[1].energy) == 0.5e-12  # of the base
    assert (matrix.runs, matrix.array) == (load_target(EXAMPLE).engines[0].runs, load_target(EXAMPLE).engines[0].array)
    # FLOAT16 of the vector engine adds up in FLOAT16, which is not usual: being the only one, it is meant.
    mine = read(
        '[[engine]]\nname = "vector"\nspecial_cost = { EXP = 9 }\n'
        '[[engine.peak]]\ninput = "FLOAT16"\nrate = { value = 1, unit = "TFLOP/s", source = "sheet" }\n'
    )
    (peak,) = mine.engines[1].peaks
    assert (peak.accumulate.name, value(peak.rate)) == ("FLOAT16", 1e12)
    assert mine.engines[1].special_cost == {"EXP": 9, "DIV": 4, "ERF": 8}
    assert mine.engines[0] == vector or mine.engines[0].name == "matrix"


def test_two_accumulators_of_one_input_are_told_apart(read: Read) -> None:
    narrow = (
        '[[engine]]\nname = "matrix"\n[[engine.peak]]\ninput = "FLOAT16"\naccumulate = "FLOAT16"\n'
        'rate = { value = 8, unit = "TFLOP/s", source = "sheet" }\n'
    )
    peaks = read(narrow).engines[0].peaks
    assert [(p.input.name, p.accumulate.name, value(p.rate)) for p in peaks[1:]] == [
        ("FLOAT16", "FLOAT", 4.096e12),
        ("FLOAT16", "FLOAT16", 8e12),
    ]


def test_a_new_level_goes_behind_the_one_before_it_or_to_the_end(read: Read) -> None:
    def names(*levels: str) -> list[str]:
        return [level.name for level in read("".join(f'[[memory]]\nlevel = "{name}"\n' for name in levels)).levels]

    assert names("new") == ["dram", "sram", "rf", "new"]
    assert names("dram", "new") == ["dram", "new", "sram", "rf"]
    assert names("sram", "new", "newer") == ["dram", "sram", "new", "newer", "rf"]


def test_a_bandwidth_given_apart_replaces_the_shared_one_and_the_other_way_round(read: Read) -> None:
    apart = 'read_bandwidth = { value = 2, unit = "GB/s", source = "sheet" }\n'
    level = read(f'[[memory]]\nlevel = "dram"\n{apart}').levels[0]
    assert (value(level.read_bandwidth), level.write_bandwidth, level.shares_port) == (2e9, None, False)
    changes = {"memory": [{"level": "a", "bandwidth": 1}]}
    base = {"memory": [{"level": "a", "read_bandwidth": 3, "write_bandwidth": 4, "capacity": 5}]}
    assert extended(base, changes).raw["memory"] == [{"level": "a", "capacity": 5, "bandwidth": 1}]


def test_lists_and_arrays_are_replaced_as_a_whole(read: Read) -> None:
    mine = read('[[engine]]\nname = "matrix"\nruns = ["mac", "vector"]\narray = { m = 2, n = 3, k = 4 }\n')
    assert mine.engines[0].runs == {"mac", "vector"}
    array = mine.engines[0].array
    assert array is not None
    assert (array.m, array.n, array.k) == (2, 3, 4)


def test_a_chain_and_a_line_as_base(tmp_path: Path, read: Read) -> None:
    read("[chip]\ncores = 7\n")  # writes mine.toml
    (tmp_path / "third.toml").write_text('schema = 1\nid = "third"\nname = "Third"\nextends = "mine.toml"\n')
    third = load_target(tmp_path / "third.toml")
    assert (third.id, third.cores, third.vendor) == ("third", 7, "Example")
    line = read("", base="peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s")
    assert (line.id, line.klass, [level.name for level in line.levels]) == ("mine", "custom", ["dram", "sram"])


def test_a_base_that_comes_along(read: Read) -> None:
    mine = read(
        '[[memory]]\nlevel = "hbm"\nbandwidth = { value = 4.8, unit = "TB/s", source = "mle" }\n', "nvidia-h100-sxm"
    )
    assert (mine.name, value(mine.levels[0].read_bandwidth)) == ("Mine", 4.8e12)
    assert mine.engines == load_target("nvidia-h100-sxm").engines


def test_a_base_that_changes_is_read_again(tmp_path: Path, read: Read) -> None:
    assert read("").vendor == "Example"
    (tmp_path / "base.toml").write_text(EXAMPLE.read_text().replace('vendor = "Example"', 'vendor = "Other"'))
    assert load_target(tmp_path / "mine.toml").vendor == "Other"


def test_a_fault_stands_on_the_line_of_the_changes(tmp_path: Path, read: Read) -> None:
    (fault,) = faults(
        read, SHEET + '[[memory]]\nlevel = "rf"\ncapacity = { value = 8, unit = "MBit", source = "sheet" }\n'
    )
    # Four lines of head, three of the source, then the table, its name, its capacity; there it is the first level.
    assert (fault.where, fault.code) == (f"{tmp_path / 'mine.toml'}:10", "T204")
    assert fault.message.startswith("memory[0].capacity.unit: ")
    (fault,) = faults(
        read,
        '[[engine]]\nname = "vector"\n[[engine.peak]]\ninput = "INT8"\n[[engine.peak]]\ninput = "INT4"\nspeed = 3\n',
    )
    assert (fault.where, fault.message.split(":")[0]) == (f"{tmp_path / 'mine.toml'}:11", "engine[0].peak[1].speed")
    (fault,) = faults(read, '[[memory]]\nlevel = "sram"\n[[memory]]\nlevel = "sram"\n')
    assert (fault.where, fault.code) == (f"{tmp_path / 'mine.toml'}:8", "T206")


def test_id_and_name_are_not_inherited(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "nameless.toml"
    read("")
    path.write_text('schema = 1\nextends = "base.toml"\n')
    with pytest.raises(TargetError) as caught:
        load_target(path)
    assert [d.message.split(":")[0] for d in caught.value.diagnostics] == ["id", "name"]


def test_an_unknown_base_is_named_beside_other_faults(tmp_path: Path, read: Read) -> None:
    base, unit = faults(
        read, '[[memory]]\nlevel = "a"\ncapacity = { value = 8, unit = "MBit", source = "s" }\n', "hailo8"
    )
    assert (base.where, base.code) == (f"{tmp_path / 'mine.toml'}:4", "T101")
    assert base.message == "extends: no target is called `hailo8`"
    assert "`hailo-8`" in base.hint
    assert (unit.where, unit.code) == (f"{tmp_path / 'mine.toml'}:7", "T204")


def test_what_no_base_could_mend_is_told_beside_an_unknown_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'schema = 1\nid = "mine"\nextends = "hailo8"\n[sources.s]\ntitle = "S"\nkind = "derived"\n'
        '[chip]\nclock = { value = 1, unit = "GHz", source = "of_the_base" }\n'
        '[[memory]]\nlevel = "a"\nscope = "core"\ncapacity = { value = 8, unit = "MB" }\n'
        '[[memory]]\nlevel = "a"\n[[engine]]\nname = "e"\n[efficiency]\nmac = { value = 1, unit = "1", source = "s" }\n'
    )
    with pytest.raises(TargetError) as caught:
        load_target(path)
    # The base may have the source, the cores, what the engine runs, and an engine that is called `mac`.
    assert sorted((d.code, d.message.split(":")[0]) for d in caught.value.diagnostics) == [
        ("T101", "extends"),
        ("T201", "memory[0].capacity.source"),
        ("T201", "name"),
        ("T205", "sources.s.from"),
        ("T206", "memory[1].level"),
    ]


def test_faults_of_a_base_are_told_where_they_are(tmp_path: Path, read: Read) -> None:
    (tmp_path / "bad.toml").write_text(EXAMPLE.read_text().replace("schema = 1 ", "schema = 7 "))
    (fault,) = faults(read, "", "bad.toml")
    assert re.match(rf"{re.escape(str(tmp_path / 'bad.toml'))}:\d+$", fault.where)
    assert fault.code == "T203"
    (fault,) = faults(read, "", "none.toml")
    assert (fault.where, fault.code) == (str(tmp_path / "none.toml"), "T102")
    (fault,) = faults(read, "", "peak=8TOPS:INT8,dram=1GB")
    assert (fault.where, fault.code) == ("peak=8TOPS:INT8", "T204")


CHANGES = (
    '[chip]\nclock = { value = 1, unit = "GHz", source = "mistyped" }\n'  # line 6
    'power_cap = { value = 1, unit = "W", source = "energy" }\n'
    '[[engine]]\nname = "scan"\n[[engine]]\nname = "vector"\n'  # lines 8 to 11
    '[[memory]]\nlevel = "rf"\nscope = "lane"\n'  # line 14
    '[efficiency]\nvektor = { value = 0.5, unit = "1", source = "energy" }\n'  # line 16
)


@pytest.mark.parametrize(
    ("word", "old", "new", "of_base"),
    [
        ("base.toml", "value = 8.192, unit", "value = 8.192, units", ["T201", "T202"]),
        ("base.toml@slow", "", "", ["T108"]),
        ("other.toml", "schema = 1 ", "schema = 7 ", ["T203"]),  # base of the base
    ],
)
def test_faults_of_a_file_are_told_beside_those_of_its_base(
    tmp_path: Path, read: Read, word: str, old: str, new: str, of_base: list[str]
) -> None:
    (tmp_path / "base.toml").write_text(EXAMPLE.read_text().replace(old, new))
    (tmp_path / "other.toml").write_text('schema = 1\nid = "other"\nname = "Other"\nextends = "base.toml"\n')
    found = faults(read, CHANGES, word)
    assert sorted(fault.code for fault in found[: len(of_base)]) == of_base
    # The base has the source `energy`, what `vector` runs, and an engine of that name, and no lanes.
    assert [
        (fault.where.rsplit(":", 1)[1], fault.code, fault.message.split(":")[0]) for fault in found[len(of_base) :]
    ] == [
        ("6", "T205", "chip.clock.source"),
        ("8", "T201", "engine[0].runs"),
        ("14", "T206", "memory[0].scope"),
        ("16", "T206", "efficiency.vektor"),
    ]


def test_beside_a_base_that_is_no_description_only_what_is_certain_is_told(tmp_path: Path, read: Read) -> None:
    (tmp_path / "bad.toml").write_text(
        'schema = 1\nid = "bad"\nname = "Bad"\nclass = "custom"\nsources = 3\nengine = 1\n'
    )
    found = faults(read, CHANGES.replace("clock =", "cloc ="), "bad.toml")
    assert [fault.message.split(":")[0] for fault in found] == ["memory", "sources", "engine", "chip.cloc"]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_is_shown(tmp_path: Path, length: int) -> None:
    for index in range(length):
        (tmp_path / f"t{index}.toml").write_text(f'{HEAD}extends = "t{(index + 1) % length}.toml"\n')
    with pytest.raises(TargetError) as caught:
        load_target(tmp_path / "t0.toml")
    (fault,) = caught.value.diagnostics
    names = " → ".join(f"`t{index % length}.toml`" for index in range(length + 1))
    assert fault.code == "T105"
    assert fault.message.endswith(f"found a circle: {names}")
    assert fault.where == f"{tmp_path / f't{length - 1}.toml'}:4"


@pytest.mark.parametrize(
    "changes", ["memory = 3\n", "engine = [1, 2]\n", "sources = 3\n", "chip = []\n", "extends = 1\n"]
)
def test_what_is_not_shaped_as_it_should_be_is_told_and_no_more(tmp_path: Path, changes: str) -> None:
    path = tmp_path / "mine.toml"
    base = "" if "extends" in changes else 'extends = "hailo-8"\n'
    path.write_text(f"{HEAD}{base}{changes}")
    with pytest.raises(TargetError) as caught:
        load_target(path)
    assert all(fault.code.startswith("T2") for fault in caught.value.diagnostics)


def test_a_base_keeps_its_sources_under_names_that_are_free() -> None:
    number = {"value": 1, "unit": "W", "source": "s"}
    base = {"id": "b", "sources": {"s": {"title": "base"}}, "chip": {"power_cap": number}}
    own = {"sources": {"s": {"title": "own"}, "b:s": {"title": "also own"}}}
    raw = extended(base, own).raw
    assert raw["sources"] == {"s": {"title": "own"}, "b:s": {"title": "also own"}, "b:s'": {"title": "base"}}
    assert raw["chip"] == {"power_cap": {**number, "source": "b:s'"}}
    assert base["sources"] == {"s": {"title": "base"}}, "the base itself is left as it is"
