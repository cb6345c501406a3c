"""L2-regularised logistic regression for many heads and many penalties at once.

One problem minimises sum_i log-loss(y_i, x_i) + |w|^2 / (2 C) with a free intercept: scikit-learn's
`LogisticRegression(C=C)`, with one logit for two classes and one logit a class for more (softmax).

All problems of a head share its inputs, so products with the inputs run as matrix products over all of them. Steps are
Newton's, solved by conjugate gradients. In the basis of the inputs' principal axes the curvature at equal class
probabilities is diagonal, which makes it a preconditioner that costs nothing to apply.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from probes.errors import ProbeError

MAX_STEPS = 60  # Newton steps; a dozen is usual
MAX_INNER = 1000  # conjugate-gradient steps in one Newton step
MAX_HALVINGS = 30
TOLERANCE = 1e-10  # of the objective: half the Newton decrement at which a problem counts as solved


@dataclass(frozen=True)
class LogisticFits:
    """Solutions, one for each head and penalty.

    Attributes:
        coef: Weights, (n_heads, n_penalties, n_logits, d) float64; n_logits is 1 for two classes.
        intercept: Intercepts, (n_heads, n_penalties, n_logits) float64.
        converged: Whether the optimum was reached, (n_heads, n_penalties) bool.
    """

    coef: Tensor
    intercept: Tensor
    converged: Tensor


def fit_logistic(x: Tensor, labels: Tensor, n_classes: int, strengths: Tensor) -> LogisticFits:
    """Return the optimum of every head under every penalty.

    Args:
        x: Inputs, (n_heads, n_examples, d) float64, centred over the examples.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        n_classes: At least 2; each must occur.
        strengths: Inverse penalties C, (n_penalties,) float64, above 0.

    Raises:
        ProbeError: If a class does not occur, an input is not finite, or a strength is not above 0.

    Example:
        >>> x = torch.tensor([[[-2.0], [-1.0], [1.0], [2.0]]], dtype=torch.float64)
        >>> fits = fit_logistic(x, torch.tensor([0, 0, 1, 1]), 2, torch.tensor([0.1, 1.0], dtype=torch.float64))
        >>> fits.coef.shape, bool(fits.converged.all()), bool(fits.coef[0, 1] > fits.coef[0, 0])
        (torch.Size([1, 2, 1, 1]), True, True)
    """
    _check_problem(x, labels, n_classes, strengths)
    energy, axes = torch.linalg.eigh(x.transpose(1, 2) @ x)
    rotated = torch.cat([x @ axes, torch.ones_like(x[:, :, :1])], dim=2)
    problem = _Problem(rotated, _targets(labels, n_classes), energy.clamp(min=0.0), 1.0 / strengths)
    theta, converged = _newton(problem)
    coef = torch.einsum("hde,hpke->hpkd", axes, theta[..., :-1])
    return LogisticFits(coef, theta[..., -1], converged)


def class_log_proba(logits: Tensor) -> Tensor:
    """Return log-probabilities of the classes, (..., n_classes), from the probe's logits, (..., n_logits).

    Args:
        logits: One for two classes, of the second; else one a class.

    Example:
        >>> class_log_proba(torch.tensor([[0.0], [200.0]])).exp().tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    if logits.shape[-1] == 1:
        return torch.nn.functional.logsigmoid(torch.cat([-logits, logits], dim=-1))
    return torch.log_softmax(logits, dim=-1)


@dataclass(frozen=True)
class _Problem:
    """The shared data of all problems; parameters are (n_heads, n_penalties, n_logits, d + 1), the intercept last.

    Attributes:
        x: Rotated inputs with a column of ones, (n_heads, n_examples, d + 1).
        targets: 0 or 1, (n_examples, n_logits).
        energy: Sum of squares along each principal axis, (n_heads, d).
        penalties: 1 / C, (n_penalties,).
    """

    x: Tensor
    targets: Tensor
    energy: Tensor
    penalties: Tensor

    def only(self, penalties: Tensor) -> "_Problem":
        """Return the problems of some penalties, (n_kept,) int64 indices."""
        return replace(self, penalties=self.penalties[penalties])

    def logits(self, theta: Tensor) -> Tensor:
        """Return x theta, (n_heads, n_examples, n_penalties, n_logits)."""
        heads, penalties, logits, width = theta.shape
        flat = self.x @ theta.reshape(heads, penalties * logits, width).transpose(1, 2)
        return flat.reshape(heads, -1, penalties, logits)

    def adjoint(self, values: Tensor) -> Tensor:
        """Return x^T values with the shape of theta; values are shaped like the logits."""
        heads, examples, penalties, logits = values.shape
        flat = values.reshape(heads, examples, penalties * logits).transpose(1, 2) @ self.x
        return flat.reshape(heads, penalties, logits, -1)

    def shrink(self, theta: Tensor) -> Tensor:
        """Return the gradient of the penalty: theta / C, nothing for the intercept."""
        scaled = theta * self.penalties[:, None, None]
        return torch.cat([scaled[..., :-1], torch.zeros_like(scaled[..., -1:])], dim=-1)

    def loss(self, logits: Tensor, theta: Tensor) -> Tensor:
        """Return the objective, (n_heads, n_penalties)."""
        if logits.shape[-1] == 1:
            normaliser = torch.nn.functional.softplus(logits).sum((1, 3))
        else:
            normaliser = torch.logsumexp(logits, dim=-1).sum(1)
        fit = torch.einsum("hnpk,nk->hp", logits, self.targets)
        return normaliser - fit + 0.5 * _dot(self.shrink(theta), theta)

    def preconditioner(self) -> Tensor:
        """Return the diagonal of the curvature at equal class probabilities, (n_heads, n_penalties, 1, d + 1)."""
        classes = max(2, self.targets.shape[1])
        weight = (classes - 1) / classes**2
        axes = weight * self.energy[:, None, :] + self.penalties[None, :, None]
        ones = torch.full_like(axes[..., :1], weight * self.x.shape[1])
        return torch.cat([axes, ones], dim=-1)[:, :, None, :]


