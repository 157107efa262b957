"""Names and bounds as words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.report.words import (
    alike_notes,
    bound_words,
    comma_list,
    common_stem,
    energy_words,
    share_words,
    shortened,
    shown,
    unbroken,
    without_stem,
)


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


def test_energy_is_spent_on_access_not_on_bandwidth():
    assert energy_words("memory:dram") == "dram access"
    assert energy_words("compute") == "compute"
    assert energy_words("static") == "static power"


def test_a_list_of_choices_ends_in_or():
    assert comma_list(["a", "b", "c"], conjunction="or") == "a, b or c"


def test_the_stem_is_what_most_paths_share():
    names = [f"/model/encoder/layer.{i}/MatMul" for i in range(9)]
    assert common_stem(names) == "/model/encoder/"
    assert common_stem([*names, "/model/pooler/Gemm"]) == "/model/encoder/"
    assert common_stem([*names, *(f"/model/decoder/{i}" for i in range(9))]) == "/model/"
    assert common_stem(["Conv_1", "Conv_2"]) == ""
    assert common_stem(["/only/one"]) == ""
    assert common_stem([]) == ""


def test_a_name_without_its_stem_says_that_something_is_missing():
    assert without_stem("/model/encoder/layer.0/x", "/model/encoder/") == "…layer.0/x"
    assert without_stem("/model/pooler", "/model/encoder/") == "/model/pooler"
    assert without_stem("Conv_1", "") == "Conv_1"


@given(st.lists(st.text(alphabet="ab/", max_size=12), max_size=12))
def test_no_name_is_lost_with_its_stem(names):
    stem = common_stem(names)
    assert len({without_stem(name, stem) for name in names}) == len(set(names))
    assert all(without_stem(name, stem) not in ("", "…") or not name for name in names)


def test_numbers_stay_with_their_units():
    assert unbroken("at least 89.5 µs, 7 mJ; 88 % of 47 Conversions") == (
        "at least 89.5\u00a0µs, 7\u00a0mJ; 88\u00a0% of 47 Conversions"
    )


def test_notes_of_the_same_words_are_one_that_counts_the_others():
    notes = ["a: taken as 1", "the default is gone", "b: taken as 2", "c: taken as 1", "d: taken as 1"]
    assert alike_notes(notes) == ["a and 2 more: taken as 1", "the default is gone", "b: taken as 2"]


@given(st.lists(st.text(), unique=True))
def test_no_words_of_a_note_are_lost(notes):
    told = "\n".join(alike_notes(notes))
    assert all(note.partition(": ")[2] in told for note in notes)
    assert len(alike_notes(notes)) <= len(notes)


def test_every_cause_and_part_has_words():
    from onnxroof.report.words import cause_label, cause_words, waterfall_words
    from onnxroof.roofline.regimes import CAUSES

    assert all(cause_words(cause) != cause for cause in CAUSES)
    assert all(len(cause_label(cause)) < 15 for cause in CAUSES)
    assert cause_label("") == ""
    assert waterfall_words("stall:dram") == "waiting for dram"
    assert waterfall_words("serial:dram") == "not overlapped: dram"
