"""What need not run is not run: tokens that nobody reads behind the last z, and all that comes after the last array."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.heads import capture, narrows
from pipeline.layout import array_shapes, row_width
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch
from tests.pipeline.toy import Attention, Block, toy_body

TEXTS = [[3, 14, 15, 9, 2], [6, 5, 3], [5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6]]
READ = [3, 0, 6]


def _batch(text: list[int], first: list[int], last: list[int]) -> Batch:
    return Batch(TEXTS, torch.tensor(text), torch.tensor(first), torch.tensor(last))


ALL = _batch([0, 1, 2], READ, READ)


def _toy(last: nn.Module) -> LoadedModel:
    return wrap_model(toy_body(Block(Attention()), last), "toy")


def _lengths(*modules: nn.Module) -> list[int]:
    """A list that fills with how many positions the modules give back, call by call."""
    seen: list[int] = []
    for module in modules:
        module.register_forward_hook(lambda _module, _args, output: seen.append(output.shape[1]))
    return seen


@pytest.mark.parametrize(
    ("batch", "narrow", "given"),
    [
        (ALL, True, 1),
        (ALL, False, 11),
        (_batch([0, 1, 2], [0, 0, 0], READ), True, 11),  # a mean
        (_batch([0, 1, 2, 2], [*READ, 1], [*READ, 1]), True, 11),  # two examples of one text
        (_batch([2, 1, 0], READ[::-1], READ[::-1]), True, 11),  # in another order than the texts
    ],
)
def test_behind_the_last_z_one_token_a_text_is_computed_where_that_will_do(
    batch: Batch, narrow: bool, given: int
) -> None:
    model = _toy(Block(Attention()))
    first, last = model.body.blocks
    seen = _lengths(first.attention.qkv, first.mlp, last.attention.qkv)
    behind = _lengths(last.attention.project, last.mlp)
    whole = capture(model, batch)
    del seen[:], behind[:]
    rows = capture(model, batch, narrow=narrow)
    torch.testing.assert_close(rows, whole, rtol=1e-5, atol=1e-5)
    assert (seen, behind) == ([11] * 3, [given] * 2)


class _Checks(Block):
    """Looks whether all tokens are there, as a block with a table of places would."""

    def forward(self, x: Tensor) -> Tensor:
        stream = self.attention(x)
        if stream.shape != x.shape:
            raise ValueError("tokens are missing")
        return x + stream + self.mlp(x)


class _Mixes(Block):
    """Behind its attention, lets every token see the others."""

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return x + x.cumsum(1)


class _Adds(Block):
    """Adds the stream outside of what is cut."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.attention(x))


@pytest.mark.parametrize(("kind", "expected"), [(Block, True), (_Adds, True), (_Checks, False), (_Mixes, False)])
def test_a_block_that_wants_to_see_all_tokens_is_found_out(kind: type[Block], expected: bool) -> None:
    assert narrows(_toy(kind(Attention()))) == expected
    assert narrows(wrap_model(toy_body(kind(Attention()), Block(Attention())), "toy"))  # in an earlier block it may


@pytest.mark.parametrize("slug", ["bert", "gpt2"])
def test_nothing_runs_behind_the_last_array(slug: str, body_of: Callable[..., Any]) -> None:
    model = wrap_model(body_of(slug), slug)
    end = model.body.get_submodule("pooler" if slug == "bert" else "ln_f")
    ran: list[str] = []
    parts = {"projection": model.layers[-1].projection, "block": model.layers[-1].block, "end": end}
    for name, module in parts.items():
        module.register_forward_hook(lambda _module, _args, _output, name=name: ran.append(name))
    capture(model, ALL)
    assert ran == ["projection", "block"]
    del ran[:]
    capture(model, ALL, untrained=True)  # of which z alone is kept
    assert ran == []
    ids = torch.tensor([TEXTS[0]])
    model.body(ids)
    assert ran == ["projection", "block", "end"]


def test_a_layer_that_is_left_out_is_told(body_of: Callable[..., Any]) -> None:
    model = wrap_model(body_of("gpt2"), "mine")
    capture(model, ALL)
    model.body.h[1].forward = lambda hidden_states, *_args, **_kwargs: hidden_states
    with pytest.raises(PipelineError, match=r"^gpt2: never computed in this pass: z/L01$"):
        capture(model, ALL)
    with pytest.raises(PipelineError, match=r"^gpt2: never computed in this pass: untrained/L01$"):
        capture(model, ALL, untrained=True)


def test_every_array_is_filled(body_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows begin as whatever the memory held; nothing of that is left."""
    model = wrap_model(body_of("t5"), "t5")
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *args, **kwargs: empty(*args, **kwargs).fill_(torch.nan))
    for untrained in (False, True):
        rows = capture(model, ALL, untrained=untrained)
        assert rows.isfinite().all()
        assert rows.shape == (3, row_width(array_shapes(model, untrained=untrained)))
