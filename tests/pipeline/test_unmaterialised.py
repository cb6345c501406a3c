"""What a forward pass is spared: attention weights are never made where the model can do without."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from pipeline.heads import capture
from pipeline.marks import SOFTMAX
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch

BATCH = Batch([[3, 14, 15, 9, 2], [6, 5, 3]], torch.arange(2), torch.tensor([2, 1]), torch.tensor([2, 1]))


class _Weights(TorchFunctionMode):
    """Counts softmaxes over (batch, heads, queries, keys)."""

    count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        self.count += func in SOFTMAX and output.ndim == 4
        return output


def _weights_made(model: LoadedModel) -> int:
    with _Weights() as weights:
        capture(model, BATCH)
    return weights.count


@pytest.mark.parametrize("slug", ["bert", "gpt2", "llama", "modernbert"])
def test_no_attention_weights_are_made(slug: str, model_of: Callable[[str], LoadedModel]) -> None:
    assert _weights_made(model_of(slug)) == 0


def test_those_of_a_model_that_needs_them_are_counted(body_of: Callable[..., Any]) -> None:
    model = wrap_model(body_of("llama", None, attn_implementation="eager"), "eager")
    assert _weights_made(model) == len(model.layers)
