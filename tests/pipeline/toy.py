"""A body of a few lines that runs on token ids, with a place for whatever an architecture may do to its heads."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

D_MODEL = 12
Between = Callable[[Tensor], Tensor]  # what happens to z (batch, pos, heads x d_head) before it is projected


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention by torch, to no later token: so that padding on the right is seen by nobody."""
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention by hand, to every token; everything (batch, heads, pos, d_head)."""
    return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1) @ v


class Attention(nn.Module):
    """Heads, what happens to them, and their projection; `read` is how much wider than the heads that reads."""

    def __init__(
        self,
        n_heads: int = 3,
        d_head: int = 4,
        between: Between = lambda z: z,
        core: Callable[..., Tensor] = causal,
        read: int = 0,
        d_out: int = D_MODEL,
    ) -> None:
        super().__init__()
        self.n_heads, self.d_head, self.between, self.core = n_heads, d_head, between, core
        self.qkv = nn.Linear(D_MODEL, 3 * n_heads * d_head)
        self.project = nn.Linear(n_heads * d_head + read, d_out)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, self.d_head)).permute(2, 0, 3, 1, 4)
        return self.project(self.between(self.core(q, k, v).transpose(1, 2).flatten(2)))


class Block(nn.Module):
    """Attention, if any, and a layer without one, both added to the stream."""

    def __init__(self, attention: nn.Module | None = None) -> None:
        super().__init__()
        self.attention, self.mlp = attention, nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor) -> Tensor:
        if self.attention is not None:
            x = x + self.attention(x)
        return x + self.mlp(x)


class CrossBlock(Block):
    """Attention to what the encoder gives, then to what was written before, both added to the stream."""

    def __init__(self) -> None:
        super().__init__(Attention())
        self.cross = Attention(core=self._cross)
        self.memory = torch.empty(0)

    def _cross(self, q: Tensor, _k: Tensor, _v: Tensor) -> Tensor:
        heads = self.memory.unflatten(2, (3, 4)).transpose(1, 2)
        return attend(q, heads, heads)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + self.cross(x))


class Body(nn.Module):
    """Tokens through all blocks, as often as `rounds` says; and through a decoder, if there is one."""

    def __init__(
        self, blocks: Sequence[nn.Module], rounds: int = 1, vocabulary: int = 50, decoder: Sequence[nn.Module] = ()
    ) -> None:
        super().__init__()
        self.config = SimpleNamespace(model_type="toy", is_encoder_decoder=bool(decoder), decoder_start_token_id=0)
        self.config.get_text_config = lambda: self.config
        self.tokens, self.blocks, self.rounds = nn.Embedding(vocabulary, D_MODEL), nn.ModuleList(blocks), rounds
        self.decoder, self.dtype = nn.ModuleList(decoder), torch.float32

    def get_input_embeddings(self) -> nn.Embedding:
        return self.tokens

    def forward(self, input_ids: Tensor, decoder_input_ids: Tensor | None = None, **_masks: Tensor) -> Tensor:
        x = self.tokens(input_ids)
        for _ in range(self.rounds):
            for block in self.blocks:
                x = block(x)
        if decoder_input_ids is None:
            return x
        memory, x = x, self.tokens(decoder_input_ids)
        for block in self.decoder:
            block.memory = memory
            x = block(x)
        return x


def toy_body(*blocks: nn.Module, **options: Any) -> Body:
    """A body in eval mode, its weights the same at every call for the same blocks."""
    body = Body(blocks, **options).eval()
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in body.parameters():
            weight.copy_(0.4 * torch.randn(weight.shape, generator=numbers))
    return body
