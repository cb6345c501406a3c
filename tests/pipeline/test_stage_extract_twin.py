"""The second pass of the extract stage: z of the untrained twin, in the store of the model."""

import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pipeline import engine, extraction
from pipeline.align import tokenize
from pipeline.assemble import assemble
from pipeline.checkpoint import ModelEntry, find_checkpoint
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.layout import array_shapes, split_rows
from pipeline.models import build_twin, load_config, load_model, load_tokenizer, wrap_model
from pipeline.reader import Batch
from pipeline.stages import extract
from pipeline.store import read_array, read_manifest

TEXTS = {"e0": "the cat runs", "e1": "cats cats", "e2": "the running cat is unseen", "e3": "un", "e4": "a dog"}
STORE = Path("data/activations/tiny/toy")
UNFINISHED = Path("data/unfinished/tiny/toy")
ARRAYS = ("untrained/L00", "untrained/L01")


def _write_params(**changes: Any) -> None:
    params: dict[str, Any] = {name: {} for name in ("examples", "probe", "taxonomy", "report")}
    params["extract"] = {"device": "cpu", "devices": 1, "num_nodes": 1, "precision": "auto"}
    params["extract"] |= {"batch_tokens": 32, "seed": 3} | changes
    params |= {"models": {"tiny": {"source": "./model"}}, "datasets": {"toy": {}}}
    Path("params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(model_folder, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    Path("data/examples/toy").mkdir(parents=True)
    _write_params()
    Path("data/examples/toy/card.json").write_text('{"readout": "last", "too_long": "error"}')
    table = pd.DataFrame([(name, text, 0, len(text)) for name, text in TEXTS.items()])
    table.columns = pd.Index(["example_id", "text", "start", "end"])
    table.to_parquet("data/examples/toy/texts.parquet", index=False)


def _run() -> None:
    extract.main(["tiny", "toy"])


def _files() -> dict[str, bytes]:
    return {path.relative_to(STORE).as_posix(): path.read_bytes() for path in STORE.rglob("*") if path.is_file()}


def _arrays() -> dict[str, bytes]:
    return {name: content for name, content in _files().items() if name.endswith(".npy")}


def test_every_row_holds_what_the_twin_gives_for_its_text_alone() -> None:
    _run()
    checkpoint = find_checkpoint("tiny", ModelEntry("./model"))
    tokenizer = load_tokenizer(checkpoint)
    twin = build_twin(load_config(checkpoint), "tiny", 3, "cpu")
    assert read_manifest(STORE)["untrained_seed"] == 3
    for row, (name, text) in enumerate(TEXTS.items()):
        tokens = tokenize(tokenizer, [name], [text], [(0, len(text))], "last")
        read = torch.from_numpy(tokens.first), torch.from_numpy(tokens.last)
        rows = capture(twin, Batch([tokens.ids_of(0)], torch.tensor([0]), *read), untrained=True)
        expected = split_rows(rows, array_shapes(twin, untrained=True))
        for layer, array in enumerate(ARRAYS):
            stored = read_array(STORE, array)
            assert (stored.shape, stored.dtype) == ((5, 4, 8), np.float16)
            np.testing.assert_allclose(stored[row], expected[array][0].numpy(), rtol=1e-4 + 2**-11, atol=1e-6)
            assert np.abs(stored[row] - read_array(STORE, f"z/L0{layer}")[row]).max(-1).min() > 0.1  # in every head


def test_another_seed_changes_the_twin_alone() -> None:
    _run()
    first = _arrays()
    _write_params(seed=4)
    _run()
    assert sorted(name for name, content in _arrays().items() if content != first[name]) == [f"{n}.npy" for n in ARRAYS]
    assert read_manifest(STORE)["untrained_seed"] == 4


def test_the_trained_weights_change_all_but_the_twin() -> None:
    _run()
    first = _arrays()
    weights = {name: weight * 1.1 for name, weight in load_file("model/model.safetensors").items()}
    save_file(weights, "model/model.safetensors", metadata={"format": "pt"})
    _run()
    assert sorted(name for name, content in _arrays().items() if content == first[name]) == [f"{n}.npy" for n in ARRAYS]


def test_the_model_is_gone_before_the_twin_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[weakref.ref[Any]] = []
    alive: list[tuple[str, bool]] = []

    def loads(*args: Any) -> Any:
        model = load_model(*args)
        model.body.itself = [model.body]  # as a model may: nobody's use is not enough to free it
        models.append(weakref.ref(model.body.get_input_embeddings().weight))
        return model

    def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            alive.append((function.__name__, models[0]() is not None))
            return function(*args, **options)

        return call

    monkeypatch.setattr(engine, "load_model", loads)
    monkeypatch.setattr(extraction, "capture", recorded(capture))
    monkeypatch.setattr(engine, "build_twin", recorded(build_twin))
    _run()  # each pass has two batches
    assert alive == [*[("capture", True)] * 2, ("build_twin", False), *[("capture", False)] * 2]


def test_the_progress_bar_tells_the_passes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    real = engine.counted
    monkeypatch.setattr(
        engine, "counted", lambda title, *rest, **more: (titles.append(title), real(title, *rest, **more))[1]
    )
    _run()
    assert titles == ["extract tiny toy", "extract tiny toy, untrained twin"]


@pytest.mark.parametrize(
    ("call", "shards"), [(5, ["trained-00000"]), (10, ["trained-00000", "trained-00001", "untrained-00000"])]
)
def test_a_run_that_breaks_off_while_it_computes_leaves_shards_and_the_earlier_store(
    call: int, shards: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_params(batch_tokens=1)  # every text alone: a pass has two shards, of four texts and of one
    _run()
    before = _files()
    calls: list[int] = []

    def breaks(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return capture(*args, **options)

    monkeypatch.setattr(extraction, "capture", breaks)
    with pytest.raises(KeyboardInterrupt):
        _run()
    assert sorted(path.stem for path in UNFINISHED.glob("*.npy")) == shards
    assert _files() == before
    _run()
    assert len(calls) == 11  # one for each batch of both passes, and the one that broke off
    assert _files() == before


@pytest.mark.parametrize(("kind", "written"), [("trained", []), ("untrained", ["z"])])
def test_a_run_that_breaks_off_while_it_writes_the_store_leaves_no_manifest(
    kind: str, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _run()
    before = _files()
    assert read_manifest(STORE)["model"] == "tiny"

    def breaks(folder: Path, shapes: dict[str, Any], *args: Any) -> list[str]:
        if ("untrained/L00" in shapes) == (kind == "untrained"):
            raise KeyboardInterrupt
        return assemble(folder, shapes, *args)

    monkeypatch.setattr(engine, "assemble", breaks)
    with pytest.raises(KeyboardInterrupt):
        _run()
    assert [kind for kind in ("untrained", "z") if (STORE / kind / "L00.npy").exists()] == written
    with pytest.raises(PipelineError, match="the extraction did not finish"):
        read_manifest(STORE)
    monkeypatch.setattr(engine, "assemble", assemble)
    _run()
    assert _files() == before


def test_an_activation_that_is_not_finite_names_the_example() -> None:
    weights = load_file("model/model.safetensors")
    vocabulary = load_tokenizer(find_checkpoint("tiny", ModelEntry("./model"))).get_vocab()
    weights["embeddings.word_embeddings.weight"][vocabulary["##o"]] = torch.nan  # in one text
    save_file(weights, "model/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(PipelineError, match=r"^layer 0, head 0, example e4: not a finite number"):
        _run()
    assert not (STORE / "manifest.json").exists()


def test_an_activation_of_the_twin_that_is_not_finite_names_twin_and_example(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflows(*args: Any) -> Any:
        twin = build_twin(*args)
        with torch.no_grad():
            twin.body.embeddings.word_embeddings.weight[load_tokenizer(checkpoint).get_vocab()["##o"]] = torch.inf
        return twin

    checkpoint = find_checkpoint("tiny", ModelEntry("./model"))
    monkeypatch.setattr(engine, "build_twin", overflows)
    message = r"^untrained twin, layer 0, head 0, example e4: not a finite number .* try another `extract\.seed`$"
    with pytest.raises(PipelineError, match=message):
        _run()
    assert not (STORE / "manifest.json").exists()


def test_a_twin_with_other_heads_is_refused(monkeypatch: pytest.MonkeyPatch, body_of: Callable[..., Any]) -> None:
    monkeypatch.setattr(engine, "build_twin", lambda *_: wrap_model(body_of("gpt2"), "other"))
    with pytest.raises(
        PipelineError, match=r"^\./model: the model built from config\.json is .*'gpt2'.* loaded is .*bert"
    ):
        _run()
    assert not (STORE / "manifest.json").exists()


def test_a_twin_that_fails_its_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubles(*args: Any) -> Any:
        twin = build_twin(*args)
        twin.layers[1].projection.register_forward_hook(lambda _module, _args, output: 2 * output)
        return twin

    monkeypatch.setattr(engine, "build_twin", doubles)
    with pytest.raises(PipelineError, match=r"^\./model, untrained twin: layer 1 .*z does not recompose the attention"):
        _run()
    assert not (STORE / "manifest.json").exists()
