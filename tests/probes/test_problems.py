"""The objective shared by all problems: its inputs, scalers, value and gradient against slow references."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from probes.problems import Part, Problems, Rows, in_own_units, log_loss, part, residual_, scalers, standardise

BOUNDS = (0, 10, 25, 45, 80)
MEMBERS = torch.tensor([[False, False, True, True], [True, False, False, True], [True, True, True, True]])


def heads(n_heads: int = 3, d: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_heads, BOUNDS[-1], d, generator=generator, dtype=torch.float64)
    return x * torch.tensor([1e-4, 1.0, 30.0, 1e4][:d]) + torch.tensor([0.1, -1e3, 0.0, 1e7][:d])


def rows_of(x: Tensor, n_classes: int = 2, n_vectors: int = 1) -> Rows:
    labels = torch.stack([(torch.arange(x.shape[1]) + vector) % n_classes for vector in range(n_vectors)])
    return standardise(x, labels, n_classes, BOUNDS)


def train(x: Tensor, number: int) -> Tensor:
    """Return the rows of a training set."""
    blocks = [x[:, start:end] for (start, end), used in zip(pairwise(BOUNDS), MEMBERS[number], strict=True) if used]
    return torch.cat(blocks, 1)


def test_inputs_are_standardised_over_all_rows_as_scikit_learn_does() -> None:
    x = heads()
    rows = rows_of(x)
    for head in range(3):
        slow = StandardScaler().fit(x[head])
        # What is stored is single precision; what was subtracted and divided by is known to it, too.
        np.testing.assert_allclose(rows.x[head, :, :-1], slow.transform(x[head]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose((rows.mean[head].numpy() - slow.mean_) / slow.scale_, 0, atol=1e-6)
        np.testing.assert_allclose(rows.scale[head], slow.scale_, rtol=1e-6)
    assert (rows.x[..., -1] == 1).all()
    assert rows.x.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_type_is_standardised_in_single_precision_or_better(dtype: torch.dtype) -> None:
    x = (heads() * torch.tensor([1e4, 1, 1, 1e-4]) + torch.tensor([0, 1e3, 0, 0])).to(dtype)
    slow = rows_of(x.double())
    fast = rows_of(x)
    torch.testing.assert_close(fast.x, slow.x, rtol=1e-4, atol=1e-5)  # the mean of 80 rows rounds, no row does
    torch.testing.assert_close(fast.scale, slow.scale, rtol=1e-5, atol=0)


@pytest.mark.parametrize("offset", [1e2, 1e4])
def test_an_offset_costs_no_more_than_its_own_rounding(offset: float) -> None:
    x = heads()[:, :, 1:2] + 1e3  # deviation 1
    plain, moved = rows_of(x), rows_of((x + offset).float())
    # Rounding to single precision moves each value by up to 6e-8 of the offset.
    torch.testing.assert_close(moved.x, plain.x, rtol=0, atol=1e-7 * offset + 1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678, -1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_dimension_becomes_exactly_zero(value: float, dtype: torch.dtype) -> None:
    x = heads().to(dtype)
    x[:, :, 2] = value
    rows = rows_of(x)
    scaler = scalers(rows, MEMBERS)
    assert (rows.x[:, :, 2] == 0).all()
    assert (rows.scale[:, 2] == 1).all()
    np.testing.assert_allclose(rows.mean[:, 2], value, rtol=1e-6)
    assert (scaler.scale[:, :, 2] == 1).all()
    assert scaler.constant[:, :, 2].all() and not scaler.constant[:, :, [0, 1, 3]].any()


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_a_dimension_that_is_constant_in_one_training_set_is_so_there_alone(value: float) -> None:
    x = heads()
    x[1, BOUNDS[2] :, 1] = value  # blocks 2 and 3, all of training set 0
    scaler = scalers(rows_of(x), MEMBERS)
    assert scaler.constant.nonzero().tolist() == [[1, 0, 1]]
    assert scaler.scale[1, 0, 1] == 1


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_a_dimension_that_is_constant_in_every_block_yet_differs_between_them_is_not_constant(value: float) -> None:
    x = heads()
    x[..., 0] = value
    x[:, BOUNDS[3] :, 0] += 1.0
    scaler = scalers(rows_of(x), MEMBERS)
    assert not scaler.constant.any()


def test_scalers_are_scikit_learns_on_the_training_rows() -> None:
    x = heads()
    rows = rows_of(x)
    scaler = scalers(rows, MEMBERS)
    for head in range(3):
        for number in range(len(MEMBERS)):
            slow = StandardScaler().fit(train(x, number)[head])
            scale = (rows.scale[head] * scaler.scale[head, number]).numpy()
            mean = (rows.mean[head] + rows.scale[head] * scaler.mean[head, number]).numpy()
            np.testing.assert_allclose(scale, slow.scale_, rtol=1e-5)
            np.testing.assert_allclose((mean - slow.mean_) / slow.scale_, 0, atol=1e-5)
    assert (scaler.scale[:, 2] - 1).abs().max() < 1e-5  # all rows are the training set
    assert scaler.mean[:, 2].abs().max() < 1e-5
    assert (scaler.scale[:, :2] - 1).abs().min() > 1e-5  # and parts of them differ


def test_one_block_that_is_far_off_costs_the_others_no_digits() -> None:
    x = heads()
    x[:, : BOUNDS[1]] += 1e4 * x.std(1, keepdim=True)  # block 0, which training set 0 leaves out
    rows = rows_of(x)
    scale = rows.scale[:, None] * scalers(rows, MEMBERS).scale
    slow = train(x, 0).std(1, correction=0)
    # Standardised over all rows, block 2 and 3 lie within 3e-4 of each other: single precision keeps four digits.
    torch.testing.assert_close(scale[:, 0], slow, rtol=3e-3, atol=0)


def problems(n_classes: int, n_vectors: int = 2, weight: float = 1.0) -> Problems:
    rows = rows_of(heads(), n_classes, n_vectors)
    parts = tuple(part(rows, rows.block(number), MEMBERS[:, number].nonzero()[:, 0]) for number in range(4))
    generator = torch.Generator().manual_seed(5)
    shrink = torch.rand(3, 3, 2, 5, generator=generator) * (torch.arange(5) < 4)
    return Problems(parts, weight, shrink)


def theta_for(n_classes: int) -> Tensor:
    n_logits = 1 if n_classes == 2 else n_classes
    return torch.randn(3, 3, 2, 2, n_logits, 5, generator=torch.Generator().manual_seed(6))


def widened(some: Problems) -> Problems:
    parts = tuple(Part(each.x.double(), each.targets.double(), each.sets) for each in some.parts)
    return Problems(parts, some.weight, some.shrink.double())


def slow_objective(some: Problems, theta: Tensor) -> Tensor:
    """Return the objective of every problem as its formula says, by torch's own losses on one row after the other."""
    total = 0.5 * (some.shrink[:, :, :, None, None] * theta**2).sum((-1, -2))
    for rows in some.parts:
        for number in rows.sets.tolist():
            logits = torch.einsum("hpvkd,hnd->hpvnk", theta[:, number], rows.x)
            logits = torch.cat([torch.zeros_like(logits), logits], -1) if logits.shape[-1] == 1 else logits
            targets = rows.targets.mT
            known = targets.argmax(-1) if targets.shape[-1] > 1 else targets[..., 0].long()
            picked = known[None, None, :, :, None].expand(*logits.shape[:-1], 1)
            loss = -torch.log_softmax(logits, -1).gather(-1, picked)[..., 0].sum(-1)
            here = torch.nn.functional.one_hot(torch.tensor(number), 3)[None, :, None, None]
            total = total + some.weight * here * loss[:, None]
    return total


