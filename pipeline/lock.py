"""What dvc.lock records: which stage made which output, from what, and with what content."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pipeline.errors import PipelineError

# The parser in C, where PyYAML was built with it: a lock of a hundred cells takes a second in Python. Both are safe.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DAMAGED = "dvc.lock: not a lock file of DVC; restore it: `git checkout dvc.lock`"
BLOCK = 1 << 20  # bytes read at a time
NOT_HASHED = {".dvc", ".git", ".hg", ".venv", "__pycache__"}  # what DVC or .dvcignore leaves out of a folder


@dataclass(frozen=True)
class Item:
    """A file or folder that a stage read or wrote.

    Attributes:
        path: From the top folder of the project, with `/`.
        md5: As DVC computes it; that of a folder ends in `.dir`.
        size: Bytes of all its files.
    """

    path: str
    md5: str
    size: int


@dataclass(frozen=True)
class Stage:
    """A stage as it was run.

    Attributes:
        name: Such as `probe@minilm-animacy`.
        command: What was run.
        deps: What it read: code, specs, outputs of other stages.
        params: File -> dotted key -> value.
        outs: What it wrote.
    """

    name: str
    command: str
    deps: tuple[Item, ...]
    params: Mapping[str, Mapping[str, Any]]
    outs: tuple[Item, ...]


def parse_lock(text: str) -> dict[str, Any]:
    """Return the stages of a dvc.lock as they stand there, name -> block.

    Args:
        text: Content of dvc.lock.

    Raises:
        PipelineError: If it is not a lock file.
    """
    try:
        stages = (yaml.load(text, Loader=LOADER) or {}).get("stages") or {}
        return dict(stages)
    except (yaml.YAMLError, AttributeError, TypeError, ValueError):
        raise PipelineError(DAMAGED) from None


def read_lock(path: Path) -> dict[str, Stage]:
    """Return name -> stage of every stage that was run.

    Args:
        path: `dvc.lock`.

    Raises:
        PipelineError: If the file is missing or not a lock file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: no such file, so nothing is known of any output; `dvc repro` writes it, `git checkout dvc.lock` "
            "brings back a deleted one"
        ) from None
    except UnicodeDecodeError:
        raise PipelineError(DAMAGED) from None
    try:
        return {name: _stage(name, block) for name, block in parse_lock(text).items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise PipelineError(DAMAGED) from None


def _stage(name: str, block: Mapping[str, Any]) -> Stage:
    params = {str(file): dict(values) for file, values in (block.get("params") or {}).items()}
    deps, outs = (tuple(_item(entry) for entry in block.get(key) or ()) for key in ("deps", "outs"))
    return Stage(str(name), str(block["cmd"]), deps, params, outs)


def _item(entry: Mapping[str, Any]) -> Item:
    return Item(str(entry["path"]), str(entry["md5"]), int(entry.get("size") or 0))


def grid(models: Iterable[str], datasets: Iterable[str]) -> set[str]:
    """Return the names of all stages of a run; DVC keeps those of a removed dataset in its lock.

    Args:
        models: Slugs.
        datasets: Slugs.
    """
    models, datasets = list(models), list(datasets)
    names = {f"examples@{dataset}" for dataset in datasets} | {"report"}
    names |= {f"{stage}@{model}" for stage in ("transfer", "taxonomy") for model in models}
    cells = [f"{model}-{dataset}" for model in models for dataset in datasets]
    return names | {f"{stage}@{cell}" for stage in ("extract", "probe") for cell in cells}


def parents(path: str) -> list[str]:
    """Return every folder above a path, the nearest first.

    Args:
        path: From the top folder of the project, with `/`.

    Example:
        >>> parents("results/taxonomy/minilm")
        ['results/taxonomy', 'results']
    """
    return [str(folder) for folder in PurePosixPath(path).parents][:-1]


def writers(stages: Mapping[str, Stage]) -> dict[str, set[str]]:
    """Return path -> names of the stages that write it, or something below it.

    Args:
        stages: Name -> stage.
    """
    found: dict[str, set[str]] = {}
    for name, stage in stages.items():
        for item in stage.outs:
            for path in (item.path, *parents(item.path)):
                found.setdefault(path, set()).add(name)
    return found


def upstream(stages: Mapping[str, Stage], name: str) -> dict[str, Stage]:
    """Return a stage and every stage whose outputs it was made from, in the order of the lock.

    Args:
        stages: Name -> stage, of the stages to choose from.
        name: That of the stage.
    """
    written, by = {item.path for stage in stages.values() for item in stage.outs}, writers(stages)
    reached: set[str] = set()
    todo = {name}
    while todo:
        reached |= todo
        read = {item.path for reader in todo for item in stages[reader].deps}
        read |= {path for item in read for path in parents(item) if path in written}  # a file in an output
        todo = {writer for path in read for writer in by.get(path, ())} - reached
    return {other: stage for other, stage in stages.items() if other in reached}


def own_code(stages: Mapping[str, Stage]) -> dict[str, Item]:
    """Return path -> item of all that the stages read and none of them wrote: code, specs and tables.

    Args:
        stages: Name -> stage, with all stages they were made from.
    """
    outputs, written = {item.path for stage in stages.values() for item in stage.outs}, writers(stages)
    deps = {item.path: item for stage in stages.values() for item in stage.deps}
    own = [path for path in sorted(deps) if path not in written and outputs.isdisjoint(parents(path))]
    return {path: deps[path] for path in own}


def content_md5(path: Path) -> str | None:
    """Return the MD5 of what lies at a path as DVC computes it, None where nothing is.

    That of a folder is the MD5 of a list of its files with theirs, and ends in `.dir`.

    Args:
        path: A file or a folder.

    Raises:
        PipelineError: If a file cannot be read.
    """
    try:
        if path.is_file():
            return file_hash(path, "md5")
        if not path.is_dir():
            return None
        rows = [{"md5": file_hash(file, "md5"), "relpath": file.relative_to(path).as_posix()} for file in files(path)]
    except OSError as error:
        raise PipelineError(f"{path}: not readable: {error}") from None
    listed = json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True)
    return hashlib.md5(listed.encode("utf-8"), usedforsecurity=False).hexdigest() + ".dir"


def file_hash(path: Path, name: str) -> str:
    """Return the hash of a file's bytes in hexadecimal digits.

    Args:
        path: The file.
        name: `md5` or `sha256`.
    """
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def files(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder that DVC counts, in no fixed order.

    Args:
        folder: The folder.

    Yields:
        Its path.
    """
    for path in folder.rglob("*"):
        if path.is_file() and NOT_HASHED.isdisjoint(path.relative_to(folder).parts):
            yield path
