"""What holds for every target: a line says what it shows, and changes change what they name and nothing else,
and the form of a file does not depend on how it was written.
"""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from onnxroof.cli.target_view import target_json
from onnxroof.targets.catalog import load_target, target_ids
from onnxroof.targets.diff import differences
from onnxroof.targets.extend import extended
from onnxroof.targets.format import format_text
from onnxroof.targets.read import read_target_text

HWDB = Path(__file__).parents[2] / "hwdb"
PREFIXES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
TYPES = ("INT4", "INT8", "FLOAT8E4M3FN", "BFLOAT16", "FLOAT16", "TF32", "FLOAT", "DOUBLE")

numbers = st.floats(min_value=1e-3, max_value=1e6).map(lambda number: float(f"{number:.6g}"))
prefixes = st.sampled_from(sorted(PREFIXES))
words = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda word: word != "peak")
sizes = st.tuples(numbers, prefixes)
levels = st.dictionaries(
    words,
    st.tuples(st.none() | sizes, st.none() | sizes).filter(lambda level: level != (None, None)),
    min_size=1,
    max_size=5,
)
peaks = st.dictionaries(st.sampled_from(TYPES), sizes, min_size=1)


def si(size: tuple[float, str] | None) -> float | None:
    return None if size is None else size[0] * PREFIXES[size[1]]


def number_of(quantity: dict[str, object] | None) -> object:
    return None if quantity is None else quantity["value"]


@settings(deadline=None)
@given(peaks=peaks, levels=levels, blank=st.sampled_from(["", " "]))
def test_a_line_shows_what_it_says(
    peaks: dict[str, tuple[float, str]],
    levels: dict[str, tuple[tuple[float, str] | None, tuple[float, str] | None]],
    blank: str,
) -> None:
    parts = [f"peak={rate[0]!r}{blank}{rate[1]}OP/s:{name}" for name, rate in peaks.items()]
    for name, (capacity, bandwidth) in levels.items():
        texts = [f"{capacity[0]!r}{blank}{capacity[1]}B"] if capacity else []
        texts += [f"{bandwidth[0]!r}{blank}{bandwidth[1]}B/s"] if bandwidth else []
        parts.append(f"{name}={'@'.join(texts)}")
    shown = target_json(load_target(f",{blank}".join(parts)))
    (engine,) = shown["engines"]
    assert {peak["input"]: number_of(peak["rate"]) for peak in engine["peaks"]} == {
        name: pytest.approx(si(rate), rel=1e-12) for name, rate in peaks.items()
    }
    assert [level["name"] for level in shown["levels"]] == list(levels)
    for level, (capacity, bandwidth) in zip(shown["levels"], levels.values(), strict=True):
        assert number_of(level["capacity"]) == (pytest.approx(si(capacity), rel=1e-12) if capacity else None)
        assert number_of(level["read_bandwidth"]) == (pytest.approx(si(bandwidth), rel=1e-12) if bandwidth else None)


ids = st.sampled_from(target_ids())


def tables(target_id: str) -> dict[str, object]:
    return tomllib.loads((HWDB / f"{target_id}.toml").read_text(encoding="utf-8"))


@settings(deadline=None)
@given(target_id=ids)
def test_changes_that_say_what_the_base_says_change_nothing(target_id: str) -> None:
    base = tables(target_id)
    assert extended(base, base).raw == base
    own = {key: base[key] for key in ("schema", "id", "name")}
    assert extended(base, own).raw == base


@settings(deadline=None)
@given(base_id=ids, other_id=ids)
def test_changing_twice_is_changing_once_and_spoils_neither(base_id: str, other_id: str) -> None:
    base, changes = tables(base_id), tables(other_id)
    before = copy.deepcopy((base, changes))
    once = extended(base, changes).raw
    assert (base, changes) == before
    assert extended({**once, "id": base["id"]}, changes).raw == once
    assert all(once[key] == changes[key] for key in ("id", "name", "class"))


