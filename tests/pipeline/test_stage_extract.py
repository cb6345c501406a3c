"""The extract stage from its command line to its store, and its failing runs."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from transformers import AutoModel, ByT5Tokenizer

from pipeline import recomposition
from pipeline.align import tokenize
from pipeline.checkpoint import ModelEntry, find_checkpoint, weights_sha256
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.layout import array_shapes, split_rows
from pipeline.models import load_model, load_tokenizer
from pipeline.reader import Batch
from pipeline.stages import extract
from pipeline.store import read_array, read_index, read_manifest

PARAMS: dict[str, Any] = {
    **{
        "examples": {},
        "extract": {
            **{"device": "cpu", "devices": 1, "num_nodes": 1, "precision": "auto"},
            **{"batch_tokens": 32, "seed": 3},
        },
        "probe": {},
        "taxonomy": {},
        "report": {},
    },
    **{"models": {"tiny": {"source": "./model", "revision": "v1"}}, "datasets": {"toy": {}}},
}
ROWS = [
    ("e0", "the cat runs", 4, 7),
    ("e1", "cats", 0, 4),
    ("e2", "the running cat is unseen", 4, 11),
    ("e3", "un", 0, 1),
    ("e4", "a cat", 2, 5),
]
LONG = ("e9", "the cat " * 10, 4, 7)  # 22 tokens; the tokenizer states a limit of 20
CARD = "data/examples/toy/card.json"
STORE = Path("data/activations/tiny/toy")
UNFINISHED = Path("data/unfinished")
# Another batch sums in another order: float32 keeps 5 to 6 digits of numbers of size 10. float16 keeps 11 bits.
CLOSE = {"rtol": 1e-4 + 2**-11, "atol": 1e-4}


def _write_texts(rows: list[tuple[str, str, int, int]]) -> None:
    table = pd.DataFrame(rows, columns=["example_id", "text", "start", "end"])
    table.to_parquet("data/examples/toy/texts.parquet", index=False)


def _write_card(**changes: Any) -> None:
    spec = {"feature": "noun_class", "readout": "span", "too_long": "error"} | changes
    Path(CARD).write_text(json.dumps(spec))


def _write_params(section: str, **changes: Any) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS | {section: PARAMS[section] | changes}))


@pytest.fixture
def project(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(model_folder, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    Path("data/examples/toy").mkdir(parents=True)
    _write_params("extract")
    _write_card()
    _write_texts(ROWS)
    return tmp_path


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found out without the model must be found out before anybody waits for it to load."""
    monkeypatch.setattr(AutoModel, "from_pretrained", lambda *_args, **_kwargs: pytest.fail("the model was loaded"))


def _run() -> None:
    extract.main(["tiny", "toy"])


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("readout", ["span", "mean", "first"])
def test_every_row_holds_what_capture_gives_for_its_text_alone(readout: str) -> None:
    _write_card(readout=readout)
    _run()
    checkpoint = find_checkpoint("tiny", ModelEntry("./model"))
    model, tokenizer = load_model(checkpoint, "cpu"), load_tokenizer(checkpoint)
    for row, (example_id, text, start, end) in enumerate(ROWS):
        tokens = tokenize(tokenizer, [example_id], [text], [(start, end)], readout)
        read = torch.from_numpy(tokens.first), torch.from_numpy(tokens.last)
        rows = capture(model, Batch([tokens.ids_of(0)], torch.tensor([0]), *read))
        for name, values in split_rows(rows, array_shapes(model)).items():
            np.testing.assert_allclose(read_array(STORE, name)[row], values[0].numpy(), **CLOSE)


@pytest.mark.usefixtures("project")
def test_the_index_names_the_example_and_the_token_of_each_row() -> None:
    _run()
    index = read_index(STORE)
    assert index["example_id"].tolist() == ["e0", "e1", "e2", "e3", "e4"]
    # [CLS] the cat run ##s [SEP] | cat ##s | the run ##n ##ing cat i ##s un ##s ##e ##e ##n | un | a cat
    assert index["position"].tolist() == [2, 2, 4, 1, 2]
    assert index["n_tokens"].tolist() == [6, 4, 14, 3, 4]


def test_the_manifest_says_what_ran_and_nothing_about_this_machine(project: Path) -> None:
    _run()
    assert read_manifest(STORE) == {
        **{"model": "tiny", "dataset": "toy", "source": "./model", "revision": "v1"},
        **{"weights_sha256": weights_sha256(Path("model")), "model_type": "bert", "precision": "float32"},
        **{"n_layers": 2, "layers": [0, 1], "attention": ["self", "self"]},
        **{"n_heads": [4, 4], "d_head": [8, 8], "d_model": 32, "dtype": "float16", "float32": []},
        **{"entering": ["residual/L00", "residual/L01"], "leaving": ["residual/L01", "residual/final"]},
        **{"untrained_seed": 3, "readout": "span", "dropped_too_long": []},
    }
    assert str(project) not in (STORE / "manifest.json").read_text()


