"""Elements as text, everything that is not markup escaped."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from onnxroof.report.figures.svg import Svg, element, joined, number

XML_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]))


@given(XML_TEXT, XML_TEXT)
def test_text_and_attributes_come_back_from_a_parser(text, title):
    parsed = ElementTree.fromstring(element("text", text, aria_label=title))
    assert (parsed.text or "") == text
    assert parsed.get("aria-label") == title


def test_markup_is_not_escaped_twice():
    assert element("g", element("title", "<b>"), class_="x") == '<g class="x"><title>&lt;b&gt;</title></g>'
    assert joined("<", Svg("<g/>")) == "&lt;<g/>"


def test_an_attribute_that_is_none_is_left_out():
    assert element("rect", width=3, rx=None) == '<rect width="3"/>'


def test_coordinates_are_cut_to_a_tenth():
    assert [number(12.0), number(12.34), number(7)] == ["12", "12.3", "7"]
