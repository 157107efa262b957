"""The two rooflines: where roofs, ridges and dots lie in the drawing."""

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from onnxroof.report.figures.roofline import MOST_CIRCLES, Ceiling, Dot, Roof, Rooflines, Shift, rooflines_figure

# Peak 1000 ops/s, 10 B/s: ridge 100 ops/B. 1 J/op, 20 J/B: energy ridge 20 ops/B, there 1/(1 + 20/20) = 0.5 ops/J.
CHART = Rooflines(
    name="T",
    roofs=(Roof(name="dram", bandwidth=10.0, energy_per_byte=20.0, ridge=100.0, energy_ridge=20.0),),
    peak=Ceiling(label="peak", ops_per_s=1000.0),
    lower_peaks=(),
    energy_per_op=1.0,
    time_dots=(
        Dot(group=0, level=0, intensity=100.0, height=1000.0, share=0.5, title="at the ridge"),
        Dot(group=1, level=0, intensity=10.0, height=50.0, share=0.1),
    ),
    energy_dots=(Dot(group=0, level=0, intensity=20.0, height=0.5, share=1.0),),
)


def drawn(chart: Rooflines, panel: str) -> ElementTree.Element:
    root = ElementTree.fromstring(rooflines_figure(chart))
    found = root.find(f"./g[@class='{panel}']")
    assert found is not None
    return found


def position(element: ElementTree.Element) -> tuple[float, float]:
    return float(element.get("cx", "nan")), float(element.get("cy", "nan"))


def diamond(panel: ElementTree.Element) -> tuple[float, float]:
    d = next(path.get("d", "") for path in panel.iter("path") if path.get("class") == "ridge")
    x, y = d[1 : d.index("m")].split()
    return float(x), float(y)


def test_a_dot_at_the_ridge_lies_on_the_ridge_point():
    panel = drawn(CHART, "throughput")
    dots = {dot.get("data-g"): position(dot) for dot in panel.iter("circle")}
    assert dots["0"] == diamond(panel)


def test_a_dot_below_the_roof_lies_right_of_and_under_it():
    panel = drawn(CHART, "throughput")
    dots = {dot.get("data-g"): position(dot) for dot in panel.iter("circle")}
    assert dots["1"][0] < dots["0"][0]
    assert dots["1"][1] > dots["0"][1]  # y grows downwards


def test_the_energy_ridge_lies_at_half_the_peak_and_on_the_curve():
    panel = drawn(CHART, "energy")
    dot = next(panel.iter("circle"))
    assert position(dot) == diamond(panel)
    curve = next(path.get("d", "") for path in panel.iter("path") if path.get("class") == "roof")
    points = [tuple(map(float, pair.split())) for pair in curve[1:].split("L")]
    x, y = diamond(panel)
    left = max(p for p in points if p[0] <= x)
    right = min(p for p in points if p[0] >= x)
    assert right[1] <= y <= left[1]  # the curve rises from left to right through the ridge point


def test_both_panels_share_their_axis():
    chart = replace(CHART, energy_dots=(Dot(group=0, level=0, intensity=100.0, height=0.2, share=1.0),))
    upper = next(d for d in drawn(chart, "throughput").iter("circle") if d.get("data-g") == "0")
    lower = next(drawn(chart, "energy").iter("circle"))
    assert position(upper)[0] == position(lower)[0]


def test_the_roof_rises_by_the_bandwidth():
    d = next(path.get("d", "") for path in drawn(CHART, "throughput").iter("path") if path.get("class") == "roof")
    start, end = (tuple(map(float, pair.split())) for pair in d[1:].split("L"))
    assert end == diamond(drawn(CHART, "throughput"))
    assert start[0] < end[0]
    assert start[1] > end[1]


def test_groups_at_one_point_are_one_dot_as_large_as_all_of_them():
    one, many = (
        next(drawn(replace(CHART, time_dots=CHART.time_dots[1:] * times), "throughput").iter("circle"))
        for times in (1, 4)
    )
    assert many.get("data-more") == "3"
    # the area is that of the shares together: four times the area is twice the radius
    assert float(many.get("r", "nan")) == pytest.approx(2 * float(one.get("r", "nan")), abs=0.2)


