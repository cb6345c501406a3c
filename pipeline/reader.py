"""Hooks that copy what is wanted, at the tokens that are read, and stop a forward pass when nothing more is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.attention import AttentionLayer
from pipeline.errors import PipelineError
from pipeline.forward import is_linear, stream_in, stream_out
from pipeline.layout import Shapes, row_width, split_rows, streams_entering, streams_leaving
from pipeline.models import LoadedModel
from pipeline.store import EMBEDDING, untrained_name, z_name

Calls = dict[int, str]  # which call of a module in a forward pass is kept under which name


@dataclass(frozen=True)
class Batch:
    """Texts that run together, and what is read of them.

    Attributes:
        ids: Token ids of each text, unpadded.
        text: Which text each example reads, (n_examples,) int64.
        first: First token read, (n_examples,) int64.
        last: Last token read, (n_examples,) int64; where it differs from `first` the mean over the range is taken.
    """

    ids: Sequence[Sequence[int] | NDArray[np.int32]]
    text: Tensor
    first: Tensor
    last: Tensor


class Stop(Exception):
    """Everything wanted has been read: what is left of the forward pass need not run."""


class Reader:
    """What the hooks of one forward pass have read.

    Attributes:
        rows: (n_examples, row_width) float32, where the model's embeddings are.
        narrow: Whether behind the last z nothing but the tokens read is computed.
        narrowing: Whether the last z has passed.
        missing: Arrays not read yet; the static embedding is not counted.
    """

    def __init__(self, batch: Batch, ids: Tensor, shapes: Shapes, *, narrow: bool) -> None:
        self.rows = torch.empty(len(batch.text), row_width(shapes), device=ids.device)
        self._slots = split_rows(self.rows, shapes)
        self.missing = set(shapes) - {EMBEDDING}
        self._ids, self._read = ids, {torch.device("cpu"): (batch.text, batch.first, batch.last)}
        self._single = bool((batch.first == batch.last).all())
        self.narrow = narrow and self._single and torch.equal(batch.text, torch.arange(len(batch.ids)))
        self.narrowing = False

    def read(self, name: str, hidden: Tensor, shift: int) -> None:
        """Keep what hidden (batch, pos, width) holds at the tokens read.

        Args:
            name: Of the array.
            hidden: What a module reads or writes.
            shift: How many tokens stand before the text's own in this stack: a decoder's start token.

        Raises:
            Stop: If this was the last array wanted.
            PipelineError: If the positions are not those of the tokens, as they were when the model was loaded.
        """
        if not self._is_stream(hidden, shift):
            raise PipelineError(
                f"{name}: {tuple(hidden.shape)} holds no place for each of {self._ids.shape[1]} tokens of "
                f"{len(self._ids)} texts, so the one to read is not known; drop texts that are this long"
            )
        slot = self._slots[name]
        slot.copy_(self._taken(hidden, shift).view(slot.shape))
        self.missing.discard(name)
        if not self.missing:
            raise Stop

    def embed(self, embedding: nn.Module) -> None:
        """Keep the static embedding of the tokens read."""
        text, first, _ = self._read_on(self._ids.device)
        whole = embedding(self._ids[text, first]) if self._single else self._taken(embedding(self._ids), 0)
        self._slots[EMBEDDING].copy_(whole)

    def narrowed(self, hidden: Tensor, shift: int) -> Tensor:
        """Return hidden (batch, pos, width) at the token read, (batch, 1, width); of another shape, as it is."""
        return self._taken(hidden, shift)[:, None] if self._is_stream(hidden, shift) else hidden

    def _is_stream(self, hidden: Tensor, shift: int) -> bool:
        """Return whether hidden is (batch, pos, width), with a place for every token."""
        return hidden.ndim == 3 and hidden.shape[:2] == (len(self._ids), self._ids.shape[1] + shift)

    def _read_on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Return text, first and last of the examples on a device; copied there once, not for every array."""
        if device not in self._read:
            text, first, last = next(iter(self._read.values()))
            self._read[device] = text.to(device), first.to(device), last.to(device)
        return self._read[device]

    def _taken(self, hidden: Tensor, shift: int) -> Tensor:
        text, first, last = self._read_on(hidden.device)
        if self._single:
            return hidden[text, last + shift]
        at = torch.arange(hidden.shape[1], device=hidden.device) - shift
        wanted = (at >= first[:, None]) & (at <= last[:, None])
        nothing = torch.zeros((), dtype=hidden.dtype, device=hidden.device)
        return torch.where(wanted[:, :, None], hidden[text], nothing).sum(1) / (last - first + 1)[:, None]


