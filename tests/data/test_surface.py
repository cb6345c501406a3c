import time

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from data.surface import surface_accuracy, surface_predictions

WORDS = [f"w{i}" for i in range(40)]


def _noise(n: int, seed: int) -> tuple[list[str], list[str], list[int]]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=6)) for _ in range(n)]
    return texts, list(rng.choice(["x", "y"], size=n)), [i % 4 for i in range(n)]


def _slow(texts: list[str], labels: list[str], folds: list[int], grid: list[float]) -> list[str]:
    """The protocol spelt out, with another solver."""
    predicted = [""] * len(texts)
    for fold in sorted(set(folds)):
        tune = (fold + 1) % (max(folds) + 1)
        train = [i for i, there in enumerate(folds) if there not in (fold, tune)]
        words = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=r"\w+|[^\w\s]")
        bags = words.fit_transform([texts[i] for i in train])
        best, best_loss = None, np.inf
        for c in grid:
            probe = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(bags, [labels[i] for i in train])
            losses = []
            for i in [i for i, there in enumerate(folds) if there == tune]:
                chance = probe.predict_proba(words.transform([texts[i]]))[0]
                losses.append(-np.log(chance[list(probe.classes_).index(labels[i])]))
            if np.mean(losses) < best_loss:
                best, best_loss = probe, float(np.mean(losses))
        assert best is not None
        for i in [i for i, there in enumerate(folds) if there == fold]:
            predicted[i] = str(best.predict(words.transform([texts[i]]))[0])
    return predicted


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_equals_the_slow_protocol(n_classes: int) -> None:
    texts, _, folds = _noise(60, seed=n_classes)
    labels = [str((len(set(text.split())) + int(text[1])) % n_classes) for text in texts]
    grid = [0.01, 0.1, 1.0, 10.0]
    slow = _slow(texts, labels, folds, grid)
    assert surface_predictions(texts, labels, folds, grid) == slow
    right = sum(guess == label for guess, label in zip(slow, labels, strict=True))
    assert surface_accuracy(texts, labels, folds, grid) == right / 60


def test_an_example_is_predicted_without_its_own_label() -> None:
    texts, labels, folds = _noise(120, seed=0)
    other = ["y" if label == "x" else "x" for label in labels[:4]] + labels[4:]  # folds 0 to 3, one each
    before, after = surface_predictions(texts, labels, folds), surface_predictions(texts, other, folds)
    assert before != after  # they train and choose for the folds that they are not in
    alone = [other[0], *labels[1:]]
    changed = surface_predictions(texts, alone, folds)
    assert [changed[i] for i in range(0, 120, 4)] == [before[i] for i in range(0, 120, 4)]


def test_predictions_keep_the_order_of_the_examples() -> None:
    texts, labels, folds = _noise(120, seed=1)
    texts = [f"{text} {label * 3}" for text, label in zip(texts, labels, strict=True)]
    order = np.random.default_rng(0).permutation(120)
    assert surface_predictions(texts, labels, folds) == labels
    shuffled = ([column[i] for i in order] for column in (texts, labels, folds))
    assert surface_predictions(*shuffled) == [labels[i] for i in order]


def test_it_finds_a_planted_word() -> None:
    texts, labels, folds = _noise(120, seed=0)
    planted = [f"{text} {'yes' if label == 'x' else 'no'}" for text, label in zip(texts, labels, strict=True)]
    assert surface_accuracy(planted, labels, folds) == 1.0


def test_it_finds_a_planted_mark() -> None:
    texts, labels, folds = _noise(120, seed=0)
    planted = [f"{text}{'?' if label == 'x' else '!'}" for text, label in zip(texts, labels, strict=True)]
    assert surface_accuracy(planted, labels, folds) == 1.0


def test_it_finds_nothing_in_noise() -> None:
    assert surface_accuracy(*_noise(600, seed=0)) == pytest.approx(0.5, abs=0.08)  # 4 standard errors


def test_it_sees_words_not_their_places() -> None:
    texts = ["a b c d"] * 30
    assert surface_accuracy(texts, ["x", "y"] * 15, [i // 10 for i in range(30)]) == 0.5


def test_it_takes_seconds_at_most() -> None:
    started = time.perf_counter()
    surface_accuracy(*_noise(1500, seed=0))
    assert time.perf_counter() - started < 15
