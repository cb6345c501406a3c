"""A project of three cells of four heads in the current directory, and the taxonomy stage run on it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from safetensors.numpy import save_file

from pipeline.jsonfile import write_json
from pipeline.stages.taxonomy import main
from probes.rungs import EVIDENCE, SELECTIVE
from probes.schema import TABLES
from probes.structure_columns import SET_COLUMNS
from probes.table import heads_table

TOP = Path(__file__).parents[3]
CELLS, OUT = Path("results/probes/tiny"), Path("results/taxonomy/tiny")
FILES = {*(f"{name}.csv" for name in TABLES), "taxonomy.json", "schema.json"}
TRANSFER = (
    "model",
    "layer",
    "head",
    "feature",
    "trained_on",
    "tested_on",
    "margin",
    "margin_low",
    "margin_high",
    "p_value",
)
FAMILY = {"number": "syntactic", "sentiment": "semantic", "truth": "truth"}
THRESHOLDS = {"alpha": 0.05, "label_rung": 1, "stable": 0.8}
REPLICATES = "replicates.safetensors"
PLACES = [(0, 0), (0, 1), (1, 0), (1, 1)]
PASSING = {"number": {(0, 1): 0.7}, "sentiment": {(0, 1): 0.9, (1, 1): 0.8}, "truth": {}}


def write_cell(dataset: str, family: str = "") -> None:
    accuracy = np.array([PASSING[dataset].get(place, 0.5) for place in PLACES])
    shared = {"model": "tiny", "dataset": dataset, "feature": dataset, "family": family or FAMILY[dataset]}
    scores = {"accuracy": accuracy, "accuracy_low": accuracy - 0.05, "accuracy_high": accuracy + 0.05}
    scores["attention"] = np.array(["encoder", "encoder", "cross", "cross"])
    scores["p_value"] = np.where(accuracy > 0.5, 0.01, 0.7)
    scores |= dict.fromkeys(EVIDENCE, np.where(accuracy > 0.85, 0.1, -0.1))  # sentiment in L0H1 stands out
    scores |= {"null_accuracy": accuracy, "margin_general_low": np.full(4, -0.1)}
    (CELLS / dataset).mkdir(parents=True, exist_ok=True)
    heads_table({**shared, "majority": 0.5}, PLACES, scores).to_parquet(CELLS / dataset / "heads.parquet", index=False)
    sets = dict.fromkeys(SET_COLUMNS, 0.5) | {"size": [1, 2]}
    pd.DataFrame(sets).to_parquet(CELLS / dataset / "sets.parquet", index=False)
    write_json(
        CELLS / dataset / "summary.json",
        {name: shared[name] for name in ("feature", "family")}
        | {"heads_needed": 1, "replicates": {"confidence": 0.95}},
    )
    margins = {name: np.stack([scores[name], scores[name] - 0.05]) for name in SELECTIVE}
    replicates = {"accuracy": np.stack([accuracy, accuracy]), **margins, "null": np.full(99, 0.55)}
    save_file({name: values.astype(np.float32) for name, values in replicates.items()}, CELLS / dataset / REPLICATES)


def write_params(*datasets: str, alpha: Any = 0.05, **more: Any) -> None:
    params = {name: {} for name in ("examples", "extract", "probe", "report")} | {
        "taxonomy": {"alpha": alpha, "label_rung": 1, "stable": 0.8} | more,
        "models": {"tiny": {"source": "somewhere/tiny"}},
        "datasets": {dataset: {} for dataset in datasets},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run() -> dict[str, bytes]:
    main(["tiny"])
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(OUT / name, keep_default_na=False)
