"""One probe on the outputs of several heads together, for each test fold a set of its own.

The examples of the test fold are not even at hand while a probe is fitted: what is chosen from it cannot depend on
them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.blocks import map_blocks
from probes.errors import ProbeError
from probes.problems import Rows, log_loss, standardise
from probes.solver import solve


@dataclass(frozen=True)
class JointProbes:
    """The joint probes of the test folds, one for each.

    Attributes:
        logits: Of every example, (n_folds, n_logits, n_examples) float32; one logit for two classes.
        strength: Chosen inverse penalty C, (n_folds,) float64.
        loss: Log-loss on the fold that chose, (n_folds,) float32.
    """

    logits: Tensor
    strength: Tensor
    loss: Tensor


def fit_jointly(x: Tensor, labels: Tensor, folds: Tensor, n_classes: int, strengths: Tensor) -> JointProbes:
    """Return the probe of each test fold: trained on all folds but k and k + 1, its penalty chosen on fold k + 1.

    The optimum is that of `probes.crossval.probe_vectors`.

    Args:
        x: Outputs of the set of each test fold, side by side, (n_folds, n_examples, d), any floating type.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        folds: Test fold of each example, (n_examples,) int64.
        n_classes: At least 2.
        strengths: Inverse penalties C to choose from, for each test fold, (n_folds, n_penalties) float64, ascending.

    Raises:
        ProbeError: If no penalty could be solved.

    Example:
        >>> labels = torch.arange(60) % 2
        >>> x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)) + 4 * labels[:, None]
        >>> probes = fit_jointly(x.expand(3, -1, -1), labels, torch.arange(60) // 20, 2, torch.ones(3, 1).double())
        >>> probes.logits.shape, bool((probes.loss < 0.2).all())
        (torch.Size([3, 1, 60]), True)
    """

    def work(block: slice) -> JointProbes:
        k = block.start
        return _fit(x[k], labels, folds, k, n_classes, strengths[k])

    parts = map_blocks(work, x, 1)
    return JointProbes(
        torch.stack([part.logits for part in parts]),
        torch.stack([part.strength for part in parts]),
        torch.stack([part.loss for part in parts]),
    )


def _fit(x: Tensor, labels: Tensor, folds: Tensor, k: int, n_classes: int, strengths: Tensor) -> JointProbes:
    chooser = folds == (k + 1) % (int(folds.max()) + 1)
    train = (folds != k) & ~chooser
    rows = standardise(x[train][None], labels[train][None], n_classes, [0, int(train.sum())])
    solutions = solve(rows, torch.ones(1, 1, dtype=torch.bool, device=x.device), strengths)
    theta = solutions.theta[0, 0, :, 0]  # (n_penalties, n_logits, d + 1)
    logits = _logits(x, rows, theta)
    targets = torch.nn.functional.one_hot(labels, n_classes).mT.float()
    targets = targets[1:] if n_classes == 2 else targets
    loss = log_loss(logits[..., chooser], targets[..., chooser]).mean(-1)
    loss = torch.where(solutions.converged[0, 0, :, 0], loss, torch.inf)
    best = int(loss.argmin())
    if not bool(torch.isfinite(loss[best])):
        raise ProbeError(
            f"test fold {k}: no penalty of the joint probe converged; use smaller penalties C for sets of heads"
        )
    return JointProbes(logits[best], strengths[best], loss[best])


def _logits(x: Tensor, rows: Rows, theta: Tensor) -> Tensor:
    """Return the logits of every example, (n_penalties, n_logits, n_examples), scaled as the training rows were."""
    scaled = ((x.double() - rows.mean[0]) / rows.scale[0]).float()
    return theta[..., :-1] @ scaled.mT + theta[..., -1:]
