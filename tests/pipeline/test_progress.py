"""What a terminal shows while a stage works, and that nothing else sees any of it."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from pipeline.progress import counted, named, tell

COUNTED = """
from pipeline.progress import counted, tell
with counted("extract tiny toy", 4, "example", 1) as done:
    done(2)
    tell("smaller batches from now")
    done(1)
print("finished")
"""
NAMED = """
from pipeline.progress import named
with named("probe tiny toy", 2) as step:
    step("heads")
    step("permutations")
print("finished")
"""


def at_terminal(script: str, columns: int = 80) -> str:
    """Return what a terminal receives from a script."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = os.environ | {"TQDM_MININTERVAL": "0"}  # draw every step, however quick
    with subprocess.Popen([sys.executable, "-c", script], stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        received = b"".join(iter(lambda: _read(screen), b""))
    os.close(screen)
    assert process.returncode == 0, received
    return received.decode("utf-8")


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # how Linux says that nobody is at the other end
        return b""


def frames(received: str) -> list[str]:
    return [frame.strip() for frame in received.replace("\n", "\r").split("\r") if frame.strip()]


def test_a_terminal_shows_how_much_is_done() -> None:
    shown = frames(at_terminal(COUNTED))
    assert shown[0].startswith("extract tiny toy  25%|")
    assert "1/4 examples, 00:00<?" in shown[0]
    assert any(" 75%|" in frame and "3/4 examples" in frame for frame in shown)


def test_a_line_told_meanwhile_stands_alone() -> None:
    assert "smaller batches from now" in frames(at_terminal(COUNTED))


def test_a_terminal_shows_which_step_runs() -> None:
    shown = frames(at_terminal(NAMED))
    assert shown[0].startswith("probe tiny toy   0%|")
    assert shown[1].startswith("probe tiny toy   0%|")
    assert shown[1].endswith("00:00, heads")
    assert " 50%|" in shown[2] and shown[2].endswith("permutations")
    assert " 100%|" in shown[3] and shown[3].endswith("permutations")


@pytest.mark.parametrize("script", [COUNTED, NAMED])
def test_nothing_of_the_bar_is_left_when_the_work_is_done(script: str) -> None:
    rows = at_terminal(script).rstrip().split("\n")
    assert rows[-1].split("\r")[-1] == "finished"
    assert rows[-1].split("\r")[-2].strip() == ""


@pytest.mark.parametrize("script", [COUNTED, NAMED])
def test_no_frame_is_wider_than_the_terminal(script: str) -> None:
    assert max(map(len, frames(at_terminal(script, columns=60)))) <= 60


def test_off_a_terminal_there_is_no_bar(capfd: pytest.CaptureFixture[str]) -> None:
    with counted("extract tiny toy", 4, "example") as done:
        done(4)
    with named("probe tiny toy", 1) as step:
        step("heads")
    assert capfd.readouterr() == ("", "")


def test_off_a_terminal_what_is_told_is_a_line_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with counted("extract tiny toy", 4, "example"):
        tell("smaller batches from now")
    assert capfd.readouterr() == ("", "smaller batches from now\n")


def test_a_bar_may_be_kept_quiet_at_a_terminal() -> None:
    quiet = COUNTED.replace('"example", 1', '"example", 1, quiet=True')
    assert frames(at_terminal(quiet)) == ["smaller batches from now", "finished"]
    assert len(frames(at_terminal(COUNTED))) > 2


def test_work_that_fails_takes_its_bar_along() -> None:
    script = NAMED.replace('    step("permutations")', "    raise SystemExit(0)")
    last = at_terminal(script).split("\r")
    assert "heads" in "".join(last)
    assert last[-1].strip() == ""
