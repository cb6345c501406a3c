"""From a path that a person gives to the stage outputs it names, and whether they are what dvc.lock records."""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.lock import Item, Stage, content_md5, own_code, parents

SHOWN = 8  # names in one message
EXAMPLE = "results/taxonomy/minilm"


@dataclass(frozen=True)
class Named:
    """What a path names.

    Attributes:
        path: From the top folder of the project, with `/`.
        stage: The stage that wrote it.
        outputs: The output that it is or lies in, or those of the stage that lie in it.
    """

    path: str
    stage: Stage
    outputs: tuple[Item, ...]


def find_output(root: Path, stages: Mapping[str, Stage], given: str) -> Named:
    """Return what a path names.

    Args:
        root: Top folder of the project.
        stages: Name -> stage, of dvc.lock.
        given: Path of an output, of something in it, or of a folder with the outputs of one stage.

    Raises:
        PipelineError: If it names no output, those of several stages, or a file that is not there.
    """
    path = project_path(root, given)
    outs = [(stage, item) for stage in stages.values() for item in stage.outs]
    holders = [(stage, item) for stage, item in outs if item.path in (path, *parents(path))]
    for stage, item in holders:
        if item.path != path and not (root / path).exists():
            raise PipelineError(f"{path}: no such file in the output {item.path}; {_way_out(root, stage, item)}")
        return Named(path, stage, (item,))
    below = [(stage, item) for stage, item in outs if path in parents(item.path)]
    if not below:
        raise PipelineError(f"{path}: {_no_output(root, stages, path)}")
    if len(names := {stage.name for stage, _ in below}) > 1:
        listed = listing([item.path for _, item in below])
        raise PipelineError(f"{path}: holds outputs of {len(names)} stages; name one of them: {listed}")
    return Named(path, below[0][0], tuple(item for _, item in below))


def project_path(root: Path, given: str) -> str:
    """Return a path from the top folder of the project, with `/`, whether it exists or not.

    Args:
        root: Top folder of the project.
        given: Absolute, or from the current folder.

    Raises:
        PipelineError: If it is the top folder itself or not in it.
    """
    asked = Path(os.path.normpath(Path.cwd() / given))
    for top, path in ((root.absolute(), asked), (root.resolve(), asked.resolve())):
        if path == top:
            raise PipelineError(
                f"{given or '(no path)'}: the whole project; give one of its outputs, such as {EXAMPLE}"
            )
        if path.is_relative_to(top):
            return path.relative_to(top).as_posix()
    raise PipelineError(f"{given}: not in this project ({root.absolute()}); give one of its outputs, such as {EXAMPLE}")


def _way_out(root: Path, stage: Stage, item: Item) -> str:
    there = root / item.path
    if not there.is_dir():
        return f"the output is not on this machine: make it with `dvc repro {stage.name}`, or get it with `dvc pull`"
    return f"it has {listing(sorted(path.name for path in there.iterdir()))}"


def _no_output(root: Path, stages: Mapping[str, Stage], path: str) -> str:
    """Return why a path names no output, and what to do."""
    readers = {name.split("@")[0] for name, stage in stages.items() if path in {item.path for item in stage.deps}}
    outs = sorted({item.path for stage in stages.values() for item in stage.outs})
    close = difflib.get_close_matches(path, outs, n=1)
    nearest = f"did you mean {close[0]}?" if close else f"cite one of {listing(outs)}"
    if readers:
        return f"read by {listing(sorted(readers))}, but not an output of any stage; the commit names it; {nearest}"
    if (root / path).exists():
        return f"not an output of any stage that was run; {nearest}"
    return f"not there, and dvc.lock records no stage that wrote it; if it is to be made: `dvc repro`; {nearest}"


@dataclass(frozen=True)
class Checked:
    """An output as dvc.lock records it and as it lies on disk.

    Attributes:
        path: From the top folder of the project.
        stage: Name of the stage that wrote it.
        recorded: MD5 of dvc.lock.
        found: MD5 of what is there, None where nothing is.
    """

    path: str
    stage: str
    recorded: str
    found: str | None

    @property
    def same(self) -> bool:
        """Whether what lies there is what the stage wrote."""
        return self.recorded == self.found


def check_output(root: Path, stage: str, item: Item) -> Checked:
    """Return an output beside its record.

    Args:
        root: Top folder of the project.
        stage: Name of the stage that wrote it.
        item: Its record.
    """
    return Checked(item.path, stage, item.md5, content_md5(root / item.path))


def what_differs(checked: Checked) -> str | None:
    """Return how an output differs from its record, and the way out; None where it does not.

    Args:
        checked: The output.
    """
    if checked.same:
        return None
    if checked.found is None:
        return (
            f"{checked.path}: not on this machine, the hash is the one of dvc.lock; make it with "
            f"`dvc repro {checked.stage}`, or get it with `dvc pull`"
        )
    return (
        f"{checked.path}: not what dvc.lock records: {checked.recorded} there, {checked.found} on disk. It was changed "
        f"by hand, or another run wrote it; make it again with `dvc repro {checked.stage}`"
    )


def changed_code(root: Path, stages: Mapping[str, Stage]) -> list[str]:
    """Return what the stages read and no stage wrote, code and specs, that is no longer what they read.

    Args:
        root: Top folder of the project.
        stages: Name -> stage.
    """
    return [path for path, item in own_code(stages).items() if content_md5(root / path) != item.md5]


def listing(names: Iterable[str], shown: int = SHOWN) -> str:
    """Return names in one line, the number of the rest behind.

    Args:
        names: The names.
        shown: How many at most.
    """
    found: Sequence[str] = list(names)
    rest = f" and {len(found) - shown} more" if len(found) > shown else ""
    return (", ".join(found[:shown]) or "nothing") + rest