def _scale_weight(name: str, factor: float) -> None:
    weights = load_file("model/model.safetensors")
    weights[name] *= factor
    save_file(weights, "model/model.safetensors", metadata={"format": "pt"})


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("factor", "wide"), [(1.0, []), (1e6, ["residual/L00"])])
def test_arrays_are_float16_but_for_those_listed_that_it_cannot_hold(factor: float, wide: list[str]) -> None:
    _scale_weight("embeddings.LayerNorm.weight", factor)  # of the stream that enters the first layer
    _scale_weight("encoder.layer.0.attention.self.value.weight", 1 / factor)
    _run()
    names = [name.removesuffix(".npy") for name in _files(STORE) if name.endswith(".npy")]
    assert len(names) == 8
    assert read_manifest(STORE)["float32"] == wide
    assert [name for name in names if read_array(STORE, name).dtype != np.float16] == wide
    assert bool(wide) == (np.abs(read_array(STORE, "residual/L00")).max() > np.finfo(np.float16).max)


@pytest.mark.usefixtures("project")
def test_two_runs_give_the_same_bytes_and_leave_nothing_of_the_first() -> None:
    _run()
    first = _files(STORE)
    names = {f"{kind}/L0{layer}.npy" for kind in ("z", "untrained", "residual") for layer in (0, 1)}
    assert first.keys() == names | {"residual/final.npy", "embedding.npy", "index.parquet", "manifest.json"}
    for kind in ("z", "untrained"):
        (STORE / kind / "L02.npy").touch()  # of a model that had a layer more
    _run()
    assert _files(STORE) == first
    assert list(UNFINISHED.iterdir()) == []


@pytest.mark.usefixtures("project")
def test_the_batch_budget_changes_no_row() -> None:
    _run()
    before = {name: np.load(STORE / name) for name in _files(STORE) if name.endswith(".npy")}
    _write_params("extract", batch_tokens=1)  # every text alone
    _run()
    for name, values in before.items():
        np.testing.assert_allclose(np.load(STORE / name), values, **CLOSE)


@pytest.mark.usefixtures("project")
def test_one_line_tells_texts_tokens_and_speed(capsys: pytest.CaptureFixture[str]) -> None:
    _write_texts([*ROWS, ("e5", "a cat", 0, 1)])  # a text that is there already
    _run()
    n_tokens = read_index(STORE).set_index("example_id")["n_tokens"].drop("e5").sum()
    told, _ = capsys.readouterr().out.split("\n", 1)
    start, end = told.split("; ")
    assert start == "extract tiny toy: 6 examples, 0 dropped as too long"
    assert re.fullmatch(rf"5 texts of {n_tokens} tokens, [\d,]+ tokens/s, \d+\.\d s", end)


@pytest.mark.usefixtures("project")
def test_texts_that_are_too_long_are_dropped_and_counted_where_the_spec_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _write_card(too_long="drop")
    _write_texts([ROWS[0], LONG, *ROWS[1:]])
    _run()
    assert capsys.readouterr().out.startswith("extract tiny toy: 5 examples, 1 dropped as too long; ")
    assert read_manifest(STORE)["dropped_too_long"] == ["e9"]
    with_drop = np.load(STORE / "z/L01.npy")
    assert read_index(STORE)["example_id"].tolist() == ["e0", "e1", "e2", "e3", "e4"]
    _write_texts(ROWS)
    _run()
    assert np.array_equal(np.load(STORE / "z/L01.npy"), with_drop)
    assert capsys.readouterr().out.startswith("extract tiny toy: 5 examples, 0 dropped as too long; ")


