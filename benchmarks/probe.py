"""How fast the probes of a cell are, and how exact: `python -m benchmarks.probe [--rows ...] [--heads N] [--device D]`.

For each row one cell of made-up heads is probed under 5 folds and 10 penalties, and beside it, on the same machine in
the same run, by the loop that most people write: one fit for each head, fold and penalty, the heads shared out over all
cores with joblib. That loop runs on `--heads` of the heads, drawn evenly, and its time is scaled to all of them. Its
solvers stop at the loosest of their tolerances that brings the objective of every problem within 1e-6 of the optimum.
How fast they are depends on the spectrum of the inputs: the default falls as those of MiniLM's heads do; wider heads
have steeper ones, under which first-order solvers need many more steps.

Printed: the ratio of the loop's time to ours; for each contender the worst distance of the penalised objective from the
optimum, as a share of it, and the share of held-out predictions that equal the optimum's; the peak memory beyond input.
"""

import argparse
import os
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from probes.crossval import probe_heads
from probes.logistic import fit_logistic
from probes.problems import in_own_units, standardise
from probes.solver import solve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
GRID = np.logspace(-4, 4, 10)  # scikit-learn's LogisticRegressionCV(Cs=10)
N_FOLDS = 5
GOAL = 1e-6
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


@dataclass(frozen=True)
class Row:
    """One size of cell: heads, width, examples, classes, and the ratio to reach."""

    heads: int
    width: int
    examples: int
    classes: int
    goal: int


ROWS = (Row(72, 32, 4000, 2, 30), Row(144, 64, 5000, 2, 25), Row(144, 64, 5000, 12, 15), Row(1024, 128, 5000, 2, 15))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probe", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", choices=range(len(ROWS)), default=range(len(ROWS)))
    parser.add_argument("--heads", type=int, default=8, help="heads that the loops are timed on")
    parser.add_argument(
        "--spectrum", type=float, default=0.07, help="smallest deviation along an axis over the largest"
    )
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    for row in (ROWS[number] for number in args.rows):
        size = f"{row.heads} heads x d {row.width}, n {row.examples}, {row.classes} classes"
        print(
            f"{size}, {N_FOLDS} folds, {len(GRID)} C; goal {row.goal} x; {os.cpu_count()} cores, device {args.device}"
        )
        run(row, args.heads, args.spectrum, args.device)


def run(row: Row, n_timed: int, spectrum: float, device: str) -> None:
    """Time one row and print what it shows."""
    z, labels, folds = cell(row, spectrum)
    ours, beyond = time_ours(z, labels, folds, row.classes, device)
    sample = z[np.linspace(0, row.heads - 1, min(n_timed, row.heads)).astype(int)]
    judged = sample[: 4 if row.classes == 2 else 1]  # optima of many classes take long to be sure of
    best = [optimum(x, labels, folds, row.classes) for x in judged]
    report("ours", 1.0, our_fits(judged, labels, folds, row.classes), best, f"{beyond:.2f} GiB beyond input")
    for name, fit in contenders(row.classes).items():
        tolerance = next((t for t in TOLERANCES if worst(loop(judged, labels, folds, fit, t), best) <= GOAL), None)
        loose = f"tol {tolerance}" if tolerance else f"tol {TOLERANCES[-1]} does not reach {GOAL}"
        begun = time.perf_counter()
        fits = loop(sample, labels, folds, fit, tolerance or TOLERANCES[-1])
        seconds = (time.perf_counter() - begun) * row.heads / len(sample)
        report(name, seconds / ours, fits[: len(judged)], best, loose)


