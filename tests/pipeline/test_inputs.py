"""Which layers are read together; the rest is tested with the probe stage (tests/pipeline/probe)."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline import inputs
from pipeline.inputs import Inputs


def cell(d_head: list[int], n_heads: list[int]) -> Inputs:
    manifest = {"n_layers": len(d_head), "d_head": d_head, "n_heads": n_heads, "d_model": 48}
    rows = pd.DataFrame({"label": ["b", "a", "b"], "group": ["y", "x", "y"], "fold": [0, 1, 0]})
    return Inputs(Path("store"), manifest, {}, rows, ["a", "b"])


def test_small_layers_of_one_width_are_read_together_and_others_apart() -> None:
    assert cell([8, 8, 4, 4, 8], [2, 3, 2, 2, 2]).head_stacks() == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("limit", "stacks"),
    [(1, [[0], [1], [2]]), (4 * 3 * 24 * 2, [[0, 1], [2]]), (4 * 3 * 24 * 2 - 1, [[0], [1], [2]])],
)
def test_a_stack_holds_as_many_layers_as_fit(
    monkeypatch: pytest.MonkeyPatch, limit: int, stacks: list[list[int]]
) -> None:
    monkeypatch.setattr(inputs, "STACK_BYTES", limit)
    assert cell([8, 8, 8], [2, 3, 1]).head_stacks() == stacks  # three rows; the largest layer holds 24 numbers a row


def test_residual_streams_are_stacked_by_their_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "STACK_BYTES", 4 * 3 * 48 * 2)
    assert cell([8, 4, 8], [2, 2, 2]).residual_stacks() == [[0, 1], [2]]


def test_labels_groups_and_places_are_numbered() -> None:
    toy = cell([8, 8], [2, 1])
    assert toy.labels.tolist() == [1, 0, 1]
    assert toy.groups.tolist() == [1, 0, 1]
    assert toy.folds.tolist() == [0, 1, 0]
    assert toy.places == [(0, 0), (0, 1), (1, 0)]
