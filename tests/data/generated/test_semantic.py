"""What holds for the semantic datasets, by rules that do not use their generators."""

import functools
from pathlib import Path

import pandas as pd
import pytest

from data.generated import sentiment as sentiment_module
from data.generated.frames import read_words
from data.generated.suite import GENERATORS

WORDS = Path(sentiment_module.__file__).parent / "words"


@functools.cache
def frame_of(name: str) -> pd.DataFrame:
    """Return the rows of a dataset with the word read, and with how many words come before it."""
    frame = GENERATORS[name]()
    spans = zip(frame["text"], frame["start"], frame["end"], strict=True)
    frame["read"] = [text[start:end] for text, start, end in spans]
    return frame.assign(place=frame.apply(lambda row: len(row["text"][: row["start"]].split()), axis=1))


def words(name: str) -> pd.DataFrame:
    return pd.read_csv(WORDS / f"{name}.csv", dtype=str, keep_default_na=False)


def assert_even(frame: pd.DataFrame, by: str | list[str]) -> None:
    """Assert that each value of `by` has all labels equally often."""
    counts = frame.groupby(by)["label"].value_counts().unstack(fill_value=0)
    assert (counts.nunique(axis=1) == 1).all(), counts


@pytest.mark.parametrize("name", ["sentiment", "word_sense"])
def test_groups_and_control_keys_have_all_labels_equally_often(name: str) -> None:
    assert_even(frame_of(name), "control_key")
    assert_even(frame_of(name), ["group", "variant"])


def test_adjectives_have_one_sentiment_and_like_lengths() -> None:
    adjectives = words("sentiment_adjectives")
    assert pd.concat([adjectives["positive"], adjectives["negative"]]).is_unique
    assert len(adjectives) >= 60
    assert abs(adjectives["positive"].str.len().mean() - adjectives["negative"].str.len().mean()) < 1


def test_judgements_differ_in_the_adjective_alone() -> None:
    positive, negative = (part for _, part in frame_of("sentiment").groupby("label", sort=False))
    for one, other in zip(positive.itertuples(), negative.itertuples(), strict=True):
        good, bad = one.group.split("/")
        assert one.group == other.group and one.control_key == other.control_key
        assert one.text.replace(f" {good}", f" {bad}", 1) == other.text != one.text
        assert one.control_key in one.text and one.read == one.text


def test_only_the_first_variant_of_judgements_says_that_something_was_so() -> None:
    frame = frame_of("sentiment")
    said = frame["text"].str.contains(r" was \w+(?:[.]|, she said|, according)")
    assert (said == (frame["variant"] == "frames_a")).all()


def test_cues_come_before_the_homonym_and_are_used_once() -> None:
    frame, cues = frame_of("word_sense"), words("sense_cues")
    assert (frame["read"] == frame["group"]).all()
    assert cues["cue"].is_unique
    # The generator tells homonym and number of the cue from the line.
    blocks = [cues[start : start + 8] for start in range(0, len(cues), 8)]
    assert all(block["homonym"].nunique() == 1 for block in blocks)
    assert all(block["label"].tolist() == ["natural"] * 4 + ["artificial"] * 4 for block in blocks)
    assert len(blocks) == cues["homonym"].nunique() == 40
    assert not any(row.homonym in row.cue.lower() for row in cues.itertuples())


def test_the_label_is_that_of_the_cue_in_the_text() -> None:
    cue_of = {row["cue"].lower(): row for row in read_words("sense_cues")}
    for row in frame_of("word_sense").itertuples():
        first, second, *_ = row.text.split(", ")
        cue = cue_of[(first if row.variant == "frames_a" else second).lower()]
        assert (row.label, row.read) == (cue["label"], cue["homonym"])


def test_both_senses_share_speakers_and_frames_and_are_read_as_late() -> None:
    frame = frame_of("word_sense")
    keys = frame.groupby(["group", "label"])["control_key"].agg(lambda keys: tuple(sorted(keys))).unstack()
    assert (keys["natural"] == keys["artificial"]).all()
    assert frame.groupby("label")["place"].mean().diff().abs().max() < 0.1
