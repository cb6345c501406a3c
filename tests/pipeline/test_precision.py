"""In which float format and where a model and its twin run, and quantised weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.models import SPLIT, LoadedModel, build_twin, load_config, load_model
from pipeline.reader import Batch
from pipeline.recomposition import check_batching, check_recomposition

READ = torch.tensor([2, 0])
BATCH = Batch([[3, 1, 4], [1, 5, 9, 2]], torch.arange(2), READ, READ)
DTYPES = [("32-true", torch.float32), ("bf16-true", torch.bfloat16), ("16-true", torch.float16)]
DTYPES += [("auto", torch.float32)]  # on the CPU
Builder = Callable[[Checkpoint, str, str], LoadedModel]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, body_of: Callable[..., Any]) -> Checkpoint:
    folder = tmp_path_factory.mktemp("models") / "llama"
    body_of("llama").to(torch.bfloat16).save_pretrained(folder)  # as most are saved
    return Checkpoint(folder, "tiny", None, "unused")


def _twin(checkpoint: Checkpoint, device: str, precision: str) -> LoadedModel:
    return build_twin(load_config(checkpoint), "tiny", 0, device, precision)


@pytest.mark.parametrize("build", [load_model, _twin])
@pytest.mark.parametrize(("precision", "dtype"), DTYPES)
def test_all_weights_are_in_the_format_asked_for(
    build: Builder, precision: str, dtype: torch.dtype, checkpoint: Checkpoint
) -> None:
    model = build(checkpoint, "cpu", precision)
    assert {weight.dtype for weight in model.body.parameters()} == {dtype}
    check_recomposition(model, "tiny")
    check_batching(model, "tiny")
    assert capture(model, BATCH).dtype == torch.float32


@pytest.mark.parametrize("build", [load_model, _twin])
def test_an_unknown_format_is_refused(build: Builder, checkpoint: Checkpoint) -> None:
    with pytest.raises(PipelineError, match=r"^precision: 'half' is not one of auto, 32-true, bf16-true, 16-true$"):
        build(checkpoint, "cpu", "half")


def test_half_precision_reads_nearly_the_same(checkpoint: Checkpoint) -> None:
    whole, half = (capture(load_model(checkpoint, "cpu", precision), BATCH) for precision in ("32-true", "bf16-true"))
    assert not torch.equal(whole, half)
    assert (half - whole).norm() < 0.05 * whole.norm()  # two to three digits, in a few sums one after the other


@pytest.mark.parametrize("build", [load_model, _twin])
@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_a_model_that_is_shared_out_over_one_device_is_the_same(
    build: Builder, precision: str, checkpoint: Checkpoint
) -> None:
    split = build(checkpoint, SPLIT, precision)
    assert torch.equal(capture(split, BATCH).cpu(), capture(build(checkpoint, "auto", precision), BATCH).cpu())


@pytest.fixture
def folder(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint.folder, tmp_path / "model"))


@pytest.mark.parametrize(
    ("settings", "method"),
    [({"quant_method": "nonsense"}, "nonsense"), ({"quant_method": "gptq", "bits": 4}, "gptq"), ({"bits": 4}, "None")],
)
def test_quantised_weights_that_nothing_installed_reads_are_refused(
    settings: dict[str, Any], method: str, folder: Path
) -> None:
    path = folder / "config.json"
    assert load_config(Checkpoint(folder, "tiny", None, "unused")).model_type == "llama"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": settings}))
    message = (
        rf"^tiny: its weights are quantised \({method}\), which cannot be read here \(.+\); install what that needs"
    )
    with pytest.raises(PipelineError, match=message):
        load_config(Checkpoint(folder, "tiny", None, "unused"))
