"""The curvature of logistic losses, and the metric that its inverse makes.

Of two classes it is a matrix of the width of the inputs. Of more it is a matrix of all classes together while that is
small; above, classes are taken one by one, which leaves out how they depend on each other.
"""

import torch
from torch import Tensor

from probes.problems import Part, Rows

JITTERS = (1e-6, 1e-4, 1e-2)  # of the mean curvature: what single precision may get wrong; the first that serves
FLOOR = 1e-6  # curvature of an intercept where all rows of a class are certain
COUPLED = 400  # most parameters of a probe whose curvature is kept whole
CHUNK = 512  # rows
BLOCKWISE = 2**23  # numbers in a head's curvatures of all classes; were they more, classes share one
SHARED = 8  # more label vectors share one curvature, that of knowing nothing


def apply(inverse: Tensor, values: Tensor) -> Tensor:
    """Return an inverse curvature times values, shaped like these.

    Args:
        inverse: From `invert`.
        values: (n_heads, n_sets, n_penalties, n_vectors, n_logits, d + 1).

    Example:
        >>> apply(2 * torch.eye(2)[None, None, None, None], torch.ones(1, 1, 1, 1, 1, 2)).tolist()
        [[[[[[2.0, 2.0]]]]]]
    """
    if inverse.shape[-1] != values.shape[-1]:  # the classes are coupled
        return apply(inverse, values.flatten(-2)[..., None, :]).view(values.shape)
    heads, sets, penalties, vectors, logits, width = values.shape
    rows = values.permute(0, 2, 3, 4, 1, 5).reshape(*inverse.shape[:4], -1, width)
    spread = (rows @ inverse).view(heads, penalties, vectors, logits, sets, width)
    return spread.permute(0, 4, 1, 2, 3, 5)


def is_rough(inverse: Tensor, theta: Tensor) -> bool:
    """Return whether an inverse curvature leaves out how classes depend on each other.

    Args:
        inverse: From `invert`.
        theta: Parameters, (..., n_logits, d + 1).

    Example:
        >>> is_rough(torch.zeros(1, 6, 6), torch.zeros(3, 2)), is_rough(torch.zeros(3, 2, 2), torch.zeros(3, 2))
        (False, True)
    """
    return theta.shape[-2] > 1 and inverse.shape[-1] == theta.shape[-1]


def ignorant_curvature(rows: Rows, weight: float) -> Tensor:
    """Return the curvature where the class shares are all that is known.

    Args:
        rows: The data.
        weight: What the log-loss is multiplied with.

    Returns:
        Of all classes together, (n_heads, n_vectors, 1, n_logits * (d + 1), the same); of each class, (n_heads,
        n_vectors, n_logits, d + 1, d + 1); or one that classes, or vectors, too, share, with 1 for their number.

    Example:
        >>> from probes.problems import standardise
        >>> rows = standardise(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[0, 1]]), 2, [0, 2])
        >>> ignorant_curvature(rows, 1.0).tolist()  # a quarter of the products of inputs and ones
        [[[[[0.5, 0.0], [0.0, 0.5]]]]]
    """
    shares = rows.targets.mean(-1)
    many = len(shares) > SHARED
    if _coupled(rows) and not many:
        spread = torch.diag_embed(shares) - shares[:, :, None] * shares[:, None]
        return _ungauged(spread[None, :, :, None, :, None] * (weight * rows.gram)[:, None, None, :, None, :])
    spread = _pooled(weight * (shares * (1 - shares))[None, :, :, None, None], rows)
    return (spread.mean((1, 2), keepdim=True) if many else spread) * rows.gram[:, None, None]


def curvature_at(rows: Part, weight: float, theta: Tensor) -> Tensor:
    """Return the curvature at a point, shaped as that of `ignorant_curvature`.

    Args:
        rows: The data.
        weight: What the log-loss is multiplied with.
        theta: Parameters, (n_heads, 1, 1, n_vectors, n_logits, d + 1).

    Example:
        >>> from probes.problems import part, standardise
        >>> rows = standardise(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[0, 1]]), 2, [0, 2])
        >>> curvature_at(part(rows, slice(0, 2), torch.tensor([0])), 1.0, torch.zeros(1, 1, 1, 1, 1, 2)).tolist()
        [[[[[0.5, 0.0], [0.0, 0.5]]]]]
    """
    logits = (theta.flatten(1, -2) @ rows.x.mT).view(len(rows.x), *rows.targets.shape)
    proba = torch.sigmoid(logits) if logits.shape[2] == 1 else torch.softmax(logits, 2)
    if _coupled(rows):
        return _whole(rows.x, weight, proba)
    return _weighted_grams(rows.x, _pooled(weight * proba * (1 - proba), rows))


