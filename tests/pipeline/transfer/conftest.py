"""Two datasets of one feature and a third of another, stored and probed: what the transfer stage reads.

L1H2 knows the label in all three. L0H1 has it by a cue that only `first` holds. No other head knows anything.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from pipeline.jsonfile import write_json
from pipeline.store import finish_store, z_name
from probes.crossval import probe_heads

N, LAYERS, HEADS, WIDTH = 240, 2, 4, 6
FEATURES = {"first": "mood", "second": "mood", "third": "number"}
PROBE = {"permutations": 199, "bootstrap": 200, "confidence": 0.95, "seed": 0, "controls": 3}  # and more, not read here


class Project:
    """What the tests of the stage do with a project; the current directory is its top folder."""

    out, places = Path("results/transfer/tiny"), [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]

    def write_params(self, *datasets: str, probe: Any = PROBE) -> None:
        params: dict[str, Any] = {name: {} for name in ("examples", "extract", "taxonomy", "report")}
        params |= {"probe": probe, "models": {"tiny": {}}, "datasets": {name: {} for name in datasets}}
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def examples(self, dataset: str) -> Path:
        return Path("data/examples") / dataset

    def store(self, dataset: str) -> Path:
        return Path("data/activations/tiny") / dataset

    def probes(self, dataset: str) -> Path:
        return Path("results/probes/tiny") / dataset / "probes.safetensors"

    def change(self, dataset: str, name: str, **columns: Any) -> None:
        path = self.examples(dataset) / f"{name}.parquet"
        pd.read_parquet(path).assign(**columns).to_parquet(path, index=False)

    def transfer(self) -> pd.DataFrame:
        return pd.read_parquet(self.out / "transfer.parquet")

    def add(self, dataset: str, feature: str, seed: int, cue: bool = False, classes: tuple[str, str] = ("no", "yes")):
        """Write examples, store and probes of a dataset; rows of the store are in an order of their own."""
        rng = np.random.default_rng(seed)
        order, yes = rng.permutation(N), np.arange(N) % 2
        arrays = {z_name(layer): rng.normal(size=(N, HEADS, WIDTH)).astype(np.float32) for layer in range(LAYERS)}
        arrays[z_name(1)][:, 2, 3] += 3 * yes
        arrays[z_name(0)][:, 1, 0] += 3 * yes * cue
        self._write_examples(dataset, feature, np.array(classes)[yes])
        self._write_store(dataset, {name: array[order] for name, array in arrays.items()}, order)
        self._write_probes(dataset, arrays, yes, classes)

    def _write_examples(self, dataset: str, feature: str, labels: np.ndarray) -> None:
        folder = self.examples(dataset)
        folder.mkdir(parents=True)
        ids = [f"{dataset}-{i:03d}" for i in range(N)]
        rows = {"label": labels, "group": [f"{dataset} group {i // 4}" for i in range(N)], "control_key": ids}
        rows |= {"fold": np.arange(N) // 4 % 5}
        pd.DataFrame({"example_id": ids, **rows}).to_parquet(folder / "labels.parquet", index=False)
        pd.DataFrame({"example_id": ids, "predicted": labels}).to_parquet(folder / "surface.parquet", index=False)
        pd.DataFrame({"example_id": ids, "variant": None}).to_parquet(folder / "variants.parquet", index=False)
        texts = pd.DataFrame({"example_id": ids, "text": [f"Text {i} of {dataset}." for i in range(N)]})
        texts.sample(frac=1, random_state=0).to_parquet(folder / "texts.parquet", index=False)
        write_json(folder / "card.json", {"feature": feature, "family": "semantic", "surface": 0.5})

    def _write_store(self, dataset: str, arrays: dict[str, np.ndarray], order: np.ndarray) -> None:
        folder = self.store(dataset)
        (folder / "z").mkdir(parents=True)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        index = pd.DataFrame({"example_id": [f"{dataset}-{i:03d}" for i in order], "position": 0, "n_tokens": 1})
        manifest = {"model": "tiny", "dataset": dataset, "weights_sha256": "00", "layers": list(range(LAYERS))}
        manifest |= {"n_heads": [HEADS] * LAYERS, "d_head": [WIDTH] * LAYERS, "readout": "last", "dropped_too_long": []}
        finish_store(folder, index, manifest)

    def _write_probes(self, dataset: str, arrays: dict[str, np.ndarray], yes: np.ndarray, classes: Any) -> None:
        labels, folds = torch.from_numpy(yes), torch.arange(N) // 4 % 5
        tensors = {}
        for layer in range(LAYERS):
            z = torch.from_numpy(arrays[z_name(layer)]).transpose(0, 1)
            found = probe_heads(z, labels, folds, 2, torch.tensor([0.1]).double())
            for name in ("coef", "intercept", "mean", "scale", "strength"):
                tensors[f"L{layer:02d}.{name}"] = getattr(found, name).float().contiguous().numpy()
        write_probes(self.probes(dataset), tensors, list(classes))


def write_probes(path: Path, tensors: dict[str, np.ndarray], classes: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"head_atlas": json.dumps({"classes": classes})})


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, made once."""
    top = tmp_path_factory.mktemp("transfer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        for seed, (dataset, feature) in enumerate(FEATURES.items()):
            Project().add(dataset, feature, seed, cue=dataset == "first")
        Project().write_params(*FEATURES)
    return top


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the project to change."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Project()
