"""What is alive under a plan: by hand, and against a naive count over random groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from oracles.tiny import workload
from properties.strategies import workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.between import alive_bytes
from onnxroof.mapping.liveness import Buffers, buffers
from onnxroof.mapping.storage import storage

# x and y of 32 elements, 128 B; m and n of 64, 256 B.
CHAIN = """g (float[1,32] x) => (float[1,32] y) <float[32,64] v, float[64,64] w, float[64,32] u>
    { m = MatMul(x, v) n = MatMul(m, w) y = MatMul(n, u) }"""


def problem(text: str | Workload) -> Buffers:
    model = workload(text) if isinstance(text, str) else text
    found = buffers(model, storage(model, cost_table(model)))
    assert found is not None
    return found


def test_what_a_group_makes_for_itself_is_not_alive() -> None:
    chain = problem(CHAIN)
    # Alone: x and m, m and n (512 B), n and y. Two together: x and n, n and y. All together: x and y.
    assert alive_bytes(chain, [[0], [1], [2]]) == 512
    assert alive_bytes(chain, [[0, 1], [2]]) == 384
    assert alive_bytes(chain, [[0], [1, 2]]) == 384
    assert alive_bytes(chain, [[0, 1, 2]]) == 256


def test_what_another_group_or_the_end_wants_leaves() -> None:
    text = CHAIN.replace("=> (float[1,32] y)", "=> (float[1,32] y, float[1,64] m)")
    # m stays to the end: x, m and n of the first group, m, n and y of the second.
    assert alive_bytes(problem(text), [[0, 1], [2]]) == 128 + 256 + 256
    assert alive_bytes(problem(text), [[0, 1, 2]]) == 128 + 256 + 128


@given(workloads(), st.data())
def test_groups_of_one_are_the_order_and_no_group_holds_more_than_all(model: Workload, data: st.DataObject) -> None:
    found = buffers(model, storage(model, cost_table(model)))
    if found is None or not found.reads:
        return
    count = len(found.reads)
    alone = alive_bytes(found, [[kernel] for kernel in range(count)])
    assert alone == max(*found.profile(range(count), in_place=False), sum(found.sizes[t] for t in found.given))
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1)))) if count > 1 else []
    groups = [list(range(a, b)) for a, b in zip([0, *cuts], [*cuts, count], strict=True)]
    assert alive_bytes(found, groups) <= sum(found.sizes)
    if len(groups) == count:
        assert alive_bytes(found, groups) == alone
