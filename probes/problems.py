"""Logistic regressions that share their inputs: many heads, training sets, penalties and label vectors.

One problem minimises sum_i log-loss(y_i, x_i) + |w|^2 / (2 C) over a training set, with a free intercept and w on
inputs standardised there: scikit-learn's `LogisticRegression(C=C)` behind a `StandardScaler`, softmax for more than two
classes.

Inputs are standardised once, over all rows; the scaler of a training set then only reweights the penalty. Rows lie in
blocks, such as folds, and one matrix product serves all problems that train on a block.

Parameters are called theta, (n_heads, n_sets, n_penalties, n_vectors, n_logits, d + 1), the intercept last; two classes
have one logit. Everything is float32: an error in the gradient enters the objective squared, and residuals are computed
without cancellation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

CONSTANT = 1e-6  # of the largest value: a smaller deviation is rounding


@dataclass(frozen=True)
class Rows:
    """Inputs of some heads, standardised over all rows, and their labels.

    Attributes:
        x: Standardised inputs with a last column of ones, (n_heads, n_examples, d + 1) float32.
        targets: 0 or 1, (n_vectors, n_logits, n_examples) float32.
        bounds: First row of each block, and n_examples last.
        mean: What was subtracted, (n_heads, d) float64.
        scale: What was then divided by, (n_heads, d) float64; 1 for a constant dimension.
    """

    x: Tensor
    targets: Tensor
    bounds: tuple[int, ...]
    mean: Tensor
    scale: Tensor

    def block(self, number: int) -> slice:
        """Return the rows of a block."""
        return slice(self.bounds[number], self.bounds[number + 1])

    @cached_property
    def gram(self) -> Tensor:
        """Return x^T x, (n_heads, d + 1, d + 1)."""
        return self.x.mT @ self.x


def standardise(x: Tensor, labels: Tensor, n_classes: int, bounds: Sequence[int]) -> Rows:
    """Return the rows of some heads, ready to be solved for.

    Args:
        x: Inputs, (n_heads, n_examples, d), any floating type; rows of a block lie together.
        labels: Class of each example, (n_vectors, n_examples) int64 in [0, n_classes).
        n_classes: At least 2.
        bounds: First row of each block, and n_examples last.

    Example:
        >>> x = torch.tensor([[[1.0, 5.0], [3.0, 5.0]]])
        >>> standardise(x, torch.tensor([[0, 1]]), 2, [0, 2]).x.tolist()
        [[[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]]
    """
    wide = x if x.dtype == torch.float64 else x.float()
    first = wide[:, :1]  # so that a constant becomes exactly 0, and an offset costs no digits
    whole = torch.empty(*x.shape[:2], x.shape[2] + 1, device=x.device)
    whole[..., -1] = 1.0
    centred = whole[..., :-1]
    centred.copy_(wide - first)
    shift = centred.mean(1, keepdim=True)
    centred -= shift
    deviation = centred.square().mean(1, keepdim=True).sqrt()
    scale = torch.where(deviation > CONSTANT * centred.abs().amax(1, keepdim=True), deviation, 1.0)
    centred /= scale
    targets = torch.nn.functional.one_hot(labels, n_classes).mT.float()
    targets = targets[:, 1:] if n_classes == 2 else targets
    return Rows(whole, targets, tuple(bounds), (first.double() + shift.double())[:, 0], scale[:, 0].double())


def in_own_units(rows: Rows, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights (n_heads, ..., d) and intercepts (n_heads, ...) for inputs as they came, float64.

    Args:
        rows: The data that theta was found on.
        theta: Weights and, last, the intercept on standardised inputs, (n_heads, ..., d + 1).

    Example:
        >>> rows = standardise(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[0, 1]]), 2, [0, 2])
        >>> in_own_units(rows, torch.tensor([[2.0, 0.5]]))  # 2 (x - 2) / 1 + 0.5
        (tensor([[2.]], dtype=torch.float64), tensor([-3.5000], dtype=torch.float64))
    """
    between = (slice(None), *(None,) * (theta.ndim - 2))
    weights = theta[..., :-1].double() / rows.scale[between]
    return weights, theta[..., -1].double() - (weights * rows.mean[between]).sum(-1)


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of the training sets, in units of `Rows`, (n_heads, n_sets, d) float32 each.

    A dimension that is constant in a training set has scale 1, and no weight.
    """

    mean: Tensor
    scale: Tensor
    constant: Tensor


def scalers(rows: Rows, members: Tensor) -> Scaler:
    """Return the scaler of every training set, from moments of the blocks (Chan, Golub and LeVeque 1983).

    Args:
        rows: The inputs.
        members: Whether a training set holds a block, (n_sets, n_blocks) bool.

    Example:
        >>> rows = standardise(torch.tensor([[[0.0], [2.0], [4.0], [6.0]]]), torch.tensor([[0, 1, 0, 1]]), 2, [0, 2, 4])
        >>> scaler = scalers(rows, torch.tensor([[True, False], [True, True]]))
        >>> (scaler.scale * rows.scale)[0].T.round(decimals=4).tolist()
        [[1.0, 2.2361]]
    """
    blocks = [rows.x[:, rows.block(number), :-1] for number in range(len(rows.bounds) - 1)]
    sizes = torch.tensor([block.shape[1] for block in blocks], dtype=torch.float64, device=rows.x.device)
    means = torch.stack([block.mean(1) for block in blocks], 1).double()
    inner = torch.stack([(block - block.mean(1, keepdim=True)).square().sum(1) for block in blocks], 1).double()
    largest = torch.stack([block.abs().amax(1) for block in blocks], 1).double()
    share = members * sizes / (members * sizes).sum(1, keepdim=True)
    mean = torch.einsum("sb,hbd->hsd", share, means)
    between = torch.einsum("sb,hsbd->hsd", share, (means[:, None] - mean[:, :, None]).square())
    variance = torch.einsum("sb,hbd->hsd", share / sizes, inner) + between
    top = (members[None, :, :, None] * largest[:, None]).amax(2)
    constant = variance.sqrt() <= CONSTANT * top
    return Scaler(mean.float(), torch.where(constant, 1.0, variance.sqrt()).float(), constant)


@dataclass(frozen=True)
class Part:
    """Rows that lie together, and the training sets that use them.

    Attributes:
        x: Standardised inputs, (n_heads, n_rows, d + 1).
        targets: 0 or 1, (n_vectors, n_logits, n_rows).
        sets: Numbers of the training sets, (n_used,) int64.
    """

    x: Tensor
    targets: Tensor
    sets: Tensor


def part(rows: Rows, where: slice, sets: Tensor) -> Part:
    """Return some rows as a part.

    Args:
        rows: The data.
        where: Rows of the part.
        sets: Numbers of the training sets that use them, (n_used,) int64.

    Example:
        >>> rows = standardise(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[0, 1]]), 2, [0, 2])
        >>> part(rows, slice(0, 1), torch.tensor([0])).x.tolist()
        [[[-1.0, 1.0]]]
    """
    return Part(rows.x[:, where], rows.targets[..., where], sets)


@dataclass(frozen=True)
class Problems:
    """Training sets and penalties over `Rows`.

    Attributes:
        parts: The data.
        weight: What the log-loss is multiplied with.
        shrink: Weight of each squared parameter over 2, (n_heads, n_sets, n_penalties, d + 1); 0 for the intercept.
    """

    parts: tuple[Part, ...]
    weight: float
    shrink: Tensor

    def only(self, penalties: Tensor) -> "Problems":
        """Return the problems of some penalties, (n_penalties,) bool."""
        return replace(self, shrink=self.shrink[:, :, penalties])

    def of_heads(self, heads: Tensor) -> "Problems":
        """Return the problems of some heads, (n_heads,) bool."""
        parts = tuple(replace(rows, x=rows.x[heads]) for rows in self.parts)
        return replace(self, parts=parts, shrink=self.shrink[heads])

    def gradient(self, theta: Tensor, with_loss: bool = False) -> tuple[Tensor, Tensor]:
        """Return the gradient, shaped like theta, and the objective, (n_heads, n_sets, n_penalties, n_vectors) or 0."""
        gradient = self.shrink[:, :, :, None, None] * theta
        loss = 0.5 * (gradient * theta).sum((-1, -2)) if with_loss else theta.new_zeros(())
        alike = theta.stride(1) == 0  # every training set at one point, as at the start: one of them does for all
        for rows in self.parts:
            here = theta[:, :1] if alike else theta.index_select(1, rows.sets)
            flat = here.flatten(1, -2) @ rows.x.mT
            logits = flat.view(*here.shape[:-1], rows.x.shape[1])
            if with_loss:
                share = log_loss(logits, rows.targets).sum(-1)
                loss.index_add_(1, rows.sets, share.expand(-1, len(rows.sets), -1, -1), alpha=self.weight)
            residual_(logits, rows.targets)
            share = (flat @ rows.x).view(here.shape).expand(-1, len(rows.sets), -1, -1, -1, -1)
            gradient.index_add_(1, rows.sets, share, alpha=self.weight)
        return gradient, loss


def log_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the log-loss of each row, (..., n_examples), from logits (..., n_logits, n_examples).

    Args:
        logits: Of the probe.
        targets: 0 or 1, broadcast against the logits.

    Example:
        >>> log_loss(torch.tensor([[0.0, 30.0]]), torch.tensor([[1.0, 1.0]])).round(decimals=4).tolist()
        [0.6930999755859375, 0.0]
    """
    if logits.shape[-2] == 1:
        return torch.nn.functional.softplus((1 - 2 * targets) * logits)[..., 0, :]
    return torch.logsumexp(logits, -2) - (logits * targets).sum(-2)


def residual_(logits: Tensor, targets: Tensor) -> None:
    """Turn logits into class probabilities less targets, in place.

    The distance from a target of 1 is summed from the other classes: 1 - p would lose its digits where p is near 1, and
    labels that are nearly separated have nothing but such rows.

    Args:
        logits: (..., n_logits, n_examples).
        targets: 0 or 1, broadcast against the logits.

    Example:
        >>> logits = torch.tensor([[0.0, 20.0]])
        >>> residual_(logits, torch.tensor([[1.0, 1.0]]))
        >>> logits[0, 0].item(), bool(-3e-9 < logits[0, 1] < -2e-9)
        (-0.5, True)
    """
    if logits.shape[-2] == 1:
        away = 1 - 2 * targets
        logits.mul_(away).sigmoid_().mul_(away)
        return
    logits.sub_(logits.amax(-2, keepdim=True)).exp_()
    logits.div_(logits.sum(-2, keepdim=True))
    logits.mul_(1 - targets)
    logits.sub_(targets * logits.sum(-2, keepdim=True))