def cell(row: Row, spectrum: float) -> tuple[NDArray[np.float32], Ints, Ints]:
    """Return made-up heads that know from nothing to nearly all, labels and folds."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(row.examples) % row.classes)
    z = np.empty((row.heads, row.examples, row.width), np.float32)
    for head in z:
        axes = np.linalg.qr(rng.normal(size=(row.width, row.width)))[0]
        mixing = np.geomspace(1, spectrum, row.width)[:, None] * axes
        means = rng.normal(size=(row.classes, row.width)) * rng.uniform(0, 3) / np.sqrt(row.width)
        head[:] = (rng.normal(size=head.shape) + means[labels]) @ mixing + rng.normal(size=row.width)
    return z, labels, rng.permutation(np.arange(row.examples) % N_FOLDS)


def time_ours(z: NDArray[np.float32], labels: Ints, folds: Ints, n_classes: int, device: str) -> tuple[float, float]:
    """Return seconds for the whole cell, the copy to the device included, and peak memory beyond the input in GiB."""
    inputs = [torch.from_numpy(part) for part in (labels, folds)]
    strengths = torch.from_numpy(GRID)

    def probe(heads: NDArray[np.float32]) -> None:
        x, y, fold, c = (part.to(device) for part in (torch.from_numpy(heads), *inputs, strengths))
        probe_heads(x, y, fold, n_classes, c).cpu()

    probe(z[:2])  # libraries load what they need on their first call
    begun = time.perf_counter()
    probe(z)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    beyond = torch.cuda.max_memory_allocated() if device.startswith("cuda") else peak
    return seconds, (beyond - z.nbytes) / 2**30


Fits = dict[tuple[int, int], tuple[float, Ints]]  # (fold, penalty) -> objective, classes predicted on the test fold
Fit = Callable[[Floats, Ints, float, float], tuple[Floats, Floats]]


def training_rows(folds: Ints, k: int) -> NDArray[np.bool_]:
    """Return which rows train for test fold k."""
    return (folds != k) & (folds != (k + 1) % N_FOLDS)


def judge(
    probe: tuple[Floats, Floats], x: Floats, labels: Ints, train: NDArray[np.bool_], test: NDArray[np.bool_], c: float
) -> tuple[float, Ints]:
    """Return objective and predictions of a probe, weights (n_logits, d) and intercepts, in double precision."""
    coef, intercept = probe
    logits = x @ coef.T + intercept
    full = np.hstack([np.zeros_like(logits), logits]) if logits.shape[1] == 1 else logits
    high = full.max(1, keepdims=True)
    log_loss = high[:, 0] + np.log(np.exp(full - high).sum(1)) - full[np.arange(len(labels)), labels]
    return float(log_loss[train].sum() + (coef**2).sum() / (2 * c)), full[test].argmax(1)


def loop(sample: NDArray[np.float32], labels: Ints, folds: Ints, fit: Fit, tolerance: float) -> list[Fits]:
    """Return the fits of every head, one at a time on each core."""
    work = joblib.Parallel(n_jobs=-1)
    return list(work(joblib.delayed(loop_head)(x, labels, folds, fit, tolerance) for x in sample))


def loop_head(x: NDArray[np.float32], labels: Ints, folds: Ints, fit: Fit, tolerance: float) -> Fits:
    """Return the fits of one head, one after the other."""
    fits = {}
    for k in range(N_FOLDS):
        train = training_rows(folds, k)
        scaled = (
            StandardScaler().fit(x[train]).transform(x.astype(np.float64))
        )  # float32 keeps lbfgs from its tolerance
        for number, c in enumerate(GRID):
            probe = fit(scaled[train], labels[train], c, tolerance)
            fits[k, number] = judge(probe, scaled, labels, train, folds == k, c)
    return fits


def contenders(n_classes: int) -> dict[str, Fit]:
    """Return the fits to compare with: scikit-learn's default, its fastest for two classes, and torch's optimiser."""
    default = {"scikit-learn lbfgs": scikit("lbfgs")}
    fastest = {"scikit-learn newton-cholesky": scikit("newton-cholesky")} if n_classes == 2 else {}
    return {**default, **fastest, "torch L-BFGS": torch_lbfgs}


def scikit(solver: str) -> Fit:
    """Return the fit of a scikit-learn solver."""

    def fit(x: Floats, labels: Ints, c: float, tolerance: float) -> tuple[Floats, Floats]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the distance printed tells
            model = LogisticRegression(C=c, solver=solver, tol=tolerance, max_iter=10_000).fit(x, labels)
        return model.coef_, model.intercept_

    return fit


def torch_lbfgs(x: Floats, labels: Ints, c: float, tolerance: float) -> tuple[Floats, Floats]:
    """Return weights and intercepts by torch.optim.LBFGS with its strong Wolfe line search."""
    n_classes = int(labels.max()) + 1
    inputs, target = torch.from_numpy(x).double(), torch.from_numpy(labels)
    coef = torch.zeros(n_classes if n_classes > 2 else 1, x.shape[1], dtype=torch.float64, requires_grad=True)
    intercept = torch.zeros(len(coef), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [coef, intercept], max_iter=10_000, tolerance_grad=tolerance, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logits = inputs @ coef.T + intercept
        logits = torch.cat([torch.zeros_like(logits), logits], 1) if n_classes == 2 else logits
        loss = torch.nn.functional.cross_entropy(logits, target) + coef.square().sum() / (2 * c * len(inputs))
        loss.backward()
        return loss

    optimiser.step(closure)
    return coef.detach().numpy(), intercept.detach().numpy()


def optimum(x: NDArray[np.float32], labels: Ints, folds: Ints, n_classes: int) -> Fits:
    """Return the optima of one head, to 1e-10 of the objective."""
    fits = {}
    for k in range(N_FOLDS):
        train = training_rows(folds, k)
        scaled = StandardScaler().fit(x[train]).transform(x.astype(np.float64))
        solved = fit_logistic(
            torch.from_numpy(scaled[train])[None], torch.from_numpy(labels[train]), n_classes, torch.from_numpy(GRID)
        )
        for number, c in enumerate(GRID):
            probe = solved.coef[0, number].numpy(), solved.intercept[0, number].numpy()
            fits[k, number] = judge(probe, scaled, labels, train, folds == k, c)
    return fits


def our_fits(sample: NDArray[np.float32], labels: Ints, folds: Ints, n_classes: int) -> list[Fits]:
    """Return our solutions under every penalty, not only the chosen one."""
    order = np.argsort(folds, kind="stable")
    bounds = [0, *np.bincount(folds).cumsum().tolist()]
    members = torch.from_numpy(np.stack([training_rows(np.arange(N_FOLDS), k) for k in range(N_FOLDS)]))
    found = []
    for x in sample:
        rows = standardise(torch.from_numpy(x[order])[None], torch.from_numpy(labels[order])[None], n_classes, bounds)
        solutions, fits = solve(rows, members, torch.from_numpy(GRID)), {}
        for k in range(N_FOLDS):
            train = training_rows(folds, k)
            scaler = StandardScaler().fit(x[train].astype(np.float64))
            scaled = scaler.transform(x.astype(np.float64))
            for number, c in enumerate(GRID):
                raw, base = (part[0].numpy() for part in in_own_units(rows, solutions.theta[:, k, number, 0]))
                probe = raw * scaler.scale_, base + raw @ scaler.mean_
                fits[k, number] = judge(probe, scaled, labels, train, folds == k, c)
        found.append(fits)
    return found


def worst(fits: list[Fits], best: list[Fits]) -> float:
    """Return the largest distance of an objective from its optimum, as a share of it."""
    return max(mine[key][0] / at[key][0] - 1 for mine, at in zip(fits, best, strict=False) for key in mine)


def report(name: str, ratio: float, fits: list[Fits], best: list[Fits], note: str) -> None:
    """Print one line."""
    equal = np.mean([(mine[key][1] == at[key][1]).mean() for mine, at in zip(fits, best, strict=False) for key in mine])
    print(f"  {name:30} {ratio:8.1f} x   objective {worst(fits, best):9.1e}   predictions {equal:.3%} equal   {note}",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
