"""The whole probe, fitted anew to every permutation: what the null's one-step probe is checked against."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.blocks import map_blocks
from probes.problems import standardise
from probes.solver import solve

DRAWS = 50  # label vectors solved together
BLOCK = 8  # heads solved together on a GPU


def full_accuracies(x: Tensor, draws: Tensor, folds: Tensor, strength: float) -> NDArray[np.float64]:
    """Return the out-of-fold accuracy of a logistic probe fitted anew to every draw of labels, (n_heads, n_draws).

    A drop-in for `probes.null.refitted_accuracies`, with the optimum in place of the first step towards it, and several
    times slower. The penalty is fixed in both. A problem that did not converge is used as far as it came: the draws
    keep their number.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        draws: Labels from 0, (n_draws, n_examples) int64, each with all classes in every training set.
        folds: Test fold of each example, (n_examples,) int64; all other folds train.
        strength: Inverse penalty C.

    Example:
        >>> x = torch.tensor([[[0.0], [1.0], [0.1], [0.9], [0.0], [1.0]]])
        >>> draws = torch.tensor([[0, 1, 0, 1, 0, 1], [1, 1, 0, 0, 1, 0]])
        >>> full_accuracies(x, draws, torch.tensor([0, 0, 1, 1, 2, 2]), 1.0)[:, 0].tolist()
        [1.0]
    """
    order = torch.argsort(folds, stable=True)
    bounds = [0, *torch.bincount(folds).cumsum(0).tolist()]
    n_classes = max(2, int(draws.max()) + 1)
    members = ~torch.eye(len(bounds) - 1, dtype=torch.bool, device=x.device)
    strengths = torch.tensor([strength], dtype=torch.float64, device=x.device)

    def work(block: slice) -> Tensor:
        heads = x[block][:, order.to(x.device)]
        return torch.cat([hits(heads, part[:, order].to(x.device)) for part in torch.split(draws, DRAWS)], 1)

    def hits(heads: Tensor, labels: Tensor) -> Tensor:
        rows = standardise(heads, labels, n_classes, bounds)
        theta = solve(rows, members, strengths).theta[:, :, 0]
        right = torch.zeros(len(heads), len(labels), dtype=torch.int64, device=x.device)
        for fold in range(len(bounds) - 1):
            where = rows.block(fold)
            logits = torch.einsum("hvkd,hnd->hvnk", theta[:, fold], rows.x[:, where])
            predicted = (logits[..., 0] > 0).long() if logits.shape[-1] == 1 else logits.argmax(-1)
            right += (predicted == labels[:, where]).sum(-1)
        return right.cpu()

    right = torch.cat(map_blocks(work, x, BLOCK))
    return right.double().numpy() / len(folds)
