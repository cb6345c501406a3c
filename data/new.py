"""Write a commented starter spec by looking at a file: `python -m data.new NAME --from FILE`."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

import pandas as pd

from data.errors import DataError
from data.files import read_bytes, read_files
from data.keys import check_slug
from data.places import FORMATS, FileSource, Source, read_place
from data.readers.tables import read_fields
from data.readers.text import decode
from data.rows import all_columns

FOLDER = Path("data/specs")
MOST_CLASSES = 20  # more values than that are hardly a label
LABEL_NAMES = ("label", "class", "gold", "kind", "answer", "gold_label")
# Two columns are minimal pairs where texts are so long (characters), share so many words, and are so seldom the same.
LONG, ALIKE, COPIES = 15, 0.6, 0.1

SPEC = Template("""\
# Made by looking at $path. What is marked "guess" or "fill in" is yours to settle; then run
#   python -m data.check $spec
description: "fill in: what is asked, how the examples were made, why it is read where it is read"
# artefacts: what gives labels away without the feature, and why that is so
feature: $name  # what the label says about the text; another dataset of the same feature has the same word here
family: semantic  # guess; one of structural, syntactic, semantic, factual, truth, expression
licence: "fill in: of the texts and labels"
citation: "fill in: text or a BibTeX entry"
readout: $readout  # the token that is probed: last, first, span, or mean for all of the text
too_long: error  # or drop, for texts longer than the model's context
source:
$source
# The columns of the file:
$columns
$shape
# duplicates: drop      # rows that repeat; the default is to refuse them
# contradictions: drop  # rows of one text with different labels; the default is to refuse them
# cap: 2000             # at most so many examples, whole groups, classes as they are
""")


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/specs/NAME.yaml.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        DataError: If there is such a spec, the file cannot be read, or no column looks like a text.

    Example:
        >>> main(["sentiment", "--from", "x.csv"])
        Traceback (most recent call last):
        data.errors.DataError: data/specs/sentiment.yaml: is there already; choose another name, or delete it first
    """
    parser = argparse.ArgumentParser(prog="python -m data.new", description=__doc__)
    parser.add_argument("name", help="of the dataset: a-z, 0-9, _ and -")
    parser.add_argument("--from", dest="file", required=True, help="the file, from the top folder of the project")
    parser.add_argument("--format", choices=FORMATS, help="default: by the suffix, or by what is in the file")
    args = parser.parse_args(argv)
    spec = FOLDER / f"{check_slug('NAME', args.name)}.yaml"
    if spec.exists():
        raise DataError(f"{spec}: is there already; choose another name, or delete it first")
    place = {"path": args.file, "format": args.format or _format(Path(args.file))}
    source = _with_header(read_place("--from", place))
    text = starter(args.name, spec, source)
    FOLDER.mkdir(parents=True, exist_ok=True)
    spec.write_text(text, encoding="utf-8")
    print(f"{spec}: written. Read it, fill it in, then run: python -m data.check {spec}")


def starter(name: str, spec: Path, source: FileSource) -> str:
    """Return a spec for a file, its columns guessed by what is in them.

    Args:
        name: Of the dataset.
        spec: Where the spec will be, for its own comments.
        source: The file.

    Raises:
        DataError: If the file cannot be read, or no column looks like a text.

    Example:
        >>> source = FileSource(("data/generated/words/attractors.csv",), "csv")
        >>> print(starter("x", Path("data/specs/x.yaml"), source).splitlines()[1])
        #   python -m data.check data/specs/x.yaml
    """
    found = read_files(source, Path())
    table = all_columns(list(zip(found.names, found.records, strict=True)))
    table = table.drop(columns=[column for column in ("$row", "$file") if column in table])
    if table.empty:
        raise DataError(f"{source.place}: has no rows with a column of text")
    roles, alike = guess_roles(table), _pair(table)
    pair = alike if not _is_label(roles.get("label")) else []  # a label beside two texts is about both of them
    return SPEC.substitute(
        **{"path": source.place, "spec": spec, "name": name},
        readout="last" if alike or not {"start", "target"} & set(roles) else "span",
        source=_source_lines(source, found.sha256),
        columns="\n".join(_told(table[column]) for column in table),
        shape=_pair_lines(pair, roles) if pair else _column_lines(table, roles, alike),
    )


def guess_roles(table: pd.DataFrame) -> dict[str, str]:
    """Return field of a spec -> the column that looks like it; no label where no column has few values.

    Args:
        table: Columns of text.

    Example:
        >>> guess_roles(pd.DataFrame({"sentence": ["A cat.", "A dog.", "An axe."], "kind": ["x", "x", "y"]}))
        {'text': 'sentence', 'label': 'kind'}
    """
    counts = {str(column): int(table[column].nunique()) for column in table}
    text = max(counts, key=lambda column: float(table[column].str.len().mean()))
    few = [column for column in counts if column != text and 2 <= counts[column] <= MOST_CLASSES]
    named = [column for column in few if _is_label(column)]
    label = next(iter(named or sorted(few, key=lambda column: counts[column])), None)
    roles = {"text": text} | ({"label": label} if label else {})
    rest = [column for column in counts if column not in roles.values()]
    inside = [column for column in rest if _stands_once(table[text], table[column])]
    if {"start", "end"} <= set(rest):
        roles |= {"start": "start", "end": "end"}
    elif inside:
        roles["target"] = inside[0]
    recurring = [column for column in rest if len(table) / 2 >= counts[column] >= 10]
    chosen = [column for column in inside if column in recurring] or sorted(recurring, key=lambda one: -counts[one])
    return roles | ({"group": chosen[0]} if chosen else {})