@pytest.mark.parametrize("weight", [1.0, 0.5])  # torch hands weights on in single precision
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_objective_and_gradient_are_those_of_the_formula(n_classes: int, weight: float) -> None:
    some, theta = widened(problems(n_classes, weight=weight)), theta_for(n_classes).double().requires_grad_()
    expected = slow_objective(some, theta)
    (slope,) = torch.autograd.grad(expected.sum(), theta)
    gradient, loss = some.gradient(theta.detach(), with_loss=True)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-10, atol=0)  # rounding of double precision
    torch.testing.assert_close(gradient, slope, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_gradient_is_the_slope_of_the_objective(n_classes: int) -> None:
    some, theta = widened(problems(n_classes)), theta_for(n_classes).double()
    gradient, _ = some.gradient(theta)
    way = torch.randn(theta.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    step = 1e-5  # the error of central differences is its square
    rise = [some.gradient(theta + sign * step * way, with_loss=True)[1] for sign in (1, -1)]
    torch.testing.assert_close((rise[0] - rise[1]) / (2 * step), (gradient * way).sum((-1, -2)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_single_precision_loses_rounding_alone(n_classes: int) -> None:
    some, theta = problems(n_classes), theta_for(n_classes)
    gradient, loss = some.gradient(theta, with_loss=True)
    right, value = widened(some).gradient(theta.double(), with_loss=True)
    torch.testing.assert_close(loss.double(), value, rtol=1e-5, atol=0)  # sums of 100 terms
    torch.testing.assert_close(gradient.double(), right, rtol=1e-4, atol=1e-4)


def test_no_objective_is_computed_unless_asked_for() -> None:
    gradient, loss = problems(2).gradient(theta_for(2))
    again, measured = problems(2).gradient(theta_for(2), with_loss=True)
    assert loss.shape == () and measured.shape == (3, 3, 2, 2)
    assert torch.equal(gradient, again)


def test_fewer_penalties_are_the_same_problems() -> None:
    some, theta = problems(3), theta_for(3)
    kept = torch.tensor([False, True])
    torch.testing.assert_close(some.only(kept).gradient(theta[:, :, kept])[0], some.gradient(theta)[0][:, :, kept])


@pytest.mark.parametrize("n_classes", [2, 3, 12])
@pytest.mark.parametrize("margin", [0.0, 1.0, 10.0, 40.0, 80.0])
def test_residuals_keep_their_digits_however_certain_the_probe(n_classes: int, margin: float) -> None:
    generator = torch.Generator().manual_seed(n_classes)
    n_logits = 1 if n_classes == 2 else n_classes
    known = torch.arange(60) % n_classes
    targets = torch.nn.functional.one_hot(known, n_classes).mT.float()[1 if n_classes == 2 else 0 :]
    logits = torch.randn(n_logits, 60, generator=generator) + margin * (2 * targets - 1)
    wide = logits.double()
    full = torch.cat([torch.zeros_like(wide), wide]) if n_classes == 2 else wide
    own = torch.nn.functional.one_hot(known, n_classes).mT.bool()
    others = full.masked_fill(own, -torch.inf)
    total = full.logsumexp(0)
    right = torch.where(own, -(others.logsumexp(0) - total).exp(), (full - total).exp())[1 if n_classes == 2 else 0 :]
    ours = logits.clone()
    residual_(ours, targets)
    # exp multiplies the rounding of its argument, 6e-8 of the margin, by the argument's size; below 1e-38 lies nothing.
    normal = right.abs() > 1e-37
    torch.testing.assert_close(ours.double()[normal], right[normal], rtol=1e-5 + 2e-7 * margin, atol=0)
    assert (ours[~normal].abs() < 1e-36).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_residuals_of_a_wrong_and_certain_probe_are_one(n_classes: int) -> None:
    logits = torch.tensor([[50.0]]) if n_classes == 2 else torch.tensor([[50.0], [0.0], [0.0]])
    targets = torch.tensor([[0.0]]) if n_classes == 2 else torch.tensor([[0.0], [1.0], [0.0]])
    residual_(logits, targets)
    assert logits[:, 0].abs().max() == pytest.approx(1)


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_log_losses_are_torchs(n_classes: int) -> None:
    n_logits = 1 if n_classes == 2 else n_classes
    logits = 5 * torch.randn(4, n_logits, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    known = torch.arange(30) % n_classes
    targets = torch.nn.functional.one_hot(known, n_classes).mT.double()[1 if n_classes == 2 else 0 :]
    full = torch.cat([torch.zeros_like(logits), logits], 1) if n_classes == 2 else logits
    right = torch.nn.functional.cross_entropy(full, known.expand(4, 30), reduction="none")
    torch.testing.assert_close(log_loss(logits, targets), right, rtol=1e-9, atol=1e-12)


def test_own_units_give_the_same_logits() -> None:
    x = heads()
    rows = rows_of(x)
    theta = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    weights, intercepts = in_own_units(rows, theta)
    assert weights.shape == (3, 2, 5, 4) and intercepts.shape == (3, 2, 5)
    ours = torch.einsum("hpkd,hnd->hpkn", weights, x) + intercepts[..., None]
    inside = torch.einsum("hpkd,hnd->hpkn", theta.double(), rows.x.double())
    torch.testing.assert_close(
        ours, inside, rtol=0, atol=2e-5
    )  # the offset of 1e7 is known to single precision's digits
