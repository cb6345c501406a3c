"""A small store with labels, ready for the probe stage: sixty groups of four examples, two of each label.

L1H2 knows the label, L0H1 knows the control key, the residual stream leaving the last layer knows the label, and
nothing else knows anything.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.jsonfile import write_json
from pipeline.stages.probe import main
from pipeline.store import finish_store, residual_name, untrained_name, z_name

N, LAYERS, HEADS, WIDTH, FOLDS = 240, 2, 4, 6, 5
STORE, OUT = Path("data/activations/tiny/toy"), Path("results/probes/tiny/toy")
LABELS = Path("data/examples/toy/labels.parquet")
GRID = [0.01, 0.1, 1.0]
PROBE = {
    **{
        "c_grid": GRID,
        "controls": 2,
        "permutations": 99,
        "null_probe": "one_step",
        "bootstrap": 200,
        "confidence": 0.95,
        "replicates": 20,
        "deals": 1,
        "sets": [1, 2],
        "random_sets": 2,
        "codelength": False,
    },
    **{"seed": 0, "device": "cpu"},
}
MANIFEST = {
    **{"model": "tiny", "dataset": "toy", "source": "somewhere/tiny", "revision": "r1", "weights_sha256": "00"},
    **{"model_type": "gpt2", "n_layers": LAYERS, "n_heads": [HEADS] * LAYERS, "d_head": [WIDTH] * LAYERS},
    **{"d_model": HEADS * WIDTH, "layers": list(range(LAYERS)), "attention": ["self"] * LAYERS},
    **{"entering": ["residual/L00", "residual/L01"], "leaving": ["residual/L01", "residual/final"]},
    **{"precision": "float32", "dtype": "float16", "float32": [], "readout": "last", "untrained_seed": 0},
    "dropped_too_long": [],
}


class Project:
    """What the tests of the stage do with a project; the current directory is its top folder."""

    out, store, labels, manifest, grid = OUT, STORE, LABELS, MANIFEST, GRID

    def write_store(
        self, arrays: dict[str, np.ndarray], ids: list[str], dropped: tuple[str, ...] = (), **changes: Any
    ) -> None:
        """Write the store with its rows in an order of its own; `changes` are of the manifest."""
        shutil.rmtree(STORE, ignore_errors=True)
        order = np.random.default_rng(1).permutation(len(ids))
        for name, array in arrays.items():
            (STORE / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(STORE / f"{name}.npy", array[order])
        index = pd.DataFrame({"example_id": [ids[row] for row in order], "position": 3, "n_tokens": 4})
        finish_store(STORE, index, {**MANIFEST, **changes, "dropped_too_long": list(dropped)})

    def write_params(self, **probe: Any) -> None:
        params = {name: {} for name in ("examples", "extract", "report")} | {
            "probe": PROBE | probe,
            "taxonomy": {"alpha": 0.05, "label_rung": 1, "stable": 0.8},
            "models": {"tiny": {"source": "somewhere/tiny"}},
            "datasets": {"toy": {}},
        }
        Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")

    def change_labels(self, **columns: Any) -> None:
        pd.read_parquet(LABELS).assign(**columns).to_parquet(LABELS, index=False)

    def stored(self, name: str) -> np.ndarray:
        array: np.ndarray = np.load(STORE / f"{name}.npy")
        return array

    def stored_ids(self) -> list[str]:
        ids: list[str] = pd.read_parquet(STORE / "index.parquet")["example_id"].tolist()
        return ids

    def arrays_by_id(self) -> dict[str, np.ndarray]:
        """Return every array of the store in the order of the sorted ids."""
        order = np.argsort(self.stored_ids())
        names = [path.relative_to(STORE).with_suffix("").as_posix() for path in STORE.rglob("*.npy")]
        return {name: self.stored(name)[order] for name in names}

    def run(self) -> dict[str, bytes]:
        main(["tiny", "toy"])
        return {path.name: path.read_bytes() for path in OUT.iterdir()}

    def summary(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((OUT / "summary.json").read_text(encoding="utf-8"))
        return content

    def heads(self) -> pd.DataFrame:
        return pd.read_parquet(OUT / "heads.parquet")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    number = np.arange(N)
    ids = [f"e{i:03d}" for i in number]
    labels = np.array(["no", "yes"])[number % 2]
    rows = {"label": labels, "group": [f"g{i // 4}" for i in number], "fold": number // 4 % FOLDS}
    rows["control_key"] = [f"k{i}" for i in number // 2 % 9]
    LABELS.parent.mkdir(parents=True)
    pd.DataFrame({"example_id": ids, **rows}).to_parquet(LABELS, index=False)
    # a bag of words that says yes too often
    surface = np.where(number % 10 == 0, "yes", labels)
    surface[number % 3 == 1] = "yes"
    pd.DataFrame({"example_id": ids, "predicted": surface}).to_parquet(LABELS.with_name("surface.parquet"), index=False)
    variants = np.array(["plain", "long"])[number // 20 % 2]
    pd.DataFrame({"example_id": ids, "variant": variants}).to_parquet(LABELS.with_name("variants.parquet"), index=False)
    write_json(LABELS.with_name("card.json"), {"feature": "mood", "family": "semantic", "surface": 0.9})
    made = Project()
    made.write_store(planted(np.random.default_rng(0)), ids)
    made.write_params()
    return made


def planted(rng: np.random.Generator) -> dict[str, np.ndarray]:
    number, yes = np.arange(N), np.arange(N) % 2
    arrays = {name(i): rng.normal(size=(N, HEADS, WIDTH)) for i in range(LAYERS) for name in (z_name, untrained_name)}
    arrays |= {residual_name(i): rng.normal(size=(N, HEADS * WIDTH)) for i in range(LAYERS)}
    arrays["residual/final"] = rng.normal(size=(N, HEADS * WIDTH))
    arrays["embedding"] = rng.normal(size=(N, 5))
    arrays[z_name(1)][:, 2, 3] += 2 * yes
    arrays[z_name(0)][:, 1] += 6 * rng.normal(size=(9, WIDTH))[number // 2 % 9]
    arrays["residual/final"][:, 0] += 6 * yes
    return {name: array.astype(np.float32) for name, array in arrays.items()}
