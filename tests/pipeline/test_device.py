"""Where tensors live."""

import pytest
import torch

from pipeline.device import choose_device, choose_dtype
from pipeline.errors import PipelineError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)


@pytest.mark.parametrize(
    ("gpus", "asked", "expected"),
    [
        *((0, "cpu", "cpu"), (0, "auto", "cpu"), (2, "cpu", "cpu"), (2, "auto", "cuda")),
        *((1, "cuda", "cuda"), (2, "cuda:0", "cuda:0"), (2, "cuda:1", "cuda:1")),
    ],
    indirect=["gpus"],
)
@pytest.mark.usefixtures("gpus")
def test_a_device_that_is_there_is_taken(asked: str, expected: str) -> None:
    assert choose_device(asked) == torch.device(expected)


@pytest.mark.parametrize(
    ("gpus", "asked", "count"), [(0, "cuda", 0), (0, "cuda:0", 0), (2, "cuda:2", 2)], indirect=["gpus"]
)
@pytest.mark.usefixtures("gpus")
def test_a_device_that_is_not_there_is_refused(asked: str, count: int) -> None:
    with pytest.raises(PipelineError, match=f"device: '{asked}' asked for, this machine has {count} CUDA devices"):
        choose_device(asked)


@pytest.mark.parametrize("gpus", [8], indirect=True)
@pytest.mark.parametrize("asked", ["gpu", "", "CPU", "cpu:", "cpu:1", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "mps"])
@pytest.mark.usefixtures("gpus")
def test_a_malformed_device_is_refused(asked: str) -> None:
    with pytest.raises(PipelineError, match=f"device: '{asked}' is not one of auto, cpu, cuda, cuda:N"):
        choose_device(asked)


@pytest.mark.parametrize(
    ("precision", "device", "dtype"),
    [
        ("auto", "cpu", torch.float32),
        *(("32-true", device, torch.float32) for device in ("cpu", "cuda")),
        *(("bf16-true", device, torch.bfloat16) for device in ("cpu", "cuda")),
        *(("16-true", device, torch.float16) for device in ("cpu", "cuda")),
    ],
)
def test_a_precision_is_what_it_says(precision: str, device: str, dtype: torch.dtype) -> None:
    assert choose_dtype(precision, torch.device(device)) == dtype


@pytest.mark.parametrize(("able", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_halves_on_a_gpu_in_the_way_that_it_can(
    able: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: able)
    assert choose_dtype("auto", torch.device("cuda:1")) == dtype
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32


@pytest.mark.parametrize("precision", ["32", "bf16-mixed", "", "AUTO", "float32"])
def test_an_unknown_precision_is_refused(precision: str) -> None:
    message = f"precision: '{precision}' is not one of auto, 32-true, bf16-true, 16-true"
    with pytest.raises(PipelineError, match=f"^{message}$"):
        choose_dtype(precision, torch.device("cpu"))
