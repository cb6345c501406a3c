"""What holds for the semantic datasets, by rules that do not use their generators."""

import functools
import re
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


BALANCED = ["sentiment", "word_sense", "negation_scope", "hypernymy", "thematic_role"]


@pytest.mark.parametrize("name", BALANCED)
def test_groups_and_control_keys_have_all_labels_equally_often(name: str) -> None:
    assert_even(frame_of(name), "control_key")
    assert_even(frame_of(name), ["group", "variant"])


@pytest.mark.parametrize("name", ["negation_scope", "hypernymy", "thematic_role"])
def test_neither_the_word_read_nor_its_place_nor_the_length_of_the_text_tells_the_label(name: str) -> None:
    frame = frame_of(name).assign(length=frame_of(name)["text"].str.split().str.len())
    for telltale in ("read", "place", "length"):
        assert_even(frame, [telltale, "variant"])


@pytest.mark.parametrize("name", ["negation_scope", "thematic_role"])
def test_every_text_has_both_labels(name: str) -> None:
    assert_even(frame_of(name), "text")


@pytest.mark.parametrize("name", ["negation_scope", "thematic_role", "topic"])
def test_groups_hold_both_sets_of_frames_equally(name: str) -> None:
    counts = frame_of(name).groupby("group")["variant"].value_counts()
    assert counts.nunique() == 1 and counts.unstack().shape[1] == 2


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


def in_scope(text: str, start: int) -> bool:
    """Return whether the clause that the object stands in has a "not" that is no part of a fixed phrase."""
    auxiliary = r"\b(?:has|had|will|did|must) "
    clause = re.split(auxiliary, text[:start])[-1]
    return clause.startswith("not")


def test_a_noun_is_inside_the_scope_when_not_follows_the_auxiliary_of_its_clause() -> None:
    frame = frame_of("negation_scope")
    found = [in_scope(row.text, row.start) for row in frame.itertuples()]
    assert found == (frame["label"] == "inside").tolist()


def test_negations_change_places_with_one_other_word() -> None:
    for _, rows in frame_of("negation_scope").groupby(["group", "variant"]):
        bags = pd.Series([tuple(sorted(re.findall(r"\w+", text))) for text in rows["text"]])
        assert (bags.value_counts() == 4).all()  # two texts of the same words, each read twice


def test_another_not_stands_before_every_noun_outside() -> None:
    frame = frame_of("negation_scope")
    outside = frame[frame["label"] == "outside"]
    assert all(re.search("(?i)\\bnot\\b", row.text[: row.start]) for row in outside.itertuples())


def test_kinds_are_those_of_wordnet() -> None:
    table = words("hypernyms")
    # WordNet sorts its synsets by file: these are where the nouns of each file lie in version 3.1.
    files = {"noun.animal": (1315584, 2668442), "noun.artifact": (2668615, 4623085), "noun.food": (7571428, 7954834),
             "noun.plant": (11550054, 13261260)}  # fmt: skip
    synsets = table["source"].str.extract(r"^WordNet 3[.]1 synset (\d{8})-n$")[0]
    assert synsets.is_unique and table["hyponym"].is_unique
    for file, synset in zip(table["file"], synsets.astype(int), strict=True):
        assert files[file][0] <= synset <= files[file][1]
    files_of = {"animal": {"noun.animal", "noun.food"}, "beast": {"noun.animal", "noun.food"},
                "plant": {"noun.plant", "noun.food"}, "equipment": {"noun.artifact"}, "food": {"noun.food"},
                "thing": {"noun.artifact"}}  # fmt: skip
    assert all(file in files_of[kind] for kind, file in zip(table["kind"], table["file"], strict=True))


def test_kinds_are_as_many_and_no_thing_is_named_after_its_kind() -> None:
    table = words("hypernyms")
    assert (table.groupby(["variant", "kind"])["hypernym"].nunique() == 4).all()
    assert (table["hypernym"].value_counts() == 8).all()
    for _, part in table.groupby("kind"):
        assert not any(kind in thing for kind in part["hypernym"] for thing in part["hyponym"])
    article = {"": "", "a": r"[^aeiou].*", "an": r"[aeiou].*"}
    assert all(re.fullmatch(article[row.article] or ".*", row.hyponym) for row in table.itertuples())


def test_a_statement_is_true_when_it_names_the_kind_of_the_table() -> None:
    kind_of = words("hypernyms").set_index("hyponym")["hypernym"]
    for row in frame_of("hypernymy").itertuples():
        [thing] = [thing for thing in row.group.split("/") if re.search(rf"(?i)\b{thing} is\b", row.text)]
        assert row.text.endswith(f" {row.read}.")
        assert (row.label == "true") == (kind_of[thing] == row.read)


def test_living_and_made_things_share_no_word() -> None:
    table = words("hypernyms")
    living, made = (set(part[["hypernym", "hyponym"]].to_numpy().ravel()) for _, part in table.groupby("variant"))
    assert living.isdisjoint(made)


def test_a_noun_is_the_agent_as_voice_and_place_say() -> None:
    for row in frame_of("thematic_role").itertuples():
        passive = bool(re.search(r" by |By whom", row.text))
        first = row.place == min(frame_of("thematic_role").query("text == @row.text")["place"])
        # The first noun is the agent of the question in the active, and after "by".
        agent_first = row.text.startswith("And whom") or (passive and not row.text.startswith("By whom"))
        assert (row.label == "agent") == (first == agent_first)


def test_people_are_agents_of_the_same_verbs_as_they_are_patients() -> None:
    assert_even(frame_of("thematic_role"), ["read", "control_key", "place"])


def test_verbs_have_three_forms() -> None:
    for verb in words("action_verbs").itertuples():
        assert verb.gerund.endswith("ing") and verb.base[:2] == verb.gerund[:2]
        assert verb.participle.endswith("ed") or verb.participle in {"paid", "taught", "caught"}


def test_topics_share_every_sentence_but_for_the_nouns() -> None:
    frame = frame_of("topic")
    stripped = [re.sub("(?i)" + "|".join(rf"\b{noun}\b" for noun in row.group.split("/")), "_", row.text)
                for row in frame.itertuples()]  # fmt: skip
    assert len(set(stripped)) == 18
    assert_even(frame, [pd.Series(stripped)])
    assert_even(frame, "control_key")


def test_topical_words_belong_to_one_group_each() -> None:
    table = words("topic_words")
    nouns = table[["first", "second", "third"]].to_numpy().ravel()
    assert len(set(nouns)) == len(nouns) == 180
    topic_of = {tuple(row[1:]): row[0] for row in table.itertuples(index=False)}
    for row in frame_of("topic").itertuples():
        group = tuple(row.group.split("/"))
        assert topic_of[group] == row.label
        assert all(noun in row.text.lower() for noun in group)


@pytest.mark.parametrize("name", ["role_pairs", "object_pairs"])
def test_nouns_belong_to_one_pair_each(name: str) -> None:
    nouns = words(name).to_numpy().ravel()
    assert len(set(nouns)) == len(nouns) >= 80
