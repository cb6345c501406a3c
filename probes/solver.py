"""Solve every problem of some heads: fast where that works, with certainty where it does not."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from probes.curvature import is_rough
from probes.descent import (
    ACCEPTED,
    MAX_STEPS,
    ROUGH_MAX_STEPS,
    ROUGH_TOLERANCE,
    TOLERANCE,
    descend,
    path_starts,
)
from probes.logistic import fit_logistic
from probes.problems import Problems, Rows, Scaler, part, scalers, standardise

UNLIKE = 1.5  # deviation of a dimension in a training set, as a multiple of that over all rows, or one over it


@dataclass(frozen=True)
class Solutions:
    """The probes of some heads, one for each training set, penalty and label vector.

    Attributes:
        theta: Weights and, last, the intercept, on the inputs of `Rows`, (n_heads, n_sets, n_penalties, n_vectors,
            n_logits, d + 1) float32.
        converged: Whether the optimum was reached, (n_heads, n_sets, n_penalties, n_vectors) bool.
        scaler: Mean and deviation of the training sets, in units of `Rows`.
    """

    theta: Tensor
    converged: Tensor
    scaler: Scaler


def solve(rows: Rows, members: Tensor, strengths: Tensor) -> Solutions:
    """Return the optimum of every problem over some rows.

    Training sets start from the solution for all rows. That serves as long as a set resembles them; where the deviation
    of a dimension differs much, or a problem did not converge, the set is solved on its own, and what then is left, in
    double precision by a solver that converges from anywhere.

    Args:
        rows: Inputs and labels of some heads.
        members: Whether a training set holds a block, (n_sets, n_blocks) bool.
        strengths: Inverse penalties C on inputs standardised by their training set, (n_penalties,) float64, ascending.

    Example:
        >>> from probes.problems import standardise
        >>> x, labels = torch.tensor([[[-2.0], [-1.0], [1.0], [2.0]]]), torch.tensor([[0, 1, 0, 1]])
        >>> rows = standardise(x, labels, 2, [0, 4])
        >>> solutions = solve(rows, torch.tensor([[True]]), torch.tensor([0.1, 1.0], dtype=torch.float64))
        >>> solutions.theta[0, 0, :, 0, 0].shape, bool(solutions.converged.all())
        (torch.Size([2, 2]), True)
    """
    scaler = scalers(rows, members)
    start, inverse = path_starts(rows, _mean_share(rows, members), strengths.float())
    start = start.expand(-1, len(members), -1, -1, -1, -1)
    descent = descend(_problems(rows, members, scaler, strengths), start, inverse, *_patience(inverse, start))
    solutions = Solutions(_centred(descent.theta), descent.away <= ACCEPTED, scaler)
    unlike = ((scaler.scale.log().abs() > math.log(UNLIKE)) | scaler.constant).any(2)
    for head, number in (unlike | (~solutions.converged).any(3).any(2)).nonzero().tolist():
        _solve_alone(rows, members[number], strengths, solutions, (head, number))
    return solutions


def _patience(inverse: Tensor, start: Tensor) -> tuple[float, int]:
    """Return tolerance and most steps of a descent with this metric."""
    return (ROUGH_TOLERANCE, ROUGH_MAX_STEPS) if is_rough(inverse, start) else (TOLERANCE, MAX_STEPS)


def _mean_share(rows: Rows, members: Tensor) -> float:
    """Return the share of the rows that a training set holds, on average."""
    sizes = torch.tensor(rows.bounds, device=rows.x.device).diff()
    return float((members * sizes).sum(1).double().mean() / rows.x.shape[1])


def _problems(rows: Rows, members: Tensor, scaler: Scaler, strengths: Tensor) -> Problems:
    shrink = scaler.scale.square()[:, :, None] / strengths.float()[:, None]
    used = [number for number, sets in enumerate(members.T) if bool(sets.any())]
    parts = tuple(part(rows, rows.block(number), members[:, number].nonzero()[:, 0]) for number in used)
    return Problems(parts, 1.0, torch.nn.functional.pad(shrink, (0, 1)))


def _centred(theta: Tensor) -> Tensor:
    """Return theta with the classes' mean taken out: it changes no probability, and the optimum has none."""
    return theta - theta.mean(-2, keepdim=True) if theta.shape[-2] > 1 else theta


def _solve_alone(rows: Rows, member: Tensor, strengths: Tensor, solutions: Solutions, place: tuple[int, int]) -> None:
    """Solve one training set of one head again, from its own rows alone; in place."""
    head, number = place
    blocks = member.nonzero()[:, 0].tolist()
    train = torch.cat([torch.arange(*rows.bounds[block : block + 2], device=member.device) for block in blocks])
    n_classes = max(2, rows.targets.shape[1])
    labels = rows.targets[..., train].argmax(1) if n_classes > 2 else rows.targets[:, 0, train].long()
    own = standardise(rows.x[head : head + 1, train, :-1], labels, n_classes, [0, len(train)])
    every = torch.ones(1, 1, dtype=torch.bool, device=member.device)
    scaler = scalers(own, every)
    start, inverse = path_starts(own, 1.0, strengths.float())
    descent = descend(_problems(own, every, scaler, strengths), start, inverse, *_patience(inverse, start))
    theta, converged = descent.theta[0, 0], descent.away[0, 0] <= ACCEPTED
    for vector in (~converged).any(0).nonzero()[:, 0].tolist():
        left = ~converged[:, vector]
        fits = fit_logistic(own.x[..., :-1].double(), labels[vector], n_classes, strengths[left])
        theta[left, vector] = torch.cat([fits.coef[0], fits.intercept[0, ..., None]], -1).float()
        converged[left, vector] = fits.converged[0]
    weights = theta[..., :-1] / own.scale[0].float()
    intercept = theta[..., -1] - (weights * own.mean[0].float()).sum(-1)
    solutions.theta[head, number] = _centred(torch.cat([weights, intercept[..., None]], -1))
    solutions.converged[head, number] = converged
