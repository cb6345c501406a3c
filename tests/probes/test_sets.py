"""Greedy sets of heads: what is split over heads is found together, what is not there is not found."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.evidence import Bootstrap
from probes.greedy import Cell
from probes.sets import CHOSEN_COLUMNS, SET_COLUMNS, HeadSets, SetPlan, heads_needed, sets_of_heads

N, N_FOLDS, N_HEADS = 200, 4, 8
FOLDS = np.arange(N) % N_FOLDS
BOOTSTRAP = Bootstrap(200, 0.95, 0)
PLAN = SetPlan(sizes=(1, 2, 4), n_random=10, strengths=(0.1,), seed=0)


def noise(seed: int) -> tuple[Tensor, NDArray[np.int64]]:
    """Return heads that know nothing, and labels, equally often in each fold."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(N_HEADS, N, 3)).astype(np.float32))
    return x, np.arange(N) // N_FOLDS % 2


def planted(seed: int = 0) -> tuple[Tensor, NDArray[np.int64]]:
    """Return noise but for heads 2 and 5, which hold a and b of the label, the sign of a + b."""
    x, _ = noise(seed)
    parts = np.random.default_rng([seed, 1]).normal(size=(2, N))
    x[2, :, 1], x[5, :, 0] = torch.from_numpy(parts.astype(np.float32))
    return x, (parts.sum(0) > 0).astype(np.int64)


