"""What is taken for the heads is the heads: their sum is the attention output, and each slice is one head's."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline import recomposition
from pipeline.attention import AttentionLayer
from pipeline.errors import PipelineError
from pipeline.models import LoadedModel, wrap_model
from pipeline.recomposition import check_recomposition, weight_by_head

Tiny = tuple[str, LoadedModel]


@pytest.fixture
def broken(model_of: Callable[[str], LoadedModel]) -> Callable[[str], LoadedModel]:
    """A tiny model that a test may change."""
    return lambda name: copy.deepcopy(model_of(name))


def _hook_count(model: LoadedModel) -> int:
    modules = list(model.body.modules())
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules)


def _rows_for_columns(layer: AttentionLayer) -> Tensor:
    """W_O read the wrong way round; square, so no shape gives it away."""
    weight = layer.projection.weight
    stacked = weight.T if type(layer.projection).__name__ == "Conv1D" else weight
    return stacked.reshape(layer.n_heads, layer.d_head, -1)


def test_the_heads_sum_to_the_attention_output(tiny: Tiny) -> None:
    name, model = tiny
    before = _hook_count(model)  # transformers keeps some of its own
    check_recomposition(model, name)
    assert _hook_count(model) == before


@pytest.mark.parametrize("slug", ["gpt2", "bert"])
def test_a_weight_read_the_wrong_way_round_is_caught(
    slug: str, model_of: Callable[[str], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recomposition, "weight_by_head", _rows_for_columns)
    with pytest.raises(
        PipelineError, match=r"^mine: layer 0 \(.*\): z does not recompose the attention output, off by"
    ):
        check_recomposition(model_of(slug), "mine")


def test_w_o_is_split_by_head(model_of: Callable[[str], LoadedModel]) -> None:
    for slug in ("gpt2", "llama"):
        layer = model_of(slug).layers[1]
        z = torch.randn(layer.n_heads, layer.d_head, generator=torch.Generator().manual_seed(0))
        alone = torch.zeros_like(z)
        alone[2] = z[2]
        bias = layer.projection.bias if layer.projection.bias is not None else 0.0
        expected = layer.projection(alone.reshape(1, 1, -1))[0, 0] - bias
        # Both are sums of d_head float32 products of size 1.
        torch.testing.assert_close(z[2] @ weight_by_head(layer)[2], expected, rtol=0, atol=1e-5)


class _Tamper:
    """A hook that changes the output of one call, 1-based, and counts them."""

    def __init__(self, call: int) -> None:
        self.call, self.count = call, 0

    def __call__(self, _module: nn.Module, _args: object, output: Tensor) -> Tensor:
        self.count += 1
        return torch.relu(output) if self.count == self.call else output


@pytest.mark.parametrize(("call", "caught"), [(1, True), (2, False), (3, False)])  # the second is no attention's
def test_of_a_projection_that_runs_more_often_its_own_call_is_judged(
    call: int, caught: bool, broken: Callable[[str], LoadedModel]
) -> None:
    model, tamper = broken("bert"), _Tamper(call)
    dense = model.layers[1].projection
    dense.register_forward_hook(tamper)
    model.body.pooler.register_forward_pre_hook(lambda _module, args: _run(dense, args))
    with pytest.raises(PipelineError, match=r"^mine: layer 1 \(.*\): z does not") if caught else nullcontext():
        check_recomposition(model, "mine")
    assert tamper.count == 2


def _run(dense: nn.Module, args: tuple[Tensor, ...]) -> None:
    dense(args[0])


@pytest.mark.parametrize("layer", [0, 1])
def test_weights_that_layers_share_are_checked_at_every_call(layer: int, broken: Callable[[str], LoadedModel]) -> None:
    model = broken("albert")
    check_recomposition(model, "albert")
    model.layers[0].projection.register_forward_hook(_Tamper(layer + 1))
    with pytest.raises(PipelineError, match=rf"^mine: layer {layer} \(.*\): z does not recompose"):
        check_recomposition(model, "mine")


def test_a_call_that_is_left_out_is_caught(broken: Callable[[str], LoadedModel]) -> None:
    model = broken("albert")
    group, calls = model.body.encoder.albert_layer_groups[0], [0]
    whole = group.forward

    def once(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        return whole(hidden_states, *args, **kwargs) if calls[0] == 1 else hidden_states

    group.forward = once
    with pytest.raises(PipelineError, match=r"layer 1 \(.*\): the output projection ran 1 times, its call 1 is wanted"):
        check_recomposition(model, "mine")


def test_a_projection_that_never_runs_is_caught(broken: Callable[[str], LoadedModel]) -> None:
    model = broken("gpt2")
    model.body.h[1].forward = lambda hidden_states, *_args, **_kwargs: hidden_states
    with pytest.raises(PipelineError, match=r"layer 1 \(h\.1\.attn\.c_proj\): .* ran 0 times, its call 0 is wanted"):
        check_recomposition(model, "mine")


@pytest.mark.parametrize(
    "tamper", [lambda z: torch.relu(z), lambda z: z * 1.001, lambda z: z + 0.01, lambda z: z * float("nan")]
)
def test_an_output_that_is_not_the_projection_is_caught(
    tamper: Callable[[Tensor], Tensor], broken: Callable[[str], LoadedModel]
) -> None:
    model = broken("bert")
    model.layers[1].projection.register_forward_hook(lambda _module, _args, output: tamper(output))
    with pytest.raises(PipelineError, match=r"layer 1 .* z does not recompose"):
        check_recomposition(model, "mine")


def test_hooks_are_removed_after_an_error(broken: Callable[[str], LoadedModel]) -> None:
    model = broken("bert")
    before = _hook_count(model)
    model.body.encoder.layer[1].output.forward = lambda *_args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        check_recomposition(model, "mine")
    assert _hook_count(model) == before


def _values_by_head(z: Tensor, weights: Tensor) -> Tensor:
    """The values that `weights` (batch, head, query, key) must have mixed to give z (batch, query, head, d_head)."""
    return torch.linalg.solve(weights, z.transpose(1, 2))


def test_each_slice_is_its_own_head(tiny: Tiny, body_of: Callable[..., Any]) -> None:
    """The sum over heads comes out right for any split of z, so the split needs a law of its own.

    In layer 0 the value of a token depends on nothing but the token and its place. Two texts that share the tokens at
    even places must share the values there, when each slice is undone by the attention of its own head; undone by
    another head's attention, or cut at other places, they do not.
    """
    name, _ = tiny
    # Smaller weights than elsewhere keep the attention from saturating, so that it can be undone: double precision
    # leaves an error below 1e-11 in every architecture, and a wrong split one above 0.1.
    model = wrap_model(body_of(name, noise=0.15, attn_implementation="eager", dtype=torch.float64), name)
    ids = torch.tensor([[3, 4, 5, 6, 7, 8], [3, 14, 5, 16, 7, 18]])
    layer = model.layers[0]
    inputs: list[Tensor] = []
    hook = layer.projection.register_forward_pre_hook(lambda _module, args: inputs.append(args[0]))
    with torch.inference_mode():
        weights = model.body(input_ids=ids, output_attentions=True).attentions[0].double()
    hook.remove()
    z = inputs[0].reshape(*ids.shape, layer.n_heads, layer.d_head)

    def disagreement(split: Tensor, attention: Tensor) -> float:
        values = _values_by_head(split, attention)[:, :, ::2]
        return ((values[0] - values[1]).abs().max() / values.abs().max()).item()

    assert disagreement(z, weights) < 1e-9
    assert disagreement(z, weights.roll(1, dims=1)) > 0.05
    interleaved = inputs[0].reshape(*ids.shape, layer.d_head, layer.n_heads).transpose(2, 3)
    assert disagreement(interleaved, weights) > 0.05
