"""Time against energy: where targets lie, which are on the front, and that labels stay readable."""

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from onnxroof.report.figures.tradeoff import Point, pareto_front, tradeoff_figure

FAST = Point(name="fast", href="#t0", latency_s=1e-3, energy_j=1.0, floor_s=1e-4)
FRUGAL = Point(name="frugal", href="#t1", latency_s=1e-1, energy_j=1e-2, floor_s=None)
BEATEN = Point(name="beaten", href="#t2", latency_s=1e-1, energy_j=2.0, floor_s=5e-2)

positive = st.floats(1e-6, 1e3)
points = st.lists(
    st.builds(
        Point,
        name=st.text("abc ,", min_size=1, max_size=40),
        href=st.just("#x"),
        latency_s=positive,
        energy_j=positive,
        floor_s=st.none() | positive,
        flaw=st.sampled_from(["", "", "does not fit"]),
    ),
    min_size=1,
    max_size=20,
)


def drawn(*given_points: Point) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(tradeoff_figure(given_points, "m"))
    found = {}
    for group in root.iter("g"):
        label = group.find("text")
        assert label is not None
        found[label.text or ""] = group
    return found


def place(group: ElementTree.Element) -> tuple[float, float]:
    circle = group.find("circle")
    assert circle is not None
    return float(circle.get("cx", "nan")), float(circle.get("cy", "nan"))


def test_the_front_is_what_nobody_beats():
    assert pareto_front([BEATEN, FRUGAL, FAST]) == [FAST, FRUGAL]


def test_a_flawed_target_neither_leads_nor_beats():
    flawed = replace(FAST, flaw="the model does not fit its memory", energy_j=1e-3)
    assert pareto_front([flawed, FRUGAL, BEATEN]) == [FRUGAL]
    assert drawn(flawed, FRUGAL, BEATEN)["fast"].get("class") == "point flawed"


@given(points)
def test_whatever_is_not_on_the_front_is_beaten_by_something_on_it(some):
    front = pareto_front(some)
    for one in some:
        beaten = any(f.latency_s <= one.latency_s and f.energy_j <= one.energy_j for f in front)
        assert one.flaw or one in front or beaten
    for one in front:
        assert not any(
            o.latency_s <= one.latency_s
            and o.energy_j <= one.energy_j
            and (o.latency_s, o.energy_j) != (one.latency_s, one.energy_j)
            for o in some
            if not o.flaw
        )


def test_fast_is_left_and_frugal_is_low():
    found = {name: place(group) for name, group in drawn(FAST, FRUGAL, BEATEN).items()}
    assert found["fast"][0] < found["frugal"][0] == found["beaten"][0]
    assert found["frugal"][1] > found["fast"][1] > found["beaten"][1]  # y grows downwards
    assert {name: group.get("class") for name, group in drawn(FAST, FRUGAL, BEATEN).items()} == {
        "fast": "point best",
        "frugal": "point best",
        "beaten": "point",
    }


def test_a_line_leads_to_a_known_floor():
    root = ElementTree.fromstring(tradeoff_figure((FAST, FRUGAL, BEATEN), "m"))
    assert len([path for path in root.iter("path") if path.get("class") == "whisker"]) == 2


def test_readers_without_eyes_hear_the_front():
    label = ElementTree.fromstring(tradeoff_figure((FAST, FRUGAL, BEATEN), "m")).get("aria-label")
    assert label == (
        "Least time against energy of 3 targets. Beaten by no other in both: fast: 1 ms, 1 J; frugal: 100 ms, 10 mJ."
    )


@given(points)
def test_everything_stays_inside_the_picture(some):
    root = ElementTree.fromstring(tradeoff_figure(some, "m"))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for circle in root.iter("circle"):
        assert 0 <= float(circle.get("cx", "nan")) <= width
        assert 0 <= float(circle.get("cy", "nan")) <= height
    for text in root.iter("text"):
        assert 0 <= float(text.get("x", "nan")) <= width
        assert 0 <= float(text.get("y", "nan")) <= height


def test_labels_of_near_points_do_not_lie_on_one_another():
    near = [replace(FAST, name=f"target {i}", latency_s=1e-3 * (1 + i / 50), floor_s=None) for i in range(3)]
    texts = [group.find("text") for group in drawn(*near, FRUGAL).values()]
    places = [(float(text.get("x")), float(text.get("y")), text.get("text-anchor")) for text in texts]
    boxes = []
    for (x, y, anchor), text in zip(places, texts, strict=True):
        width = 6.4 * len(text.text)
        left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        boxes.append((left, y - 9, left + width, y + 3))
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert min(one[2], other[2]) <= max(one[0], other[0]) or min(one[3], other[3]) <= max(one[1], other[1])
