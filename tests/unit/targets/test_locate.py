"""Words for targets: ids, paths, and descriptions in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxroof.errors import TargetError
from onnxroof.targets.locate import is_inline, target_ids, target_path


def test_an_id_goes_before_a_path_and_a_suffix_makes_a_path(tmp_path: Path) -> None:
    (tmp_path / "hailo-8").write_text("")
    assert target_path("hailo-8", tmp_path).parent.name == "hwdb"
    assert target_path("hailo-8.toml", tmp_path) == tmp_path / "hailo-8.toml"


def test_a_path_starts_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    assert target_path("mine", tmp_path) == tmp_path / "mine"
    assert target_path(str(tmp_path / "mine")) == tmp_path / "mine"
    with pytest.raises(TargetError, match="no target is called `mine`"):
        target_path("mine")


def test_an_equals_sign_describes_unless_it_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "a=b").write_text("")
    assert is_inline("peak=8TOP/s:INT8,dram=1GB")
    assert is_inline("x=y")
    assert not is_inline("a=b", tmp_path)
    assert not is_inline("a=b.toml")
    assert not any(is_inline(word) for word in target_ids())


def test_a_word_that_cannot_be_a_path_is_no_file() -> None:
    assert is_inline("peak=\0")
    assert is_inline("x=" + "y" * 5000)