def _newton(problem: _Problem) -> tuple[Tensor, Tensor]:
    heads, _, width = problem.x.shape
    theta = problem.x.new_zeros(heads, len(problem.penalties), problem.targets.shape[1], width)
    converged = torch.zeros(theta.shape[:2], dtype=torch.bool, device=theta.device)
    for _ in range(MAX_STEPS):
        todo = (~converged.all(0)).nonzero()[:, 0]  # weak penalties take the most steps: the others stop costing
        if not len(todo):
            break
        theta[:, todo], converged[:, todo] = _newton_step(problem.only(todo), theta[:, todo], converged[:, todo])
    return theta, converged


def _newton_step(problem: _Problem, theta: Tensor, converged: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next point and which problems were within the tolerance before this last step."""
    logits = problem.logits(theta)
    loss = problem.loss(logits, theta)
    proba = _proba(logits)
    gradient = problem.adjoint(proba - problem.targets[:, None, :]) + problem.shrink(theta)
    gradient = gradient * ~converged[:, :, None, None]  # a solved problem takes no further step
    if gradient.shape[2] > 1:  # a shift shared by all classes changes nothing; of rounding it would make endless steps
        gradient = gradient - gradient.mean(2, keepdim=True)
    step = _conjugate_gradients(problem, proba, gradient)
    decrement = -_dot(gradient, step)
    theta = _line_search(problem, theta, step, logits, loss, decrement)
    return theta, converged | (0.5 * decrement <= TOLERANCE * loss)


def _proba(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits) if logits.shape[-1] == 1 else torch.softmax(logits, dim=-1)


def _curvature(proba: Tensor, change: Tensor) -> Tensor:
    """Return the second derivative of the log-loss in the logits, applied to a change of the logits."""
    if proba.shape[-1] == 1:
        return proba * (1 - proba) * change
    return proba * (change - (proba * change).sum(-1, keepdim=True))


def _conjugate_gradients(problem: _Problem, proba: Tensor, gradient: Tensor) -> Tensor:
    """Return an approximate Newton step: Hessian step = -gradient, the more exact the nearer the optimum."""
    inverse = 1.0 / problem.preconditioner()
    step = torch.zeros_like(gradient)
    residual = -gradient
    preconditioned = inverse * residual
    direction = preconditioned
    start = norm = _dot(residual, preconditioned)
    # Quadratic convergence needs a residual that shrinks with the gradient; relative to the number of examples.
    # At the end it has to be small for the decrement to be true: a direction left out would not be counted.
    goal = start * torch.clamp(start / problem.x.shape[1], min=1e-8, max=0.1)
    for _ in range(MAX_INNER):
        active = norm > goal
        if not bool(active.any()):
            break
        curved = problem.adjoint(_curvature(proba, problem.logits(direction))) + problem.shrink(direction)
        length = torch.where(active, norm / _dot(direction, curved), 0.0)[:, :, None, None]
        step = step + length * direction
        residual = residual - length * curved
        preconditioned = inverse * residual
        following = _dot(residual, preconditioned)
        direction = preconditioned + torch.where(active, following / norm, 0.0)[:, :, None, None] * direction
        norm = torch.where(active, following, norm)
    return step


def _line_search(
    problem: _Problem, theta: Tensor, step: Tensor, logits: Tensor, loss: Tensor, decrement: Tensor
) -> Tensor:
    """Return the new point: the full step where it lowers the objective enough, else the step halved until it does."""
    change = problem.logits(step)
    size = torch.ones_like(loss)
    slack = 1e-15 * loss  # rounding of the objective itself
    for _ in range(MAX_HALVINGS):
        new_theta = theta + size[:, :, None, None] * step
        new_loss = problem.loss(logits + size[:, None, :, None] * change, new_theta)
        failed = ~(new_loss <= loss - 1e-4 * size * decrement + slack)
        if not bool(failed.any()):
            return new_theta
        size = torch.where(failed, size / 2, size)
    return torch.where(failed[:, :, None, None], theta, new_theta)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum((-1, -2))


def _targets(labels: Tensor, n_classes: int) -> Tensor:
    hot = torch.nn.functional.one_hot(labels, n_classes).double()
    return hot[:, 1:] if n_classes == 2 else hot


def _check_problem(x: Tensor, labels: Tensor, n_classes: int, strengths: Tensor) -> None:
    counts = torch.bincount(labels, minlength=n_classes)
    if len(counts) != n_classes or n_classes < 2 or not bool((counts > 0).all()):
        raise ProbeError(f"class counts {counts.tolist()} for {n_classes} classes; every class needs an example to fit")
    if not bool((strengths > 0).all()):
        raise ProbeError(f"inverse penalties {strengths.tolist()}; each must be above 0")
    if not bool(torch.isfinite(x).all()):
        head = int((~torch.isfinite(x)).flatten(1).any(1).nonzero()[0])
        raise ProbeError(f"head {head} of the block has inputs that are not finite numbers")
