"""Capture the output of every head, and what the baselines need, at the tokens that are read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.models import LoadedModel
from pipeline.store import residual_name, untrained_name, z_name

DAMAGED = "the weights may be damaged or overflow: check the model's output on that text"
OVERFLOWS = "freshly initialised weights overflow on that text: try another `extract.seed`"


class NotFiniteError(PipelineError):
    """A number in the activations that is not finite.

    Attributes:
        place: Where in the model, such as `layer 3, head 7`.
        row: Row of the batch of the first text that has such a number.
        way_out: What to do about it.
    """

    def __init__(self, place: str, row: int, way_out: str, text: str = "") -> None:
        text = text or f"row {row} of the batch"
        super().__init__(f"{place}, {text}: not a finite number in the activations; {way_out}")
        self.place, self.row, self.way_out = place, row, way_out

    def of_example(self, example_id: str) -> "NotFiniteError":
        """Return the same error with the text named, for who knows which example the row is."""
        return NotFiniteError(self.place, self.row, self.way_out, f"example {example_id}")


@dataclass
class _Seen:
    """What the hooks of one forward pass have read, by array name."""

    read: Callable[[Tensor], Tensor]
    arrays: dict[str, Tensor] = field(default_factory=dict)


def array_shapes(model: LoadedModel, n_examples: int, *, untrained: bool = False) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every array that `capture` fills, rows being examples.

    Args:
        model: The model.
        n_examples: Rows of every array.
        untrained: As for `capture`.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in zip(_head_names(model, untrained), model.layers, strict=True):
        shapes[name] = (n_examples, layer.n_heads, layer.d_head)
    if untrained:
        return shapes
    for number in range(len(model.layers)):
        shapes[residual_name(number)] = (n_examples, model.d_model)
    shapes[residual_name(None)] = (n_examples, model.d_model)
    embedding = model.body.get_input_embeddings().weight  # narrower than the residual stream in electra and opt-350m
    shapes["embedding"] = (n_examples, embedding.shape[1])
    return shapes


@torch.inference_mode()
def capture(
    model: LoadedModel, ids: Sequence[Sequence[int]], first: Tensor, last: Tensor, *, untrained: bool = False
) -> dict[str, Tensor]:
    """Return what every head and the residual stream hold at the tokens read.

    The batch is padded on the right, so that positions count from the text's own start in every architecture and a
    causal model never sees the padding; tokens are gathered by explicit index.

    Args:
        model: The model.
        ids: Token ids of each text, unpadded.
        first: First token read of each text, (batch,) int64.
        last: Last token read, (batch,) int64; where it differs from `first` the mean over the range is taken.
        untrained: The model is an untrained twin, which is a baseline of its z only: it goes by other names.

    Returns:
        Arrays by store name, float32 on the CPU: z (batch, n_heads, d_head); the residual stream entering each layer
        and leaving the last one, (batch, d_model) each; the static token embedding, (batch, its own width). Of an
        untrained twin z alone.

    Raises:
        NotFiniteError: If a value is not finite.
    """
    padded, mask = _pad(ids, model.device)
    seen = _Seen(lambda hidden: _read(hidden, first.to(hidden.device), last.to(hidden.device)))
    with _hooked(model, seen, untrained):
        model.body(input_ids=padded, attention_mask=mask)
    if not untrained:
        seen.arrays["embedding"] = seen.read(model.body.get_input_embeddings()(padded))
    arrays = {name: array.float().cpu() for name, array in seen.arrays.items()}
    for name, layer in zip(_head_names(model, untrained), model.layers, strict=True):
        arrays[name] = arrays[name].reshape(-1, layer.n_heads, layer.d_head)
    _check_finite(arrays, len(model.layers), untrained)
    return arrays


def _head_names(model: LoadedModel, untrained: bool) -> list[str]:
    return [untrained_name(number) if untrained else z_name(number) for number in range(len(model.layers))]


def _pad(ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and mask, (batch, pos) int64 each. Token 0 fills up: masked, and right of everything read."""
    width = max(map(len, ids))
    padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=device)
    return padded, mask


def _read(hidden: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Return hidden (batch, pos, width) averaged over first..last of each row, (batch, width); exact for one token."""
    at = torch.arange(hidden.shape[1], device=hidden.device)
    wanted = (at >= first[:, None]) & (at <= last[:, None])
    summed = torch.where(wanted[:, :, None], hidden, torch.zeros((), dtype=hidden.dtype, device=hidden.device)).sum(1)
    return summed / (last - first + 1)[:, None].to(hidden.dtype)


@contextmanager
def _hooked(model: LoadedModel, seen: _Seen, untrained: bool) -> Iterator[None]:
    """Read z before each output projection and, of a trained model, the residual stream too; always unhook."""
    handles = []
    for name, layer in zip(_head_names(model, untrained), model.layers, strict=True):
        handles.append(layer.projection.register_forward_pre_hook(_z_hook(seen, name)))
    if not untrained:
        for number, layer in enumerate(model.layers):
            hook = _block_hook(seen, residual_name(number))
            handles.append(layer.block.register_forward_pre_hook(hook, with_kwargs=True))
        handles.append(model.layers[-1].block.register_forward_hook(_final_hook(seen)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _z_hook(seen: _Seen, name: str) -> Callable[..., None]:
    def hook(_module: object, args: tuple[Tensor, ...]) -> None:
        seen.arrays[name] = seen.read(args[0])

    return hook


def _block_hook(seen: _Seen, name: str) -> Callable[..., None]:
    def hook(_module: object, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        seen.arrays[name] = seen.read(args[0] if args else kwargs["hidden_states"])

    return hook


def _final_hook(seen: _Seen) -> Callable[..., None]:
    def hook(_module: object, _args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        seen.arrays[residual_name(None)] = seen.read(output if isinstance(output, Tensor) else output[0])

    return hook


def _check_finite(arrays: dict[str, Tensor], n_layers: int, untrained: bool) -> None:
    for name, array in arrays.items():  # in the order of the forward pass: the first one is the nearest to the cause
        if not torch.isfinite(array).all():
            row, *inside = (~torch.isfinite(array)).nonzero()[0].tolist()
            raise NotFiniteError(_place(name, inside[0], n_layers), row, OVERFLOWS if untrained else DAMAGED)


def _place(name: str, unit: int, n_layers: int) -> str:
    """Return an array's place in words; `unit` is the head where the array has heads."""
    for layer in range(n_layers):
        if name == z_name(layer):
            return f"layer {layer}, head {unit}"
        if name == untrained_name(layer):
            return f"untrained twin, layer {layer}, head {unit}"
        if name == residual_name(layer):
            return f"residual stream entering layer {layer}"
    return "residual stream leaving the last layer" if name == residual_name(None) else "static embedding"
