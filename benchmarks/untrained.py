"""How many heads of an untrained model reach each rung on the datasets of params.yaml: none should be selective.

    python -m benchmarks.untrained 5

For every seed the default model is initialised anew and taken through all stages in a temporary folder, one process a
stage. What it prints is the number of heads and dataset pairs on each rung. A run takes as long as that of a trained
model.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from transformers import AutoConfig, AutoModel, AutoTokenizer

from pipeline.checkpoint import ModelEntry, find_checkpoint
from pipeline.params import load_params, read_section

TOP = Path(__file__).parents[1]


def main() -> None:
    """Print a line for every seed."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    params = load_params(TOP / "params.yaml")
    slug = next(iter(params["models"]))
    source = find_checkpoint(slug, read_section(params, f"models.{slug}", ModelEntry)).folder
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            print(f"seed {seed}: {run(Path(folder), params, source, seed)}", flush=True)


def run(folder: Path, params: dict[str, Any], source: Path, seed: int) -> dict[str, dict[str, int]]:
    """Return rung -> heads whose highest it is, and rung -> pairs of head and dataset."""
    save_untrained(source, folder / "model", seed)
    text = yaml.safe_dump(params | {"models": {"untrained": {"source": "./model"}}}, sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(TOP / "data/specs", folder / "data/specs")
    shutil.copy(TOP / "data/taxonomy.yaml", folder / "data/taxonomy.yaml")
    for dataset in params["datasets"]:
        stage(folder, "examples", dataset)
        stage(folder, "extract", "untrained", dataset)
        stage(folder, "probe", "untrained", dataset)
    stage(folder, "transfer", "untrained")
    stage(folder, "taxonomy", "untrained")
    scores = pd.read_csv(folder / "results/taxonomy/untrained/scores.csv")
    heads = json.loads((folder / "results/taxonomy/untrained/taxonomy.json").read_text(encoding="utf-8"))
    pairs = Counter(scores["rung"])
    return {"heads": heads["counts"]["rungs"], "pairs": {str(rung): pairs[rung] for rung in sorted(pairs)}}


def save_untrained(source: Path, folder: Path, seed: int) -> None:
    """Write the model of a folder with its weights drawn anew, beside its tokenizer."""
    torch.manual_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def stage(folder: Path, name: str, *cell: str) -> None:
    """Run one stage in the folder."""
    command = [sys.executable, "-m", f"pipeline.stages.{name}", *cell]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} {' '.join(cell)}: {done.stderr}")


if __name__ == "__main__":
    main()
