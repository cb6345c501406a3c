"""Voice, clause depth, agreement violations and animacy: labels by a second rule, minimal pairs, balance, variants."""

import re

import pandas as pd
import pytest

from data.generated import agreement_violation, animacy, clause_depth, voice
from data.generated.frames import read_words

FRAMES = {
    "voice": voice.rows(),
    "clause_depth": clause_depth.rows(),
    "agreement_violation": agreement_violation.rows(),
    "animacy": animacy.rows(),
}
EVERY = pytest.mark.parametrize("name", FRAMES)


def spans(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)


def marks_before(frame: pd.DataFrame) -> pd.Series:
    """Words and punctuation marks before the span."""
    return pd.Series(
        [len(re.findall(r"\w+|[^\w\s]", row.text[: row.start])) for row in frame.itertuples()], index=frame.index
    )


def marks(text: pd.Series) -> pd.Series:
    return text.str.findall(r"\w+|[^\w\s]").str.len()


def even(frame: pd.DataFrame, by: pd.Series) -> bool:
    """Whether every value of `by` has all labels equally often."""
    counts = pd.crosstab(by, frame["label"])
    return bool((counts.max(axis=1) == counts.min(axis=1)).all())


def changed(one: str, other: str) -> list[tuple[str, str]]:
    """The words in which two texts of equal length differ."""
    return [pair for pair in zip(one.split(), other.split(), strict=True) if pair[0] != pair[1]]


@EVERY
def test_place_word_key_and_length_do_not_tell_the_label(name: str) -> None:
    frame = FRAMES[name]
    for telltale in (marks_before(frame), spans(frame), frame["control_key"], frame["group"], marks(frame["text"])):
        assert even(frame, telltale)
        assert even(frame, frame["variant"] + " " + telltale.astype(str))


@EVERY
def test_groups_are_in_both_variants_with_every_label(name: str) -> None:
    frame = FRAMES[name]
    assert (pd.crosstab(frame["group"], frame["variant"] + frame["label"]) > 0).all().all()


@pytest.mark.parametrize("name", ["voice", "clause_depth"])
def test_every_text_is_read_once_with_each_label(name: str) -> None:
    frame = FRAMES[name]
    counts = pd.crosstab(frame["text"], frame["label"])
    assert (counts == 1).all().all()


def test_a_passive_is_followed_by_its_agent() -> None:
    for row in FRAMES["voice"].itertuples():
        assert row.text[row.end :].startswith(" by the ") == (row.label == "passive")
        assert row.text[: row.start].split()[-1] == row.control_key


def test_active_verbs_stand_beside_forms_of_be_too() -> None:
    frame = FRAMES["voice"]
    before = pd.Series([" ".join(row.text[: row.start].split()[-4:-1]) for row in frame.itertuples()])
    has_be = before.str.contains(r"\b(?:was|be|being)\b")
    shares = has_be.groupby(frame["label"]).mean()
    assert shares["active"] > 0.1 and shares["passive"] < 0.9


def test_the_two_sentences_of_a_pair_have_the_same_verbs_in_the_same_places_with_voices_exchanged() -> None:
    frame = FRAMES["voice"].assign(verb=spans(FRAMES["voice"]), place=marks_before(FRAMES["voice"]))
    for start in range(0, len(frame), 4):
        one, other = frame[start : start + 2], frame[start + 2 : start + 4]
        assert (
            one[["verb", "place", "control_key"]].values.tolist()
            == other[["verb", "place", "control_key"]].values.tolist()
        )
        assert one["label"].tolist() == other["label"].tolist()[::-1]


def test_voice_verbs_are_regular_and_belong_to_one_pair() -> None:
    verbs = pd.Series([pair[place] for pair in read_words("voice_verbs") for place in ("first", "second")])
    assert verbs.is_unique and len(verbs) == 80 and verbs.str.endswith("ed").all()


def test_voice_variants_share_no_frame() -> None:
    frame = FRAMES["voice"]
    finite = frame["text"].str.contains(r"\b(?:had|must have|has|Has|who waited)\b")
    assert (finite == (frame["variant"] == "finite")).all()


COMPLEMENT = r"\b(?:said|wrote|true|thinks?|thought|knew|knows?|see|fear|seems|hope)\b"  # what takes a clause


def depth_in_a_list(before: str) -> int:
    """A second rule: one more than the words that take a clause, of which those before a conjunction are done."""
    sentence = re.split(r"\b(?:and|but)\b", before.split(". ")[-1])[-1]
    return 1 + len(re.findall(COMPLEMENT, sentence))


def depth_in_a_nest(before: str) -> int:
    """A second rule, which goes by what opens the clause of the verb and by what is open around it."""
    clause = before.strip().split(",")[-1]  # a comma ends a fronted clause
    adverbial = bool(re.search(r"\b(?:because|after|although|since)\b", clause, re.IGNORECASE))
    if clause.endswith(" who"):
        return 2 + adverbial
    opener = re.sub(r" ?\bthe(?: other)?(?: young| tall)* \w+$", "", clause)
    if re.search(rf"{COMPLEMENT}$", opener):
        return 3
    if re.search(r"\b(?:when|while|because|after|although|as)$", opener, re.IGNORECASE):
        return 2 + bool(re.search(r"\b(?:because|who)\b", opener.rsplit(" ", 1)[0]))
    return 1 + adverbial


