"""Find the attention heads of a model by watching it run once.

z, the output of one head, is a slice of the input of the attention's output projection. Modules' names say little about
where that is: they differ between architectures, and a wrong guess goes unseen. So the heads are marked where every
architecture computes them (`pipeline.marks`), and the first linear layer that reads marked numbers is the output
projection. The marks also prove which slice belongs to which head. Behind each projection the marks are taken off
again, so that every layer is judged by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import PipelineError
from pipeline.forward import is_linear, model_inputs, out_width, run_checked, stream_in, stream_out, trial_ids
from pipeline.marks import ROWS, HeadMarks, misplaced_heads, rows_differ, unmarked

N_TOKENS = 4  # of the trial; a decoder reads one more, its start token, which tells the two apart
REFUSED = "so its heads cannot be told apart and this architecture is not supported"
NO_STREAM = "so the residual stream around it is not known and this architecture is not supported"


@dataclass(frozen=True)
class AttentionLayer:
    """One attention of a model, as far as its heads are concerned.

    Attributes:
        layer: 0-based number of the residual block it lies in. In an encoder-decoder the decoder's self-attention
            counts on after the encoder, and its cross-attention after that.
        attention: `self` in a model of one stack; else `encoder`, `decoder` or `cross`.
        name: Path of the output projection in the model.
        projection: W_O; its input is z of all heads side by side.
        call: Which call of the projection in a forward pass, 0-based; above 0 where layers share their weights.
        block: The residual block around the attention; its first input is the residual stream.
        block_call: Which call of the block in a forward pass, 0-based.
        n_heads: Query heads.
        d_head: Width of one head: the projection's input width / n_heads.
        d_model: Width of the residual stream.
        entering: Layer under whose number the stream entering the block is kept: its own, or that of another attention
            in the same block.
        leaving: Layer whose entering stream is the one that leaves this block; None where no layer's is.
    """

    layer: int
    attention: str
    name: str
    projection: nn.Module
    call: int
    block: nn.Module
    block_call: int
    n_heads: int
    d_head: int
    d_model: int
    entering: int = -1
    leaving: int | None = None


@dataclass(frozen=True)
class _Entry:
    """A module list's entry while it runs: which one, which call of it, and the residual stream it was given."""

    name: str
    call: int
    stream: Tensor | None


@dataclass
class _Trial:
    """What the hooks of the trial share: calls so far, the entries that run now, what they left, and what was found.

    `decodes` says whether the model has a decoder beside an encoder.
    """

    place: str
    modules: dict[str, nn.Module]
    decodes: bool
    marks: HeadMarks = field(default_factory=HeadMarks)
    calls: Counter[str] = field(default_factory=Counter)
    running: list[_Entry] = field(default_factory=list)
    left: dict[tuple[str, int], Tensor] = field(default_factory=dict)
    written: dict[tuple[str, int], Tensor] = field(default_factory=dict)
    found: list[tuple[AttentionLayer, _Entry]] = field(default_factory=list)


@torch.inference_mode()
def find_attention(body: Any, source: str) -> tuple[AttentionLayer, ...]:
    """Return every attention of a model, by layer; the model runs once on a few tokens.

    Args:
        body: A transformers model without language-model head, in evaluation mode.
        source: Name for messages.

    Raises:
        PipelineError: If the model does not run on token ids or has no attention, or if no linear layer reads its heads
            one beside the other within a residual block.
    """
    trial = _Trial(f"{source}: {body.config.model_type}", dict(body.named_modules()), body.config.is_encoder_decoder)
    ids = trial_ids(body, ROWS, N_TOKENS)
    with _watched(trial), trial.marks:
        run_checked(body, model_inputs(body.config, ids, torch.ones_like(ids)), source)
    if trial.marks.foreign:
        raise PipelineError(
            f"{trial.place} attends in more dimensions than heads (up to 255), queries and keys, {REFUSED}"
        )
    if trial.marks.unread or trial.marks.pending is not None:
        raise PipelineError(f"{trial.place}: no linear layer reads what an attention gives, {REFUSED}")
    if not trial.found:
        raise PipelineError(
            f"{trial.place} shows no attention over (batch, heads, queries, keys), so there is nothing to probe"
        )
    return tuple(_connected(_numbered(trial.found), trial))


