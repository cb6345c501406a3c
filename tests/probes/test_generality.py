"""Probes of other variants: what they may see, what they find, and what cannot be asked."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from probes.errors import ProbeError
from probes.evidence import Bootstrap
from probes.generality import Elsewhere, check_variants, general_columns, probe_other_variants

N, FOLDS = 240, 4
NUMBER = np.arange(N)
LABELS, GROUPS, FOLD = NUMBER % 2, NUMBER // 4, NUMBER // 4 % FOLDS
VARIANTS = NUMBER // 2 % 2  # each group has both variants with both labels
HOW = Bootstrap(400, 0.95, 0)


def heads(seed: int = 0) -> torch.Tensor:
    """Return one head that knows, one that knows in variant 0 alone, one that turns round, one that knows nothing."""
    x = np.random.default_rng(seed).normal(size=(4, N, 5))
    x[0, :, 0] += 4 * LABELS
    x[1, :, 0] += 4 * LABELS * (VARIANTS == 0)
    x[1, :, 1] += 4 * LABELS * (VARIANTS == 1)
    x[2, :, 0] += 4 * (LABELS ^ VARIANTS)
    return torch.from_numpy(x).float()


def elsewhere(x: torch.Tensor, labels: np.ndarray = LABELS, variants: np.ndarray = VARIANTS) -> Elsewhere:
    parts = (torch.from_numpy(part) for part in (labels, FOLD, variants))
    return probe_other_variants(x, *parts, 2, torch.tensor([0.1]).double(), 199, 0)


def probe(x: torch.Tensor, labels: np.ndarray = LABELS, variants: np.ndarray = VARIANTS) -> np.ndarray:
    return elsewhere(x, labels, variants).log_proba


def columns(
    correct: np.ndarray, variants: np.ndarray = VARIANTS, turned: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    chance = np.full((2, len(correct), 199), 0.5) if turned is None else turned
    return general_columns(correct, chance, LABELS, GROUPS, variants, ["a", "b"], HOW)


def test_every_probability_is_that_of_scikit_learn_on_the_other_variant_and_folds() -> None:
    x = heads()
    found = probe(x)
    for variant in (0, 1):
        for fold in range(FOLDS):
            train = (variant != VARIANTS) & (fold != FOLD) & ((fold + 1) % FOLDS != FOLD)
            rows = (variant == VARIANTS) & (fold == FOLD)
            for head in range(4):
                oracle = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-10, max_iter=1000))
                oracle.fit(x[head, train].double().numpy(), LABELS[train])
                expected = oracle.predict_log_proba(x[head, rows].double().numpy())
                np.testing.assert_allclose(found[head, rows], expected, atol=2e-3)


def test_a_head_that_knows_is_general_and_those_that_know_one_wording_are_not() -> None:
    found = columns(probe(heads()).argmax(-1) == LABELS)
    assert (found["margin_general_low"] > 0).tolist() == [True, False, False, False]
    assert found["general_accuracy"][0] > 0.9
    assert found["general_accuracy"][2] < 0.1


def separating(seed: int, share: float) -> torch.Tensor:
    """Return heads that separate the classes of each variant along directions that have `share` in common."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, N, 12))
    for head in x:
        first, other = rng.normal(size=(2, 12))
        second = share * first + (1 - share) * other
        for variant, direction in enumerate((first, second)):
            rows = variant == VARIANTS
            head[rows] += np.outer(2 * LABELS[rows] - 1, 1.5 * direction / np.linalg.norm(direction))
    return torch.from_numpy(x).float()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_heads_that_share_no_direction_beat_majority_by_chance_and_are_told_from_those_that_share_one(
    share: float,
) -> None:
    lucky, called = [], []
    for seed in range(12):
        found = elsewhere(separating(seed, share))
        table = columns(found.log_proba.argmax(-1) == LABELS, turned=found.turned)
        lucky.append(table["margin_general_low"] > 0)
        called.append((table["margin_general_low"] > 0) & (table["p_general"] < 0.05))
    assert np.mean(lucky) > 0.05
    if share:
        assert np.mean(called) > 0.8
    else:
        assert np.mean(np.any(called, axis=1)) <= 0.15


def test_the_labels_of_the_tested_fold_and_variant_move_nothing_there() -> None:
    x, other = heads(), LABELS.copy()
    hidden = (VARIANTS == 1) & (FOLD == 2)
    other[hidden] = 1 - other[hidden]
    np.testing.assert_array_equal(probe(x)[:, hidden], probe(x, other)[:, hidden])
    seen = (VARIANTS == 0) & (FOLD == 0)  # whose probes train on variant 1, fold 2
    assert not np.array_equal(probe(x)[:, seen], probe(x, other)[:, seen])


def test_an_example_of_no_variant_takes_no_part() -> None:
    variants = np.where(NUMBER % 24 < 4, -1, VARIANTS)
    found = probe(heads(), variants=variants)
    assert np.isnan(found[:, variants == -1]).all() and not np.isnan(found[:, variants != -1]).any()
    changed = heads()
    changed[:, variants == -1] += 100
    np.testing.assert_array_equal(probe(changed, variants=variants), found)


def test_permuting_heads_permutes_the_columns() -> None:
    order = [2, 0, 3, 1]
    one, other = (columns(probe(x).argmax(-1) == LABELS) for x in (heads(), heads()[order]))
    for name in one:
        assert other[name].tolist() == one[name][order].tolist()


def test_the_weakest_variant_speaks_for_the_head_over_its_own_majority() -> None:
    variants = np.where(NUMBER < 160, 0, 1)
    correct = np.where(variants == 0, True, NUMBER % 4 != 0)[None]
    found = columns(correct, variants)
    assert found["general_variant"].tolist() == ["b"]
    assert found["general_accuracy"][0] == 0.75
    assert found["margin_general"][0] == 0.25
    assert found["margin_general_low"][0] < 0.25 < found["margin_general_high"][0]


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (np.zeros(N, dtype=int), "1 variant; at least 2 are needed"),
        (np.full(N, -1), "0 variants; at least 2 are needed"),
        (LABELS, "a variant has examples of one class only"),
        (np.where(FOLD == 1, 0, VARIANTS), "without one of the variants a class is missing from a fold"),
    ],
)
def test_what_cannot_be_held_out_is_refused(variants: np.ndarray, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        check_variants(LABELS, FOLD, variants)
    check_variants(LABELS, FOLD, VARIANTS)
