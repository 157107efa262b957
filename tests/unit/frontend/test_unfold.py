"""Sizes of models whose functions are inlined."""

import onnx
import pytest

from onnxroof.errors import ModelError
from onnxroof.frontend.unfold import check_unfolding


def model(functions, calls="y = f.f0(x)"):
    text = f'<ir_version: 9, opset_import: ["": 17, "f": 1]> g (float[2] x) => (float[2] y) {{ {calls} }}'
    for name, body in functions.items():
        text += f'\n<domain: "f", opset_import: ["": 17, "f": 1]> {name} (v) => (r) {{ {body} }}'
    return onnx.parser.parse_model(text)


def doubling(depth):
    """Functions of which each calls the next twice: 2^depth nodes at the end."""
    return {f"f{i}": f"t = f.f{i + 1}(v) \n r = f.f{i + 1}(t)" for i in range(depth)} | {f"f{depth}": "r = Neg(v)"}


@pytest.mark.parametrize(("depth", "is_refused"), [(10, False), (17, False), (18, True), (40, True)])
def test_the_limit_lies_at_half_a_million_nodes(depth, is_refused):
    # 1 call, then 2 + 4 + ... + 2^depth calls and 2^depth nodes: 3 * 2^depth - 1; 393,215 for 17, 786,431 for 18
    if not is_refused:
        check_unfolding("m.onnx", model(doubling(depth)))
        return
    with pytest.raises(ModelError, match=r"m\.onnx: the model unfolds to more than 500,000 nodes"):
        check_unfolding("m.onnx", model(doubling(depth)))


def test_functions_that_nobody_calls_do_not_count():
    check_unfolding("m.onnx", model({**doubling(40), "g": "r = Neg(v)"}, calls="y = f.g(x)"))


def test_a_function_that_calls_itself_is_named_even_where_nobody_calls_it():
    with pytest.raises(ModelError, match="calls itself: `a` -> `b` -> `a`"):
        check_unfolding("m.onnx", model({"a": "r = f.b(v)", "b": "r = f.a(v)", "g": "r = Neg(v)"}, calls="y = f.g(x)"))


def test_a_call_from_an_inner_graph_is_a_call():
    body = """c = Constant<value = bool {1}>()
        r = If(c) <then_branch = t () => (float[2] p) { p = f.a(v) }, else_branch = e ()
            => (float[2] p) { p = Neg(v) }>"""
    with pytest.raises(ModelError, match="calls itself: `a` -> `a`"):
        check_unfolding("m.onnx", model({"a": body}, calls="y = f.a(x)"))


def test_hundreds_of_functions_in_a_row_are_no_recursion_of_ours():
    functions = {f"f{i}": f"r = f.f{i + 1}(v)" for i in range(600)} | {"f600": "r = Neg(v)"}
    with pytest.raises(ModelError, match="nested 601 deep; 48 are read"):
        check_unfolding("m.onnx", model(functions))


def test_two_functions_of_one_name_are_refused():
    twice = model({"f0": "r = Neg(v)"})
    twice.functions.append(model({"f0": "r = Exp(v)"}).functions[0])
    with pytest.raises(ModelError, match=r"the function `f0` of domain `f` is defined more than once \[M202\]"):
        check_unfolding("m.onnx", twice)
    twice.functions[1].overload = "other"
    check_unfolding("m.onnx", twice)
