"""Bars that fill what they are a part of."""

from xml.etree import ElementTree

import pytest

from onnxroof.report.figures.bars import Part, share_bar, small_bar, stacked_bar, swatch


def test_parts_lie_side_by_side():
    parts = [Part(label="a", fraction=0.75, colour="s0"), Part(label="<b>", fraction=0.25, colour="k0")]
    bar = ElementTree.fromstring(stacked_bar(parts, "Time", width=400))
    first, second = bar.findall("rect")
    assert (first.get("x"), first.get("width")) == ("0", "299")  # 400 x 0.75, less the gap
    assert (second.get("x"), second.get("width")) == ("300", "99")
    assert second.findtext("title") == "<b>"
    assert bar.get("aria-label") == "Time: a, <b>"


@pytest.mark.parametrize(("fraction", "width"), [(0.0, "0"), (0.5, "30"), (1.0, "60"), (3.0, "60"), (1e-6, "0.6")])
def test_a_share_never_leaves_its_track(fraction, width):
    assert ElementTree.fromstring(share_bar(fraction, "s1")).findall("rect")[1].get("width") == width


def test_a_small_bar_leaves_out_what_nobody_could_see():
    parts = [Part(label="a", fraction=0.999, colour="s0"), Part(label="b", fraction=0.001, colour="k0")]
    bar = ElementTree.fromstring(small_bar(parts, "a 99.9 %, <b> 0.1 %"))
    assert [rect.get("class") for rect in bar.findall("rect")] == ["s0"]
    assert bar.findtext("title") == "a 99.9 %, <b> 0.1 %"
    assert "style" not in bar.attrib


def test_a_swatch_has_its_colour():
    assert 'class="s2"' in swatch("s2")
