"""How others get z: what `benchmarks.extract` times our extraction beside.

Each rival has a function that loads the model the way its documentation does, and one that reads the same texts and
returns z of every text's last token. All run in float32 and in inference mode, and their batches hold neighbours in
length, which their users would have to see to themselves: no rival is slower here than as it is commonly written.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.models import LoadedModel, wrap_model

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
SIZES = (1, 8, 32, 128)


@dataclass(frozen=True)
class Batch:
    """Texts that run together, padded on the right.

    Attributes:
        rows: Number of each text, (batch,).
        ids: Token ids, (batch, pos) int64.
        mask: 1 where a token is, 0 where padding is, (batch, pos) int64.
    """

    rows: Ints
    ids: Tensor
    mask: Tensor

    def last(self, hidden: Tensor) -> Tensor:
        """Return hidden (batch, pos, ...) at the last token of each text, (batch, its width)."""
        return hidden[torch.arange(len(hidden)), self.mask.sum(1) - 1].flatten(1)


@dataclass(frozen=True)
class Target:
    """The model whose heads are read.

    Attributes:
        folder: Its files, in Hugging Face format.
        body: Loaded by ourselves, without a language-model head.
        is_causal: Whether it generates text, left to right.
    """

    folder: Path
    body: LoadedModel
    is_causal: bool


@dataclass(frozen=True)
class Loaded:
    """A model as a rival loads it.

    Attributes:
        model: What the rival runs.
        kind: Class of the transformers model inside.
        projections: Output projection of every layer, as the rival names it.
        n_heads: Heads of a layer.
    """

    model: Any
    kind: str
    projections: Sequence[Any]
    n_heads: int


@dataclass(frozen=True)
class Rival:
    """One way to get z.

    Attributes:
        load: Loads the model; not timed.
        run: Reads the batches, and returns z (n_texts, n_layers, n_heads, d_head), or None where it keeps nothing.
        sizes: Numbers of texts in a batch to choose the fastest of; empty where it runs our own batches.
        package: What has to be installed.
    """

    load: Callable[[Target], Loaded]
    run: Callable[[Loaded, Sequence[Batch]], Floats | None]
    sizes: tuple[int, ...] = ()
    package: str = "transformers"


def plain(loaded: Loaded, batches: Sequence[Batch]) -> None:
    """Run the model and keep nothing, neither z nor keys and values for a next token.

    Args:
        loaded: From `load_body`.
        batches: What it reads.
    """
    options = {"use_cache": False} if getattr(loaded.model.config, "use_cache", False) else {}
    with torch.inference_mode():
        for batch in batches:
            loaded.model(input_ids=batch.ids, attention_mask=batch.mask, **options)


def transformer_lens(loaded: Loaded, batches: Sequence[Batch]) -> Floats:
    """Return z from TransformerLens's default `run_with_cache`, which caches every hook point.

    Args:
        loaded: From `load_bridge`.
        batches: What it reads.
    """
    parts = []
    with torch.inference_mode():
        for batch in batches:
            _, cache = loaded.model.run_with_cache(batch.ids, attention_mask=batch.mask)
            parts.append([batch.last(cache["z", layer]) for layer in range(len(loaded.projections))])
    return in_order(batches, parts, loaded.n_heads)


def nnsight(loaded: Loaded, batches: Sequence[Batch]) -> Floats:
    """Return z from nnsight traces that save what every output projection reads.

    Args:
        loaded: From `load_nnsight`.
        batches: What it reads.
    """
    model, projections, parts = loaded.model, loaded.projections, []
    with torch.inference_mode():
        for batch in batches:
            with model.trace({"input_ids": batch.ids, "attention_mask": batch.mask}):
                saved = [projection.input for projection in projections].save()
            parts.append([batch.last(hidden) for hidden in saved])
    return in_order(batches, parts, loaded.n_heads)


def iti(loaded: Loaded, batches: Sequence[Batch]) -> Floats:
    """Return z from hooks, prompt by prompt with all hidden states, as the code of ITI does (Li et al. 2023).

    Args:
        loaded: From `load_language_model`, or `load_body` for z without a head.
        batches: What it reads, one text each.
    """
    states: list[Tensor] = []
    parts, residual = [], []
    hooks = [
        projection.register_forward_pre_hook(lambda _module, args: states.append(args[0][0, -1].detach().clone()))
        for projection in loaded.projections
    ]
    with torch.inference_mode():
        for batch in batches:
            states.clear()
            hidden = loaded.model(input_ids=batch.ids, output_hidden_states=True).hidden_states
            residual.append(torch.stack(hidden).squeeze(1).cpu().numpy()[:, -1].copy())
            parts.append([state[None] for state in states])
    for hook in hooks:
        hook.remove()
    return in_order(batches, parts, loaded.n_heads)


def in_order(batches: Sequence[Batch], parts: Sequence[Sequence[Tensor]], n_heads: int) -> Floats:
    """Return z (n_texts, n_layers, n_heads, d_head) in the order of the texts.

    Args:
        batches: What was read.
        parts: For every batch, each layer's heads side by side, (batch, n_heads * d_head).
        n_heads: Heads of a layer.
    """
    read = torch.cat([torch.stack(list(layers), 1) for layers in parts]).numpy()
    z = np.empty_like(read)
    z[np.concatenate([batch.rows for batch in batches])] = read
    return z.reshape(*z.shape[:2], n_heads, -1)


def load_body(target: Target) -> Loaded:
    """Return the model without a head, the same object that our own extraction runs.

    Args:
        target: The model.
    """
    return _hookable(target.body)


def load_language_model(target: Target) -> Loaded:
    """Return a causal model with its language-model head, an encoder without.

    Args:
        target: The model.
    """
    from transformers import AutoModelForCausalLM

    if not target.is_causal:
        return load_body(target)
    model = AutoModelForCausalLM.from_pretrained(target.folder, dtype=torch.float32)
    return _hookable(wrap_model(model, str(target.folder)))


def _hookable(model: LoadedModel) -> Loaded:
    projections = [layer.projection for layer in model.layers]
    return Loaded(model.body, type(model.body).__name__, projections, model.layers[0].n_heads)


def load_bridge(target: Target) -> Loaded:
    """Return the model as TransformerLens loads it: an encoder with a masked-LM head, of random weights if need be.

    Args:
        target: The model.
    """
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(str(target.folder), device="cpu")
    projections = [block.attn.o for block in bridge.blocks]
    return Loaded(bridge, type(bridge.original_model).__name__, projections, bridge.cfg.n_heads)


def load_nnsight(target: Target) -> Loaded:
    """Return the model as nnsight loads it for its task: a causal model with its head, an encoder without.

    Args:
        target: The model.
    """
    from nnsight import TransformersModel

    task = "text-generation" if target.is_causal else "feature-extraction"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that bert's module `output` goes by another name
        model = TransformersModel(str(target.folder), task=task, dtype=torch.float32, dispatch=True)
    places = dict(model.named_modules())
    names = [layer.name for layer in target.body.layers]
    projections = [next(places[path] for path in places if path.endswith(f".{name}")) for name in names]
    return Loaded(model, type(model._module).__name__, projections, target.body.layers[0].n_heads)


RIVALS = {
    "plain": Rival(load_body, plain),
    "transformer_lens": Rival(load_bridge, transformer_lens, SIZES, "transformer_lens"),
    "nnsight": Rival(load_nnsight, nnsight, SIZES, "nnsight"),
    "iti": Rival(load_language_model, iti, (1,)),
}