def run(x: Tensor, labels: NDArray[np.int64], plan: SetPlan = PLAN, stacks: Sequence[Tensor] | None = None) -> HeadSets:
    grid = torch.tensor([0.01, 0.1, 1.0], dtype=torch.float64)
    stacks = [x] if stacks is None else stacks
    target, folds = torch.from_numpy(labels), torch.from_numpy(FOLDS)
    probes = [probe_heads(stack, target, folds, int(labels.max()) + 1, grid) for stack in stacks]
    places = [(head // 4, head % 4) for head in range(sum(len(stack) for stack in stacks))]
    cell = Cell(stacks, probes, places, labels, np.arange(N), FOLDS, int(labels.max()) + 1)
    return sets_of_heads(cell, plan, BOOTSTRAP)


def numbers(found: HeadSets) -> NDArray[np.int64]:
    """Return the heads chosen, (n_folds, n_steps)."""
    chosen = found.chosen.assign(number=4 * found.chosen["layer"] + found.chosen["head"])
    return chosen.pivot(index="fold", columns="step", values="number").to_numpy()


def test_a_signal_split_over_two_heads_is_found_together() -> None:
    found = run(*planted())
    assert {frozenset(pair) for pair in numbers(found)[:, :2].tolist()} == {frozenset({2, 5})}
    one, two, four = (row for _, row in found.sets.iterrows())
    assert one["accuracy"] < 0.8 < 0.93 < two["accuracy"]
    assert two["beats"] == 1.0
    assert two["margin_single_low"] > 0.1
    assert two["random_low"] <= two["random_mean"] <= two["random_high"] < two["accuracy"]
    assert heads_needed(found.sets) == 2
    assert four["accuracy"] < two["accuracy"] + 0.02


def test_copies_of_a_head_do_not_help() -> None:
    x, labels = planted()
    x[:] = x[2] + 0.01 * x  # each but a copy
    found = run(x, labels)
    assert found.sets["margin_single"].abs().max() < 0.03
    assert heads_needed(found.sets) == 1


def test_a_copy_of_the_best_head_is_passed_over_for_a_weaker_one_that_adds() -> None:
    x, _ = planted(6)
    labels = (x[2, :, 1] + 0.6 * x[5, :, 0] > 0).long().numpy()
    x[3] = x[2]
    assert {frozenset(pair) for pair in numbers(run(x, labels))[:, :2].tolist()} <= {
        frozenset({2, 5}),
        frozenset({3, 5}),
    }


def test_in_noise_greedy_sets_beat_random_ones_no_more_often_than_chance_allows() -> None:
    cells = [run(*noise(seed)).sets for seed in range(24)]
    beats = np.array([sets["beats"] for sets in cells])  # (n_cells, n_sizes)
    assert (beats.mean(0) < 0.5 + 3 * np.sqrt(1 / 12 / 24)).all()  # were the share uniform, its mean would stay below
    assert sum((sets["accuracy_low"] > 0.5).any() for sets in cells) <= 3


@pytest.mark.parametrize("k", range(N_FOLDS))
def test_the_choice_for_a_fold_does_not_see_its_labels(k: int) -> None:
    x, labels = noise(3)
    changed = np.where(k == FOLDS, 1 - labels, labels)
    before, after = run(x, labels), run(x, changed)
    assert numbers(before)[k].tolist() == numbers(after)[k].tolist()
    own = [found.chosen.loc[found.chosen["fold"] == k, "loss"].to_numpy() for found in (before, after)]
    np.testing.assert_allclose(own[0], own[1], rtol=1e-4)
    assert numbers(before).tolist() != numbers(after).tolist()  # those of other folds do move


def test_permuted_heads_are_chosen_under_their_new_numbers() -> None:
    x, labels = planted(1)
    order = np.random.default_rng(0).permutation(N_HEADS)
    before, after = run(x, labels), run(x[order], labels)
    assert order[numbers(after)].tolist() == numbers(before).tolist()
    same = ["size", "accuracy", "accuracy_low", "accuracy_high", "margin_single"]
    pd.testing.assert_frame_equal(before.sets[same], after.sets[same])


def test_stacks_of_any_size_and_width_make_no_difference() -> None:
    x, labels = planted(2)
    wide = torch.cat([x, torch.zeros(N_HEADS, N, 1)], 2)  # a constant gets no weight
    for stacks in ([x[:3], x[3:]], [x[:5], wide[5:]]):
        found = run(x, labels, stacks=stacks)
        assert numbers(found).tolist() == numbers(run(x, labels)).tolist()
        np.testing.assert_allclose(found.sets, run(x, labels).sets, atol=0.011)


def test_the_same_seed_gives_the_same_tables_and_another_other_random_sets() -> None:
    x, labels = planted(4)
    first, second = run(x, labels), run(x, labels)
    pd.testing.assert_frame_equal(first.sets, second.sets, check_exact=True)
    pd.testing.assert_frame_equal(first.chosen, second.chosen, check_exact=True)
    other = run(x, labels, SetPlan((1, 2, 4), 10, (0.1,), 1))
    pd.testing.assert_frame_equal(first.chosen, other.chosen, check_exact=True)
    assert first.sets["random_mean"].tolist() != other.sets["random_mean"].tolist()


def test_several_classes_and_penalties() -> None:
    x, labels = planted(5)
    three = labels + (x[2, :, 1].numpy() + x[5, :, 0].numpy() > 1.0)
    found = run(x, three, SetPlan((2, 3), 3, (0.1, 1.0), 0))
    assert {frozenset(pair) for pair in numbers(found)[:, :2].tolist()} == {frozenset({2, 5})}
    assert found.sets["size"].tolist() == [2, 3]  # the margin is over one head even where that is not asked for
    assert (found.sets["margin_single_low"] > 0.05).all()


def test_sizes_above_the_number_of_heads_are_left_out() -> None:
    x, labels = planted()
    assert run(x[:3], labels, SetPlan((1, 2, 8), 2, (0.1,), 0)).sets["size"].tolist() == [1, 2]


def test_tables_have_the_columns_that_are_documented() -> None:
    found = run(*planted())
    assert list(found.sets) == list(SET_COLUMNS)
    assert list(found.chosen) == list(CHOSEN_COLUMNS)
    assert (found.sets.filter(like="margin_single").iloc[0] == 0).all()
    assert len(found.chosen) == N_FOLDS * 4


@pytest.mark.parametrize("sizes", [(), (2, 1), (1, 1), (0, 1), (9,)])
def test_sizes_that_make_no_sense_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ProbeError, match="ascend from 1 to 8"):
        run(*planted(), SetPlan(sizes, 10, (0.1,), 0))


@pytest.mark.parametrize(("accuracy", "low", "needed"), [([0.9, 0.9], [0.8, 0.8], 1), ([0.7, 0.9], [0.6, 0.8], 8)])
def test_as_many_heads_are_needed_as_reach_the_interval_of_the_largest_set(
    accuracy: list[float], low: list[float], needed: int
) -> None:
    assert heads_needed(pd.DataFrame({"size": [1, 8], "accuracy": accuracy, "accuracy_low": low})) == needed


def test_what_no_set_holds_takes_no_heads() -> None:
    sets = run(*noise(1)).sets
    assert heads_needed(sets, majority=0.5) == 0
    assert heads_needed(run(*planted()).sets, majority=0.5) == 2