def test_many_dots_become_one_path_a_size():
    dots = tuple(Dot(group=i, level=0, intensity=1.01**i, height=1.01**i, share=1e-6) for i in range(MOST_CIRCLES + 1))
    panel = drawn(replace(CHART, time_dots=dots), "throughput")
    assert not list(panel.iter("circle"))
    (path,) = [path for path in panel.iter("path") if path.get("class") == "many"]
    assert path.get("d", "").count("M") == len(path.get("data-g", "").split()) == len(path.get("data-more", "").split())


def test_only_the_outermost_level_is_selected_without_a_script():
    inner = Roof(name="sram", bandwidth=100.0, energy_per_byte=2.0, ridge=10.0, energy_ridge=2.0)
    dots = (*CHART.time_dots, Dot(group=0, level=1, intensity=10.0, height=1000.0, share=0.5))
    panel = drawn(replace(CHART, roofs=(*CHART.roofs, inner), time_dots=dots), "throughput")
    classes = {
        group.get("data-level"): group.get("class", "") for group in panel.iter("g") if "dots" in group.get("class", "")
    }
    assert "unselected" not in classes["0"]
    assert "unselected" in classes["1"]


def test_without_energies_there_is_no_lower_chart():
    chart = replace(CHART, energy_per_op=None, energy_dots=())
    root = ElementTree.fromstring(rooflines_figure(chart))
    assert root.find("./g[@class='energy']") is None
    assert root.find("./g[@class='throughput']") is not None


def test_a_chart_of_unknowns_is_still_a_chart():
    unknown = Roof(name="<x>", bandwidth=None, energy_per_byte=None, ridge=None, energy_ridge=None)
    empty = Rooflines(
        name="<T>", roofs=(unknown,), peak=None, lower_peaks=(), energy_per_op=None, time_dots=(), energy_dots=()
    )
    root = ElementTree.fromstring(rooflines_figure(empty))
    assert root.get("aria-label") == "Throughput and energy roofline of <T>"
    assert not list(root.iter("circle"))


def ceilings(chart: Rooflines) -> dict[str, str]:
    """Paths of the level lines of the upper chart, by their label."""
    return {
        path.findtext("title") or "": path.get("d", "")
        for path in drawn(chart, "throughput").iter("path")
        if (path.get("class") or "").startswith("ceiling") and path.find("title") is not None
    }


def test_an_array_that_is_not_full_lowers_the_ceiling():
    chart = replace(CHART, array_ceilings=(Ceiling(label="a tenth", ops_per_s=100.0),))
    dots = (*CHART.time_dots, Dot(group=2, level=0, intensity=10.0, height=100.0, share=0.1))
    chart = replace(chart, time_dots=dots)
    panel = drawn(chart, "throughput")
    dot = {circle.get("data-g"): position(circle) for circle in panel.iter("circle")}["2"]
    x, y = ceilings(chart)["a tenth"][1:].split("H")[0].split()
    # it begins where the roof of 10 B/s meets it, at 10 ops/B, and the dot that attains all of it lies there
    assert (float(x), float(y)) == dot


def test_a_label_stands_on_its_own_side_of_a_line_nearby():
    mixed = replace(CHART, mix=Ceiling(label="both", ops_per_s=1100.0))
    panel = drawn(mixed, "throughput")
    lines = {label: float(d.split()[1].partition("H")[0]) for label, d in ceilings(mixed).items()}
    labels = {
        text.text: float(text.get("y")) for text in panel.iter("text") if "ceiling-label" in (text.get("class") or "")
    }
    assert 4 < lines["peak"] - lines["both"] < 16  # px: the one above lies within a label's height
    assert labels["both"] < lines["both"] < lines["peak"] < labels["peak"]


def test_a_label_without_room_is_left_out_but_its_line_stays():
    near = tuple(Ceiling(label=f"c{i}", ops_per_s=500.0 - i) for i in range(6))
    panel = drawn(replace(CHART, array_ceilings=near), "throughput")
    lines = [path for path in panel.iter("path") if path.get("class") == "ceiling array"]
    labels = [text.text for text in panel.iter("text") if text.get("class") == "ceiling-label array"]
    assert len(lines) == 6
    assert 0 < len(labels) < 6


