"""Which arrays are kept of a model, and how they lie side by side in one row of numbers for every example."""

import math

import torch
from torch import Tensor

from pipeline.models import LoadedModel
from pipeline.store import EMBEDDING, leaving_name, residual_name, untrained_name, z_name

Shapes = dict[str, tuple[int, ...]]


def array_shapes(model: LoadedModel, *, untrained: bool = False) -> Shapes:
    """Return name and shape, for one example, of every array kept, in the order of the forward pass.

    Args:
        model: The model.
        untrained: Whether it is the untrained twin, of which z alone is kept, by other names.
    """
    if untrained:
        return {untrained_name(layer.layer): (layer.n_heads, layer.d_head) for layer in model.layers}
    shapes: Shapes = {}
    for layer in model.layers:
        shapes.setdefault(residual_name(layer.entering), (layer.d_model,))
        shapes[z_name(layer.layer)] = (layer.n_heads, layer.d_head)
    for name, layer in zip(streams_leaving(model), model.layers, strict=True):
        shapes.setdefault(name, (layer.d_model,))
    embedding = model.body.get_input_embeddings().weight  # narrower than the residual stream in electra and opt-350m
    shapes[EMBEDDING] = (embedding.shape[1],)
    return shapes


def streams_entering(model: LoadedModel) -> list[str]:
    """Return the array of the residual stream entering each layer's block."""
    return [residual_name(layer.entering) for layer in model.layers]


def streams_leaving(model: LoadedModel) -> list[str]:
    """Return the array of the residual stream leaving each layer's block: mostly the one that enters the next."""
    end = model.layers[-1].entering
    own = [leaving_name(layer.entering, end) for layer in model.layers]
    after = [layer.leaving for layer in model.layers]
    return [name if layer is None else residual_name(layer) for name, layer in zip(own, after, strict=True)]


def row_width(shapes: Shapes) -> int:
    """Return how many numbers one example has in all arrays together."""
    return sum(math.prod(shape) for shape in shapes.values())


def split_rows(rows: Tensor, shapes: Shapes) -> dict[str, Tensor]:
    """Return the arrays, (n_examples, ...) each by name, that lie side by side in rows (n_examples, row_width)."""
    widths = [part.stop - part.start for part in column_slices(shapes).values()]
    parts = torch.split(rows, widths, dim=1)  # which refuses rows of another width
    return {name: part.view(-1, *shape) for part, (name, shape) in zip(parts, shapes.items(), strict=True)}


def column_slices(shapes: Shapes) -> dict[str, slice]:
    """Return which columns of a row each array takes."""
    slices, start = {}, 0
    for name, shape in shapes.items():
        slices[name] = slice(start, start + math.prod(shape))
        start += math.prod(shape)
    return slices
