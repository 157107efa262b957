"""Is every operator of the standard in exactly one class, at every opset version, and proved by a case?

`standard_operators.tsv` has what each version of each operator takes, as its rule was written for. A newer onnx that
adds an operator or changes what one takes fails here with its name and the file to edit. Once the rule and its case
are written, `python -m tests.contract.test_operators` renews the table.
"""

import dataclasses
import inspect
from pathlib import Path

import pytest
from onnx import TensorProto, defs, helper

from onnxroof.costs.cost import Coverage, OpCost, Transfer, Work
from onnxroof.costs.families import FAMILIES
from onnxroof.costs.registry import Rule, Treatment, standard_registry
from onnxroof.costs.table import cost_table
from onnxroof.frontend.bodies import BODIES
from onnxroof.frontend.load import load_workload
from onnxroof.frontend.lower import LOWERERS
from onnxroof.ir.op import OpKind
from tests.oracles.contrib_cases import ALL_CASES as CASES

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("standard_operators.tsv")
OLDEST = 7  # the first opset of ai.onnx that models are read of without their versions being converted

# An operator that exporters wrote before the standard had one of that name, and that no schema describes.
NOT_OF_THE_STANDARD = {("", "SimplifiedLayerNormalization")}
# Its rule says why nothing can be counted.
UNCOUNTED = {("com.microsoft", "SparseToDenseMatMul")}

REGISTRY = standard_registry()


def schemas():
    """Versions of each operator that a model may carry, oldest first, by (domain, operator)."""
    found = {}
    for schema in defs.get_all_schemas_with_history():
        found.setdefault((schema.domain, schema.name), []).append(schema)
    for key, versions in sorted(found.items()):
        versions.sort(key=lambda schema: schema.since_version)
        ends = [schema.since_version - 1 for schema in versions[1:]] + [10**6]
        oldest = 1 if key[0] else OLDEST
        found[key] = [s for s, end in zip(versions, ends, strict=True) if end >= oldest and _is_alive(s, versions)]
    return {key: versions for key, versions in found.items() if versions}


def _is_alive(schema, versions):
    """A version with which the operator ends has no successor; one that was only mended has."""
    return not schema.deprecated or schema is not versions[-1]


SCHEMAS = schemas()


def signature(schema):
    """What a version takes: inputs in order, `?` optional, `*` repeated; attributes."""
    marks = {defs.OpSchema.FormalParameterOption.Optional: "?", defs.OpSchema.FormalParameterOption.Variadic: "*"}
    inputs = " ".join(f"{i.name}{marks.get(i.option, '')}" for i in schema.inputs)
    return inputs, " ".join(sorted(schema.attributes))


def rows():
    """One row for each version that takes something else than the one before it."""
    for (domain, op_type), versions in SCHEMAS.items():
        last = None
        for schema in versions:
            if signature(schema) != last:
                last = signature(schema)
                yield "\t".join((domain or "ai.onnx", op_type, str(schema.since_version), *last))


def file_of(domain, op_type):
    """Where the rule of an operator is, for messages."""
    rules = REGISTRY.rules.get((domain, op_type))
    if not rules:
        return "onnxroof/costs/ (CONTRIBUTING.md, Add an operator)"
    if rules[0].formula is None:
        return "onnxroof/costs/sequences.py or bodies.py"
    return Path(inspect.getsourcefile(rules[0].formula)).relative_to(ROOT).as_posix()


@pytest.mark.parametrize(("domain", "op_type"), SCHEMAS, ids="::".join)
def test_every_version_of_an_operator_has_a_class_and_a_sentence(domain, op_type):
    for schema in SCHEMAS[domain, op_type]:
        rule = REGISTRY.find(domain, op_type, schema.since_version)
        label = f"{domain or 'ai.onnx'}::{op_type} of opset {schema.since_version}"
        assert rule is not None, f"{label} is in no class: edit {file_of(domain, op_type)}"
        assert rule.sentence.strip(), f"{label} has no sentence: edit {file_of(domain, op_type)}"
        assert rule.treatment in Treatment


def test_what_each_version_takes_is_what_its_rule_was_written_for():
    stated = set(TABLE.read_text(encoding="utf-8").splitlines()[1:])
    changed = [row.split("\t") for row in rows() if row not in stated]
    news = [
        f"{domain}::{op} of opset {version} takes `{inputs}` with `{attributes}`: "
        f"see to its rule in {file_of('' if domain == 'ai.onnx' else domain, op)}, then renew {TABLE.name}"
        for domain, op, version, inputs, attributes in changed
    ]
    assert not news, "\n".join(news)
    assert stated <= set(rows()), "the table has rows of operators that are gone"


def test_every_rule_is_of_an_operator_that_exists():
    known = {(s.domain, s.name) for s in defs.get_all_schemas_with_history()}
    domains = {domain for domain, _ in known}
    assert {key for key in REGISTRY.rules if key[0] in domains} - known == NOT_OF_THE_STANDARD


def test_the_frontend_expands_what_the_registry_says_is_expanded():
    expanded = {key for key, rules in REGISTRY.rules.items() if any(r.treatment is Treatment.EXPANDED for r in rules)}
    assert expanded == set(LOWERERS) | BODIES


def test_what_is_not_modelled_has_no_numbers_to_count():
    """Only text, codecs, maps and what is not in the file: an operator on tensors of numbers needs a rule."""
    unmodelled = {
        op_type for (domain, op_type), rules in REGISTRY.rules.items()
        if domain in {d for d, _ in SCHEMAS} and rules[0].treatment is Treatment.NOT_MODELLED
    }  # fmt: skip
    text = {"StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"}
    maps = {"CastMap", "DictVectorizer", "ZipMap"}
    assert unmodelled == text | maps | {"ImageDecoder", "Gradient"}


