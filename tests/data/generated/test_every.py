"""What holds for every bundled dataset."""

import functools
from pathlib import Path

import pandas as pd
import pytest

from data.card import build_card
from data.examples import Examples, build_examples
from data.generated.frames import Row
from data.generated.suite import GENERATORS
from data.sources import read_source
from data.spec import DatasetSpec, load_spec
from data.surface import surface_accuracy

TOP = Path(__file__).parents[3]
EVERY = pytest.mark.parametrize("name", GENERATORS)


@functools.cache
def frame_of(name: str) -> pd.DataFrame:
    return GENERATORS[name]()


@functools.cache
def spec_of(name: str) -> DatasetSpec:
    return load_spec(TOP / f"data/specs/{name}.yaml")


@functools.cache
def examples_of(name: str) -> Examples:
    return build_examples(spec_of(name), read_source(spec_of(name), TOP).rows, n_folds=5, seed=0)


def surface_of(examples: Examples) -> float:
    labels = examples.labels
    return surface_accuracy(list(examples.texts["text"]), list(labels["label"]), list(labels["fold"]))


@EVERY
def test_rows_are_many_and_distinct(name: str) -> None:
    frame = frame_of(name)
    assert tuple(frame.columns) == Row._fields
    assert 1000 <= len(frame) <= 3000
    assert not frame.duplicated(["text", "start", "end"]).any()
    assert not frame.isna().any().any()
    assert (frame[["text", "label", "group", "control_key", "variant"]] != "").all().all()


@EVERY
def test_labels_are_even(name: str) -> None:
    counts = frame_of(name)["label"].value_counts()
    assert len(counts) >= 2
    assert counts.max() <= 1.25 * counts.min()


@EVERY
def test_text_is_tidy_and_the_span_lies_inside_it(name: str) -> None:
    frame = frame_of(name)
    assert (frame["text"] == frame["text"].str.strip()).all()
    assert not frame["text"].str.contains(r"[{}]|  |\s[.,;!?]").any()
    assert not frame["text"].str[0].str.islower().any()
    assert ((frame["start"] >= 0) & (frame["start"] < frame["end"]) & (frame["end"] <= frame["text"].str.len())).all()
    spans = [row.text[row.start : row.end] for row in frame.itertuples()]
    assert spans == [span.strip() for span in spans]


@EVERY
def test_two_calls_are_equal(name: str) -> None:
    pd.testing.assert_frame_equal(GENERATORS[name](), frame_of(name))


@EVERY
def test_control_keys_recur_over_groups(name: str) -> None:
    groups = frame_of(name).groupby("control_key")["group"].nunique()
    assert len(groups) >= 10
    assert groups.min() >= 5


@EVERY
def test_groups_are_many(name: str) -> None:
    assert frame_of(name).groupby("label")["group"].nunique().min() >= 14


@EVERY
def test_each_variant_holds_every_label(name: str) -> None:
    counts = pd.crosstab(frame_of(name)["variant"], frame_of(name)["label"])
    assert len(counts) >= 2
    assert counts.to_numpy().min() >= 50


@EVERY
def test_the_spec_is_complete(name: str) -> None:
    spec = spec_of(name)
    assert (spec.feature, spec.licence) == (name, "Apache-2.0")
    assert f"@misc{{headatlas_{name}," in spec.citation
    assert "Group:" in spec.description and "Control key:" in spec.description and "Variant:" in spec.description
    assert spec.artefacts


@EVERY
def test_it_builds_without_warnings(name: str) -> None:
    spec, examples = spec_of(name), examples_of(name)
    card = build_card(spec, read_source(spec, TOP), examples, surface_of(examples))
    assert card["dropped"] == {}
    told = [text for text in card["warnings"] if not (spec.artefacts and text.startswith("Words alone give"))]
    assert told == []


# What a bag of words can tell of these is in the nature of the feature; their specs say why.
INHERENT: dict[str, str] = {
    "sentence_language": "articles, pronouns and prepositions of a language recur in all its sentences",
    "formality": "phrases of one register share words such as would and gonna",
}


@EVERY
def test_a_bag_of_words_knows_no_more_than_the_largest_class(name: str) -> None:
    examples = examples_of(name)
    gap = surface_of(examples) - examples.labels["label"].value_counts(normalize=True).max()
    assert (gap > 0.05) == (name in INHERENT)
    assert gap > -0.05
