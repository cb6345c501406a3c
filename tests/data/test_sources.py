import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from data import sources
from data.errors import DataError
from data.examples import build_examples
from data.sources import read_source
from data.spec import load_spec

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = {"hub": "someone/toy", "revision": COMMIT, "split": "train", "config": "plain"}
PLAIN = {"text": "text", "label": "label"}
Write = Callable[..., Path]


def _read(write_spec: Write, path: str, content: bytes | str, columns: dict[str, str] | None = None) -> pd.DataFrame:
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    spec = load_spec(write_spec(source={"path": path}, columns=columns or PLAIN, readout="last"))
    return read_source(spec, Path()).rows


def _save(table: pd.DataFrame, kind: str) -> str:
    path = f"same.{kind}"
    if kind in ("json", "jsonl"):
        table.to_json(path, orient="records", lines=kind == "jsonl")
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    return path


def test_every_format_gives_the_same_parquet(toy: pd.DataFrame, write_spec: Write) -> None:
    toy = toy[~toy["sentence"].str.contains("[\t\n]")].assign(number=range(16))
    columns = {"text": "sentence", "label": "kind", "target": "noun", "group": "frame", "id": "number"}
    found = set()
    for kind in ("csv", "tsv", "json", "jsonl", "parquet"):
        spec = load_spec(write_spec(source={"path": _save(toy, kind)}, columns=columns))
        examples = build_examples(spec, read_source(spec, Path()).rows, n_folds=3, seed=0)
        examples.texts.to_parquet("texts.parquet", index=False)
        examples.labels.to_parquet("labels.parquet", index=False)
        found.add(Path("texts.parquet").read_bytes() + Path("labels.parquet").read_bytes())
    assert len(found) == 1


def test_csv_keeps_quotes_line_ends_and_na(write_spec: Write) -> None:
    rows = _read(write_spec, "x.csv", '\ufefftext,label\n"say ""yes"", now\nthen",NA\n\nnull,0\n')
    assert rows.to_dict("list") == {"text": ['say "yes", now\nthen', "null"], "label": ["NA", "0"]}
    assert list(rows.index) == [1, 2]


def test_tsv_with_stray_quotes_is_read_as_it_stands(write_spec: Write) -> None:
    rows = _read(write_spec, "x.tsv", 'text\tlabel\n"Hello" he said\t0\n"Bye\t1\n')
    assert list(rows["text"]) == ['"Hello" he said', '"Bye']


def test_tsv_quoted_by_a_spreadsheet_is_unquoted(write_spec: Write) -> None:
    assert list(_read(write_spec, "x.tsv", 'text\tlabel\n"say ""a"""\t0\nb\t1\n')["text"]) == ['say "a"', "b"]


