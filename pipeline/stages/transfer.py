"""Stage `transfer@<model>`: the probes of one dataset tested on the other datasets of its feature."""

import argparse
import itertools
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError, exit_on
from pipeline.inputs import Inputs, read_inputs
from pipeline.jsonfile import read_json, write_json
from pipeline.params import load_params, read_section
from pipeline.probefile import read_layer_probes, read_probe_classes
from pipeline.store import z_name
from probes.errors import ProbeError
from probes.joined import apply_probe, join_folds
from probes.metrics import correctness
from probes.transfer import COLUMNS, strangers, transfer_scores
from probes.turned import turned_accuracies, turned_columns

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
DATA = Path("data")
TEXT = ("model", "feature", "trained_on", "tested_on")
WHOLE = ("layer", "head", "n_examples", "n_left_out", "n_groups")


@dataclass(frozen=True)
class Chance:
    """What of the section `probe` of params.yaml says how chance is reckoned, here as in the probe stage.

    Attributes:
        permutations: Random turns of every probe.
        bootstrap: Replicates of the intervals.
        confidence: Coverage of the intervals.
        seed: Of both.
    """

    permutations: int
    bootstrap: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        if self.permutations < 1:
            raise PipelineError(f"params.yaml: probe.permutations: expected at least 1, got {self.permutations}")


@dataclass(frozen=True)
class Pair:
    """One direction between two datasets of a feature.

    Attributes:
        feature: What the labels of both say.
        trained_on: Slug of the dataset whose probes are tested.
        tested_on: Slug of the dataset they are tested on.
    """

    feature: str
    trained_on: str
    tested_on: str


def main(argv: Sequence[str] | None = None) -> None:
    """Test the probes of every dataset on each other dataset of its feature, head by head.

    Args:
        argv: Model; the command line's when None.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.transfer", description=main.__doc__)
    parser.add_argument("model")
    model = parser.parse_args(argv).model
    begun = time.perf_counter()
    params = load_params(Path("params.yaml"))
    settings = _chance(params)
    names = list(params["datasets"])
    for root in (Path("results/probes") / model, DATA / "activations" / model):
        wanted_cells(root, names, "dataset")
    features = {name: str(read_json(DATA / "examples" / name / "card.json")["feature"]) for name in names}
    pairs = _pairs(features)
    tables, tested, refused = [], [], []
    for pair in pairs:
        table, told = _test(model, pair, settings)
        if table is None:
            refused.append(vars(pair) | told)
        else:
            tables.append(table)
            tested.append(vars(pair) | told)
    alone = sorted(set(features.values()) - {pair.feature for pair in pairs})
    _write(Path("results/transfer") / model, model, tables, tested, refused, alone)
    print(
        f"transfer {model}: {len(tested)} of {len(pairs)} directions between datasets of one feature tested, "
        f"{len(alone)} features with one dataset, {time.perf_counter() - begun:.1f} s"
    )


def _chance(params: dict[str, Any]) -> Chance:
    """Read the keys of `probe` that are needed; the others are none of this stage's business."""
    names = [field.name for field in fields(Chance)]
    section = params["probe"]
    if isinstance(section, Mapping):
        params = {"probe": {name: section[name] for name in names if name in section}}
    return read_section(params, "probe", Chance)


def _pairs(features: dict[str, str]) -> list[Pair]:
    """Return every ordered pair of datasets of one feature, sorted."""
    datasets = defaultdict(list)
    for name in sorted(features):
        datasets[features[name]].append(name)
    return [
        Pair(feature, *both) for feature in sorted(datasets) for both in itertools.permutations(datasets[feature], 2)
    ]


def _test(model: str, pair: Pair, settings: Chance) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """Return the scores of all heads with what the summary says of the pair, or none and the reason."""
    path = Path("results/probes") / model / pair.trained_on / "probes.safetensors"
    train, test = (read_inputs(DATA, model, name) for name in (pair.trained_on, pair.tested_on))
    _check_alike(pair, train, test)
    classes = read_probe_classes(path)
    if classes != test.classes:
        return None, {"reason": f"classes differ: {', '.join(classes)} against {', '.join(test.classes)}"}
    kept = _kept(pair, train, test)
    told = {"n_examples": int(kept.sum()), "n_left_out": int((~kept).sum())}
    told["n_groups"] = len(np.unique(test.groups[kept]))
    if reason := _too_few(told, test.labels[kept]):
        return None, told | {"reason": reason}
    table = _table(vars(pair) | told | {"model": model}, test.places, _score(path, train, test, kept, settings))
    return table, told | {
        f"{side}_readout": cell.manifest["readout"] for side, cell in (("trained", train), ("tested", test))
    }


