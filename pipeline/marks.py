"""Mark every head where it is computed, and read the marks where heads are used.

A mark is a doubling. All rows of a batch hold the same tokens; row r doubles the output of head h where bit r - 1 of
h + 1 is set, and row 0 doubles nothing. Doubling is exact in every float format, and stays visible behind a gate that
multiplies the heads. The attention operation is known by its place in torch, not by its name in a model: the softmax
over keys, or torch's whole attention function.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

BITS = 8  # up to 255 heads in a layer
ROWS = BITS + 1
SOFTMAX = (functional.softmax, torch.softmax, Tensor.softmax)


class HeadMarks(TorchFunctionMode):
    """While active, marks the heads of every attention operation that works on ROWS rows.

    Attributes:
        pending: Heads and keys of the last attention operation, until somebody sets it to None.
        unread: Whether another attention operation came before somebody did.
        foreign: Whether there was an attention in which heads have no known place, such as one over blocks of keys or
            with heads behind the positions, or more heads than there are marks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pending: tuple[int, int] | None = None
        self.unread = False
        self.foreign = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the function, then mark what comes out if it is an attention."""
        output = func(*args, **(kwargs or {}))
        if func is functional.scaled_dot_product_attention:
            key = args[1] if len(args) > 1 else (kwargs or {})["key"]
            return self._marked(output, key.shape[-2])
        return self._marked(output, output.shape[-1]) if func in SOFTMAX else output

    def _marked(self, output: Tensor, n_keys: int) -> Tensor:
        n_heads = _head_count(output)
        if n_heads is None or n_heads >= 2**BITS:
            self.foreign = self.foreign or output.ndim > 3 or n_heads is not None
            return output
        self.unread = self.unread or self.pending is not None
        self.pending = n_heads, n_keys
        factors = 1 + _code(n_heads).to(output)
        return output * (factors[:, :, None, None] if output.ndim == 4 else factors.reshape(-1, 1, 1))


def rows_differ(hidden: Tensor) -> bool:
    """Return whether rows of the same tokens hold different numbers, beyond rounding.

    Args:
        hidden: What a layer reads, (ROWS, ...), or flattened to (ROWS x pos, width).
    """
    if hidden.shape[0] % ROWS:
        return False
    by_row = hidden.nan_to_num(0, 0, 0).reshape(ROWS, -1)  # damaged weights are told of later, by layer and head
    return bool((by_row - by_row[:1]).abs().max() > 0.25 * by_row[:1].abs().max())


def unmarked(hidden: Tensor) -> Tensor:
    """Return a tensor (ROWS, ...) with every row as the unmarked one is."""
    return hidden[:1].expand_as(hidden).contiguous()


def misplaced_heads(z: Tensor, n_heads: int) -> str | None:
    """Return what is wrong with z if it is not all heads, one beside the other, or None where it is.

    Args:
        z: Input of an output projection under marks, (ROWS, pos, width).
        n_heads: Heads of the attention operation before it.
    """
    if z.shape[-1] % n_heads:
        return f"{z.shape[-1]} numbers, not a multiple of {n_heads} heads"
    flat = z.double().reshape(ROWS, -1, z.shape[-1])
    energy = flat[0].square().sum(0)
    excess = (flat * flat[:1]).sum(1) / energy.clamp_min(torch.finfo(torch.float64).tiny) - 1
    expected = _code(n_heads).to(excess).repeat_interleave(z.shape[-1] // n_heads, dim=1)
    wrong = ((excess - expected).abs() > 0.05).any(0) & (energy > 0)
    if not wrong.any():
        return None
    foreign = ((excess.abs() < 0.05).all(0) & (energy > 0)).sum().item()
    if foreign:
        return f"{z.shape[-1]} numbers, {foreign} of which come from no head"
    return f"{z.shape[-1]} numbers, {int(wrong.sum())} of which do not belong to one head alone"


def _head_count(output: Tensor) -> int | None:
    """Return the heads in (batch, heads, pos, any) or (batch x heads, pos, any); None of another shape."""
    if output.ndim == 4 and output.shape[0] == ROWS:
        return output.shape[1]
    if output.ndim == 3 and output.shape[0] > ROWS and output.shape[0] % ROWS == 0:
        return output.shape[0] // ROWS
    return None


def _code(n_heads: int) -> Tensor:
    """Return which heads each row doubles, (ROWS, n_heads) of 0 and 1; no two heads alike, and none in row 0."""
    bits = torch.arange(1, n_heads + 1) >> torch.arange(BITS)[:, None] & 1
    return torch.cat([torch.zeros(1, n_heads, dtype=torch.int64), bits])
