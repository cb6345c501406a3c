"""Compare a finished run with a published map of heads: `python -m pipeline.published results/probes/bert map.csv`.

The map is a CSV file with the columns layer and head, counted from 0, and one column of accuracies for each task, in
per cent or as shares. Nothing is written. No stage reaches this file, so that it may use what `probes` measures.
"""

import argparse
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.errors import PipelineError, exit_on
from probes.errors import ProbeError
from probes.published import KEY, compare_maps

# Task as Jo and Myaeng (2020) name it -> the dataset here. Its variants, such as _cls and _files, count as well.
SENTEVAL = {
    "Length": "senteval_sentence_length",
    "WordContent": "senteval_word_content",
    "Depth": "senteval_tree_depth",
    "TopConstituents": "senteval_top_constituents",
    "BigramShift": "senteval_bigram_shift",
    "Tense": "senteval_past_present",
    "SubjNumber": "senteval_subj_number",
    "ObjNumber": "senteval_obj_number",
    "OddManOut": "senteval_odd_man_out",
    "CoordinationInversion": "senteval_coordination_inversion",
}
SHOWN = 10  # names in a message


def main(argv: Sequence[str] | None = None) -> None:
    """Print how far a run and a published map agree, a line for each task.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        PipelineError: If the run or the map cannot be read, or a task is named that is not there.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.published", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a model's probes, such as results/probes/bert")
    parser.add_argument("reference", type=Path, help="CSV: layer, head, one column of accuracies for each task")
    parser.add_argument("--map", nargs="+", default=[], metavar="TASK=DATASET", help="datasets of tasks, these alone")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    given = parser.parse_args(argv)
    published = read_map(given.reference)
    tasks = [str(column) for column in published if column not in KEY]
    datasets = read_pairs(given.map, tasks, given.run) if given.map else find_datasets(given.run, tasks)
    table = compare_maps(read_run(given.run, datasets), published[[*KEY, *datasets]])
    table.insert(1, "dataset", [datasets[task] for task in table["task"]])
    left_out = [task for task in tasks if task not in datasets]
    print(as_json(table, left_out) if given.json else as_text(table, left_out))


def read_map(path: Path) -> pd.DataFrame:
    """Return a published map with its accuracies as shares: layer and head (int64), then a float64 for each task.

    Args:
        path: The CSV file. Where any number is above 1, all are per cent.

    Raises:
        PipelineError: If the file is missing, empty or no CSV, a column is missing, or a value is no such number.
    """
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; give the CSV file of a published map") from None
    except (OSError, ValueError) as error:  # an empty file is a ValueError, too
        raise PipelineError(f"{path}: not a CSV file that can be read: {error}") from None
    _check_columns(path, table)
    numbers = {str(column): _numbers(path, table, str(column)) for column in table}
    scores = pd.DataFrame({name: column for name, column in numbers.items() if name not in KEY})
    _check_shares(path, scores, highest=100)
    scale = 100 if scores.to_numpy().max() > 1 else 1
    return pd.concat([pd.DataFrame({key: numbers[key].astype("int64") for key in KEY}), scores / scale], axis=1)


def read_run(folder: Path, datasets: Mapping[str, str]) -> pd.DataFrame:
    """Return the accuracies of a run in the shape of a published map: layer, head, then a column for each task.

    Args:
        folder: Of one model, such as `results/probes/bert`.
        datasets: Task -> dataset, whose `heads.parquet` is read.

    Raises:
        PipelineError: If a table cannot be read, lacks a column, or has other heads than the first.
    """
    columns = {task: _read_heads(folder / dataset / "heads.parquet") for task, dataset in datasets.items()}
    first = next(iter(columns))
    for task, column in columns.items():
        if not column.index.equals(columns[first].index):
            raise PipelineError(
                f"{folder}: {datasets[task]} and {datasets[first]} are of different heads; are they of one model? Make "
                "them again with `dvc repro`"
            )
    return pd.DataFrame(columns).reset_index()


def find_datasets(folder: Path, tasks: Iterable[str]) -> dict[str, str]:
    """Return task -> dataset for the tasks of SentEval that a run has, in the order of the tasks.

    Args:
        folder: Of one model.
        tasks: Those of the map.

    Raises:
        PipelineError: If none is there, or a task has several datasets.
    """
    there = _datasets(folder)
    found = {task: _variants(SENTEVAL[task], there) for task in tasks if task in SENTEVAL}
    several = [(task, names) for task, names in found.items() if len(names) > 1]
    if several:
        task, names = several[0]
        raise PipelineError(
            f"{folder}: {task} may be {' or '.join(names)}; say which: `--map {task}={names[0]} ...`, with every task "
            "that is to be compared"
        )
    datasets = {task: names[0] for task, names in found.items() if names}
    if not datasets:
        raise PipelineError(
            f"{folder}: no task in common; the map has {_listed(tasks)}, the run {_listed(there)}. Tasks of SentEval "
            "are found by the names of their datasets, others are named: `--map TASK=DATASET ...`"
        )
    return datasets


def read_pairs(pairs: Sequence[str], tasks: Sequence[str], folder: Path) -> dict[str, str]:
    """Return task -> dataset as given on the command line, in the order of the tasks.

    Args:
        pairs: Such as `Tense=verb_tense`.
        tasks: Those of the map.
        folder: Of one model.

    Raises:
        PipelineError: If one is malformed, or names a task or a dataset that is not there.
    """
    there, datasets = _datasets(folder), {}
    for pair in pairs:
        task, equals, dataset = pair.partition("=")
        if not equals or task in datasets:
            raise PipelineError(f"--map {pair}: expected TASK=DATASET, each task once, such as Tense=verb_tense")
        for what, name, known in (("the map has no task", task, tasks), (f"{folder} has no dataset", dataset, there)):
            if name not in known:
                raise PipelineError(f"--map {pair}: {what} {name!r}; has {_listed(known)}{_nearest(name, known)}")
        datasets[task] = dataset
    return {task: datasets[task] for task in tasks if task in datasets}


def as_json(table: pd.DataFrame, left_out: Sequence[str]) -> str:
    """Return the comparison as a JSON object: `tasks`, a record for each, and `left_out`; null where rho is undefined.

    Args:
        table: What `compare_maps` returned, with the column dataset.
        left_out: Tasks of the map that were not compared.
    """
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    return json.dumps({"tasks": rows, "left_out": list(left_out)}, indent=2, allow_nan=False)


def as_text(table: pd.DataFrame, left_out: Sequence[str]) -> str:
    """Return the comparison as lines: a table, what its columns say, and what was left out.

    Args:
        table: What `compare_maps` returned, with the column dataset.
        left_out: Tasks of the map that were not compared.
    """
    rows = table.to_dict("records")
    shown = pd.DataFrame({
        "task": table["task"],
        "dataset": table["dataset"],
        "rho": [f"{row['rho']:.3f}" for row in rows],
        "interval": [f"{row['rho_low']:.3f} to {row['rho_high']:.3f}" for row in rows],
        **{f"top {k}": [f"{row[f'overlap_{k}']:.1f} ({row[f'chance_{k}']:.2f})" for row in rows] for k in (5, 10)},
        "their best": table["published_best"],
        "our rank": [f"{row['rank']:g}" for row in rows],
        "best": [f"{row['best']:.2%} - {row['best_published']:.2%} = {row['difference']:+.2%}" for row in rows],
    })
    notes = [
        f"{table['n_heads'][0]} heads. rho: Spearman over heads with its 95 % bootstrap interval. top k: heads among",
        "the best k of both (and by chance). best: accuracy of our best head less that of theirs.",
    ]
    if left_out:
        notes.append(f"Not compared, for want of a dataset: {', '.join(left_out)}.")
    return "\n".join([shown.to_string(index=False), "", *notes])


def _variants(name: str, there: Sequence[str]) -> list[str]:
    return [found for found in there if found == name or found.startswith(f"{name}_")]


def _datasets(folder: Path) -> list[str]:
    """Return the datasets that a run has results for."""
    found = sorted(path.parent.name for path in folder.glob("*/heads.parquet"))
    if not found:
        raise PipelineError(
            f"{folder}: no <dataset>/heads.parquet in it; give the folder of one model, such as results/probes/minilm, "
            "after `dvc repro`"
        )
    return found


def _read_heads(path: Path) -> pd.Series:
    """Return the accuracies of a cell by (layer, head)."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}: not a Parquet file that can be read: {error}") from None
    missing = [column for column in (*KEY, "accuracy") if column not in table]
    if missing:
        raise PipelineError(f"{path}: no column {', '.join(missing)}; make it again with `dvc repro`")
    return table.set_index(KEY)["accuracy"].sort_index()


