"""The starts along the path of penalties, and the descent from them."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from probes import curvature, descent
from probes.descent import Descent, descend, path_starts
from probes.problems import Part, Problems, Rows, part, standardise

N = 160
STRENGTHS = torch.tensor([1e-3, 1e-1, 1.0, 10.0])


def rows_of(n_classes: int = 2, n_vectors: int = 1, apart: float = 1.0, d: int = 5) -> Rows:
    """Return two heads, standardised over all rows."""
    generator = torch.Generator().manual_seed(n_classes)
    labels = torch.randperm(N, generator=generator) % n_classes
    x = torch.randn(2, N, d, generator=generator)
    x += apart * torch.randn(2, n_classes, d, generator=generator)[:, labels]
    vectors = [labels, *(labels[torch.randperm(N, generator=generator)] for _ in range(n_vectors - 1))]
    return standardise(x, torch.stack(vectors), n_classes, [0, N // 2, N])


def problems_of(rows: Rows, strengths: Tensor = STRENGTHS) -> Problems:
    """Return the problems of two training sets: all rows, and the second half."""
    parts = tuple(part(rows, rows.block(number), torch.tensor(sets)) for number, sets in enumerate(([0], [0, 1])))
    shrink = (1 / strengths)[None, None, :, None].repeat(len(rows.x), 2, 1, rows.x.shape[2])
    shrink[..., -1] = 0
    return Problems(parts, 1.0, shrink)


def start(rows: Rows, strengths: Tensor = STRENGTHS) -> tuple[Tensor, Tensor]:
    theta, inverse = path_starts(rows, 1.0, strengths)
    return theta.expand(-1, 2, -1, -1, -1, -1), inverse


def run(rows: Rows, tolerance: float = 1e-8, max_steps: int = 50) -> Descent:
    return descend(problems_of(rows), *start(rows), tolerance, max_steps)


def objective(rows: Rows, theta: Tensor) -> Tensor:
    """Return the objective in double precision."""
    single = problems_of(rows)
    parts = tuple(Part(each.x.double(), each.targets.double(), each.sets) for each in single.parts)
    return Problems(parts, 1.0, single.shrink.double()).gradient(theta.double(), with_loss=True)[1]


def optimum(rows: Rows) -> Tensor:
    """Return the objective of scikit-learn's solutions; the penalty is on the inputs of all rows here."""
    theta = torch.zeros(2, 2, len(STRENGTHS), 1, rows.targets.shape[1], rows.x.shape[2], dtype=torch.float64)
    labels = rows.targets[0].argmax(0) if rows.targets.shape[1] > 1 else rows.targets[0, 0]
    for head in range(2):
        for number, first in enumerate((0, N // 2)):
            x, known = rows.x[head, first:, :-1].double().numpy(), labels[first:].numpy()
            for at, strength in enumerate(STRENGTHS.tolist()):
                model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-10).fit(x, known)
                theta[head, number, at, 0, :, :-1] = torch.from_numpy(model.coef_)
                theta[head, number, at, 0, :, -1] = torch.from_numpy(model.intercept_)
    return objective(rows, theta)


@pytest.mark.parametrize(("n_classes", "apart"), [(2, 0.0), (2, 1.0), (2, 4.0), (3, 1.0), (3, 4.0)])
def test_the_distance_reported_is_about_the_distance_left(n_classes: int, apart: float) -> None:
    rows = rows_of(n_classes, apart=apart, d=3)
    best = optimum(rows)
    for tolerance in (1e-2, 1e-4, 1e-8):
        found = run(rows, tolerance)
        left = objective(rows, found.theta) / best - 1
        assert (found.away <= tolerance).all()
        # One more step is taken after the estimate, which may itself be ten times off; 1e-9 is rounding.
        assert (left <= 10 * tolerance + 1e-9).all()
        assert (left >= -1e-9).all()


def test_a_start_is_nearer_than_training_sets_lie_from_each_other() -> None:
    rows = rows_of()
    theta, _ = start(rows)
    over = objective(rows, theta) - objective(rows, run(rows).theta)
    assert (over[:, 0] <= 2 * descent.START_TOLERANCE * N).all()  # on all rows, which it was found on
    assert (over[:, 1] > over[:, 0]).all()


def test_where_classes_separate_a_start_is_near_as_a_share_of_the_objective() -> None:
    rows = rows_of(apart=8.0)
    theta, _ = start(rows, torch.tensor([1.0, 1e2, 1e3, 1e4]))
    single = problems_of(rows, torch.tensor([1.0, 1e2, 1e3, 1e4]))
    solved = descend(single, theta, path_starts(rows, 1.0, torch.tensor([1.0, 1e2, 1e3, 1e4]))[1], 1e-8, 50)
    loss, best = (single.gradient(each, with_loss=True)[1][:, 0] for each in (theta, solved.theta))
    assert best.min() < 0.01 * N * descent.START_TOLERANCE / descent.START_SHARE  # less than the tolerance in nats asks
    assert (loss - best <= 3 * descent.START_SHARE * best).all()


def test_more_penalties_before_it_leave_a_start_what_it_is() -> None:
    rows = rows_of()
    best = objective(rows, run(rows).theta)[:, 0, 2:3]
    alone = path_starts(rows, 1.0, STRENGTHS[2:3])[0]
    over = objective(rows, alone.expand(-1, 2, 4, -1, -1, -1))[:, 0, 2:3] - best
    assert (over <= 2 * descent.START_TOLERANCE * N).all()


@pytest.mark.parametrize("n_vectors", [curvature.SHARED, curvature.SHARED + 1])
def test_many_label_vectors_start_from_knowing_nothing_and_share_a_curvature(n_vectors: int) -> None:
    rows = rows_of(2, n_vectors)
    theta, inverse = path_starts(rows, 1.0, STRENGTHS)
    many = n_vectors > curvature.SHARED
    assert theta.shape == (2, 1, 4, n_vectors, 1, 6)
    assert inverse.shape[2] == (1 if many else n_vectors)
    assert bool((theta[..., :-1] == 0).all()) == many


def shape_of(inverse: Tensor) -> tuple[int, ...]:
    return tuple(inverse.shape[2:])


@pytest.mark.parametrize(
    ("limit", "shape"),
    [
        ({}, (1, 1, 24, 24)),  # four classes of six parameters, together
        ({"COUPLED": 0}, (1, 4, 6, 6)),  # class by class
        ({"COUPLED": 0, "BLOCKWISE": 0}, (1, 1, 6, 6)),  # one for all
    ],
)
def test_a_coarser_curvature_leads_to_the_same_optimum(
    monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], shape: tuple[int, ...]
) -> None:
    rows = rows_of(4, apart=0.5)  # from a start by a coarse curvature, strong signals lie too far
    right = run(rows)
    for name, value in limit.items():
        monkeypatch.setattr(curvature, name, value)
    assert shape_of(start(rows)[1]) == shape
    found = run(rows, max_steps=150)
    assert (found.away <= 1e-8).all()
    assert (found.n_steps > right.n_steps) == bool(limit)
    ratio = objective(rows, found.theta) / objective(rows, right.theta)
    assert (ratio - 1).abs().max() < 1e-6


