"""How often the null calls noise significant: `python -m benchmarks.null [--cells N] [--heads N]`.

Every cell is noise that examples of a group share. Printed for each group design: the share of cells in which the best
head has p < 0.05, for the null that the probe stage uses and, beside it, for the cheap form that permutes held-out
labels against fixed predictions. The binomial 99 % interval around 0.05 says what calibration allows.
"""

import argparse

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.model_selection import StratifiedGroupKFold

from probes.crossval import probe_heads
from probes.null import group_design, max_statistic_null, permute_labels

Ints = NDArray[np.int64]
GRID = torch.tensor([0.001, 0.01, 0.1, 1.0], dtype=torch.float64)
DESIGNS = ("singletons", "constant", "constant, sizes differ", "balanced", "balanced, label effects", "9:1")
WIDTH, DRAWS, LEVEL = 16, 499, 0.05


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.null", description=__doc__)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--heads", type=int, default=72)
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=DESIGNS)
    args = parser.parse_args()
    low, high = binom.interval(0.99, args.cells, LEVEL) / np.array(args.cells)
    print(f"{args.cells} cells of {args.heads} heads, allowed {low:.3f} to {high:.3f}")
    for design in args.designs:
        p_values = np.array([cell(design, seed, args.heads) for seed in range(args.cells)])
        refitted, fixed = (p_values < LEVEL).mean(0)
        print(f"{design:26} refitted {refitted:.3f}   fixed predictions {fixed:.3f}", flush=True)


def cell(design: str, seed: int, n_heads: int) -> tuple[float, float]:
    """Return the smallest p-value of a cell of noise, under the null in use and under the cheap form."""
    rng = np.random.default_rng(seed)
    labels, groups = draw_labels(design, rng)
    z = rng.normal(size=(n_heads, len(labels), WIDTH)) + rng.normal(size=(n_heads, groups.max() + 1, WIDTH))[:, groups]
    if design == "balanced, label effects":  # as the forms of a word: shared inside a group by those of one label
        z += rng.normal(size=(n_heads, 2 * (groups.max() + 1), WIDTH))[:, 2 * groups + labels]
    folds = np.zeros(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(splitter.split(z[0], labels, groups)):
        folds[rows] = fold
    x = torch.from_numpy(z)
    null = max_statistic_null([x], labels, groups, folds, 0.1, DRAWS, seed)
    return float(null.p_values.min()), fixed_p_value(x, labels, groups, folds, seed)


def draw_labels(design: str, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return labels and groups of 600 examples, or about as many."""
    if design in ("singletons", "9:1"):
        labels = np.arange(600) % 10 == 0 if design == "9:1" else np.arange(600) % 2
        return rng.permutation(labels.astype(np.int64)), np.arange(600)
    sizes = rng.integers(2, 20, 60) if design == "constant, sizes differ" else np.full(60, 10)
    groups = np.repeat(np.arange(60), sizes)
    if design.startswith("constant"):
        return np.repeat(rng.permutation(np.arange(60) % 2), sizes), groups
    return np.arange(600) % 2, groups


def fixed_p_value(x: torch.Tensor, labels: Ints, groups: Ints, folds: Ints, seed: int) -> float:
    """Return the smallest p-value when nothing is fitted again: what `probes.null` warns of."""
    probes = probe_heads(x, torch.from_numpy(labels), torch.from_numpy(folds), 2, GRID)
    predicted = probes.log_proba.argmax(-1).numpy()
    rng, design = np.random.default_rng(seed), group_design(labels, groups)
    draws = np.tile(labels, (DRAWS, 1))
    for fold in np.unique(folds):
        rows = folds == fold
        draws[:, rows] = permute_labels(labels[rows], groups[rows], design, DRAWS, rng)
    best = np.stack([(predicted == draw).mean(1).max() for draw in draws])
    return float((1 + (best >= (predicted == labels).mean(1).max()).sum()) / (1 + DRAWS))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
