"""Where the results come from: code, data, weights and libraries, in a form that a second run repeats byte for byte."""

import hashlib
import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import PipelineError
from pipeline.report.results import Atlas, model_identity

UNKNOWN = "unknown"
# What decides the results. README, dvc.lock and results are left out: committing them must not change the report.
CODE_PATHS = ("pipeline", "probes", "data", "params.yaml", "dvc.yaml", "requirements.lock")
LIBRARIES = ("torch", "transformers", "scikit-learn", "datasets", "pandas", "numpy", "dvc")


def provenance(atlas: Atlas, root: Path) -> dict[str, Any]:
    """Return what a paper has to cite to name this run exactly.

    Args:
        atlas: The run.
        root: Top folder of the project.

    Raises:
        PipelineError: If dvc.lock is not YAML, or the cells of a model come from different weights.
    """
    lock = root / "dvc.lock"
    return {
        "code_commit": code_commit(root),
        "code_dirty": code_dirty(root),
        "dvc_lock_sha256": lock_hash(lock.read_text(encoding="utf-8")) if lock.is_file() else UNKNOWN,
        "params": atlas.params,
        "models": {model.slug: model_identity(model) for model in atlas.models},
        "datasets": {
            dataset: {"source": card.get("source", {}), "licence": card["licence"]}
            for dataset, card in atlas.cards.items()
        },
        "libraries": library_versions(),
    }


def code_commit(root: Path) -> str:
    """Return the last commit that touched the code, the specs or the params, or `unknown` outside git.

    Args:
        root: Top folder of the project.
    """
    return (_git(root, "log", "-1", "--format=%H", "--", *CODE_PATHS) or "").strip() or UNKNOWN


def code_dirty(root: Path) -> bool | str:
    """Return whether the code differs from the last commit, or `unknown` outside git.

    Args:
        root: Top folder of the project.
    """
    changes = _git(root, "--no-optional-locks", "status", "--porcelain", "--", *CODE_PATHS)
    return UNKNOWN if changes is None else bool(changes.strip())


def _git(root: Path, *arguments: str) -> str | None:
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
        PipelineError: If it is not YAML.
    """
    try:
        stages = (yaml.safe_load(text) or {}).get("stages") or {}
    except (yaml.YAMLError, AttributeError):
        raise PipelineError("dvc.lock: not a lock file of DVC; restore it: `git checkout dvc.lock`") from None
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
