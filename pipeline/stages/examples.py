"""Stage `examples@<dataset>`: a source to texts, labels with folds, variants, what words alone predict, and a card."""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data.card import build_card, card_json
from data.errors import DataError, nearest
from data.examples import Examples, build_examples
from data.sources import read_source
from data.spec import load_spec
from data.surface import surface_predictions
from pipeline.errors import PipelineError, exit_on
from pipeline.params import load_params, read_section


@dataclass(frozen=True)
class ExamplesParams:
    """Section `examples` of params.yaml.

    Attributes:
        folds: K of the grouped, stratified K-fold.
        seed: Order in which groups are dealt out.
    """

    folds: int
    seed: int

    def __post_init__(self) -> None:
        if self.folds < 3:
            raise PipelineError(
                f"params.yaml: examples.folds: expected 3 or more (test, validation, training), got {self.folds}"
            )


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/examples/<dataset>/ under the current directory and print one line about it.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        PipelineError: If params.yaml is malformed or does not list the dataset.
        DataError: If the dataset's spec or rows are refused.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.examples", description=__doc__)
    parser.add_argument("dataset", help="a slug under `datasets:` in params.yaml")
    dataset = parser.parse_args(argv).dataset
    params = load_params(Path("params.yaml"))
    _check_listed(dataset, params["datasets"])
    settings = read_section(params, "examples", ExamplesParams)
    spec = load_spec(Path("data/specs") / f"{dataset}.yaml")
    raw = read_source(spec, Path())
    examples = build_examples(spec, raw.rows, settings.folds, settings.seed)
    surface = _surface(examples)
    card = build_card(spec, raw, examples, float((surface["predicted"] == examples.labels["label"]).mean()))
    _write(Path("data/examples") / dataset, examples, surface, card)
    print(_summary(card))


def _check_listed(dataset: str, datasets: dict[str, Any]) -> None:
    if dataset not in datasets:
        names = ", ".join(datasets)
        raise PipelineError(f"params.yaml: datasets has no {dataset!r}; it has {names}{nearest(dataset, datasets)}")
    entry = datasets[dataset]
    if entry:
        given = ", ".join(map(repr, entry)) if isinstance(entry, dict) else repr(entry)
        raise PipelineError(
            f"params.yaml: datasets.{dataset}: unknown key {given}; an entry is empty (`{dataset}: {{}}`), what the "
            f"dataset is stands in data/specs/{dataset}.yaml"
        )


def _surface(examples: Examples) -> pd.DataFrame:
    """Return what a bag of words predicts out of fold, a row an example, in the order of the labels."""
    labels = examples.labels
    predicted = surface_predictions(list(examples.texts["text"]), list(labels["label"]), list(labels["fold"]))
    return labels[["example_id"]].assign(predicted=pd.Series(predicted, index=labels.index, dtype="str"))


def _write(folder: Path, examples: Examples, surface: pd.DataFrame, card: dict[str, Any]) -> None:
    """Write the five files beside the folder first, so that a run that stops leaves nothing half-written in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        draft = Path(name)
        examples.texts.to_parquet(draft / "texts.parquet", index=False)
        examples.labels.to_parquet(draft / "labels.parquet", index=False)
        examples.variants.to_parquet(draft / "variants.parquet", index=False)
        surface.to_parquet(draft / "surface.parquet", index=False)
        (draft / "card.json").write_text(card_json(card), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for file in ("texts.parquet", "labels.parquet", "variants.parquet", "surface.parquet", "card.json"):
            (draft / file).replace(folder / file)


def _summary(card: dict[str, Any]) -> str:
    n = len(card["warnings"])
    warnings = f"; {n} warning{'s' if n > 1 else ''}, see card.json" if n else ""
    return (
        f"examples@{card['dataset']}: {card['n_examples']} examples, {card['n_groups']} groups, "
        f"{len(card['classes'])} classes; majority {card['majority']:.3f}, surface {card['surface']:.3f}{warnings}"
    )


if __name__ == "__main__":
    with exit_on(PipelineError, DataError):
        main()
