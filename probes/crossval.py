"""Out-of-fold probes: every example is predicted once, by a probe that saw neither it nor its group.

Fold k is tested by a probe trained on all folds but k and k + 1 (modulo K); fold k + 1 chooses the penalty by its
log-loss. Scaler and probe see training rows only, and nothing is fitted again after the choice, so that the fold that
chose never trained.

The solver starts every fold from a rough solution for all rows. The optimum knows nothing of the start; what is left of
it, 1e-8 of the objective or so, is some hundred times smaller than what a fold's own rows move it by.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.blocks import map_blocks
from probes.curvature import COUPLED
from probes.errors import ProbeError
from probes.logistic import class_log_proba
from probes.problems import Rows, log_loss, standardise
from probes.solver import Solutions, solve

BLOCK_BYTES = 2 * 2**30  # working memory for the heads solved together on a GPU


@dataclass(frozen=True)
class HeadProbes:
    """The probes of every head for one label vector, and what they say about the examples they did not see.

    Attributes:
        log_proba: Out-of-fold log-probabilities, (n_heads, n_examples, n_classes) float32.
        strength: Chosen inverse penalty C, (n_heads, n_folds) float64.
        chooser_loss: Log-loss, in nats an example, on the fold that chose, (n_heads, n_folds) float32.
        coef: Weights on standardised inputs, (n_heads, n_folds, n_logits, d) float32; one logit for two classes.
        intercept: Intercepts, (n_heads, n_folds, n_logits) float32.
        mean: What the scaler subtracts, (n_heads, n_folds, d) float64.
        scale: What it then divides by, (n_heads, n_folds, d) float64; 1 for a constant dimension.
        n_unsolved: Problems (fold, penalty) of each head that did not converge and were left out of the choice,
            (n_heads,) int64.
    """

    log_proba: Tensor
    strength: Tensor
    chooser_loss: Tensor
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
    """Return the out-of-fold probes of every head for one label vector, (n_examples,); else as `probe_vectors`.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        folds: Test fold of each example, (n_examples,) int64 in [0, K), K at least 3.
        n_classes: At least 2.
        strengths: Inverse penalties C to choose from, (n_penalties,) float64, ascending.

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
    return probe_vectors(x, labels[None], folds, n_classes, strengths)[0]


