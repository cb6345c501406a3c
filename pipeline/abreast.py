"""Run the pipeline with several datasets at a time: `python -m pipeline.abreast --jobs 2`.

DVC runs one stage after the other, and a small cell cannot use two cores. So each job is a `dvc repro` of its own for
its share of the datasets, and waits where another holds DVC's lock; the last `dvc repro` makes what needs all of them.
What they print comes in whole lines, since two that draw at one terminal would write into each other; below them a bar
says how many stages are done and which ones run. Stages that did not change are counted, not listed.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

from tqdm import tqdm

from pipeline.errors import PipelineError, exit_on
from pipeline.params import load_params

DVC = (sys.executable, "-m", "dvc")
STAGE = re.compile(r"(Running stage|Stage) '([^']+)'")  # how DVC says that it came to a stage
UNCHANGED = "didn't change, skipping"
BAR = "{n_fmt}/{total_fmt} stages |{bar}| {elapsed}{postfix}"


@dataclass
class Job:
    """One `dvc repro`, and what it has said so far.

    Attributes:
        process: The process.
        ran: Stages it ran, or took from DVC's cache, in order.
        unchanged: Stages that were up to date.
        now: The stage it is at; nothing before the first and after the last.
    """

    process: "subprocess.Popen[str]"
    ran: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    now: str = ""

    def hear(self, line: str) -> bool:
        """Take note of a line of its stdout, and return whether it is worth showing."""
        found = STAGE.match(line)
        if not found:
            return True
        skipped = UNCHANGED in line
        heard = self.unchanged if skipped else self.ran
        if found[2] not in heard:
            heard.append(found[2])
        self.now = "" if skipped else found[2]
        return not skipped

    def n_done(self) -> int:
        """Return how many stages it is through with."""
        return len(self.ran) + len(self.unchanged) - bool(self.now)


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
    if jobs < 2:  # alone at the terminal, where each stage has a bar of its own
        return subprocess.run([*DVC, "repro"], check=False).returncode
    params = load_params(Path("params.yaml"))
    n_models, datasets = len(params["models"]), list(params["datasets"])
    shares = [datasets[job::jobs] for job in range(min(jobs, len(datasets)))]
    cells = [[f"probe@{model}-{dataset}" for dataset in share for model in params["models"]] for share in shares]
    status = _run(cells, jobs, len(datasets) * (1 + 2 * n_models))
    return status or _run([[]], 1, len(datasets) * (1 + 2 * n_models) + 2 * n_models + 1)


def _run(targets: Sequence[Sequence[str]], jobs: int, n_stages: int) -> int:
    """Run one `dvc repro` for each list of targets, all at a time: a dataset's cells share what one has to make."""
    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))} if jobs > 1 else {}
    environment = threads | os.environ | {"PYTHONUNBUFFERED": "1"}  # or lines would come when their process ends
    running = [Job(_started(["--wait-for-lock", "repro", *some], environment)) for some in targets]
    readers = [Thread(target=_forward, args=(job, stream)) for job in running for stream in ("stdout", "stderr")]
    for reader in readers:
        reader.start()
    _watch(running, readers, n_stages)
    return next((status for status in [job.process.wait() for job in running] if status), 0)


def _started(arguments: Sequence[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*DVC, *arguments], stdout=pipe, stderr=pipe, env=environment, text=True, encoding="utf-8", errors="replace"
    )


def _forward(job: Job, name: str) -> None:
    """Print what a job prints to one of its streams to the same stream of this process, above the bar."""
    stream: IO[str] = getattr(job.process, name)
    for line in stream:
        if name == "stderr" or job.hear(line):
            tqdm.write(line, file=getattr(sys, name), end="")
    if name == "stdout":
        job.now = ""


def _watch(running: Sequence[Job], readers: Sequence[Thread], n_stages: int) -> None:
    """Keep the bar until all output is read, then say how many stages ran."""
    with tqdm(
        total=n_stages, bar_format=BAR, leave=False, disable=None
    ) as bar:  # None: off where stderr is no terminal
        while any(reader.is_alive() for reader in readers):
            bar.n = sum(job.n_done() for job in running)
            bar.set_postfix_str(" and ".join(job.now for job in running if job.now))
            time.sleep(0.2)
    ran, unchanged = (sum(len(getattr(job, name)) for job in running) for name in ("ran", "unchanged"))
    print(f"{ran} stages ran, {unchanged} were up to date")


if __name__ == "__main__":
    with exit_on(PipelineError):
        sys.exit(main())
