"""Shapes that others broadcast to, as numpy has it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.frontend.broadcast import broadcast_shape


@given(st.lists(st.lists(st.sampled_from([0, 1, 1, 2, 3]), max_size=4).map(tuple), min_size=1, max_size=3))
def test_it_is_what_numpy_says(shapes):
    try:
        wanted = np.broadcast_shapes(*shapes)
    except ValueError:
        wanted = None
    assert broadcast_shape(shapes) == wanted
