"""What out-of-fold probes leave out of their choice, and what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from probes import crossval
from probes.crossval import HeadProbes, probe_heads
from probes.errors import ProbeError
from probes.solver import Solutions, solve

STRENGTHS = torch.tensor([0.01, 0.1, 1.0], dtype=torch.float64)


def cell() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels, folds = torch.arange(80) % 2, torch.arange(80) // 2 % 4
    x = torch.randn(3, 80, 4, generator=generator)
    x[:, :, 0] += 2 * labels
    return x, labels, folds


def run(x: Tensor, labels: Tensor, folds: Tensor, n_classes: int = 2) -> HeadProbes:
    return probe_heads(x, labels, folds, n_classes, STRENGTHS)


def unsolve(monkeypatch: pytest.MonkeyPatch, problems: Callable[[int], object]) -> None:
    """Let the solver report some (fold, penalty, vector) of a head as not converged; heads come one at a time."""
    done: list[int] = []

    def solved(*args: Any) -> Solutions:
        solutions = solve(*args)
        solutions.converged[0][problems(len(done))] = False
        done.append(0)
        return solutions

    monkeypatch.setattr(crossval, "solve", solved)
    monkeypatch.setattr(crossval, "map_blocks", lambda work, x, *_: [work(slice(i, i + 1)) for i in range(len(x))])


NOTHING = (slice(0, 0),)


def test_an_unsolved_penalty_is_not_chosen_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run(*cell())
    favourite = STRENGTHS.tolist().index(float(before.strength[1].median()))
    unsolve(monkeypatch, lambda head: (slice(None), favourite) if head == 1 else NOTHING)
    after = run(*cell())
    assert (after.strength[1] != STRENGTHS[favourite]).all()
    assert (before.strength[1] == STRENGTHS[favourite]).any()
    assert after.n_unsolved.tolist() == [0, 4, 0]  # one penalty in each of four folds
    assert before.n_unsolved.tolist() == [0, 0, 0]
    for head in (0, 2):
        torch.testing.assert_close(after.log_proba[head], before.log_proba[head], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("bad", [0, 2])
def test_a_head_without_a_solved_penalty_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
    unsolve(monkeypatch, lambda head: (slice(None),) if head == bad else NOTHING)
    with pytest.raises(ProbeError, match=rf"head {bad} .*: no penalty converged; use smaller C in probe.c_grid"):
        run(*cell())


@pytest.mark.parametrize("n_folds", [1, 2])
def test_fewer_than_three_folds_are_refused(n_folds: int) -> None:
    x, labels, folds = cell()
    with pytest.raises(ProbeError, match=f"{n_folds} folds; at least 3 are needed"):
        run(x, labels, folds % n_folds)


def test_a_fold_without_examples_is_refused() -> None:
    x, labels, folds = cell()
    kept = folds != 1  # as when all its texts were too long
    with pytest.raises(ProbeError, match=r"folds \[1\] of \d have no examples"):
        run(x[:, kept], labels[kept], folds[kept])


def test_three_folds_are_enough() -> None:
    x, labels, _ = cell()
    folds = torch.arange(80) // 2 % 3
    assert (run(x, labels, folds).log_proba.argmax(-1) == labels).double().mean() > 0.7


def test_a_class_that_training_never_sees_is_refused_with_its_folds() -> None:
    x, labels, folds = cell()
    labels = torch.where((folds == 1) & (labels == 1), 2, labels)  # class 2 lives in fold 1 alone
    with pytest.raises(
        ProbeError, match=r"test fold 0: classes \[2\] do not occur in its training folds \(all but 0 and 1\)"
    ):
        run(x, labels, folds, 3)


def test_a_class_in_one_fold_that_always_trains_would_need_a_second_one() -> None:
    x, labels, folds = cell()
    labels = torch.where((folds % 2 == 1) & (labels == 1), 2, labels)  # in folds 1 and 3: every rotation sees one
    assert run(x, labels, folds, 3).log_proba.shape == (3, 80, 3)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_an_input_that_is_no_number_is_refused(value: float) -> None:
    x, labels, folds = cell()
    x[1, 5, 2] = value
    with pytest.raises(ProbeError, match=r"head 1 .*, example 5: inputs that are not finite"):
        run(x, labels, folds)


def test_probes_split_into_those_of_each_layer() -> None:
    probes = run(*cell())
    first, second = probes.split([1, 2])
    for name in HeadProbes.__dataclass_fields__:
        assert torch.equal(getattr(first, name), getattr(probes, name)[:1])
        assert torch.equal(getattr(second, name), getattr(probes, name)[1:])


def test_the_same_on_the_cpu_is_the_same() -> None:
    probes = run(*cell())
    moved = probes.cpu()
    assert all(torch.equal(getattr(moved, name), getattr(probes, name)) for name in HeadProbes.__dataclass_fields__)