def probe_vectors(
    x: Tensor, labels: Tensor, folds: Tensor, n_classes: int, strengths: Tensor
) -> tuple[HeadProbes, ...]:
    """Return the out-of-fold probes of every head for each label vector; real and control labels share the inputs.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        labels: Class of each example, (n_vectors, n_examples) int64 in [0, n_classes).
        folds: Test fold of each example, (n_examples,) int64 in [0, K), K at least 3.
        n_classes: At least 2.
        strengths: Inverse penalties C to choose from, (n_penalties,) float64, ascending.

    Raises:
        ProbeError: If there are fewer than 3 folds or one is empty, a class is missing from a training set, an input is
            not finite, or no penalty of a head could be solved.

    Example:
        >>> labels = torch.arange(60) % 2
        >>> x = torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(0))
        >>> real, flipped = probe_vectors(x, torch.stack([labels, 1 - labels]), torch.arange(60) // 20, 2,
        ...                               torch.tensor([1.0]).double())
        >>> torch.allclose(real.log_proba, flipped.log_proba.flip(-1), atol=1e-3)
        True
    """
    n_folds = _check_folds(folds)
    _check_strengths(strengths)
    _check_classes(labels, folds, n_classes, n_folds)
    order = torch.argsort(folds, stable=True)
    bounds = [0, *torch.bincount(folds).cumsum(0).tolist()]
    members = training_sets(n_folds).to(x.device)

    def work(block: slice) -> list[HeadProbes]:
        rows = standardise(x[block][:, order], labels[:, order], n_classes, bounds)
        _check_finite(rows, x, block)
        solutions = solve(rows, members, strengths)
        return _choose_and_test(rows, solutions, strengths, torch.argsort(order), block.start)

    size = max(1, BLOCK_BYTES // _bytes_a_head(x, len(labels), n_classes, len(strengths)))
    parts = map_blocks(work, x, size)
    fields = HeadProbes.__dataclass_fields__
    return tuple(
        HeadProbes(**{name: torch.cat([getattr(part[vector], name) for part in parts]) for name in fields})
        for vector in range(len(labels))
    )


def training_sets(n_folds: int) -> Tensor:
    """Return whether the probe of fold k trains on a fold: on all but k and k + 1, (n_folds, n_folds) bool.

    Args:
        n_folds: K, at least 3.

    Example:
        >>> training_sets(4).int().tolist()
        [[0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0]]
    """
    number = torch.arange(n_folds)
    return (number[:, None] != number) & ((number[:, None] + 1) % n_folds != number)


def _bytes_a_head(x: Tensor, n_vectors: int, n_classes: int, n_penalties: int) -> int:
    """Return what solving one head takes: inputs, logits of one block, parameters with their memory, curvatures."""
    n_logits = 1 if n_classes == 2 else n_classes
    n_problems, width = n_penalties * n_vectors * n_logits, x.shape[2] + 1
    coupled = width * n_logits if width * n_logits <= COUPLED else width
    return 4 * (3 * x.shape[1] * width + 3 * x.shape[1] * n_problems + n_problems * width * (100 + 4 * coupled))


def _choose_and_test(
    rows: Rows, solutions: Solutions, strengths: Tensor, back: Tensor, first_head: int
) -> list[HeadProbes]:
    """Return the probes of one block of heads, examples in the order asked for, one entry for each label vector."""
    n_folds = len(rows.bounds) - 1
    chosen, losses, tested = [], [], []
    for k in range(n_folds):
        theta = solutions.theta[:, k]
        index, loss = _choose(rows, rows.block((k + 1) % n_folds), theta, solutions.converged[:, k], first_head)
        at = index[:, None, :, None, None].expand(-1, 1, -1, *theta.shape[3:])
        best = theta.gather(1, at)
        tested.append(class_log_proba(_logits(rows, rows.block(k), best)[:, 0].mT))
        chosen.append((best[:, 0], strengths[index]))
        losses.append(loss)
    theta = torch.stack([best for best, _ in chosen], 1)  # (n_heads, n_folds, n_vectors, n_logits, d + 1)
    strength = torch.stack([strength for _, strength in chosen], 1)
    log_proba = torch.cat(tested, 2)[:, :, back]
    unsolved = (~solutions.converged).sum((1, 2))
    return [
        HeadProbes(
            log_proba=log_proba[:, vector],
            strength=strength[:, :, vector],
            chooser_loss=torch.stack(losses, 1)[:, :, vector],
            n_unsolved=unsolved[:, vector],
            **_in_own_units(rows, solutions, theta[:, :, vector]),
        )
        for vector in range(theta.shape[2])
    ]


def _logits(rows: Rows, where: slice, theta: Tensor) -> Tensor:
    """Return logits (n_heads, n_penalties, n_vectors, n_logits, n_rows) of theta (..., d + 1) on some rows."""
    flat = theta.flatten(1, -2) @ rows.x[:, where].mT
    return flat.view(*theta.shape[:-1], flat.shape[-1])


def _choose(rows: Rows, where: slice, theta: Tensor, converged: Tensor, first_head: int) -> tuple[Tensor, Tensor]:
    """Return index and log-loss of the best penalty, the stronger at a tie, (n_heads, n_vectors) each."""
    loss = log_loss(_logits(rows, where, theta), rows.targets[..., where]).mean(-1)
    loss = torch.where(converged, loss, torch.inf)
    best, index = loss.min(1)
    if bool(torch.isinf(best).any()):
        head = first_head + int(torch.isinf(best).any(1).nonzero()[0])
        raise ProbeError(f"head {head} (counted over all layers): no penalty converged; use smaller C in probe.c_grid")
    return index, best


def _in_own_units(rows: Rows, solutions: Solutions, theta: Tensor) -> dict[str, Tensor]:
    """Return scaler, weights and intercept of theta, (n_heads, n_folds, n_logits, d + 1), for inputs as they came."""
    scaler = solutions.scaler
    weights = theta[..., :-1]
    return {
        "coef": weights * scaler.scale[:, :, None],
        "intercept": theta[..., -1] + (weights * scaler.mean[:, :, None]).sum(-1),
        "mean": rows.mean[:, None] + rows.scale[:, None] * scaler.mean,
        "scale": torch.where(scaler.constant, 1.0, rows.scale[:, None] * scaler.scale),
    }


def _check_folds(folds: Tensor) -> int:
    n_folds = int(folds.max()) + 1
    if n_folds < 3:
        raise ProbeError(
            f"{n_folds} folds; at least 3 are needed: one to train, one to choose the penalty, one to test"
        )
    if empty := (torch.bincount(folds) == 0).nonzero()[:, 0].tolist():
        raise ProbeError(f"folds {empty} of {n_folds} have no examples; drop fewer texts or make the folds anew")
    return n_folds


def _check_strengths(strengths: Tensor) -> None:
    if not bool((strengths > 0).all()) or not bool((strengths.diff() > 0).all()):
        raise ProbeError(f"inverse penalties {strengths.tolist()}; they must be above 0 and ascend")


def _check_classes(labels: Tensor, folds: Tensor, n_classes: int, n_folds: int) -> None:
    for k in range(n_folds):
        chooser = (k + 1) % n_folds
        for vector in labels[:, (folds != k) & (folds != chooser)]:
            missing = (torch.bincount(vector, minlength=n_classes) == 0).nonzero()[:, 0].tolist()
            if missing:
                raise ProbeError(
                    f"test fold {k}: classes {missing} do not occur in its training folds (all but {k} and {chooser}); "
                    "use fewer folds or more groups of these classes"
                )


def _check_finite(rows: Rows, x: Tensor, block: slice) -> None:
    if bool(torch.isfinite(rows.x.sum())):  # one bad input spoils the mean of its dimension, and so every sum
        return
    head = int((~torch.isfinite(rows.x)).flatten(1).any(1).nonzero()[0])
    sizes = x[block][head].double().abs().nan_to_num(torch.inf, torch.inf).amax(1)
    example = int(sizes.argmax())
    raise ProbeError(
        f"head {block.start + head} (counted over all layers), example {example}: inputs that are not finite numbers, "
        "or too large for single precision; drop the example or check the model's output on it"
    )
