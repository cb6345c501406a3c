"""Write docs/columns.md, which says what every column of a run's files is: `python -m pipeline.reference`.

No stage reaches this file, so that it may name what `probes` measures.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.columns import FILES, File
from pipeline.errors import PipelineError, exit_on

PAGE = Path("docs/columns.md")
INTRODUCTION = """# Every file and its columns

What stands in angle brackets differs from cell to cell. The tables of the taxonomy are in [taxonomy.md](taxonomy.md).
A number that was not measured is missing, never 0. Parquet files are read by `pandas.read_parquet`, arrays by
`safetensors.numpy.load_file`. This page is written by `python -m pipeline.reference`.

Accuracies, AUROC, p-values and shares of examples or heads run from 0 to 1; margins, selectivity and shifts are
differences of such numbers, from -1 to 1 or near it. `share` as a score of a head is 1 at most, 0 at the largest class
and negative below it. `_low` and `_high` are the ends of an interval at `probe.confidence`, for layers and bands at
95 %. How the numbers are made is in [method.md](method.md).
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page, from the top folder of the project.

    Args:
        argv: Command line without the program's name, which takes no arguments; None takes the process's own.

    Raises:
        PipelineError: If there is no folder `docs` here.
    """
    argparse.ArgumentParser(prog="python -m pipeline.reference", description=__doc__).parse_args(argv)
    if not PAGE.parent.is_dir():
        raise PipelineError(f"no folder {PAGE.parent}/ in {Path.cwd()}; run this in the top folder of the project")
    PAGE.write_text(reference(FILES), encoding="utf-8", newline="\n")
    print(f"{PAGE.as_posix()}: {len(FILES)} files")


def reference(files: Iterable[File]) -> str:
    """Return the page in Markdown.

    Args:
        files: What it describes.
    """
    return "\n".join([INTRODUCTION, *(_section(file) for file in files)])


def _section(file: File) -> str:
    heading = [f"## `{file.path}`", "", f"{file.rows[:1].upper()}{file.rows[1:]}.", ""]
    if file.kinds is None:
        name = "array" if file.path.endswith(".safetensors") else "key"
        lines = [
            f"| {name} | meaning |",
            "|---|---|",
            *(f"| `{key}` | {_cell(text)} |" for key, text in file.columns.items()),
        ]
    else:
        lines = ["| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {file.kind(name)} | {_cell(text)} |" for name, text in file.columns.items()]
    return "\n".join([*heading, *lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
