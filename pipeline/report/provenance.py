"""Where the results come from: code, data, weights and libraries, in a form that a second run repeats byte for byte."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.lock import Stage, grid, parse_lock, read_lock
from pipeline.report.licences import free_licence
from pipeline.report.results import Atlas, model_identity

UNKNOWN = "unknown"
# What decides the results. README, dvc.lock and results are left out: committing them must not change the report.
CODE_PATHS = ("pipeline", "probes", "data", "params.yaml", "dvc.yaml", "requirements.lock")
LIBRARIES = ("torch", "transformers", "scikit-learn", "datasets", "pandas", "numpy", "scipy", "dvc")
LOCK = "dvc.lock"


def provenance(atlas: Atlas, root: Path) -> dict[str, Any]:
    """Return what a paper has to cite to name this run exactly.

    Args:
        atlas: The run.
        root: Top folder of the project.

    Raises:
        PipelineError: If dvc.lock is not YAML, or the cells of a model come from different weights.
    """
    models = {model.slug: model_identity(model) for model in atlas.models}
    datasets = {dataset: dataset_origin(card) for dataset, card in atlas.cards.items()}
    wanted = grid(atlas.params["models"], atlas.params["datasets"]) - {"report"}  # which is not yet written
    lock = root / LOCK
    stages = read_lock(lock) if lock.is_file() else {}
    return origin(root, atlas.params, models, datasets, {name: stages[name] for name in stages if name in wanted})


def origin(
    root: Path,
    params: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, Mapping[str, Any]],
    stages: Mapping[str, Stage],
) -> dict[str, Any]:
    """Return what names a result exactly, be it a whole run or one output.

    Args:
        root: Top folder of the project.
        params: That it was made with.
        models: Slug -> identity.
        datasets: Dataset -> `dataset_origin`.
        stages: Name -> stage, of those that made it.

    Raises:
        PipelineError: If dvc.lock is damaged.
    """
    lock = root / LOCK
    return {
        "code_commit": code_commit(root),
        "code_date": code_date(root),
        "code_dirty": code_dirty(root),
        "dvc_lock_sha256": lock_hash(lock.read_text(encoding="utf-8")) if lock.is_file() else UNKNOWN,
        "params": params,
        "models": models,
        "datasets": datasets,
        "stages": {
            name: {"command": stage.command, "outputs": {item.path: item.md5 for item in stage.outs}}
            for name, stage in stages.items()
        },
        "libraries": library_versions(),
    }


def dataset_origin(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a dataset is from and on what terms, from its card.

    Args:
        card: Its `card.json`.
    """
    return {
        "source": card.get("source", {}),
        "licence": card["licence"],
        "redistributable": free_licence(card["licence"]) is not None,
        "citation": card.get("citation") or "",
    }


def code_commit(root: Path) -> str:
    """Return the last commit that touched the code, the specs or the params, or `unknown` outside git.

    Args:
        root: Top folder of the project.
    """
    return (git(root, "log", "-1", "--format=%H", "--", *CODE_PATHS) or "").strip() or UNKNOWN


def code_date(root: Path) -> str:
    """Return the day of that commit in its own time zone, YYYY-MM-DD, or `unknown` outside git.

    Args:
        root: Top folder of the project.
    """
    return (git(root, "log", "-1", "--format=%cs", "--", *CODE_PATHS) or "").strip() or UNKNOWN


def code_dirty(root: Path) -> bool | str:
    """Return whether the code differs from the last commit, or `unknown` outside git.

    Args:
        root: Top folder of the project.
    """
    changes = git(root, "--no-optional-locks", "status", "--porcelain", "--", *CODE_PATHS)
    return UNKNOWN if changes is None else bool(changes.strip())


def git(root: Path, *arguments: str) -> str | None:
    """Return what git prints, None where it fails, there is no git or the folder is in no repository.

    Args:
        root: Where to run it.
        *arguments: Its command line.
    """
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def lock_hash(text: str) -> str:
    """Return the SHA-256 over the stages of a dvc.lock, except `report`.

    The lock holds the hash of the report, and the report holds this hash: with `report` in, it would never settle.

    Args:
        text: Content of dvc.lock.

    Raises:
        PipelineError: If it is not a lock file.
    """
    stages = parse_lock(text)
    kept = {name: stage for name, stage in stages.items() if name != "report"}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def library_versions() -> dict[str, str]:
    """Return library -> version, from the package metadata: importing them all takes seconds."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
