"""The probes of all folds as one, and what it says of data that none of them has seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax

from probes.errors import ProbeError

Floats = NDArray[np.float64]
Stored = NDArray[np.floating]


@dataclass(frozen=True)
class Probe:
    """One linear probe a head.

    Attributes:
        weights: On scaled inputs, (n_heads, n_logits, d) float64; one logit for two classes.
        intercept: (n_heads, n_logits) float64.
        mean: What the scaler subtracts, (n_heads, d) float64.
        scale: What it then divides by, (n_heads, d) float64.
        strength: Inverse penalty C of each fold's probe, (n_heads, n_folds) float64.
    """

    weights: Floats
    intercept: Floats
    mean: Floats
    scale: Floats
    strength: Floats


def join_folds(coef: Stored, intercept: Stored, mean: Stored, scale: Stored, strength: Stored) -> Probe:
    """Return the one probe that says what the probes of all folds say on average.

    Averaged log-probabilities, made to add up to one again, are those of one logistic probe: the mean of the weights
    and intercepts in the inputs' own units. Its scaler is the mean of the folds' scalers.

    Args:
        coef: Weights on standardised inputs, (n_heads, n_folds, n_logits, d); one logit for two classes.
        intercept: (n_heads, n_folds, n_logits).
        mean: What the scaler subtracts, (n_heads, n_folds, d).
        scale: What it then divides by, (n_heads, n_folds, d).
        strength: Chosen inverse penalty C, (n_heads, n_folds).

    Raises:
        ProbeError: If the shapes do not fit.

    Example:
        >>> coef, intercept = np.array([[[[1.0]], [[3.0]]]]), np.zeros((1, 2, 1))  # two folds
        >>> probe = join_folds(coef, intercept, np.array([[[0.0], [2.0]]]), np.ones((1, 2, 1)), np.ones((1, 2)))
        >>> probe.weights.tolist(), probe.intercept.tolist(), probe.mean.tolist()
        ([[[2.0]]], [[-1.0]], [[1.0]])
    """
    _check_probes(coef, intercept, mean, scale, strength)
    coef, intercept, mean, scale = (part.astype(np.float64) for part in (coef, intercept, mean, scale))
    centre, spread = mean.mean(1), scale.mean(1)
    own_units = coef / scale[:, :, None]
    shifted = intercept + (own_units * (centre[:, None] - mean)[:, :, None]).sum(-1)
    return Probe(own_units.mean(1) * spread[:, None], shifted.mean(1), centre, spread, strength.astype(np.float64))


def apply_probe(x: NDArray[np.floating], probe: Probe) -> Floats:
    """Return the log-probabilities of every example, (n_heads, n_examples, n_classes) float64.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        probe: From `join_folds`.

    Raises:
        ProbeError: If the probe is of heads of another number or width.

    Example:
        >>> probe = Probe(np.ones((1, 1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 5)))
        >>> np.exp(apply_probe(np.array([[[3.0], [-1.0]]]), probe)).round(2).tolist()
        [[[0.12, 0.88], [0.88, 0.12]]]
    """
    if (x.shape[0], x.shape[2]) != probe.mean.shape:
        raise ProbeError(
            f"probes: head outputs of shape {x.shape}, (n_heads, n_examples, d), and probes of (n_heads, d) = "
            f"{probe.mean.shape}; train the probes on the model they are tested on"
        )
    # A head at a time in double precision, where a large mean costs no digits, but never a whole layer.
    return np.stack([
        _log_proba((head.astype(np.float64) - mean) / scale @ weights.T + start)
        for head, weights, start, mean, scale in zip(
            x, probe.weights, probe.intercept, probe.mean, probe.scale, strict=True
        )
    ])


def _log_proba(logits: Floats) -> Floats:
    """Return log-probabilities, (n_examples, n_classes), of logits, (n_examples, n_logits)."""
    if logits.shape[1] == 1:
        return np.asarray(log_expit(logits * np.array([-1.0, 1.0])))
    return np.asarray(log_softmax(logits, axis=1))


def _check_probes(coef: Stored, intercept: Stored, mean: Stored, scale: Stored, strength: Stored) -> None:
    n_heads, n_folds, n_logits, width = coef.shape
    scaler = (n_heads, n_folds, width)
    found = (intercept.shape, mean.shape, scale.shape, strength.shape)
    if found != ((n_heads, n_folds, n_logits), scaler, scaler, (n_heads, n_folds)):
        raise ProbeError(
            f"probes: weights {coef.shape}, intercepts {intercept.shape}, means {mean.shape}, scales "
            f"{scale.shape} and strengths {strength.shape}; expected (n_heads, n_folds, n_logits, d), (n_heads, "
            "n_folds, n_logits), twice (n_heads, n_folds, d) and (n_heads, n_folds): make the probes again "
            "with the probe stage"
        )
