"""What an attention costs whose queries see blocks of keys by a layout that is an operand.

Where the layout is not known, the most is every block up to that of the query, and no more than the layout has room
for; the least is none. How many tokens the cache holds is a value too: where that is not known, it is taken as full.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from onnxroof.costs.attention import Heads, past_tokens, score_work
from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.contrib_attention import appended, grouped, rotated_elements
from onnxroof.costs.cost import Least, OpCost
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost

__all__ = ["sparse_attention"]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the queries of one sequence see.

    Attributes:
        pairs: Queries times keys of the blocks that are kept, over all heads.
        least_pairs: Those of them that no mask hides for certain.
        past: Tokens of the past that are read, over all key/value heads.
        least_past: Those that are read for certain.
    """

    pairs: int
    least_pairs: int
    past: int
    least_past: int


@cost("SparseAttention", domain="com.microsoft")
def sparse_attention(ctx: CostContext) -> OpCost:
    """2*d MACs for each query and key of the blocks that its layout keeps; 1 mul and Softmax a score.

    A rotation is 3 vector ops an element. Of the past the kept blocks are read, new tokens appended. Of a layout that
    is not known: every block up to that of the query, as far as it has room for them, and the past whole.
    """
    count, kv_count, width = grouped(ctx)
    batch, queries, _ = ctx.input(0).dims
    total = ctx.integers(7)
    keys = min(total[0], past_tokens(ctx, 3)) if total else past_tokens(ctx, 3)
    past = max(keys - queries, 0)
    sight = _sight(ctx, (count, kv_count), range(past, past + queries))
    if not total:
        sight = dataclasses.replace(sight, least_pairs=0, least_past=0)
    plain = Heads(batch, count, kv_count, queries, keys, width, width, queries)
    rotated, tables = rotated_elements(ctx, plain, cos=9, has_ids=False)

    def scores(pairs: int) -> Heads:
        return dataclasses.replace(plain, heads=1, pairs=batch * pairs)

    def cache(tokens: int) -> Iterator[tuple[int, int]]:
        for index in (3, 4):
            yield index, ctx.input(index).elements if ctx.copies_cache else batch * tokens * width

    whole = ctx.read(0, 1, 2, 5, 6, 7, 8)
    partial = (*tables, *cache(sight.past))
    reads = (*whole, *(transfer for index, elements in partial for transfer in ctx.read_some(index, elements)))
    kept = (transfer for index, elements in cache(sight.least_past) for transfer in ctx.read_some(index, elements))
    least = Least(work=score_work(scores(sight.least_pairs)), reads=(*ctx.read(0, 1, 2), *kept))
    work = score_work(scores(sight.pairs)) + steps(3 * rotated)
    return appended(ctx, work, reads, batch * queries * kv_count * width, least=least)


def _sight(ctx: CostContext, heads: tuple[int, int], positions: range) -> _Sight:
    """What queries at these positions see, by the layouts, which the heads take in turn."""
    (count, kv_count), past = heads, positions.start
    layouts, ends = ctx.input(5).dims
    block = max(ctx.attributes.integer("sparse_block_size", 1), 1)
    starts, room = ctx.integers(5), ctx.input(6).dims[-1]
    if starts is None:
        causal = sum((token // block + 1) * block for token in positions)
        return _Sight(count * min(causal, room * block * block), 0, kv_count * past, 0)
    if positions and positions[-1] // block >= ends - 1:
        raise MissingShapeError(f"the layout has {ends - 1} rows of blocks, and there are more tokens")
    pairs = least = 0
    for layout in range(layouts):
        kept = [max(after - before, 0) for before, after in pairwise(starts[layout * ends : (layout + 1) * ends])]
        heads_of_it = count // layouts + (layout < count % layouts)
        for token in positions:
            blocks = kept[token // block]
            pairs += heads_of_it * blocks * block
            # At worst one of the blocks is the query's own, of which it sees no key behind itself.
            least += heads_of_it * (max(blocks - 1, 0) * block + (token % block + 1) * (blocks > 0))
    columns = ctx.integers(6)
    if columns is None:
        return _Sight(pairs, least, kv_count * past, 0)
    rows = {token // block for token in positions}
    tokens = 0
    for group in range(kv_count):
        members = range(group * count // kv_count, (group + 1) * count // kv_count)
        seen: set[int] = set()
        for layout in {head % layouts for head in members}:
            seen.update(_blocks(starts[layout * ends :], columns[layout * room :], rows))
        tokens += sum(min(max(past - number * block, 0), block) for number in seen)
    return _Sight(pairs, least, tokens, tokens)


def _blocks(starts: Sequence[int], columns: Sequence[int], rows: set[int]) -> Iterator[int]:
    """Numbers of the blocks of keys that rows of blocks of queries keep."""
    for row in rows:
        yield from columns[starts[row] : starts[row + 1]]
