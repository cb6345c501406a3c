"""What ends or hinders an extraction is told in a way that a person can act on, and costs nothing that was finished."""

import re
import resource
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import engine, extraction
from pipeline.assemble import assemble
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.models import load_model
from pipeline.reader import Batch
from pipeline.store import finish_store, read_array, read_index, read_manifest
from pipeline.work import write_shard

STORE, WORK = Path("data/activations/tiny/toy"), Path("data/unfinished/tiny/toy")
Usage = namedtuple("Usage", "total used free")


def _fills(module: Any, name: str, real: Callable[..., Any], call: int) -> Callable[[], None]:
    """Return what lets no file grow beyond 500 bytes from the call-th call of a function on."""

    def before() -> None:
        left = [call]

        def fills(*args: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
            return real(*args)

        setattr(module, name, fills)

    return before


FULL: list[tuple[Any, str, Callable[..., Any], int, int]] = [
    (extraction, "write_shard", write_shard, 1, 0),
    (extraction, "write_shard", write_shard, 5, 4),
    (extraction, "write_shard", write_shard, 9, 8),
    (engine, "assemble", assemble, 1, 12),
    (engine, "assemble", assemble, 2, 12),
    (engine, "finish_store", finish_store, 1, 12),
]


@pytest.mark.parametrize(("module", "name", "real", "call", "kept"), FULL)
def test_a_full_disk_is_told_and_the_shards_stay(
    project: Any, undisturbed: dict[str, bytes], module: Any, name: str, real: Callable[..., Any], call: int, kept: int
) -> None:
    run = project.start(_fills(module, name, real, call))
    assert run.wait() == 1
    assert re.fullmatch(
        r"error: data: the disk is full \(.*File too large; \d+\.\d GiB free\); make room and run the stage again, "
        r"which goes on behind the shards that are finished\n",
        run.told,
    )
    before = project.shards()
    assert len(before) == kept
    assert not list(WORK.glob("*.part"))
    assert not (STORE / "manifest.json").exists()
    project.run()
    assert project.store() == undisturbed


def test_another_error_of_the_disk_is_not_taken_for_a_full_one(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(extraction, "write_shard", fails)
    with pytest.raises(PermissionError, match="Permission denied"):
        project.run()


# Numbers of an example: 192 of the model and 64 of its twin; 4 bytes each in a shard and 2 in the store.
@pytest.mark.parametrize(("done", "needed"), [(0, 30 * 256 * 6), (10, 30 * 256 * 6 - 11 * 192 * 4)])
def test_too_little_room_is_told_before_anything_is_computed(
    project: Any, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, done: int, needed: int
) -> None:
    if done:
        project.break_off(done)
    before = project.shards()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, needed - 1))
    message = rf"^{STORE}: needs 0\.0 GiB on disk until it is finished, 0\.0 GiB are free; make room, or take fewer"
    with monkeypatch.context() as patch, pytest.raises(PipelineError, match=message):
        patch.setattr(extraction, "capture", lambda *_, **__: pytest.fail("a text was run"))
        project.run()
    assert project.shards() == before
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, needed))
    project.run()
    assert project.store() == undisturbed


def test_a_text_whose_weights_are_not_finite_is_named_and_the_shards_before_it_stay(project: Any) -> None:
    project.spoil("u")  # of the last text but one; the token read is another one, so it is seen in the first heads
    message = r"^layer 0, head 0, example e20: not a finite number in the activations; the weights may be damaged or"
    for _ in range(2):
        with pytest.raises(PipelineError, match=message):
            project.run()
        assert list(project.shards()) == [f"trained-{number:05d}" for number in range(5)]
        assert not STORE.exists()


