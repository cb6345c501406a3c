"""CoNLL-U treebanks: a row for each syntactic word, with its place in the text of the sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import conllu
from conllu.exceptions import ParseException

from data.errors import DataError

Record = Mapping[str, Any]
Span = tuple[int, int]
PLAIN = ("form", "lemma", "upos", "xpos", "head", "deprel")


def parse_conllu(place: str, text: str) -> list[Record]:
    r"""Return the syntactic words of a treebank.

    The columns: text (of the sentence), start and end (of the word in it, characters, half-open; the word of a
    multiword token such as `don't` has the place of the token), id, form, lemma, upos, xpos, head, deprel,
    `feats.<name>` for each feature, newdoc (the document), sent_id, and `$sentence` (number in the file). Empty nodes
    are left out.

    Args:
        place: File, for messages.
        text: What stands in it.

    Raises:
        DataError: If a sentence is not CoNLL-U, or its words are not those of its `# text`.

    Example:
        >>> word = "\t".join(["1", "Go", "go", "VERB", "VB", "Mood=Imp", "0", "root", "_", "SpaceAfter=No"])
        >>> stop = "\t".join(["2", "!", "!", "PUNCT", ".", "_", "1", "punct", "_", "_"])
        >>> row = parse_conllu("x.conllu", f"{word}\n{stop}\n\n")[0]
        >>> row["text"], row["start"], row["end"], row["feats.Mood"]
        ('Go!', '0', '2', 'Imp')
    """
    records: list[Record] = []
    document = ""
    for number, (line, block) in enumerate(_blocks(text), start=1):
        sentence = _parsed(place, line, block)
        metadata = {key: str(value or "") for key, value in sentence.metadata.items()}
        document = metadata.get("newdoc id", document)
        about = {"newdoc": document, "sent_id": metadata.get("sent_id", ""), "$sentence": str(number)}
        records += _words(place, line, sentence, metadata.get("text"), about)
    return records


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences, each with the number of its first line."""
    block: list[str] = []
    for number, line in enumerate([*re.split("\r\n|\n|\r", text), ""], start=1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), "\n".join(block) + "\n\n"
            block = []


def _parsed(place: str, line: int, block: str) -> conllu.TokenList:
    rows = [(at, row) for at, row in enumerate(block.rstrip("\n").split("\n"), start=line) if row[0] != "#"]
    for at, row in rows:
        fields = row.split("\t")
        if len(fields) != 10:
            raise DataError(f"{place}: line {at}: expected 10 columns with tabs between them, got {len(fields)}")
        if not all(field.strip() for field in fields):
            raise DataError(f"{place}: line {at}: a column is empty; what is not there is written as `_`")
    try:
        found = conllu.parse(block)
    except (ParseException, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{place}: the sentence at line {line} is not CoNLL-U: {error}") from None
    if len(found) != 1 or not rows:
        raise DataError(f"{place}: the sentence at line {line} has no words")
    return found[0]


def _words(
    place: str, line: int, sentence: conllu.TokenList, told: str | None, about: Mapping[str, str]
) -> Iterator[Record]:
    tokens = [token for token in sentence if isinstance(token["id"], int) or token["id"][1] == "-"]
    surface = _surface(tokens)
    text, spans = _placed(place, line, surface, told)
    for token in tokens:
        if isinstance(token["id"], int):
            if token["id"] not in spans:
                raise DataError(f"{place}: the sentence at line {line}: the ids are not in order at {token['id']}")
            start, end = spans[token["id"]]
            row = {"text": text, "start": str(start), "end": str(end), "id": str(token["id"])}
            row |= {name: "" if token[name] is None else str(token[name]) for name in PLAIN}
            row |= {f"feats.{name}": str(value) for name, value in (token["feats"] or {}).items()}
            yield {**row, **about}


def _surface(tokens: Sequence[conllu.Token]) -> list[tuple[range, str, bool]]:
    """Return what is written: the ids of the words in it, its form, and whether a blank follows."""
    found = []
    covered = 0
    for token in tokens:
        first, last = (token["id"],) * 2 if isinstance(token["id"], int) else token["id"][::2]
        ids = range(first, last + 1)
        if ids[0] > covered:
            found.append((ids, token["form"], (token["misc"] or {}).get("SpaceAfter") != "No"))
            covered = ids[-1]
    return found


def _placed(
    place: str, line: int, surface: Sequence[tuple[range, str, bool]], told: str | None
) -> tuple[str, dict[int, Span]]:
    """Return the text of the sentence and where in it each word is; a `# text` decides about blanks."""
    text = told if told is not None else "".join(form + " " * blank for _, form, blank in surface).strip()
    spans: dict[int, Span] = {}
    at = 0
    for ids, form, _ in surface:
        start = text.find(form, at)
        if start < 0 or text[at:start].strip():
            raise DataError(
                f"{place}: the sentence at line {line}: its words are not those of its `# text`: {form!r} is not at "
                f"character {at} of {text[:80]!r}"
            )
        at = start + len(form)
        spans |= dict.fromkeys(ids, (start, at))
    return text, spans
