"""Do lint, formatting, types and layers hold? The tools run here, so that one command checks everything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent

CHECKS = {
    "lint": ("ruff", "check", "--output-format", "concise", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
    "layers": ("lint-imports",),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_tree_passes(name):
    tool, *arguments = CHECKS[name]
    script = shutil.which(tool, path=SCRIPTS)
    assert script, f"{tool} is not installed beside {sys.executable}: `pip install -e '.[dev]'`"
    done = subprocess.run([script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"`{' '.join(CHECKS[name])}` says:\n{done.stdout}{done.stderr}"
