"""The datasets on truth and on expression: labels by a second rule, minimal pairs, balance, facts, variants apart."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from string import Formatter

import pandas as pd
import pytest

from data.generated import (
    answer_letter,
    capital_truth,
    element_symbol,
    formality,
    negated_fact,
    number_comparison,
    sentence_language,
)
from data.generated.frames import read_words

TRUTH = (capital_truth.rows, number_comparison.rows, negated_fact.rows, element_symbol.rows)
LAST = (*TRUTH, answer_letter.rows, formality.rows)

# The chemical elements in the order of their atomic numbers, from hydrogen.
ELEMENTS = re.findall(
    r"\w+",
    """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr
    Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir
    Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
    """,
)
# The table of kinds once more, kind by kind instead of pair by pair, so that a slip in either shows.
KINDS = """
    a fish: salmon, shark, trout; a mammal: dolphin, mouse, rabbit, whale; a bird: eagle, parrot, penguin,
    robin; an insect: ant, butterfly, wasp; a reptile: crocodile, lizard, snake; an amphibian: frog; a flower:
    daisy, tulip; a tree: oak, pine; an animal: dog, horse; a plant: cactus, fern; a fruit: apple, banana, pear;
    a vegetable: cabbage, carrot, potato; a metal: gold, iron, silver; a gas: helium, nitrogen, oxygen; a
    planet: Jupiter, Mars, Venus; a star: Polaris, Sirius, sun; a country: France, Japan, Peru; a city: Chicago,
    London, Paris; a river: Danube, Nile; a mountain: Mount Everest, Mount Fuji; a desert: Gobi, Sahara; an
    ocean: Atlantic, Pacific; a continent: Africa, Asia; an island: Madagascar, Sicily; a musical instrument:
    piano, violin; a tool: hammer, screwdriver; a piece of furniture: chair, sofa; a vehicle: bus, truck; a day
    of the week: Friday, Monday; a month: April, October; a language: Russian, Spanish; a sport: baseball,
    tennis; a piece of clothing: jacket; a drink: coffee
