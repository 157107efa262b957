"""Finding targets: by id, by path, near misses, and the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onnxroof.errors import TargetError
from onnxroof.targets.catalog import DEFAULT_SHELF, load_target, target_ids

EXAMPLE = Path(__file__).parents[2] / "data" / "example-npu-16.toml"


def test_the_shelf_holds_eight_targets_of_the_catalogue() -> None:
    assert len(DEFAULT_SHELF) == 8
    assert len({load_target(target_id).klass for target_id in DEFAULT_SHELF}) == 8
    assert set(DEFAULT_SHELF) <= set(target_ids())


def test_ids_are_sorted() -> None:
    assert list(target_ids()) == sorted(set(target_ids()))


def test_by_id_and_by_path() -> None:
    assert load_target("hailo-8").id == "hailo-8"
    assert load_target(EXAMPLE).id == load_target(str(EXAMPLE)).id == "example-npu-16"


def test_a_file_without_the_suffix_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text(EXAMPLE.read_text())
    assert load_target(path).id == "example-npu-16"


@pytest.mark.parametrize(
    ("word", "near"), [("hailo8", "`hailo-8`"), ("nvidia-h100", "`nvidia-h100-sxm`"), ("eyeriss", "`eyeriss-v1`")]
)
def test_an_unknown_id_lists_near_ones(word: str, near: str) -> None:
    with pytest.raises(TargetError) as caught:
        load_target(word)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == f"no target is called `{word}`"
    assert diagnostic.hint.startswith("did you mean ")
    assert near in diagnostic.hint
    assert "`onnxroof targets list`" in diagnostic.hint


@pytest.mark.parametrize("word", ["", "?", "zzzzzzzz"])
def test_an_id_that_is_near_to_nothing(word: str) -> None:
    with pytest.raises(TargetError) as caught:
        load_target(word)
    assert caught.value.diagnostics[0].hint.startswith("`onnxroof targets list`")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(TargetError, match=r"none\.toml: cannot read the target file"):
        load_target("none.toml")


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(EXAMPLE.read_text())
    os.utime(path, ns=(1, 1))
    first = load_target(path)
    assert load_target(path) is first
    path.write_text(EXAMPLE.read_text().replace("Example NPU, 16 GiB", "Changed"))
    os.utime(path, ns=(2, 2))
    assert load_target(path).name == "Changed"
