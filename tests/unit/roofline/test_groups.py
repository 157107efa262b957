"""Groups of a plan: sums in which the unknown is contagious, and figures that are worked out once."""

from oracles.tiny import engine, level, on_target, target

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


def test_a_time_of_which_nothing_is_known_is_no_time() -> None:
    # A macro of which the energy is known, and no rate, beside a buffer of unknown bandwidth.
    macro = target(engine("macro", "mac", {"FLOAT": "1 pJ/OP"}), level("buffer", "", "", "2 pJ/B"))
    text = "g (float[8,16] x) => (float[8,32] y) <float[16,32] w> { y = MatMul(x, w) }"
    plan = on_target(text, macro).plan("none")
    (group,) = plan.groups
    for one in (plan, group):
        assert (one.latency_s, one.mapped.latency_s, one.waterfall_s) == (None, None, {})
        assert (one.regime.roof_s, one.regime.reload_s, one.regime.lost_s) == (None, None, {})
    # 2 x 8 x 16 x 32 operations, and 8 x 16, 16 x 32 and 8 x 32 elements of 4 bytes
    assert group.energy_j == plan.energy_j
    assert group.energy_j == (8_192 + 2 * 4 * (128 + 512 + 256)) * 1e-12
    assert group.regime.energy == "compute"
