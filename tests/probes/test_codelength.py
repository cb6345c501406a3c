"""Online codelengths against a slow reference and what theory says."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from probes import codelength
from probes.codelength import SHARES, online_codelength
from probes.solver import Solutions, solve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRENGTHS = torch.tensor([1e-3, 1e-1, 1.0], dtype=torch.float64)


def cell(n_classes: int = 2, n_heads: int = 3, n: int = 512, group: int = 1) -> tuple[Tensor, Tensor, Ints]:
    """Return heads that know nothing, something and most, labels, and groups of one size, rows mixed up."""
    generator = torch.Generator().manual_seed(n_classes)
    labels = torch.randperm(n, generator=generator) % n_classes
    x = torch.randn(n_heads, n, 6, generator=generator)
    apart = torch.linspace(0, 2, n_heads)[:, None, None]
    x += apart * torch.randn(n_heads, n_classes, 6, generator=generator)[:, labels]
    groups = np.random.default_rng(0).permutation(np.arange(n) // group)
    return x, labels, groups


def run(x: Tensor, labels: Tensor, groups: Ints, seed: int = 0) -> Floats:
    return online_codelength(x, labels, groups, int(labels.max()) + 1, STRENGTHS, seed)


def slow_portions(groups: Ints, seed: int) -> list[Ints]:
    """Return the rows of each portion: whole groups, in random order, until each share of the examples is reached."""
    names = np.unique(groups)
    rank = np.random.default_rng(seed).permutation(len(names))
    order = names[np.argsort(rank)]
    sent: list[int] = []
    portions: list[Ints] = []
    goals = [share * len(groups) for share in SHARES]
    start = 0
    for name in order:
        sent.extend(np.flatnonzero(groups == name).tolist())
        if len(sent) >= goals[0]:
            portions.append(np.array(sent[start:]))
            start = len(sent)
            goals = [goal for goal in goals if goal > len(sent)]
    return portions


def slow_bits(x: Floats, labels: Ints, groups: Ints, seed: int) -> float:
    """Return the codelength of one head's labels, one scikit-learn pipeline at a time."""
    n_classes = int(labels.max()) + 1
    portions = slow_portions(groups, seed)
    bits, best = len(portions[0]) * math.log2(n_classes), 0
    for number in range(1, len(portions)):
        known, sent = np.concatenate(portions[:number]), portions[number]
        if len(set(labels[known].tolist())) < n_classes:
            bits += len(sent) * math.log2(n_classes)
            best = 0
            continue
        scaler = StandardScaler().fit(x[known])
        costs = []
        for strength in STRENGTHS.tolist():
            model = LogisticRegression(C=strength, solver="newton-cg", tol=1e-8, max_iter=1000)
            model.fit(scaler.transform(x[known]), labels[known])
            log_proba = model.predict_log_proba(scaler.transform(x[sent]))
            costs.append(-log_proba[np.arange(len(sent)), labels[sent]].sum() / math.log(2))
        bits += costs[best]
        best = int(np.argmin(costs))
    return bits


@pytest.mark.parametrize(("n_classes", "group"), [(2, 1), (2, 8), (3, 1), (3, 4), (5, 2)])
def test_codelengths_are_those_of_a_slow_loop_with_scikit_learn(n_classes: int, group: int) -> None:
    x, labels, groups = cell(n_classes, group=group)
    bits = run(x, labels, groups, seed=3)
    slow = [slow_bits(head.double().numpy(), labels.numpy(), groups, 3) for head in x]
    np.testing.assert_allclose(bits, slow, rtol=1e-3)  # optima within 1e-8 leave weights within 1e-3
    assert bits.shape == (3,) and bits.dtype == np.float64


@pytest.mark.parametrize("group", [1, 3, 50])
def test_portions_are_whole_groups_that_reach_each_share(group: int) -> None:
    _, _, groups = cell(group=group)
    order, ends = codelength._portions(groups, seed=1)
    assert sorted(order.tolist()) == list(range(512))
    assert ends[-1] == 512 and list(ends) == sorted(set(ends))
    portions = np.split(order, ends[:-1])
    for first, second in itertools.combinations(portions, 2):
        assert not set(groups[first]) & set(groups[second])
    largest = np.bincount(groups).max()
    for share in SHARES:
        reached = min(end for end in ends if end >= share * 512)
        assert reached < share * 512 + largest
    assert [sorted(part.tolist()) for part in portions] == [sorted(part.tolist()) for part in slow_portions(groups, 1)]


def test_one_group_is_sent_at_the_first_price() -> None:
    x, labels, _ = cell(3)
    np.testing.assert_allclose(run(x, labels, np.zeros(512, dtype=np.int64)), 512 * math.log2(3))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_noise_costs_what_labels_cost_and_knowledge_costs_far_less(n_classes: int) -> None:
    x, labels, groups = cell(n_classes, n=1000)
    blank = 1000 * math.log2(n_classes)
    nothing, something, most = run(x, labels, groups)
    assert 0.98 * blank <= nothing <= 1.2 * blank  # what learning noise by heart costs depends on the strongest penalty
    assert most < 0.5 * blank
    assert most < something < nothing


def test_labels_that_were_shuffled_cost_what_labels_cost() -> None:
    x, labels, groups = cell(2, n=1000)
    mixed = labels[torch.randperm(1000, generator=torch.Generator().manual_seed(7))]
    assert (run(x, mixed, groups) >= 0.98 * 1000).all()


def test_a_seed_gives_the_same_bits_and_another_gives_others() -> None:
    x, labels, groups = cell(group=4)
    np.testing.assert_array_equal(run(x, labels, groups, 1), run(x, labels, groups, 1))
    assert (run(x, labels, groups, 1) != run(x, labels, groups, 2)).all()


def test_the_order_of_heads_and_who_comes_along_do_not_matter() -> None:
    x, labels, groups = cell(3)
    bits = run(x, labels, groups)
    np.testing.assert_allclose(run(x[[2, 0]], labels, groups), bits[[2, 0]], rtol=1e-5)  # of rounding


def test_the_names_of_groups_matter_by_their_order_alone() -> None:
    x, labels, groups = cell(group=4)
    np.testing.assert_array_equal(run(x, labels, 10 * groups + 7), run(x, labels, groups))


def test_a_class_that_was_not_sent_yet_costs_the_first_price() -> None:
    x, labels, groups = cell(2, n=256)
    order, ends = codelength._portions(groups, seed=0)
    labels = torch.zeros_like(labels)
    labels[torch.from_numpy(order[ends[-2] :][::2].copy())] = 1  # in the last portion alone
    np.testing.assert_allclose(run(x, labels, groups), 256)


def test_a_penalty_that_was_not_solved_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_the_strongest(*args: Tensor) -> Solutions:
        solutions = solve(*args)
        solutions.converged[:, :, 1:] = False
        return solutions

    x, labels, groups = cell()
    free = run(x, labels, groups)
    alone = online_codelength(x, labels, groups, 2, STRENGTHS[:1], 0)
    monkeypatch.setattr(codelength, "solve", only_the_strongest)
    np.testing.assert_allclose(run(x, labels, groups), alone, rtol=1e-3)
    assert free[2] < 0.95 * alone[2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_type_of_the_inputs_hardly_matters(dtype: torch.dtype) -> None:
    x, labels, groups = cell()
    np.testing.assert_allclose(
        run(x.half().to(dtype), labels, groups), run(x.half().float(), labels, groups), rtol=1e-3
    )
