"""Family-wise p-values over heads and cells: the procedure done step by step, Holm's own, and how often it errs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.errors import ProbeError
from probes.multiplicity import holm_over_cells


def rejected(p_values: np.ndarray, alpha: float) -> np.ndarray:
    """The procedure as its definition has it: lower the number of cells when one has no head left."""
    out = np.zeros(p_values.shape, dtype=bool)
    while True:
        left = int((~out.all(1)).sum())
        more = p_values <= alpha / max(1, left)
        if (out | more).sum() == out.sum():
            return out
        out |= more


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5))
def test_the_adjusted_values_decide_as_the_procedure_does(seed: int, n_cells: int, n_heads: int) -> None:
    p_values = np.random.default_rng(seed).beta(0.3, 1, (n_cells, n_heads))
    adjusted = holm_over_cells(p_values)
    for alpha in (0.001, 0.01, 0.05, 0.2, 0.5, 0.9):
        assert (adjusted <= alpha).tolist() == rejected(p_values, alpha).tolist()


def test_one_head_a_cell_is_holm_s_procedure() -> None:
    p_values = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    order = np.argsort(p_values)
    holm = np.empty(5)
    holm[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * np.arange(5, 0, -1)))
    assert holm_over_cells(p_values[:, None])[:, 0].tolist() == holm.tolist()


def test_one_cell_is_left_as_it_is() -> None:
    p_values = np.array([[0.2, 0.01, 1.0]])
    assert holm_over_cells(p_values).tolist() == p_values.tolist()


def test_a_head_never_gains_and_stacks_are_independent() -> None:
    p_values = np.random.default_rng(0).random((7, 4, 3))
    adjusted = holm_over_cells(p_values)
    assert (adjusted >= p_values).all()
    assert adjusted[3].tolist() == holm_over_cells(p_values[3]).tolist()


def test_permuting_heads_or_cells_permutes_the_values() -> None:
    p_values = np.random.default_rng(1).beta(0.3, 1, (5, 6))
    heads, cells = np.random.default_rng(2).permutation(6), np.random.default_rng(3).permutation(5)
    assert holm_over_cells(p_values[cells][:, heads]).tolist() == holm_over_cells(p_values)[cells][:, heads].tolist()


@pytest.mark.parametrize("n_real", [0, 3])
def test_under_the_null_any_false_finding_is_as_rare_as_alpha_and_real_ones_are_found(n_real: int) -> None:
    """Each cell: the max-statistic p-values of 8 heads, of which `n_real` have an effect in every cell."""
    rng = np.random.default_rng(0)
    effect = np.array([9.0] * n_real + [0.0] * (8 - n_real))
    scores = rng.normal(size=(2000, 4, 8)) + effect
    best = np.sort(rng.normal(size=(999, 8)).max(1))
    p_values = (1 + len(best) - np.searchsorted(best, scores)) / (1 + len(best))
    found = holm_over_cells(p_values) <= 0.05
    false = found[..., n_real:].any((1, 2)).mean()
    assert 0.02 < false < 0.065  # the null of 8 heads is strict where only 5 know nothing
    assert found[..., :n_real].all()


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_what_is_no_p_value_is_refused(value: float) -> None:
    with pytest.raises(ProbeError, match="numbers from 0 to 1"):
        holm_over_cells(np.array([[0.5, value]]))
