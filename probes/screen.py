"""What each head would add to a joint probe: one Newton step of its own inputs on top of the probe's logits.

Fitting a joint probe anew with every head that could join is too dear. But the optimum of the larger probe is near that
of the smaller one, so that one step tells which head helps: where it starts, the gradient of a head's weights is what
its inputs have in common with the residuals of the probe so far, and a head that repeats what is known finds nothing
there. The step is taken on the training folds and judged on another.
"""

import torch
from torch import Tensor

from probes.blocks import map_blocks
from probes.curvature import JITTERS
from probes.jointly import JointProbes
from probes.problems import Rows, log_loss, residual_, scalers, standardise

BLOCK = 256  # heads screened together on a GPU


def screen(x: Tensor, labels: Tensor, n_classes: int, bounds: list[int], members: Tensor, joint: JointProbes) -> Tensor:
    """Return the log-loss on the choosing folds with each head on top of the joint probes, (n_folds, n_heads) float32.

    The curvature of several classes is taken as one number an example, right where all are equally likely.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type, examples of a fold together.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        n_classes: At least 2.
        bounds: First example of each fold, and n_examples last.
        members: Whether the probe of a test fold (first axis) trains on a fold, (n_folds, n_folds) bool; fold k + 1
            judges, modulo n_folds.
        joint: The joint probes so far.

    Example:
        >>> labels = torch.arange(60) % 2
        >>> x = torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 4 * labels  # head 1 knows the label, the joint probe nothing yet
        >>> nothing = JointProbes(torch.zeros(3, 1, 60), torch.ones(3).double(), torch.zeros(3))
        >>> loss = screen(x, labels, 2, [0, 20, 40, 60], torch.eye(3).roll(2, 1) > 0, nothing)
        >>> loss.shape, bool((loss[:, 1] < loss[:, 0]).all())
        (torch.Size([3, 2]), True)
    """

    def work(block: slice) -> Tensor:
        rows = standardise(x[block], labels[None], n_classes, bounds)
        scale = scalers(rows, members).scale
        return torch.stack([_judge(rows, members[k], k, joint, scale[:, k]) for k in range(len(members))])

    return torch.cat(map_blocks(work, x, BLOCK), 1)


def _judge(rows: Rows, trains: Tensor, k: int, joint: JointProbes, scale: Tensor) -> Tensor:
    """Return the log-loss of every head on fold k + 1, (n_heads,), after a step on the folds that train."""
    width = rows.x.shape[2]
    curvature, gradient = rows.x.new_zeros(len(rows.x), width, width), rows.x.new_zeros(len(rows.x), width, 1)
    for number in trains.nonzero()[:, 0].tolist():
        where = rows.block(number)
        residual, weight = _slope(joint.logits[k, :, where], rows.targets[0, :, where])
        here = rows.x[:, where]
        curvature = torch.baddbmm(curvature, (here * weight[:, None]).mT, here)
        gradient = gradient + here.mT @ residual.mT
    shrink = torch.nn.functional.pad(scale.square() / joint.strength[k].float(), (0, 1))
    step = _solve(curvature, shrink, gradient)
    where = rows.block((k + 1) % len(trains))
    logits = joint.logits[k, :, where] - (rows.x[:, where] @ step).mT
    return log_loss(logits, rows.targets[0, :, where]).mean(-1)


def _slope(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of the log-loss in the logits, (n_logits, n_rows), and its curvature, (n_rows,)."""
    proba = torch.sigmoid(logits) if len(logits) == 1 else torch.softmax(logits, 0)
    n_classes = max(2, len(logits))
    weight = (proba * (1 - proba)).sum(0) / (n_classes - 1)
    residual = logits.clone()
    residual_(residual, targets)
    return residual, weight


def _solve(curvature: Tensor, shrink: Tensor, gradient: Tensor) -> Tensor:
    """Return the step of every head, (n_heads, d + 1, n_logits), in double precision meanwhile."""
    whole = curvature.double()
    diagonal = whole.diagonal(dim1=-2, dim2=-1)
    level = diagonal.mean(-1, keepdim=True)
    diagonal.add_(shrink + JITTERS[0] * level + JITTERS[0])
    return torch.cholesky_solve(gradient.double(), torch.linalg.cholesky(whole)).float()
