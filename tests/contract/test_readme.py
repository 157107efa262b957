"""Is README.md true? Its commands, samples, links and examples are run. As a script it renews the sample."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import defs

import onnxroof
from onnxroof.targets.diff import differences
from onnxroof.targets.format import format_text
from onnxroof.targets.read import read_with_warnings

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"

COVERAGE = re.compile(r"(<!-- coverage, made by `make readme` -->\n)(.*?\.)(\n\nNot there)", re.DOTALL)
SAMPLE = re.compile(r"(<!-- made by `make readme` -->\n```text\n)(.*?)(```\n)", re.DOTALL)


def text():
    return README.read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def shell_lines():
    """The two commands: each block has a single line."""
    return [block.rstrip("\n") for block in blocks("sh")]


def analysis(report):
    """What the last step of the first command prints, run by this interpreter and writing to `report`."""
    arguments = shlex.split(shell_lines()[0].split(" && ")[-1])
    assert arguments[0] == ".venv/bin/onnxroof"
    assert arguments[-2:] == ["-o", "report.html"]
    command = [sys.executable, "-m", "onnxroof", *arguments[1:-1], str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sample(output):
    """The part of the output that README.md shows."""
    kept = [line.rstrip() for line in output.split("\nslowest groups")[0].strip().splitlines()]
    return "\n".join(kept) + "\n"


def coverage():
    """The table of operators by domain and class, and the names of those that are not modelled."""
    command = [sys.executable, "-m", "onnxroof", "ops", "list", "--format", "json"]
    rows = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout)
    classes = ("rule", "no work", "expanded", "not modelled", "unknown")
    lines = [f"| domain | operators | {' | '.join(classes)} |", f"| --- |{' --- |' * (1 + len(classes))}"]
    for domain in dict.fromkeys(row["domain"] for row in rows):
        found = [row["class"] for row in rows if row["domain"] == domain]
        lines.append(f"| `{domain}` | {len(found)} | {' | '.join(str(found.count(name)) for name in classes)} |")
    unmodelled = ", ".join(f"`{row['operator']}`" for row in rows if row["class"] == "not modelled")
    why = "text, codecs, maps and formats of one vendor have no operations that could be counted from the file"
    rest = "Any other operator is unknown: it is listed and lowers the coverage on line 1"
    return "\n".join([*lines, "", f"Not modelled, because {why}: {unmodelled}. {rest}."])


def test_the_table_of_coverage_is_that_of_the_audit():
    ((_, shown, _),) = COVERAGE.findall(text())
    assert shown == coverage(), "the table in README.md has aged: `make readme` renews it"
    assert f"opset {defs.onnx_opset_version()}," in text()


def test_there_are_two_commands_of_one_line_each():
    first, second = shell_lines()
    assert "\n" not in first + second
    assert "onnxroof analyze models/" in first
    assert first.count(" -t ") >= 3
    assert "pytest" in second


def test_the_first_command_writes_the_report_and_prints_the_sample(tmp_path):
    output = analysis(tmp_path / "report.html")
    assert "resnet50.onnx" in (tmp_path / "report.html").read_text(encoding="utf-8")
    ((_, shown, _),) = SAMPLE.findall(text())
    assert shown == sample(output), "the sample in README.md has aged: `make readme` renews it"


def test_the_python_example_runs():
    (example,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_the_example_of_a_target_takes_five_lines_and_serves(tmp_path):
    (example,) = blocks("toml")
    assert len(example.splitlines()) == 5
    path = tmp_path / "my-npu.toml"
    path.write_text(example, encoding="utf-8")
    (line,) = re.findall(r'`-t "(peak=.*?)"`', text())
    target = onnxroof.load_target(path)
    assert target.id == "my-npu"
    assert [level.name for level in target.levels] == ["dram", "sram"]
    asked = [target, onnxroof.load_target(line)]
    results = onnxroof.analyze(ROOT / "models" / "mobilenet_v2.onnx", targets=asked).models[0].targets
    assert results[0].best.latency_s >= results[0].floor_latency_s > 0
    assert results[0].best.latency_s == results[1].best.latency_s


def test_the_targets_of_the_docs_have_no_faults(tmp_path):
    whole, modes, change = blocks("toml", ROOT / "docs" / "targets.md")
    for name, example in (("whole", whole), ("modes", modes), ("change", change)):
        path = tmp_path / f"{name}.toml"
        path.write_text(example, encoding="utf-8")
        _, doubts = read_with_warnings(path)
        assert not doubts
        assert format_text(example) == example
    slow = onnxroof.load_target(f"{tmp_path / 'modes.toml'}@15w")
    # 8 TOP/s at 612 of 918 MHz.
    assert [peak.rate.value for peak in slow.engines[0].peaks] == pytest.approx([8e12 * 612 / 918], rel=1e-5)
    assert (slow.power_cap.value, slow.levels[0].read_bandwidth.value) == (15, 68e9)
    changed, base = onnxroof.load_target(tmp_path / "change.toml"), onnxroof.load_target("nvidia-h100-sxm")
    assert [difference.key for difference in differences(base, changed)] == [
        "memory[hbm].read_bandwidth",
        "memory[hbm].write_bandwidth",
    ]
    assert {difference.ratio for difference in differences(base, changed)} == {0.5}


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "DECISIONS.md",
        "CHANGELOG.md",
        "docs/model.md",
        "docs/targets.md",
        "docs/validation.md",
        "docs/exam.md",
        "docs/roofline.md",
    ],
)
def test_links_and_named_paths_exist(page):
    path = ROOT / page
    content = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", content) if "://" not in link]
    named = re.findall(r"`((?:onnxroof|tests|templates|models|hwdb|docs)/[\w./-]+)`", content)
    missing = [link for link in links if not (path.parent / link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_the_table_of_commands_lists_what_the_program_has():
    done = subprocess.run(
        [sys.executable, "-m", "onnxroof", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    commands = re.findall(r"^  (\w+)  ", done.stdout.split("Commands:")[1], re.MULTILINE)
    rows = re.findall(r"^\| (`onnxroof .*?) \|", text(), re.MULTILINE)
    shown = {word for row in rows for word in re.findall(r"`onnxroof (\w+)", row)}
    assert sorted(shown) == sorted(commands)


@pytest.mark.parametrize("name", ["targets", "ops"])
def test_the_table_of_commands_lists_what_a_command_has(name):
    done = subprocess.run(
        [sys.executable, "-m", "onnxroof", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    commands = re.findall(r"^  (\w+)  ", done.stdout.split("Commands:")[1], re.MULTILINE)
    rows = re.findall(rf"^\| `onnxroof {name} (.*?)(?:; .*?)? \|", text(), re.MULTILINE)
    shown = [word for row in rows for word in re.findall(r"(?:^|, `)(\w+)", row)]
    assert sorted(shown) == sorted(commands)


def test_it_is_short():
    assert text().count("\n") < 150


def run_ci(folder, line):
    """`.ci/run` of a checkout whose README.md has another test line, started elsewhere."""
    checkout = folder / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy2(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    (checkout / "README.md").write_text(text().replace(shell_lines()[1], line), encoding="utf-8")
    return subprocess.run(
        [checkout / ".ci" / "run"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_ci_runs_the_test_line_at_the_root_of_the_checkout(tmp_path):
    done = run_ci(tmp_path, "test -f README.md && echo it ran")
    assert done.stdout.splitlines() == ["+ test -f README.md && echo it ran", "it ran"]
    assert done.returncode == 0


@pytest.mark.parametrize("line", ["false && true", "true && false", "echo one\necho two", ""])
def test_ci_fails_if_the_line_fails_or_is_no_single_line(tmp_path, line):
    assert run_ci(tmp_path, line).returncode != 0


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        renewed = sample(analysis(Path(folder) / "report.html"))
    page = SAMPLE.sub(lambda found: found[1] + renewed + found[3], text())
    table = coverage()
    README.write_text(COVERAGE.sub(lambda found: found[1] + table + found[3], page), encoding="utf-8")
