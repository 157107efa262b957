"""Sizes of carried values, against a loop that is played trip by trip."""

from hypothesis import given
from hypothesis import strategies as st

from onnxroof.dtypes import DType
from onnxroof.frontend.growth import growth_of
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType


def rows(count):
    return ValueType(DType.FLOAT, (2, count))


@given(st.integers(0, 9), st.integers(1, 5), st.integers(2, 40))
def test_steady_growth_has_the_mean_and_the_end_of_a_played_loop(start, step, trips):
    sizes = [start + step * trip for trip in range(trips + 1)]  # before each trip, and after the last
    found = growth_of([rows(sizes[0])], [rows(sizes[1])], [rows(sizes[2])], trips)
    assert found.is_growing
    assert found.final == [rows(sizes[-1])]
    mean = sum(sizes[:-1]) / trips
    assert mean - 1 < found.mean[0].shape[1] <= mean


@given(st.integers(0, 9), st.integers(0, 9), st.integers(2, 40))
def test_a_size_found_in_the_first_trip_stays(start, size, trips):
    found = growth_of([rows(start)], [rows(size)], [rows(size)], trips)
    assert (found.mean, found.final, found.is_growing) == ([rows(size)], [rows(size)], False)


def test_growth_that_starts_after_the_first_trip():
    # 0, 5, 6, 7 rows: after 4 trips 8; the last three trips have 6 in the mean, all four 4.5
    found = growth_of([rows(0)], [rows(5)], [rows(6)], 4)
    assert found.final == [rows(8)]
    assert found.mean == [rows(5)]


def test_shrinking_ends_at_nothing():
    assert growth_of([rows(3)], [rows(2)], [rows(1)], 9).final == [rows(0)]


def test_unknown_sizes_stay_as_the_body_gives_them():
    other_rank = ValueType(DType.FLOAT, (2, 3, 4))
    found = growth_of([rows(3), rows(3)], [UNKNOWN_TYPE, other_rank], [UNKNOWN_TYPE, other_rank], 5)
    assert found.final == [UNKNOWN_TYPE, other_rank]
    assert not found.is_growing
