"""Parts of a tiled dimension that operators join or cut out, against every tile."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopNest, Term
from onnxroof.mapping.regions import Span, access_spans, span_table, tile


def part(extent: int, steps: list[tuple[int, int]]) -> Span:
    """The tile of a dimension, seen through operands at an offset and of an extent each."""
    span = tile(0, extent)
    for offset, inside in steps:
        access = Access(0, False, (AxisMap((Term(0),), inside, offset),), 8)
        (span,) = access_spans(LoopNest((Loop("i", span.extent),), (access,)), access, (span,))
    return span


@settings(derandomize=True, deadline=None, max_examples=300, database=None)
@given(
    st.integers(1, 30), st.lists(st.tuples(st.integers(-12, 12), st.integers(1, 30)), min_size=1, max_size=4),
    st.integers(1, 30),
)  # fmt: skip
def test_a_part_of_a_part(extent: int, steps: list[tuple[int, int]], size: int) -> None:
    size = min(size, extent)
    lengths = []
    for begin in range(0, extent, size):
        indices = set(range(begin, min(begin + size, extent)))
        for offset, inside in steps:
            indices = {i + offset for i in indices if 0 <= i + offset < inside}
        lengths.append(len(indices))
    found = span_table(part(extent, steps), (size,))
    assert (found.peak[0], found.total[0], found.covered[0]) == (max(lengths), sum(lengths), sum(lengths))
    assert (found.overlap[0], found.lag[0]) == (0, 0)
    assert found.fresh[0] == max(lengths[1:] or lengths)


def test_a_part_of_a_billion_single_elements_is_not_walked() -> None:
    start = time.perf_counter()
    # The last 1000 of 10**9: tiles of one element hold one of them or none, of 300 at most 300, of all 1000 of them.
    found = span_table(part(10**9, [(-(10**9 - 1000), 1000)]), (1, 300, 10**9))
    assert found.peak.tolist() == [1, 300, 1000]
    assert found.fresh.tolist() == [1, 300, 1000]
    assert found.total.tolist() == [1000, 1000, 1000]
    assert time.perf_counter() - start < 1