@contextmanager
def _watched(trial: _Trial) -> Iterator[None]:
    """Watch all linear layers, and the entries of module lists: candidates for residual blocks."""
    handles = []
    for name, module in trial.modules.items():
        if is_linear(module):
            handles.append(module.register_forward_pre_hook(_linear_hook(trial, name)))
        elif isinstance(trial.modules.get(name.rpartition(".")[0]), nn.ModuleList):
            handles.append(module.register_forward_pre_hook(_enter_hook(trial, name), with_kwargs=True))
            handles.append(module.register_forward_hook(_leave_hook(trial)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _enter_hook(trial: _Trial, name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        stream = stream_in(args, kwargs)
        trial.running.append(_Entry(name, trial.calls[name], None if stream is None else stream.clone()))
        trial.calls[name] += 1

    return hook


def _leave_hook(trial: _Trial) -> Callable[..., None]:
    def hook(_module: nn.Module, _args: object, output: Any) -> None:
        entry, stream = trial.running.pop(), stream_out(output)
        if stream is not None:
            trial.left[entry.name, entry.call] = stream.clone()

    return hook


def _linear_hook(trial: _Trial, name: str) -> Callable[..., Any]:
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        call = trial.calls[name]
        trial.calls[name] += 1
        if trial.marks.pending is None:
            return None
        if not torch.isfinite(args[0]).any():
            raise PipelineError(
                f"{trial.place}: {name} reads no finite number on a text of {N_TOKENS} tokens in {args[0].dtype}; the "
                "weights may be damaged, or overflow in this precision: try another `extract.precision`"
            )
        if not rows_differ(args[0]):
            return None
        trial.found.append(_found(trial, name, call, module, args[0]))
        trial.marks.pending = None
        trial.written[name, call] = module.forward(unmarked(args[0]))
        return (unmarked(args[0]),)

    return hook


def _found(trial: _Trial, name: str, call: int, projection: nn.Module, z: Tensor) -> tuple[AttentionLayer, _Entry]:
    """Return the attention whose output projection reads the marked z, and its residual block."""
    assert trial.marks.pending is not None
    (n_heads, n_keys), place = trial.marks.pending, f"{trial.place}: {name}"
    if z.ndim != 3:
        raise PipelineError(f"{place} reads {tuple(z.shape)}, not (batch, pos, heads x d_head), {REFUSED}")
    if z.shape[1] not in (N_TOKENS, N_TOKENS + trial.decodes):
        raise PipelineError(
            f"{place} reads {z.shape[1]} positions of a text of {N_TOKENS} tokens, so the one of a token is "
            "not known and this architecture is not supported"
        )
    if wrong := misplaced_heads(z, n_heads):
        raise PipelineError(f"{place} reads {wrong}, {REFUSED}")
    d_model = out_width(projection)
    entry = _block(trial.running, (*z.shape[:2], d_model))
    if entry is None:
        raise PipelineError(f"{place} lies in no block that is given {d_model} numbers a token, {NO_STREAM}")
    kind, block = _kind(z.shape[1], n_keys), trial.modules[entry.name]
    d_head = z.shape[-1] // n_heads
    return AttentionLayer(-1, kind, name, projection, call, block, entry.call, n_heads, d_head, d_model), entry


def _block(running: list[_Entry], shape: tuple[int, ...]) -> _Entry | None:
    """Return the outermost entry of a module list that was given a stream of this shape."""
    return next((entry for entry in running if entry.stream is not None and entry.stream.shape == shape), None)


def _kind(n_queries: int, n_keys: int) -> str:
    if n_queries == N_TOKENS:
        return "encoder"
    return "decoder" if n_keys != N_TOKENS else "cross"


def _numbered(found: list[tuple[AttentionLayer, _Entry]]) -> list[tuple[AttentionLayer, _Entry]]:
    """Return the layers in the order of their numbers: blocks of the encoder, of the decoder, cross-attentions."""
    numbered: list[tuple[AttentionLayer, _Entry]] = []
    start = 0
    for kind in ("encoder", "decoder", "cross"):
        own = [(layer, entry) for layer, entry in found if layer.attention == kind]
        numbers = [int(entry.name.rpartition(".")[2]) for _, entry in own]
        if len(set(numbers)) < len(numbers):  # blocks that are called several times, or several lists of blocks
            numbers = list(range(len(own)))
        numbered += [(replace(layer, layer=start + n), entry) for (layer, entry), n in zip(own, numbers, strict=True)]
        start += max(numbers, default=-1) + 1
    return sorted(numbered, key=lambda pair: pair[0].layer)


def _connected(numbered: list[tuple[AttentionLayer, _Entry]], trial: _Trial) -> Iterator[AttentionLayer]:
    """Yield the layers with the arrays that hold the streams entering and leaving their blocks."""
    keeper: dict[tuple[str, int], int] = {}
    for layer, entry in numbered:
        keeper.setdefault((entry.name, entry.call), layer.layer)
    for layer, entry in numbered:
        block = entry.name, entry.call
        if _close(trial.left.get(block), trial.written[layer.name, layer.call]):
            raise PipelineError(f"{trial.place}: {entry.name} gives back its attention alone, {NO_STREAM}")
        after = {keeper[e.name, e.call] for _, e in numbered if _close(trial.left.get(block), e.stream, 0.0)}
        after.discard(keeper[block])  # a block that changes nothing leaves what entered it
        kind = layer.attention if trial.decodes else "self"
        yield replace(layer, attention=kind, entering=keeper[block], leaving=min(after, default=None))


def _close(one: Tensor | None, other: Tensor | None, rtol: float = 1e-3) -> bool:
    return one is not None and other is not None and one.shape == other.shape and torch.allclose(one, other, rtol, 0.0)
