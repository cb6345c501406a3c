from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from data.generated import frames
from data.sources import GENERATORS

WORDS = Path(frames.__file__).parent / "words"
OLD = ("sentiment", "word_sense", "capital_truth")
FRAMES = {name: GENERATORS[name]() for name in OLD}
EVERY = pytest.mark.parametrize("name", OLD)


def words(name: str) -> pd.DataFrame:
    return pd.read_csv(WORDS / f"{name}.csv", dtype=str, keep_default_na=False)


def spans(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)


def surface(frame: pd.DataFrame, strength: float, seed: int) -> Any:
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), LogisticRegression(C=strength, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    guesses = cross_val_predict(model, frame["text"], frame["label"], groups=frame["group"], cv=folds)
    return (guesses == frame["label"]).mean()


@EVERY
def test_rows_are_many_distinct_and_evenly_labelled(name):
    frame = FRAMES[name]
    assert list(frame.columns) == ["text", "start", "end", "label", "group", "control_key"]
    assert 1000 <= len(frame) <= 1600
    assert frame["label"].value_counts().nunique() == 1
    assert not frame.duplicated(["text", "start", "end"]).any()
    assert not frame.isna().any().any()


@EVERY
def test_text_is_tidy_and_the_span_lies_inside_it(name):
    frame = FRAMES[name]
    assert frame["text"].str.fullmatch(r"\w(\S| (?! ))*\.").all()  # one sentence, no braces left, no double spaces
    assert not frame["text"].str.contains(r"[{}]|\b(?:a [aeiou]|an [^aeiouh])").any()
    assert ((frame["start"] >= 0) & (frame["start"] < frame["end"]) & (frame["end"] <= frame["text"].str.len())).all()
    assert (spans(frame) == spans(frame).str.strip()).all()


@EVERY
def test_two_calls_are_equal(name):
    pd.testing.assert_frame_equal(GENERATORS[name](), FRAMES[name])


@EVERY
def test_control_keys_recur_over_many_groups(name):
    groups = FRAMES[name].groupby("control_key")["group"].nunique()
    assert len(groups) >= 20
    assert groups.min() >= 12


@EVERY
def test_bag_of_words_is_near_chance_on_groups_it_has_not_seen(name):
    frame = FRAMES[name]
    accuracy = sum(surface(frame, 1.0, seed) for seed in (0, 1)) / 2
    assert abs(accuracy - 1 / frame["label"].nunique()) < 0.05


def test_bag_of_words_can_be_far_from_chance():
    frame = FRAMES["sentiment"]
    leaky = frame.assign(text=frame["text"] + " " + frame["label"])
    assert surface(leaky, 1.0, 0) > 0.95


@pytest.mark.parametrize("name", ["sentiment", "word_sense", "capital_truth"])
def test_classes_are_even_inside_each_group(name):
    shares = FRAMES[name].groupby("group")["label"].value_counts().unstack()
    assert (shares.iloc[:, 0] == shares.iloc[:, 1]).all()


def test_adjectives_have_one_sentiment_and_like_lengths():
    adjectives = words("sentiment_adjectives")
    assert pd.concat([adjectives["positive"], adjectives["negative"]]).is_unique
    assert len(adjectives) >= 60
    assert abs(adjectives["positive"].str.len().mean() - adjectives["negative"].str.len().mean()) < 1
    for row in FRAMES["sentiment"].itertuples():
        adjective = row.group.split("/")[row.label == "negative"]
        assert f"was {adjective}" in row.text and row.control_key in row.text
        assert (row.start, row.end) == (0, len(row.text))


def test_cues_come_before_the_homonym_and_are_used_once():
    frame, cues = FRAMES["word_sense"], words("sense_cues")
    assert (spans(frame) == frame["group"]).all()
    assert cues["cue"].is_unique
    # The generator tells homonym and number of the cue from the line.
    blocks = [cues[start : start + 8] for start in range(0, len(cues), 8)]
    assert all(block["homonym"].nunique() == 1 for block in blocks)
    assert all(block["label"].tolist() == ["natural"] * 4 + ["artificial"] * 4 for block in blocks)
    assert len(blocks) == cues["homonym"].nunique() == 40
    assert not any(row.homonym in row.cue.lower() for row in cues.itertuples())


def test_both_senses_share_speakers_and_frames():
    frame = FRAMES["word_sense"]
    keys = frame.groupby(["group", "label"])["control_key"].agg(lambda keys: tuple(sorted(keys))).unstack()
    assert (keys["natural"] == keys["artificial"]).all()


def test_statements_are_true_exactly_when_labelled_so():
    frame, table = FRAMES["capital_truth"], words("countries").set_index("country")
    assert (frame["start"] == 0).all() and (frame["end"] == frame["text"].str.len()).all()
    for group, rows in frame.groupby("group"):
        countries = [table.loc[name] for name in group.split("/")]
        assert len(countries) == 2 and len({country["region"] for country in countries}) == 1
        for row in rows.itertuples():
            named = [
                c for c in countries if f"{c['article']} {c.name}".strip() in row.text.replace(c["capital"], "", 1)
            ]
            cities = [c for c in countries if c["capital"] in row.text]
            assert len(named) == len(cities) == 1
            assert (row.label == "true") == (named[0].name == cities[0].name)


def test_statements_leave_out_capitals_that_are_disputed_or_spelled_like_their_country():
    used = {name for group in FRAMES["capital_truth"]["group"] for name in group.split("/")}
    table = words("countries").set_index("country")
    assert (table.loc[sorted(used), "capital_note"] == "").all()
    assert used.isdisjoint({"Algeria", "Bolivia", "Brazil", "Israel", "Kuwait", "Mexico", "Singapore", "South Africa"})
    assert {"Netherlands", "Australia", "Kazakhstan", "Myanmar"} <= used
