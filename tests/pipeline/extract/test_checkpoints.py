"""Checkpoints that the stage cannot read, or not without running foreign code, through the stage; and split ones."""

import json
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from accelerate import cpu_offload, disk_offload, dispatch_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from pipeline import engine
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.models import load_model, wrap_model
from pipeline.reader import Batch
from pipeline.recomposition import check_batching, check_recomposition

Memory = namedtuple("Memory", "available")
STORE, WEIGHTS = Path("data/activations/tiny/toy"), Path("model/model.safetensors")
FOREIGN = "from pathlib import Path\nPath('it-ran').touch()\nclass Own: pass\n"


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AutoModel, "from_pretrained", lambda *_args, **_kwargs: pytest.fail("the model was loaded"))


def _edit_config(**changes: Any) -> None:
    path = Path("model/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _pickled() -> None:
    torch.save(load_file(WEIGHTS), "model/pytorch_model.bin")
    WEIGHTS.unlink()


def _foreign(model_type: str) -> None:
    Path("model/own.py").write_text(FOREIGN)
    names = {"AutoConfig": "own.Own", "AutoModel": "own.Own"}
    _edit_config(model_type=model_type, auto_map=names, architectures=["Own"])


def _quantised(**settings: Any) -> Callable[[], None]:
    return lambda: _edit_config(quantization_config=settings)


def _missing(what: str) -> str:
    return (
        rf"^\./model: its weights are quantised \({what}\), which cannot be read here \(.+\); install what that needs"
    )


UNREADABLE: list[tuple[Callable[[], Any], str]] = [
    (
        _pickled,
        r"models\.tiny: \./model: only pickled weights \(pytorch_model\.bin\), which can run code when loaded; con",
    ),
    (WEIGHTS.unlink, r"models\.tiny: \./model: no weights; expected \*\.safetensors$"),
    (lambda: _foreign("own"), r"^\./model: config\.json does not name an architecture .* \(code .* is never run\)"),
    (_quantised(quant_method="bitsandbytes", load_in_4bit=True), _missing("bitsandbytes")),
    (_quantised(quant_method="bitsandbytes", load_in_8bit=True), _missing("bitsandbytes")),
    (_quantised(quant_method="gptq", bits=4, group_size=128), _missing("gptq")),
    (_quantised(quant_method="awq", bits=4, group_size=128), _missing("awq")),
    (_quantised(quant_method="none_such"), _missing("none_such")),
]


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(("make", "message"), UNREADABLE)
def test_a_checkpoint_that_cannot_be_read_is_refused_before_it_is_loaded(
    project: Any, make: Callable[[], Any], message: str
) -> None:
    make()
    with pytest.raises(PipelineError, match=message):
        project.run()
    assert not Path("it-ran").exists()
    assert not Path("data/unfinished").exists()


@pytest.mark.usefixtures("no_model")
def test_a_checkpoint_that_can_be_read_is_loaded(project: Any) -> None:
    with pytest.raises(pytest.fail.Exception, match="the model was loaded"):
        project.run()


def test_code_beside_a_known_architecture_is_not_run(project: Any, undisturbed: dict[str, bytes]) -> None:
    _foreign("bert")
    project.run()
    assert project.store() == undisturbed
    assert not Path("it-ran").exists()
    exec(FOREIGN)
    assert Path("it-ran").exists()  # it would have left a trace


def test_a_model_without_attention_is_refused(project: Any, body_of: Callable[..., Any]) -> None:
    settings = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "vocab_size": 320}
    body_of("mamba", settings).save_pretrained("model")
    with pytest.raises(
        PipelineError, match=r"^\./model: mamba shows no attention over .*, so there is nothing to probe$"
    ):
        project.run()
    assert not STORE.exists()


def test_weights_that_do_not_fill_the_model_are_refused(project: Any) -> None:
    weights = load_file(WEIGHTS)
    del weights["encoder.layer.1.attention.self.query.weight"]
    save_file(weights, WEIGHTS, metadata={"format": "pt"})
    message = (
        r"^\./model: 1 weights are missing and 0 have another shape .* first encoder\.layer\.1\.attention\.self\.query"
    )
    with pytest.raises(PipelineError, match=message):
        project.run()


def test_a_model_split_over_devices_gives_the_same_bytes(project: Any, undisturbed: dict[str, bytes]) -> None:
    project.params(device="split")
    project.run()
    assert project.store() == undisturbed


@pytest.mark.parametrize(("available", "expected"), [(60_000, {"disk"}), (90_000, {"cpu", "disk"})])
def test_a_model_too_large_for_the_memory_is_split_over_the_disk_with_the_same_bytes(
    project: Any, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, available: int, expected: set[str]
) -> None:
    places: list[set[Any]] = []

    def loads(*args: Any) -> Any:
        model = load_model(*args)
        places.append(set(model.body.hf_device_map.values()))
        return model

    monkeypatch.setattr(engine, "load_model", loads)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(available))
    project.params(device="split")
    project.run()
    assert places == [expected]
    assert project.store() == undisturbed


def _ids() -> Batch:
    ids = [[3, 14, 15, 9, 2], [6, 5, 3], [5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6]]
    read = torch.tensor([4, 2, 10])
    return Batch(ids, torch.arange(3), read, read)


def _last_to_disk(body: Any) -> Any:
    """Return a model whose second block alone lies on the disk."""
    blocks = next(name for name, module in body.named_modules() if isinstance(module, torch.nn.ModuleList))
    places = {name: "cpu" for name, _ in body.named_children() if name != blocks.partition(".")[0]}
    places |= {f"{blocks}.0": "cpu", f"{blocks}.1": "disk"}
    return dispatch_model(body, places, offload_dir="offloaded", force_hooks=True)


OFFLOADS: list[Callable[[Any], Any]] = [
    lambda body: cpu_offload(body, torch.device("cpu")),
    lambda body: disk_offload(body, "offloaded", torch.device("cpu")),
    _last_to_disk,
]


@pytest.mark.parametrize("offload", OFFLOADS, ids=["cpu", "disk", "part"])
@pytest.mark.parametrize("name", ["llama", "bert", "gpt2"])
def test_a_model_whose_weights_lie_elsewhere_until_needed_is_read_as_one_that_is_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body_of: Callable[..., Any],
    name: str,
    offload: Callable[[Any], Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = wrap_model(body_of(name), name)
    model = wrap_model(offload(body_of(name)), name)
    assert any(weight.is_meta for weight in model.body.parameters())
    assert not any(weight.is_meta for weight in whole.body.parameters())
    check_recomposition(model, name)
    check_batching(model, name)
    for untrained in (False, True):
        expected = capture(whole, _ids(), untrained=untrained)
        torch.testing.assert_close(capture(model, _ids(), untrained=untrained), expected, rtol=0, atol=0)
