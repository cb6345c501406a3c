"""Probes applied to other data: the arithmetic against slow loops, the scores against laws, and what is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.metrics import correctness
from probes.transfer import COLUMNS, apply_probes, strangers, transfer_scores

Probes = dict[str, np.ndarray]
HEADS, FOLDS, WIDTH, N = 3, 4, 5, 12


def random_probes(n_logits: int, rng: np.random.Generator) -> Probes:
    shape = (HEADS, FOLDS)
    return {
        "coef": rng.normal(size=(*shape, n_logits, WIDTH)).astype(np.float32),
        "intercept": rng.normal(size=(*shape, n_logits)).astype(np.float32),
        "mean": rng.normal(size=(*shape, WIDTH)).astype(np.float32),
        "scale": rng.uniform(0.5, 2, size=(*shape, WIDTH)).astype(np.float32),
    }


def slowly(x: np.ndarray, probes: Probes, head: int, example: int) -> list[float]:
    """Return the log-probabilities of one example: every fold's probe by itself, averaged, made to add up to one."""
    said = []
    for k in range(probes["coef"].shape[1]):
        scaled = [(float(x[head, example, i]) - float(probes["mean"][head, k, i])) for i in range(x.shape[2])]
        scaled = [value / float(probes["scale"][head, k, i]) for i, value in enumerate(scaled)]
        logits = [
            sum(float(w) * value for w, value in zip(weights, scaled, strict=True)) + float(start)
            for weights, start in zip(probes["coef"][head, k], probes["intercept"][head, k], strict=True)
        ]
        logits = [0.0, *logits] if len(logits) == 1 else logits
        total = math.log(sum(math.exp(logit) for logit in logits))
        said.append([logit - total for logit in logits])
    mean = [sum(column) / len(said) for column in zip(*said, strict=True)]
    total = math.log(sum(math.exp(value) for value in mean))
    return [value - total for value in mean]


@pytest.mark.parametrize(("n_logits", "n_classes"), [(1, 2), (3, 3), (4, 4)])
def test_the_folds_together_equal_a_slow_loop(n_logits: int, n_classes: int) -> None:
    rng = np.random.default_rng(n_logits)
    x, probes = rng.normal(size=(HEADS, N, WIDTH)).astype(np.float16), random_probes(n_logits, rng)
    found = apply_probes(x, **probes)
    assert found.shape == (HEADS, N, n_classes) and found.dtype == np.float64
    slow = [[slowly(x, probes, head, example) for example in range(N)] for head in range(HEADS)]
    np.testing.assert_allclose(found, slow, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1)


@pytest.mark.parametrize("n_logits", [1, 3])
def test_a_large_mean_costs_no_digits(n_logits: int) -> None:
    rng = np.random.default_rng(0)
    x, probes = rng.normal(size=(HEADS, N, WIDTH)).astype(np.float32), random_probes(n_logits, rng)
    moved = probes | {"mean": np.round(probes["mean"] * 64) / 64 + 4096}  # exact in single precision, as are these x
    x = np.round(x * 64) / 64
    near = probes | {"mean": np.round(probes["mean"] * 64) / 64}
    np.testing.assert_allclose(apply_probes(x + 4096, **moved), apply_probes(x, **near), atol=1e-9)


def test_equal_folds_say_what_one_says() -> None:
    rng = np.random.default_rng(1)
    x, probes = rng.normal(size=(HEADS, N, WIDTH)), random_probes(3, rng)
    one = {name: array[:, :1] for name, array in probes.items()}
    four = {name: np.repeat(array, 4, axis=1) for name, array in one.items()}
    np.testing.assert_allclose(apply_probes(x, **four), apply_probes(x, **one), atol=1e-12)


def test_permuted_heads_give_permuted_results() -> None:
    rng = np.random.default_rng(2)
    x, probes, order = rng.normal(size=(HEADS, N, WIDTH)), random_probes(1, rng), [2, 0, 1]
    permuted = {name: array[order] for name, array in probes.items()}
    np.testing.assert_array_equal(apply_probes(x[order], **permuted), apply_probes(x, **probes)[order])


@pytest.mark.parametrize(
    "change",
    [
        lambda x, probes: (x[:2], probes),
        lambda x, probes: (x[:, :, :4], probes),
        lambda x, probes: (x, probes | {"mean": probes["mean"][:, :3]}),
        lambda x, probes: (x, probes | {"intercept": probes["intercept"][..., :1]}),
        lambda x, probes: (x, probes | {"scale": probes["scale"][:, :, :1]}),
    ],
)
def test_probes_of_another_shape_are_refused(change: Callable[..., tuple[np.ndarray, Probes]]) -> None:
    rng = np.random.default_rng(3)
    x, probes = change(rng.normal(size=(HEADS, N, WIDTH)), random_probes(3, rng))
    with pytest.raises(ProbeError, match=r"transfer: head outputs of shape .* expected \(n_heads, .*train the probes"):
        apply_probes(x, **probes)


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
    parts = {name: getattr(probes, name).numpy() for name in ("coef", "intercept", "mean", "scale")}
    right = correctness(apply_probes(second, **parts), labels)
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
