"""Does what users install hold all that it needs? The wheel is built and installed alone, and writes a report."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command, cwd, **environment):
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """A folder into which the wheel alone is installed."""
    folder = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps", "--no-index")
    run(*pip, "--target", folder, wheel, cwd=folder)
    return folder


def test_the_wheel_holds_the_package_its_data_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = [
        path for pattern in ("*.py", "*.json", "*.binpb", "py.typed") for path in (ROOT / "onnxroof").rglob(pattern)
    ]
    expected = {path.relative_to(ROOT).as_posix() for path in package}
    for folder in ("hwdb", "templates"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        expected |= {f"onnxroof/_data/{path.relative_to(ROOT).as_posix()}" for path in files}
    metadata = {name for name in names if ".dist-info/" in name}
    assert names - metadata == expected
    assert any(name.endswith("licenses/LICENSE") for name in metadata)


def test_the_installed_wheel_writes_a_report_from_another_folder(site, tmp_path):
    environment = {"PYTHONPATH": str(site)}
    where = run(sys.executable, "-c", "import onnxroof; print(onnxroof.__file__)", cwd=tmp_path, **environment)
    assert Path(where.strip()) == site / "onnxroof" / "__init__.py"

    model = ROOT / "models" / "resnet50.onnx"
    command = (sys.executable, "-m", "onnxroof", "analyze", model, "-o", "report.html", "--format", "json")
    answer = run(*command, cwd=tmp_path, **environment)
    assert answer.lstrip().startswith("{")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "resnet50.onnx" in page