def test_an_overflow_within_the_model_is_named_by_layer_head_and_example(
    project: Any, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[None] = []

    def overflows(_: Any, args: tuple[Any, ...]) -> None:
        if len(batches) == 12:
            args[0][:, :, 16:24] = torch.inf  # the third of four heads

    def loads(*args: Any) -> Any:
        model = load_model(*args)
        model.layers[1].projection.register_forward_pre_hook(overflows)
        return model

    def captures(*args: Any, **options: Any) -> Any:
        batches.append(None)
        return capture(*args, **options)

    message = r"^layer 1, head 2, example e17: not a finite number in the activations; the weights may be damaged or"
    with monkeypatch.context() as patch, pytest.raises(PipelineError, match=message):
        patch.setattr(engine, "load_model", loads)
        patch.setattr(extraction, "capture", captures)
        project.run()
    assert list(project.shards()) == ["trained-00000", "trained-00001"]
    project.run()
    assert project.store() == undisturbed


def _small_memory(tokens: int, error: Callable[[], RuntimeError]) -> Callable[..., Any]:
    def captures(model: Any, batch: Batch, **options: Any) -> Any:
        if len(batch.ids) * max(len(ids) for ids in batch.ids) > tokens:
            raise error()
        return capture(model, batch, **options)

    return captures


ERRORS: list[Callable[[], RuntimeError]] = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore"),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_a_batch_too_large_for_the_memory_is_halved_for_good(
    project: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Callable[[], RuntimeError],
) -> None:
    project.params(batch_tokens=64)
    project.run()
    arrays = [path for path in STORE.rglob("*.npy")]
    before = {path: np.load(path) for path in arrays}
    capsys.readouterr()
    monkeypatch.setattr(extraction, "capture", _small_memory(18, error))
    project.run()
    assert len(arrays) == 8
    for path in arrays:
        np.testing.assert_allclose(np.load(path), before[path], rtol=2**-10, atol=1e-4)
    assert capsys.readouterr().err.splitlines() == [
        "out of memory with 8 texts of 8 tokens: smaller batches from now",
        "out of memory with 4 texts of 8 tokens: smaller batches from now",
        "out of memory with 8 texts of 8 tokens: smaller batches from now",  # the twin's pass starts anew
        "out of memory with 4 texts of 8 tokens: smaller batches from now",
    ]


def test_a_text_too_large_for_the_memory_is_told_with_the_way_out(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.params(batch_tokens=64)
    monkeypatch.setattr(extraction, "capture", _small_memory(0, ERRORS[0]))
    message = (
        r"^one text of 8 tokens does not fit in memory \(CUDA out of memory\. Tried to allocate 2\.00 GiB\.\); drop "
        r"long texts, or take a smaller model, half precision \(`extract\.precision`\) or all GPUs "
        r"\(`extract\.device: split`\)$"
    )
    with pytest.raises(PipelineError, match=message):
        project.run()


def test_another_error_of_the_model_is_not_taken_for_full_memory(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "capture", _small_memory(0, lambda: RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match=r"^shapes do not match$"):
        project.run()


STORE_DAMAGES: list[tuple[Callable[[], Any], Callable[[Path], Any], str]] = [
    (
        lambda: _drop_column("position"),
        read_index,
        r"/index\.parquet: no column position; an index has example_id, pos",
    ),
    (
        lambda: _drop_column("n_tokens"),
        read_index,
        r"/index\.parquet: no column n_tokens; an index has example_id, pos",
    ),
    (
        lambda: (STORE / "index.parquet").unlink(),
        read_index,
        r"/index\.parquet: not readable \(.*no such file.*\); run",
    ),
    (
        lambda: (STORE / "index.parquet").write_bytes(b"x" * 99),
        read_index,
        r"/index\.parquet: not readable \(.*\); run",
    ),
    (
        lambda: (STORE / "manifest.json").unlink(),
        read_manifest,
        ": no manifest.json, so the extraction did not finish;",
    ),
]


def _drop_column(name: str) -> None:
    pd.read_parquet(STORE / "index.parquet").drop(columns=name).to_parquet(STORE / "index.parquet")


def test_a_store_that_is_not_whole_is_refused_with_place_and_way_out(project: Any) -> None:
    project.run()
    whole = project.store()
    assert read_index(STORE).columns.tolist() == ["example_id", "position", "n_tokens"]
    assert read_manifest(STORE)["n_heads"] == [4, 4]
    for damage, read, message in STORE_DAMAGES:
        damage()
        with pytest.raises(PipelineError, match=rf"^{STORE}{message}") as caught:
            read(STORE)
        assert str(caught.value).endswith("run its extract stage again")
        for name in ("index.parquet", "manifest.json"):
            (STORE / name).write_bytes(whole[name])


@pytest.mark.parametrize(("precision", "name"), [("bf16-true", "bfloat16"), ("16-true", "float16")])
def test_half_precision_runs_and_is_stated(project: Any, precision: str, name: str) -> None:
    project.run()
    assert read_manifest(STORE)["precision"] == "float32"
    names = [f"{path.parent.name}/{path.stem}" for path in STORE.rglob("L*.npy")]
    before = {name: read_array(STORE, name).astype(np.float64) for name in names}
    project.params(precision=precision)
    project.run()
    assert read_manifest(STORE)["precision"] == name
    assert len(names) == 6
    for name, values in before.items():
        changed = np.abs(read_array(STORE, name) - values).max() / np.abs(values).max()
        assert 1e-5 < changed < 0.1


def test_an_unknown_precision_is_refused(project: Any) -> None:
    project.params(precision="half")
    with pytest.raises(PipelineError, match=r"^precision: 'half' is not one of auto, 32-true, bf16-true, 16-true$"):
        project.run()