def _check_alike(pair: Pair, train: Inputs, test: Inputs) -> None:
    """Refuse the outputs of two models: the heads of one have nothing to do with those of the other."""
    for name in ("weights_sha256", "layers", "n_heads", "d_head"):
        ours, theirs = train.manifest[name], test.manifest[name]
        if ours != theirs:
            raise PipelineError(
                f"{test.folder}: {name} is {theirs}, but {ours} in the store of {pair.trained_on}; both must come from "
                "one version of the model: run `dvc repro`"
            )


def _kept(pair: Pair, train: Inputs, test: Inputs) -> Bools:
    """Return which examples of the tested dataset the training dataset does not have, (n_examples,)."""
    seen, texts = _texts(pair.trained_on, train), _texts(pair.tested_on, test)
    groups = test.rows["group"].to_numpy(dtype=object)
    return strangers(texts, groups, set(seen), set(train.rows["group"]))


def _texts(dataset: str, cell: Inputs) -> NDArray[np.object_]:
    """Return the text of each example in the order of the store, (n_examples,) str."""
    path = DATA / "examples" / dataset / "texts.parquet"
    texts = pd.read_parquet(path, columns=["example_id", "text"]).set_index("example_id")["text"]
    ids = cell.rows["example_id"]
    if missing := sorted(set(ids) - set(texts.index)):
        raise PipelineError(
            f"{path}: no text for {len(missing)} examples of {cell.folder}, first {', '.join(missing[:5])}; the store "
            "is of another version of the dataset: run `dvc repro`"
        )
    return texts.loc[ids].to_numpy(dtype=object)


def _too_few(told: dict[str, int], labels: NDArray[np.int64]) -> str:
    """Return why the examples that are left cannot be scored; nothing when they can."""
    if told["n_groups"] < 2:
        return f"{told['n_groups']} groups are left, as the training dataset has the texts or groups of all others"
    if len(np.unique(labels)) < 2:
        return "one class is left, as the training dataset has the texts or groups of all others"
    return ""


def _score(path: Path, train: Inputs, test: Inputs, kept: Bools, settings: Chance) -> dict[str, Floats]:
    """Return the columns of all heads, (n_heads,) each, read a layer at a time."""
    labels, groups = test.labels[kept], test.groups[kept]
    correct, turned = [], []
    for place, number in enumerate(test.manifest["layers"]):
        x = test.heads([place], z_name)[:, kept]
        probe = join_folds(**read_layer_probes(path, number))
        n_folds = probe.strength.shape[1]
        n_trained = len(train.rows) * (n_folds - 2) / n_folds  # one fold tests, one chooses
        correct.append(correctness(apply_probe(x, probe), labels))
        turned.append(turned_accuracies(x, labels, probe, n_trained, settings.permutations, settings.seed))
    right = np.concatenate(correct)
    scores = transfer_scores(right, labels, groups, settings.bootstrap, settings.confidence, settings.seed)
    return scores | turned_columns(scores["accuracy"], np.concatenate(turned), len(labels))


def _table(shared: dict[str, Any], places: list[tuple[int, int]], scores: dict[str, Floats]) -> pd.DataFrame:
    layers, heads = zip(*places, strict=True)
    rows = {**shared, "layer": np.array(layers), "head": np.array(heads), **scores}
    return pd.DataFrame({name: rows[name] for name in COLUMNS})


def _empty() -> pd.DataFrame:
    """Return the header, with the types the columns have when there are rows."""
    types = {name: "str" if name in TEXT else "int64" if name in WHOLE else "float64" for name in COLUMNS}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def _write(
    folder: Path,
    model: str,
    tables: list[pd.DataFrame],
    tested: list[dict[str, Any]],
    refused: list[dict[str, Any]],
    alone: list[str],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.concat(tables, ignore_index=True) if tables else _empty()
    table.to_parquet(folder / "transfer.parquet", index=False)
    told = {"model": model, "tested": tested, "not_comparable": refused, "one_dataset": alone, "columns": COLUMNS}
    write_json(folder / "summary.json", told)


if __name__ == "__main__":
    with exit_on(PipelineError, ProbeError):
        main()
