"""Types and values of plain nodes, held against the onnx package: its inference and its reference evaluator.

A rule may decline, it may not differ. That it does not decline where it should answer is asserted of real models.
"""

import math
from collections import Counter
from pathlib import Path

import onnx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import defs, helper

from onnxroof.dtypes import DType
from onnxroof.frontend import infer, onnx_inference
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.infer import RANDOM
from onnxroof.frontend.plain_node import PLAIN_RULES
from onnxroof.frontend.plain_types import plain_types
from onnxroof.frontend.plain_values import plain_value
from onnxroof.frontend.proto import attribute_value
from onnxroof.frontend.types import ValueType, contents_of, type_of_proto
from onnxroof.ir.contents import Contents
from onnxroof.study.load import load
from tests.oracles.conformance import cases, undeclared
from tests.oracles.contents import contents

MODELS = Path(__file__).resolve().parents[3] / "models"
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
OPSET = defs.onnx_opset_version()
F, I64 = DType.FLOAT, DType.INT64


def asked(node, version, types, values):
    """What onnx infers, None where it says that the inputs contradict each other."""
    schema = onnx_inference.schema_of(node.op_type, "", version)
    try:
        return onnx_inference.inferred_types(node, schema, {"": version}, types, values, 10)
    except ContradictionError:
        return None


def differences(node, version, types, values):
    """Where a rule says other than onnx, and whether it said anything."""
    found = plain_types(node, version, types, values)
    if found is None:
        return [], False
    if found != asked(node, version, types, values):
        return [f"{node.op_type}: {found}"], True
    is_known = all(v is not None for v, t in zip(values, types, strict=True) if t is not None)
    if not is_known or len(found) > 1 or math.prod(found[0].shape) > 2048 or node.op_type in RANDOM | {"Shape"}:
        return [], True
    value = plain_value(node, values, found)
    if value is None:
        return [], True
    (wanted,) = onnx_inference.evaluated(node, {"": version}, types, values, 10)
    return [] if value == wanted else [f"{node.op_type}: {value}, not {wanted}"], True


