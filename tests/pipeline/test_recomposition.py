"""What is taken for the heads is the heads: their sum is the attention output, and each slice is one head's."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from torch import Tensor, nn

from pipeline import recomposition
from pipeline.attention import AttentionLayer
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch
from pipeline.recomposition import check_batching, check_recomposition, weight_by_head

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


class _Int8(nn.Linear):
    """A linear layer whose weights are kept as whole numbers, as a quantised checkpoint's are."""

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__(dense.in_features, dense.out_features)
        self.scale = dense.weight.detach().abs().max() / 127
        self.weight = nn.Parameter((dense.weight.detach() / self.scale).round().to(torch.int8), requires_grad=False)
        self.bias, self.after = dense.bias, lambda output: output

    def forward(self, hidden: Tensor) -> Tensor:
        output = nn.functional.linear(hidden, self.weight.to(hidden) * self.scale, self.bias)
        return self.after(output)


@pytest.mark.parametrize("slug", ["bert", "llama"])
def test_quantised_weights_are_checked_through_the_projection_itself(
    slug: str, body_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = body_of(slug)
    for layer in wrap_model(body, slug).layers:
        name, _, own = layer.name.rpartition(".")
        setattr(body.get_submodule(name), own, _Int8(layer.projection))
    monkeypatch.setattr(recomposition, "weight_by_head", lambda _layer: pytest.fail("these are no weights"))
    model = wrap_model(body, slug)
    check_recomposition(model, slug)
    model.layers[1].projection.after = torch.relu  # then the whole is not the sum of its heads
    with pytest.raises(
        PipelineError, match=r"^mine: layer 1 \(.*\): z does not recompose the attention output, off by"
    ):
        check_recomposition(model, "mine")


@pytest.mark.parametrize("slug", ["gpt2", "bert", "llama", "t5"])
def test_weights_that_are_elsewhere_until_they_are_needed_are_checked_and_read(
    slug: str, body_of: Callable[..., Any], model_of: Callable[[str], LoadedModel]
) -> None:
    here, read = model_of(slug), torch.tensor([2, 0])
    body = cpu_offload(body_of(slug))
    assert {weight.device.type for weight in body.parameters()} == {"meta"}
    model = wrap_model(body, slug)
    check_recomposition(model, slug)
    check_batching(model, slug)
    batch = Batch([[3, 1, 4], [1, 5, 9, 2]], torch.arange(2), read, read)
    assert model.device == torch.device("cpu")
    assert torch.equal(capture(model, batch), capture(here, batch))


def test_what_a_text_gives_does_not_depend_on_a_longer_one_beside_it(tiny: Tiny) -> None:
    name, model = tiny
    check_batching(model, name)


@pytest.mark.parametrize("slug", ["albert", "t5", "bart"])
def test_nor_does_it_in_shared_layers_and_two_stacks(slug: str, model_of: Callable[[str], LoadedModel]) -> None:
    check_batching(model_of(slug), slug)


@pytest.mark.parametrize(
    ("slug", "caught"), [("bert", True), ("modernbert", True), ("t5", True), ("gpt2", False), ("llama", False)]
)
def test_a_model_that_reads_the_padding_is_caught(
    slug: str, caught: bool, broken: Callable[[str], LoadedModel]
) -> None:
    """Without its mask, that is; a causal model sees nothing of what comes later anyway."""
    model = broken(slug)
    whole = model.body.forward
    model.body.forward = lambda **inputs: whole(**inputs | {"attention_mask": torch.ones_like(inputs["input_ids"])})
    message = r"^mine: z/L0\d of a text changes by \S+ of \S+ when a longer .*: \S+ mixes texts or reads the padding"
    with pytest.raises(PipelineError, match=message) if caught else nullcontext():
        check_batching(model, "mine")


@pytest.mark.parametrize(("mixed", "caught"), [(0.1, True), (0.0, False)])
def test_a_model_that_mixes_texts_is_caught(mixed: float, caught: bool, broken: Callable[[str], LoadedModel]) -> None:
    model = broken("gpt2")
    model.body.h[0].register_forward_hook(
        lambda _module, _args, output: output + mixed * output.flatten(0, 1).mean(0)  # as a norm over the batch
    )
    message = "^mine: residual/L01 of a text changes by .*: gpt2 mixes texts or reads the padding"
    with pytest.raises(PipelineError, match=message) if caught else nullcontext():
        check_batching(model, "mine")


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
