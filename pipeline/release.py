"""The run as one file for an archive such as Zenodo: `python -m pipeline.release`, or `make release`.

Packs the report, the results, the code and the datasets that may be passed on as an RO-Crate, and refuses what could
not be traced back to the commit. The same commit and results give the same bytes. Nothing is run again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from pipeline.crate import METADATA, Packed, crate_metadata
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json
from pipeline.lock import Stage, file_hash, files, grid, parents, read_lock
from pipeline.params import load_params
from pipeline.readme import README, readme
from pipeline.releasable import check_releasable, commit_of
from pipeline.report.licences import withheld
from pipeline.report.provenance import LOCK, git

PLACE = Path("results/release")
REPORT = Path("results/report")
TOP = ("params.yaml", "dvc.yaml", "dvc.lock", "requirements.lock", "CITATION.cff", "LICENSE")
# What `code.tar` holds, beside the modules of `data`: a person's own files may lie in there, too.
CODE = (
    *TOP, "Makefile", "pyproject.toml", "README.md", "CHANGELOG.md", ".gitignore", ".dvcignore", ".dvc", ".ci", "docs",
    "examples", "pipeline", "probes", "data/specs", "data/generated", "data/taxonomy.yaml", "published", "benchmarks",
    "tests",
)  # fmt: skip
ROOM = 1 << 30  # bytes from which a zip entry gets the fields for large files, whatever is left of the file then


def main(argv: Sequence[str] | None = None) -> None:
    """Pack the run and say where to upload it.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        PipelineError: If the tree is dirty, the report is missing, or results are not those of dvc.lock or the code.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.release", description=__doc__)
    parser.add_argument("--to", type=Path, default=PLACE, help=f"folder of the file (default {PLACE.as_posix()})")
    folder = parser.parse_args(argv).to
    path, left_out = release(folder)
    print(f"release: {path.as_posix()}: {path.stat().st_size / 1e6:.1f} MB, sha256 {file_hash(path, 'sha256')}")
    for dataset, licence in left_out.items():
        print(f"not in it: texts and labels of {dataset}, whose licence does not let them be passed on: {licence}")
    print(
        "Upload it to an archive that gives it a DOI, such as https://zenodo.org/uploads/new (type Dataset, licence "
        "Apache-2.0), and cite that DOI beside what `python -m pipeline.cite results/report` prints."
    )


def release(folder: Path) -> tuple[Path, dict[str, str]]:
    """Pack the run in the current folder; return the file, and dataset -> licence of what may not be passed on.

    Args:
        folder: Where the file goes; made if it is not there.

    Raises:
        PipelineError: If the tree is dirty, the report is missing, or results are not those of dvc.lock or the code.
    """
    root, params = Path(), load_params(Path("params.yaml"))
    commit, published = commit_of(root)
    stages = wanted_stages(read_lock(root / LOCK), params)
    check_releasable(root, stages)
    cards = {name: read_json(root / "data/examples" / name / "card.json") for name in params["datasets"]}
    left_out = withheld(cards)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        about = read_json(REPORT / "provenance.json") | {"commit": commit, "withheld": left_out}
        about["published"] = published.isoformat().replace("+00:00", "Z")
        members = dict(_members(root, stages, left_out, Path(made)))
        members[README] = _written(Path(made) / README, readme(cards, about))
        members = {name: members[name] for name in sorted(members)}
        packed = [Packed(name, path.stat().st_size, file_hash(path, "sha256")) for name, path in members.items()]
        metadata = _written(Path(made) / METADATA, _as_json(crate_metadata(packed, cards, about)))
        done = Path(made) / "done.zip"
        write_zip(done, {METADATA: metadata, **members}, published)
        return done.replace(folder / f"head-atlas-{commit[:12]}.zip"), left_out


def wanted_stages(stages: Mapping[str, Stage], params: Mapping[str, Any]) -> dict[str, Stage]:
    """Return the stages of the run that params.yaml asks for.

    Args:
        stages: Name -> stage, of dvc.lock, which keeps those of removed datasets.
        params: The params file.

    Raises:
        PipelineError: If one was never run.
    """
    wanted = sorted(grid(params["models"], params["datasets"]))
    if missing := [name for name in wanted if name not in stages]:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise PipelineError(
            f"dvc.lock: {', '.join(missing[:5])}{more} not run yet; run `make repro`, commit, try again"
        )
    return {name: stages[name] for name in wanted}


def _members(
    root: Path, stages: Mapping[str, Stage], left_out: Mapping[str, str], made: Path
) -> Iterator[tuple[str, Path]]:
    """Yield (name in the release, file) of everything in it but the metadata."""
    yield from ((name, root / name) for name in TOP if (root / name).is_file())
    yield "code.tar", _code(root, made / "code.tar")
    for item in (item for stage in stages.values() for item in stage.outs):
        for path in _files(root / item.path):
            if not _is_data_of(name := path.relative_to(root).as_posix(), left_out):
                yield name, path
    if left_out:
        yield (REPORT / "index.html").as_posix(), _page(made / "index.html")  # instead of the one above


def _files(path: Path) -> list[Path]:
    """Return the files of an output; activations are left out: large, and made again from the rest."""
    if path.is_relative_to("data/activations"):
        return []
    return [path] if path.is_file() else list(files(path))


def _is_data_of(name: str, datasets: Mapping[str, str]) -> bool:
    """Return whether a file holds texts or labels of one of the datasets, row by row."""
    match name.split("/"):
        case ["data", "examples", dataset, *_] | ["results", "probes", _, dataset, "predictions.parquet"]:
            return dataset in datasets
    return False


def _code(root: Path, path: Path) -> Path:
    """Write the code at the last commit as a tar file that no setting of git changes."""
    known = (git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD") or "").split("\0")
    names = [name for name in known if _is_code(name)]
    plain = ("tar.umask=0022", "core.autocrlf=false", "core.eol=lf")
    settings = ["--literal-pathspecs", *(word for setting in plain for word in ("-c", setting))]
    command = ["git", *settings, "archive", "--format=tar", f"--output={path.absolute()}", "HEAD", "--", *names]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"code.tar: git archive failed: {done.stderr.strip()}")
    return path


def _is_code(name: str) -> bool:
    module = name.startswith("data/") and name.endswith(".py")
    return module or not {name, *parents(name)}.isdisjoint(CODE)


def _page(path: Path) -> Path:
    """Write the page of the report without texts that may not be passed on."""
    command = [sys.executable, "-m", "pipeline.stages.report", "--page", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"results/report/index.html: not made again: {done.stderr.strip()}")
    return path


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_zip(path: Path, members: Mapping[str, Path], when: datetime) -> None:
    """Write a zip file whose bytes depend on names, contents and time alone.

    Nothing is compressed: that would depend on the library, and most of it is compressed already.

    Args:
        path: The file.
        members: Name in the file -> file on disk, in the order they are written.
        when: Time of every entry, in UTC.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in members.items():
            info = zipfile.ZipInfo(name, when.timetuple()[:6])
            info.create_system, info.external_attr = 3, 0o100644 << 16  # as on Unix, rw-r--r--
            info.file_size = file.stat().st_size
            with file.open("rb") as read, archive.open(info, "w", force_zip64=info.file_size > ROOM) as written:
                copyfileobj(read, written)


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
