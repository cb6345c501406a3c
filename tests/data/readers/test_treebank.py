import pytest

from data.errors import DataError
from data.readers.treebank import parse_conllu


def _row(number: str, form: str, misc: str = "_", **columns: str) -> str:
    names = ("lemma", "upos", "xpos", "feats", "head", "deprel", "deps")
    return "\t".join([number, form, *(columns.get(name, "_") for name in names), misc])


def _file(*rows: str, end: str = "\n") -> str:
    return end.join([*rows, "", ""])


def _spans(text: str) -> list[tuple[str, str]]:
    """Return each word and what stands at its place in the text."""
    return [(row["form"], row["text"][int(row["start"]) : int(row["end"])]) for row in parse_conllu("x", text)]


def _texts(text: str) -> list[str]:
    return list(dict.fromkeys(row["text"] for row in parse_conllu("x", text)))


def test_a_word_has_all_columns_as_text() -> None:
    word = _row("1", "Go", lemma="go", upos="VERB", xpos="VB", feats="Mood=Imp|Number[psor]=Sing", head="0",
                deprel="root", deps="0:root", misc="Gloss=geh  jetzt")  # fmt: skip
    assert parse_conllu("x", _file("# newdoc id = d", "# newpar id = p", "# sent_id = s-1", word)) == [
        {"text": "Go", "start": "0", "end": "2", "id": "1", "form": "Go", "lemma": "go", "upos": "VERB", "xpos": "VB",
         "head": "0", "deprel": "root", "feats.Mood": "Imp", "feats.Number[psor]": "Sing", "newdoc": "d",
         "newpar": "p", "sent_id": "s-1", "$sentence": "1"}
    ]  # fmt: skip


