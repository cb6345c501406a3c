"""Other deals of groups to folds, and replicates of every criterion."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.intervals import resampled_means
from probes.stability import differences, redeal, refit, replicate


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(3, 6), st.sampled_from(["constant", "balanced", "mixed"]))
def test_a_deal_keeps_groups_whole_and_classes_spread(seed: int, n_folds: int, design: str) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60), 4)
    by_design = {"constant": groups % 2, "balanced": np.arange(240) % 2, "mixed": (rng.random(240) < 0.5).astype(int)}
    labels = by_design[design]
    folds = redeal(labels, groups, n_folds, seed)
    assert np.unique(np.stack([groups, folds]), axis=1).shape[1] == 60
    sizes = np.bincount(folds, minlength=n_folds)
    assert sizes.max() - sizes.min() <= 4
    for label in (0, 1):
        counts = np.bincount(folds[labels == label], minlength=n_folds)
        assert counts.min() > 0
        if design != "mixed":
            assert counts.max() - counts.min() <= 4
    assert not np.array_equal(folds, redeal(labels, groups, n_folds, seed + 1))


def test_where_no_deal_has_every_class_in_every_fold_it_is_refused() -> None:
    labels, groups = np.array([0] * 10 + [1, 1]), np.array([*range(10), 10, 11])
    with pytest.raises(ProbeError, match="no other deal of the groups has every class in each of 3 folds; add groups"):
        redeal(labels, groups, 3, 0)
    assert len(redeal(labels, groups, 2, 0)) == 12


def test_a_refit_is_the_probe_of_crossval_under_those_folds() -> None:
    labels = np.arange(120) % 2
    x = torch.randn(3, 120, 4, generator=torch.Generator().manual_seed(0))
    x[1, :, 0] += 2 * torch.from_numpy(labels)
    folds = redeal(labels, np.arange(120) // 2, 4, 7)
    found = refit([("z", x[:2]), ("z", x[2:]), ("embedding", x[1:2])], labels, folds, 2, 0.1)
    probes = probe_heads(x, torch.from_numpy(labels), torch.from_numpy(folds), 2, torch.tensor([0.1]).double())
    expected = (probes.log_proba.argmax(-1).numpy() == labels).astype(float)
    np.testing.assert_array_equal(found["z"], expected)
    np.testing.assert_array_equal(found["embedding"], expected[1:2])


def test_differences_are_taken_example_by_example_and_what_is_missing_is_left_out() -> None:
    correct, control = np.array([[True, False]]), np.array([[0.5, 0.25]])
    found = differences(correct, {"control": control, "embedding": np.array([[1.0, 1.0]]), "skyline": control})
    assert {name: values.tolist() for name, values in found.items()} == {
        "accuracy": [[1.0, 0.0]], "selectivity": [[0.5, -0.25]], "margin_embedding": [[0.0, -1.0]],
    }  # fmt: skip
    assert "selectivity" not in differences(correct, {"surface": control})


def test_replicates_are_the_means_of_drawn_groups_the_deals_in_turn() -> None:
    rng = np.random.default_rng(0)
    deals = [{"a": rng.random((2, 30)), "b": rng.random((2, 30))} for _ in range(3)]
    groups = np.arange(30) // 3
    found = replicate(deals, groups, 8, seed=5)
    assert found["a"].shape == (8, 2)
    for number, deal in enumerate(deals):
        drawn = resampled_means(deal["b"], groups, len(range(number, 8, 3)), 5 + number)
        np.testing.assert_array_equal(found["b"][number::3], drawn)


def test_scores_of_one_deal_are_drawn_together_so_that_differences_hold() -> None:
    accuracy = np.random.default_rng(1).random((1, 40))
    found = replicate([{"a": accuracy, "b": accuracy - 0.25}], np.arange(40), 50, 0)
    np.testing.assert_allclose(found["a"] - found["b"], 0.25)
    assert found["a"].std() > 0


def test_more_deals_than_replicates_is_no_error() -> None:
    deals = [{"a": np.full((1, 4), value)} for value in (0.0, 1.0, 2.0)]
    assert replicate(deals, np.arange(4), 2, 0)["a"].ravel().tolist() == [0.0, 1.0]
