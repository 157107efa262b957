"""Blocks of keys that a layout keeps, drawn and then looked through query by query and key by key."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import Coverage, OpCost, Transfer, Work
from onnxroof.dtypes import DType
from tests.oracles.build import T, cost

F32, I32, MS = 4, DType.INT32, "com.microsoft"
SMALL = st.integers(1, 3)
WIDTH = 2


def tally(work: Work | None) -> Counter[str]:
    assert work is not None
    return +Counter({"mac": work.macs, "vector": work.vector_ops, **work.special})


def bytes_of(transfers: tuple[Transfer, ...] | None, *places: int) -> int:
    assert transfers is not None
    return sum(t.bytes for t in transfers if t.tensor in {f"op.i{place}" for place in places})


@st.composite
def layouts(draw: st.DrawFn, rows: int) -> list[list[list[int]]]:
    """One or two layouts: of each row of blocks, the blocks that it keeps, none of them behind its own."""
    return [[sorted(draw(st.sets(st.integers(0, row)))) for row in range(rows)] for _ in range(draw(st.integers(1, 2)))]


def scores(count: int) -> Counter[str]:
    """Both products and the softmax of so many scores."""
    counted: Counter[str] = Counter()
    for _ in range(count):
        counted["mac"] += 2 * WIDTH
        counted.update(["vector", "vector", "vector", "EXP", "vector", "DIV"])  # scale; max, sub, exp, add, div
    return counted


def attention(
    layout: list[list[list[int]]], past: int, queries: int, heads: tuple[int, int], block: int, known: set[str]
) -> OpCost:
    """The cost where of `rows`, `columns` and `total` those in `known` are constants."""
    (count, kv_count), room = heads, len(layout[0]) * block
    starts = [[sum(map(len, one[:row])) for row in range(len(one) + 1)] for one in layout]
    most = max(1, *(sum(map(len, one)) for one in layout))
    columns = [[b for row in one for b in row] for one in layout]
    columns = [flat + [-1] * (most - len(flat)) for flat in columns]
    cache = (1, kv_count, room, WIDTH)

    def constant(name: str, shape: tuple[int, ...], value: Any) -> T:
        return T(shape, I32, value=value if name in known else None)

    token = (1, queries, kv_count * WIDTH)
    inputs = [(1, queries, count * WIDTH), token, token, cache, cache]
    inputs += [constant("rows", (len(layout), len(layout[0]) + 1), starts)]
    inputs += [constant("columns", (len(layout), most), columns)]
    inputs += [constant("total", (), past + queries), T((1,), I32)]
    attributes = {"num_heads": count, "kv_num_heads": kv_count, "sparse_block_size": block}
    return cost("SparseAttention", inputs, [inputs[0], cache, cache], attributes, domain=MS)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 3), SMALL, SMALL, st.sampled_from(["columns", "rows", "none"]))
def test_what_queries_see_lies_between_the_least_and_the_most(data, rows, block, kv_count, group, known):
    layout = data.draw(layouts(rows))
    tokens = data.draw(st.integers(1, rows * block))
    past = data.draw(st.integers(0, tokens - 1))
    count = kv_count * group
    names = {"columns": {"rows", "columns", "total"}, "rows": {"rows", "total"}, "none": {"total"}}[known]
    found = attention(layout, past, tokens - past, (count, kv_count), block, names)
    assert found.coverage is Coverage.EXACT
    kept = visible = 0
    read: set[tuple[int, int]] = set()
    for head in range(count):
        for query in range(past, tokens):
            for number in layout[head % len(layout)][query // block]:
                for key in range(number * block, (number + 1) * block):
                    kept += 1
                    visible += key <= query
                    if key < past:
                        read.add((head // group, key))
    assert tally(found.least_work) <= scores(visible)
    assert scores(visible) <= tally(found.work)
    assert bytes_of(found.least_reads, 3) <= F32 * len(read) * WIDTH <= bytes_of(found.reads, 3)
    if known != "none":
        assert tally(found.work) == scores(kept)
    if known == "columns":
        assert bytes_of(found.reads, 3, 4) == 2 * F32 * len(read) * WIDTH == bytes_of(found.least_reads, 3, 4)
    assert bytes_of(found.least_reads, 0, 1, 2) == F32 * (tokens - past) * WIDTH * (count + 2 * kv_count)


def test_an_unknown_layout_sees_no_more_than_it_has_room_for():
    layout = [[[0], [1], [2], [3]]]  # four blocks of 2 x 2 in all
    found = attention(layout, 0, 8, (1, 1), 2, {"total"})
    assert tally(found.work) == scores(4 * 2 * 2)
    whole = [[[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]]
    found = attention(whole, 0, 8, (1, 1), 2, {"total"})
    assert tally(found.work) == scores(2 * (2 + 4 + 6 + 8))  # each pair of queries up to its own block
    assert tally(found.least_work) == Counter()


def test_a_cache_of_unknown_filling_may_hold_nothing():
    found = attention([[[0], [0, 1]]], 2, 2, (1, 1), 2, {"rows", "columns"})
    assert tally(found.least_work) == Counter()
    assert bytes_of(found.least_reads, 3, 4) == 0


@pytest.mark.parametrize("tokens", [5, 9])
def test_a_layout_with_fewer_rows_than_there_are_tokens_is_unknown(tokens):
    cache = (1, 1, 16, WIDTH)
    token = (1, tokens, WIDTH)
    inputs = [token, token, token, cache, cache, T((1, 3), I32, value=[[0, 1, 2]]), T((1, 2), I32), T((), I32, value=9)]
    attributes = {"num_heads": 1, "kv_num_heads": 1, "sparse_block_size": 2}
    found = cost("SparseAttention", [*inputs, T((1,), I32)], [token, cache, cache], attributes, domain=MS)
    assert found.work is None
    assert "rows of blocks" in found.reason
