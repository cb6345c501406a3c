from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.errors import DataError
from data.examples import LABEL_COLUMNS, TEXT_COLUMNS, Examples, build_examples
from data.sources import read_source
from data.spec import load_spec

Write = Callable[..., Path]
COLUMNS = {"text": "sentence", "label": "kind", "target": "noun", "group": "frame", "control_key": "noun"}
WHOLE = {"text": "sentence", "label": "kind"}


def _build(write_spec: Write, table: pd.DataFrame | None = None, **changes: Any) -> Examples:
    if table is not None:
        table.to_csv("toy.csv", index=False)
    spec = load_spec(write_spec(**changes))
    return build_examples(spec, read_source(spec, Path()).rows, n_folds=3, seed=0)


def _span(examples: Examples) -> list[str]:
    texts = examples.texts
    return [text[a:b] for text, a, b in zip(texts["text"], texts["start"], texts["end"], strict=True)]


def test_columns_types_and_order(toy: pd.DataFrame, write_spec: Write) -> None:
    examples = _build(write_spec)
    assert list(examples.texts) == TEXT_COLUMNS
    assert list(examples.labels) == LABEL_COLUMNS
    assert [str(kind) for kind in examples.texts.dtypes] == ["str", "str", "int64", "int64"]
    assert [str(kind) for kind in examples.labels.dtypes] == ["str", "str", "str", "str", "int64"]
    assert examples.texts["example_id"].is_monotonic_increasing
    assert list(examples.texts["example_id"]) == list(examples.labels["example_id"])
    assert (examples.n_read, len(examples.texts), examples.dropped) == (24, 24, {})


def test_row_order_changes_no_byte(toy: pd.DataFrame, write_spec: Write) -> None:
    found = set()
    for seed in range(4):
        examples = _build(write_spec, pd.concat([toy, toy[:5].assign(frame="f9")]).sample(frac=1, random_state=seed),
                          duplicates="drop")  # fmt: skip
        examples.texts.to_parquet("texts.parquet", index=False)
        examples.labels.to_parquet("labels.parquet", index=False)
        found.add(Path("texts.parquet").read_bytes() + Path("labels.parquet").read_bytes())
    assert len(found) == 1


def test_targets_are_found(toy: pd.DataFrame, write_spec: Write) -> None:
    examples = _build(write_spec)
    assert _span(examples) == list(examples.labels["control_key"])


def test_a_target_prefers_whole_words(toy: pd.DataFrame, write_spec: Write) -> None:
    table = toy.assign(sentence=[f"catdogsawaxe {text}" for text in toy["sentence"]])
    assert set(_build(write_spec, table).texts["start"]) > {15}


def test_a_target_may_be_part_of_a_word(toy: pd.DataFrame, write_spec: Write) -> None:
    table = toy.assign(
        sentence=[text.replace(noun, f"{noun}s") for text, noun in zip(toy.sentence, toy.noun, strict=True)]
    )
    examples = _build(write_spec, table)
    assert _span(examples) == list(examples.labels["control_key"])


@pytest.mark.parametrize(
    ("sentence", "target", "times"),
    [("A dog", "cat", 0), ("a cat, a cat", "cat", 2), ("aaa", "aa", 2), ("A Cat", "cat", 0)],
)
def test_a_target_must_occur_once(toy: pd.DataFrame, write_spec: Write, sentence: str, target: str, times: int) -> None:
    toy.loc[3, ["sentence", "noun"]] = [sentence, target]
    with pytest.raises(DataError, match=f"toy.csv: row 4: target '{target}' occurs {times} times in '{sentence}'"):
        _build(write_spec, toy)


def test_start_and_end_give_the_span(toy: pd.DataFrame, write_spec: Write) -> None:
    columns = {"text": "sentence", "label": "kind", "start": "s", "end": "e"}
    examples = _build(write_spec, toy.assign(s=0, e=1), columns=columns)
    assert set(zip(examples.texts["start"], examples.texts["end"], strict=True)) == {(0, 1)}
    assert list(examples.labels["control_key"]) == [text[0].lower() for text in examples.texts["text"]]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0, 999, r"row 1: span 0-999 in a text of \d+ characters"),
        (2, 2, "row 1: span 2-2 in"),
        (3, 2, "row 1: span 3-2 in"),
        (-1, 2, "column 's': row 1: expected a whole number of characters, 0 or more, got '-1'"),
        (0, 1.5, "column 'e': row 1: expected a whole number"),
        (3, 4, "row 1: the span holds white space only"),
    ],
)
def test_spans_refused(toy: pd.DataFrame, write_spec: Write, start: int, end: float, message: str) -> None:
    table = toy.assign(s="0", e="1").astype("str")
    table.loc[0, ["s", "e"]] = [str(start), str(end)]
    with pytest.raises(DataError, match=message):
        _build(write_spec, table, columns={"text": "sentence", "label": "kind", "start": "s", "end": "e"})


