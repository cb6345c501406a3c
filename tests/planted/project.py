"""A project of planted model and datasets in the current directory, and the stages run on it in this process."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.stages import examples, extract, probe, taxonomy, transfer
from tests.planted.builder import IN_ORDER, ROLES, Order, Place, Roles, save_model
from tests.planted.texts import FEATURES, Feature, write_dataset

TOP = Path(__file__).parents[2]
SELECTIVE = 2
Finding = tuple[Place, str]  # head, feature
# Of the project's own params, what is smaller here; all else is as shipped.
SMALL: dict[str, dict[str, Any]] = {
    "extract": {"device": "cpu", "batch_tokens": 4096},
    "probe": {
        "c_grid": [0.01, 0.1, 1.0],
        "controls": 2,
        "permutations": 199,
        "bootstrap": 199,
        "replicates": 20,
        "device": "cpu",
    },
}


def start(seed: int, roles: Roles = ROLES, order: Order = IN_ORDER) -> None:
    """Put the model and what the stages read beside data into the current directory."""
    save_model(Path("model"), seed, roles, order)
    Path("data").mkdir(exist_ok=True)
    shutil.copy(TOP / "data/taxonomy.yaml", "data/taxonomy.yaml")


def run(seed: int, features: Mapping[str, Feature] = FEATURES, known: Iterable[str] = ()) -> pd.DataFrame:
    """Run the four stages and return the assignments; datasets already `known` are not run again."""
    _write_params(seed, features)
    for feature, asked in features.items():
        if feature not in known:
            write_dataset(feature, asked, seed)
            examples.main([feature])
            extract.main(["planted", feature])
            probe.main(["planted", feature])
    transfer.main(["planted"])
    taxonomy.main(["planted"])
    return pd.read_csv("results/taxonomy/planted/assignments.csv", keep_default_na=False)


def found(assignments: pd.DataFrame) -> set[Finding]:
    """Return head and feature of the assignments that are selective or more."""
    rows = assignments[assignments["rung"].astype(int) >= SELECTIVE]
    return {((int(layer), int(head)), str(f)) for layer, head, f in rows[["layer", "head", "feature"]].values}


def planted(roles: Roles = ROLES, features: Mapping[str, Feature] = FEATURES) -> set[Finding]:
    """Return head and feature for all that was planted."""
    return {
        (place, feature)
        for place, role in roles.items()
        for feature, asked in features.items()
        if role.back == asked.back and asked.attribute in role.attributes
    }


def _write_params(seed: int, features: Iterable[str]) -> None:
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    params |= {section: params[section] | changes for section, changes in SMALL.items()}
    for section in ("examples", "extract", "probe"):
        params[section]["seed"] = seed
    params |= {"models": {"planted": {"source": "./model"}}, "datasets": {feature: {} for feature in features}}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