def forms(versions):
    """First versions of the forms of an operator: another number of inputs, or attributes that went."""
    first, last = [], None
    for schema in versions:
        form = (len(schema.inputs), set(schema.attributes))
        if last is None or form[0] != last[0] or last[1] - form[1]:
            first.append(schema.since_version)
        last = form
    return first


RULED = [key for key in SCHEMAS if REGISTRY.rules[key][0].formula is not None]
COUNTED = sorted({key for key, rules in REGISTRY.rules.items() if rules[0].formula is not None} - UNCOUNTED)


@pytest.mark.parametrize(("domain", "op_type"), RULED, ids="::".join)
def test_every_form_of_an_operator_has_a_case(domain, op_type):
    newest = defs.onnx_opset_version() if not domain else 10**6
    versions = [case.version or newest for case in CASES if (case.domain, case.op_type) == (domain, op_type)]
    first = forms(SCHEMAS[domain, op_type])
    missing = [
        since for since, following in zip(first, [*first[1:], 10**9], strict=True)
        if not any(since <= version < following for version in versions)
    ]  # fmt: skip
    assert not missing, f"{op_type} has no case in tests/oracles/rule_cases.py for its forms of opsets {missing}"


def halvings(cost):
    """The same cost with one figure that is not zero halved, under the figure's name."""
    work = cost.work
    for name in ("macs", "vector_ops"):
        if getattr(work, name):
            yield name, dataclasses.replace(cost, work=dataclasses.replace(work, **{name: getattr(work, name) // 2}))
    for name, count in work.special.items():
        if count:
            halved = {**work.special, name: count // 2}
            yield name, dataclasses.replace(cost, work=dataclasses.replace(work, special=halved))
    for side in ("reads", "writes"):
        for index, transfer in enumerate(getattr(cost, side)):
            if transfer.bytes:
                transfers = list(getattr(cost, side))
                transfers[index] = Transfer(transfer.tensor, transfer.bytes // 2)
                yield f"{side} {index}", dataclasses.replace(cost, **{side: tuple(transfers)})


def names_of_halvings(case):
    return [name for name, _ in halvings(case.cost())]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_with_a_halved_figure_fails_its_case(case):
    rule = REGISTRY.find(case.domain, case.op_type, case.version or defs.onnx_opset_version())
    assert not case.disagreements(case.cost())
    for name in names_of_halvings(case):

        def halved(ctx, name=name) -> OpCost:
            return dict(halvings(rule.formula(ctx)))[name]

        mutant = Rule(case.domain, case.op_type, 0, 10**9, halved, kind=rule.kind)
        found = case.cost(registry=REGISTRY.extended({(case.domain, case.op_type): mutant}))
        assert case.disagreements(found), f"{case} does not notice that {name} is halved"


@pytest.mark.parametrize(("domain", "op_type"), COUNTED, ids="::".join)
def test_a_rule_that_counts_has_a_figure_to_halve(domain, op_type):
    """Where no case of an operator has a figure, nothing would notice that its rule is wrong."""
    cases = [case for case in CASES if (case.domain, case.op_type) == (domain, op_type)]
    if REGISTRY.rules[domain, op_type][0].treatment is Treatment.NO_WORK:
        assert all(case.cost().work == Work() for case in cases)
    else:
        assert any(names_of_halvings(case) for case in cases)


NEEDY = [
    (*key, schema.since_version, schema.min_input) for key, versions in SCHEMAS.items() for schema in versions
    if schema.min_input and key not in LOWERERS and key not in BODIES
]  # fmt: skip


@pytest.mark.parametrize(("domain", "op_type", "version", "needs"), NEEDY)
def test_an_operator_without_an_input_that_it_needs_is_unknown(domain, op_type, version, needs, tmp_path):
    """All that it has are weights, of which the file states what comes out: nothing else would make it unknown."""
    for count in dict.fromkeys((0, needs - 1)):
        node = helper.make_node(op_type, [f"w{i}" for i in range(count)], ["y"], domain=domain)
        weights = [helper.make_tensor(f"w{i}", TensorProto.FLOAT, [1, 1], [1.0]) for i in range(count)]
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])
        graph = helper.make_graph([node], "g", [], [result], weights)
        imports = [helper.make_opsetid(domain, version)]
        path = tmp_path / f"{count}.onnx"
        path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString())
        (found,) = cost_table(load_workload(path, {}, lambda _ops, _tensors: 0.0)).costs
        assert (found.kind, found.work, found.coverage) == (OpKind.UNKNOWN, None, Coverage.UNKNOWN)
        assert found.reason == f"input {count} is missing"


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "bodies"])
def test_every_family_is_held_against_loops_that_are_walked(family):
    """Some operator of each module of rules stands in a test that counts one by one over shapes of all kinds.

    `bodies` has no formula: it lists operators whose bodies the frontend lists in their place.
    """
    module = f"onnxroof.costs.{family}"
    operators = {
        op_type for (_, op_type), rules in REGISTRY.rules.items()
        if rules[0].formula is not None and inspect.getmodule(inspect.unwrap(rules[0].formula)).__name__ == module
    }  # fmt: skip
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/unit/costs").glob("test_*.py"))
    assert any(f'"{op_type}"' in tests for op_type in operators)


if __name__ == "__main__":
    TABLE.write_text("\n".join(["domain\toperator\tsince\tinputs\tattributes", *rows()]) + "\n", encoding="utf-8")