def invert(curvature: Tensor, shrink: Tensor) -> Tensor:
    """Return the inverse of curvature and penalty, (n_heads, n_penalties, ...); in double precision meanwhile.

    Args:
        curvature: Of the log-loss.
        shrink: Weight of each squared parameter over 2, (n_heads, n_penalties, d + 1).

    Example:
        >>> inverse = invert(3 * torch.eye(2)[None, None, None], torch.ones(1, 1, 2))
        >>> inverse.shape, inverse[0, 0, 0, 0].diagonal().round(decimals=3).tolist()
        (torch.Size([1, 1, 1, 1, 2, 2]), [0.25, 0.25])
    """
    penalised = curvature[:, None].double().repeat(1, shrink.shape[1], 1, 1, 1, 1)
    shrink = shrink.repeat(1, 1, curvature.shape[-1] // shrink.shape[-1])  # once for each class that is coupled
    diagonal = penalised.diagonal(dim1=-2, dim2=-1)
    mean = diagonal.mean(-1, keepdim=True)
    diagonal.add_(shrink[:, :, None, None] + FLOOR)
    for jitter in JITTERS:
        diagonal.add_(jitter * mean)
        factor, failed = torch.linalg.cholesky_ex(penalised)
        if not bool(failed.any()):
            break
    return torch.cholesky_inverse(factor).float()


def _whole(x: Tensor, weight: float, proba: Tensor) -> Tensor:
    """Return the curvature of all classes together at probabilities (n_heads, n_vectors, n_logits, n_rows)."""
    heads, vectors, logits, _ = proba.shape
    whole = x.new_empty(heads, vectors, logits, x.shape[2], logits, x.shape[2])
    for one in range(logits):
        for other in range(one, logits):
            weights = weight * proba[:, :, one] * (float(one == other) - proba[:, :, other])
            product = _weighted_grams(x, weights[:, :, None])[:, :, 0]
            whole[:, :, one, :, other] = whole[:, :, other, :, one] = product
    return _ungauged(whole)


def _weighted_grams(x: Tensor, weights: Tensor) -> Tensor:
    """Return x^T diag(weight) x for weights (n_heads, n_vectors, n_blocks, n_rows)."""
    products = [_weighted_gram(x, weight) for weight in weights.flatten(1, 2).unbind(1)]
    return torch.stack(products, 1).view(*weights.shape[:3], *products[0].shape[1:])


def _weighted_gram(x: Tensor, weight: Tensor) -> Tensor:
    """Return x^T diag(weight) x, (n_heads, d + 1, d + 1), a few rows at a time, which stay in the cache."""
    total = x.new_zeros(len(x), x.shape[2], x.shape[2])
    for rows, share in zip(torch.split(x, CHUNK, 1), torch.split(weight, CHUNK, 1), strict=True):
        total.baddbmm_((rows * share[..., None]).mT, rows)
    return total


def _coupled(rows: Rows | Part) -> bool:
    """Return whether the curvature of several classes is kept whole."""
    logits = rows.targets.shape[1]
    return logits > 1 and logits * rows.x.shape[2] <= COUPLED


def _pooled(weights: Tensor, rows: Rows | Part) -> Tensor:
    """Return weights (n_heads, n_vectors, n_logits, ...), averaged over classes where a curvature each is too much."""
    numbers = weights.shape[1] * weights.shape[2] * rows.x.shape[2] ** 2
    return weights.mean(2, keepdim=True) if numbers > BLOCKWISE else weights


def _ungauged(whole: Tensor) -> Tensor:
    """Return the curvature of all classes, (..., n_logits, d + 1, n_logits, d + 1), as one matrix each.

    Moving all classes alike changes no probability: rounding must not be followed there, so it gets a curvature.
    """
    logits, width = whole.shape[-2:]
    matrix = whole.flatten(-2).flatten(-3, -2)
    level = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    return (matrix + level * torch.eye(width, device=matrix.device).repeat(logits, logits))[:, :, None]