def operands(model):
    """Types and known contents of what a model's graph is given, by name."""
    types = {value.name: type_of_proto(value.type) for value in model.graph.input}
    values = {tensor.name: contents_of(tensor) for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        types[tensor.name] = ValueType(DType.from_number(tensor.data_type), tuple(tensor.dims))
    return types, values


def test_no_node_of_the_conformance_suite_differs():
    answered, faults = Counter(), []
    for case in cases("node"):
        for form in (case, undeclared(case)):
            model = onnx.ModelProto.FromString(form.model)
            types, values = operands(model)
            version = next((o.version for o in model.opset_import if not o.domain), 0)
            for node in model.graph.node:
                if node.domain or not version or any(name and name not in types for name in node.input):
                    continue
                found, has_answer = differences(
                    node, version, [types.get(n) for n in node.input], [values.get(n) for n in node.input]
                )
                faults += [f"{case.name}: {fault}" for fault in found]
                answered[node.op_type] += has_answer
    assert not faults
    assert set(PLAIN_RULES) - {name for name, count in answered.items() if count} <= _NOT_IN_THE_SUITE


# Operators whose cases in the suite are none of a plain node.
_NOT_IN_THE_SUITE = {"LayerNormalization"}  # all of them ask for the mean and the deviation too


@pytest.mark.parametrize("path", sorted([*MODELS.glob("*.onnx"), *LIGHT.glob("*.onnx")]), ids=lambda path: path.stem)
def test_no_node_of_a_real_model_differs(path, monkeypatch):
    answered, faults = Counter(), []

    def compared(node, version, types, values):
        found, has_answer = differences(node, version, types, values)
        faults.extend(found)
        answered[has_answer] += 1
        return plain_types(node, version, types, values)

    monkeypatch.setattr(infer, "plain_types", compared)
    load(path)
    assert not faults
    if path.stem in ("random_forest", "lstm_words"):
        return  # a tree and a recurrence are nothing plain, and little else is in them
    assert answered[True] > 0.8 * answered.total() or path.stem == "bert_base_fused"


def node_of(op_type, count, outputs=1, **attributes):
    names = [f"i{place}" for place in range(count)]
    stated = {name: value for name, value in attributes.items() if value is not None}
    return helper.make_node(op_type, names, [f"o{place}" for place in range(outputs)], **stated)


def agree(node, types, values=None, version=OPSET):
    found, _ = differences(node, version, types, values or [None] * len(types))
    assert not found


extents = st.integers(1, 9)
small = st.integers(-4, 4)


@st.composite
def windows(draw):
    rank = draw(st.integers(1, 3))
    several = st.lists(st.integers(1, 3), min_size=rank, max_size=rank)
    return {
        "source": tuple(draw(st.lists(st.integers(1, 12), min_size=rank, max_size=rank))),
        "kernel": tuple(draw(several)),
        "strides": draw(st.none() | several),
        "dilations": draw(st.none() | several),
        "pads": draw(st.none() | st.lists(st.integers(0, 2), min_size=2 * rank, max_size=2 * rank)),
        "auto_pad": draw(st.sampled_from([None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])),
    }


@given(windows(), st.integers(1, 3), st.sampled_from([1, 11, OPSET]))
def test_convolutions(window, group, version):
    source, kernel = window.pop("source"), window.pop("kernel")
    node = node_of("Conv", 3, group=group, **window)
    types = [ValueType(F, (2, 2 * group, *source)), ValueType(F, (3 * group, 2, *kernel)), ValueType(F, (3 * group,))]
    agree(node, types, version=version)


@given(windows(), st.sampled_from(["MaxPool", "AveragePool"]), st.booleans(), st.sampled_from([8, 10, 12, OPSET]))
def test_pools(window, op_type, ceil_mode, version):
    source, kernel = window.pop("source"), window.pop("kernel")
    node = node_of(op_type, 1, kernel_shape=kernel, ceil_mode=int(ceil_mode), **window)
    agree(node, [ValueType(F, (2, 3, *source))], version=version)


@given(st.lists(extents, min_size=1, max_size=3), st.lists(st.tuples(small, small, small), min_size=1, max_size=3))
def test_slices(shape, cuts):
    cuts = cuts[: len(shape)]
    starts, ends, steps = zip(*cuts, strict=True)
    assume(0 not in steps)
    values = [None, contents(starts), contents(ends), contents(range(len(cuts))), contents(steps)]
    types = [ValueType(F, tuple(shape)), *(ValueType(I64, value.shape) for value in values[1:])]
    agree(node_of("Slice", 5), types, values)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6), small, small, st.integers(-2, 3))
def test_slices_of_known_lists(elements, start, end, step):
    assume(step)
    values = [contents(elements), contents([start]), contents([end]), contents([0]), contents([step])]
    agree(node_of("Slice", 5), [ValueType(I64, value.shape) for value in values], values)


@given(st.lists(extents, max_size=4), st.lists(st.integers(-1, 9), max_size=4), st.integers(0, 1))
def test_reshapes(shape, wanted, allowzero):
    values = [None, Contents(I64, (len(wanted),), tuple(wanted))]
    types = [ValueType(F, tuple(shape)), ValueType(I64, (len(wanted),))]
    agree(node_of("Reshape", 2, allowzero=allowzero), types, values)


shapes = st.lists(st.sampled_from([1, 1, 2, 3]), max_size=3).map(tuple)


@given(
    shapes, shapes, st.sampled_from(["Add", "Sub", "Mul", "Div", "Max", "Min", "Equal", "Less", "MatMul"]), st.data()
)
def test_two_operands(a, b, op_type, data):
    def known(shape):
        count = math.prod(shape)
        return Contents(I64, shape, tuple(data.draw(st.lists(st.integers(-9, 9), min_size=count, max_size=count))))

    values = [known(a), known(b)]
    agree(node_of(op_type, 2), [ValueType(I64, a), ValueType(I64, b)], values if op_type != "MatMul" else None)


