"""The syntactic datasets that are read at a word: labels by a second rule, minimal pairs, balance, variants apart."""

import re

import pandas as pd

from data.generated import part_of_speech, subject_number
from data.generated.frames import read_words


def spans(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)


def marks_before(frame: pd.DataFrame) -> pd.Series:
    """Words and punctuation marks before the span."""
    return pd.Series(
        [len(re.findall(r"\w+|[^\w\s]", row.text[: row.start])) for row in frame.itertuples()], index=frame.index
    )


def even(frame: pd.DataFrame, by: pd.Series) -> bool:
    """Whether every value of `by` has all labels equally often."""
    counts = pd.crosstab(by, frame["label"])
    return bool((counts.max(axis=1) == counts.min(axis=1)).all())


def test_number_pairs_differ_in_the_head_noun_alone() -> None:
    frame = subject_number.rows()
    plurals = {noun["singular"]: noun["plural"] for noun in read_words("subject_nouns")}
    singular, plural = frame[::2], frame[1::2]
    assert (singular["label"] == "singular").all() and (plural["label"] == "plural").all()
    for one, many in zip(singular.itertuples(), plural.itertuples(), strict=True):
        assert one.text.replace(f"he {one.group} ", f"he {plurals[one.group]} ", 1) == many.text
        assert one.text[one.start : one.end] == many.text[many.start : many.end] == one.control_key
    assert even(frame, marks_before(frame)) and even(frame, spans(frame))


def test_every_head_noun_meets_the_same_numbers_of_attractors_in_each_variant() -> None:
    frame = subject_number.rows()
    singular = {
        row[key]
        for row in (*read_words("attractors"), *read_words("attractor_people"))
        for key in row
        if key.endswith("singular")
    }
    between = [row.text[: row.start].split(" the ")[-2:] for row in frame.itertuples()]
    is_singular = pd.Series([words[-1].split()[0] in singular for words in between], index=frame.index)
    shares = is_singular.groupby([frame["group"], frame["variant"], frame["label"]]).mean()
    assert shares.eq(0.5).all()


def test_number_words_are_unambiguous() -> None:
    nouns = pd.DataFrame(read_words("subject_nouns"))
    verbs = pd.DataFrame(read_words("past_verbs"))["verb"]
    assert nouns["singular"].is_unique and len(nouns) >= 54
    assert not (nouns["singular"] == nouns["plural"]).any()
    assert verbs.is_unique and len(verbs) >= 24 and not verbs.isin(["was", "were", "has", "have"]).any()
    lists = (read_words("attractors"), read_words("attractor_people"))
    between = {word for rows in lists for row in rows for word in row.values()}
    assert between.isdisjoint({*nouns["singular"], *nouns["plural"]})


def test_number_variants_share_no_frame() -> None:
    frame = subject_number.rows()
    assert (frame["text"].str.contains(r"that the \w+ had \w+") == (frame["variant"] == "clauses")).all()
    for parts in (subject_number.OPENINGS, subject_number.ENDINGS, subject_number.MIDDLES):
        assert set(parts["prepositions"]).isdisjoint(parts["clauses"])


def test_part_of_speech_cannot_be_told_from_position_word_text_or_key() -> None:
    frame = part_of_speech.rows()
    for telltale in (marks_before(frame), spans(frame), frame["text"], frame["control_key"]):
        assert even(frame, telltale)


def test_part_of_speech_follows_from_the_word_before() -> None:
    frame = part_of_speech.rows()
    before = pd.Series([row.text[: row.start].split()[-1].lower() for row in frame.itertuples()], index=frame.index)
    assert pd.crosstab(before, frame["label"]).min(axis=1).eq(0).all()  # an article or adjective, or else a noun's verb
    determiners = {"the", "another", "next", "each", "her", "this", "that", "long", "short", "recent", "new"}
    assert (before.isin(determiners) == (frame["label"] == "noun")).all()


def test_part_of_speech_variants_share_no_word_before_the_one_read() -> None:
    frame = part_of_speech.rows()
    before = pd.Series([row.text[: row.start].split()[-1].lower() for row in frame.itertuples()], index=frame.index)
    assert frame.groupby(before)["variant"].nunique().eq(1).all()


def test_ambiguous_words_belong_to_one_pair_each() -> None:
    words = pd.Series([pair[place] for pair in read_words("ambiguous_pairs") for place in ("first", "second")])
    assert words.is_unique and len(words) == 80
    frame = part_of_speech.rows()
    assert frame.groupby(spans(frame))["group"].nunique().eq(1).all()
