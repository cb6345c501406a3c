"""Every published file that data/readers can meet here, against the counts written down with it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from data.files import Record
from data.readers.jsons import parse_json, parse_jsonl
from data.readers.lines import parse_labelled, parse_lines
from data.readers.tables import parse_table
from data.readers.text import decode
from data.readers.treebank import parse_conllu

FOLDER = Path(__file__).parents[3].parent / "shared" / "datasets"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no published files in {FOLDER}")
Reader = Callable[[str, str], list[Record]]

_csv = parse_table
_tsv = partial(parse_table, separator="\t")
READERS: dict[str, dict[str, Reader]] = {  # by folder, and there by the beginning or the end of the path
    "ag_news": {"test.csv": partial(_csv, header=["class", "title", "description"]), "classes.txt": parse_lines},
    "azaria_mitchell": {".csv": _csv},
    "blimp": {".jsonl": parse_jsonl},
    "cola": {".tsv": partial(_tsv, header=["source", "label", "mark", "sentence"])},
    "colored_objects": {".json": parse_json},
    "fever_symmetric": {".jsonl": parse_jsonl},
    "function_vectors": {".json": parse_json},
    "geometry_of_truth": {".csv": _csv},
    "goemotions": {".tsv": partial(_tsv, header=["text", "labels", "id"]), "labels.txt": parse_lines},
    "gulordava_agreement": {".tab": _tsv},
    "known_facts": {"known_1000.json": parse_json, "questions_1000_all.json": partial(parse_json, records="*")},
    "lexical_relations": {"BLESS": partial(_tsv, header=["x", "y", "is_hypernym", "relation"])},
    "lm_diagnostics": {".tsv": _tsv},
    "lre_relations": {".json": partial(parse_json, records="samples")},
    "marvin_linzen": {".jsonl": parse_jsonl},
    "mmlu": {".csv": partial(_csv, header=["question", "A", "B", "C", "D", "answer"])},
    "monli": {".jsonl": parse_jsonl},
    "multiple_choice": {".json": parse_json},
    "sent_conv": {"stsa": parse_labelled, "subj": parse_labelled},
    "senteval": {".txt": partial(_tsv, header=["split", "label", "sentence"])},
    "sts2014": {"STS.input": partial(_tsv, header=["sentence1", "sentence2"]), "STS.gs": parse_lines},
    "syntaxgym": {".json": partial(parse_json, records="items"), ".csv": _csv},
    "truthfulqa": {".csv": _csv},
    "ud_english_ewt": {".conllu": parse_conllu},
    "wic": {"data.txt": partial(_tsv, header=["word", "pos", "at", "example_1", "example_2"]), "gold.txt": parse_lines},
    "xprobe_en": {".txt": partial(_tsv, header=["sentence", "label"])},
}


def _counts(folder: str) -> Iterator[tuple[str, int]]:
    for line in (FOLDER / folder / "SOURCE.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[3].isdigit():
            yield cells[1], int(cells[3])


def _read(folder: str, path: str) -> list[Record]:
    read = next(reader for key, reader in READERS[folder].items() if path.endswith(key) or path.startswith(key))
    encoding = "latin-1" if path == "subj.all" else None
    return read(path, decode(path, (FOLDER / folder / path).read_bytes(), encoding))


def test_every_folder_is_read() -> None:
    assert sorted(READERS) == sorted(path.parent.name for path in FOLDER.glob("*/SOURCE.md"))


@pytest.mark.parametrize("folder", READERS)
def test_rows_are_as_many_as_its_source_says(folder: str) -> None:
    found = {path: _read(folder, path) for path, _ in _counts(folder)}
    unit = "$sentence" if folder == "ud_english_ewt" else None
    counted = {path: int(rows[-1][unit]) if unit else len(rows) for path, rows in found.items()}
    assert counted == dict(_counts(folder))
    assert counted
