"""Scores of many heads at once against scikit-learn, one head at a time, and against what they mean."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, roc_auc_score

from probes.metrics import auroc, balanced_accuracy, correctness, information_bits, majority

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def predictions(n_classes: int, ties: bool = False, n: int = 90) -> tuple[Floats, Ints]:
    """Return log-probabilities of 5 heads, (5, n, n_classes), from noise to good, and imbalanced labels."""
    rng = np.random.default_rng([n_classes, ties])
    labels = np.concatenate([np.arange(n_classes), (n_classes * rng.random(n - n_classes) ** 2).astype(np.int64)])
    logits = rng.normal(size=(5, n, n_classes)) + np.arange(5)[:, None, None] * np.eye(n_classes)[labels]
    log_proba = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
    return (np.round(log_proba) if ties else log_proba), labels


CASES = [(n_classes, ties) for n_classes in (2, 3, 5) for ties in (False, True)]


@pytest.mark.parametrize(("n_classes", "ties"), CASES)
def test_accuracies_are_scikit_learns(n_classes: int, ties: bool) -> None:
    log_proba, labels = predictions(n_classes, ties)
    correct = correctness(log_proba, labels)
    predicted = log_proba.argmax(-1)
    np.testing.assert_allclose(correct.mean(1), [accuracy_score(labels, row) for row in predicted])
    slow = [balanced_accuracy_score(labels, row) for row in predicted]
    np.testing.assert_allclose(balanced_accuracy(correct, labels), slow)
    assert not np.allclose(correct.mean(1), slow)  # the classes are imbalanced, so the two differ


@pytest.mark.parametrize(("n_classes", "ties"), CASES)
def test_the_area_is_scikit_learns(n_classes: int, ties: bool) -> None:
    log_proba, labels = predictions(n_classes, ties)
    classes = [1] if n_classes == 2 else range(n_classes)
    slow = [np.mean([roc_auc_score(labels == label, head[:, label]) for label in classes]) for head in log_proba]
    np.testing.assert_allclose(auroc(log_proba, labels), slow)
    assert np.ptp(slow) > 0.2


def test_the_area_of_several_classes_is_what_scikit_learn_calls_one_versus_rest() -> None:
    log_proba, labels = predictions(4)
    slow = [roc_auc_score(labels, head, multi_class="ovr", average="macro") for head in np.exp(log_proba)]
    np.testing.assert_allclose(auroc(log_proba, labels), slow)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_area_is_the_chance_of_a_right_order(n_classes: int) -> None:
    log_proba, labels = predictions(n_classes, ties=True, n=30)
    areas = []
    for label in [1] if n_classes == 2 else range(n_classes):
        ours, others = log_proba[0, labels == label, label], log_proba[0, labels != label, label]
        pairs = np.sign(ours[:, None] - others[None, :])
        areas.append(((pairs + 1) / 2).mean())  # a tie counts half
    assert auroc(log_proba, labels)[0] == pytest.approx(np.mean(areas))


def test_the_area_of_a_constant_is_one_half_and_of_the_reverse_one_minus() -> None:
    log_proba, labels = predictions(2)
    assert auroc(np.full_like(log_proba, math.log(0.5)), labels).tolist() == [0.5] * 5
    np.testing.assert_allclose(auroc(log_proba[:, :, ::-1], labels), 1 - auroc(log_proba, labels))


@pytest.mark.parametrize("n_classes", [2, 5])
def test_information_is_entropy_less_cross_entropy(n_classes: int) -> None:
    log_proba, labels = predictions(n_classes)
    shares = np.bincount(labels) / len(labels)
    entropy = -(shares * np.log2(shares)).sum()
    slow = [entropy - log_loss(labels, np.exp(head)) / math.log(2) for head in log_proba]
    np.testing.assert_allclose(information_bits(log_proba, labels), slow)


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_a_perfect_predictor_tells_the_whole_entropy(n_classes: int) -> None:
    labels = np.arange(24) % n_classes
    sure = np.where(np.eye(n_classes)[labels] == 1, 0.0, -50.0)[None]
    assert information_bits(sure, labels)[0] == pytest.approx(math.log2(n_classes))


def test_the_class_shares_alone_tell_nothing() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    shares = np.log(np.tile(np.bincount(labels) / 10, (1, 10, 1)))
    assert information_bits(shares, labels)[0] == pytest.approx(0, abs=1e-12)  # rounding
    assert information_bits(np.log(np.full((1, 10, 3), 1 / 3)), labels)[0] < -0.1


def test_a_confident_mistake_costs_more_than_is_known() -> None:
    labels = np.array([0, 1, 0, 1])
    wrong = np.log(np.array([[[0.01, 0.99], [0.99, 0.01]] * 2]))
    assert information_bits(wrong, labels)[0] < -5


def test_balanced_accuracy_does_not_reward_the_majority() -> None:
    labels = np.array([0] * 9 + [1])
    always = np.tile(np.log([0.9, 0.1]), (1, 10, 1))
    correct = correctness(always, labels)
    assert correct.mean() == pytest.approx(0.9)
    assert balanced_accuracy(correct, labels).tolist() == [0.5]


@pytest.mark.parametrize(("labels", "share"), [([0, 1], 0.5), ([2, 2, 2, 0, 1], 0.6), ([0, 0, 1], 2 / 3)])
def test_majority_is_the_share_of_the_most_frequent_class(labels: list[int], share: float) -> None:
    assert majority(np.array(labels)) == pytest.approx(share)


def test_heads_are_scored_apart() -> None:
    log_proba, labels = predictions(3)
    order = [4, 2, 0, 1, 3]
    for score in (auroc, information_bits, lambda p, y: balanced_accuracy(correctness(p, y), y)):
        np.testing.assert_allclose(score(log_proba[order], labels), score(log_proba, labels)[order])
        np.testing.assert_allclose(score(log_proba[2:3], labels), score(log_proba, labels)[2:3])