def test_depth_follows_from_what_stands_before_the_verb() -> None:
    frame = FRAMES["clause_depth"]
    for row in frame.itertuples():
        rule = depth_in_a_list if row.text.count(".") == 3 else depth_in_a_nest
        assert row.label == str(rule(row.text[: row.start])), row.text


def test_neither_the_word_before_a_verb_nor_the_kind_of_clause_tells_its_depth() -> None:
    frame = FRAMES["clause_depth"]
    before = pd.Series([row.text[: row.start].split()[-1] for row in frame.itertuples()], index=frame.index)
    relative = pd.crosstab(frame["variant"], frame["label"][before == "who"])
    assert (relative[["2", "3"]] > 0).all().all()


def test_depth_words_are_distinct_and_its_variants_share_no_sentence() -> None:
    people = pd.Series([word for row in read_words("depth_people") for word in row.values()])
    assert people.is_unique and len(people) == 96
    frame = FRAMES["clause_depth"]
    assert frame["control_key"].nunique() == len(read_words("depth_verbs"))
    pattern = "|".join([*people, *frame["control_key"].unique(), *(row["place"] for row in read_words("depth_places"))])
    bare = frame["text"].str.replace(rf"\b(?:{pattern})\b", "_", regex=True).str.split(r"(?<=\.) ")
    sentences = {variant: set(bare[frame["variant"] == variant].explode()) for variant in ("frames_a", "frames_b")}
    assert len(sentences["frames_a"]) == len(sentences["frames_b"]) == 6 + 9
    assert sentences["frames_a"].isdisjoint(sentences["frames_b"])


def test_a_verb_in_s_agrees_with_a_subject_without_it() -> None:
    for row in FRAMES["agreement_violation"].itertuples():
        subject = re.match(r".*?\bthe (\w+)", row.text, re.IGNORECASE)[1]  # type: ignore[index]
        plural = subject.endswith("s") or subject in ("children", "men", "women")
        assert (row.label == "agrees") == (plural != row.text[row.start : row.end].endswith("s"))


def test_the_sentences_of_a_four_differ_in_subject_and_verb_alone() -> None:
    frame = FRAMES["agreement_violation"]
    forms = {frozenset((row["singular"], row["plural"])) for row in read_words("violation_verbs")}
    nouns = {frozenset((row["singular"], row["plural"])) for row in read_words("violation_nouns")}
    for start in range(0, len(frame), 4):
        texts = frame["text"][start : start + 4].tolist()
        assert [frozenset(pair) in forms for pair in changed(texts[0], texts[1])] == [True]
        assert [frozenset(pair) in nouns for pair in changed(texts[0], texts[2])] == [True]
        assert len(changed(texts[0], texts[3])) == 2


def test_the_noun_in_between_agrees_as_often_in_right_as_in_wrong_sentences() -> None:
    frame = FRAMES["agreement_violation"]
    lists = (read_words("attractors"), read_words("attractor_people"))
    plurals = {row["plural"] for rows in lists for row in rows}
    between = frame["text"].str.extract(r"(?:near|behind|beside|next to|under|in front of|by|that) the (\w+) (?!that)")[
        0
    ]
    singular_verb = spans(frame).str.endswith("s")
    assert even(frame, frame["group"] + (between.isin(plurals) == singular_verb).astype(str))
    subjects = {word for row in read_words("violation_nouns") for word in row.values()}
    assert subjects.isdisjoint({word for rows in lists for row in rows for word in row.values()})


def test_agreement_variants_share_no_opening_and_no_middle() -> None:
    frame = FRAMES["agreement_violation"]
    assert (frame["text"].str.contains(r" that the \w+ had ") == (frame["variant"] == "clauses")).all()
    openings = frame["text"].str.split().str[0]
    assert frame.groupby(openings)["variant"].nunique().eq(1).all()


def test_animacy_pairs_differ_in_the_noun_alone_and_it_stands_before_the_word_read() -> None:
    frame = FRAMES["animacy"]
    for one, other in zip(frame[::2].itertuples(), frame[1::2].itertuples(), strict=True):
        assert changed(one.text, other.text) == [tuple(one.group.split("/"))]
        assert (one.label, other.label) == ("animate", "inanimate") and one.group == other.group
        assert one.text[one.start : one.end] == one.control_key
        assert changed(one.text[: one.start], other.text[: other.start])


def test_animacy_follows_from_the_sense_in_wordnet() -> None:
    nouns = pd.DataFrame(read_words("animacy_nouns"))
    things = {"noun.artifact", "noun.object", "noun.food", "noun.communication", "noun.possession"}
    assert nouns["animate_sense"].isin({"noun.person", "noun.animal"}).all()
    assert set(nouns["inanimate_sense"]) == things
    assert pd.concat([nouns["animate"], nouns["inanimate"]]).is_unique and len(nouns) == 52
    assert abs(nouns["animate"].str.len().mean() - nouns["inanimate"].str.len().mean()) < 0.5
    others = {row["word"] for name in ("animacy_states", "animacy_places") for row in read_words(name)}
    assert others.isdisjoint({*nouns["animate"], *nouns["inanimate"]})


def test_animacy_variants_share_no_frame_and_no_word_read() -> None:
    frame = FRAMES["animacy"]
    assert frame.groupby("control_key")["variant"].nunique().eq(1).all()
    assert (
        frame["text"].str.contains(r"\b(?:was|is|been|looked)\b", case=False) == (frame["variant"] == "subjects")
    ).all()