@given(st.lists(shapes, min_size=1, max_size=3), st.integers(-3, 3))
def test_concatenations(parts, axis):
    values = [Contents(I64, shape, tuple(range(place, place + math.prod(shape)))) for place, shape in enumerate(parts)]
    agree(node_of("Concat", len(parts), axis=axis), [ValueType(I64, shape) for shape in parts], values)


@given(shapes, st.lists(small, max_size=3), st.integers(0, 1), st.sampled_from(["ReduceSum", "Squeeze", "Unsqueeze"]))
def test_axes(shape, axes, keepdims, op_type):
    stated = {"keepdims": keepdims} if op_type == "ReduceSum" else {}
    values = [None, Contents(I64, (len(axes),), tuple(axes))]
    agree(node_of(op_type, 2, **stated), [ValueType(F, shape), ValueType(I64, (len(axes),))], values)


@given(small, small, small)
def test_ranges(start, limit, delta):
    values = [contents(start), contents(limit), contents(delta)]
    agree(node_of("Range", 3), [ValueType(I64, ())] * 3, values)


def test_what_is_no_plain_case_is_declined():
    whole = ValueType(F, (2, 3))
    assert plain_types(node_of("Add", 2), OPSET, [whole, ValueType(F, (2, None))], [None, None]) is None
    assert plain_types(node_of("Add", 2), OPSET, [whole, ValueType(F, (4,))], [None, None]) is None
    assert plain_types(node_of("Add", 2), OPSET, [whole, ValueType(I64, (3,))], [None, None]) is None
    assert plain_types(node_of("Reshape", 2), OPSET, [whole, ValueType(I64, (2,))], [None, None]) is None
    assert plain_types(node_of("Relu", 1), 10**6, [whole], [None]) is None  # an opset that is not known here
    assert plain_types(node_of("LayerNormalization", 2), 11, [whole, ValueType(F, (3,))], [None, None]) is None
    assert plain_types(helper.make_node("Relu", ["x"], [""]), OPSET, [whole], [None]) is None
    assert plain_types(node_of("Relu", 1), OPSET, [whole], [None]) == (whole,)


def test_what_the_operator_does_not_allow_is_declined():
    whole = ValueType(F, (2, 3))
    assert plain_types(node_of("Relu", 2), OPSET, [whole, whole], [None, None]) is None
    assert plain_types(node_of("Relu", 1, outputs=2), OPSET, [whole], [None]) is None
    assert plain_types(node_of("Relu", 1, alpha=1.0), OPSET, [whole], [None]) is None
    assert plain_types(node_of("Softmax", 1, axis=1.0), OPSET, [whole], [None]) is None
    assert plain_types(node_of("Softmax", 1, axis=1), OPSET, [whole], [None]) == (whole,)


def test_floats_are_not_reckoned_with():
    half = contents([0.5], F)
    assert plain_value(node_of("Add", 2), [half, half], [ValueType(F, (1,))]) is None
    assert plain_value(node_of("Identity", 1), [half], [ValueType(F, (1,))]) == half


def test_integers_that_overflow_are_not_reckoned_with():
    most = contents([2**63 - 1])
    assert plain_value(node_of("Add", 2), [most, contents([1])], [ValueType(I64, (1,))]) is None
    assert plain_value(node_of("Cast", 1, to=6), [most], [ValueType(DType.INT32, (1,))]) is None


def test_attributes_of_every_plain_type():
    for value in (1, 0.5, "a", [1, 2], [0.5], ["a"]):
        attribute = helper.make_attribute("x", value)
        assert attribute_value(attribute) == helper.get_attribute_value(attribute)
    assert attribute_value(helper.make_attribute("x", helper.make_tensor("t", 1, [1], [1.0]))) is None
