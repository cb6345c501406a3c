"""How often the intervals hold the truth: `python -m benchmarks.intervals [--cells N]`.

A cell is one labelled data set of two Gaussian classes whose examples share a part with the others of their group. A
ridge probe is trained on it under the rotation that the heads are probed with: groups whole, fold k tested by a probe
that was trained on all folds but k and k + 1, the penalty chosen on fold k + 1. The truth is what these very probes
score on new groups, which for Gaussian classes has a closed form. Printed are the shares of cells in which the nominal
95 % interval holds the true accuracy, and the true margin over a probe of half the dimensions; beside them, in
brackets, those of the plain percentile interval.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from probes.intervals import cluster_bootstrap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOLDS, WIDTH, PENALTIES = 5, 32, (1.0, 30.0, 1000.0)
SHARED = 0.3  # share of the variance that lies between groups
DRAWS, CONFIDENCE = 1000, 0.95
TOGETHER = 50  # cells in one call of the bootstrap: more cells share its draws, fewer take longer


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intervals", description=__doc__)
    parser.add_argument("--cells", type=int, default=2000, help="of each row; rounded up to 50")
    n_cells = parser.parse_args().cells
    print(f"{n_cells} cells, standard error {100 * np.sqrt(0.95 * 0.05 / n_cells):.1f} %")
    print("group size  examples  accuracy   covers it    covers margin")
    for size in (1, 2, 20):
        for n_examples in (400, 1200, 3000):
            for target in (0.55, 0.75, 0.95):
                signal = find_signal(size, n_examples, target)
                held = coverage(size, n_examples, signal, n_cells)
                shares = "  ".join(f"{100 * new:.1f} ({100 * old:.1f})" for new, old in held)
                print(f"{size:10}{n_examples:10}{target:10}   {shares}", flush=True)


def coverage(size: int, n_examples: int, signal: float, n_cells: int) -> list[tuple[float, float]]:
    """Return the coverage of the interval in use and of the percentile interval, for accuracy and for margin."""
    held: list[list[bool]] = [[], [], [], []]
    groups = np.arange(n_examples) // size
    for seed in range(0, n_cells, TOGETHER):
        correct, truth = simulate(size, n_examples, signal, TOGETHER, seed)
        for i, (scores, true) in enumerate(zip(*both(correct, truth), strict=True)):
            for j, interval in enumerate((cluster_bootstrap, percentile)):
                low, high = interval(scores, groups, DRAWS, CONFIDENCE, seed)
                held[2 * i + j] += ((low <= true) & (true <= high)).tolist()
    accuracy, plain_accuracy, margin, plain_margin = (float(np.mean(each)) for each in held)
    return [(accuracy, plain_accuracy), (margin, plain_margin)]


def both(correct: Floats, truth: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return the scores whose mean is the accuracy and the margin, and the two truths."""
    return (correct[0], correct[0] - correct[1]), (truth[0], truth[0] - truth[1])


def simulate(size: int, n_examples: int, signal: float, n_cells: int, seed: int) -> tuple[Floats, Floats]:
    """Return out-of-fold correctness, (2, n_cells, n_examples), and true accuracy, (2, n_cells).

    First that of the probe of all dimensions, then that of the probe of the first half.
    """
    rng = np.random.default_rng(seed)
    in_fold = n_examples // FOLDS
    signs = np.where(np.arange(in_fold) // size % 2, 1.0, -1.0)[:, None]  # one label a group
    shared = rng.normal(size=(n_cells, FOLDS, in_fold // size, WIDTH)).repeat(size, axis=2)
    own = rng.normal(size=(n_cells, FOLDS, in_fold, WIDTH))
    weight = SHARED if size > 1 else 0.0
    x = signal / np.sqrt(WIDTH) * signs + np.sqrt(weight) * shared + np.sqrt(1 - weight) * own
    x = np.concatenate([np.ones_like(x[..., :1]), x], axis=3)
    found = [probe(x[..., : 1 + width], signs, signal / np.sqrt(WIDTH)) for width in (WIDTH, WIDTH // 2)]
    return np.stack([correct for correct, _ in found]), np.stack([truth for _, truth in found])


def probe(x: Floats, signs: Floats, mean: float) -> tuple[Floats, Floats]:
    """Return correctness, (n_cells, n_examples), and true accuracy, (n_cells,), of ridge probes under the rotation.

    Args:
        x: A one and the inputs, (n_cells, n_folds, n_in_fold, 1 + d) float64.
        signs: Label of each example of a fold, the same in every fold, (n_in_fold, 1) float64, -1 or 1.
        mean: Of every dimension in class 1; in the other it is -mean, and the variance is 1.
    """
    per_fold = x.mT @ x, x.mT @ signs
    gram, moment = (part.sum(1, keepdims=True) - part - np.roll(part, -1, axis=1) for part in per_fold)
    best, coef = np.full(x.shape[:2], np.inf), np.zeros_like(moment)
    for penalty in PENALTIES:
        ridge = penalty * np.diag(np.arange(x.shape[3]) > 0)
        tried = np.linalg.solve(gram + ridge, moment)
        loss = ((np.roll(x, -1, axis=1) @ tried - signs) ** 2).mean((2, 3))
        coef = np.where((loss < best)[..., None, None], tried, coef)
        best = np.minimum(loss, best)
    correct = (x @ coef * signs > 0).astype(np.float64).reshape(len(x), -1)
    offset, weights = coef[:, :, 0, 0], coef[:, :, 1:, 0]
    middle, spread = mean * weights.sum(2), np.linalg.norm(weights, axis=2)
    truth = (ndtr((middle + offset) / spread) + ndtr((middle - offset) / spread)) / 2
    return correct, truth.mean(1)


def find_signal(size: int, n_examples: int, target: float) -> float:
    """Return the distance of the classes from their middle at which the probe's true accuracy is about `target`."""
    low, high = 0.0, 4.0
    for _ in range(9):
        signal = (low + high) / 2
        truth = simulate(size, n_examples, signal, 20, seed=1)[1][0].mean()
        low, high = (signal, high) if truth < target else (low, signal)
    return signal


def percentile(scores: Floats, groups: Ints, n_draws: int, confidence: float, seed: int) -> tuple[Floats, Floats]:
    """Return the ends of the plain percentile interval, for groups of one size, (n_rows,) each."""
    n_groups = int(groups.max()) + 1
    means = scores.reshape(len(scores), n_groups, -1).mean(2)
    drawn = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws) / n_groups
    low, high = np.quantile(drawn @ means.T, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


if __name__ == "__main__":
    main()
