"""How often heads that share nothing are called general, and how often those that share something are found.

    python -m benchmarks.transfer [runs]

Every run is a model of 24 heads and two datasets of 400 examples in groups of 4, probed as the stages do. A head either
does not separate the classes of a dataset (none), or along a direction of its own (cue), which the datasets share
wholly, by half, or not at all. Columns: accuracy at home and there, share of heads with the margin's interval above and
below 0, with p_turned and with p_value below 0.05, and share of runs in which any head has the latter.
"""

import sys
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from probes.crossval import probe_heads
from probes.joined import apply_probe, join_folds
from probes.metrics import correctness
from probes.transfer import transfer_scores
from probes.turned import turned_accuracies, turned_columns

Floats = NDArray[np.float64]
HEADS, N, WIDTHS = 24, 400, (16, 32)
LABELS, GROUPS = np.arange(N) % 2, np.arange(N) // 4
STRENGTHS = torch.tensor([0.01, 0.1, 1.0], dtype=torch.float64)
SIZE = 2.0  # of a cue, in deviations of the head's output
PARTS = ("coef", "intercept", "mean", "scale", "strength")


def main() -> None:
    """Print a table for each width."""
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    for width in WIDTHS:
        runs = [one_run(seed, width) for seed in range(n_runs)]
        print(f"{width} dimensions: home, there, above, below, p_turned, p_value, any p_value")
        for name in runs[0]:
            print(f"  {name:16}", *np.mean([run[name] for run in runs], axis=0).round(3))


def one_run(seed: int, width: int) -> dict[str, list[float]]:
    """Return the columns for each kind of pair."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(HEADS, width, width)) * np.exp(-3 * np.arange(width) / width)[:, None]
    one, other = (_directions(mix, rng) for _ in range(2))
    nothing = np.zeros_like(one)
    pairs: Mapping[str, tuple[Floats, Floats]] = {
        "none to none": (nothing, nothing),
        "none to cue": (nothing, other),
        "cue to none": (one, nothing),
        "cue to other cue": (one, other),
        "half shared": (one, (one + other) / 2**0.5),
        "shared": (one, one),
    }
    return {
        name: _measure(_outputs(mix, here, rng), _outputs(mix, there, rng), seed)
        for name, (here, there) in pairs.items()
    }


def _directions(mix: Floats, rng: np.random.Generator) -> Floats:
    """Return a direction for each head, likelier where its output varies, (n_heads, d)."""
    drawn = np.einsum("hd,hde->he", rng.normal(size=mix.shape[:2]), mix)
    size = np.sqrt((mix**2).sum((1, 2)) / mix.shape[1])
    along: Floats = SIZE * size[:, None] * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return along


def _outputs(mix: Floats, along: Floats, rng: np.random.Generator) -> Floats:
    """Return head outputs, (n_heads, n_examples, d), the classes apart by `along`."""
    noise = rng.normal(size=(HEADS, N, mix.shape[1]))
    outputs: Floats = np.einsum("hnd,hde->hne", noise, mix) + along[:, None] * LABELS[:, None]
    return outputs


def _measure(first: Floats, second: Floats, seed: int) -> list[float]:
    labels, folds = torch.from_numpy(LABELS), torch.from_numpy(GROUPS % 5)
    found = probe_heads(torch.from_numpy(first), labels, folds, 2, STRENGTHS)
    probe = join_folds(*(getattr(found, name).float().numpy() for name in PARTS))
    home = correctness(found.log_proba.numpy(), LABELS).mean()
    scores = transfer_scores(correctness(apply_probe(second, probe), LABELS), LABELS, GROUPS, 300, 0.95, 0)
    turned = turned_columns(scores["accuracy"], turned_accuracies(second, LABELS, probe, 0.6 * N, 499, seed), N)
    above, below = scores["margin_low"] > 0, scores["margin_high"] < 0
    alone, family = turned["p_turned"] < 0.05, turned["p_value"] < 0.05
    shares = (scores["accuracy"], above, below, alone, family)
    return [float(home), *(float(share.mean()) for share in shares), float(family.any())]


if __name__ == "__main__":
    main()
