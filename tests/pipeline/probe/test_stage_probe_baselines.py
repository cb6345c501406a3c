"""The baselines of the probe stage: what each is, the paired margins, and what is said where one is missing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.store import residual_name, untrained_name, z_name
from probes.baselines import project as projections
from probes.control import control_labels
from probes.crossval import probe_heads

N, HEADS, WIDTH = 240, 4, 6
BASELINES = ("majority", "surface", "embedding", "untrained", "projection", "skyline")


def targets(project: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """Return labels, folds and groups in the order of the store, and the rows."""
    rows = pd.read_parquet(project.labels).set_index("example_id").loc[project.stored_ids()]
    groups = np.unique(rows["group"], return_inverse=True)[1]
    return (rows["label"] == "yes").to_numpy().astype(np.int64), np.array(rows["fold"]), groups, rows


def accuracies(project: Any, x: np.ndarray, labels: np.ndarray | None = None) -> list[float]:
    """Return the accuracy of probes on x, (n_heads, n_examples, d), outside the stage."""
    real, folds, _, _ = targets(project)
    target = torch.from_numpy(real if labels is None else labels)
    strengths = torch.tensor(project.grid, dtype=torch.float64)
    probes = probe_heads(torch.from_numpy(x), target, torch.from_numpy(folds), 2, strengths)
    accuracy: list[float] = (probes.log_proba.argmax(-1) == target).double().mean(1).tolist()
    return accuracy


def test_each_baseline_is_the_probe_of_its_array(project: Any) -> None:
    project.run()
    heads = project.heads()
    _, _, _, rows = targets(project)
    predicted = pd.read_parquet(project.labels.with_name("surface.parquet")).set_index("example_id")["predicted"]
    assert set(heads["surface"]) == {(predicted.loc[rows.index] == rows["label"]).mean()}
    assert set(heads["embedding"]) == set(accuracies(project, project.stored("embedding")[None]))
    for layer in range(2):
        mine = heads[heads["layer"] == layer]
        z = project.stored(untrained_name(layer)).transpose(1, 0, 2)
        assert mine["untrained"].tolist() == accuracies(project, z)
        entering = torch.from_numpy(project.stored(residual_name(layer)))
        assert mine["projection"].tolist() == accuracies(project, projections(entering, HEADS, WIDTH, layer).numpy())
        leaving = project.stored(residual_name(1) if layer == 0 else "residual/final")
        assert set(mine["skyline"]) == set(accuracies(project, leaving[None]))
    assert (heads["skyline"] > 0.95).tolist() == [False] * 4 + [True] * 4  # the label stands in the last stream alone


def test_control_accuracy_is_the_mean_over_the_control_tasks(project: Any) -> None:
    project.run()
    heads = project.heads()
    labels, _, _, rows = targets(project)
    draws = control_labels(labels, rows["control_key"].tolist(), 2, 0)
    for layer in range(2):
        z = project.stored(z_name(layer)).transpose(1, 0, 2)
        by_hand = np.mean([accuracies(project, z, draw) for draw in draws], axis=0)
        np.testing.assert_allclose(heads.loc[heads["layer"] == layer, "control_accuracy"], by_hand, atol=1e-12)
    np.testing.assert_allclose(heads["selectivity"], heads["accuracy"] - heads["control_accuracy"], atol=1e-12)


def test_the_head_that_knows_the_key_learns_control_labels_and_is_not_selective(project: Any) -> None:
    project.run()
    heads = project.heads().set_index(["layer", "head"])
    assert heads.loc[(0, 1), "control_accuracy"] > 0.8
    assert heads.loc[(0, 1), "selectivity_high"] < 0
    assert heads.loc[(1, 2), "control_accuracy"] < 0.65
    assert heads.loc[(1, 2), "selectivity_low"] > 0.1


@pytest.mark.parametrize("name", BASELINES)
def test_a_margin_is_the_difference_inside_its_interval(project: Any, name: str) -> None:
    project.run()
    heads = project.heads()
    margin, low, high = (heads[f"margin_{name}{end}"] for end in ("", "_low", "_high"))
    np.testing.assert_allclose(margin, heads["accuracy"] - heads[name], atol=1e-12)
    assert ((low <= margin) & (margin <= high) & (low < high)).all()


def test_margins_are_paired(project: Any) -> None:
    """A twin that errs on nearly the same examples leaves a margin known better than the accuracies are."""
    arrays = project.arrays_by_id()
    noise = np.random.default_rng(3).normal(size=arrays[z_name(1)].shape)
    arrays[untrained_name(1)] = (arrays[z_name(1)] + 0.3 * noise).astype(np.float32)
    project.write_store(arrays, sorted(project.stored_ids()))
    project.run()
    heads = project.heads().set_index(["layer", "head"])
    assert abs(heads.loc[(1, 2), "margin_untrained"]) < 0.05
    width = heads["margin_untrained_high"] - heads["margin_untrained_low"]
    alone = heads["accuracy_high"] - heads["accuracy_low"]
    assert width[1, 2] < alone[1, 2] / 1.2
    assert (width[0] > alone[0]).all()  # two independent heads differ by more than each alone


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([None] * N, "the dataset has no control key"),
        ([f"k{i // 4}" for i in range(N)], "no control key recurs between training and test"),
        (["k"] * N, "1 control keys are too few"),
    ],
)
def test_selectivity_is_refused_where_control_labels_cannot_be_learnt(
    project: Any, keys: list[str | None], reason: str
) -> None:
    project.change_labels(control_key=keys)
    project.run()
    heads, content = project.heads(), project.summary()
    for name in ("control_accuracy", "selectivity", "selectivity_low", "selectivity_high"):
        assert heads[name].isna().all()
    assert heads[["untrained", "margin_untrained_low"]].notna().all(axis=None)
    assert reason in content["control"]["refused"]
    assert any(warning.startswith(f"no selectivity: {reason}") for warning in content["warnings"])


def test_keys_that_recur_for_some_examples_only_are_said(project: Any) -> None:
    keys = [f"k{i // 2 % 9}" if i % 2 else f"own{i // 4}" for i in range(N)]
    project.change_labels(control_key=keys)
    project.run()
    content = project.summary()
    assert content["control"] == {"refused": None, "recurring": 0.5}
    assert any("50% of the examples recurs" in warning for warning in content["warnings"])


def test_twins_split_over_folds_are_warned_of(project: Any) -> None:
    """A pair of texts that differ in what decides the label: split, a probe answers for a text as for its twin."""
    pair = np.arange(N) // 2
    ids, arrays = sorted(project.stored_ids()), project.arrays_by_id()
    for layer in range(2):
        shared = 5 * np.random.default_rng(layer).normal(size=(N // 2, HEADS, WIDTH))[pair]
        arrays[z_name(layer)] += shared.astype(np.float32)
    project.write_store(arrays, ids)
    project.change_labels(group=[f"g{i}" for i in range(N)], fold=(pair + 2 * (np.arange(N) % 2)) % 5)
    project.run()
    assert any("the mark of twins" in warning for warning in project.summary()["warnings"])
    project.change_labels(group=[f"g{i}" for i in pair], fold=pair % 5)  # twins in one group
    project.run()
    assert project.summary()["warnings"] == []


def test_a_surface_far_below_the_majority_is_warned_of(project: Any) -> None:
    rows = pd.read_parquet(project.labels)
    wrong = np.where(np.arange(N) % 10 < 7, np.where(rows["label"] == "yes", "no", "yes"), rows["label"])
    surface = pd.DataFrame({"example_id": rows["example_id"], "predicted": wrong})
    surface.to_parquet(project.labels.with_name("surface.parquet"), index=False)
    project.run()
    (warning,) = project.summary()["warnings"]
    assert "a bag of words (0.300) scored far below the largest class (0.500)" in warning


@pytest.mark.parametrize(
    ("groups", "warning"),
    [
        ([f"g{i}" for i in range(N)], None),  # every example its own group
        # groups of two for one label, of four for the other: none has a group of its size to trade with
        ([f"{i % 2}, {i // 4 if i % 2 else i // 8}" for i in range(N)], "labels of 0% of the examples"),
        ([f"g{i // 24}" for i in range(N)], "10 groups: the intervals' coverage"),
    ],
)
def test_groups_that_weaken_the_evidence_are_said(project: Any, groups: list[str], warning: str | None) -> None:
    project.change_labels(group=groups, fold=np.arange(N) // 24 % 5)
    project.run()
    warnings = project.summary()["warnings"]
    assert warnings == [] if warning is None else any(warning in said for said in warnings)
