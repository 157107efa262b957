"""`onnxroof ops`: which operators are counted, and how is each?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxroof.costs.registry import Rule

__all__ = ["ops"]

_UNKNOWN = "unknown"
_CLASSES = ("rule", "no work", "expanded", "not modelled", _UNKNOWN)
_NEAR = 3


@click.group()
def ops() -> None:
    """List operators and explain how each is counted."""


@ops.command(name="list")
@click.option("--domain", help="Only operators of this domain, such as `ai.onnx` or `com.microsoft`.")
@click.option("--class", "class_", type=click.Choice(_CLASSES), help="Only operators of this class.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What to print to stdout.")  # fmt: skip
def list_ops(domain: str | None, class_: str | None, format_: str) -> None:
    """List every operator of the standard and every other that has a rule: its versions, its class, how it counts."""
    audit = _audit()
    if domain is not None and domain not in {row["domain"] for row in audit}:
        raise _no_domain(domain, sorted({row["domain"] for row in audit}))
    rows = [
        row for row in audit
        if (domain is None or row["domain"] == domain) and (class_ is None or row["class"] == class_)
    ]  # fmt: skip
    if format_ == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    lines = [("domain", "operator", "opset versions", "class", "how it counts")]
    lines += [
        (r["domain"], r["operator"], " ".join(map(str, r["versions"])) or "any", r["class"], _first_line(r["sentence"]))
        for r in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    for line in lines:
        click.echo("  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[-1]]))
    tally = ", ".join(f"{sum(r['class'] == name for r in rows)} {name}" for name in _CLASSES)
    click.echo(f"{len(rows)} operators: {tally}", err=True)


@ops.command()
@click.argument("operator", metavar="OP")
def explain(operator: str) -> None:
    """Explain how an operator is counted. OP is `Conv`, or `com.microsoft::MatMulNBits` outside the standard."""
    rules, versions = _rules(), _versions()
    keys = sorted({*rules, *versions})
    # Reports and other tools write `com.microsoft.MatMulNBits`; no operator has a point in its name.
    domain, _, op_type = operator.replace("::", ".").rpartition(".")
    same = [key for key in keys if key[1] == op_type and (not domain or key[0] == _domain(domain))]
    if not same:
        raise _no_operator(operator, op_type, keys)
    for place, key in enumerate(same):
        if place:
            click.echo()
        _print_operator(key, rules.get(key, ()), versions.get(key, ()))


def _print_operator(key: tuple[str, str], rules: Sequence[Rule], versions: Sequence[int]) -> None:
    numbers = f", opset versions {' '.join(map(str, versions))}" if versions else ""
    click.echo(f"{_label(*key)}{numbers}: {rules[0].treatment.value if rules else _UNKNOWN}")
    if not rules:
        click.echo(f"  {_NO_RULE}")
    for rule in rules:
        if len(rules) > 1:
            click.echo(f"  from opset {rule.since} on:")
        for line in rule.sentence.splitlines():
            click.echo(f"  {line}".rstrip())
        if rule.formula is not None:
            click.echo(f"  stated in {rule.formula.__module__}")


_NO_RULE = "No rule: it lowers the coverage, and its work is unknown, never zero."


def _audit() -> list[dict[str, Any]]:
    """One row an operator."""
    rules, versions = _rules(), _versions()
    rows = []
    for key in sorted({*rules, *versions}):
        stated = rules.get(key, ())
        rows.append(
            {
                "domain": key[0] or "ai.onnx",
                "operator": key[1],
                "versions": list(versions.get(key, ())),
                "class": stated[0].treatment.value if stated else _UNKNOWN,
                "sentence": "\n".join(rule.sentence for rule in stated) or _NO_RULE,
            }
        )
    return rows


def _rules() -> Mapping[tuple[str, str], tuple[Rule, ...]]:
    from onnxroof.costs.registry import standard_registry

    return standard_registry().rules


def _versions() -> Mapping[tuple[str, str], tuple[int, ...]]:
    from onnxroof.frontend.standard import standard_versions

    return standard_versions()


def _first_line(sentence: str) -> str:
    return sentence.partition("\n")[0]


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _label(domain: str, op_type: str) -> str:
    return f"{domain or 'ai.onnx'}::{op_type}"


def _no_domain(name: str, known: Sequence[str]) -> Exception:
    from onnxroof.errors import UsageError

    return UsageError.at(f"--domain {name}", "no operator is of this domain", f"one of {', '.join(known)}", code="U201")


def _no_operator(asked: str, op_type: str, keys: Sequence[tuple[str, str]]) -> Exception:
    """Names the nearest operators of any domain, whatever their case."""
    import difflib

    from onnxroof.errors import UsageError

    by_word: dict[str, list[str]] = {}
    for key in keys:
        by_word.setdefault(key[1].lower(), []).append(_label(*key))
    near = difflib.get_close_matches(op_type.lower(), by_word, n=_NEAR)
    labels = [f"`{label}`" for word in near for label in by_word[word]]
    hint = f"did you mean {', '.join(labels)}?" if labels else "`onnxroof ops list` has all of them"
    return UsageError.at("", f"no operator is called `{asked}`", hint, code="U301")
