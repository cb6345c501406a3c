"""Would any direction have done? A transferred probe against copies of it that point where chance would have them.

Where a head separates the classes of the tested dataset well, a probe that learnt something else, or nothing, still
points a little along or against what separates them, and is better (or worse) than the majority by more than any
sampling error. What shows that the datasets share what the probe learnt is that it does better than chance directions.
These are the directions of random labels: a first Newton step from zero on labels without meaning, with the head's own
penalties, leads in a random direction whose spread over the principal axes of the head's output is known.

Measured by `python -m benchmarks.transfer` (24 heads that share nothing between two datasets, 16 and 32 dimensions, the
tested classes separated with an accuracy of 0.8): the interval of the margin lies above 0 in 21 to 33 % of heads; the
family-wise `p_value` is below 0.05 for any head in 2 to 7 % of models.

The copy keeps all else of the probe: how its classes lie to one another, its intercepts, the training data's scaler.
"""

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from probes.joined import Probe

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BLOCK = 2**24  # logits held in memory at once


def turned_accuracies(
    x: NDArray[np.floating], labels: Ints, probe: Probe, n_trained: float, n_draws: int, seed: int
) -> Floats:
    """Return the accuracy of each head's probe after random turns, (n_heads, n_draws) float64.

    Args:
        x: Head outputs of the tested dataset, (n_heads, n_examples, d), any floating type.
        labels: Class of each example, (n_examples,) int64 from 0.
        probe: From `join_folds`.
        n_trained: Examples that the probe of one fold was trained on.
        n_draws: Turns.
        seed: Of the turns.

    Example:
        >>> labels = np.arange(200) % 2
        >>> x = np.random.default_rng(0).normal(size=(1, 200, 8))
        >>> x[0, :, 0] += 4 * labels - 2
        >>> probe = Probe(np.eye(1, 8)[None], np.zeros((1, 1)), np.zeros((1, 8)), np.ones((1, 8)), np.ones((1, 5)))
        >>> turned = turned_accuracies(x, labels, probe, 120, 200, seed=0)
        >>> round(float(np.quantile(turned, 0.95)), 2), bool(abs(turned.mean() - 0.5) < 0.05)  # itself: 0.985
        (0.91, True)
    """
    n_logits, width = probe.weights.shape[1:]
    rows = zip(x, probe.weights, probe.intercept, probe.mean, probe.scale, probe.strength, strict=True)
    accuracies = []
    for head, weights, start, mean, scale, strength in rows:
        u = (head.astype(np.float64) - mean) / scale
        # Drawn from the head itself and not from its place: independent of other heads, wherever these stand. From its
        # outputs, since the last digits of its weights hang on which heads were solved together.
        rng = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(head).tobytes())])
        gaussian = rng.normal(size=(n_draws, min(n_logits, width), width))
        turns = gaussian @ _spread(u, labels, n_logits, n_trained, strength)
        accuracies.append(_accuracies(u, labels, weights, start, turns))
    return np.stack(accuracies)


def _spread(u: Floats, labels: Ints, n_logits: int, n_trained: float, strength: Floats) -> Floats:
    """Return the matrix, (d, d), that makes Gaussian numbers weights of probes of random labels.

    The gradient at zero has the covariance of the inputs. The step divides it by the curvature there, which is that
    covariance times `bend` and the number of examples, plus the penalty. The axes are those inside the classes, so that
    what separates them is no axis itself.
    """
    names, place = np.unique(labels, return_inverse=True)
    bend = 1 / 4 if n_logits == 1 else 1 / n_logits  # at equal probabilities; one logit for two classes
    inside = u - np.stack([u[labels == name].mean(0) for name in names])[place]
    values, axes = np.linalg.eigh(inside.T @ inside / len(u))
    values = np.maximum(values, 0)
    step = (1 / (bend * n_trained * values + 1 / strength[:, None])).mean(0)
    spread: Floats = axes * (np.sqrt(values) * step) @ axes.T  # symmetric: the signs of the axes do not matter
    return spread


def _accuracies(u: Floats, labels: Ints, weights: Floats, start: Floats, turns: Floats) -> Floats:
    """Return the accuracies on scaled outputs u, (n_examples, d), of weights turned, (n_draws,)."""
    length = np.linalg.norm(turns, axis=-1, keepdims=True)
    turns = turns / np.where(length > 0, length, 1)
    triangle = np.linalg.qr(weights.T)[1].T  # the weights in a basis of their own span, (n_logits, rank)
    size = max(1, BLOCK // (len(u) * len(weights)))
    right = np.zeros(len(turns))
    for at in range(0, len(turns), size):
        turned = triangle @ turns[at : at + size]  # (draws, n_logits, d)
        for label in np.unique(labels):
            said = _says(turned, start, u[labels == label], int(label))
            right[at : at + size] += np.count_nonzero(said, axis=1)
    accuracies: Floats = right / len(u)
    return accuracies


def _says(turned: Floats, start: Floats, u: Floats, label: int) -> NDArray[np.bool_]:
    """Return where turned weights choose a class, (draws, n_rows)."""
    # One matrix product a logit, in double precision: the last digits of a product decide no example.
    logits = [turned[:, each] @ u.T + start[each] for each in range(len(start))]
    if len(logits) == 1:
        return np.asarray((logits[0] > 0) == bool(label))
    own = logits.pop(label)
    return np.asarray(own > np.maximum.reduce(logits))


def turned_columns(accuracy: Floats, turned: Floats, n_examples: int) -> dict[str, Floats]:
    """Return what turned probes reach and how rare the probe's accuracy is among them, (n_heads,) each.

    `p_turned` is of each head by itself. `p_value` is family-wise over the heads: the share of turns in which any head
    gets as far as this one (Westfall and Young 1993), counted in deviations of its own turns from their mean. What is
    counted is the normal quantile of the accuracy, since a chance direction lies along what separates the classes by a
    normal number, and heads that separate them well must not have the shorter tails. In both the probe counts as one of
    the turns.

    Args:
        accuracy: Of the probes as they are, (n_heads,).
        turned: Of the turned probes, (n_heads, n_draws).
        n_examples: Examples the accuracies are shares of.

    Example:
        >>> turned = np.random.default_rng(0).uniform(0.3, 0.7, size=(2, 99))
        >>> columns = turned_columns(np.array([0.9, 0.5]), turned, 100)
        >>> columns["p_turned"].round(2).tolist()[0], columns["p_value"].round(2).tolist()
        (0.01, [0.01, 0.82])
    """
    along, chance = (ndtri((share * n_examples + 0.5) / (n_examples + 1)) for share in (accuracy, turned))
    mean, deviation = chance.mean(1), chance.std(1)
    spread = np.where(deviation > 0, deviation, np.inf)  # no turn changes anything: nothing can be told
    reached = (along - mean) / spread
    most = ((chance - mean[:, None]) / spread[:, None]).max(0)
    n_draws, near = turned.shape[1], 1e-9  # sums in another order must not decide a tie
    return {
        "turned_high": np.quantile(turned, 0.95, axis=1),
        "p_turned": (1 + (turned >= accuracy[:, None] - near).sum(1)) / (1 + n_draws),
        "p_value": (1 + (most >= reached[:, None] - near).sum(1)) / (1 + n_draws),
    }
