"""What is imported by what: help answers at once, and no command pays for packages that it does not use."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = "models/mobilenet_v2.onnx"

HEAVY = {"numpy", "onnx", "onnxruntime", "networkx", "pydantic", "jinja2", "rich", "onnxsim", "pandas"}


def packages_of(*arguments):
    """Top-level packages that `python ARGUMENTS` imports, as the interpreter itself reports them."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("analyze", "--help"),
        ("count", "--help"),
        ("targets", "--help"),
        ("ops", "--help"),
        ("explain", "M201"),
    ],
)
def test_help_imports_nothing_heavy(arguments):
    found = packages_of("-m", "onnxroof", *arguments)
    assert "onnxroof" in found
    assert not found & HEAVY


def test_the_package_imports_nothing_heavy():
    assert not packages_of("-c", "import onnxroof; onnxroof.__version__") & HEAVY


def test_counting_a_plain_model_imports_nothing_heavy():
    found = packages_of("-m", "onnxroof", "count", "--format", "json", MODEL)
    assert "onnxroof" in found
    assert not found & HEAVY


def test_listing_targets_reads_no_model():
    assert not packages_of("-m", "onnxroof", "targets", "list") & {"onnx", "onnxruntime", "networkx", "jinja2"}


def test_analysis_without_a_page_renders_none():
    found = packages_of("-m", "onnxroof", "analyze", MODEL, "-t", "raspberry-pi-5", "--format", "json")
    assert "pydantic" in found
    assert not found & {"jinja2", "onnxruntime", "networkx", "rich"}
