"""Whether the order of targets could be another."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import npu_result

from onnxroof.report.answer import answer
from onnxroof.report.ranking import range_of, turn_sentence
from onnxroof.report.why_view import range_facts
from onnxroof.roofline.ranges import Range, Ranges


def result(name: str, low_s: float, high_s: float, energy: tuple[float, float] | None = None):
    base = npu_result(2)
    found = Ranges(
        latency_s=Range(low=low_s, high=high_s),
        energy_j=None if energy is None else Range(low=energy[0], high=energy[1]),
    )
    return replace(base, target=replace(base.target, name=name), doubt=lambda: found)


def test_a_target_whose_best_is_below_the_worst_of_the_first_could_be_ahead():
    first, near, far = result("first", 1.0, 1.5), result("near", 1.4, 3.0), result("far", 1.5, 3.0)
    (sentence,) = turn_sentence(first, [first, near, far], "latency")
    assert sentence.startswith("The order could turn: near could be faster, were")
    assert turn_sentence(first, [first, far], "latency") == ()


@pytest.mark.parametrize(
    ("objective", "words"), [("energy", "b could take less energy,"), ("edp", "b could take less energy × time,")]
)
def test_the_objective_decides(objective, words):
    # a: energy 1 to 2, product 1 to 4; b: energy 1.5 to 3, product 1.5 to 9
    a, b = result("a", 1.0, 2.0, (1.0, 2.0)), result("b", 1.0, 3.0, (1.5, 3.0))
    assert range_of(a, "edp") == (1.0, 4.0)
    assert words in turn_sentence(a, [a, b], objective)[0]


def test_what_has_no_range_turns_nothing():
    first, unknown = result("first", 1.0, 2.0), result("unknown", 0.5, 2.0)
    assert range_of(first, "energy") is None
    assert turn_sentence(first, [first, unknown], "energy") == ()
    assert turn_sentence(npu_result(2), [first], "latency") == ()  # nobody worked its ranges out
    assert turn_sentence(first, [npu_result(2)], "latency") == ()


def test_many_names_are_a_number():
    first = result("first", 1.0, 2.0)
    others = [result(f"t{index}", 1.5, 2.0) for index in range(5)]
    assert "5 other targets could" in turn_sentence(first, others, "latency")[0]


def test_the_answer_says_it():
    from oracles.sample_analysis import model

    base = model(2)
    latency = npu_result(2).best.latency_s
    first, second = result("first", latency / 2, latency * 2), result("second", latency, latency * 4)
    sentences = answer(replace(base, targets=(first, second)), "latency").sentences
    assert any("The order could turn: second could be faster" in sentence for sentence in sentences)
    alone = answer(replace(base, targets=(first,)), "latency").sentences
    assert not any("could turn" in sentence for sentence in alone)


def test_ranges_are_shown_where_they_have_a_width():
    wide, flat = range_facts(result("a", 1e-3, 2e-3)), range_facts(result("b", 1e-3, 1e-3))
    assert [(fact.label, fact.value) for fact in wide] == [("Least time of the best plan", "1 ms to 2 ms")]
    assert flat == ()
    assert range_facts(npu_result(2)) == ()
