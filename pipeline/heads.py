"""Capture the output of every head, and what the baselines need, at the tokens that are read."""

import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.forward import model_inputs, trial_ids
from pipeline.layout import Shapes, array_shapes, split_rows
from pipeline.models import LoadedModel
from pipeline.reader import Batch, Reader, Stop, reading

DAMAGED = "the weights may be damaged or overflow: check the model's output on that text"
OVERFLOWS = "freshly initialised weights overflow on that text: try another `extract.seed`"


class NotFiniteError(PipelineError):
    """A number in the activations that is not finite.

    Attributes:
        place: Where in the model, such as `layer 3, head 7`.
        row: Row of the batch of the first example that has such a number.
        way_out: What to do about it.
    """

    def __init__(self, place: str, row: int, way_out: str, text: str = "") -> None:
        text = text or f"row {row} of the batch"
        super().__init__(f"{place}, {text}: not a finite number in the activations; {way_out}")
        self.place, self.row, self.way_out = place, row, way_out

    def of_example(self, example_id: str) -> "NotFiniteError":
        """Return the same error with the text named, for who knows which example the row is."""
        return NotFiniteError(self.place, self.row, self.way_out, f"example {example_id}")


@torch.inference_mode()
def capture(model: LoadedModel, batch: Batch, *, untrained: bool = False, narrow: bool = False) -> Tensor:
    """Return what every head and the residual stream hold at the tokens read.

    The batch is padded on the right, so that positions count from the text's own start in every architecture and a
    causal model never sees the padding; tokens are gathered by explicit index. Nothing runs after the last number that
    is wanted.

    Args:
        model: The model.
        batch: Texts, and tokens to read.
        untrained: The model is an untrained twin, which is a baseline of its z only: it goes by other names.
        narrow: Behind the last z, compute the tokens that are read and no others; where `narrows` allows it.

    Returns:
        (n_examples, row_width) float32 on the CPU: the arrays of `pipeline.layout.array_shapes` side by side.

    Raises:
        NotFiniteError: If a value is not finite.
        PipelineError: If the model leaves out a layer that it had when it was loaded.
    """
    ids, mask = _pad(batch.ids, model.device)
    shapes = array_shapes(model, untrained=untrained)
    reader = Reader(batch, ids, shapes, narrow=narrow and not untrained)
    with reading(model, reader, untrained=untrained), suppress(Stop):
        model.body(**model_inputs(model.body.config, ids, mask))
    if reader.missing:
        raise PipelineError(f"{model.model_type}: never computed in this pass: {', '.join(sorted(reader.missing))}")
    if not untrained:
        reader.embed(model.body.get_input_embeddings())
    rows = reader.rows.cpu()
    if not torch.isfinite(rows).all():
        _refuse(rows, shapes, OVERFLOWS if untrained else DAMAGED)
    return rows


def narrows(model: LoadedModel) -> bool:
    """Return whether `capture` may leave out, behind the last z, the tokens that are not read: tried on a short batch.

    Args:
        model: The model.
    """
    read = torch.tensor([3, 1, 2])
    batch = Batch(trial_ids(model.body, 3, 5).tolist(), torch.arange(3), read, read)
    whole = capture(model, batch)
    try:
        narrow = capture(model, batch, narrow=True)
    except (RuntimeError, ValueError, TypeError, IndexError):  # a block that wants to see the whole sequence
        return False
    return torch.allclose(narrow, whole, rtol=1e-3, atol=1e-4 * whole.abs().max().item())


def _pad(ids: Sequence[Sequence[int] | NDArray[np.int32]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and mask, (batch, pos) int64 each. Token 0 fills up: masked, and right of everything read."""
    lengths = torch.tensor([len(row) for row in ids])
    padded = torch.zeros(len(ids), int(lengths.max()), dtype=torch.int64)
    for row, tokens in enumerate(ids):
        padded[row, : len(tokens)] = torch.as_tensor(tokens)
    mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long()
    return padded.to(device), mask.to(device)


def _refuse(rows: Tensor, shapes: Shapes, way_out: str) -> None:
    """Name the first array with a number that is not finite: the nearest to the cause."""
    for name, array in split_rows(rows, shapes).items():
        if not torch.isfinite(array).all():
            row, *inside = (~torch.isfinite(array)).nonzero()[0].tolist()
            raise NotFiniteError(_place(name, inside[0]), row, way_out)


def _place(name: str, unit: int) -> str:
    """Return an array's place in words; `unit` is the head where the array has heads."""
    kind, _, rest = name.partition("/")
    layer = int(digits.group()) if (digits := re.search(r"\d+", rest)) else None
    if kind in ("z", "untrained"):
        return f"{'untrained twin, ' if kind == 'untrained' else ''}layer {layer}, head {unit}"
    if kind == "residual" and layer is not None:
        return f"residual stream {'leaving' if rest.endswith('out') else 'entering'} layer {layer}"
    return "residual stream leaving the last layer" if kind == "residual" else "static embedding"
