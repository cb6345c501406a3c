"""Find the cells a stage reads, and refuse a folder that does not hold exactly the wanted ones."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import PipelineError

SHOWN = 5  # names in one message; the command to delete them lists all
# Where a dataset or a model leaves results, from the top folder of the project.
PLACES = {
    "dataset": ("data/activations/*/{}", "data/examples/{}", "results/probes/*/{}"),
    "model": ("data/activations/{}", "results/probes/{}", "results/transfer/{}", "results/taxonomy/{}"),
}


def wanted_cells(root: Path, wanted: Iterable[str], what: str) -> list[Path]:
    """Return the folder of each wanted cell, in the order given, after checking that `root` holds these and no others.

    DVC leaves the results of a removed dataset or model on disk, so a stage that reads whatever it finds would keep
    reading them. Plain files (`.gitignore`), hidden folders and folders without a file are no cells.

    Args:
        root: Folder with one folder for each cell, such as `results/probes/minilm`.
        wanted: Slugs of the cells, from params.yaml.
        what: What one cell is, `dataset` or `model`.

    Raises:
        PipelineError: If a wanted cell is missing, or a folder is there that params.yaml does not name.
    """
    names = list(wanted)
    found = {path.name for path in root.iterdir() if _is_cell(path)} if root.is_dir() else set()
    missing = [name for name in names if name not in found]
    if missing:
        raise PipelineError(
            f"{root}: no results for {what} {_listed(missing)}, which params.yaml lists; make them with `dvc repro`"
        )
    unexpected = sorted(found - set(names))
    if unexpected:
        left = sorted(
            {root / name for name in unexpected} | {path for name in unexpected for path in _left(name, what)}
        )
        command = shlex.join(["rm", "-r", *map(str, left)])
        raise PipelineError(
            f"{root}: {what} {_listed(unexpected)} is on disk but not in params.yaml (DVC keeps the results of what "
            f"was removed); put it back there, or delete it: `{command}`"
        )
    return [root / name for name in names]


def _left(name: str, what: str) -> list[Path]:
    """Return everything a removed dataset or model has left, so that one command is enough."""
    return [path for place in PLACES.get(what, ()) for path in Path().glob(place.format(name))]


def _is_cell(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_dir():
        return False
    return any(entry.is_file() and not entry.name.startswith(".") for entry in path.rglob("*"))


def _listed(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(repr(name) for name in names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
