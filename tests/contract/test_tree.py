"""The shape of the repository: file sizes, tests that mirror the package, docstrings, names, and no private paths."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import onnxroof

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "onnxroof"
FOLDERS = ("onnxroof", "hwdb", "templates", "models", "tests", "docs", ".ci")
TEXT = {".py", ".toml", ".md", ".j2", ".css", ".js", ".json", ".csv", ".tsv", ".txt", ".html", ""}

MOST_LINES = 500
LONGER_FILES = {
    "tests/oracles/rule_cases.py": "one table: a case for each operator, with its products in comments",
}

# Unit tests that belong to several modules of their package at once.
UNMIRRORED = {
    "costs/test_expansions.py": "fused operators of several families against the operators that they stand for",
    "costs/test_function_bodies.py": "rules of all families against the bodies that the standard gives",
    "costs/test_naive_data.py": "rules of operators that follow data, against runs on data",
    "costs/test_naive_contrib.py": "rules of the runtime's own operators against loops that are walked and counted",
    "costs/test_naive_families.py": "rules of further families against loops that are walked and counted",
    "costs/test_naive_elementwise.py": "elementwise rules of several families against formulas on numbers that count",
    "costs/test_naive_packed.py": "rules of packed weights and integers against loops that are walked and counted",
    "costs/test_naive_states.py": "rules of states, streams and indexers against loops that are walked and counted",
    "costs/test_naive_counts.py": "rules of all families against loops that are walked and counted",
    "costs/test_traps.py": "each trap of counting crosses several families of operators",
}

PRIVATE_FOLDERS = "|".join(("work", "tmp", "opt", "root"))
MACHINE_PATH = re.compile(rf"(?<![\w.$}}/])/(?:{PRIVATE_FOLDERS})(?:/|(?=[\s\"'`,;:)]|$))")
MARKS = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"))
UNFINISHED = re.compile(rf"\b(?:{MARKS})\b")


def texts():
    """Every text file of the repository that people write, with its content."""
    # In a linked work tree `.git` is a file that names a folder of the machine; it is no part of the repository.
    paths = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git"]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in TEXT]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(paths)
        if "__pycache__" not in path.parts and path.name not in ("report.html", "report.json")
    }


def modules():
    """Names of all modules of the package, `__main__` left out: importing that one runs it."""
    found = pkgutil.walk_packages(onnxroof.__path__, prefix="onnxroof.")
    return ["onnxroof", *(module.name for module in found if not module.name.endswith(".__main__"))]


@pytest.mark.parametrize("pattern", [MACHINE_PATH, UNFINISHED], ids=["machine path", "unfinished"])
def test_no_text_names_a_private_path_or_unfinished_work(pattern):
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("see /" + "work/main/x", True),
        ('"/' + 'tmp"', True),
        ("https://example.org/" + "opt/x", False),
        ("models/" + "root/x", False),
        ("a rate /" + "worker", False),
    ],
)
def test_the_pattern_of_private_paths_finds_paths_only(text, is_found):
    assert bool(MACHINE_PATH.search(text)) is is_found


def test_no_python_file_is_too_long():
    lines = {name: text.count("\n") for name, text in texts().items() if name.endswith(".py")}
    too_long = {name: count for name, count in lines.items() if count > MOST_LINES}
    assert set(too_long) == set(LONGER_FILES), f"longer than {MOST_LINES} lines: {too_long}"


def test_unit_tests_mirror_the_package():
    """`tests/unit/mapping/test_curve.py` tests `onnxroof/mapping/curve.py`.

    The name of a package on the way may stand before the module's (test modules need names of their own), an aspect
    after it.
    """
    strays = []
    for path in sorted((ROOT / "tests" / "unit").rglob("test_*.py")):
        folder = path.parent.relative_to(ROOT / "tests" / "unit")
        name = path.stem.removeprefix("test_")
        names = {name, *(name.removeprefix(f"{part}_") for part in folder.parts)}
        known = {module.stem for module in (PACKAGE / folder).glob("*.py")}
        is_mirror = any(word == module or word.startswith(f"{module}_") for word in names for module in known)
        if not is_mirror and (folder / path.name).as_posix() not in UNMIRRORED:
            strays.append(f"{folder / path.name}: no module of onnxroof/{folder} has that name")
    assert not strays, "\n".join(strays)


def test_every_package_has_unit_tests():
    packages = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")} - {Path()}
    untested = [str(name) for name in sorted(packages) if not list((ROOT / "tests/unit" / name).glob("test_*.py"))]
    assert not untested


@pytest.mark.parametrize("name", modules())
def test_a_module_says_what_it_is_for_and_what_is_public(name):
    module = importlib.import_module(name)
    assert module.__doc__, "a module starts with what question it answers"
    if hasattr(module, "__path__") and name != "onnxroof":
        return  # a package's door holds nothing else
    public = module.__all__
    assert list(public) == sorted(set(public), key=list(public).index), "named twice"
    assert all(hasattr(module, word) for word in public)


def test_public_names_of_the_library_are_reachable():
    for name in onnxroof.__all__:
        assert getattr(onnxroof, name) is not None
    assert onnxroof.load.__module__.startswith("onnxroof.")
    with pytest.raises(AttributeError, match="absent"):
        _ = onnxroof.absent


def test_imports_in_the_package_are_absolute():
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative
