"""The max-statistic permutation null: how good the best of all heads looks when no head knows anything."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.errors import ProbeError
from probes.permute import Design, Exchange, choose_trades, group_design, movable_share, permute_labels

Ints = NDArray[np.int64]
Accuracies = Callable[[Tensor, Tensor, Tensor, float], NDArray[np.float64]]
BLOCK = 2**20  # scores held at once, in float32; more spills out of the caches and is slower


@dataclass(frozen=True)
class MaxNull:
    """The null of a cell.

    Attributes:
        best: Accuracy of the best head under each permutation, (n_draws,) float64.
        worst: Accuracy of the worst head under each permutation, (n_draws,) float64. Far below chance where examples
            of different folds are copies of each other with opposite labels.
        observed: Accuracy of each head under the labels as they are, by the same probe, (n_heads,) float64.
        p_values: Family-wise p-value of each head, (n_heads,) float64.
        design: How labels lie in groups, see `group_design`.
        exchange: What trades places: the `names` of clusters, or `examples` of a group, which assumes more.
        movable: Share of the examples whose label differs in some permutation. Where shapes of groups go with
            classes, few labels can move, and the p-values are too large.
        smallest: Smallest p-value that these permutations allow. Drawing the labels themselves, or the same labels
            with classes renamed, always reaches what is observed; with few groups a fold that happens often.
    """

    best: NDArray[np.float64]
    worst: NDArray[np.float64]
    observed: NDArray[np.float64]
    p_values: NDArray[np.float64]
    design: Design
    exchange: Exchange
    movable: float
    smallest: float


@dataclass(frozen=True)
class _Fold:
    """What the draws of labels need of one fold; inputs less their mean over all rows, in units of their spread.

    Attributes:
        inputs: Of its own rows, (n_heads, n_test, d) float32.
        mean: Of the rows of all other folds, which train, (n_heads, d) float32.
        reader: What takes the products of training inputs and targets to scores, (n_heads, n_test, d) float32.
    """

    inputs: Tensor
    mean: Tensor
    reader: Tensor


def max_statistic_null(
    layers: Iterable[Tensor],
    labels: Ints,
    groups: Ints,
    folds: Ints,
    strength: float,
    n_draws: int,
    seed: int,
    accuracies: Accuracies | None = None,
) -> MaxNull:
    """Return family-wise p-values: how often the best of all heads reaches a head's accuracy by chance.

    The max-statistic of Westfall and Young (1993) over permutations of the labels that the groups allow. All stay in
    their fold, since the folds were stratified by label. What is taken to be exchangeable under the null:

    * `constant` (one label a group; also examples that are their own groups): which of the equally large groups of a
      fold bears which label. Were sizes mixed, a class of large groups would become more or less frequent, and its
      share is what a head without knowledge scores.
    * `balanced` (every class equally often in a group): which of a group's clusters, the examples that share a label,
      bears which label; for two classes a coin flip a group. Clusters stay whole, because their examples often share
      more than the label, such as a word form, and trading them one by one would call that a finding.
    * `mixed`: both at once. Groups whose clusters have the same sizes trade names, equally large clusters of a group
      trade too. Only where that can hardly move anything (`exchange` is then `examples`), equally large groups trade
      their labels and then the examples of a group trade among themselves: the examples of a group must be alike but
      for their label, and if those of one label share more, p-values are too small.

    The probe is refitted to every permutation. Permuting held-out labels against fixed predictions would be cheaper
    and is not used: a fold's labels are tested in that fold and train the probes of all others, so that one chance
    agreement of two folds counts in both. In `python -m benchmarks.null` a nominal 5 % becomes 8 to 50 % by design,
    30 % even where every example is its own group; refitted it is 2 to 8 %. What makes refitting affordable is the
    statistic, the out-of-fold accuracy of the first Newton step of the logistic probe from zero (ridge regression on
    the labels). A permutation test is exact for any statistic.

    Args:
        layers: Head outputs of each layer, (n_heads, n_examples, d) each, any floating type; taken one at a time.
        labels: (n_examples,) int64 from 0.
        groups: (n_examples,) int64 from 0; no group lies in two folds.
        folds: (n_examples,) int64 from 0.
        strength: Inverse penalty C of that step; fixed, since choosing it by the labels would favour the observed ones.
        n_draws: Permutations.
        seed: Of the permutations.
        accuracies: What fits the probe to every draw; `refitted_accuracies`, or `probes.refit.full_accuracies`, which
            takes the optimum in place of one step and serves to check it.

    Raises:
        ProbeError: If there are fewer than 2 folds, or a group lies in several.

    Example:
        >>> labels = np.arange(40) % 2
        >>> x = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 5 * torch.from_numpy(labels)  # head 1 knows
        >>> null = max_statistic_null([x], labels, np.arange(40), np.arange(40) // 10, 0.1, n_draws=199, seed=0)
        >>> null.design, float(null.p_values[1]), bool(null.p_values[0] > 0.05)
        ('constant', 0.005, True)
    """
    _check(groups, folds)
    exchange, trades = choose_trades(labels, groups, folds)
    draws = np.concatenate([labels[None], permute_labels(labels, trades, n_draws, np.random.default_rng(seed))])
    every, fold_of = torch.from_numpy(draws), torch.from_numpy(folds)
    fit = refitted_accuracies if accuracies is None else accuracies
    found = np.concatenate([fit(x, every, fold_of, strength) for x in layers])
    observed, best, worst = found[:, 0], found[:, 1:].max(0), found[:, 1:].min(0)
    p_values = (1 + (best >= observed[:, None]).sum(1)) / (1 + n_draws)
    design, movable = group_design(labels, groups), movable_share(trades)
    return MaxNull(best, worst, observed, p_values, design, exchange, movable, _smallest(draws))


def _check(groups: Ints, folds: Ints) -> None:
    if len(np.unique(folds)) < 2:
        raise ProbeError("the permutation null needs at least 2 folds, one to train and one to test")
    crossing = len(np.unique(np.stack([groups, folds]), axis=1).T) - len(np.unique(groups))
    if crossing:
        raise ProbeError(f"groups lie in several folds, {crossing} times; deal the examples out by group")


def _smallest(draws: Ints) -> float:
    """Return the p-value of a head that no draw beats but by being the first one, up to the names of classes."""
    labels = draws[0]
    _, first, label = np.unique(labels, return_index=True, return_inverse=True)
    renamed = (draws[1:][:, first][:, label] == draws[1:]).all(1)
    return float((1 + renamed.sum()) / len(draws))


def refitted_accuracies(x: Tensor, draws: Tensor, folds: Tensor, strength: float) -> NDArray[np.float64]:
    """Return the out-of-fold accuracy of a one-step probe fitted anew to every draw of labels, (n_heads, n_draws).

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        draws: Labels from 0, (n_draws, n_examples) int64.
        folds: Test fold of each example, (n_examples,) int64.
        strength: Inverse penalty C.

    Example:
        >>> x = torch.tensor([[[0.0], [1.0], [0.1], [0.9], [0.0], [1.0]]])
        >>> draws = torch.tensor([[0, 1, 0, 1, 0, 1], [1, 1, 0, 0, 1, 0]])
        >>> refitted_accuracies(x, draws, torch.tensor([0, 0, 1, 1, 2, 2]), 1.0)[:, 0].tolist()
        [1.0]
    """
    n_classes = max(2, int(draws.max()) + 1)
    rows = [(folds == fold).nonzero()[:, 0].to(x.device) for fold in range(int(folds.max()) + 1) if fold in folds]
    n_logits = 1 if n_classes == 2 else n_classes
    scores_a_draw = n_logits * max(len(own) for own in rows)
    n_together = min(len(draws), max(1, BLOCK // scores_a_draw))
    n_heads = max(1, BLOCK // (scores_a_draw * n_together))
    # The same penalty weighs more where the softmax is flatter, as it is at equal probabilities of many classes.
    ridge = n_classes**2 / (n_classes - 1) / strength
    blocks = [list(_prepare(heads, rows, ridge)) for heads in torch.split(x, n_heads)]
    hits = []
    for some in torch.split(draws.to(x.device), n_together):
        labels = [some[:, own].T.contiguous() for own in rows]
        targets = [_one_hot(own, n_classes) for own in labels]
        hits.append(torch.cat([_hits(block, labels, targets) for block in blocks]))
    return (torch.cat(hits, 1).double() / x.shape[1]).cpu().numpy()


def _prepare(x: Tensor, rows: list[Tensor], ridge: float) -> Iterator[_Fold]:
    """Yield what every draw shares, fold after fold."""
    x = x.double()
    rounding = 1e-12 * x.abs().amax(1, keepdim=True)
    x = x - x.mean(1, keepdim=True)
    spread = x.square().mean(1, keepdim=True).sqrt()
    x = x / spread.where(spread > rounding, 1)
    inputs = [x[:, own] for own in rows]
    size = torch.tensor([len(own) for own in rows], dtype=x.dtype, device=x.device)[:, None, None]
    mean = torch.stack([own.mean(1) for own in inputs])  # (n_folds, n_heads, d)
    centred = [own - centre[:, None] for own, centre in zip(inputs, mean, strict=True)]
    scatter = torch.stack([own.mT @ own for own in centred])
    for fold, own in enumerate(inputs):
        train = [other for other in range(len(rows)) if other != fold]
        n_train = size[train].sum()
        centre = (size * mean)[train].sum(0) / n_train
        between = (size.sqrt() * (mean - centre))[train].transpose(0, 1)  # (n_heads, n_train_folds, d)
        within = scatter[train].sum(0) + between.mT @ between
        variance = within.diagonal(dim1=1, dim2=2) / n_train
        # The penalty is on standardised inputs: on these it is larger the wider they spread.
        within.diagonal(dim1=1, dim2=2).add_(ridge * variance.where(variance > 1e-24, 1))
        reader = (own - centre[:, None]) @ torch.linalg.inv(within)
        yield _Fold(own.float(), centre.float(), reader.float())


def _one_hot(labels: Tensor, n_classes: int) -> Tensor:
    """Return (n_rows, n_logits, n_draws) float32 for labels (n_rows, n_draws); of two classes the second."""
    names = torch.arange(n_classes, device=labels.device)[:, None]
    return (labels[:, None] == (names[1:] if n_classes == 2 else names)).float()


def _hits(folds: list[_Fold], labels: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Return how many test examples each head gets right under each draw, (n_heads, n_draws) float32.

    The products of inputs and targets are formed once a fold; each test fold takes those of all others.
    """
    flat = [own.flatten(1) for own in targets]
    products = [torch.bmm(f.inputs.mT, own.expand(len(f.inputs), -1, -1)) for f, own in zip(folds, flat, strict=True)]
    counts = [own.sum(0) for own in flat]
    all_products, all_counts = torch.stack(products).sum(0), torch.stack(counts).sum(0)
    n_examples = sum(len(own) for own in labels)
    hits = torch.zeros(len(products[0]), labels[0].shape[1], device=all_counts.device)
    for fold, product, count, own, hot in zip(folds, products, counts, labels, targets, strict=True):
        known = all_counts - count
        fitted = (all_products - product).sub_(fold.mean[:, :, None] * known)
        scores = torch.bmm(fold.reader, fitted).view(len(fitted), *hot.shape)
        hits += _right(scores, (known / (n_examples - len(own))).view(hot.shape[1:]), own, hot)
    return hits


def _right(scores: Tensor, prior: Tensor, labels: Tensor, hot: Tensor) -> Tensor:
    """Return how many rows are right, (n_heads, n_draws), for scores (n_heads, n_rows, n_logits, n_draws)."""
    if len(prior) == 1:
        said = scores.gt_(0.5 - prior)  # in place: allocating anew costs as much as comparing
        wrong = said.sum(1) + hot.sum(0)  # and twice what both hold
        return (len(labels) - wrong + 2 * said.mul_(hot).sum(1))[:, 0]
    # Equal scores, as of a head that is constant, go to the first class; without this each would be right.
    order = 1e-7 * torch.arange(len(prior), device=prior.device)[:, None]
    best = scores.add_(prior - order).amax(2)
    own = scores.gather(2, labels[:, None].expand(len(scores), -1, -1, -1))[:, :, 0]
    return (own == best).sum(1).float()
