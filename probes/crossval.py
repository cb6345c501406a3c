"""Out-of-fold probes: every example is predicted once, by a probe that saw neither it nor its group.

Fold k is tested by a probe trained on all folds but k and k + 1 (modulo K); fold k + 1 chooses the penalty by its
log-loss. Scaler and probe see training rows only, and nothing is fitted again after the choice, so that the fold that
chose never trained.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.errors import ProbeError
from probes.logistic import class_log_proba, fit_logistic

BLOCK_BYTES = 32 * 2**20  # working memory for the heads solved together; more spills out of the caches and is slower


@dataclass(frozen=True)
class HeadProbes:
    """The probes of every head, and what they say about the examples they did not see.

    Attributes:
        log_proba: Out-of-fold log-probabilities, (n_heads, n_examples, n_classes) float64.
        strength: Chosen inverse penalty C, (n_heads, n_folds) float64.
        coef: Weights on standardised inputs, (n_heads, n_folds, n_logits, d) float64; one logit for two classes.
        intercept: Intercepts, (n_heads, n_folds, n_logits) float64.
        mean: What the scaler subtracts, (n_heads, n_folds, d) float64.
        scale: What it then divides by, (n_heads, n_folds, d) float64.
        n_unsolved: Problems (fold, penalty) of each head that did not converge and were left out of the choice,
            (n_heads,) int64.
    """

    log_proba: Tensor
    strength: Tensor
    coef: Tensor
    intercept: Tensor
    mean: Tensor
    scale: Tensor
    n_unsolved: Tensor

    def cpu(self) -> "HeadProbes":
        """Return the same on the CPU."""
        return HeadProbes(**{name: getattr(self, name).cpu() for name in self.__dataclass_fields__})

    def split(self, sizes: list[int]) -> list["HeadProbes"]:
        """Return the probes of the first `sizes[0]` heads, of the next `sizes[1]`, and so on."""
        parts = {name: getattr(self, name).split(sizes) for name in self.__dataclass_fields__}
        return [HeadProbes(**{name: parts[name][i] for name in parts}) for i in range(len(sizes))]


def probe_heads(x: Tensor, labels: Tensor, folds: Tensor, n_classes: int, strengths: Tensor) -> HeadProbes:
    """Return the out-of-fold probes of every head.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        folds: Test fold of each example, (n_examples,) int64 in [0, K), K at least 3.
        n_classes: At least 2.
        strengths: Inverse penalties C to choose from, (n_penalties,) float64, ascending.

    Raises:
        ProbeError: If there are fewer than 3 folds or one is empty, a class is missing from a training set, an input is
            not finite, or no penalty of a head could be solved.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> labels = torch.arange(60) % 2
        >>> x = torch.randn(2, 60, 3, generator=generator)
        >>> x[1, :, 0] += 4 * labels  # head 1 knows the label, head 0 does not
        >>> probes = probe_heads(x, labels, torch.arange(60) // 20, 2, torch.tensor([0.01, 1.0]).double())
        >>> correct = (probes.log_proba.argmax(-1) == labels).double().mean(1)
        >>> bool(correct[1] > 0.9), bool(correct[0] < 0.75)
        (True, True)
    """
    n_folds = int(folds.max()) + 1
    if n_folds < 3:
        raise ProbeError(
            f"{n_folds} folds; at least 3 are needed: one to train, one to choose the penalty, one to test"
        )
    if empty := (torch.bincount(folds) == 0).nonzero()[:, 0].tolist():
        raise ProbeError(f"folds {empty} of {n_folds} have no examples; drop fewer texts or make the folds anew")
    bytes_a_head = 8 * x.shape[1] * (2 * x.shape[2] + 8 * len(strengths) * (1 if n_classes == 2 else n_classes))
    block = max(1, BLOCK_BYTES // bytes_a_head)
    parts = [
        _probe_block(x[start : start + block].double(), labels, folds, n_classes, strengths, start)
        for start in range(0, len(x), block)
    ]
    fields = HeadProbes.__dataclass_fields__
    return HeadProbes(**{name: torch.cat([getattr(part, name) for part in parts]) for name in fields})


def _probe_block(
    x: Tensor, labels: Tensor, folds: Tensor, n_classes: int, strengths: Tensor, first_head: int
) -> HeadProbes:
    n_folds = int(folds.max()) + 1
    rotations = [_rotate(x, labels, folds, k, n_folds, n_classes, strengths, first_head) for k in range(n_folds)]
    log_proba = x.new_zeros(len(x), len(labels), n_classes)
    for k, (_, tested, _) in enumerate(rotations):
        log_proba[:, folds == k] = tested
    stacked = {
        name: torch.stack([fold[name] for fold, _, _ in rotations], dim=1)
        for name in ("strength", "coef", "intercept", "mean", "scale")
    }
    n_unsolved = torch.stack([unsolved for *_, unsolved in rotations]).sum(0)
    return HeadProbes(log_proba, **stacked, n_unsolved=n_unsolved)


def _rotate(
    x: Tensor, labels: Tensor, folds: Tensor, k: int, n_folds: int, n_classes: int, strengths: Tensor, first_head: int
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Return the chosen probes of fold k, their log-probabilities on it, and how many problems stayed unsolved."""
    chooser = (k + 1) % n_folds
    train = (folds != k) & (folds != chooser)
    _check_classes(labels[train], n_classes, k, chooser)
    mean, scale = _scaler(x[:, train])
    scaled = (x - mean[:, None]) / scale[:, None]
    fits = fit_logistic(scaled[:, train], labels[train], n_classes, strengths)
    held_out = _log_proba(scaled[:, folds == chooser], fits.coef, fits.intercept)
    chosen = _choose(held_out, labels[folds == chooser], fits.converged, first_head)
    at = (torch.arange(len(x), device=x.device), chosen)
    coef, intercept = fits.coef[at], fits.intercept[at]
    tested = _log_proba(scaled[:, folds == k], coef[:, None], intercept[:, None])[:, :, 0]
    fold = {"strength": strengths[chosen], "coef": coef, "intercept": intercept, "mean": mean, "scale": scale}
    return fold, tested, (~fits.converged).sum(1)


def _scaler(train: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each dimension; a constant dimension is left at scale 1, as 0s."""
    scale = train.std(1, correction=0)
    rounding = 1e-12 * train.abs().amax(1)
    return train.mean(1), torch.where(scale > rounding, scale, torch.ones_like(scale))


def _log_proba(scaled: Tensor, coef: Tensor, intercept: Tensor) -> Tensor:
    """Return (n_heads, n_examples, n_penalties, n_classes) for coef (n_heads, n_penalties, n_logits, d)."""
    logits = torch.einsum("hnd,hpkd->hnpk", scaled, coef) + intercept[:, None]
    return class_log_proba(logits)


def _choose(held_out: Tensor, labels: Tensor, converged: Tensor, first_head: int) -> Tensor:
    """Return the index of each head's penalty: lowest log-loss, the stronger penalty at a tie, (n_heads,) int64."""
    right = labels[None, :, None, None].expand(len(held_out), -1, held_out.shape[2], 1)
    loss = -held_out.gather(3, right)[..., 0].mean(1)
    loss = torch.where(converged, loss, torch.inf)
    if bool(torch.isinf(loss).all(1).any()):
        head = first_head + int(torch.isinf(loss).all(1).nonzero()[0])
        raise ProbeError(f"head {head} (counted over all layers): no penalty converged; use smaller C in probe.c_grid")
    return loss.argmin(1)


def _check_classes(train: Tensor, n_classes: int, k: int, chooser: int) -> None:
    missing = (torch.bincount(train, minlength=n_classes) == 0).nonzero()[:, 0].tolist()
    if missing:
        raise ProbeError(
            f"test fold {k}: classes {missing} do not occur in its training folds (all but {k} and {chooser}); use "
            "fewer folds or more groups of these classes"
        )
