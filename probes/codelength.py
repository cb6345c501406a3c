"""Online codelength: how many bits it takes to send the labels to someone who has the activations."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.blocks import map_blocks
from probes.logistic import class_log_proba
from probes.problems import in_own_units, standardise
from probes.solver import solve

SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
BLOCK = 32  # heads solved together on a GPU


def online_codelength(
    x: Tensor, labels: Tensor, groups: NDArray[np.int64], n_classes: int, strengths: Tensor, seed: int
) -> NDArray[np.float64]:
    """Return the online (prequential) codelength of the labels, in bits, (n_heads,) (Voita and Titov 2020).

    Labels are sent in portions, whole groups in random order. The first portion costs log2(n_classes) bits a label,
    each further one its cross-entropy under a probe trained on all before it. The penalty is the one that would have
    been best for the portion before. Compression is n_examples * log2(n_classes) over the codelength.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        groups: Group of each example, (n_examples,) int64.
        n_classes: At least 2.
        strengths: Inverse penalties C to choose from, (n_penalties,) float64, ascending.
        seed: Of the order.

    Example:
        >>> labels = torch.arange(128) % 2
        >>> x = torch.randn(2, 128, 2, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 6 * labels  # head 1 knows
        >>> bits = online_codelength(x, labels, np.arange(128), 2, torch.tensor([0.1, 1.0]).double(), seed=0)
        >>> bool(bits[1] < 40 < 128 < bits[0])
        True
    """
    order, ends = _portions(groups, seed)
    ordered = labels[torch.from_numpy(order).to(labels.device)]

    def work(block: slice) -> Tensor:
        heads = x[block][:, torch.from_numpy(order).to(x.device)]
        bits = heads.new_full((len(heads),), ends[0] * math.log2(n_classes), dtype=torch.float64)
        index = torch.zeros(len(heads), dtype=torch.int64, device=x.device)
        for start, end in itertools.pairwise(ends):
            losses, converged = _portion_bits(heads, ordered, n_classes, strengths, start, end)
            bits += losses.gather(1, index[:, None])[:, 0]
            index = torch.where(converged, losses, torch.inf).argmin(1)
        return bits.cpu()

    return torch.cat(map_blocks(work, x, BLOCK)).numpy()


def _portions(groups: NDArray[np.int64], seed: int) -> tuple[NDArray[np.intp], Sequence[int]]:
    """Return the order of the examples, and the number of examples after each portion."""
    _, group_of = np.unique(groups, return_inverse=True)
    rank = np.random.default_rng(seed).permutation(group_of.max() + 1)
    order = np.argsort(rank[group_of], kind="stable")
    last = np.flatnonzero(np.append(np.diff(rank[group_of][order]) > 0, True)) + 1  # examples after each whole group
    wanted = np.array(SHARES) * len(groups)
    return order, sorted({int(last[np.searchsorted(last, share)]) for share in wanted})


def _portion_bits(
    x: Tensor, labels: Tensor, n_classes: int, strengths: Tensor, start: int, end: int
) -> tuple[Tensor, Tensor]:
    """Return bits of the labels from start to end for who learnt those before, and convergence, (n_heads, n_penalties).

    Where a class has not been sent yet, no probe knows of it, and labels cost what they cost at first.
    """
    known, sent = labels[:start], labels[start:end]
    if len(torch.unique(known)) < n_classes:
        bits = x.new_full((len(x), len(strengths)), (end - start) * math.log2(n_classes), dtype=torch.float64)
        return bits, torch.ones_like(bits, dtype=torch.bool)
    rows = standardise(x[:, :start], known[None], n_classes, [0, start])
    solutions = solve(rows, torch.ones(1, 1, dtype=torch.bool, device=x.device), strengths)
    weights, intercept = in_own_units(rows, solutions.theta[:, 0, :, 0])
    logits = torch.einsum("hnd,hpkd->hpnk", x[:, start:end].double(), weights) + intercept[:, :, None]
    right = sent[None, None, :, None].expand(*logits.shape[:3], 1)
    loss = -class_log_proba(logits).gather(3, right).sum((2, 3))
    return loss / math.log(2), solutions.converged[:, 0, :, 0]