@pytest.mark.parametrize("readout", ["last", "first", "mean"])
def test_whole_texts(toy: pd.DataFrame, write_spec: Write, readout: str) -> None:
    examples = _build(write_spec, readout=readout, columns=WHOLE)
    assert _span(examples) == list(examples.texts["text"])
    assert examples.labels["control_key"].isna().all()


def test_an_id_column_is_kept(toy: pd.DataFrame, write_spec: Write) -> None:
    examples = _build(write_spec, toy.assign(n=[f"n{i:02}" for i in range(24)]), columns={**COLUMNS, "id": "n"})
    assert list(examples.texts["example_id"]) == [f"n{i:02}" for i in range(24)]
    assert list(examples.texts["text"]) == list(toy["sentence"])


def test_an_id_must_be_unique(toy: pd.DataFrame, write_spec: Write) -> None:
    table = toy.assign(n=["a", "b", "a", *range(21)])
    with pytest.raises(DataError, match=r"toy.csv: rows 1, 3: the id 'a' occurs more than once"):
        _build(write_spec, table, columns={**COLUMNS, "id": "n"})


def test_ids_and_texts_do_not_depend_on_labels(toy: pd.DataFrame, write_spec: Write) -> None:
    before = _build(write_spec)
    after = _build(write_spec, labels={"animal": "alive", "tool": "dead"})
    pd.testing.assert_frame_equal(before.texts, after.texts)
    assert set(after.labels["label"]) == {"alive", "dead"}


def test_labels_merge_and_drop(toy: pd.DataFrame, write_spec: Write) -> None:
    toy["kind"] = toy["noun"]
    examples = _build(write_spec, toy, labels={"cat": "pet", "dog": "pet", "saw": 0, "axe": None})
    assert examples.labels["label"].value_counts().to_dict() == {"pet": 12, "0": 6}
    assert examples.dropped == {"label 'axe' is null": 6}


def test_an_unlabelled_row_can_be_dropped(toy: pd.DataFrame, write_spec: Write) -> None:
    toy.loc[0, "kind"] = None
    labels = {"animal": "animal", "tool": "tool", "": None}
    assert _build(write_spec, toy, labels=labels).dropped == {"label '' is null": 1}


def test_an_unmapped_label_is_named(toy: pd.DataFrame, write_spec: Write) -> None:
    with pytest.raises(
        DataError, match=r"rows 3, 4, 7, 8, 11 and 7 more: label 'tool' is not under `labels:`.*'tools'\?"
    ):
        _build(write_spec, labels={"animal": "a", "tools": "b"})


def test_a_mapping_must_leave_rows(toy: pd.DataFrame, write_spec: Write) -> None:
    with pytest.raises(DataError, match=r"no rows left; `labels:` of data/specs/toy.yaml drops every label"):
        _build(write_spec, labels={"animal": None, "tool": None})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("sentence", "column 'sentence': empty text in rows 2, 3; fill it in"),
        ("kind", "column 'kind': missing value in rows 2, 3; fill it in; to leave the rows out, put `\"\": null`"),
        ("frame", "column 'frame': missing value in rows 2, 3"),
        ("noun", "column 'noun': missing value in rows 2, 3"),
    ],
)
def test_missing_values(toy: pd.DataFrame, write_spec: Write, column: str, message: str) -> None:
    toy.loc[[1, 2], column] = [" ", None]
    with pytest.raises(DataError, match=message):
        _build(write_spec, toy)


def test_copies_are_refused_or_dropped(toy: pd.DataFrame, write_spec: Write) -> None:
    table = pd.concat([toy, toy[:2]])
    with pytest.raises(DataError, match=r"rows 1, 2, 25, 26: same text, span and label; remove.*`duplicates: drop`"):
        _build(write_spec, table)
    examples = _build(write_spec, table, duplicates="drop")
    assert (examples.n_read, len(examples.texts), examples.dropped) == (26, 24, {"copy of another row": 2})


@pytest.mark.parametrize("duplicates", ["error", "drop"])
def test_contradictions_are_refused(toy: pd.DataFrame, write_spec: Write, duplicates: str) -> None:
    table = pd.concat([toy, toy[:1].assign(kind="tool")])
    with pytest.raises(
        DataError, match=r"rows 1, 25: same text and span with .* as rows 1 \('animal'\), 25 \('tool'\)"
    ):
        _build(write_spec, table, duplicates=duplicates)


def test_without_groups_equal_texts_share_one(toy: pd.DataFrame, write_spec: Write) -> None:
    pairs = [(f"a{i} b", noun, kind) for i in range(6) for noun, kind in (("a" + str(i), "x"), ("b", "y"))]
    table = pd.DataFrame(pairs, columns=["sentence", "noun", "kind"])
    labels = _build(write_spec, table, columns={"text": "sentence", "label": "kind", "target": "noun"}).labels
    assert labels.groupby("group").size().tolist() == [2] * 6


def test_fold_errors_name_the_file(toy: pd.DataFrame, write_spec: Write) -> None:
    toy["frame"] = toy["frame"].where(toy["kind"] == "tool", "one")
    with pytest.raises(DataError, match=r"^toy.csv: class 'animal' has 1 group, but 3 folds need at least 3; merge"):
        _build(write_spec, toy)
