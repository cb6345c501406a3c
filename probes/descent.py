"""How the problems of `probes.problems` are solved: starts along the path of penalties, then L-BFGS for all at once.

A training set that holds most rows has its optimum near that of all rows. So all rows are solved for first, roughly,
from the strongest penalty to the weakest, by steps with the curvature of a point nearby (a chord method), which is
computed anew where it got stale. Each problem then starts there, with that curvature as the metric of L-BFGS
(Nocedal 1980): a handful of steps, each of two matrix products for everything that trains on a block.
"""

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from probes.curvature import SHARED, apply, curvature_at, ignorant_curvature, invert, is_rough
from probes.problems import Problems, Rows, part

TOLERANCE = 1e-8  # of the objective; so near, one more step, which is taken, ends the descent
ACCEPTED = 1e-7  # where rounding lets no descent come nearer
START_TOLERANCE = 3e-4  # nats an example, for the starts; training sets differ by more than that
START_SHARE = 0.01  # of the objective; where classes separate, that is less, and curvatures differ with it
MAX_STEPS = 50
# The same with a curvature that leaves out how classes depend on each other, and so converges slowly
ROUGH_TOLERANCE = 1e-7
ROUGH_MAX_STEPS = 150
START_STEPS = 25  # with the whole curvature of a probe
ROUGH_STEPS = 6  # with a rough one, which more steps hardly better
STALE = 0.04  # share of the decrement that a step with the right curvature does not leave
ROUGH_STALE = 0.5
LEAST_CERTAIN = 0.02  # rounding, too, keeps a decrement from shrinking
WORN = 0.3  # of the objective at the start; a metric from there no longer serves
PROMPT = 15  # steps; who needs more has a metric that does not fit, so that one small decrement may deceive:
LINGER = 0.4  # the distance then shrinks to this share in a step at most
LEAVE = 0.2  # share of the heads that have to be done before they are left out
MEMORY = 8  # pairs of the L-BFGS update

Triple = tuple[Tensor, Tensor, Tensor]


