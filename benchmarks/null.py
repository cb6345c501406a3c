"""How often the null calls noise significant: `python -m benchmarks.null` (about 20 minutes on a core).

Every cell is noise. Printed for each group design: the share of cells in which the best head has p <= 0.05, for the
null that the probe stage uses and, beside it, for the cheap form that permutes held-out labels against fixed
predictions. The binomial 99 % interval around 0.05 says what calibration allows. A rate below it is conservative:
accuracies are whole numbers of examples, and ties count against a head. Last the power: how often one head that knows
something is found, also with p <= 0.05.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from probes.crossval import probe_heads
from probes.null import MaxNull, max_statistic_null
from probes.permute import choose_trades, permute_labels

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Cell = tuple[Floats, Ints, Ints]
GRID = torch.tensor([0.001, 0.1], dtype=torch.float64)
DESIGNS = {
    "singletons": "every example its own group",
    "constant": "60 groups of 5, one label each",
    "sizes tied to labels": "the same, but one class has larger groups",
    "balanced": "30 groups of 10, both labels equally often",
    "balanced, label effects": "the same; z shared by a group's examples of one label",
    "mixed": "30 groups of 10, two or eight of them with label 1",
    "mixed, label effects": "the same; z shared by a group's examples of one label",
    "mixed, few alike": "30 groups of 10, shapes too different to trade names",
    "9:1": "50 groups of 5, one in ten with label 1; examples of a group much alike",
    "6 classes": "60 groups of 5, one label each",
    "correlated heads": "as constant, z of all heads mostly the same",
}
WIDTH, N_FOLDS, DRAWS, LEVEL, STRENGTH = 16, 5, 199, 0.05, 0.1


def main() -> None:
    """Print the rates of false findings, then the power."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.null", description=__doc__)
    parser.add_argument("--cells", type=int, default=200, help="cells of each design")
    parser.add_argument("--fixed-cells", type=int, default=40, help="of these, how many to try the slow cheap form on")
    parser.add_argument("--heads", type=int, default=144, help="heads of a cell")
    parser.add_argument("--power-cells", type=int, default=100, help="cells with one head that knows something")
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    args = parser.parse_args()
    low, high = binom.interval(0.99, args.cells, LEVEL) / np.array(args.cells)
    print(f"{args.cells} cells of {args.heads} heads, {DRAWS} draws; calibrated: {low:.3f} to {high:.3f}")
    print(f"fixed predictions: {args.fixed_cells} of these cells")
    print(f"{'noise':24} {'trades':9} {'refitted':>9} {'fixed':>6}")
    for design in args.designs:
        nulls = [run(*noise_cell(design, args.heads, seed), seed) for seed in range(args.cells)]
        trades = "/".join(sorted({null.exchange for null in nulls}))
        refitted = np.mean([null.p_values.min() <= LEVEL for null in nulls])
        fixed = np.mean([
            fixed_p_value(*noise_cell(design, args.heads, seed), seed) <= LEVEL for seed in range(args.fixed_cells)
        ])
        print(f"{design:24} {trades:9} {refitted:9.3f} {fixed:6.3f}   {DESIGNS[design]}", flush=True)
    print(f"\n{args.power_cells} cells of {args.heads} heads, 2,000 examples, 32 dimensions: found in its head")
    for name, plant in PLANTS.items():
        found = [p_value_of_planted(plant, seed, args.heads) <= LEVEL for seed in range(args.power_cells)]
        print(f"{np.mean(found):.3f}   {name}", flush=True)


def run(x: Floats, labels: Ints, groups: Ints, seed: int) -> MaxNull:
    """Return the null as the probe stage computes it; group g lies in fold g modulo 5."""
    return max_statistic_null([torch.from_numpy(x)], labels, groups, groups % N_FOLDS, STRENGTH, DRAWS, seed)


