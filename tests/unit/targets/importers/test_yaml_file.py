"""What stands in a YAML file twice."""

from __future__ import annotations

from pathlib import Path

from oracles.machines import ZIGZAG, imported


def test_what_stands_twice_is_told(tmp_path: Path) -> None:
    _, found = imported(tmp_path, ZIGZAG.replace("    size: 32\n", "    size: 64\n    size: 32\n"))
    assert "size: stands there twice; only the last counts" in found.notes
