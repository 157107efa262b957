"""Operators and their attributes."""

import pytest

from onnxroof.ir.op import Attributes, Op


def test_typed_reads():
    found = Attributes({"i": 3, "f": 0.5, "s": b"text", "t": "plain", "is": [1, 2], "ss": [b"a", "b"], "raw": {1: 2}})
    assert (found.integer("i"), found.number("f"), found.text("s"), found.text("t")) == (3, 0.5, "text", "plain")
    assert (found.integers("is"), found.texts("ss"), found.raw("raw")) == ((1, 2), ("a", "b"), {1: 2})
    assert "i" in found
    assert "j" not in found


def test_what_is_absent_has_the_default():
    found = Attributes()
    assert (found.integer("i"), found.integer("i", 7), found.number("f", 1.5), found.text("s", "x")) == (0, 7, 1.5, "x")
    assert (found.integers("is"), found.texts("ss"), found.raw("raw")) == (None, (), None)


def test_bytes_that_are_no_text_are_no_crash():
    assert Attributes({"s": b"\xff"}).text("s")


def test_an_operator_is_frozen_and_found_by_domain_and_type():
    op = Op(name="n", op_type="Relu", domain="", version=17, inputs=("x",), outputs=("y",), attributes=Attributes())
    assert op.key == ("", "Relu")
    assert (op.repeat, op.disposition, op.parameters, op.conversion_ops) == (1, None, (), 0)
    with pytest.raises(AttributeError):
        op.name = "other"
