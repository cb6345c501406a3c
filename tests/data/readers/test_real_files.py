"""Every published file that lies beside the project gives as many rows as the note on it says, and as often each label.

The notes are `SOURCE.md` in each folder, with a table of files; those without a number of rows are no data.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.readers.jsons import parse_json, parse_jsonl
from data.readers.lines import parse_labelled, parse_lines
from data.readers.tables import parse_table
from data.readers.text import decode
from data.readers.treebank import parse_conllu

FOLDER = Path(__file__).parents[3].parent / "shared" / "datasets"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no published files in {FOLDER}")
Records = list[Mapping[str, Any]]


def _csv(*header: str) -> Callable[[str, str], Records]:
    return lambda place, text: parse_table(place, text, header=header or None)


def _tsv(*header: str, quotes: str | None = None) -> Callable[[str, str], Records]:
    return lambda place, text: parse_table(place, text, separator="\t", quotes=quotes, header=header or None)


def _json(records: str | None = None) -> Callable[[str, str], Records]:
    return lambda place, text: parse_json(place, text, records)


# Set and file -> how it is read, and the column whose counts the note gives.
READ: dict[str, tuple[Callable[[str, str], Records], str | None]] = {
    "ag_news/test.csv": (_csv("class", "title", "description"), "class"),
    "ag_news/classes.txt": (parse_lines, None),
    "azaria_mitchell/*.csv": (_csv(), "label"),
    "blimp/*.jsonl": (parse_jsonl, None),
    "cola/raw/*.tsv": (_tsv("source", "label", "mark", "sentence", quotes="literal"), "label"),
    "colored_objects/*.json": (_json(), "$1"),
    "fever_symmetric/*.jsonl": (parse_jsonl, "gold_label"),
    "function_vectors/*.json": (_json(), "output"),
    "geometry_of_truth/*.csv": (_csv(), "label"),
    "goemotions/*.tsv": (_tsv("text", "labels", "id", quotes="literal"), None),
    "goemotions/*labels.txt": (parse_lines, None),
    "gulordava_agreement/*.tab": (_tsv(), "correct_number"),
    "known_facts/known_1000.json": (_json(), None),
    "known_facts/questions_1000_all.json": (_json("*"), None),
    "lexical_relations/BLESS.*": (_tsv("x", "y", "is_hypernym", "relation"), "relation"),
    "lm_diagnostics/*.tsv": (_tsv(), None),
    "lre_relations/*.json": (_json("samples.*"), "object"),
    "marvin_linzen/*.jsonl": (parse_jsonl, None),
    "mmlu/*.csv": (_csv("question", "A", "B", "C", "D", "answer"), "answer"),
    "monli/*.jsonl": (parse_jsonl, "gold_label"),
    "multiple_choice/*.json": (_json(), None),
    "sent_conv/*": (parse_labelled, "$label"),
    "senteval/*.txt": (_tsv("split", "label", "sentence", quotes="literal"), None),
    "sts2014/STS.input.*": (_tsv("one", "two"), None),
    "sts2014/STS.gs.*": (parse_lines, None),
    "syntaxgym/json/*.json": (_json("items"), None),
    "syntaxgym/csv/*.csv": (_csv(), None),
    "truthfulqa/*.csv": (_csv(), "Type"),
    "ud_english_ewt/*.conllu": (parse_conllu, "upos"),
    "wic/*.data.txt": (_tsv("word", "pos", "at", "one", "two", quotes="literal"), None),
    "wic/*.gold.txt": (parse_lines, "$text"),
    "xprobe_en/*.txt": (_tsv("sentence", "label", quotes="literal"), "label"),
}
SETS = sorted({name.split("/")[0] for name in READ})


def _notes(folder: str) -> dict[str, tuple[int, dict[str, int]]]:
    """Return the files of a set: how many rows it has and how often each value of its first remark occurs."""
    found = {}
    for line in (FOLDER / folder / "SOURCE.md").read_text(encoding="utf-8").splitlines():
        cells = line.strip("|").split(" | ")
        if len(cells) > 4 and cells[2].strip().isdigit():
            told = cells[3].split(";")[-1 if "UPOS" in cells[3] else 0].replace("UPOS ", "")
            counts = {key: int(count) for key, count in re.findall(r"(?:^|, )\s?([^=,]+)=(\d+)", told)}
            found[cells[0].strip()] = (int(cells[2]), counts)
    return found


def _encoding(name: str) -> str | None:
    return "iso-8859-1" if name.endswith("subj.all") else None


def _records(folder: str, name: str) -> tuple[Records, str | None]:
    parse, column = next(READ[pattern] for pattern in READ if fnmatch(f"{folder}/{name}", pattern))
    return parse(name, decode(name, (FOLDER / folder / name).read_bytes(), _encoding(name))), column


@pytest.mark.parametrize("folder", SETS)
def test_a_published_set_is_read_whole(folder: str) -> None:
    notes = _notes(folder)
    assert notes
    for name, (n_rows, counts) in notes.items():
        records, column = _records(folder, name)
        units = {record["$sentence"] for record in records} if name.endswith(".conllu") else records
        assert len(units) == n_rows, name
        if column:
            found = Counter(str(record[column]).strip() for record in records)
            assert {key: found[key.strip()] for key in counts} == counts, name


def test_no_set_is_left_out() -> None:
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == SETS


@pytest.mark.parametrize(
    "name",
    [
        "ag_news/test.csv", "azaria_mitchell/generated_true_false.csv", "geometry_of_truth/common_claim.csv",
        "gulordava_agreement/generated.tab", "mmlu/test/high_school_biology_test.csv", "truthfulqa/TruthfulQA.csv",
    ],
)  # fmt: skip
def test_quoted_tables_are_what_pandas_reads(name: str) -> None:
    records, _ = _records(*name.split("/", 1))
    header = None if name.startswith(("ag_news", "mmlu")) else 0
    separator = "\t" if name.endswith(".tab") else ","
    table = pd.read_csv(FOLDER / name, sep=separator, header=header, dtype=str, keep_default_na=False)
    assert [list(record.values()) for record in records] == table.values.tolist()


def test_words_of_a_treebank_stand_where_they_are_said_to_stand() -> None:
    records, _ = _records("ud_english_ewt", "en_ewt-ud-dev.conllu")
    places = Counter((row["$sentence"], row["start"]) for row in records)
    for row in records:
        if places[row["$sentence"], row["start"]] == 1:  # else it is part of a multiword token
            assert row["text"][int(row["start"]) : int(row["end"])] == row["form"]
    assert sum(count > 1 for count in places.values()) == 359


def test_bytes_that_python_takes_for_line_ends_stay_in_a_text() -> None:
    records, _ = _records("sent_conv", "subj.all")
    assert sum("\x85" in record["$text"] for record in records) > 0
