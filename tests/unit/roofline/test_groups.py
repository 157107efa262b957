"""Groups of a plan: sums in which the unknown is contagious, and figures that are worked out once."""

from onnxroof.roofline.groups import Once, total
from onnxroof.roofline.result import MappedResult


def test_a_sum_weighs_its_parts_and_one_unknown_part_makes_it_unknown():
    assert total([1.5, 2.0], [2, 3]) == 9.0  # 2 x 1.5 + 3 x 2
    assert total([1.5, None], [2, 0]) is None
    assert total([], []) == 0.0


def test_what_is_worked_out_on_demand_is_worked_out_once():
    calls = []

    def work():
        calls.append(1)
        return MappedResult(traffic_bytes={}, latency_s=1.0, levels=())

    once = Once(work)
    assert calls == []
    assert once() is once()
    assert calls == [1]
