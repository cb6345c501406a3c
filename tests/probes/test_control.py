"""Control labels, against their definition and slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.control import check_control, control_labels, recurring
from probes.errors import ProbeError

Ints = np.ndarray
SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=30)


def cell(sizes: list[int], n_classes: int, seed: int = 0) -> tuple[Ints, list[str]]:
    """Return labels of all classes and keys that occur as often as the sizes say, mixed up."""
    keys = np.repeat([f"key {number}" for number in range(len(sizes))], sizes)
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=max(0, len(keys) - n_classes))])
    return labels[: len(keys)], rng.permutation(keys).tolist()


@settings(max_examples=60)
@given(sizes=SIZES, n_classes=st.integers(2, 4), seed=st.integers(0, 9))
def test_a_key_has_one_label_wherever_it_occurs(sizes: list[int], n_classes: int, seed: int) -> None:
    labels, keys = cell(sizes, n_classes)
    draws = control_labels(labels, keys, 3, seed)
    assert draws.shape == (3, len(labels)) and draws.dtype == np.int64
    for draw in draws:
        assert len({(key, label) for key, label in zip(keys, draw.tolist(), strict=True)}) == len(sizes)


@settings(max_examples=60)
@given(sizes=SIZES, n_classes=st.integers(2, 4), seed=st.integers(0, 9))
def test_classes_are_as_frequent_as_they_were_up_to_half_a_key_at_each_border(
    sizes: list[int], n_classes: int, seed: int
) -> None:
    labels, keys = cell(sizes, n_classes)
    real = np.bincount(labels, minlength=n_classes)
    for draw in control_labels(labels, keys, 3, seed):
        drawn = np.bincount(draw, minlength=n_classes)
        assert (np.abs(drawn - real) <= max(sizes)).all()  # a class lies between two borders at most


def test_with_keys_of_one_example_the_frequencies_are_exact() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    for draw in control_labels(labels, [str(number) for number in range(100)], 5, seed=1):
        assert np.bincount(draw).tolist() == [50, 30, 20]


def test_the_order_of_the_rows_does_not_matter() -> None:
    labels, keys = cell([5] * 20, 3)
    order = np.random.default_rng(3).permutation(len(keys))
    straight = control_labels(labels, keys, 4, seed=2)
    mixed = control_labels(labels[order], [keys[row] for row in order], 4, seed=2)
    assert (mixed == straight[:, order]).all()


def test_a_seed_gives_the_same_draws_and_another_gives_others() -> None:
    labels, keys = cell([5] * 20, 2)
    draws = control_labels(labels, keys, 4, seed=2)
    assert (draws == control_labels(labels, keys, 4, seed=2)).all()
    assert (draws != control_labels(labels, keys, 4, seed=3)).any()
    assert (draws[:2] == control_labels(labels, keys, 2, seed=2)).all()  # the first do not depend on how many follow


def test_draws_differ_and_know_nothing_of_the_labels() -> None:
    labels, keys = cell([2] * 500, 2)
    draws = control_labels(labels, keys, 40, seed=0)
    assert len(np.unique(draws, axis=0)) == 40
    agree = (draws == labels).mean(1)
    # 500 keys, each of one label: a share of 1/2 with deviation at most 1 / (2 sqrt(500)) = 2.2 %, of 40 draws 0.35 %.
    assert abs(agree.mean() - 0.5) < 0.02
    assert agree.max() < 0.6


def test_every_key_gets_every_label_in_some_draw() -> None:
    labels, keys = cell([4] * 12, 3)
    draws = control_labels(labels, keys, 60, seed=0)
    of_key = draws[:, [keys.index(f"key {number}") for number in range(12)]]
    assert all(len(np.unique(column)) == 3 for column in of_key.T)  # missed with chance 12 * 3 * (2 / 3)^60


@settings(max_examples=60)
@given(data=st.data(), n_folds=st.integers(3, 5))
def test_recurring_is_what_a_slow_loop_finds(data: st.DataObject, n_folds: int) -> None:
    folds = np.array([*range(n_folds), *data.draw(st.lists(st.integers(0, n_folds - 1), max_size=20))])
    keys = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=len(folds), max_size=len(folds)))
    slow = [
        any(
            key == other and fold not in (folds[row], (folds[row] + 1) % n_folds)
            for other, fold in zip(keys, folds, strict=True)
        )
        for row, key in enumerate(keys)
    ]
    assert recurring(keys, folds).tolist() == slow


FOLDS = np.arange(40) % 4
LABELS = np.arange(40) // 4 % 2
KEYS = [f"key {number % 10}" for number in range(40)]
DRAWS = np.array([[int(key[-1]) % 2 for key in KEYS]])


def test_controls_that_can_be_learnt_are_let_through() -> None:
    check_control(LABELS, KEYS, FOLDS, DRAWS)
    check_control(LABELS, KEYS, FOLDS, control_labels(LABELS, KEYS, 3, seed=0))


def test_a_missing_key_is_refused() -> None:
    with pytest.raises(ProbeError, match=r"^the dataset has no control key$"):
        check_control(LABELS, [*KEYS[:-1], None], FOLDS, DRAWS)
    with pytest.raises(ProbeError, match="no control key"):
        check_control(LABELS, [None] * 40, FOLDS, np.empty((0, 40), dtype=np.int64))


def test_keys_that_never_recur_are_refused() -> None:
    with pytest.raises(ProbeError, match="no control key recurs between training and test"):
        check_control(LABELS, [str(row) for row in range(40)], FOLDS, DRAWS)
    with pytest.raises(ProbeError, match="no control key recurs between training and test"):
        check_control(LABELS, [str(fold) for fold in FOLDS], FOLDS, DRAWS)  # each lives in one fold


def test_one_key_that_recurs_is_enough() -> None:
    keys = [str(row) for row in range(40)]
    keys[2] = keys[0]  # folds 0 and 2
    check_control(LABELS, keys, FOLDS, DRAWS)


def test_a_control_class_that_a_training_set_lacks_is_refused() -> None:
    draws = np.where(np.isin(FOLDS, [0, 1]), DRAWS, 0)  # the probe of fold 0 trains on folds 2 and 3
    with pytest.raises(ProbeError, match="10 control keys are too few to give every training set all classes"):
        check_control(LABELS, KEYS, FOLDS, np.concatenate([DRAWS, draws]))
