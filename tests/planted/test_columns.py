"""Every column and key that the stages write is described, and no other."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors import safe_open

from pipeline.columns import FILES, File
from pipeline.stages import report
from probes.schema import TABLES
from tests.planted.texts import FEATURES

MODELS, DATASETS = ("planted", "twin"), tuple(FEATURES)
# Described elsewhere, or no table: the tables of the taxonomy, the page, what a paper takes, the arrays of activations.
OTHERS = r"results/taxonomy/(?!.*/taxonomy\.json)|results/report/(?!tables/.*\.csv|provenance)|data/activations/.*\.npy"
HEAD, LAYER = re.compile(r"^L\d+H\d+$"), re.compile(r"^L\d+\.")


@pytest.fixture(scope="module")
def written(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The planted run with a second model that is the same, and its report."""
    folder = tmp_path_factory.mktemp("columns") / "project"
    shutil.copytree(finished, folder)
    for stage in ("probes", "taxonomy", "transfer"):
        shutil.copytree(folder / f"results/{stage}/planted", folder / f"results/{stage}/twin")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["models"]["twin"] = params["models"]["planted"]
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report.main([])
    yield folder


def general(path: str) -> str:
    """Return the path with what differs between cells in angle brackets."""
    names = {**dict.fromkeys(MODELS, "<model>"), **dict.fromkeys(DATASETS, "<dataset>")}
    names |= {f"{model}.json": "<model>.json" for model in MODELS}
    return "/".join(names.get(part, part) for part in path.split("/"))


def names_in(path: Path) -> list[str]:
    """Return the columns of a table, the keys of a JSON file, or the arrays of a safetensors file, as described."""
    if path.suffix == ".parquet":
        names = pq.read_schema(path).names
    elif path.suffix == ".csv":
        names = list(pd.read_csv(path, nrows=1))
    elif path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            names = list(file.keys())
    else:
        names = list(keys_of(json.loads(path.read_text()), path.name == "metrics.json"))
    return list(dict.fromkeys(LAYER.sub("L<layer>.", HEAD.sub("L<layer>H<head>", name)) for name in names))


def keys_of(block: dict[str, object], deep: bool, before: str = "") -> Iterator[str]:
    """Yield the keys of a block; those of blocks within it, too, where it is deep."""
    groups = {"families.": "<family>", "labels.": "<label>"}
    for key, value in block.items():
        name = before + next((group for end, group in groups.items() if before.endswith(end)), general(key))
        if deep and isinstance(value, dict):
            yield from keys_of(value, deep, f"{name}.")
        else:
            yield name


def files_of(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a run by what they are called on the page."""
    found: dict[str, list[Path]] = {}
    for path in sorted(path for top in ("data", "results") for path in (folder / top).rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not re.match(OTHERS, name) and path.suffix in (".parquet", ".csv", ".json", ".safetensors"):
            found.setdefault(general(name), []).append(path)
    return found


def test_every_file_of_a_run_is_described_and_no_other(written: Path) -> None:
    assert sorted(files_of(written)) == sorted(file.path for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_every_column_is_described_and_no_other(written: Path, file: File) -> None:
    found = {name for path in files_of(written)[file.path] for name in names_in(path)}
    # a number that was not measured is no key of JSON; in a table it has its column all the same
    optional = {name for name, text in file.columns.items() if file.path.endswith(".json") and "; left out" in text}
    assert set(file.columns) - optional <= found <= set(file.columns)
    for path in files_of(written)[file.path]:
        assert file.kinds is None or set(names_in(path)) == found, path


@pytest.mark.parametrize("file", [file for file in FILES if file.kinds is not None], ids=lambda file: file.path)
def test_every_column_is_of_its_type(written: Path, file: File) -> None:
    path = files_of(written)[file.path][0]
    table = pd.read_csv(path) if path.suffix == ".csv" else pq.read_table(path).to_pandas()
    seen = set()
    for column in table:
        kind = file.kind("L<layer>H<head>" if HEAD.match(str(column)) else str(column))
        if table[column].notna().any():
            seen.add(kind)
            assert holds(table[column].dropna(), kind), column
    assert seen or not len(table)


def holds(values: pd.Series, kind: str) -> bool:
    """Return whether values that are there are of a type; a column of a CSV file with gaps holds whole floats."""
    if kind == "boolean":
        return values.dtype == bool
    if kind == "string":
        return values.map(type).eq(str).all()
    if kind == "list of numbers":
        return values.map(len).gt(1).all()
    numeric = pd.api.types.is_numeric_dtype(values)
    return numeric and (kind == "number" or bool((values == values.round()).all()))


def test_a_type_that_is_wrong_is_noticed() -> None:
    assert holds(pd.Series([1.0, 2.0]), "integer") and not holds(pd.Series([1.5]), "integer")
    assert holds(pd.Series(["a"]), "string") and not holds(pd.Series([1]), "string")
    assert not holds(pd.Series(["a"]), "number") and not holds(pd.Series([1]), "boolean")


def test_the_taxonomy_has_the_tables_of_its_own_page(written: Path) -> None:
    tables = {path.stem for path in (written / "results/taxonomy/planted").glob("*.csv")}
    assert tables == set(TABLES)
