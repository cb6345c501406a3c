"""A made-up run as a whole project: every output, a dvc.lock that records them, and a commit."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.lock import content_md5
from pipeline.stages import report

ROOT = Path(__file__).parents[3]
SECRET = "A text that nobody may pass on; it is long enough to be known by."
RESTRICTED = "sentiment"  # the dataset whose licence `restrict` changes
WHEN = "2026-03-04T05:06:08+0100"


def finish(root: Path) -> None:
    """Write what a run has beside what the report reads, run the report, record all of it and commit."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    for dataset in params["datasets"]:
        write_examples(root, dataset)
        put(root / f"data/specs/{dataset}.yaml", (ROOT / f"data/specs/{dataset}.yaml").read_text())
        for model in params["models"]:
            rows = pd.DataFrame({"example_id": ["e0"], "label": ["secret label"], "fold": [0]})
            rows.to_parquet(root / f"results/probes/{model}/{dataset}/predictions.parquet")
            put(root / f"data/activations/{model}/{dataset}/manifest.json", "{}")
    for model in params["models"]:
        put(root / f"results/transfer/{model}/summary.json", "{}")
    for name in ("LICENSE", "CITATION.cff", "requirements.lock", ".gitignore", "dvc.yaml"):
        put(root / name, (ROOT / name).read_text())
    put(root / "pyproject.toml", "[project]\n")
    record(root, params, (name for name in grid_outputs(params) if name != "report"))
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    write_report(root)


def write_report(root: Path) -> None:
    """Run the report as DVC would, and commit."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    report.main([])
    record(root, params, grid_outputs(params))
    commit(root)


def write_examples(root: Path, dataset: str) -> None:
    folder = root / "data/examples" / dataset
    for name in ("texts", "labels", "variants", "surface"):
        text = SECRET if dataset == RESTRICTED else f"free text of {dataset}"
        pd.DataFrame({"example_id": ["e0"], name: [text]}).to_parquet(folder / f"{name}.parquet")


def grid_outputs(params: dict[str, Any]) -> dict[str, list[str]]:
    """Return stage -> its outputs."""
    models, datasets = list(params["models"]), list(params["datasets"])
    files = ("texts.parquet", "labels.parquet", "variants.parquet", "surface.parquet", "card.json")
    outs = {f"examples@{name}": [f"data/examples/{name}/{file}" for file in files] for name in datasets}
    for model in models:
        outs |= {f"extract@{model}-{name}": [f"data/activations/{model}/{name}"] for name in datasets}
        outs |= {f"probe@{model}-{name}": [f"results/probes/{model}/{name}"] for name in datasets}
        outs |= {f"{stage}@{model}": [f"results/{stage}/{model}"] for stage in ("transfer", "taxonomy")}
    return outs | {"report": ["results/report", "results/metrics.json"]}


def inputs(stage: str, outs: dict[str, list[str]], params: dict[str, Any]) -> list[str]:
    """Return what a stage reads, coarsely."""
    kind, _, cell = stage.partition("@")
    if kind == "examples":
        return [f"data/specs/{cell}.yaml"]
    if kind in ("transfer", "taxonomy"):
        return [f"results/probes/{cell}", "data/examples"]
    if kind == "report":
        return ["results/probes", "results/taxonomy", "results/transfer", "data/examples"]
    model, dataset = next((m, d) for m in params["models"] for d in params["datasets"] if cell == f"{m}-{d}")
    read = [f"data/examples/{dataset}/texts.parquet"]
    return read if kind == "extract" else [*read, f"data/activations/{model}/{dataset}"]


def used(stage: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the params that DVC records for a stage."""
    kind, _, cell = stage.partition("@")
    if kind == "extract":
        model = next(name for name in params["models"] if cell.startswith(f"{name}-"))
        return {"extract.seed": params["extract"]["seed"], f"models.{model}": params["models"][model]}
    if kind == "report":
        return dict(params)
    if kind == "transfer":
        return {"probe.seed": params["probe"]["seed"], "datasets": params["datasets"]}
    return {kind: params[kind]} | ({"datasets": params["datasets"]} if kind == "taxonomy" else {})


def record(root: Path, params: dict[str, Any], names: Any) -> None:
    """Write dvc.lock for the stages, from what lies there."""
    outs = grid_outputs(params)
    stages = {
        name: {
            "cmd": "python -m pipeline.stages." + name.replace("@", " ").replace("-", " "),
            "deps": [entry(root, path) for path in inputs(name, outs, params)],
            "params": {"params.yaml": used(name, params)},
            "outs": [entry(root, path) for path in outs[name]],
        }
        for name in names
    }
    put(root / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}))


def entry(root: Path, path: str) -> dict[str, Any]:
    return {"path": path, "hash": "md5", "md5": content_md5(root / path), "size": 1}


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "run")


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    when = {"GIT_AUTHOR_DATE": WHEN, "GIT_COMMITTER_DATE": WHEN}
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=root, env=os.environ | when, capture_output=True, text=True, check=True)
    return done.stdout.strip()
