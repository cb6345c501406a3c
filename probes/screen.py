"""What each head would add to a joint probe: one Newton step of its own inputs on top of the probe's logits.

Fitting a joint probe anew with every head that could join is too dear. But the optimum of the larger probe is near that
of the smaller one, so that one step tells which head helps: where it starts, the gradient of a head's weights is what
its inputs have in common with the residuals of the probe so far, and a head that repeats what is known finds nothing
there. The step is taken on the training folds and judged on another.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.blocks import map_blocks
from probes.curvature import JITTERS
from probes.jointly import JointProbes
from probes.problems import Rows, log_loss, residual_, scalers, standardise

BLOCK = 256  # heads screened together on a GPU


@dataclass(frozen=True)
class Splits:
    """Labels, and which folds train for which; examples lie in the order of their folds.

    Attributes:
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        n_classes: At least 2.
        bounds: First example of each fold, and n_examples last.
        members: Whether the probe of a test fold (first axis) trains on a fold, (n_folds, n_folds) bool. Fold k + 1,
            modulo n_folds, judges what it trained.
    """

    labels: Tensor
    n_classes: int
    bounds: tuple[int, ...]
    members: Tensor


def screen(x: Tensor, splits: Splits, joint: JointProbes) -> Tensor:
    """Return the log-loss on the choosing folds with each head on top of the joint probes, (n_folds, n_heads) float32.

    The curvature of several classes is taken as one number an example, right where all are equally likely.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        splits: Labels and folds.
        joint: The joint probes so far.

    Example:
        >>> labels = torch.arange(60) % 2
        >>> x = torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 4 * labels  # head 1 knows the label, the joint probe nothing yet
        >>> nothing = JointProbes(torch.zeros(3, 1, 60), torch.ones(3).double(), torch.zeros(3))
        >>> loss = screen(x, Splits(labels, 2, (0, 20, 40, 60), torch.eye(3).roll(2, 1) > 0), nothing)
        >>> loss.shape, bool((loss[:, 1] < loss[:, 0]).all())
        (torch.Size([3, 2]), True)
    """
    slopes = _slopes(joint.logits, splits)

    def work(block: slice) -> Tensor:
        rows = standardise(x[block], splits.labels[None], splits.n_classes, splits.bounds)
        return _judge(rows, _steps(rows, splits, slopes, joint.strength), joint.logits)

    return torch.cat(map_blocks(work, x, BLOCK), 1)


def advance(x: Tensor, splits: Splits, joint: JointProbes) -> JointProbes:
    """Return the joint probes after the step of one head for each test fold, with their loss on the choosing folds.

    Args:
        x: Outputs of the head of each test fold, (n_folds, n_examples, d), any floating type.
        splits: Labels and folds.
        joint: The joint probes so far.

    Example:
        >>> labels = torch.arange(60) % 2
        >>> x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) + 2 * labels[:, None]
        >>> nothing = JointProbes(torch.zeros(3, 1, 60), torch.ones(3).double(), torch.zeros(3))
        >>> splits = Splits(labels, 2, (0, 20, 40, 60), torch.eye(3).roll(2, 1) > 0)
        >>> after = advance(x.expand(3, -1, -1), splits, nothing)
        >>> bool(((after.logits[:, 0] > 0) == labels).double().mean() > 0.8)
        True
    """
    slopes = _slopes(joint.logits, splits)

    def work(block: slice) -> tuple[Tensor, Tensor]:
        k = block.start
        rows = standardise(x[block], splits.labels[None], splits.n_classes, splits.bounds)
        step = _steps(rows, splits, slopes, joint.strength)
        return joint.logits[k] - (rows.x[0] @ step[0, k]).mT, _judge(rows, step, joint.logits)[k, 0]

    logits, loss = zip(*map_blocks(work, x, 1), strict=True)
    return JointProbes(torch.stack(logits), joint.strength, torch.stack(loss))


def _slopes(logits: Tensor, splits: Splits) -> tuple[Tensor, Tensor]:
    """Return slope (n_folds, n_logits, n_examples) and curvature (n_folds, n_examples) of the log-loss in the logits.

    Both are 0 where an example does not train.
    """
    proba = torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, 1)
    sizes = torch.tensor(splits.bounds, device=logits.device).diff()
    trains = splits.members.repeat_interleave(sizes, 1)
    weight = (proba * (1 - proba)).sum(1) / (splits.n_classes - 1)
    targets = torch.nn.functional.one_hot(splits.labels, splits.n_classes).mT.float()
    slope = logits.clone()
    residual_(slope, targets[1:] if splits.n_classes == 2 else targets)
    return slope * trains[:, None], weight * trains


def _steps(rows: Rows, splits: Splits, slopes: tuple[Tensor, Tensor], strength: Tensor) -> Tensor:
    """Return the Newton step of each head on its own, to be subtracted, (n_heads, n_folds, d + 1, n_logits)."""
    slope, weight = slopes
    width = rows.x.shape[2]
    curvature = rows.x.new_zeros(len(weight), len(rows.x), width, width)
    for k, trains in enumerate(splits.members):
        for where in (rows.block(number) for number in trains.nonzero()[:, 0].tolist()):
            here = rows.x[:, where]
            curvature[k].baddbmm_((here * weight[k, where, None]).mT, here)
    gradient = (slope.flatten(0, 1) @ rows.x).view(len(rows.x), *slope.shape[:2], width)
    shrink = scalers(rows, splits.members).scale.square() / strength[:, None]
    return _solve(curvature.transpose(0, 1), torch.nn.functional.pad(shrink, (0, 1)), gradient.mT)


def _solve(curvature: Tensor, shrink: Tensor, gradient: Tensor) -> Tensor:
    """Return the inverse of curvature and penalty times the gradient, in double precision meanwhile."""
    whole = curvature.double()
    diagonal = whole.diagonal(dim1=-2, dim2=-1)
    # Rounding must not be followed, nor an intercept that no example asks for.
    diagonal.add_(shrink + JITTERS[0] * (1 + diagonal.mean(-1, keepdim=True)))
    return torch.cholesky_solve(gradient.double(), torch.linalg.cholesky(whole)).float()


def _judge(rows: Rows, step: Tensor, logits: Tensor) -> Tensor:
    """Return the log-loss on fold k + 1 after the step of every head for test fold k, (n_folds, n_heads)."""
    losses = []
    for k in range(len(logits)):
        where = rows.block((k + 1) % len(logits))
        after = logits[k, :, where] - (rows.x[:, where] @ step[:, k]).mT
        losses.append(log_loss(after, rows.targets[0, :, where]).mean(-1))
    return torch.stack(losses)