@contextmanager
def reading(model: LoadedModel, reader: Reader, *, untrained: bool) -> Iterator[None]:
    """Read z before each output projection and, of a trained model, the residual stream too; always unhook.

    Args:
        model: The model whose forward pass is read.
        reader: Where to.
        untrained: Whether it is the twin.

    Yields:
        Nothing.
    """
    handles = [*_z_hooks(model, reader, untrained)]
    if not untrained:
        handles += _stream_hooks(model, reader)
    if reader.narrow:
        handles += _narrow_hooks(model.layers[-1], reader)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _z_hooks(model: LoadedModel, reader: Reader, untrained: bool) -> Iterator[Any]:
    name = untrained_name if untrained else z_name
    for layers in _grouped(model.layers, lambda layer: layer.projection):
        calls = {layer.call: name(layer.layer) for layer in layers}
        hook = _z_hook(reader, calls, _shift(layers[0]), name(model.layers[-1].layer))
        yield layers[0].projection.register_forward_pre_hook(hook)


def _stream_hooks(model: LoadedModel, reader: Reader) -> Iterator[Any]:
    """Hook the blocks: on the way in where their stream is kept, on the way out where no next block keeps it."""
    entering, leaving = streams_entering(model), streams_leaving(model)
    names = {layer.layer: (entering[i], leaving[i]) for i, layer in enumerate(model.layers)}
    for layers in _grouped(model.layers, lambda layer: layer.block):
        shift = _shift(layers[0])
        calls = {layer.block_call: names[layer.layer][0] for layer in layers}
        yield layers[0].block.register_forward_pre_hook(_enter_hook(reader, calls, shift), with_kwargs=True)
        calls = {layer.block_call: names[layer.layer][1] for layer in layers if layer.leaving is None}
        if calls:
            yield layers[0].block.register_forward_hook(_leave_hook(reader, calls, shift))


def _narrow_hooks(layer: AttentionLayer, reader: Reader) -> Iterator[Any]:
    """Hook the last block's linear layers: behind its z they are position-wise, and few positions are read."""
    hook = _narrow_hook(reader, _shift(layer))
    for module in layer.block.modules():
        if is_linear(module):
            yield module.register_forward_pre_hook(hook)


def _z_hook(reader: Reader, calls: Calls, shift: int, last: str) -> Callable[..., None]:
    count = _Counter(calls)

    def hook(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if name := count.next():
            reader.narrowing = reader.narrow and name == last
            reader.read(name, args[0], shift)

    return hook


def _enter_hook(reader: Reader, calls: Calls, shift: int) -> Callable[..., None]:
    count = _Counter(calls)

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        stream = stream_in(args, kwargs)
        if (name := count.next()) and stream is not None:
            reader.read(name, stream, shift)

    return hook


def _leave_hook(reader: Reader, calls: Calls, shift: int) -> Callable[..., None]:
    count = _Counter(calls)

    def hook(_module: nn.Module, _args: object, output: Any) -> None:
        stream = stream_out(output)
        if (name := count.next()) and stream is not None:
            reader.read(name, stream, shift)

    return hook


def _narrow_hook(reader: Reader, shift: int) -> Callable[..., tuple[Tensor, ...] | None]:
    def hook(_module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (reader.narrowed(args[0], shift),) if reader.narrowing else None

    return hook


class _Counter:
    """Tells which call of a module this is, by the name it is kept under."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._count = calls, -1

    def next(self) -> str | None:
        self._count += 1
        return self._calls.get(self._count)


def _grouped(layers: Sequence[AttentionLayer], key: Callable[[AttentionLayer], object]) -> list[list[AttentionLayer]]:
    """Return the layers by the module they share."""
    groups: dict[int, list[AttentionLayer]] = {}
    for layer in layers:
        groups.setdefault(id(key(layer)), []).append(layer)
    return list(groups.values())


def _shift(layer: AttentionLayer) -> int:
    return 1 if layer.attention in ("decoder", "cross") else 0