def path_starts(rows: Rows, weight: float, strengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return rough solutions for all rows, and the inverse curvature there, to start every training set from.

    Args:
        rows: The data.
        weight: Share of the rows that a training set holds.
        strengths: Inverse penalties C, (n_penalties,) float32, ascending.

    Returns:
        Theta, (n_heads, 1, n_penalties, n_vectors, n_logits, d + 1), and the inverse curvature under every penalty.

    Example:
        >>> from probes.problems import standardise
        >>> rows = standardise(torch.tensor([[[0.0], [1.0], [2.0], [3.0]]]), torch.tensor([[0, 1, 0, 1]]), 2, [0, 4])
        >>> theta, inverse = path_starts(rows, 1.0, torch.tensor([0.1, 1.0]))
        >>> theta.shape, inverse.shape
        (torch.Size([1, 1, 2, 1, 1, 2]), torch.Size([1, 2, 1, 1, 2, 2]))
    """
    everything = (part(rows, slice(0, rows.x.shape[1]), torch.zeros(1, dtype=torch.int64, device=rows.x.device)),)
    shrink = (1.0 / strengths)[None, None, :, None].repeat(len(rows.x), 1, 1, rows.x.shape[2])
    shrink[..., -1] = 0.0
    theta, curvature = _ignorance(rows), ignorant_curvature(rows, weight)
    if len(rows.targets) > SHARED:
        return theta.expand(-1, -1, len(strengths), -1, -1, -1), invert(curvature, shrink[:, 0])
    goal = START_TOLERANCE * weight * rows.x.shape[1]
    found, inverses = [], []
    for number in range(len(strengths)):
        problem = Problems(everything, weight, shrink[:, :, number : number + 1])
        theta, curvature, inverse = _follow(problem, theta, curvature, goal)
        found.append(theta)
        inverses.append(inverse)
    return torch.cat(found, 2), torch.cat(inverses, 1)


def _follow(problem: Problems, theta: Tensor, curvature: Tensor, goal: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the next start on the path, the last curvature computed and its inverse under this penalty."""
    inverse = invert(curvature, problem.shrink[:, 0])
    before: Tensor | float = torch.inf
    rough = is_rough(inverse, theta)
    stale = ROUGH_STALE if rough else STALE
    for _ in range(ROUGH_STEPS if rough else START_STEPS):
        gradient, loss = problem.gradient(theta, with_loss=True)
        step = apply(inverse, gradient)
        decrement = 0.5 * _dot(gradient, step)
        going = decrement > (START_SHARE * loss).clamp(max=goal)
        if not bool(going.any()):
            return theta - torch.where(torch.isfinite(step), step, 0.0), curvature, inverse
        worn = (going & (decrement > stale * before)).flatten(1).any(1)
        if bool(worn.any()):
            those = problem if bool(worn.all()) else problem.of_heads(worn)
            fresh = curvature_at(those.parts[0], those.weight, theta[worn])
            curvature, inverse = curvature.clone(), inverse.clone()
            curvature[worn], inverse[worn] = fresh, invert(fresh, those.shrink[:, 0])
            step = apply(inverse, gradient)
        theta = theta - torch.where(going[..., None, None], step, 0.0)  # going is false, too, where it is no number
        before = decrement
    return theta, curvature, inverse


@dataclass(frozen=True)
class Descent:
    """Where a descent ended.

    Attributes:
        theta: Parameters.
        away: Estimated distance to the objective of the optimum, as a share of it, (n_heads, n_sets, n_penalties,
            n_vectors).
        n_steps: Steps taken by the slowest problem, the one that ends the descent not counted.
    """

    theta: Tensor
    away: Tensor
    n_steps: int


def descend(problems: Problems, theta: Tensor, inverse: Tensor, tolerance: float, max_steps: int) -> Descent:
    """Return the solutions of all problems, by L-BFGS with full steps.

    A problem takes no step after the one that ends it, so its solution does not depend on its neighbours. Nothing here
    guards against a bad start: whoever did not converge has to be solved by other means.

    Args:
        problems: What to solve.
        theta: Where to start.
        inverse: Metric, from `path_starts`.
        tolerance: Distance to the optimum's objective, as a share of it, at which a problem ends; estimated from the
            decrement g^T B g / 2 and how fast it shrinks.
        max_steps: At most.

    Example:
        >>> from probes.problems import standardise
        >>> rows = standardise(torch.tensor([[[0.0], [1.0], [2.0], [3.0]]]), torch.tensor([[0, 1, 0, 1]]), 2, [0, 4])
        >>> theta, inverse = path_starts(rows, 1.0, torch.tensor([1.0]))
        >>> everything = part(rows, slice(0, 4), torch.tensor([0]))
        >>> problems = Problems((everything,), 1.0, torch.tensor([1.0, 0.0])[None, None, None])
        >>> descent = descend(problems, theta, inverse, 1e-6, 20)
        >>> bool((descent.away < 1e-6).all()), bool(problems.gradient(descent.theta)[0].abs().max() < 1e-3)
        (True, True)
    """
    whole = torch.empty(theta.shape, dtype=theta.dtype, device=theta.device)
    distance = torch.full(theta.shape[:4], torch.inf, dtype=theta.dtype, device=theta.device)
    who, at = (torch.arange(theta.shape[axis], device=theta.device) for axis in (0, 2))  # heads and penalties not done
    away = loss = first = distance.clone()
    memory: deque[Triple] = deque(maxlen=MEMORY)
    before: Triple | None = None
    limit = 0.0 if is_rough(inverse, theta) else WORN  # a rough metric starts far away, and serves no worse for that
    for number in range(max_steps):
        gradient, measured = problems.gradient(theta, with_loss=number == 0)
        if before is None:
            first = loss = measured
        else:
            memory.append(_pair(theta - before[0], gradient - before[1]))
            loss = loss + 0.5 * _dot(theta - before[0], before[1] + gradient)  # the trapezoidal rule
        step = _direction(gradient, inverse, memory)
        done = away <= tolerance
        following = theta - torch.where(done[..., None, None], 0.0, step)
        decrement = 0.5 * _dot(gradient, step)
        worn = loss < limit * first
        if before is not None:
            left = decrement / _certainty(decrement, before[2])
            share = left / torch.minimum(loss, first)
            share = torch.maximum(share, LINGER * away) if number > PROMPT else share
            away = torch.where(done, away, torch.where(worn, torch.inf, share))
        going = ((away > tolerance) & ~worn & torch.isfinite(decrement)).any(3).any(1)
        before, theta = (theta, gradient, decrement), following
        heads, penalties = _worth_keeping(going)
        if not bool(heads.all() and penalties.all()):
            whole[who[:, None], :, at], distance[who[:, None], :, at] = theta.transpose(1, 2), away.transpose(1, 2)
            who, at = who[heads], at[penalties]
            problems = problems.only(penalties) if bool(heads.all()) else problems.of_heads(heads).only(penalties)
            inverse = inverse[heads][:, penalties]
            theta, away, loss, first = (each[heads][:, :, penalties] for each in (theta, away, loss, first))
            before, *pairs = (_keep(triple, heads, penalties) for triple in (before, *memory))
            memory = deque(pairs, maxlen=MEMORY)
        if not len(at):
            break
    whole[who[:, None], :, at], distance[who[:, None], :, at] = theta.transpose(1, 2), away.transpose(1, 2)
    return Descent(whole, distance, number)


def _worth_keeping(going: Tensor) -> tuple[Tensor, Tensor]:
    """Return which heads and which penalties to go on with, from whether each pair does, (n_heads, n_penalties).

    Heads that are done are left out a few at a time: the inputs of the others have to be copied for it.
    """
    heads, penalties = going.any(1), going.any(0)
    if bool(heads.any()) and int((~heads).sum()) < LEAVE * len(heads):
        heads = torch.ones_like(heads)
    return heads, penalties


def _keep(triple: Triple, heads: Tensor, penalties: Tensor) -> Triple:
    first, second, third = (each[heads][:, :, penalties] for each in triple)
    return first, second, third


def _certainty(decrement: Tensor, before: Tensor) -> Tensor:
    """Return which share of the distance to the optimum's objective the decrement is.

    Where the metric takes the curvature for k times what it is, the decrement is a k-th of the distance, and steps fall
    short so that it shrinks by (1 - 1 / k)^2 from one to the next.
    """
    return (1 - (decrement / before).clamp(0, 1).sqrt()).clamp(min=LEAST_CERTAIN)


def _pair(change: Tensor, difference: Tensor) -> Triple:
    """Return a step, the change of the gradient over it, and the inverse of their product; 0 leaves the pair out."""
    product = _dot(change, difference)
    return change, difference, torch.where(product > 0, 1.0 / product, 0.0)[..., None, None]


def _direction(gradient: Tensor, inverse: Tensor, memory: deque[Triple]) -> Tensor:
    """Return the L-BFGS estimate of the inverse curvature times the gradient, by its two loops."""
    step, weights = gradient, []
    for change, difference, scale in reversed(memory):
        weights.append(scale * _dot(change, step)[..., None, None])
        step = step - weights[-1] * difference
    step = apply(inverse, step)
    for (change, difference, scale), weight in zip(memory, reversed(weights), strict=True):
        step = step + (weight - scale * _dot(difference, step)[..., None, None]) * change
    return step


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum((-1, -2))


def _ignorance(rows: Rows) -> Tensor:
    """Return theta of who knows the class shares alone, (n_heads, 1, 1, n_vectors, n_logits, d + 1)."""
    shares = rows.targets.mean(-1)
    theta = rows.x.new_zeros(len(rows.x), 1, 1, *shares.shape, rows.x.shape[2])
    theta[..., -1] = torch.logit(shares) if shares.shape[1] == 1 else shares.log()
    return theta
