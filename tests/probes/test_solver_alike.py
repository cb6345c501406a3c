"""A problem's solution is its own: other heads, label vectors, orders and threads do not matter."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from probes.crossval import HeadProbes, probe_heads, probe_vectors
from probes.problems import standardise
from probes.solver import Solutions, solve

STRENGTHS = torch.tensor([1e-3, 1e-1, 1.0, 10.0], dtype=torch.float64)
BOUNDS = (0, 30, 55, 90, 120)
NUMBER = torch.arange(4)
MEMBERS = (NUMBER[:, None] != NUMBER) & ((NUMBER[:, None] + 1) % 4 != NUMBER)
FIELDS = tuple(HeadProbes.__dataclass_fields__)
# The solver ends within 1e-8 of an objective of 50 or so, whose curvature is n / 4 or so: sqrt(2 * 5e-7 / 15) = 3e-4 in
# weights of order 1.
CLOSE = {"rtol": 1e-3, "atol": 1e-3}


def heads(n_heads: int = 5, n_classes: int = 2, n_vectors: int = 1) -> tuple[Tensor, Tensor]:
    """Return heads that know from nothing to most, and label vectors."""
    generator = torch.Generator().manual_seed(n_heads)
    labels = torch.randperm(120, generator=generator) % n_classes
    x = torch.randn(n_heads, 120, 6, generator=generator)
    x += (
        torch.linspace(0, 1.5, n_heads)[:, None, None]
        * torch.randn(n_heads, n_classes, 6, generator=generator)[:, labels]
    )
    shuffled = [labels[torch.randperm(120, generator=generator)] for _ in range(n_vectors - 1)]
    return x, torch.stack([labels, *shuffled])


def run(x: Tensor, labels: Tensor, n_classes: int = 2, strengths: Tensor = STRENGTHS) -> Solutions:
    solutions = solve(standardise(x, labels, n_classes, BOUNDS), MEMBERS, strengths)
    assert solutions.converged.all()
    return solutions


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_a_head_is_solved_the_same_alone(n_classes: int) -> None:
    x, labels = heads(n_classes=n_classes)
    together = run(x, labels, n_classes)
    for head in range(len(x)):
        alone = run(x[head : head + 1], labels, n_classes)
        torch.testing.assert_close(alone.theta[0], together.theta[head], **CLOSE)


@pytest.mark.parametrize("n_vectors", [3, 12])  # more than 8 share one curvature
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_label_vector_is_solved_the_same_alone(n_classes: int, n_vectors: int) -> None:
    x, labels = heads(3, n_classes, n_vectors)
    together = run(x, labels, n_classes)
    for vector in range(n_vectors):
        alone = run(x, labels[vector : vector + 1], n_classes)
        torch.testing.assert_close(alone.theta[:, :, :, 0], together.theta[:, :, :, vector], **CLOSE)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_penalty_is_solved_the_same_alone(n_classes: int) -> None:
    x, labels = heads(n_classes=n_classes)
    together = run(x, labels, n_classes)
    for number in range(len(STRENGTHS)):
        alone = run(x, labels, n_classes, STRENGTHS[number : number + 1])
        torch.testing.assert_close(alone.theta[:, :, 0], together.theta[:, :, number], **CLOSE)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_training_set_is_solved_the_same_alone(n_classes: int) -> None:
    x, labels = heads(n_classes=n_classes)
    together = run(x, labels, n_classes)
    for number in range(4):
        rows = standardise(x, labels, n_classes, BOUNDS)
        alone = solve(rows, MEMBERS[number : number + 1], STRENGTHS)
        torch.testing.assert_close(alone.theta[:, 0], together.theta[:, number], **CLOSE)


def test_the_order_of_rows_in_a_block_does_not_matter() -> None:
    x, labels = heads(n_classes=3)
    generator = torch.Generator().manual_seed(1)
    order = torch.cat([a + torch.randperm(b - a, generator=generator) for a, b in pairwise(BOUNDS)])
    straight, mixed = run(x, labels, 3), run(x[:, order], labels[:, order], 3)
    torch.testing.assert_close(mixed.theta, straight.theta, **CLOSE)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_renaming_the_classes_renames_the_weights(n_classes: int) -> None:
    x, labels = heads(n_classes=n_classes)
    names = torch.arange(n_classes).roll(1)
    straight, renamed = run(x, labels, n_classes).theta, run(x, names[labels], n_classes).theta
    expected = -straight if n_classes == 2 else straight[..., names.argsort(), :]
    torch.testing.assert_close(renamed, expected, **CLOSE)
    assert not torch.allclose(renamed, straight, **CLOSE)


def test_scaling_and_moving_the_inputs_changes_no_probability() -> None:
    x, labels = heads()
    generator = torch.Generator().manual_seed(2)
    scale = 10 ** (4 * torch.rand(5, 1, 6, generator=generator, dtype=torch.float64) - 2)
    moved = x.double() * scale + 3 * scale
    torch.testing.assert_close(run(moved, labels).theta, run(x, labels).theta, **CLOSE)


def test_turning_the_inputs_does_as_the_penalty_is_on_standardised_ones() -> None:
    x, labels = heads()
    x[..., 0] *= 100
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(3))).Q
    logits, turned = (
        torch.einsum("hspkd,hnd->hspkn", run(each, labels).theta[:, :, :, 0], standardise(each, labels, 2, BOUNDS).x)
        for each in (x, x @ turn)
    )
    assert not torch.allclose(turned[-1], logits[-1], rtol=0.1, atol=0.1)
    # Unless what is turned is white, and stays so: each training set is the whole here.
    values = torch.linalg.svd(x - x.mean(1, keepdim=True), full_matrices=False).U * 120**0.5
    whole = torch.ones(1, 4, dtype=torch.bool)
    straight, turned = (
        solve(standardise(each, labels, 2, BOUNDS), whole, STRENGTHS).theta[..., :-1]
        for each in (values, values @ turn)
    )
    torch.testing.assert_close(turned, straight @ turn, **CLOSE)


def test_weights_of_several_classes_have_no_part_in_common() -> None:
    x, labels = heads(n_classes=5)
    theta = run(x, labels, 5).theta
    assert theta.sum(-2).abs().max() < 1e-5  # rounding: the penalty picks the one optimum without
    assert theta.abs().max() > 0.1


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def fields(probes: HeadProbes) -> dict[str, Tensor]:
    return {name: getattr(probes, name) for name in FIELDS}


def cell(n_classes: int) -> tuple[Tensor, Tensor, Tensor, int, Tensor]:
    x, labels = heads(5, n_classes)
    return x, labels[0], torch.arange(120) * 7 % 4, n_classes, STRENGTHS


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probes_are_equal_to_the_bit_however_many_threads_there_are(threads: None, n_classes: int) -> None:
    runs = []
    for number in (1, 2, 2, 3):
        torch.set_num_threads(number)
        runs.append(fields(probe_heads(*cell(n_classes))))
    for other in runs[1:]:
        assert all(torch.equal(other[name], runs[0][name]) for name in FIELDS)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probes_are_the_same_whichever_heads_come_along(n_classes: int) -> None:
    """Products of several heads round otherwise than those of one; more than that they do not share."""
    x, *others = cell(n_classes)
    together = fields(probe_heads(x, *others))
    order = [4, 2, 0]
    fewer = fields(probe_heads(x[order], *others))
    for name in FIELDS:
        torch.testing.assert_close(fewer[name], together[name][order], **CLOSE)
    assert not torch.equal(together["coef"][0], together["coef"][1])


def test_probes_hardly_depend_on_the_label_vectors_beside_them() -> None:
    x, labels = heads(3, 2, 4)
    folds = torch.arange(120) * 7 % 4
    together = probe_vectors(x, labels, folds, 2, STRENGTHS)
    for vector in range(4):
        alone = probe_heads(x, labels[vector], folds, 2, STRENGTHS)
        for name in FIELDS:
            torch.testing.assert_close(getattr(together[vector], name), getattr(alone, name), **CLOSE)
    assert not torch.allclose(together[0].coef, together[1].coef, **CLOSE)