def _check_columns(path: Path, table: pd.DataFrame) -> None:
    if not isinstance(table.index, pd.RangeIndex):  # pandas then takes the first fields for names of rows
        raise PipelineError(f"{path}: rows have more fields than the header; remove commas at their ends")
    missing = [key for key in KEY if key not in table]
    if missing:
        raise PipelineError(f"{path}: no column {', '.join(missing)}; has {_listed(table)}")
    if len(table) == 0 or len(table.columns) == len(KEY):
        lacks = "no rows" if len(table) == 0 else "no task beside layer and head"
        raise PipelineError(f"{path}: {lacks}; expected a row for each head and a column of accuracies for each task")


def _numbers(path: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of text as float64; layers and heads are whole."""
    numbers = pd.to_numeric(table[column], errors="coerce").astype("float64")
    bad = ~(numbers.abs() < float("inf"))
    if column in KEY:
        bad |= (numbers < 0) | (numbers % 1 != 0) | (numbers > 1e6)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        wanted = "a whole number from 0" if column in KEY else "an accuracy"
        raise PipelineError(f"{path}: row {row + 1}, {column}: expected {wanted}, got {table[column][row]!r}")
    return numbers


def _check_shares(path: Path, scores: pd.DataFrame, highest: int) -> None:
    bad = ((scores < 0) | (scores > highest)).to_numpy()
    if bad.any():
        row, column = (int(place[0]) for place in bad.nonzero())
        given = scores.to_numpy()[row, column]
        raise PipelineError(
            f"{path}: row {row + 1}, {scores.columns[column]}: {given:g} is no accuracy; expected per cent, from 0 to "
            f"{highest}, or shares from 0 to 1"
        )


def _listed(names: Iterable[object]) -> str:
    found = [str(name) for name in names]
    rest = len(found) - SHOWN
    return (", ".join(found[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")) or "none"


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