def test_numbers_and_truth_values_become_text(write_spec: Write) -> None:
    rows = _read(write_spec, "x.jsonl", '{"text": 1, "label": true}\n\n{"text": 0.5, "label": null}\n{"text": "c"}\n')
    assert rows.to_dict("list") == {"text": ["1", "0.5", "c"], "label": ["True", "", ""]}


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("x.csv", b"text,label\na,0\nb\xe9,1\n", "x.csv: line 3 is not UTF-8"),
        ("x.csv", "text,label\na,0\nb\n", "x.csv: line 3 has 1 fields, the header has 2"),
        ("x.csv", "text,label\na,b,0\n", "x.csv: line 2 has 3 fields, the header has 2"),
        ("x.csv", 'text,label\n"a,0\nb,1\n', "x.csv: line 2: the quote that opens at .* is never closed; quote fields"),
        ("x.csv", "text,label,text\na,0,b\n", "the column 'text' more than once"),
        ("x.csv", "text,label\n", "x.csv: has no rows"),
        ("x.csv", "Text,label\na,0\n", r"no column 'text'; it has Text, label, .*; did you mean 'Text'\?"),
        ("x.tsv", "text\tlabel\na\n", "x.tsv: line 2 has 1 fields"),
        ("x.json", '[\n{"text" 1}]', "x.json: line 2 is not JSON: Expecting ':'"),
        ("x.json", '{"text": "a"}', "x.json: expected a list of objects; say with `records:` .* `format: jsonl`"),
        ("x.jsonl", '{"text": "a", "label": 1}\n{"text"\n', "x.jsonl: line 2 is not JSON"),
        ("x.jsonl", '1\n', "x.jsonl: line 1: expected an object"),
        ("x.jsonl", '{"text": ["a"], "label": 1}\n', r"column 'text': row 1: expected .*, got \['a'\]"),
        ("x.jsonl", '{"text": "\\ud800", "label": 1}\n', "column 'text': row 1: expected Unicode text"),
        ("x.parquet", b"PAR", "x.parquet: not a Parquet file"),
    ],
)  # fmt: skip
def test_files_refused(write_spec: Write, path: str, content: bytes | str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(write_spec, path, content)


def test_a_missing_file_names_the_nearest(toy: pd.DataFrame, write_spec: Write) -> None:
    spec = load_spec(write_spec(source={"path": "toi.csv"}))
    with pytest.raises(DataError, match=r"toi.csv: no such file; a relative path.*did you mean 'toy.csv'\?"):
        read_source(spec, Path())


def test_a_folder_is_no_file(write_spec: Write) -> None:
    spec = load_spec(write_spec(source={"path": "data", "format": "csv"}))
    with pytest.raises(DataError, match=r"data: cannot be read.*must name one readable file"):
        read_source(spec, Path())


def test_a_relative_path_starts_from_the_root(
    toy: pd.DataFrame, write_spec: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_spec(write_spec())
    monkeypatch.chdir("/")
    assert len(read_source(spec, project).rows) == len(toy)


def test_the_pin_is_checked(toy: pd.DataFrame, write_spec: Write) -> None:
    found = hashlib.sha256(Path("toy.csv").read_bytes()).hexdigest()
    assert read_source(load_spec(write_spec(source={"path": "toy.csv", "sha256": found})), Path()).sha256 == found
    spec = load_spec(write_spec(source={"path": "toy.csv", "sha256": "0" * 64}))
    with pytest.raises(DataError, match=rf"has sha256 {found}, but the spec pins 0{{64}}; restore.*`sha256: {found}`"):
        read_source(spec, Path())


def test_a_generator_is_called(write_spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pd.DataFrame(
        [("a b", 0, 1, "x", "g", "a", "v")],
        columns=["text", "start", "end", "label", "group", "control_key", "variant"],
    )
    monkeypatch.setitem(sources.GENERATORS, "sentiment", lambda: made)
    raw = read_source(load_spec(write_spec(source={"generator": "sentiment"}, columns=None)), Path())
    assert raw.rows.iloc[0].to_dict() == {key: str(value) for key, value in made.iloc[0].items()}
    csv = b"text,label,start,end,group,control_key,variant\na b,x,0,1,g,a,v\n"
    assert raw.sha256 == hashlib.sha256(csv).hexdigest()


def test_an_unknown_generator_names_the_nearest(write_spec: Write) -> None:
    spec = load_spec(write_spec(source={"generator": "sentimant"}, columns=None))
    with pytest.raises(DataError, match=r"no 'sentimant'; there are relative_position.*did you mean 'sentiment'\?"):
        read_source(spec, Path())


def test_the_hub_is_asked_for_the_pinned_revision(
    toy: pd.DataFrame, write_spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def load_dataset(path: str, **options: Any) -> datasets.Dataset:
        asked.update(options, id=path)
        return datasets.Dataset.from_list([{**row, "other": [1]} for row in toy.to_dict("records")])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    hub = read_source(load_spec(write_spec(source=HUB)), Path())
    assert asked == {"id": "someone/toy", "name": "plain", "split": "train", "revision": COMMIT}
    pd.testing.assert_frame_equal(hub.rows, read_source(load_spec(write_spec()), Path()).rows)
    with pytest.raises(DataError, match=r"hub dataset someone/toy, split train: columns.text: no column 'phrase'"):
        read_source(
            load_spec(write_spec(source=HUB, columns={"text": "phrase", "label": "kind"}, readout="last")), Path()
        )


def test_the_real_loader_reads_a_folder(
    toy: pd.DataFrame, write_spec: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "repo").mkdir()
    toy.to_parquet(project / "repo/train.parquet")
    load = datasets.load_dataset
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda path, **options: load(str(project / "repo"), cache_dir=str(project / "cache"), **options),
    )
    spec = load_spec(write_spec(source={key: HUB[key] for key in ("hub", "revision", "split")}))
    assert list(read_source(spec, Path()).rows["text"]) == list(toy["sentence"])


def test_a_hub_failure_says_what_to_check(write_spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(path: str, **options: Any) -> datasets.Dataset:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(DataError, match=f"could not be loaded at revision {COMMIT}: no network; check the id"):
        read_source(load_spec(write_spec(source=HUB)), Path())


def test_a_folder_is_not_taken_for_a_hub_dataset(write_spec: Write, project: Path) -> None:
    (project / "someone/toy").mkdir(parents=True)
    with pytest.raises(DataError, match="'someone/toy' is a folder here; read its file with `path:`"):
        read_source(load_spec(write_spec(source=HUB)), Path())


def test_json_nan_is_missing(write_spec: Write) -> None:
    rows = _read(write_spec, "x.json", json.dumps([{"text": "a", "label": float("nan")}]))
    assert list(rows["label"]) == [""]
