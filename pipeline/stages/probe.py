"""Stage `probe@<model>-<dataset>`: activations and labels in, the evidence on every head out."""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save_file
from tqdm import tqdm

from pipeline.device import choose_device
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json, write_json
from pipeline.params import load_params, read_section
from pipeline.predictions import write_predictions
from pipeline.store import read_array, read_index, read_manifest, z_name
from probes.crossval import HeadProbes, probe_heads
from probes.errors import ProbeError
from probes.intervals import cluster_bootstrap
from probes.metrics import auroc, balanced_accuracy, correctness, information_bits, majority
from probes.null import MaxNull, max_statistic_null
from probes.table import head_name, heads_table

STACK_BYTES = 256 * 2**20  # z held in memory at once
MOVABLE = 0.9  # share of labels that the null has to be able to move


@dataclass(frozen=True)
class ProbeParams:
    """The section `probe` of params.yaml.

    Attributes:
        c_grid: Inverse L2 strengths to choose from, ascending.
        permutations: Draws of the null.
        bootstrap: Replicates of the intervals.
        confidence: Coverage of the intervals.
        seed: Of permutations and bootstrap.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    c_grid: tuple[float, ...]
    permutations: int
    bootstrap: int
    confidence: float
    seed: int
    device: str

    def __post_init__(self) -> None:
        place = "params.yaml: probe"
        if list(self.c_grid) != sorted(set(self.c_grid)) or self.c_grid[0] <= 0:
            raise PipelineError(f"{place}.c_grid: expected ascending numbers above 0, got {list(self.c_grid)}")
        if self.permutations < 1 or self.bootstrap < 1:
            raise PipelineError(f"{place}: permutations and bootstrap must be at least 1")
        if not 0 < self.confidence < 1:
            raise PipelineError(f"{place}.confidence: expected a share between 0 and 1, got {self.confidence}")


@dataclass(frozen=True)
class Cell:
    """What one cell is probed on; rows are examples in the order of the store.

    Attributes:
        folder: The activations store.
        manifest: The store's manifest.
        card: The dataset's card.
        rows: example_id, label, group, fold of every example.
        classes: Names of the classes, sorted; class i of every array is `classes[i]`.
    """

    folder: Path
    manifest: dict[str, Any]
    card: dict[str, Any]
    rows: pd.DataFrame
    classes: list[str]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one cell: probe every head out of fold, with intervals and the null over all heads.

    Args:
        argv: Model and dataset; the command line's when None.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.probe", description=main.__doc__)
    parser.add_argument("model")
    parser.add_argument("dataset")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    settings = read_section(load_params(Path("params.yaml")), "probe", ProbeParams)
    cell = _read_cell(Path("data"), args.model, args.dataset)
    labels = np.array([cell.classes.index(label) for label in cell.rows["label"]])
    layers = _probe_layers(cell, labels, settings, f"probe {args.model} {args.dataset}")
    null = _null(cell, labels, settings)
    table = _score(cell, labels, layers, null, settings)
    summary = _summary(cell, table, null, layers)
    _write(Path("results/probes") / args.model / args.dataset, cell, layers, table, summary)
    best = summary["best"]
    print(
        f"probe {args.model} {args.dataset}: best {head_name(best['layer'], best['head'])} "
        f"{best['accuracy']:.3f} [{best['accuracy_low']:.3f}, {best['accuracy_high']:.3f}], majority "
        f"{summary['majority']:.3f}, {summary['n_significant']} of {len(table)} heads with p < 0.05, "
        f"{time.perf_counter() - begun:.1f} s"
    )


def _read_cell(data: Path, model: str, dataset: str) -> Cell:
    """Return labels joined to the store by example_id, never by position."""
    folder = data / "activations" / model / dataset
    manifest = read_manifest(folder)
    labels = pd.read_parquet(data / "examples" / dataset / "labels.parquet").set_index("example_id")
    stored = read_index(folder)["example_id"]
    known = set(stored) | set(manifest["dropped_too_long"])
    if known != set(labels.index):
        odd = sorted(known ^ set(labels.index))
        raise PipelineError(
            f"{folder}: {len(odd)} example ids stand in the store or in labels.parquet alone, first "
            f"{', '.join(odd[:5])}; the store is of another version of the dataset: run `dvc repro`"
        )
    rows = labels.loc[stored].reset_index()
    return Cell(
        folder, manifest, read_json(data / "examples" / dataset / "card.json"), rows, sorted(set(rows["label"]))
    )


def _stacks(cell: Cell, device: torch.device) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield neighbouring layers with heads of one width, as many as fit, and their z, (n_heads, n_examples, d_head).

    Many heads at once make few large matrix products of many small ones.
    """
    widths = cell.manifest["d_head"]
    bytes_a_layer = max(4 * len(cell.rows) * n * d for n, d in zip(cell.manifest["n_heads"], widths, strict=True))
    for _, same in itertools.groupby(range(len(widths)), key=widths.__getitem__):
        layers = list(same)
        size = max(1, STACK_BYTES // bytes_a_layer)
        for start in range(0, len(layers), size):
            stack = layers[start : start + size]
            z = np.concatenate([read_array(cell.folder, z_name(layer)) for layer in stack], axis=1)
            yield stack, torch.from_numpy(z).transpose(0, 1).to(device)


def _probe_layers(cell: Cell, labels: np.ndarray, settings: ProbeParams, title: str) -> list[HeadProbes]:
    device = choose_device(settings.device)
    target = torch.from_numpy(labels).to(device)
    folds = torch.from_numpy(np.array(cell.rows["fold"], dtype=np.int64)).to(device)
    strengths = torch.tensor(settings.c_grid, dtype=torch.float64, device=device)
    probed: list[HeadProbes] = []
    with tqdm(total=cell.manifest["n_layers"], desc=title, unit="layer", disable=None) as bar:  # quiet off a terminal
        for layers, z in _stacks(cell, device):
            probes = probe_heads(z, target, folds, len(cell.classes), strengths).cpu()
            probed += probes.split([cell.manifest["n_heads"][layer] for layer in layers])
            bar.update(len(layers))
    return probed


def _groups(cell: Cell) -> np.ndarray:
    return np.unique(cell.rows["group"], return_inverse=True)[1].astype(np.int64)


def _null(cell: Cell, labels: np.ndarray, settings: ProbeParams) -> MaxNull:
    device = choose_device(settings.device)
    layers = (z for _, z in _stacks(cell, device))
    middle = settings.c_grid[len(settings.c_grid) // 2]
    folds = np.array(cell.rows["fold"], dtype=np.int64)
    return max_statistic_null(layers, labels, _groups(cell), folds, middle, settings.permutations, settings.seed)


def _score(
    cell: Cell, labels: np.ndarray, layers: list[HeadProbes], null: MaxNull, settings: ProbeParams
) -> pd.DataFrame:
    log_proba = np.concatenate([layer.log_proba.numpy() for layer in layers])
    correct = correctness(log_proba, labels)
    low, high = cluster_bootstrap(correct, _groups(cell), settings.bootstrap, settings.confidence, settings.seed)
    scores = {
        "accuracy": correct.mean(1),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": balanced_accuracy(correct, labels),
        "auroc": auroc(log_proba, labels),
        "information_bits": information_bits(log_proba, labels),
        "p_value": null.p_values,
        "c": np.concatenate([layer.strength.median(1).values.numpy() for layer in layers]),
    }
    shared = {
        "model": cell.manifest["model"],
        "dataset": cell.manifest["dataset"],
        "feature": cell.card["feature"],
        "family": cell.card["family"],
        "n_examples": len(labels),
        "n_groups": cell.rows["group"].nunique(),
        "n_classes": len(cell.classes),
        "majority": majority(labels),
        "surface": cell.card["surface"],
    }
    return heads_table(shared, _places(cell), scores)


def _places(cell: Cell) -> list[tuple[int, int]]:
    return [(layer, head) for layer, count in enumerate(cell.manifest["n_heads"]) for head in range(count)]


def _summary(cell: Cell, table: pd.DataFrame, null: MaxNull, layers: list[HeadProbes]) -> dict[str, Any]:
    best = table.iloc[int(table["accuracy"].argmax())]
    unsolved = torch.cat([layer.n_unsolved for layer in layers]).tolist()
    return {
        **{name: cell.manifest[name] for name in ("model", "dataset")},
        **{name: cell.card[name] for name in ("feature", "family")},
        "classes": cell.classes,
        "n_examples": len(cell.rows),
        "n_groups": int(best["n_groups"]),
        "n_dropped": len(cell.manifest["dropped_too_long"]),
        "majority": float(best["majority"]),
        "surface": float(best["surface"]),
        "best": {
            **{name: int(best[name]) for name in ("layer", "head")},
            **{name: float(best[name]) for name in ("accuracy", "accuracy_low", "accuracy_high", "p_value")},
        },
        "n_significant": int((table["p_value"] < 0.05).sum()),
        "null": {
            "permutations": len(null.best),
            "design": null.design,
            "movable": null.movable,
            "best_expected": float(null.best.mean()),
            "best_observed": float(null.observed.max()),
        },
        "unconverged": [
            {"head": head_name(*place), "problems": count}
            for place, count in zip(_places(cell), unsolved, strict=True)
            if count
        ],
        "warnings": _warnings(null),
        "extraction": {
            name: cell.manifest[name]
            for name in (
                *("source", "revision", "weights_sha256", "model_type", "n_layers", "n_heads"),
                *("d_head", "d_model", "readout"),
            )
        },
    }


def _warnings(null: MaxNull) -> list[str]:
    warnings = []
    if null.movable < MOVABLE:
        warnings.append(
            f"the permutation null can move the labels of {null.movable:.0%} of the examples only, since groups trade "
            "with groups of their size: its p-values are too large; make the groups equally large"
        )
    if null.design == "mixed":
        warnings.append(
            "groups hold classes in different shares: the p-values assume that the examples of a group are alike but "
            "for their label; a group with one label, or with every class equally often, needs no such assumption"
        )
    return warnings


def _write(folder: Path, cell: Cell, layers: list[HeadProbes], table: pd.DataFrame, summary: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "heads.parquet", index=False)
    names = [head_name(*place) for place in _places(cell)]
    log_proba = np.concatenate([layer.log_proba.numpy() for layer in layers])
    rows = cell.rows
    folds = np.array(rows["fold"], dtype=np.int64)
    ids, labels = rows["example_id"].tolist(), rows["label"].tolist()
    write_predictions(folder / "predictions.parquet", ids, labels, folds, names, log_proba)
    tensors = {
        f"L{number:02d}.{name}": getattr(layer, name).float().contiguous().numpy()
        for number, layer in enumerate(layers)
        for name in ("coef", "intercept", "mean", "scale", "strength")
    }
    # One metadata key: with more, their order in the file would change from run to run.
    about = {"classes": cell.classes, "axes": "(n_heads, n_folds, ...)", "model": summary["model"]}
    save_file(tensors, folder / "probes.safetensors", metadata={"head_atlas": json.dumps(about)})
    write_json(folder / "summary.json", summary)


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
