"""The syntactic datasets that are read at a word: labels by a second rule, minimal pairs, balance, variants apart."""

import re

import pandas as pd

from data.generated import grammatical_role, part_of_speech, subject_number, verb_tense
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


def test_roles_cannot_be_told_from_position_word_text_or_key() -> None:
    frame = grammatical_role.rows()
    for telltale in (marks_before(frame), spans(frame), frame["text"], frame["control_key"]):
        assert even(frame, telltale)
    assert even(frame, frame["variant"] + marks_before(frame).astype(str))
    assert even(frame, frame["variant"] + spans(frame))


def test_an_object_follows_its_verb_and_a_subject_does_not() -> None:
    frame = grammatical_role.rows()
    forms = {form for verb in read_words("role_verbs") for form in verb.values()}
    for row in frame.itertuples():
        before = row.text[: row.start].split()
        verb = before[-3] if before[-1] in ("tall", "tired") else before[-2]
        assert (verb in forms) == (row.label == "object")


def test_people_have_one_partner_and_verbs_are_regular() -> None:
    people = pd.Series([pair[place] for pair in read_words("role_people") for place in ("first", "second")])
    assert people.is_unique and len(people) == 80
    frame = grammatical_role.rows()
    assert frame.groupby("control_key")["variant"].nunique().eq(2).all()
    for verb in read_words("role_verbs"):
        stem = verb["base"].removesuffix("e")
        assert (verb["past"], verb["gerund"]) == (f"{stem}ed", f"{stem}ing")


def test_role_variants_share_no_frame() -> None:
    frame = grammatical_role.rows()
    opening = frame["text"].str.split().str[0]
    assert frame.groupby(opening)["variant"].nunique().eq(1).all()
    assert not frame["text"][frame["variant"] == "frames_a"].str.contains(" tall | tired ").any()


def test_tense_pairs_differ_in_the_irregular_verb_alone() -> None:
    frame, cues = verb_tense.rows(), {cue["present"]: cue for cue in read_words("tense_cues")}
    present, past = frame[::2], frame[1::2]
    assert (present["label"] == "present").all() and (past["label"] == "past").all()
    for now, then in zip(present.itertuples(), past.itertuples(), strict=True):
        words = zip(now.text.split(), then.text.split(), strict=True)
        changed = [(one, other) for one, other in words if one != other]
        assert changed == [(now.group, cues[now.group]["past"])]
        assert now.text[now.start : now.end] == then.text[then.start : then.end] == now.control_key
    assert even(frame, marks_before(frame)) and even(frame, spans(frame))


def test_irregular_verbs_differ_in_form_and_come_before_the_verb_read() -> None:
    cues, verbs = read_words("tense_cues"), {row["verb"] for row in read_words("tense_verbs")}
    forms = [cue[tense] for cue in cues for tense in ("present", "past")]
    assert len(set(forms)) == len(forms) >= 100 and verbs.isdisjoint(forms)
    for cue in cues:
        present, past, participle = cue["present"], cue["past"], cue["participle"]
        assert past not in (present, f"{present}ed", f"{present}d") or past == "heard"
        # A second rule for the past: the participle repeats it, ends in n, has u for its a, or is the present again.
        assert participle in (past, present, past.replace("a", "u")) or participle.endswith(("n", "ne"))
    for row in verb_tense.rows().itertuples():
        assert len({word for word in row.text[: row.start].split() if word in forms}) == 1


def test_verbs_read_have_one_form_for_present_and_past() -> None:
    invariant = "bet burst cast cut hit hurt let put quit set shed shut split spread upset"  # the past participle, too
    assert {row["verb"] for row in read_words("tense_verbs")} == {*invariant.split(), "beat", "read"}


def test_tense_variants_put_the_irregular_verb_in_another_clause() -> None:
    frame = verb_tense.rows()
    openings = frame["text"].str.split().str[0]
    assert (
        openings.isin(["When", "Whenever", "As", "Once", "Each", "After"]) == (frame["variant"] == "frames_b")
    ).all()
    assert frame.groupby(["group", "variant"]).size().eq(12).all()
