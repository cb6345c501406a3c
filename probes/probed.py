"""What the probes of a cell found, gathered a stack of layers at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.baselines import majority_correct
from probes.crossval import HeadProbes
from probes.generality import Elsewhere
from probes.metrics import correctness

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Probed:
    """What the probes of a cell found; what speaks of all heads is there once all layers are.

    Attributes:
        labels: Class of each example, (n_examples,).
        layers: Probes of the heads of every layer.
        baselines: Baseline to how right it was, in [0, 1], (n_heads or 1, n_examples) for every stack of layers.
        elsewhere: What the probes of other variants say, for every stack of layers; empty where there are none.
        codelength: Bits of every head, for every stack of layers; empty where not asked for.
        baselines_unsolved: Baseline to problems that did not converge and were left out of the choice.

    Example:
        >>> probed = Probed(labels=np.array([0, 1, 1]))
        >>> for layer in range(2):
        ...     probed.add_baseline("skyline", np.array([[True, True, layer == 0]]))
        >>> right = probed.right(n_heads=[1, 2], surface=np.array([[False, True, True]]))
        >>> right["skyline"].tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
        >>> right["majority"].tolist()
        [[0.0, 1.0, 1.0]]
    """

    labels: Ints
    layers: list[HeadProbes] = field(default_factory=list)
    baselines: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    codelength: list[Floats] = field(default_factory=list)
    baselines_unsolved: dict[str, int] = field(default_factory=dict)

    def add_baseline(self, name: str, right: NDArray[Any], unsolved: int = 0) -> None:
        """Add how right a baseline was on a stack of layers.

        Args:
            name: Of the baseline.
            right: In [0, 1], (n_heads or 1, n_examples).
            unsolved: Problems that did not converge.
        """
        self.baselines.setdefault(name, []).append(right)
        self.baselines_unsolved[name] = self.baselines_unsolved.get(name, 0) + unsolved

    def add_probed(self, name: str, probes: HeadProbes) -> None:
        """Add a baseline that is probed as the heads are.

        Args:
            name: Of the baseline.
            probes: Its probes of a stack of layers.
        """
        right = correctness(probes.log_proba.numpy(), self.labels)
        self.add_baseline(name, right, int(probes.n_unsolved.sum()))

    def add_control(self, probes: Sequence[HeadProbes], draws: Ints) -> None:
        """Add how often the heads of a stack were right on control labels, the mean over the draws.

        Args:
            probes: Of every draw.
            draws: Control labels, (n_draws, n_examples).
        """
        right = [
            correctness(each.log_proba.numpy(), draw).astype(np.float32)
            for each, draw in zip(probes, draws, strict=True)
        ]
        self.add_baseline("control", np.mean(right, axis=0), sum(int(each.n_unsolved.sum()) for each in probes))

    def right(self, n_heads: Sequence[int], surface: NDArray[np.bool_]) -> dict[str, Floats]:
        """Return how right every baseline was, in [0, 1], (n_heads or 1, n_examples) each.

        Args:
            n_heads: Heads of every layer: what its whole residual stream knows stands beside each of them.
            surface: Whether the bag of words was right, (1, n_examples).
        """
        right = {name: np.concatenate(parts).astype(np.float64) for name, parts in self.baselines.items()}
        right["skyline"] = np.repeat(right["skyline"], n_heads, axis=0)
        right["majority"] = majority_correct(self.labels).astype(np.float64)
        right["surface"] = surface.astype(np.float64)
        return right

    @cached_property
    def log_proba(self) -> NDArray[np.float32]:
        """Out-of-fold log-probabilities of all heads, (n_heads, n_examples, n_classes)."""
        return np.concatenate([layer.log_proba.numpy() for layer in self.layers])

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether a head was right, (n_heads, n_examples)."""
        return correctness(self.log_proba, self.labels)

    @cached_property
    def strength(self) -> Floats:
        """Inverse penalty C that each head chose, (n_heads, n_folds)."""
        return np.concatenate([layer.strength.numpy() for layer in self.layers])

    @property
    def usual_strength(self) -> Floats:
        """Median over the folds of the C that each head chose, (n_heads,)."""
        return np.concatenate([layer.strength.median(1).values.numpy() for layer in self.layers])

    @property
    def chooser_loss(self) -> Floats:
        """Log-loss of each head on the fold that chose its C, (n_heads, n_folds)."""
        return np.concatenate([layer.chooser_loss.numpy() for layer in self.layers])

    @property
    def unsolved(self) -> Ints:
        """Problems of each head that did not converge, (n_heads,)."""
        return np.concatenate([layer.n_unsolved.numpy() for layer in self.layers])
