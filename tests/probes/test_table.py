"""The results table: its columns are a promise to those who read it."""

import numpy as np
import pytest

from probes.table import BASELINES, COLUMNS, head_name, heads_table

PROMISED = """
    model dataset feature family layer head attention n_examples n_groups n_classes accuracy accuracy_low
    accuracy_high balanced_accuracy auroc log_loss information_bits codelength control_accuracy selectivity
    selectivity_low selectivity_high majority surface embedding untrained projection skyline margin_majority
    margin_majority_low margin_majority_high margin_surface margin_surface_low margin_surface_high margin_embedding
    margin_embedding_low margin_embedding_high margin_untrained margin_untrained_low margin_untrained_high
    margin_projection margin_projection_low margin_projection_high margin_skyline margin_skyline_low
    margin_skyline_high general_accuracy margin_general margin_general_low margin_general_high p_general
    general_variant
    null_accuracy p_value c
"""


def test_the_columns_are_those_promised() -> None:
    assert list(COLUMNS) == PROMISED.split()
    assert list(heads_table({}, [(0, 0)], {})) == PROMISED.split()


def test_every_baseline_is_a_column_and_so_is_the_margin_over_it() -> None:
    assert set(BASELINES) < set(COLUMNS)
    assert {f"margin_{name}{end}" for name in BASELINES for end in ("", "_low", "_high")} < set(COLUMNS)


def test_a_row_is_a_head_and_shared_values_stand_in_each() -> None:
    table = heads_table({"model": "m", "n_classes": 3}, [(0, 1), (2, 0)], {"accuracy": np.array([0.25, 0.75])})
    rows = table[["model", "n_classes", "layer", "head", "accuracy"]].values.tolist()
    assert rows == [["m", 3, 0, 1, 0.25], ["m", 3, 2, 0, 0.75]]


def test_what_was_not_measured_is_missing_and_what_was_is_not() -> None:
    table = heads_table({"surface": 0.5}, [(0, 0), (0, 1)], {"skyline": np.array([0.9, 0.8])})
    assert table["embedding"].isna().all()
    assert table[["surface", "skyline"]].notna().all(axis=None)


def test_scores_for_other_heads_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        heads_table({}, [(0, 0), (0, 1)], {"accuracy": np.array([0.5, 0.5, 0.5])})


@pytest.mark.parametrize(("place", "name"), [((0, 0), "L0H0"), ((11, 3), "L11H3")])
def test_heads_are_named_by_layer_and_head(place: tuple[int, int], name: str) -> None:
    assert head_name(*place) == name
