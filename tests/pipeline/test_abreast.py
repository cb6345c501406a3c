"""What several runs of DVC at one terminal look like, with a stand-in for DVC that says what it would say."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.abreast import Job
from tests.pipeline.test_progress import at_terminal, frames

STAND_IN = """
import sys, time
*_, first = sys.argv
if first == "repro":  # the last run, after those for the cells
    print("Stage 'probe@m-a' didn't change, skipping")
    print("Running stage 'report':")
    print("report: done")
    sys.exit()
name = first.rpartition("-")[2]
print(f"Stage 'examples@{name}' didn't change, skipping")
print(f"Running stage 'extract@m-{name}':")
time.sleep(0.6)
for part in ("one", "line"):
    sys.stdout.write(part + " ")
    sys.stdout.flush()
    time.sleep(0.05)
print(f"of {name}")
if name == "b" and "fails" in open("params.yaml").read():
    sys.exit("ERROR: failed to reproduce 'extract@m-b'")
print(f"Running stage 'probe@m-{name}':")
"""
SCRIPT = """
import sys
from pipeline import abreast
abreast.DVC = (sys.executable, "stand_in.py")
sys.exit(abreast.main(["--jobs", "2"]))
"""


@pytest.fixture
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    Path("stand_in.py").write_text(STAND_IN, encoding="utf-8")
    _write_params("fine")


def _write_params(note: str) -> None:
    sections: dict[str, dict[str, object]] = {name: {} for name in ("examples", "extract", "probe", "taxonomy")}
    named = {"report": {"note": note}, "models": {"m": {}}, "datasets": {"a": {}, "b": {}}}
    Path("params.yaml").write_text(yaml.safe_dump(sections | named), encoding="utf-8")


def _run() -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("_project")
def test_lines_of_two_jobs_stay_whole_and_what_did_not_change_is_counted() -> None:
    done = _run()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert {"one line of a", "one line of b", "Running stage 'probe@m-a':"} <= set(lines)
    assert lines[-3:] == ["Running stage 'report':", "report: done", "1 stages ran, 1 were up to date"]
    assert "4 stages ran, 2 were up to date" in lines
    assert len(lines) == 10


@pytest.mark.usefixtures("_project")
def test_a_terminal_shows_how_far_both_are() -> None:
    shown = frames(at_terminal(SCRIPT))
    assert any(frame.startswith("2/6 stages |") and "extract@m-" in frame for frame in shown)
    assert {"one line of a", "one line of b", "4 stages ran, 2 were up to date"} <= set(shown)


@pytest.mark.usefixtures("_project")
def test_the_status_and_the_error_of_a_job_that_fails_are_told() -> None:
    _write_params("fails")
    done = _run()
    assert (done.returncode, done.stderr) == (1, "ERROR: failed to reproduce 'extract@m-b'\n")
    assert "Running stage 'probe@m-a':" in done.stdout
    assert "report" not in done.stdout


def test_a_stage_is_done_when_the_next_one_is_reached() -> None:
    job = Job(process=None)  # type: ignore[arg-type]
    assert job.hear("Running stage 'examples@a':\n") and (job.now, job.n_done()) == ("examples@a", 0)
    assert job.hear("> python -m pipeline.stages.examples a\n") and job.n_done() == 0
    assert not job.hear("Stage 'extract@m-a' didn't change, skipping\n") and (job.now, job.n_done()) == ("", 2)
    assert job.hear("Stage 'probe@m-a' is cached - skipping run, checking out outputs\n") and job.n_done() == 2
    assert (job.ran, job.unchanged) == (["examples@a", "probe@m-a"], ["extract@m-a"])
