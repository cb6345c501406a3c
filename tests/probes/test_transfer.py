"""Scores of probes on other data: planted heads, laws, and what is left out."""

import numpy as np
import pytest
import torch

from probes.crossval import probe_heads
from probes.joined import apply_probe, join_folds
from probes.metrics import correctness
from probes.transfer import COLUMNS, strangers, transfer_scores

WIDTH = 5


def two_datasets(seed: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Head 0 knows the label in both, head 1 by a cue that only the first has, head 2 in neither."""
    rng = np.random.default_rng(seed)
    labels, groups = np.arange(240) % 2, np.arange(240) // 4
    found = [rng.normal(size=(3, 240, WIDTH)) for _ in range(2)]
    for x in found:
        x[0, :, 0] += 3 * labels
    found[0][1, :, 1] += 3 * labels
    return found, labels, groups


@pytest.mark.parametrize("seed", range(5))
def test_what_a_head_knows_in_both_transfers_and_a_cue_of_one_does_not(seed: int) -> None:
    (first, second), labels, groups = two_datasets(seed)
    probes = probe_heads(
        torch.from_numpy(first), torch.from_numpy(labels), torch.from_numpy(groups % 5), 2, torch.tensor([0.1]).double()
    )
    at_home = correctness(probes.log_proba.numpy(), labels).mean(1)
    assert (at_home[:2] > 0.85).all()  # at home both look alike
    parts = {name: getattr(probes, name).numpy() for name in ("coef", "intercept", "mean", "scale", "strength")}
    right = correctness(apply_probe(second, join_folds(**parts)), labels)
    scores = transfer_scores(right, labels, groups, 500, 0.999, seed)
    assert ((scores["margin_low"] > 0) == [True, False, False]).all()
    # The best rule on a shift of three deviations is right with a chance of 0.933.
    assert scores["accuracy"][0] == pytest.approx(0.933, abs=0.06)
    assert (np.abs(scores["margin"][1:]) < 0.15).all()


def test_scores_follow_from_their_definitions() -> None:
    rng = np.random.default_rng(4)
    labels, groups, right = rng.integers(0, 3, 90), np.arange(90) // 3, rng.random((4, 90)) < 0.7
    scores = transfer_scores(right, labels, groups, 300, 0.9, 0)
    most = max(np.count_nonzero(labels == label) for label in range(3)) / 90
    assert scores["majority"].tolist() == [most] * 4
    np.testing.assert_allclose(scores["accuracy"], [sum(row) / 90 for row in right])
    np.testing.assert_allclose(scores["margin"], scores["accuracy"] - most)
    for name in ("accuracy", "margin"):
        assert (scores[f"{name}_low"] < scores[name]).all() and (scores[name] < scores[f"{name}_high"]).all()
    assert set(scores) <= set(COLUMNS)


def test_the_margin_is_paired_by_example() -> None:
    labels, groups = np.array([0] * 60 + [1] * 40), np.arange(100)
    scores = transfer_scores(labels[None] == 0, labels, groups, 300, 0.95, 0)  # right exactly where the majority is
    width = scores["accuracy_high"] - scores["accuracy_low"]
    assert scores["margin"].tolist() == [0.0] and width[0] > 0.15
    assert scores["margin_high"] - scores["margin_low"] < width  # no draw tells them apart


def test_the_order_of_the_examples_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    labels, groups, right = rng.integers(0, 2, 80), np.arange(80) // 4, rng.random((2, 80)) < 0.6
    order = rng.permutation(80)
    there = transfer_scores(right, labels, groups, 200, 0.95, 0)
    back = transfer_scores(right[:, order], labels[order], groups[order], 200, 0.95, 0)
    for name, values in there.items():
        np.testing.assert_allclose(back[name], values, atol=1e-12)


def test_strangers_share_neither_text_nor_group() -> None:
    texts = np.array(["a", "a", "b", "c", "A"], dtype=object)
    groups = np.array(["g", "h", "g", "i", "G"], dtype=object)
    assert strangers(texts, groups, {"a"}, {"g"}).tolist() == [False, False, False, True, True]
    assert strangers(texts, groups, set(), set()).all()