def _edit_config(**changes: Any) -> None:
    path = Path("model/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _only_slow_tokenizer() -> None:
    Path("model/tokenizer.json").unlink()
    ByT5Tokenizer().save_pretrained("model")
    Path("model/vocab.txt").touch()


BAD_INPUT: list[tuple[Callable[[], Any], str]] = [
    (lambda: Path("params.yaml").unlink(), r"^params\.yaml: no such file"),
    (lambda: _write_params("extract", batch_token=8), r"^params\.yaml: extract: unknown key 'batch_token'"),
    (lambda: _write_params("extract", batch_tokens=0), r"extract\.batch_tokens: expected at least 1, got 0"),
    (lambda: _write_params("extract", batch_tokens="8"), r"extract\.batch_tokens: expected int, got '8'"),
    (lambda: _write_params("extract", seed=-1), r"^params\.yaml: extract\.seed: expected 0 to 2\*\*32 - 1, got -1"),
    (lambda: _write_params("extract", seed=2**32), r"extract\.seed: expected 0 to .*, got 4294967296"),
    (lambda: _write_params("extract", seed=0.5), r"extract\.seed: expected int, got 0\.5"),
    (lambda: _write_params("extract", device="gpu"), "device: 'gpu' is not one of auto, cpu, cuda, cuda:N"),
    (lambda: _write_params("extract", devices=0), r"^params\.yaml: extract\.devices: expected at least 1, got 0"),
    (lambda: _write_params("extract", num_nodes=0), r"^params\.yaml: extract\.num_nodes: expected at least 1, got 0"),
    (lambda: _write_params("extract", devices="all"), r"extract\.devices: expected int, got 'all'"),
    (lambda: _write_params("extract", precision="16"), "precision: '16' is not one of auto, 32-true, bf16-true, 16-t"),
    (lambda: _write_params("extract", devices=2, device="cuda:0"), r"'cuda:0' .* this machine has 0 CUDA devices"),
    (lambda: _write_params("extract", devices=2, device="split"), r"extract\.device: 'split' does not go with 2 devi"),
    (lambda: _write_params("models", tiny={"source": "gpt2"}), r"models\.tiny\.revision: .* needs a pinned revision"),
    (lambda: _write_params("models", tiny={"path": "x"}), r"models\.tiny: unknown key 'path'; allowed: source, rev"),
    (lambda: _write_params("models", tiny={"source": "./model", "sha256": "0" * 64}), r"models\.tiny\.sha256: the we"),
    (lambda: Path("model/model.safetensors").unlink(), r"models\.tiny: \./model: no weights"),
    (lambda: Path(CARD).unlink(), rf"^{CARD}: no such file; make it with `dvc repro`"),
    (
        lambda: Path(CARD).write_text('{"readout": "span"}'),
        rf"^{CARD}: has no `readout` and `too_long`; .*examples@toy",
    ),
    (lambda: Path(CARD).write_text("[]"), rf"^{CARD}: has no `readout` and `too_long`"),
    (lambda: Path(CARD).write_text("a: [1"), rf"^{CARD}: not readable: .*delete it and run `dvc repro`"),
    (lambda: _write_card(readout="middle"), "readout: 'middle' is not one of last, first, span, mean"),
    (lambda: _write_card(too_long="cut"), "too_long: 'cut' is not one of error, drop"),
    (
        lambda: Path("data/examples/toy/texts.parquet").unlink(),
        r"toy/texts\.parquet: no such file; .*examples@toy",
    ),
    (lambda: _write_texts([*ROWS, ("e7", "a  b", 1, 3)]), "1 examples have a span that no token touches, first e7"),
    (lambda: _write_texts([*ROWS, LONG]), r"1 of 6 texts have more tokens .* context of 20, first e9 \(22\)"),
    (lambda: _edit_config(max_position_embeddings=10), r"1 of 5 texts .* context of 10, first e2 \(14\)"),
    (lambda: _edit_config(model_type="own"), r"^\./model: config\.json does not name an architecture"),
    (lambda: Path("model/tokenizer.json").write_text("{"), r"^\./model: the tokenizer does not load"),
    (_only_slow_tokenizer, "ByT5Tokenizer gives no character offsets"),
]


@pytest.mark.usefixtures("project", "no_model")
@pytest.mark.parametrize(("spoil", "message"), BAD_INPUT)
def test_bad_input_is_refused_before_the_model_is_loaded(spoil: Callable[[], Any], message: str) -> None:
    spoil()
    with pytest.raises(PipelineError, match=message):
        _run()
    assert not STORE.exists()
    assert not UNFINISHED.exists()


@pytest.mark.usefixtures("project", "no_model")
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_good_input_does_load_the_model(seed: int) -> None:
    _write_params("extract", seed=seed)
    with pytest.raises(pytest.fail.Exception, match="the model was loaded"):
        _run()


@pytest.mark.usefixtures("project")
def test_a_model_that_fails_its_check_is_refused_and_an_earlier_store_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    _run()
    before = _files(STORE)
    monkeypatch.setattr(recomposition, "weight_by_head", lambda layer: torch.zeros(layer.n_heads, layer.d_head, 32))
    with pytest.raises(PipelineError, match=r"^\./model: layer 0 .*z does not recompose the attention output"):
        _run()
    assert _files(STORE) == before


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_the_command_ends_with_the_message_alone() -> None:
    _write_card(readout="middle")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pipeline.stages.extract", "tiny", "toy"]
    done = subprocess.run(command, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: readout: 'middle' is not one of last, first, span, mean\n"


@pytest.mark.usefixtures("project")
def test_a_model_without_a_pinned_hash_is_told_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    _run()
    pin = weights_sha256(Path("model"))
    assert f"models.tiny is not pinned; with `sha256: {pin}`" in capsys.readouterr().out
    _write_params("models", tiny={"source": "./model", "sha256": pin})
    _run()
    assert "not pinned" not in capsys.readouterr().out
