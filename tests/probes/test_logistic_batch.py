"""What the solver owes its callers beyond the optimum: independence of the batch, honest flags, clear errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from probes import logistic
from probes.errors import ProbeError
from probes.logistic import class_log_proba, fit_logistic

STRENGTHS = torch.tensor([1e-3, 1e-1, 1.0, 10.0], dtype=torch.float64)


def heads(n_heads: int = 5, n_classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n_heads)
    labels = torch.arange(80) % n_classes
    x = torch.randn(n_heads, 80, 6, generator=generator, dtype=torch.float64)
    centres = torch.randn(n_heads, n_classes, 6, generator=generator, dtype=torch.float64)
    x = x + torch.arange(n_heads)[:, None, None] * centres[:, labels]  # from noise to separable
    return x - x.mean(1, keepdim=True), labels


# Other batches round otherwise and may stop elsewhere within 1e-10 of an objective of 50 or so, whose curvature is
# about n_examples / 4: sqrt(2 * 5e-9 / 20) = 2e-5 in the weights, which are of order 1.
CLOSE = {"rtol": 1e-5, "atol": 2e-5}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_head_is_solved_the_same_alone(n_classes: int) -> None:
    x, labels = heads(n_classes=n_classes)
    together = fit_logistic(x, labels, n_classes, STRENGTHS)
    for head in range(len(x)):
        alone = fit_logistic(x[head : head + 1], labels, n_classes, STRENGTHS)
        torch.testing.assert_close(alone.coef[0], together.coef[head], **CLOSE)
        torch.testing.assert_close(alone.intercept[0], together.intercept[head], **CLOSE)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_penalty_is_solved_the_same_alone(n_classes: int) -> None:
    x, labels = heads(n_classes=n_classes)
    together = fit_logistic(x, labels, n_classes, STRENGTHS)
    for number in range(len(STRENGTHS)):
        alone = fit_logistic(x, labels, n_classes, STRENGTHS[number : number + 1])
        torch.testing.assert_close(alone.coef[:, 0], together.coef[:, number], **CLOSE)
        torch.testing.assert_close(alone.intercept[:, 0], together.intercept[:, number], **CLOSE)


def test_permuting_heads_permutes_results() -> None:
    x, labels = heads()
    order = torch.tensor([3, 0, 4, 1, 2])
    straight, permuted = (fit_logistic(each, labels, 3, STRENGTHS) for each in (x, x[order]))
    torch.testing.assert_close(permuted.coef, straight.coef[order], **CLOSE)
    torch.testing.assert_close(permuted.intercept, straight.intercept[order], **CLOSE)
    assert not torch.allclose(permuted.coef, straight.coef, **CLOSE)


def test_permuting_examples_changes_nothing() -> None:
    x, labels = heads()
    order = torch.randperm(80, generator=torch.Generator().manual_seed(1))
    straight = fit_logistic(x, labels, 3, STRENGTHS)
    permuted = fit_logistic(x[:, order], labels[order], 3, STRENGTHS)
    torch.testing.assert_close(permuted.coef, straight.coef, **CLOSE)


def test_renaming_the_classes_renames_the_weights() -> None:
    x, labels = heads()
    names = torch.tensor([2, 0, 1])
    straight, renamed = fit_logistic(x, labels, 3, STRENGTHS), fit_logistic(x, names[labels], 3, STRENGTHS)
    torch.testing.assert_close(renamed.coef[:, :, names], straight.coef, **CLOSE)


def test_swapping_two_classes_flips_the_sign() -> None:
    x, labels = heads(n_classes=2)
    straight, swapped = fit_logistic(x, labels, 2, STRENGTHS), fit_logistic(x, 1 - labels, 2, STRENGTHS)
    torch.testing.assert_close(swapped.coef, -straight.coef, **CLOSE)
    torch.testing.assert_close(swapped.intercept, -straight.intercept, **CLOSE)


def test_rotating_the_inputs_rotates_the_weights() -> None:
    x, labels = heads()
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)).Q
    straight, turned = fit_logistic(x, labels, 3, STRENGTHS), fit_logistic(x @ turn, labels, 3, STRENGTHS)
    torch.testing.assert_close(turned.coef, straight.coef @ turn, **CLOSE)


def test_steps_cut_short_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = heads()
    assert fit_logistic(x, labels, 3, STRENGTHS).converged.all()
    monkeypatch.setattr(logistic, "MAX_STEPS", 1)
    converged = fit_logistic(x, labels, 3, STRENGTHS).converged
    assert converged.shape == (5, 4)
    assert not converged[1:].any()  # heads with signal need more than one step


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_a_silent_head_beside_others_is_solved_at_zero(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = heads()
    x = torch.cat([torch.zeros_like(x[:1]), x])[:, :78]
    labels = torch.arange(78) % n_classes  # equal shares: zero is the optimum of the head that says nothing
    monkeypatch.setattr(logistic, "MAX_STEPS", 1)
    fits = fit_logistic(x - x.mean(1, keepdim=True), labels, n_classes, STRENGTHS)
    assert fits.converged[0].all()
    assert fits.intercept[0].abs().max() < 1e-12  # not the rounding of a shift that all classes share, times a step
    assert not fits.converged[-1].any()


def test_an_optimum_out_of_reach_is_not_called_one() -> None:
    # Classes far apart and hardly a penalty: the loss left falls below the rounding of its own sum.
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(100) % 2
    x = torch.randn(1, 100, 4, generator=generator, dtype=torch.float64) + 1e3 * (2 * labels - 1)[:, None]
    converged = fit_logistic(x - x.mean(1, keepdim=True), labels, 2, torch.tensor([1e-6, 1e12]).double()).converged
    assert converged[0].tolist() == [True, False]


def test_a_class_without_examples_is_refused() -> None:
    x, labels = heads()
    with pytest.raises(ProbeError, match=r"class counts \[27, 27, 26, 0\] for 4 classes; every class needs an example"):
        fit_logistic(x, labels, 4, STRENGTHS)


def test_a_label_beyond_the_classes_is_refused() -> None:
    x, labels = heads()
    with pytest.raises(ProbeError, match=r"class counts \[27, 27, 26\] for 2 classes"):
        fit_logistic(x, labels, 2, STRENGTHS)


def test_one_class_is_refused() -> None:
    x, labels = heads()
    with pytest.raises(ProbeError, match=r"class counts \[80\] for 1 classes"):
        fit_logistic(x, torch.zeros_like(labels), 1, STRENGTHS)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_an_input_that_is_no_number_is_refused_with_its_head(value: float) -> None:
    x, labels = heads()
    x[3, 7, 2] = value
    with pytest.raises(ProbeError, match="head 3 of the block has inputs that are not finite"):
        fit_logistic(x, labels, 3, STRENGTHS)


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan")])
def test_a_penalty_that_is_none_is_refused(strength: float) -> None:
    x, labels = heads()
    with pytest.raises(ProbeError, match=r"inverse penalties .* each must be above 0"):
        fit_logistic(x, labels, 3, torch.tensor([strength, 1.0], dtype=torch.float64))


@settings(max_examples=50)
@given(st.lists(st.floats(-800, 800), min_size=1, max_size=6))
def test_log_probabilities_are_finite_and_sum_to_one(logits: list[float]) -> None:
    log_proba = class_log_proba(torch.tensor([logits], dtype=torch.float64))
    assert log_proba.shape == (1, max(2, len(logits)))
    assert torch.isfinite(log_proba).all()
    assert np.exp(log_proba.numpy()).sum() == pytest.approx(1)


def test_one_logit_is_the_log_odds_of_the_second_class() -> None:
    log_proba = class_log_proba(torch.tensor([[2.0]], dtype=torch.float64))[0]
    assert float(log_proba[1] - log_proba[0]) == pytest.approx(2)
