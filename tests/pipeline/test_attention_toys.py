"""Which attentions are found in models that differ in one thing only, and what is refused."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.attention import AttentionLayer, find_attention
from pipeline.errors import PipelineError
from tests.pipeline.toy import D_MODEL, Attention, Between, Block, CrossBlock, attend, causal, toy_body

TELL = "so its heads cannot be told apart and this architecture is not supported"


def _found(*blocks: nn.Module, **options: Any) -> tuple[AttentionLayer, ...]:
    return find_attention(toy_body(*blocks, **options), "mine")


def _refused(message: str, *blocks: nn.Module, **options: Any) -> None:
    with pytest.raises(PipelineError, match=message):
        _found(*blocks, **options)


@pytest.mark.parametrize("core", [causal, attend])
def test_every_layer_has_its_own_heads(core: Callable[..., Tensor]) -> None:
    sizes = [(3, 4), (1, 5), (6, 2), (255, 1)]
    layers = _found(*(Block(Attention(*size, core=core)) for size in sizes))
    assert [(layer.n_heads, layer.d_head) for layer in layers] == sizes
    assert [layer.layer for layer in layers] == [0, 1, 2, 3]
    assert {(layer.attention, layer.d_model, layer.call, layer.block_call) for layer in layers} == {
        ("self", D_MODEL, 0, 0)
    }
    assert [layer.name for layer in layers] == [f"blocks.{number}.attention.project" for number in range(4)]


@pytest.mark.parametrize("between", [lambda z: z * torch.linspace(0.1, 2, 12), torch.relu, lambda z: z.clamp(-9, 9)])
def test_what_keeps_the_heads_apart_is_allowed_before_the_projection(between: Between) -> None:
    (layer,) = _found(Block(Attention(between=between)))
    assert (layer.n_heads, layer.d_head) == (3, 4)


def test_a_norm_of_each_head_hides_its_marks_and_is_refused() -> None:
    by_head = Attention(between=lambda z: nn.functional.layer_norm(z.unflatten(2, (3, 4)), (4,)).flatten(2))
    message = rf"^mine: toy: no linear layer reads what an attention gives, {TELL}$"
    _refused(message, Block(by_head))
    _refused(message, Block(by_head), Block(Attention()))  # one layer that is found does not stand for both
    _refused(message, Block(Attention()), Block(by_head))


@pytest.mark.parametrize(
    ("between", "read", "told"),
    [
        (lambda z: z.roll(4, 2), 0, "12 numbers, 12 of which do not belong to one head alone"),
        (lambda z: z.roll(1, 2), 0, "12 numbers, 3 of which do not belong to one head alone"),
        (lambda z: nn.functional.layer_norm(z, (12,)), 0, "12 numbers, 12 of which do not belong to one head alone"),
        (lambda z: torch.cat([z, z[:, :, :3].abs() * 0 + 1], 2), 3, "15 numbers, 3 of which come from no head"),
        (lambda z: torch.cat([z, z[:, :, :1]], 2), 1, "13 numbers, not a multiple of 3 heads"),
    ],
)
def test_what_mixes_the_heads_before_the_projection_is_refused(between: Between, read: int, told: str) -> None:
    place = r"^mine: toy: blocks\.1\.attention\.project reads "
    _refused(f"{place}{told}, {TELL}$", Block(Attention()), Block(Attention(between=between, read=read)))


def test_heads_that_are_read_without_their_batch_are_refused() -> None:
    flat = Attention(between=lambda z: z.flatten(0, 1))
    shape = r"reads \(36, 12\), not \(batch, pos, heads x d_head\)"
    _refused(rf"^mine: toy: blocks\.0\.attention\.project {shape}, {TELL}", Block(flat))


def test_an_attention_that_nothing_linear_reads_is_refused() -> None:
    block = Block(Attention())
    block.attention.project = nn.Identity()  # three heads of four are as wide as the stream
    block.mlp = nn.Identity()
    _refused(rf"^mine: toy: no linear layer reads what an attention gives, {TELL}$", block)
    _found(Block(Attention()))


def _by_block(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    pairs = (part.unflatten(2, (2, 2)) for part in (q, k, v))
    return attend(*pairs).flatten(2, 3)


def _by_block_in_rows(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    pairs = (part.unflatten(2, (2, 2)).movedim(2, 1).flatten(0, 1) for part in (q, k, v))
    return attend(*pairs).unflatten(0, (-1, 2)).movedim(1, 2).flatten(2, 3)


@pytest.mark.parametrize("strange", [Attention(core=_by_block), Attention(core=_by_block_in_rows), Attention(256, 1)])
def test_an_attention_whose_heads_have_no_known_place_is_refused(strange: Attention) -> None:
    """Blocks of keys, in a dimension of their own or as rows of the batch, and more heads than there are marks."""
    message = rf"^mine: toy attends in more dimensions than heads \(up to 255\), queries and keys, {TELL}$"
    _refused(message, Block(strange))
    _refused(message, Block(Attention()), Block(strange))  # one layer that is found does not stand for both
    _refused(message, Block(strange), Block(Attention()))


def test_a_model_without_attention_is_refused() -> None:
    _refused(r"^mine: toy shows no attention over \(batch, heads, queries, keys\), so there is nothing", Block())
    assert len(_found(Block(), Block(Attention()))) == 1


def test_an_attention_outside_of_any_block_is_refused() -> None:
    body = toy_body(Block(Attention()))
    outside = Block(Attention())
    body.outside = outside
    body.register_forward_hook(lambda _body, _args, output: outside(output))
    place = rf"outside\.attention\.project lies in no block that is given {D_MODEL} numbers a token, so the"
    with pytest.raises(PipelineError, match=f"^mine: toy: {place} residual stream"):
        find_attention(body, "mine")


def test_a_block_of_another_width_than_its_attention_writes_is_refused() -> None:
    class Wider(Block):
        def forward(self, x: Tensor) -> Tensor:
            return x + self.attention(x)[:, :, :D_MODEL]

    _refused(
        r"^mine: toy: blocks\.0\.attention\.project lies in no block that is given 20 numbers a token",
        Wider(Attention(d_out=20)),
    )


def test_a_list_of_attentions_alone_is_refused() -> None:
    """As in a model that adds the stream outside of its list: what the list is given is no residual stream."""
    _refused(
        r"^mine: toy: blocks\.1 gives back its attention alone, so the residual stream around it is not known",
        Block(Attention()),
        Attention(),
    )


def test_the_block_is_the_outermost_entry_that_is_given_the_stream() -> None:
    class Group(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([Attention(), nn.Linear(D_MODEL, D_MODEL)])

        def forward(self, hidden_states: Tensor) -> tuple[Tensor, None]:
            for part in self.parts:
                hidden_states = hidden_states + part(hidden_states)
            return hidden_states, None  # as the first of several

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.group = Group()

        def forward(self, x: Tensor) -> Tensor:
            return self.group(hidden_states=x)[0]

    body = toy_body(Named(), Named())
    layers = find_attention(body, "mine")
    assert [layer.name for layer in layers] == [f"blocks.{number}.group.parts.0.project" for number in (0, 1)]
    assert [layer.block for layer in layers] == list(body.blocks)
    assert [layer.leaving for layer in layers] == [1, None]


def test_layers_have_the_numbers_of_their_blocks() -> None:
    layers = _found(Block(), Block(Attention()), Block(), Block(Attention()), Block(Attention()), Block())
    assert [(layer.layer, layer.entering, layer.leaving) for layer in layers] == [
        (1, 1, None),  # another block stands between it and the next attention
        (3, 3, 4),
        (4, 4, None),
    ]


def test_a_block_in_between_that_changes_nothing_does_not_part_two_streams() -> None:
    layers = _found(Block(Attention()), nn.Identity(), Block(Attention()))
    assert [(layer.layer, layer.leaving) for layer in layers] == [(0, 2), (2, None)]


def test_a_block_that_adds_nothing_leaves_what_enters_the_next_and_not_itself() -> None:
    body = toy_body(Block(Attention()), Block(Attention()), Block(Attention()))
    with torch.no_grad():
        for module in (body.blocks[1].attention.project, body.blocks[1].mlp):
            module.weight.zero_()
            module.bias.zero_()
    assert [layer.leaving for layer in find_attention(body, "mine")] == [1, 2, None]


def test_two_stacks_in_which_not_every_block_attends_keep_the_numbers_of_their_blocks() -> None:
    encoder = [Block(), Block(Attention()), Block(Attention()), Block()]
    layers = find_attention(toy_body(*encoder, decoder=[Block(), CrossBlock()]), "mine")
    assert [(layer.layer, layer.attention, layer.entering, layer.leaving) for layer in layers] == [
        *((1, "encoder", 1, 2), (2, "encoder", 2, None)),
        *((4, "decoder", 4, None), (6, "cross", 4, None)),  # 3 + 1, and behind it 5 + 1
    ]


def test_a_decoder_alone_is_read_as_one_behind_an_encoder_without_heads() -> None:
    body = toy_body(Block(), decoder=[Block(Attention())])
    (layer,) = find_attention(body, "mine")
    assert (layer.layer, layer.attention) == (0, "decoder")  # not `self`: its texts begin with a start token
    (layer,) = find_attention(toy_body(Block(Attention()), decoder=[Block()]), "mine")
    assert (layer.layer, layer.attention) == (0, "encoder")


@pytest.mark.parametrize("rounds", [1, 3])
def test_blocks_that_run_several_times_are_layers_by_call(rounds: int) -> None:
    body = toy_body(Block(Attention()), Block(Attention(2, 2)), rounds=rounds)
    layers = find_attention(body, "mine")
    assert [layer.layer for layer in layers] == list(range(2 * rounds))
    calls = [(call, call) for call in range(rounds) for _ in body.blocks]
    assert [(layer.call, layer.block_call) for layer in layers] == calls
    assert [layer.block for layer in layers] == [*body.blocks] * rounds
    assert [layer.n_heads for layer in layers] == [3, 2] * rounds
    assert [layer.leaving for layer in layers] == [*range(1, 2 * rounds), None]


def test_calls_of_a_projection_that_are_no_attentions_are_counted() -> None:
    block = Block(Attention())

    def project_first(_block: nn.Module, args: tuple[Tensor, ...]) -> None:
        block.attention.project(args[0])

    block.register_forward_pre_hook(project_first)
    (layer,) = _found(block)
    assert (layer.call, layer.block_call) == (1, 0)


def test_a_vocabulary_of_few_tokens_will_do() -> None:
    assert len(_found(Block(Attention()), vocabulary=3)) == 1


@pytest.mark.parametrize("between", [lambda z: z, lambda z: z.roll(4, 2)])
def test_the_model_is_left_as_it_was(between: Between) -> None:
    body = toy_body(Block(Attention(between=between)))
    ids = torch.tensor([[3, 1, 4]])
    before = body(ids, torch.ones_like(ids))
    with suppress(PipelineError):  # of the heads in another order
        find_attention(body, "mine")
    assert [module for module in body.modules() if module._forward_hooks or module._forward_pre_hooks] == []
    assert torch.equal(body(ids, torch.ones_like(ids)), before)


class _Raises(nn.Module):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, _x: Tensor) -> Tensor:
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TypeError("missing pixel_values"), "TypeError: missing pixel_values"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (RuntimeError("x" * 400), f"RuntimeError: {'x' * 286}"),
        (AssertionError(), "AssertionError: "),
    ],
)
def test_a_model_that_wants_other_inputs_is_refused_in_one_line(error: Exception, reason: str) -> None:
    _refused(rf"^mine: toy does not run on token ids alone \({reason}\)$", Block(Attention()), _Raises(error))


def test_an_error_that_is_meant_to_be_read_passes_through() -> None:
    _refused("^as it is$", Block(Attention()), _Raises(PipelineError("as it is")))