@settings(deadline=None)
@given(base_id=ids, other_id=ids)
def test_every_place_of_a_change_holds_it(base_id: str, other_id: str) -> None:
    whole = extended(tables(base_id), tables(other_id))
    names = {"engine": "name", "memory": "level", "peak": "input"}
    for place, own in whole.places.items():
        found, changed = whole.raw, tables(other_id)
        for part in place:
            found = found[part]
        for part in own:
            changed = changed[part]
        assert found[names[place[-2]]] == changed[names[own[-2]]]
    asked = [path for key in ("engine", "memory") for path in [(key, i) for i in range(len(tables(other_id)[key]))]]
    assert set(asked) <= set(whole.places.values())


@settings(deadline=None)
@given(target_id=ids, data=st.data())
def test_one_change_changes_one_number(target_id: str, data: st.DataObject) -> None:
    base = tables(target_id)
    level = data.draw(st.sampled_from([entry["level"] for entry in base["memory"]]))
    capacity = {"value": 123, "unit": "kB", "source": next(iter(base["sources"]))}
    whole = extended(base, {"id": "x", "memory": [{"level": level, "capacity": capacity}]}).raw
    expected = copy.deepcopy(base)
    del expected["schema"], expected["name"]
    expected["id"] = "x"
    next(entry for entry in expected["memory"] if entry["level"] == level)["capacity"] = capacity
    assert whole == expected


def scalar(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",".join(f"  {scalar(item)}\n" for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def written(data: st.DataObject, table: dict[str, object], path: str = "", *, opens: str = "") -> str:
    """A table as somebody careless would write it: any order, any spacing, comments anywhere."""
    remark = st.sampled_from(["", "", "", "# one\n", "\n", "# two\n\n", "\n# three\n# four\n"])
    blank = st.sampled_from(["", " ", "   "])
    text = data.draw(remark) + (f"{opens}{data.draw(st.sampled_from(['', '  # behind a header']))}\n" if opens else "")
    keys = data.draw(st.permutations(list(table)))
    nested = [k for k in keys if k in ("sources", "chip", "efficiency") or k == "array"]
    arrays = [key for key in keys if key in ("engine", "peak", "memory")]
    for key in keys:
        if key not in nested and key not in arrays:
            gap, behind = data.draw(blank), data.draw(st.sampled_from(["", " #behind", "  # behind a value"]))
            text += f"{data.draw(remark)}{key}{gap}={gap}{scalar(table[key])}{behind}\n"
    for key in nested:
        inner = table[key]
        if key == "sources":
            for name in data.draw(st.permutations(list(inner))):
                text += written(data, inner[name], opens=f"[ {path}{key}.{name} ]")
        else:
            text += written(data, inner, opens=f"[{path}{key}]")
    for key in arrays:
        for item in table[key]:
            text += written(data, item, f"{path}{key}.", opens=f"[[{path}{key}]]")
    return text


# Shrinking some thousand draws takes minutes and tells nothing.
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(target_id=ids, data=st.data())
def test_however_a_file_is_written_its_form_is_the_same(target_id: str, data: st.DataObject) -> None:
    text = written(data, tables(target_id))
    once = format_text(text)
    assert tomllib.loads(once) == tomllib.loads(text)
    assert format_text(once) == once
    assert once.count("#") == text.count("#"), "no comment is lost"
    a, b = (read_target_text(version, path="f.toml") for version in (text, once))
    assert differences(a, b) == []
    bare = written(data, tables(target_id))
    keys = [without_comments(format_text(version)) for version in (once, bare)]
    assert keys[0] == keys[1], "the order of keys does not depend on how they stood"


def without_comments(text: str) -> list[str]:
    """Lines without comments, and without the tables whose keys are free words: those stay as they were written."""
    kept, is_ours = [], True
    for line in (line.split("#")[0].rstrip() for line in text.splitlines()):
        if line.startswith("["):
            is_ours = not line.startswith(("[sources", "[efficiency"))
        if line and is_ours:
            kept.append(line)
    return kept
