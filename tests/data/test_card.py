import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.card import build_card, card_json, pin_line
from data.examples import build_examples
from data.sources import read_source
from data.spec import load_spec

Write = Callable[..., Path]
COLUMNS = {"text": "sentence", "label": "kind", "target": "noun"}


def _card(write_spec: Write, surface: float = 0.5, **changes: Any) -> dict[str, Any]:
    spec = load_spec(write_spec(**changes))
    raw = read_source(spec, Path())
    return build_card(spec, raw, build_examples(spec, raw.rows, n_folds=3, seed=0), surface)


def test_the_card_counts(toy: pd.DataFrame, write_spec: Write) -> None:
    card = _card(write_spec)
    assert list(card) == [
        "dataset", "feature", "family", "description", "artefacts", "licence", "citation", "readout", "too_long",
        "n_read", "n_examples", "n_groups", "n_control_keys", "classes", "majority", "surface", "folds", "variants",
        "source", "dropped", "examples", "findings", "warnings",
    ]  # fmt: skip
    assert (card["n_examples"], card["n_groups"], card["n_control_keys"]) == (24, 6, 4)
    assert (card["classes"], card["majority"]) == ({"animal": 12, "tool": 12}, 0.5)
    assert card["folds"][0] == {"fold": 0, "n_examples": 8, "n_groups": 2, "classes": {"animal": 4, "tool": 4}}
    digest = hashlib.sha256(Path("toy.csv").read_bytes()).hexdigest()
    assert card["source"] == {"kind": "path", "path": "toy.csv", "format": "csv", "sha256": digest}
    assert card["dropped"] == {}


def test_it_shows_examples_of_every_class(toy: pd.DataFrame, write_spec: Write) -> None:
    shown = _card(write_spec)["examples"]
    assert [example["label"] for example in shown] == ["animal", "tool", "animal", "tool", "animal"]
    assert list(shown[0]) == ["example_id", "text", "start", "end", "label"]
    wide = pd.concat([toy.assign(sentence=toy["sentence"] + f" {i}", kind=f"k{i}") for i in range(7)])
    wide.to_csv("toy.csv", index=False)
    assert [example["label"] for example in _card(write_spec)["examples"]] == [f"k{i}" for i in range(7)]


def test_it_is_json_with_letters_kept(toy: pd.DataFrame, write_spec: Write) -> None:
    card = _card(write_spec, description="é")
    assert json.loads(card_json(card)) == card
    assert '"description": "é"' in card_json(card)
    assert card_json(card).endswith("}\n")


def _warned(card: dict[str, Any], start: str) -> str:
    found = [warning for warning in card["warnings"] if warning.startswith(start)]
    return found[0] if found else ""


def test_an_unpinned_file_is_warned_about(toy: pd.DataFrame, write_spec: Write) -> None:
    digest = hashlib.sha256(Path("toy.csv").read_bytes()).hexdigest()
    warning = _warned(_card(write_spec), "toy.csv is not pinned: DVC watches the spec and not this file")
    assert warning.endswith(f"under `source:` in data/specs/toy.yaml: sha256: {digest}")
    assert not _warned(_card(write_spec, source={"path": "toy.csv", "sha256": digest}), "toy.csv is not pinned")


def test_the_pin_line(toy: pd.DataFrame, write_spec: Write) -> None:
    raw = read_source(load_spec(write_spec()), Path())
    pin = pin_line(raw).removeprefix("sha256: ")
    assert read_source(load_spec(write_spec(source={"path": "toy.csv", "sha256": pin})), Path()).sha256 == pin


def test_missing_groups_are_warned_about(toy: pd.DataFrame, write_spec: Write) -> None:
    assert "`columns: {group: ...}`" in _warned(_card(write_spec, columns=COLUMNS), "No group column")
    assert not _warned(_card(write_spec), "No group column")


@pytest.mark.parametrize(
    ("surface", "start"),
    [
        (0.56, "Words alone give labels away: a bag of words reaches 0.560"),
        (0.44, "Words alone mislead: a bag of words"),
    ],
)
def test_a_telling_surface_is_warned_about(toy: pd.DataFrame, write_spec: Write, surface: float, start: str) -> None:
    assert _warned(_card(write_spec, surface), start)


@pytest.mark.parametrize("surface", [0.46, 0.5, 0.54])
def test_a_surface_near_majority_is_fine(toy: pd.DataFrame, write_spec: Write, surface: float) -> None:
    assert not _warned(_card(write_spec, surface), "Words alone")


def test_a_rare_class_is_warned_about(toy: pd.DataFrame, write_spec: Write) -> None:
    assert _warned(_card(write_spec), "Class 'animal' has 12 examples, fewer than 20")
    pd.concat([toy.assign(sentence=toy["sentence"] + f" {i}") for i in (1, 2)]).to_csv("toy.csv", index=False)
    assert not _warned(_card(write_spec), "Class")


def test_control_keys_that_never_recur_are_warned_about(toy: pd.DataFrame, write_spec: Write) -> None:
    warning = "No control_key occurs in two groups"
    assert not _warned(_card(write_spec), warning)
    toy.assign(word=[f"{noun}{i}" for i, noun in enumerate(toy["noun"])]).to_csv("toy.csv", index=False)
    assert _warned(_card(write_spec, columns={**COLUMNS, "group": "frame", "control_key": "word"}), warning)
    whole = {"text": "sentence", "label": "kind", "group": "frame"}
    assert _warned(_card(write_spec, columns=whole, readout="last"), warning)


def test_white_space_at_the_end_is_warned_about(toy: pd.DataFrame, write_spec: Write) -> None:
    whole = {"text": "sentence", "label": "kind", "group": "frame"}
    assert not _warned(_card(write_spec, columns=whole, readout="last"), "3 texts end")
    toy.loc[:2, "sentence"] += " "
    toy.to_csv("toy.csv", index=False)
    assert _warned(_card(write_spec, columns=whole, readout="last"), "3 texts end in white space")