def test_without_a_known_bandwidth_a_ceiling_spans_the_chart():
    blind = replace(CHART, roofs=(replace(CHART.roofs[0], bandwidth=None, ridge=None),))
    widths = {label: d.split() for label, d in ceilings(blind).items()}
    assert widths["peak"][0] == "M62"


def test_the_script_is_told_the_scale():
    panel = drawn(CHART, "throughput")
    low, high, bottom, top = map(float, (panel.get("data-y") or "").split())
    dot = next(circle for circle in panel.iter("circle") if circle.get("data-g") == "1")
    # 50 ops/s on a logarithmic axis
    part = (math.log(50) - math.log(low)) / (math.log(high) - math.log(low))
    assert position(dot)[1] == pytest.approx(bottom + part * (top - bottom), abs=0.05)


def arrow(panel: ElementTree.Element) -> list[float]:
    d = next(path.get("d", "") for path in panel.iter("path") if path.get("class") == "shift")
    line = d[1 : d.index("M", 1)]
    return [float(part) for part in line.replace("L", " ").split()]


def test_an_arrow_leads_from_dot_to_dot():
    # From 10 ops/B at 50 ops/s to the ridge at 100 ops/B and 1000 ops/s, where dots lie too.
    shift = Shift(start=(10.0, 50.0), end=(100.0, 1000.0), title="fused")
    panel = drawn(replace(CHART, time_shift=shift), "throughput")
    dots = {dot.get("data-g"): position(dot) for dot in panel.iter("circle")}
    assert arrow(panel) == [*dots["1"], *dots["0"]]
    assert not [path for path in drawn(CHART, "throughput").iter("path") if path.get("class") == "shift"]


def test_an_arrow_to_where_it_starts_is_none():
    shift = Shift(start=(10.0, 50.0), end=(10.0, 50.01), title="fused")
    panel = drawn(replace(CHART, time_shift=shift), "throughput")
    assert not [path for path in panel.iter("path") if path.get("class") == "shift"]


def paths(panel: ElementTree.Element, name: str) -> list[list[tuple[float, float]]]:
    """Points of the paths of a class, in the drawing."""
    found = [path.get("d", "") for path in panel.iter("path") if path.get("class") == name]
    return [[tuple(map(float, pair.split())) for pair in d[1:].split("L")] for d in found]


def height_of(panel: ElementTree.Element, y: float) -> float:
    """What a height in the drawing stands for, by the scale that the script is told."""
    low, high, bottom, top = map(float, panel.get("data-y", "").split())
    return low * (high / low) ** ((y - bottom) / (top - bottom))


def test_c11_a_level_that_does_not_overlap_has_half_of_the_corner():
    # at the ridge of 100 op/B: 1 / (1/1000 + 1/1000) = 500; at 10 op/B 1 / (1/1000 + 1/100) = 1000/11
    (roof,) = CHART.roofs
    chart = replace(CHART, roofs=(replace(roof, overlaps=False),))
    assert chart.attainable(chart.roofs[0], 100.0) == pytest.approx(500.0)
    assert chart.attainable(chart.roofs[0], 10.0) == pytest.approx(1000 / 11)
    panel = drawn(chart, "throughput")
    (curve,) = paths(panel, "ceiling serial s0")
    ridge, _ = diamond(panel)
    near = min(curve, key=lambda point: abs(point[0] - ridge))
    assert height_of(panel, near[1]) == pytest.approx(500.0, rel=0.1)  # the nearest of 65 points
    assert paths(drawn(CHART, "throughput"), "ceiling serial s0") == []


def test_static_power_lowers_the_energy_roof_by_the_time_that_the_work_takes():
    # 50 W: at 100 op/B the roof is 1000 ops/s, so 0.05 J an operation: 1 / (1 + 20/100 + 0.05); at 10 op/B 100 ops/s,
    # so 0.5 J: 1 / (1 + 2 + 0.5)
    (roof,) = CHART.roofs
    chart = replace(CHART, static_power=50.0)
    assert chart.efficiency(roof, 100.0) == pytest.approx(1 / 1.25)
    assert chart.efficiency(roof, 10.0) == pytest.approx(1 / 3.5)
    assert chart.efficiency(roof, 10.0, with_static=False) == pytest.approx(1 / 3)
    panel = drawn(chart, "energy")
    (lowered,), (bare,) = paths(panel, "roof"), paths(panel, "roof bare")
    heights = dict(bare)
    shared = [(y, heights[x]) for x, y in lowered if x in heights]
    assert len(shared) > 10
    assert all(y > other for y, other in shared)  # y grows downwards


