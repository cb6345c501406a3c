"""Run the pipeline with several datasets at a time: `python -m pipeline.abreast --jobs 2`.

DVC runs one stage after the other, and a small cell cannot use two cores. So each job is a `dvc repro` of its own for
its share of the datasets, and waits where another holds DVC's lock; the last `dvc repro` makes what needs all of them.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import PipelineError, exit_on
from pipeline.params import load_params

DVC = (sys.executable, "-m", "dvc")


def main(argv: Sequence[str] | None = None) -> int:
    """Run every stage and return the exit status of DVC: that of the first job that failed, else that of the last.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        PipelineError: If params.yaml is malformed.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.abreast", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="datasets at a time (default 2)")
    jobs = parser.parse_args(argv).jobs
    status = _run_cells(jobs) if jobs > 1 else 0
    return status or subprocess.run([*DVC, "repro"], check=False).returncode


def _run_cells(jobs: int) -> int:
    """Run the cells of all models, a dataset's in one job: they share its examples, which one process has to make."""
    params = load_params(Path("params.yaml"))
    datasets = list(params["datasets"])
    shares = [datasets[job::jobs] for job in range(min(jobs, len(datasets)))]
    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
    running = []
    for share in shares:
        cells = [f"probe@{model}-{dataset}" for dataset in share for model in params["models"]]
        running.append(subprocess.Popen([*DVC, "--wait-for-lock", "repro", *cells], env=threads | os.environ))
    return next((status for status in [process.wait() for process in running] if status), 0)


if __name__ == "__main__":
    with exit_on(PipelineError):
        sys.exit(main())
