"""Whether a run can be released: everything committed, and every result made by that code."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json
from pipeline.lock import Stage, writers
from pipeline.outputs import check_output, listing, what_differs
from pipeline.report.provenance import CODE_PATHS, LOCK, code_commit, git, lock_hash

PROVENANCE = "results/report/provenance.json"
RELEASED = (*CODE_PATHS, LOCK, "results", "CITATION.cff", "LICENSE")  # where files that git does not know count, too
AGAIN = "run `make repro`, commit what changed, and try again"
REPORT_AGAIN = "make the report again: `dvc repro --force --single-item report`, commit dvc.lock, and try again"
GONE = ("deleted", "not in cache")  # what `dvc status` says of an output that is not there


def commit_of(root: Path) -> tuple[str, datetime]:
    """Return the last commit and its time in UTC.

    Args:
        root: Top folder of the project.

    Raises:
        PipelineError: If there is none.
    """
    found = (git(root, "log", "-1", "--format=%H %ct") or "").split()
    if len(found) != 2:
        raise PipelineError(
            "no git commit here, so a release could name no code; release from a clone of the project, with git there"
        )
    return found[0], datetime.fromtimestamp(int(found[1]), UTC)


def check_releasable(root: Path, stages: Mapping[str, Stage]) -> None:
    """Refuse a run that a reader could not trace back to the commit.

    Args:
        root: Top folder of the project.
        stages: Name -> stage, of the run.

    Raises:
        PipelineError: If the tree is dirty, the report is missing, or results are not those of dvc.lock or the code.
    """
    _check_clean(root)
    missing = [name for name in ("results/report/index.html", PROVENANCE) if not (root / name).is_file()]
    if missing:
        raise PipelineError(f"{', '.join(missing)}: no such file, so there is no report to release; {AGAIN}")
    _check_results(root, stages)
    _check_fresh(stages, _status(root))
    _check_report(root)


def _check_clean(root: Path) -> None:
    known = git(root, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no") or ""
    new = git(root, "--no-optional-locks", "status", "--porcelain", "--", *RELEASED) or ""
    if changed := sorted({line[3:] for line in (known + new).splitlines()}):
        raise PipelineError(
            f"not committed: {listing(changed)}; a release names a commit, so commit them or put them aside "
            "(`git stash --include-untracked`), and try again"
        )


def _check_results(root: Path, stages: Mapping[str, Stage]) -> None:
    """Refuse outputs that are not what dvc.lock records; activations are not released, so they may be missing."""
    outs = [(name, item) for name, stage in stages.items() for item in stage.outs]
    checked = [check_output(root, *out) for out in outs if not out[1].path.startswith("data/activations/")]
    if differing := [text for text in map(what_differs, checked) if text]:
        raise PipelineError(f"{differing[0]}{f' ({len(differing) - 1} more differ)' if differing[1:] else ''}")


def _status(root: Path) -> dict[str, Any]:
    """Return what DVC says has changed, stage -> list of changes."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise PipelineError(f"`dvc status` failed: {(done.stderr or done.stdout).strip()}") from None


def _check_fresh(stages: Mapping[str, Stage], status: Mapping[str, Any]) -> None:
    """Refuse stages that `dvc repro` would run again, but not for outputs that are not on this machine."""
    outputs = writers(stages)
    stale = [
        f"{name}: {path} {state if isinstance(state, str) else listing(state)}"
        for name, changes in status.items()
        for path, state in _changes(changes)
        if not (state in GONE and path in outputs)
    ]
    if stale:
        raise PipelineError(f"results are older than code or params ({listing(stale, 3)}); {AGAIN}")


def _changes(entries: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield (path, what is with it) of the changes of a stage; `changed command` and the like have no path."""
    for entry in entries:
        if isinstance(entry, dict):
            yield from (change for paths in entry.values() for change in paths.items())
        else:
            yield str(entry), ""


def _check_report(root: Path) -> None:
    """Refuse a report that names another commit, uncommitted changes or other stages than are there."""
    told = read_json(root / PROVENANCE)
    commit = code_commit(root)
    if told.get("code_dirty") is not False:
        raise PipelineError(f"{PROVENANCE}: the report was made with uncommitted changes; {REPORT_AGAIN}")
    if told.get("code_commit") != commit:
        raise PipelineError(
            f"{PROVENANCE}: the report names commit {told.get('code_commit')}, the code is at {commit}; {REPORT_AGAIN} "
            "(in a shallow clone, `git fetch --unshallow` first)"
        )
    if told.get("dvc_lock_sha256") != lock_hash((root / LOCK).read_text(encoding="utf-8")):
        raise PipelineError(f"{PROVENANCE}: stages ran after the report was made; {REPORT_AGAIN}")
