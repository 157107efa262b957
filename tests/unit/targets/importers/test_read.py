"""What an import says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.machines import MESH, TIMELOOP, ZIGZAG, imported

from onnxroof.errors import TargetError


def test_without_a_clock_nothing_has_a_rate_and_it_is_said(tmp_path: Path) -> None:
    target, found = imported(tmp_path, ZIGZAG, None)
    assert target.engines[0].peaks[0].rate is None
    assert all(level.read_bandwidth is None for level in target.levels)
    assert target.levels[0].capacity is not None
    assert any("--clock" in note for note in found.notes)
    assert "--clock" in found.text.split("schema")[0]  # the notes stand at the top of the file


def test_files_of_cores_stay_below_the_folder(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"\.\./a\.yaml"):
        imported(tmp_path, MESH.replace("0: a.yaml", "0: ../a.yaml"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: [1", "YAML"),
        ("- 1", "mapping"),
        ("layers: 3", "its keys are layers"),
        (ZIGZAG.replace("sizes: [4, 8]", "sizes: [4]"), "dimensions"),
        (ZIGZAG.replace("operands: [I1, I2, O]", "operands: [I1, I2]"), "outermost"),
        (ZIGZAG.replace("size: 65536", "size: large"), "sram"),
        (MESH.replace("offchip_core_id: 2", "offchip_core_id: 7"), "offchip_core_id"),
        (TIMELOOP.split("  - !Component\n    name: mac", maxsplit=1)[0], "computes innermost"),
        ("architecture:\n  nodes: &a\n  - nodes: *a\n", "without an end"),
    ],
)
def test_what_is_no_such_description_is_told(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(TargetError) as error:
        imported(tmp_path, text)
    assert found in str(error.value)
    assert all(one.code == "T106" and "machine.yaml" in one.where for one in error.value.diagnostics)