def test_what_is_missing_is_empty_but_an_underscore_may_be_a_word() -> None:
    first, second = parse_conllu("x", _file(_row("1", "a"), _row("2", "_", lemma="_")))
    assert {first[name] for name in ("lemma", "upos", "xpos", "head", "deprel", "sent_id", "newdoc", "newpar")} == {""}
    assert (second["form"], second["lemma"], second["upos"]) == ("_", "_", "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_text_is_put_together_from_the_forms(end: str) -> None:
    text = _file(
        _row("1", "Go", "SpaceAfter=No"),
        _row("2", ",", "A=b|SpaceAfter=No|C=d"),
        _row("3", "é"),
        _row("4", "!"),
        end=end,
    )
    assert _texts(text) == ["Go,é !"]
    assert _spans(text) == [("Go", "Go"), (",", ","), ("é", "é"), ("!", "!")]


def test_the_text_given_decides_about_blanks() -> None:
    text = _file(
        "# text = Go\u00a0 , é =!", _row("1", "Go", "SpaceAfter=No"), _row("2", ","), _row("3", "é ="), _row("4", "!")
    )
    assert _texts(text) == ["Go\u00a0 , é =!"]
    assert _spans(text) == [("Go", "Go"), (",", ","), ("é =", "é ="), ("!", "!")]
    assert _texts(_file("# text =", _row("1", "a"), _row("2", "b"))) == ["a b"]


def test_words_of_a_multiword_token_have_its_place() -> None:
    dont = [_row("1-2", "don't"), _row("1", "do", "SpaceAfter=No"), _row("2", "n't")]
    im = [_row("3-4", "im", "SpaceAfter=No"), _row("3", "in"), _row("4", "dem")]
    text = _file(*dont, *im, _row("5", "."))
    assert _texts(text) == ["don't im."]
    assert _spans(text) == [("do", "don't"), ("n't", "don't"), ("in", "im"), ("dem", "im"), (".", ".")]


def test_a_form_is_looked_for_after_the_one_before() -> None:
    rows = [(row["start"], row["end"]) for row in parse_conllu("x", _file(*(_row(str(n), "a") for n in (1, 2, 3))))]
    assert rows == [("0", "1"), ("2", "3"), ("4", "5")]


def test_empty_nodes_are_left_out() -> None:
    text = _file(_row("0.1", "who"), _row("1", "a"), _row("1.1", "b"), _row("1.2", "c"), _row("2", "d"))
    assert _texts(text) == ["a d"]
    assert [row["id"] for row in parse_conllu("x", text)] == ["1", "2"]


def test_documents_and_paragraphs_go_on_and_are_counted_without_an_id() -> None:
    heads = ["", "# newdoc", "# newpar id = p1", "", "# newpar", "# newdoc id = d", "# newdoc"]
    text = "".join(_file(*filter(None, [head]), _row("1", "a")) for head in heads)
    rows = [(row["$sentence"], row["newdoc"], row["newpar"]) for row in parse_conllu("x", text)]
    assert rows == [("1", "", ""), ("2", "1", ""), ("3", "1", "p1"), ("4", "1", "p1"), ("5", "1", "2"), ("6", "d", ""),
                    ("7", "3", "")]  # fmt: skip


def test_comments_may_stand_anywhere_and_say_anything() -> None:
    text = _file("#", "# sent_id=s", "# a = b = c", _row("1", "a"), "# late", _row("2", "#"))
    assert [(row["form"], row["sent_id"]) for row in parse_conllu("x", text)] == [("a", "s"), ("#", "s")]


def test_a_file_of_nothing_has_no_words() -> None:
    assert parse_conllu("x", "") == parse_conllu("x", "\n \n\r\n") == []


def test_the_last_sentence_needs_no_empty_line() -> None:
    assert len(parse_conllu("x", _row("1", "a"))) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1\tGo"], "^x: line 4: expected 10 columns with tabs between them, got 2$"),
        ([_row("1", "a") + "\t_"], "^x: line 4: expected 10 columns with tabs between them, got 11$"),
        ([_row("1", "")], "^x: line 4: a column is empty; what is not there is written as `_`$"),
        ([_row("1", "a  b")], "^x: line 4: two blanks side by side in a column; make them one$"),
        ([_row("1", "a", feats="Mood")], "^x: line 4: FEATS: expected `name=value.name=value` or `_`, got 'Mood'$"),
        ([_row("1", "a", feats="A=b=c")], "^x: line 4: FEATS: expected"),
        ([_row("one", "a")], "^x: the sentence at line 4 is not CoNLL-U: .*'one' is not a valid ID"),
        ([_row("1", "a", head="x")], "^x: the sentence at line 4 is not CoNLL-U: .*'head'"),
        ([_row("1" * 5000, "a")], "^x: the sentence at line 4 is not CoNLL-U: "),
        ([_row("_", "a"), _row("1", "a")], "^x: line 4: ID: expected the word 1, got 0$"),
        ([_row("1", "a"), _row("3", "b")], "^x: line 5: ID: expected the word 2, got 3$"),
        ([_row("1", "a"), _row("1", "b")], "^x: line 5: ID: expected the word 2, got 1$"),
        ([_row("2-1", "a")], "^x: the sentence at line 4 is not CoNLL-U: "),
        ([_row("1-2", "ab"), _row("1", "a")], "^x: line 5: the sentence ends before the word 2 of a token$"),
        ([_row("1-2", "ab"), _row("1", "a"), _row("2-3", "bc")], "^x: line 6: ID: expected the word 2, got 2-3$"),
        ([_row("2-3", "ab"), _row("1", "a")], "^x: line 4: ID: expected the word 1, got 2-3$"),
        ([_row("1", "a", head="2")], "^x: line 4: HEAD: there is no word 2; the last is 1$"),
        ([_row("1", "a", head="-1")], "^x: line 4: HEAD: there is no word -1"),
        (["# only = comments"], "^x: the sentence at line 4 has no words$"),
        (["# text = a", _row("1.1", "a")], "^x: the sentence at line 5 has no words$"),
        (["# text = Stop!", _row("1", "Go")], "^x: line 5: the words are not those of its `# text`: 'Go' is not"),
        (["# text = a b c", _row("1", "a"), _row("2", "c")], "^x: line 6: .* 'c' is not at character 1 of 'a b c'"),
        (["# text = a b", _row("1", "a")], "^x: line 5: `# text` goes on after the last word: ' b'$"),
        (["# global.columns = ID FORM", _row("1", "a")], "^x: line 4: is CoNLL-U Plus, with columns of its own"),
    ],
)  # fmt: skip
def test_sentences_refused(rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_conllu("x", _file("# sent_id = sound", _row("1", "a")) + _file(*rows))


def test_a_treebank_whose_text_was_taken_out_is_refused() -> None:
    with pytest.raises(DataError, match=r"^x: every form is `_`: the text was taken out of this treebank; put it back"):
        parse_conllu("x", _file(_row("1", "_"), _row("2", "_")))
