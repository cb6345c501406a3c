"""How soon the first batch runs: `python -m benchmarks.startup [--repeats 3]`.

The stage runs as a process of its own on MiniLM and made-up sentences and ends at its first batch; beside it, a process
that does nothing but import what any program needs that runs a BERT of transformers on a table. Printed: seconds from
the start of the process, and the first as a multiple of the second.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.memory import ROOT, write_project, write_texts

IMPORTS = "import pandas, torch, transformers; from transformers.models.bert.modeling_bert import BertModel"
STAGE = """
from pipeline import extraction
from pipeline.stages import extract
def stop(*_):
    raise SystemExit
extraction.Pass._rows = stop
extract.main(["minilm", "made_up"])
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        models = yaml.safe_load((ROOT / "params.yaml").read_text())["models"]
        write_project(Path(folder), {"minilm": models["minilm"]})
        write_texts(Path(folder), 1_000)
        runs = [(seconds(IMPORTS, Path(folder)), seconds(STAGE, Path(folder))) for _ in range(repeats)]
    imports, stage = (min(column) for column in zip(*runs, strict=True))
    print(f"imports alone {imports:.2f} s, first batch {stage:.2f} s ({stage / imports:.2f} x), fastest of {repeats}")


def seconds(code: str, folder: Path) -> float:
    """Return how long a new process takes to run a piece of code; its own end is not counted."""
    command = [sys.executable, "-c", f"import atexit, os\natexit.register(lambda: os.write(1, b'.'))\n{code}"]
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=-1) as process:
        assert process.stdout is not None and process.stdout.read(1) == b"."
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
