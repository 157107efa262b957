"""Optimizers against the pseudo code of their definitions, run on numbers that count what is done with them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.dtypes import DType
from tests.oracles.build import T, cost
from tests.oracles.counting import Counting, choose, special
from tests.oracles.naive import indices

DOMAIN = "ai.onnx.preview.training"
A, B, C, EPSILON = 0.9, 0.999, 0.01, 1e-6  # attributes


def adagrad(rate: Counting, x: Counting) -> None:
    _ = C * x + x  # gradient with the penalty
    _ = x + x * x  # accumulated squares
    adaptive = special("SQRT", x) + EPSILON
    _ = x - rate * x / adaptive


def adam(rate: Counting, x: Counting) -> None:
    _ = C * x + x
    _ = A * x + (1 - A) * x  # averaged gradient
    _ = B * x + (1 - B) * x * x  # averaged squares
    root = special("SQRT", x) + EPSILON
    _ = (1 - C) * (x - rate * x / root)


def momentum(rate: Counting, x: Counting) -> None:
    _ = C * x + x
    _ = A * x + B * x
    _ = x - rate * x


def nesterov(rate: Counting, x: Counting) -> None:
    _ = C * x + x
    _ = A * x + B * x
    _ = x - rate * (x + A * x)


def adagrad_rate(r: Counting) -> None:
    _ = r / (1 + r * A)


def adam_rate(r: Counting) -> None:
    first, second = special("POW", r), special("POW", r)
    _ = choose(r > 0, r * special("SQRT", 1 - second) / (1 - first), r)


def momentum_rate(r: Counting) -> None:
    _ = choose(r > 0, B, 1)


@pytest.mark.parametrize(
    ("op_type", "mode", "states", "step", "rate"),
    [
        ("Adagrad", "", 2, adagrad, adagrad_rate),
        ("Adam", "", 3, adam, adam_rate),
        ("Momentum", "standard", 2, momentum, momentum_rate),
        ("Momentum", "nesterov", 2, nesterov, momentum_rate),
    ],
)
@settings(max_examples=10, deadline=None)
@given(shapes=st.lists(st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=3))
def test_a_step_of_an_optimizer(op_type, mode, states, step, rate, shapes):
    tally: Counter[str] = Counter()
    rate(Counting(tally))
    for shape in shapes:
        for _ in indices(shape):
            step(Counting(tally), Counting(tally))
    attributes = {"mode": mode, "alpha": A, "beta": B, "norm_coefficient": C} if mode else {}
    inputs = [(), T((), DType.INT64), *shapes * (states + 1)]
    found = cost(op_type, inputs, shapes * states, attributes, domain=DOMAIN)
    assert +Counter({"vector": found.work.vector_ops, **found.work.special}) == tally
    assert found.work.macs == 0
