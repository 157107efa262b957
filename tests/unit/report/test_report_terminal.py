"""Tables for a terminal."""

import pytest

from onnxroof.report.terminal import Heading, Name, paragraph, styled, table, text_width

HEADINGS = (Heading(label="node", least=8), Heading(label="bound by", least=9), Heading(label="time", is_number=True))
ROWS = [
    (Name("/model/encoder/layer.0/MatMul", " × 12"), "hbm bandwidth", "10 µs"),
    (Name("short"), "launch", "999.9 ms"),
]


def test_a_wide_table_shows_everything():
    assert table("title", HEADINGS, ROWS, 120) == [
        "title",
        "",
        " node                                 bound by            time",
        " ─────────────────────────────────────────────────────────────",
        " /model/encoder/layer.0/MatMul × 12   hbm bandwidth      10 µs",
        " short                                launch          999.9 ms",
        "",
    ]


@pytest.mark.parametrize("width", [36, 40, 50, 60])
def test_a_narrow_one_shortens_names_and_wraps_words(width):
    lines = table("", HEADINGS, ROWS, width)
    assert all(text_width(line) <= width for line in lines)
    text = "\n".join(lines)
    for kept in ("× 12", "10 µs", "999.9 ms", "bandwidth", "launch"):
        assert kept in text, kept


def test_a_name_keeps_its_end_and_what_follows_it():
    # " × 12" takes 5 of 19 columns; the name has 14: a third of its end's room for its head, an ellipsis, its end
    assert Name("/model/encoder/layer.0/MatMul", " × 12").fitting(19) == "/mod….0/MatMul × 12"
    assert Name("short", " × 2").fitting(19) == "short × 2"


def test_columns_that_do_not_shrink_stay_whole_whatever_the_width():
    lines = table("", (Heading(label="a"), Heading(label="b", is_number=True)), [("x" * 30, "1")], 10)
    assert lines[-2] == f" {'x' * 30}   1"


def test_wide_characters_take_two_columns():
    assert text_width("ab") == 2
    assert text_width("畳み") == 4
    assert text_width("e\u0301") == 1
    lines = table("", (Heading(label="n"), Heading(label="v")), [("畳み", "1"), ("abcd", "2")], 80)
    assert [line.index(value) + (2 if value == "1" else 0) for line, value in zip(lines[-3:-1], "12", strict=True)] == [
        8,
        8,
    ]


def test_words_are_broken_only_where_they_must():
    assert paragraph("one two three", 9) == ["one two", "three"]
    assert paragraph("x" * 12, 5) == ["xxxxx", "xxxxx", "xx"]
    assert paragraph("", 5) == [""]


def test_colour_is_only_written_where_it_is_asked_for():
    assert styled("line", "bold", colour=False) == "line"
    assert styled("line", "bold", colour=True) == "\x1b[1mline\x1b[0m"
    assert styled("line", "", colour=True) == "line"
