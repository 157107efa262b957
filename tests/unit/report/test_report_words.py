"""Names and bounds as words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.report.words import bound_words, comma_list, share_words, shortened, shown


@given(st.text())
def test_shown_leaves_nothing_invisible(name):
    assert not {unicodedata.category(c) for c in shown(name)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "S"])))
def test_shown_leaves_printable_names_alone(name):
    assert shown(name) == name


def test_shown_spells_out_what_would_fool_a_reader():
    assert shown("a\x1b[31m\u202egnp") == "a\\x1b[31m\\u202egnp"


@given(st.text(), st.integers(4, 60))
def test_shortened_is_never_longer_than_asked(name, length):
    assert len(shortened(name, length)) <= length


def test_shortened_keeps_the_end_where_names_differ():
    # 11 characters: 3 of the head, the ellipsis, 7 of the end
    assert shortened("/model/layers.17/mlp/down_proj", 11) == "/mo…wn_proj"


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ("memory:dram", "dram bandwidth"),
        ("compute:matrix", "matrix compute"),
        ("launch", "launch overhead"),
        ("static", "static power"),
        ("compute", "compute"),
        ("", "unknown"),
    ],
)
def test_bound_words(bound, words):
    assert bound_words(bound) == words


@pytest.mark.parametrize(
    ("items", "most", "text"),
    [([], 0, ""), (["a"], 0, "a"), (["a", "b", "c"], 0, "a, b and c"), (["a", "b", "c"], 1, "a and 2 more")],
)
def test_comma_list(items, most, text):
    assert comma_list(items, most) == text


@pytest.mark.parametrize(
    ("part", "words"), [(2 / 3, "about two thirds"), (0.999, "all"), (0.12, "12 %"), (0.86, "86 %")]
)
def test_share_words(part, words):
    assert share_words(part) == words
