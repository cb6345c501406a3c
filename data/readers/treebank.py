"""CoNLL-U treebanks: a row for each syntactic word, with its place in the text of the sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import conllu
from conllu.exceptions import ParseException

from data.errors import DataError
from data.readers.text import LINE_END

Record = Mapping[str, Any]
Lines = list[tuple[int, str]]  # of a sentence, each with its number in the file
PLAIN = ("form", "lemma", "upos", "xpos", "head", "deprel")
FEATS = re.compile(r"_|[^=|]+=[^=|]+(\|[^=|]+=[^=|]+)*")


class Written(NamedTuple):
    """What is written without a blank: a word, or a token of several words such as `don't`."""

    line: int
    ids: range  # of its words
    form: str
    blank: bool  # whether one follows


def parse_conllu(place: str, text: str) -> list[Record]:
    r"""Return the syntactic words of a treebank; what is not there (`_`) is "".

    The columns: text (of the sentence: its `# text`, or put together from forms and `SpaceAfter=No`), start and end (of
    the word in it, characters, half-open; the word of a multiword token such as `don't` has the place of the token),
    id, form, lemma, upos, xpos, head, deprel, `feats.<name>` for each feature, newdoc and newpar (id of the document
    and the paragraph, their number in the file where they have no id), sent_id, and `$sentence` (number in the file).
    Empty nodes, DEPS and MISC are left out.

    Args:
        place: File, for messages.
        text: What stands in it.

    Raises:
        DataError: If a sentence is not CoNLL-U, its words are not those of its `# text`, or all forms are `_`.

    Example:
        >>> word = "\t".join(["1", "Go", "go", "VERB", "VB", "Mood=Imp", "0", "root", "_", "SpaceAfter=No"])
        >>> stop = "\t".join(["2", "!", "!", "PUNCT", ".", "_", "1", "punct", "_", "_"])
        >>> row = parse_conllu("x.conllu", f"{word}\n{stop}\n\n")[0]
        >>> row["text"], row["start"], row["end"], row["feats.Mood"]
        ('Go!', '0', '2', 'Imp')
    """
    records: list[Record] = []
    about = {"newdoc": "", "newpar": ""}
    counts = {"newdoc": 0, "newpar": 0}
    for number, lines in enumerate(_sentences(text), start=1):
        tokens, comments = _parsed(place, lines)
        about = _unit(about, counts, comments)
        sentence = {**about, "sent_id": comments.get("sent_id", ""), "$sentence": str(number)}
        records += _words(place, tokens, comments.get("text"), sentence)
    if records and all(record["form"] == "_" for record in records):
        raise DataError(f"{place}: every form is `_`: the text was taken out of this treebank; put it back first")
    return records


def _sentences(text: str) -> Iterator[Lines]:
    lines: Lines = []
    for number, line in enumerate([*LINE_END.split(text), ""], start=1):
        if line.strip():
            lines.append((number, line))
        elif lines:
            yield lines
            lines = []


def _unit(about: Mapping[str, str], counts: dict[str, int], comments: Mapping[str, str]) -> dict[str, str]:
    """Return the document and the paragraph that a sentence is in; a new document is no longer in the old paragraph."""
    found = dict(about)
    for unit in ("newdoc", "newpar"):
        if unit in comments or f"{unit} id" in comments:
            counts[unit] += 1
            found |= {"newpar": ""} if unit == "newdoc" else {}
            found[unit] = comments.get(f"{unit} id") or str(counts[unit])
    return found


def _parsed(place: str, lines: Lines) -> tuple[list[tuple[int, conllu.Token]], dict[str, str]]:
    """Return the tokens of a sentence, each with its line, and its comments."""
    comments = [line for _, line in lines if line.startswith("#")]
    if any(re.match(r"#\s*global\.columns", line) for line in comments):
        raise DataError(f"{place}: line {lines[0][0]}: is CoNLL-U Plus, with columns of its own; convert it to CoNLL-U")
    rows = [(at, _row(place, at, line)) for at, line in lines if not line.startswith("#")]
    if not rows:
        raise DataError(f"{place}: the sentence at line {lines[0][0]} has no words")
    try:
        found = conllu.parse("\n".join([*comments, *(row for _, row in rows)]))[0]
    except (ParseException, ValueError) as error:
        raise DataError(f"{place}: the sentence at line {lines[0][0]} is not CoNLL-U: {error}") from None
    numbers = (at for at, _ in rows)
    return list(zip(numbers, found, strict=True)), {key: value or "" for key, value in found.metadata.items()}


def _row(place: str, at: int, line: str) -> str:
    """Return the line as the library reads it rightly."""
    fields = line.split("\t")
    if len(fields) != 10:
        raise DataError(f"{place}: line {at}: expected 10 columns with tabs between them, got {len(fields)}")
    if not all(field.strip() for field in fields):
        raise DataError(f"{place}: line {at}: a column is empty; what is not there is written as `_`")
    if not FEATS.fullmatch(fields[5]):
        raise DataError(f"{place}: line {at}: FEATS: expected `name=value|name=value` or `_`, got {fields[5]!r}")
    blank = "SpaceAfter=No" not in fields[9].split("|")
    fields[8:] = ["_", "_" if blank else "SpaceAfter=No"]  # the rest of DEPS and MISC is not needed
    if "  " in "\t".join(fields):  # the library takes two blanks for a tab, and would shift all that follows
        raise DataError(f"{place}: line {at}: two blanks side by side in a column; make them one")
    return "\t".join(fields)


def _words(
    place: str, tokens: Sequence[tuple[int, conllu.Token]], told: str | None, sentence: Mapping[str, str]
) -> Iterator[Record]:
    words = [(line, token) for line, token in tokens if isinstance(token["id"], int)]
    if not words:
        raise DataError(f"{place}: the sentence at line {tokens[0][0]} has no words")
    text, spans = _placed(place, _written(place, tokens), told)
    for line, token in words:
        if not 0 <= (token["head"] or 0) <= len(words):
            raise DataError(f"{place}: line {line}: HEAD: there is no word {token['head']}; the last is {len(words)}")
        start, end = spans[token["id"]]
        row = {"text": text, "start": str(start), "end": str(end), "id": str(token["id"])}
        row |= {name: _told(token, name) for name in PLAIN}
        row |= {f"feats.{name}": str(value or "") for name, value in (token["feats"] or {}).items()}
        yield {**row, **sentence}


def _told(token: conllu.Token, name: str) -> str:
    value = token[name]
    if value is None or (value == "_" and name != "form" and not (name == "lemma" and token["form"] == "_")):
        return ""
    return str(value)


def _written(place: str, tokens: Sequence[tuple[int, conllu.Token]]) -> list[Written]:
    """Return what stands in the text, one after the other; the words must be numbered 1, 2, 3 ..."""
    found: list[Written] = []
    last = covered = 0  # the word before, and the last one of the multiword token before
    for line, token in tokens:
        first, kind, end = (token["id"], "", token["id"]) if isinstance(token["id"], int) else token["id"] or (0, "", 0)
        if kind == ".":
            continue
        if first != last + 1 or (kind == "-" and first <= covered):
            raise DataError(
                f"{place}: line {line}: ID: expected the word {last + 1}, got {first}{kind}{end if kind else ''}"
            )
        last = last if kind else first
        if first > covered:
            blank = (token["misc"] or {}).get("SpaceAfter") != "No"
            found.append(Written(line, range(first, end + 1), token["form"], blank))
            covered = end
    if covered > last:
        raise DataError(f"{place}: line {tokens[-1][0]}: the sentence ends before the word {covered} of a token")
    return found


def _placed(place: str, written: Sequence[Written], told: str | None) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return the text of the sentence and where in it each word is; a `# text` decides about blanks."""
    text = told or "".join(one.form + " " * one.blank for one in written).strip()
    spans: dict[int, tuple[int, int]] = {}
    at = 0
    for one in written:
        start = text.find(one.form, at)
        if start < 0 or text[at:start].strip():
            raise DataError(
                f"{place}: line {one.line}: the words are not those of its `# text`: {one.form!r} is not at character "
                f"{at} of {text[:80]!r}; correct one of them, or take that comment out"
            )
        at = start + len(one.form)
        spans |= dict.fromkeys(one.ids, (start, at))
    if text[at:].strip():
        raise DataError(f"{place}: line {written[-1].line}: `# text` goes on after the last word: {text[at:][:40]!r}")
    return text, spans
