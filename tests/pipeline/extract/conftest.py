"""A tiny model and a toy dataset in many small shards, and runs of the extract stage that may be killed."""

import contextlib
import gc
import itertools
import os
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.torch import load_file, save_file

from pipeline import extraction
from pipeline.checkpoint import ModelEntry, find_checkpoint
from pipeline.errors import PipelineError, exit_on
from pipeline.heads import capture
from pipeline.models import load_tokenizer
from pipeline.stages import extract

STORE, WORK = Path("data/activations/tiny/toy"), Path("data/unfinished/tiny/toy")
WEIGHTS = Path("model/model.safetensors")
# 22 texts, each a batch of its own: six shards of four texts (of two, the last) in either pass. 30 examples read them.
EXTRACT: dict[str, Any] = {
    "device": "cpu",
    "devices": 1,
    "num_nodes": 1,
    "precision": "auto",
    "batch_tokens": 1,
    "seed": 3,
}


class Child:
    """A process that runs the stage: a fork of this one, since to start Python and to import torch takes seconds."""

    def __init__(self, before: Callable[[], object]) -> None:
        self._log = Path(f"log-{time.monotonic_ns()}")
        self._log.touch()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: other threads are not copied
            self.pid = os.fork()
        if self.pid == 0:
            self._live(before)

    def _live(self, before: Callable[[], object]) -> NoReturn:
        status = 1
        try:
            with self._log.open("w") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                sys.stdout = sys.stderr = log
                try:
                    before()
                    with exit_on(PipelineError):
                        extract.main(["tiny", "toy"])
                    status = 0
                except SystemExit as end:
                    print(end.code)
                except BaseException:
                    traceback.print_exc()
        finally:
            os._exit(status)

    @property
    def told(self) -> str:
        """What it has written to the terminal so far."""
        return self._log.read_text()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float = 60) -> int:
        """Return its exit status, negative where a signal ended it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        self.kill()
        os.waitpid(self.pid, 0)
        pytest.fail(f"it hangs; so far it wrote:\n{self.told}")


class Project:
    """What the tests do with a project; the current directory is its top folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self._monkeypatch = monkeypatch

    def params(self, **changes: Any) -> None:
        """Write params.yaml with changes in its section `extract`."""
        params: dict[str, Any] = {name: {} for name in ("examples", "probe", "taxonomy", "report")}
        params |= {"extract": EXTRACT | changes, "models": {"tiny": {"source": "./model"}}, "datasets": {"toy": {}}}
        Path("params.yaml").write_text(yaml.safe_dump(params))

    def texts(self, n_texts: int = 22) -> None:
        """Write texts of one word in letters and up to four cats; of every third one the last word is read, too."""
        texts = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" + " cat" * (n % 5) for n in range(n_texts)]
        rows = [(f"e{n}", text, 0, 2) for n, text in enumerate(texts)]
        rows += [(f"end{n}", text, len(text) - 1, len(text)) for n, text in enumerate(texts) if n % 3 == 0]
        table = pd.DataFrame(rows, columns=["example_id", "text", "start", "end"])
        table.to_parquet("data/examples/toy/texts.parquet", index=False)

    def spoil(self, piece: str) -> None:
        """Make the static embedding of a word piece NaN."""
        number = load_tokenizer(find_checkpoint("tiny", ModelEntry("./model"))).get_vocab()[piece]
        weights = load_file(WEIGHTS)
        weights["embeddings.word_embeddings.weight"][number] = np.nan
        save_file(weights, WEIGHTS, metadata={"format": "pt"})

    def run(self) -> None:
        extract.main(["tiny", "toy"])

    def break_off(self, texts: int) -> None:
        """Run the stage until this many texts have run."""
        assert self._monkeypatch is not None
        left = itertools.repeat(None, texts)

        def breaks(*args: Any, **options: Any) -> Any:
            if next(left, self) is self:
                raise KeyboardInterrupt
            return capture(*args, **options)

        with self._monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(extraction, "capture", breaks)
            self.run()

    def start(self, before: Callable[[], object] = lambda: None) -> Child:
        """Start the stage as a process; `before` is called within it first."""
        return Child(before)

    def store(self) -> dict[str, bytes]:
        return {path.relative_to(STORE).as_posix(): path.read_bytes() for path in STORE.rglob("*") if path.is_file()}

    def shards(self) -> dict[str, tuple[int, int]]:
        """The finished shards by name, with what changes when one is written again."""
        found = {}
        for path in sorted(WORK.glob("*.npy")):
            with contextlib.suppress(FileNotFoundError):  # a run may be going on
                found[path.stem] = (path.stat().st_ino, path.stat().st_mtime_ns)
        return found


@pytest.fixture(scope="session", autouse=True)
def _quick_collection() -> Iterator[None]:
    """Let the stage's garbage collection pass over what was imported before: it took half of a run's time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    """A project in which nothing has run; copy it before anything does."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(model_folder, folder / "model")
    with contextlib.chdir(folder):
        Path("data/examples/toy").mkdir(parents=True)
        Path("data/examples/toy/card.json").write_text('{"readout": "span", "too_long": "error"}')
        Project().params()
        Project().texts()
    return folder


@pytest.fixture(scope="session")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of the store that a run leaves which nothing disturbed."""
    folder = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("undisturbed") / "project"))
    with contextlib.chdir(folder):
        Project().run()
        return Project().store()


@pytest.fixture
def project(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(shutil.copytree(prepared, tmp_path / "project"))
    return Project(monkeypatch)
