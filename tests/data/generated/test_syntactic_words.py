"""The syntactic datasets that are read at a word: labels by a second rule, minimal pairs, balance, variants apart."""

import pandas as pd

from data.generated import subject_number
from data.generated.frames import read_words


def spans(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)


def words_before(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([len(row.text[: row.start].split()) for row in frame.itertuples()], index=frame.index)


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
    assert even(frame, words_before(frame)) and even(frame, spans(frame))


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
