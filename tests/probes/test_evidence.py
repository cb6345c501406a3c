"""The columns of evidence are those of the functions they are made with."""

import numpy as np
import pytest

from probes.evidence import Bootstrap, comparison_columns, score_columns
from probes.intervals import cluster_bootstrap
from probes.metrics import auroc, balanced_accuracy, information_bits, log_loss
from probes.table import COLUMNS

HOW = Bootstrap(200, 0.95, 1)


def predictions(n_classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 90, n_classes))
    log_proba = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return log_proba.astype(np.float32), np.arange(90) % n_classes, np.arange(90) // 3


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_are_those_of_the_metrics(n_classes: int) -> None:
    log_proba, labels, groups = predictions(n_classes)
    columns = score_columns(log_proba, labels, groups, HOW)
    correct = log_proba.argmax(-1) == labels
    low, high = cluster_bootstrap(correct, groups, 200, 0.95, 1)
    expected = {
        **{"accuracy": correct.mean(1), "accuracy_low": low, "accuracy_high": high},
        **{"balanced_accuracy": balanced_accuracy(correct, labels), "auroc": auroc(log_proba, labels)},
        **{"log_loss": log_loss(log_proba, labels), "information_bits": information_bits(log_proba, labels)},
    }
    assert columns.keys() == expected.keys() <= COLUMNS.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(columns[name], values)


def test_a_head_that_gives_class_shares_has_no_information_and_their_entropy_as_loss() -> None:
    labels = np.array([0, 0, 0, 1])
    shares = np.log(np.broadcast_to([0.75, 0.25], (1, 4, 2)))
    columns = score_columns(shares.astype(np.float32), labels, np.arange(4), HOW)
    assert columns["information_bits"][0] == pytest.approx(0, abs=1e-6)
    assert columns["log_loss"][0] == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25), abs=1e-6)


def test_comparisons_have_the_columns_of_the_table() -> None:
    log_proba, labels, groups = predictions()
    correct = log_proba.argmax(-1) == labels
    rng = np.random.default_rng(1)
    baselines = {"control": rng.random((4, 90)), "surface": rng.random((1, 90)), "skyline": rng.random((4, 90))}
    columns = comparison_columns(correct, baselines, groups, HOW)
    assert set(columns) == {
        *("control_accuracy", "selectivity", "selectivity_low", "selectivity_high"),
        *("surface", "margin_surface", "margin_surface_low", "margin_surface_high"),
        *("skyline", "margin_skyline", "margin_skyline_low", "margin_skyline_high"),
    }
    assert set(columns) < set(COLUMNS)
    for name, right in (("control_accuracy", "control"), ("surface", "surface"), ("skyline", "skyline")):
        np.testing.assert_allclose(columns[name], np.broadcast_to(baselines[right].mean(1), 4))
    np.testing.assert_allclose(columns["selectivity"], correct.mean(1) - columns["control_accuracy"])


def test_what_was_not_measured_has_no_column() -> None:
    log_proba, labels, groups = predictions()
    columns = comparison_columns(log_proba.argmax(-1) == labels, {"surface": np.ones((1, 90))}, groups, HOW)
    assert "selectivity" not in columns and "margin_surface" in columns