def fixed_p_value(x: Floats, labels: Ints, groups: Ints, seed: int) -> float:
    """Return the smallest p-value when nothing is fitted again: what `probes.null` warns of."""
    folds, n_classes = groups % N_FOLDS, int(labels.max()) + 1
    probes = probe_heads(torch.from_numpy(x), torch.from_numpy(labels), torch.from_numpy(folds), n_classes, GRID)
    predicted = probes.log_proba.argmax(-1).numpy()
    _, trades = choose_trades(labels, groups, folds)
    draws = permute_labels(labels, trades, DRAWS, np.random.default_rng(seed))
    best = np.stack([(predicted == draw).mean(1).max() for draw in draws])
    return float((1 + (best >= (predicted == labels).mean(1).max()).sum()) / (1 + DRAWS))


def noise_cell(design: str, n_heads: int, seed: int) -> Cell:
    """Return z that knows nothing of the label, (n_heads, n_examples, WIDTH), labels and groups."""
    rng = np.random.default_rng(seed)
    labels, groups = draw_labels(design, rng)
    of_each, of_group = (normal(rng, n_heads, size) for size in (len(labels), groups.max() + 1))
    x = of_each + (3 if design == "9:1" else 1) * of_group[:, groups]
    if design.endswith("label effects"):  # as the forms of a word
        x += 2 * normal(rng, n_heads, 2 * (groups.max() + 1))[:, 2 * groups + labels]
    if design == "correlated heads":
        x = x[:1] + np.float32(0.3) * x
    return x, labels, groups


def normal(rng: np.random.Generator, n_heads: int, n: int) -> Floats:
    """Return noise, (n_heads, n, WIDTH)."""
    return rng.standard_normal((n_heads, n, WIDTH), dtype=np.float32)


def draw_labels(design: str, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return labels and groups of 300 examples, or about as many."""
    if design == "singletons":
        return dealt(rng, 300, [0, 1]), np.arange(300)
    if design.startswith(("balanced", "mixed")):
        ones = {"b": [5], "m": [2, 8]}[design[0]] if design != "mixed, few alike" else [0, 1, 3, 6, 8, 10]
        groups = np.repeat(np.arange(30), 10)
        return (np.tile(np.arange(10), 30) < dealt(rng, 30, ones)[groups]).astype(np.int64), groups
    n_groups = 50 if design == "9:1" else 60
    of_group = dealt(rng, n_groups, {"9:1": [0] * 9 + [1], "6 classes": list(range(6))}.get(design, [0, 1]))
    sizes = np.full(n_groups, 5)
    if design == "sizes tied to labels":
        sizes = rng.permuted(np.array([[5, 5, 2], [5, 5, 8]])[of_group], axis=1)[:, 0]
    groups = np.repeat(np.arange(n_groups), sizes)
    return of_group[groups], groups


def dealt(rng: np.random.Generator, n_groups: int, values: list[int]) -> Ints:
    """Return a value of each group, dealt out alike in every fold."""
    result = np.zeros(n_groups, dtype=np.int64)
    for fold in range(N_FOLDS):
        result[fold::N_FOLDS] = rng.permutation(np.resize(values, n_groups // N_FOLDS))
    return result


def two_points(told: Ints, along: Floats) -> Floats:
    """Return -1 or 1 along the planted direction."""
    return (2 * told - 1).astype(np.float32)


def normal_size(told: Ints, along: Floats) -> Floats:
    """Return normal values along the planted direction, of which only the sign is planted."""
    return (2 * told - 1).astype(np.float32) * np.abs(along)


Plant = Callable[[Ints, Floats], Floats]
PLANTS: dict[str, Plant] = {
    "a direction that is -1 or 1, as the label says for 60 %": two_points,
    "a normal direction whose sign is as the label says for 60 %": normal_size,
}


def p_value_of_planted(plant: Plant, seed: int, n_heads: int, n: int = 2000, width: int = 32) -> float:
    """Return the p-value of the one head that knows something."""
    rng = np.random.default_rng(seed)
    labels, where = rng.permutation(np.arange(n) % 2), int(rng.integers(n_heads))
    x = rng.standard_normal((n_heads, n, width), dtype=np.float32)
    direction = rng.standard_normal(width, dtype=np.float32)
    direction /= np.linalg.norm(direction)
    along = x[where] @ direction
    told = np.where(rng.permutation(n) < 0.6 * n, labels, 1 - labels)
    x[where] += np.outer(plant(told, along) - along, direction)
    return float(run(x, labels, np.arange(n), seed).p_values[where])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