"""
# Kinds that something can be of at once; they are in no pair together.
NESTED = (
    {"an animal", "a fish", "a mammal", "a bird", "an insect", "a reptile", "an amphibian"},
    {"a plant", "a tree"},
)


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def even(frame: pd.DataFrame, by: pd.Series) -> bool:
    """Whether every value of `by` has all labels equally often."""
    counts = pd.crosstab(by, frame["label"])
    return bool((counts.max(axis=1) == counts.min(axis=1)).all())


def skeletons(frames: object) -> set[str]:
    """The words of frames outside their slots, one text for each frame."""
    texts = [frames] if isinstance(frames, str) else [text for part in frames for text in skeletons(part)]  # type: ignore[attr-defined]
    return {" ".join(part for part, *_ in Formatter().parse(text)) for text in texts}


@pytest.mark.parametrize("rows", LAST, ids=lambda rows: rows.__module__.rpartition(".")[2])
def test_the_whole_text_is_the_span_and_its_last_token_does_not_tell(rows: Callable[[], pd.DataFrame]) -> None:
    frame = rows()
    assert (frame["start"] == 0).all() and (frame["end"] == frame["text"].str.len()).all()
    assert even(frame, frame["text"].map(lambda text: tokens(text)[-1]))
    assert even(frame, frame["text"].map(lambda text: tokens(text)[-2]))
    lengths = frame["text"].map(lambda text: len(tokens(text))).groupby([frame["variant"], frame["label"]]).mean()
    assert lengths.unstack().round(9).nunique(axis=1).eq(1).all()
    assert even(frame, frame["control_key"]) and even(frame, frame["variant"])


@pytest.mark.parametrize("rows", (*TRUTH, answer_letter.rows), ids=lambda rows: rows.__module__.rpartition(".")[2])
def test_every_word_and_pair_of_words_has_all_labels_equally_often(rows: Callable[[], pd.DataFrame]) -> None:
    frame = rows()
    counts: dict[str, Counter[tuple[str, ...]]] = {label: Counter() for label in frame["label"].unique()}
    for row in frame.itertuples():
        words = tokens(row.text.lower())
        counts[row.label].update({(row.group, row.variant, *some) for some in (*zip(words), *pairwise(words))})
    first, *others = counts.values()
    assert all(first == other for other in others)


@pytest.mark.parametrize(
    "frames",
    [capital_truth.CLAIMS, number_comparison.FRAMES, negated_fact.FRAMES, element_symbol.FRAMES, answer_letter.FRAMES],
)
def test_variants_share_no_frame(frames: dict[str, object]) -> None:
    one, other = (skeletons(part) for part in frames.values())
    assert one.isdisjoint(other)


@pytest.mark.parametrize("rows", (*TRUTH, answer_letter.rows), ids=lambda rows: rows.__module__.rpartition(".")[2])
def test_every_group_is_in_each_variant_with_even_labels(rows: Callable[[], pd.DataFrame]) -> None:
    frame = rows()
    counts = frame.groupby(["group", "variant", "label"]).size().unstack(["variant", "label"])
    assert counts.notna().all().all() and counts.nunique(axis=1).eq(1).all()


def test_statements_on_capitals_are_true_exactly_when_labelled_so() -> None:
    frame, table = capital_truth.rows(), pd.DataFrame(read_words("countries")).set_index("country")
    for group, rows in frame.groupby("group"):
        countries = [table.loc[name] for name in str(group).split("/")]
        assert len(countries) == 2 and len({country["region"] for country in countries}) == 1
        for row in rows.itertuples():
            named = [
                c for c in countries if f"{c['article']} {c.name}".strip() in row.text.replace(c["capital"], "", 1)
            ]
            cities = [c for c in countries if c["capital"] in row.text]
            assert len(named) == len(cities) == 1
            assert (row.label == "true") == (named[0].name == cities[0].name)


def test_capitals_that_are_disputed_or_spelled_like_their_country_are_left_out() -> None:
    used = {name for group in capital_truth.rows()["group"] for name in group.split("/")}
    table = pd.DataFrame(read_words("countries")).set_index("country")
    assert (table.loc[sorted(used), "capital_note"] == "").all()
    assert used.isdisjoint({"Algeria", "Bolivia", "Brazil", "Israel", "Kuwait", "Mexico", "Singapore", "South Africa"})
    assert {"Netherlands", "Australia", "Kazakhstan", "Myanmar"} <= used


def test_comparisons_are_true_exactly_when_labelled_so() -> None:
    spelled = {row["words"]: row["digits"] for row in read_words("number_words")}
    more = {"larger", "greater", "above", "higher", "after", "older"}
    less = {"smaller", "less", "below", "lower", "before", "younger"}
    for row in number_comparison.rows().itertuples():
        words = re.findall(r"[a-z]+(?:-[a-z]+)?|\d+", row.text.lower())
        first, second = [int(spelled.get(word, word)) for word in words if word in spelled or word.isdigit()][:2]
        (relation,) = (more | less) & set(words)
        assert (row.label == "true") == ((first > second) == (relation in more))
        assert {first, second} == set(map(int, row.group.split("/")))
        assert (row.variant == "digits") == any(word.isdigit() for word in words)


def test_number_words_follow_from_tens_and_units() -> None:
    table = {row["words"]: int(row["digits"]) for row in read_words("number_words")}
    assert list(table.values()) == list(range(10, 100))
    tens = dict(
        zip(
            ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
            range(20, 100, 10),
            strict=True,
        )
    )
    units = dict(
        zip(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], range(1, 10), strict=True)
    )
    for word, number in table.items():
        if number >= 20:
            ten, _, unit = word.partition("-")
            assert number == tens[ten] + units.get(unit, 0) and (unit in units or not unit)
    teens = [word for word, number in table.items() if number < 20]
    assert teens[:3] == ["ten", "eleven", "twelve"]
    assert teens[3:] == [f"{stem}teen" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")]


def test_numbers_are_the_larger_one_as_often_as_the_smaller_one_but_at_the_ends() -> None:
    pairs = [tuple(map(int, group.split("/"))) for group in number_comparison.rows()["group"].unique()]
    larger, smaller = (Counter(pair[place] for pair in pairs) for place in (0, 1))
    assert max(larger.values()) == max(smaller.values()) == 1
    assert all(low < 34 for low in set(smaller) - set(larger)) and all(high > 75 for high in set(larger) - set(smaller))


def test_the_first_number_and_the_relation_are_little_help_without_the_second_number() -> None:
    frame = number_comparison.rows()
    frame = frame[frame["text"].str.contains(r"^\d+ is ")]
    first, larger = frame["text"].str.split().str[0].astype(int), frame["text"].str.contains("larger")
    right = [(((first > bound) == larger) == (frame["label"] == "true")).mean() for bound in range(10, 100)]
    assert 0.5 < max(right) < 0.65


def test_statements_on_kinds_are_true_exactly_when_labelled_so() -> None:
    kind_of = {
        row[thing]: row[f"{thing}_kind"] for row in read_words("kinds_of_things") for thing in ("first", "second")
    }
    for row in negated_fact.rows().itertuples():
        text = f" {row.text[:-1]} ".lower()
        (thing,) = (thing for thing in row.group.split("/") if f" {thing.lower()} " in text)
        (kind,) = (kind for kind in set(kind_of.values()) if text.endswith(f" {kind} "))
        assert (row.label == "true") == ((kind_of[thing] == kind) == (" not " not in text))


def test_kinds_agree_with_the_list_by_kind_and_exclude_each_other() -> None:
    table = pd.DataFrame(read_words("kinds_of_things"))
    listed = [entry.split(": ") for entry in re.sub(r"\s+", " ", KINDS).strip().split("; ")]
    theirs = {thing: kind for kind, things in listed for thing in things.split(", ")}
    ours = {
        re.sub("^(an?|the) ", "", row[thing]): row[f"{thing}_kind"]
        for row in table.to_dict("records")
        for thing in ("first", "second")
    }
    assert ours == theirs and len(ours) == 2 * len(table) >= 80 and table["source"].ne("").all()
    for row in table.itertuples():
        pair = {row.first_kind, row.second_kind}
        assert len(pair) == 2
        assert not any(general in pair and pair <= kinds for kinds in NESTED for general in ("an animal", "a plant"))


def test_statements_on_symbols_are_true_exactly_when_labelled_so() -> None:
    symbol_of = {row["name"]: row["symbol"] for row in read_words("element_symbols")}
    for row in element_symbol.rows().itertuples():
        elements = row.group.split("/")
        words = tokens(row.text.removeprefix("In the periodic table").removeprefix("As a symbol"))
        (name,) = (element for element in elements if element in words)
        (symbol,) = (symbol_of[element] for element in elements if symbol_of[element] in words)
        assert (row.label == "true") == (symbol_of[name] == symbol)


def test_symbols_follow_from_the_atomic_number_and_pairs_begin_alike() -> None:
    table = read_words("element_symbols")
    assert all(ELEMENTS[int(row["number"]) - 1] == row["symbol"] and row["source"] for row in table)
    assert len({row["name"] for row in table}) == len({row["symbol"] for row in table}) == len(table) == 80
    pairs = list(zip(table[::2], table[1::2], strict=True))
    assert all(one["pair"] == other["pair"] for one, other in pairs)
    # Where a symbol begins as its English name does, the other symbol of the pair does so too, but for three pairs.
    unlike = [one["name"] for one, other in pairs if one["name"][0] != other["name"][0]]
    latin = {row["name"] for row in table if row["symbol"][0].lower() != row["name"][0]}
    assert set(unlike) <= latin | {"copper"} and len(unlike) == 5


def test_parallel_sentences_share_the_name_that_is_read_and_its_place() -> None:
    frame = sentence_language.rows()
    spans = pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)
    assert even(frame, spans) and (spans == frame["control_key"]).all()
    assert all(row.text[row.end :] == "." for row in frame.itertuples())
    words = frame["text"].str.split().str.len().groupby([frame["variant"], frame["label"]]).mean().unstack()
    assert (words.max(axis=1) - words.min(axis=1) < 0.35).all()
    assert frame.groupby("group")["label"].value_counts().nunique() == 1


def test_parallel_sentences_are_in_their_language_and_in_one_variant() -> None:
    table = pd.DataFrame(read_words("parallel_sentences"))
    assert table["concept"].is_unique and table["variant"].value_counts().to_dict() == {"statements": 28, "orders": 28}
    texts = table[list(sentence_language.LANGUAGES)]
    assert not pd.Series(texts.to_numpy().ravel()).duplicated().any()
    own = {"english": "the a our", "french": "le la l un une du", "german": "der die das den", "spanish": "el los una"}
    for language, words in own.items():
        shares = {
            other: texts[other]
            .map(lambda text, words=words: bool(set(words.split()) & set(tokens(text.lower()))))
            .mean()
            for other in own
        }
        assert max(shares, key=lambda other: shares[other]) == language and shares[language] > 0.4
    assert sentence_language.rows().groupby("group")["variant"].nunique().eq(1).all()


def test_the_letter_is_that_of_the_option_of_the_kind_asked_for() -> None:
    kind_of = {row["word"]: row["kind"] for row in read_words("answer_options")}
    forms = (r"{0}\) (\w+)", r"{0}: (\w+)", r"(\w+) as {0}\b", r"(\w+) \({0}\)")
    for row in answer_letter.rows().itertuples():
        words = {
            letter: found.group(1)
            for letter in "ABC"
            for form in forms
            if (found := re.search(form.format(letter), row.text))
        }
        assert sorted(words.values()) == sorted(row.group.split("/"))
        (letter,) = (letter for letter in words if kind_of[words[letter]] in row.text)
        assert letter == row.label and kind_of[words[letter]] == row.control_key


def test_options_have_one_kind_each_and_are_used_in_one_group() -> None:
    table = pd.DataFrame(read_words("answer_options"))
    assert table["word"].is_unique and table["kind"].value_counts().unique().tolist() == [16]
    used = Counter(word for group in answer_letter.rows()["group"].unique() for word in group.split("/"))
    assert set(used) == set(table["word"]) and max(used.values()) == 1


def test_registers_differ_in_the_cue_alone_and_have_equal_lengths() -> None:
    frame = formality.rows()
    formal, informal = frame[::2], frame[1::2]
    assert (formal["label"] == "formal").all() and (informal["label"] == "informal").all()
    for one, other in zip(formal.itertuples(), informal.itertuples(), strict=True):
        cue, other_cue = one.group.split("/")
        capital = other_cue[0].upper() + other_cue[1:]
        swapped = one.text.replace(cue, other_cue, 1) if cue in one.text else capital + one.text[len(cue) :]
        assert swapped == other.text or swapped[0].upper() + swapped[1:] == other.text
        assert len(tokens(one.text)) == len(tokens(other.text))
        assert one.text.endswith(f" {one.control_key}.") and other.text.endswith(f" {one.control_key}.")


def test_register_cues_are_used_once_and_in_one_variant() -> None:
    words, phrases = read_words("register_words"), read_words("register_phrases")
    cues = [row[register] for row in (*words, *phrases) for register in ("formal", "informal")]
    assert len(cues) == len(set(cues)) and len(words) >= 40
    frame = formality.rows()
    assert frame.groupby("group")["variant"].nunique().eq(1).all()
    assert frame.groupby("control_key")["variant"].nunique().eq(1).all()
