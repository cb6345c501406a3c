"""Chance directions: the accuracies against slow loops, their calibration where nothing is shared, and their power."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import torch

from probes.crossval import probe_heads
from probes.joined import Probe, apply_probe, join_folds
from probes.metrics import correctness
from probes.transfer import transfer_scores
from probes.turned import _accuracies, _spread, turned_accuracies, turned_columns

PARTS = ("coef", "intercept", "mean", "scale", "strength")


def random_probe(n_logits: int, width: int, rng: np.random.Generator, n_heads: int = 2) -> Probe:
    return Probe(
        weights=rng.normal(size=(n_heads, n_logits, width)),
        intercept=rng.normal(size=(n_heads, n_logits)) / 4,
        mean=rng.normal(size=(n_heads, width)),
        scale=rng.uniform(0.5, 2, size=(n_heads, width)),
        strength=np.full((n_heads, 5), 0.1),
    )


@pytest.mark.parametrize(("n_logits", "width"), [(1, 4), (3, 6), (4, 3)])
def test_a_frame_turned_to_the_weights_own_span_gives_the_probe_itself(n_logits: int, width: int) -> None:
    rng = np.random.default_rng(n_logits)
    probe, labels = random_probe(n_logits, width, rng), rng.integers(0, max(2, n_logits), 60)
    x = rng.normal(size=(2, 60, width))
    itself = correctness(apply_probe(x, probe), labels).mean(1)
    for head in range(2):
        u = (x[head] - probe.mean[head]) / probe.scale[head]
        own = np.linalg.qr(probe.weights[head].T)[0].T
        found = _accuracies(u, labels, probe.weights[head], probe.intercept[head], np.stack([own, own]))
        assert found.tolist() == [itself[head]] * 2


def test_a_turned_probe_keeps_its_length_and_intercept() -> None:
    u, labels = np.array([[2.0, 0.0], [0.0, 2.0], [0.5, 0.5]]), np.array([0, 1, 0])
    turn = np.array([[[0.0, 7.0]]])  # its own length does not count
    # weight (3, 0) becomes (0, 3) up to its sign, which the QR chooses; logits 0 - 1, 6 - 1, 1.5 - 1 or their opposites
    either = [np.array([-1.0, 5.0, 0.5]), np.array([-1.0, -7.0, -2.5])]
    allowed = [float(np.mean((logits > 0) == labels)) for logits in either]
    (found,) = _accuracies(u, labels, np.array([[3.0, 0.0]]), np.array([-1.0]), turn)
    assert found in allowed


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, labels, probe = rng.normal(size=(2, 50, 6)), rng.integers(0, 3, 50), random_probe(3, 6, rng)
    whole = turned_accuracies(x, labels, probe, 30, 40, 0)
    monkeypatch.setattr("probes.turned.BLOCK", 50 * 3 * 7)
    np.testing.assert_array_equal(turned_accuracies(x, labels, probe, 30, 40, 0), whole)


def test_directions_spread_as_probes_of_random_labels_do() -> None:
    """The weights that the solver finds for labels without meaning have the covariance of the turns."""
    rng = np.random.default_rng(1)
    n, draws = 300, 150
    mixed = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.9, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 1.0]])
    x = (mixed - mixed.mean(0)) / mixed.std(0)
    found = []
    for _ in range(draws):
        labels = rng.permutation(np.arange(n) % 2)
        probes = probe_heads(
            torch.from_numpy(x)[None], torch.from_numpy(labels), torch.arange(n) % 5, 2, torch.tensor([0.01]).double()
        )
        found.append(join_folds(*(getattr(probes, name).float().numpy() for name in PARTS)).weights[0, 0])
    weights = np.stack(found)
    spread = _spread(x, np.arange(n) % 2, 1, 0.6 * n, np.full(5, 0.01))
    expected, measured = spread @ spread.T, weights.T @ weights / draws
    np.testing.assert_allclose(measured / np.trace(measured), expected / np.trace(expected), atol=0.08)


def two_models(seed: int, shared: float, width: int = 16, n_heads: int = 12) -> dict[str, Any]:
    """Two datasets whose labels every head separates, along directions that agree as much as `shared` says."""
    rng = np.random.default_rng(seed)
    labels, groups = np.arange(320) % 2, np.arange(320) // 4
    mix = rng.normal(size=(n_heads, width, width)) * np.exp(-3 * np.arange(width) / width)[:, None]
    deviation = np.sqrt((mix**2).sum((1, 2)) / width)[:, None]
    one, other = (
        drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        for drawn in (np.einsum("hd,hde->he", rng.normal(size=(n_heads, width)), mix) for _ in range(2))
    )
    along = (one, shared * one + np.sqrt(1 - shared**2) * other)
    first, second = (
        np.einsum("hnd,hde->hne", rng.normal(size=(n_heads, 320, width)), mix)
        + 2 * (deviation * way)[:, None] * labels[:, None]
        for way in along
    )
    strengths = torch.tensor([0.01, 0.1, 1.0]).double()
    probes = probe_heads(torch.from_numpy(first), torch.from_numpy(labels), torch.from_numpy(groups % 5), 2, strengths)
    probe = join_folds(*(getattr(probes, name).float().numpy() for name in PARTS))
    right = correctness(apply_probe(second, probe), labels)
    scores = transfer_scores(right, labels, groups, 300, 0.95, 0)
    turned = turned_accuracies(second, labels, probe, 0.6 * 320, 299, seed)
    return scores | turned_columns(scores["accuracy"], turned, 320)


def test_heads_that_share_nothing_are_seldom_found_though_their_margins_often_lie_above_zero() -> None:
    runs = [two_models(seed, shared=0) for seed in range(20)]
    above = np.mean([run["margin_low"] > 0 for run in runs])
    assert above > 0.15  # the interval alone would call one head in five general
    assert np.mean([(run["p_value"] < 0.05).any() for run in runs]) <= 0.2  # 4 of 20: a chance of 1.6 % at 5 % each
    assert np.mean([run["p_turned"] < 0.05 for run in runs]) < 0.08


def test_heads_that_share_what_separates_the_classes_are_found() -> None:
    runs = [two_models(seed, shared=1) for seed in range(5)]
    assert np.mean([run["p_value"] < 0.05 for run in runs]) > 0.9


def test_family_wise_values_follow_from_their_definition() -> None:
    rng = np.random.default_rng(2)
    turned, accuracy = rng.uniform(0.4, 0.6, size=(3, 99)), np.array([0.7, 0.55, 0.3])
    columns = turned_columns(accuracy, turned, 50)
    normal = NormalDist()
    far = [[normal.inv_cdf((value * 50 + 0.5) / 51) for value in row] for row in turned]
    for head in range(3):
        single = 1 + sum(value >= accuracy[head] for value in turned[head])
        assert columns["p_turned"][head] == pytest.approx(single / 100)
        reached = (normal.inv_cdf((accuracy[head] * 50 + 0.5) / 51) - np.mean(far[head])) / np.std(far[head])
        family = 1 + sum(max((row[draw] - np.mean(row)) / np.std(row) for row in far) >= reached for draw in range(99))
        assert columns["p_value"][head] == pytest.approx(family / 100)
    assert (columns["p_value"] >= columns["p_turned"]).all()


def test_a_head_that_no_turn_changes_has_no_evidence() -> None:
    columns = turned_columns(np.array([0.5, 0.9]), np.stack([np.full(99, 0.5), np.linspace(0.4, 0.6, 99)]), 50)
    assert columns["p_turned"][0] == 1
    assert columns["p_value"][0] > 0.5 and columns["p_value"][1] == 0.01


def test_the_same_seed_gives_the_same_turns() -> None:
    rng = np.random.default_rng(3)
    x, labels, probe = rng.normal(size=(2, 40, 5)), np.arange(40) % 2, random_probe(1, 5, rng)
    first, again, other = (turned_accuracies(x, labels, probe, 24, 50, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