def test_c33_a_power_cap_is_a_line_where_it_is_below_the_roof():
    # (450 - 50) W x 1 / (1 + 20/100) J: 333 ops/s of 1000 at the ridge; at 1 op/B 400 / 21 = 19, above the slope's 10
    (roof,) = CHART.roofs
    chart = replace(CHART, power_cap=450.0, static_power=50.0)
    assert chart.capped(roof, 100.0) == pytest.approx(400 / 1.2)
    panel = drawn(chart, "throughput")
    (line,) = paths(panel, "ceiling cap")
    ridge, _ = diamond(panel)
    near = min(line, key=lambda point: abs(point[0] - ridge))
    assert height_of(panel, near[1]) == pytest.approx(400 / 1.2, rel=0.05)
    # It leaves the slope where (400 W) / (1 + 20 / AI) = 10 AI: AI = 20.
    assert line[0][0] > position(next(dot for dot in panel.iter("circle") if dot.get("data-g") == "1"))[0]
    assert paths(drawn(replace(CHART, power_cap=1e6), "throughput"), "ceiling cap") == []
    assert paths(drawn(CHART, "throughput"), "ceiling cap") == []


def test_slopes_end_at_the_highest_mix_of_work():
    # 10 B/s reach 1500 ops/s at 150 op/B; with work of unknown rates there is no end.
    mixed = replace(CHART, mix=Ceiling(label="both", ops_per_s=1500.0))
    assert (CHART.top, mixed.top, replace(mixed, is_open=True).top) == (1000.0, 1500.0, None)
    (roof,) = CHART.roofs
    assert [chart.attainable(roof, 1e6) for chart in (CHART, mixed)] == [1000.0, 1500.0]
    assert replace(mixed, is_open=True).attainable(roof, 1e6) == 1e7
    panel = drawn(mixed, "throughput")
    (slope,) = paths(panel, "roof")
    assert height_of(panel, slope[-1][1]) == pytest.approx(1500.0, rel=0.01)
    assert height_of(panel, diamond(panel)[1]) == pytest.approx(1000.0, rel=0.01)  # the ridge stays at the peak


def test_cheaper_operations_have_a_curve_of_their_own():
    chart = replace(CHART, cheapest_op=0.5)
    (roof,) = CHART.roofs
    assert chart.efficiency(roof, 20.0) == 0.5
    assert chart.efficiency(roof, 20.0, of_cheapest=True) == pytest.approx(1 / 1.5)
    assert len(paths(drawn(chart, "energy"), "roof cheap")) == 1
    assert paths(drawn(CHART, "energy"), "roof cheap") == []


@pytest.mark.parametrize("at", [1.0, 20.0, 60.0, 100.0, 150.0, 1e4])
def test_c33_the_energy_roof_with_static_power_is_choi_and_others(at):
    # Choi, Bedard, Fowler, Vuduc, IPDPS 2013: eps' = eps + pi0 tau, n = eps / eps', balance in time B_t = 100 and in
    # energy B_e = 20 op/B; E / W = eps' (1 + B(I) / I) with B(I) = n B_e + (1 - n) max(0, B_t - I).
    (roof,) = CHART.roofs
    chart = replace(CHART, static_power=500.0)
    whole = 1.0 + 500.0 / 1000.0
    n = 1.0 / whole
    balance = n * 20.0 + (1 - n) * max(0.0, 100.0 - at)
    height = chart.efficiency(roof, at)
    assert height is not None
    assert 1 / height == pytest.approx(whole * (1 + balance / at), rel=1e-12)
    # Power is greatest at the ridge of time: 1000 ops/s x (1 + 20 / 100) J + 500 W.
    power = chart.attainable(roof, at) / height
    assert power <= 1700.0 * (1 + 1e-12)
    assert (power == pytest.approx(1700.0)) == (at == 100.0)