def _pair(table: pd.DataFrame) -> list[str]:
    """Return two columns of texts that differ a little, as minimal pairs have them; none where none do."""
    lengths = table.apply(lambda column: column.str.len().mean())
    first, *rest = lengths.sort_values(ascending=False, kind="stable").index
    second = rest[0] if rest else first
    alike = [
        len(set(a.split()) & set(b.split())) / max(len(a.split()), len(b.split()), 1)
        for a, b in zip(table[first], table[second], strict=True)
    ]
    copies = (table[first] == table[second]).mean()
    near = copies < COPIES and lengths[second] > LONG and sum(alike) / len(alike) > ALIKE
    return sorted((str(first), str(second)), key=list(table.columns).index) if near else []


def _pair_lines(pair: Sequence[str], roles: Mapping[str, str]) -> str:
    group = roles.get("group", "$row")
    return f"""\
# Two columns hold much the same text: a row of the file is a minimal pair and gives two examples (guess).
melt:
  columns:
    {_quoted(pair[0])}: {_quoted(pair[0])}  # column: label
    {_quoted(pair[1])}: {_quoted(pair[1])}
columns:
  text: $value
  label: $label
  group: {_quoted(group)}  # guess; both examples of a pair belong into one fold"""


def _column_lines(table: pd.DataFrame, roles: Mapping[str, str], alike: Sequence[str]) -> str:
    label = roles.get("label")
    why = f"guess: {table[label].nunique()} different values" if label else "fill in: no column has few values"
    both = json.dumps(" ".join(f"{{{name}}}" for name in alike))
    text = (
        f"{{template: {both}}}  # guess: two texts"
        if alike
        else f"{_quoted(roles['text'])}  # guess: the longest texts"
    )
    lines = ["columns:", f"  text: {text}"]
    lines += [f"  label: {_quoted(label) if label else 'FILL_IN'}  # {why}"]
    spans = [] if alike else [field for field in ("start", "end", "target") if field in roles]
    lines += [f"  {field}: {_quoted(roles[field])}  # guess" for field in spans]
    if "group" in roles:
        lines += [f"  group: {_quoted(roles['group'])}  # guess; rows that share it never cross a fold"]
    else:
        lines += ["  # group: what rows share that must not cross a fold: a pair, an item, a template, a document"]
    lines += ["  # control_key: what gets one random label in the control task, and recurs over groups"]
    if label:
        lines += [
            '# What the labels are called; null drops the rows of one, and "*": null those of all without a line.'
        ]
        lines += ["labels:"]
        lines += [f"  {_quoted(one)}: {_quoted(one) if one.strip() else 'null'}" for one in _values(table[label])]
    return "\n".join(lines)


def _is_label(column: str | None) -> bool:
    return column is not None and column.lower().strip("$") in LABEL_NAMES


def _stands_once(texts: pd.Series, words: pd.Series) -> bool:
    return all(word.strip() and text.count(word) == 1 for text, word in zip(texts, words, strict=True))


def _format(path: Path) -> str:
    """Return the format that the suffix says, or for other suffixes the first line."""
    suffix = path.suffix.removeprefix(".").lower()
    if suffix in FORMATS:
        return suffix
    try:
        first = path.read_bytes().lstrip()[:10_000].split(b"\n")[0]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; --from must name one readable file") from None
    if first.startswith(b"{"):
        return "jsonl"
    return "tsv" if b"\t" in first else "labelled"


def _with_header(source: Source) -> FileSource:
    """Return the source with names for its columns where the first line of its table looks like a row."""
    assert isinstance(source, FileSource)
    if source.format not in ("csv", "tsv"):
        return source
    content = read_bytes(source.paths[0], Path())
    rows = list(read_fields(source.place, decode(source.place, content, None), "," if source.format == "csv" else "\t"))
    if len(rows) < 2:
        raise DataError(f"{source.place}: has {len(rows)} lines; a starter spec needs a few rows to look at")
    first, others = rows[0][1], [fields for _, fields in rows[1:]]
    later = [{fields[at] for fields in others if at < len(fields)} for at in range(len(first))]
    is_row = any(not cell or cell in seen or len(cell.split()) > 4 for cell, seen in zip(first, later, strict=True))
    names = tuple(f"column_{at}" for at in range(1, len(first) + 1))
    return dataclasses.replace(source, header=names) if is_row else source


def _source_lines(source: FileSource, sha256: str) -> str:
    pairs: Mapping[str, str] = {"path": source.paths[0], "format": source.format, "sha256": sha256}
    lines = [f"  {key}: {_quoted(value)}" for key, value in pairs.items()]
    if source.header:
        lines.append(f"  header: [{', '.join(source.header)}]  # guess: the first line looks like a row; name them")
    elif source.format in ("csv", "tsv"):
        lines.append("  # header: [first, second]  # names of the columns, where the file has none")
    return "\n".join(lines)


def _told(values: pd.Series) -> str:
    seen = _values(values, most=3)
    more = f" and {values.nunique() - 3} more" if values.nunique() > 3 else ""
    return f"#   {_quoted(str(values.name))}: {', '.join(_quoted(value[:40]) for value in seen)}{more}"


def _values(values: pd.Series, most: int = MOST_CLASSES) -> list[str]:
    return [str(value) for value in sorted(values.unique())[:most]]


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, on one line."""
    plain = text.replace("_", "").replace("/", "").replace(".", "").replace("$", "").isalnum()
    return text if plain and not text[0].isdigit() and text.lower() not in _WORDS else json.dumps(text)


_WORDS = {"yes", "no", "true", "false", "on", "off", "null", "y", "n"}

if __name__ == "__main__":
    try:
        main()
    except DataError as problem:
        sys.exit(f"error: {problem}")
