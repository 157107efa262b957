"""Exit codes and what goes to which stream: the contract of README.md with scripts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from onnxroof.cli import main as entry

MODELS = Path(__file__).resolve().parents[3] / "models"
MODEL = str(MODELS / "mobilenet_v2.onnx")
DIMS = ("-d", "batch=1", "-d", "height=224", "-d", "width=224")


@pytest.fixture
def onnxroof(monkeypatch, capsys):
    """Runs the command line; gives exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["onnxroof", *arguments])
        with pytest.raises(SystemExit) as stop:
            entry.main()
        streams = capsys.readouterr()
        return stop.value.code, streams.out, streams.err

    return run


def test_a_full_answer_exits_with_0_and_says_nothing_on_stderr(onnxroof):
    code, out, err = onnxroof("count", MODEL, *DIMS, "--strict", "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["models"][0]["coverage"]["fraction"] == 1


def test_a_guess_exits_with_1_if_strict(onnxroof):
    assert onnxroof("count", MODEL)[0] == 0
    code, out, err = onnxroof("count", MODEL, "--strict")
    assert code == 1
    assert out
    assert "give it with `-d batch=INT`" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("count", "absent.onnx"), "there is no such file"),
        (("count", MODEL, "-d", "bacth=1"), "no model has a dimension `bacth`"),
        (("count", MODEL, "-d", "batch"), "expected NAME=INT"),
        (("count", MODEL, "-o", "result.xls"), "no format has the suffix"),
        (("analyze", MODEL, "-t", "nvidia-h100-smx"), "did you mean `nvidia-h100-sxm`"),
        (("analyze", MODEL, "--fusion", "magic"), "no such policy"),
        (("count",), "Missing argument"),
        (("cuont", MODEL), "No such command"),
    ],
)
def test_a_bad_input_exits_with_2_and_says_what_to_do(onnxroof, arguments, said):
    code, out, err = onnxroof(*arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in out + err


def test_several_faults_are_said_at_once(onnxroof):
    _, _, err = onnxroof("count", MODEL, "-d", "batch", "-d", "seq=x")
    assert err.count("expected NAME=INT") == 2


def test_a_bad_model_beside_a_good_one_leaves_the_good_one_answered(onnxroof):
    code, out, err = onnxroof("count", "absent.onnx", MODEL, "--format", "json")
    bad, good = json.loads(out)["models"]
    assert code == 2
    assert bad["error"]
    assert good["totals"]["macs"] > 0
    assert "absent.onnx" in err


def test_a_bug_exits_with_3_and_asks_for_a_report(onnxroof, monkeypatch):
    def broken(**arguments):
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(entry.cli.commands["count"], "callback", broken)
    code, _, err = onnxroof("count", MODEL)
    assert code == 3
    assert "ZeroDivisionError: of the test" in err
    assert "please report it" in err


def test_help_exits_with_0(onnxroof):
    code, out, _ = onnxroof("--help")
    assert code == 0
    assert all(command in out for command in ("analyze", "count", "targets", "strip"))


def test_an_interrupt_is_no_bug(onnxroof, monkeypatch):
    def interrupted(**arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.cli.commands["count"], "callback", interrupted)
    code, _, err = onnxroof("count", MODEL)
    assert code == 130  # 128 + SIGINT, as of any command
    assert "Traceback" not in err


def test_what_the_system_refuses_is_no_bug(onnxroof, monkeypatch):
    def refused(**arguments):
        raise PermissionError(13, "Permission denied", "secret.onnx")

    monkeypatch.setattr(entry.cli.commands["count"], "callback", refused)
    code, _, err = onnxroof("count", MODEL)
    assert (code, err) == (2, "error: secret.onnx: Permission denied\n")


def test_names_in_messages_show_what_they_hide(onnxroof):
    code, out, err = onnxroof("count", "\x1b[31mred\n.onnx")
    assert code == 2
    assert "\x1b" not in out + err
    assert "error: \\x1b[31mred\\n.onnx: there is no such file" in err


def piped(*arguments, reader):
    """A command of the interpreter whose stdout is read by `reader`; gives exit code and stderr."""
    command = [sys.executable, "-m", "onnxroof", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        reader(process.stdout)
        process.stdout.close()
        err = process.stderr.read()
        return process.wait(timeout=60), err


@pytest.mark.parametrize("arguments", [("count", MODEL, "--format", "json"), ("analyze", MODEL), ("targets", "list")])
def test_a_reader_that_goes_away_early_is_no_error(arguments):
    code, err = piped(*arguments, reader=lambda stream: stream.read(1))
    assert (code, err) == (0, "")


def test_a_full_disk_is_told():
    command = [sys.executable, "-m", "onnxroof", "count", MODEL]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: standard output: No space left on device\n"