def test_a_descent_cut_short_says_so() -> None:
    rows = rows_of()
    assert (run(rows).away <= 1e-8).all()
    cut = run(rows, max_steps=2)
    assert cut.n_steps == 1
    assert (cut.away > 1e-8).any()
    assert torch.isinf(run(rows, max_steps=1).away).all()  # one decrement tells no distance


def test_a_start_that_is_no_number_says_so_and_leaves_the_others_alone() -> None:
    rows = rows_of()
    theta, inverse = start(rows)
    theta = theta.clone()
    theta[1, 0, 2] = torch.nan
    broken, right = descend(problems_of(rows), theta, inverse, 1e-8, 50), run(rows)
    bad = torch.zeros(2, 2, 4, 1, dtype=torch.bool)
    bad[1, 0, 2] = True
    assert ((broken.away <= 1e-8) == ~bad).all()
    torch.testing.assert_close(broken.theta[~bad], right.theta[~bad])


def test_a_metric_from_far_above_the_optimum_is_not_believed() -> None:
    rows = rows_of(apart=8.0)
    far, inverse = path_starts(rows, 1.0, torch.tensor([1e-3]))  # the strong penalty's curvature
    weak = problems_of(rows, torch.tensor([1e4]))
    found = descend(weak, far.expand(-1, 2, -1, -1, -1, -1), inverse, 1e-8, 1000)
    assert torch.isinf(found.away).all()
    near = descend(weak, *start(rows, torch.tensor([1e4])), 1e-8, 50)
    assert (near.away[:, 0] <= 1e-8).all()


def test_two_descents_are_equal_to_the_bit() -> None:
    rows = rows_of(3)
    assert torch.equal(run(rows).theta, run(rows).theta)
