"""The solver as an estimator with scikit-learn's conventions, one probe for each of many heads."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from probes.blocks import map_blocks
from probes.errors import ProbeError
from probes.logistic import class_log_proba
from probes.problems import in_own_units, standardise
from probes.solver import solve

BLOCK = 32  # heads solved together on a GPU


class HeadClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no type hints
    """L2-regularised logistic regression of one label on each of many heads, all solved together.

    Each head has the optimum of `StandardScaler` and `LogisticRegression(C=C)` in a pipeline; weights and intercepts
    are given for inputs as they came.

    Args:
        C: Inverse strength of the penalty on the weights of standardised inputs, above 0.
        device: Where to solve, `cpu`, `cuda` or `cuda:N`.

    Attributes:
        classes_: Labels in sorted order, (n_classes,).
        coef_: Weights, (n_heads, n_logits, d) float64; one logit for two classes.
        intercept_: Intercepts, (n_heads, n_logits) float64.
        converged_: Whether the optimum was reached, (n_heads,) bool.
        n_features_in_: d.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.array(["cat", "dog"] * 50)
        >>> x = rng.normal(size=(3, 100, 8))  # (n_heads, n_examples, d)
        >>> x[1, y == "dog"] += 2  # head 1 knows
        >>> probes = HeadClassifier(C=0.1).fit(x, y)
        >>> probes.coef_.shape, probes.predict(x).shape
        ((3, 1, 8), (3, 100))
        >>> (probes.predict(x) == y).mean(1).argmax()
        np.int64(1)
    """

    def __init__(self, C: float = 1.0, device: str = "cpu") -> None:
        self.C = C
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> "HeadClassifier":
        """Fit a probe for every head.

        Args:
            X: Inputs, (n_heads, n_examples, d), or (n_examples, d) for one head.
            y: Labels, (n_examples,).

        Returns:
            The estimator itself.

        Raises:
            ProbeError: If shapes do not fit, an input is not finite, C is not above 0, or there are fewer than two
                classes.
        """
        x, labels = self._heads(X).to(self.device), np.asarray(y)
        if labels.shape != x.shape[1:2]:
            raise ProbeError(f"y has shape {labels.shape}, X {tuple(x.shape)}: y needs one label for each example")
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2 or not self.C > 0:
            raise ProbeError(f"C is {self.C}, classes are {self.classes_.tolist()[:5]}; C > 0 and two classes needed")
        target = torch.from_numpy(numbers).to(self.device)[None]
        n_classes, n_examples = len(self.classes_), x.shape[1]
        strength = torch.tensor([self.C], dtype=torch.float64, device=self.device)
        whole = torch.ones(1, 1, dtype=torch.bool, device=self.device)

        def work(block: slice) -> tuple[torch.Tensor, ...]:
            rows = standardise(x[block], target, n_classes, [0, n_examples])
            solutions = solve(rows, whole, strength)
            coef, intercept = in_own_units(rows, solutions.theta[:, 0, 0, 0])
            return coef.cpu(), intercept.cpu(), solutions.converged[:, 0, 0, 0].cpu()

        parts = map_blocks(work, x, BLOCK)
        coef, intercept, converged = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        self.coef_, self.intercept_, self.converged_ = coef, intercept, converged
        self.n_features_in_ = x.shape[2]
        self._warn()
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return logits, (n_heads, n_examples) for two classes, else (n_heads, n_examples, n_classes).

        Args:
            X: Inputs, (n_heads, n_examples, d), or (n_examples, d) for one head.

        Raises:
            ProbeError: If X has other heads or dimensions than were fitted.
        """
        logits = self._logits(X).numpy()
        return logits[..., 0] if len(self.classes_) == 2 else logits

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return log-probabilities, (n_heads, n_examples, n_classes).

        Args:
            X: Inputs, (n_heads, n_examples, d), or (n_examples, d) for one head.
        """
        return class_log_proba(self._logits(X)).numpy()

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities, (n_heads, n_examples, n_classes).

        Args:
            X: Inputs, (n_heads, n_examples, d), or (n_examples, d) for one head.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest class, (n_heads, n_examples).

        Args:
            X: Inputs, (n_heads, n_examples, d), or (n_examples, d) for one head.
        """
        likeliest = self.predict_log_proba(X).argmax(-1)
        named: NDArray[Any] = self.classes_[likeliest]
        return named

    def score(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return the accuracy of every head, (n_heads,).

        Args:
            X: Inputs, (n_heads, n_examples, d), or (n_examples, d) for one head.
            y: True labels, (n_examples,).
        """
        accuracy: NDArray[np.float64] = (self.predict(X) == np.asarray(y)).mean(1)
        return accuracy

    def _heads(self, X: ArrayLike) -> torch.Tensor:
        x = torch.from_numpy(np.asarray(X))
        x = x[None] if x.ndim == 2 else x
        if x.ndim != 3 or not x.is_floating_point():
            raise ProbeError(
                f"X has shape {tuple(x.shape)} and type {x.dtype}; expected floats (n_heads, n_examples, d)"
            )
        if not bool(torch.isfinite(x).all()):
            head, example, _ = (~torch.isfinite(x)).nonzero()[0].tolist()
            raise ProbeError(f"X: head {head}, example {example}: not a finite number; drop the example")
        return x

    def _logits(self, X: ArrayLike) -> torch.Tensor:
        check_is_fitted(self)
        x = self._heads(X).double()
        if (len(x), x.shape[2]) != (len(self.coef_), self.n_features_in_):
            fitted = (len(self.coef_), self.n_features_in_)
            raise ProbeError(f"X has {len(x)} heads of {x.shape[2]} dimensions, fitted were {fitted[0]} of {fitted[1]}")
        return x @ torch.from_numpy(self.coef_).mT + torch.from_numpy(self.intercept_)[:, None]

    def _warn(self) -> None:
        if not self.converged_.all():
            heads = np.flatnonzero(~self.converged_).tolist()
            warnings.warn(f"heads {heads[:5]} did not converge; use a smaller C", ConvergenceWarning, stacklevel=3)
