"""From a cell, checked as far as that goes without its model, to a finished store: resumed, shared out, assembled."""

import gc
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.align import TokenizedTexts
from pipeline.assemble import assemble
from pipeline.batches import Shard, plan_shards
from pipeline.checkpoint import Checkpoint
from pipeline.device import choose_device
from pipeline.errors import PipelineError
from pipeline.extraction import Pass
from pipeline.heads import narrows
from pipeline.job import describe_job
from pipeline.layout import Shapes, array_shapes, row_width, streams_entering, streams_leaving
from pipeline.models import SPLIT, LoadedModel, build_twin, load_model
from pipeline.progress import counted, tell
from pipeline.ranks import Ranks
from pipeline.recomposition import check_batching, check_recomposition
from pipeline.store import finish_store
from pipeline.work import Rows, discard_work, has_shard, prepare_work, read_shard, shard_path

SHARD_BYTES = 2**30  # of one shard at most: two are in memory, and are lost when a run is killed


@dataclass(frozen=True)
class Cell:
    """All that is known of a cell before its model is loaded.

    Attributes:
        model: Slug.
        dataset: Slug.
        checkpoint: The model's files.
        config: The model's configuration.
        readout: `last`, `first`, `span` or `mean`.
        example_ids: Name of each example that fits the model's context.
        tokens: Their texts, and what is read of them.
        dropped: Examples that do not fit.
        precision: As for `load_model`.
        batch_tokens: Tokens in one padded batch.
        seed: Of the twin.
    """

    model: str
    dataset: str
    checkpoint: Checkpoint
    config: Any
    readout: str
    example_ids: list[str]
    tokens: TokenizedTexts
    dropped: list[str]
    precision: str
    batch_tokens: int
    seed: int

    @property
    def store(self) -> Path:
        """Folder of the finished store."""
        return Path("data/activations") / self.model / self.dataset

    @property
    def work(self) -> Path:
        """Folder of the work in progress."""
        return Path("data/unfinished") / self.model / self.dataset

    @property
    def title(self) -> str:
        """Stage and cell, as DVC names them."""
        return f"extract {self.model} {self.dataset}"


@dataclass(frozen=True)
class Speed:
    """How fast a process read; a pass that was finished earlier counts for nothing.

    Attributes:
        tokens: Tokens read, by the model and by its twin.
        seconds: What that took.
    """

    tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Speed") -> "Speed":
        """Return both one after the other."""
        return Speed(self.tokens + other.tokens, self.seconds + other.seconds)


@dataclass(frozen=True)
class _Plan:
    """How the work is cut up.

    Attributes:
        cell: The cell.
        shards: All of them.
        shapes: For `trained` and `untrained`, array name to the shape of one example.
    """

    cell: Cell
    shards: list[Shard]
    shapes: dict[str, Shapes]

    def missing(self, kind: str, shards: list[Shard]) -> list[Shard]:
        """Return those of some shards that are to be computed; damaged ones are told of and computed again."""
        return [shard for shard in shards if not self._there(kind, shard)]

    def rows(self, kind: str) -> Iterator[tuple[NDArray[np.int64], Rows]]:
        """Yield examples and rows of every shard of a pass."""
        for shard in self.shards:
            yield shard.examples, read_shard(*self._file(kind, shard))

    def missing_bytes(self) -> int:
        """Return what the missing shards and the store take on disk."""
        width = {kind: row_width(shapes) for kind, shapes in self.shapes.items()}
        shards = sum(
            4 * width[kind] * len(shard.examples) for kind in width for shard in self.missing(kind, self.shards)
        )
        return shards + 2 * sum(width.values()) * len(self.cell.tokens)

    def _file(self, kind: str, shard: Shard) -> tuple[Path, tuple[int, int]]:
        shape = len(shard.examples), row_width(self.shapes[kind])
        return shard_path(self.cell.work, kind, shard.number), shape

    def _there(self, kind: str, shard: Shard) -> bool:
        path, shape = self._file(kind, shard)
        try:
            return has_shard(path, shape)
        except PipelineError as error:
            tell(f"{error}: computed again")
            path.unlink(missing_ok=True)  # so that it is told once
            return False


def extract(cell: Cell, ranks: Ranks) -> Speed:
    """Compute what is not there yet, write the store, and return how fast this process read.

    Args:
        cell: The cell; its work in progress is locked by the first process.
        ranks: This process among those that share the work.

    Raises:
        PipelineError: If the model is not supported, its twin is another model, an activation is not finite, or the
            disk too small.
        OSError: If the disk is full.
    """
    source = cell.checkpoint.source
    if ranks.first:
        _prepare(cell, ranks.device)
    model = _checked(load_model(cell.checkpoint, ranks.device, cell.precision), source)
    plan, facts = _plan(cell, model), _facts(model)
    if ranks.first:
        _check_room(plan)
    ranks.wait()  # for the first one to have prepared the work
    own = ranks.share(plan.shards)
    speed = _run(plan, "trained", model, own, ranks)
    del model
    gc.collect()  # one of the two in memory at a time: a model may lie in a reference cycle when nobody uses it
    if plan.missing("untrained", own):
        twin = build_twin(cell.config, source, cell.seed, ranks.device, cell.precision)
        _check_twin(source, _facts(twin), facts)
        speed += _run(plan, "untrained", _checked(twin, f"{source}, untrained twin"), own, ranks)
    ranks.wait()  # for all shards
    if ranks.first:
        _finish(plan, facts)
    ranks.wait()
    return speed


def _prepare(cell: Cell, device: str) -> None:
    """Keep the shards of an earlier run of the same job, and say what becomes of those of another one."""
    kind = device if device == SPLIT else choose_device(device).type  # whatever its number, and however many share
    settings = {"precision": cell.precision, "batch_tokens": cell.batch_tokens, "seed": cell.seed, "device": kind}
    differing = prepare_work(cell.work, describe_job(cell.checkpoint, cell.example_ids, cell.tokens, settings))
    if differing:
        tell(f"{cell.work}: half-finished work with other {', '.join(differing)} is deleted; starting over")


def _checked(model: LoadedModel, source: str) -> LoadedModel:
    check_recomposition(model, source)
    check_batching(model, source)
    return model


def _plan(cell: Cell, model: LoadedModel) -> _Plan:
    shapes = {"trained": array_shapes(model), "untrained": array_shapes(model, untrained=True)}
    max_rows = max(1, SHARD_BYTES // (4 * row_width(shapes["trained"])))
    return _Plan(cell, plan_shards(cell.tokens.lengths, cell.tokens.text, cell.batch_tokens, max_rows), shapes)


def _check_room(plan: _Plan) -> None:
    """Refuse what the disk cannot hold, before it is computed."""
    needed, free = plan.missing_bytes(), shutil.disk_usage(plan.cell.work).free
    if needed > free:
        raise PipelineError(
            f"{plan.cell.store}: needs {needed / 2**30:.1f} GiB on disk until it is finished, {free / 2**30:.1f} GiB "
            "are free; make room, or take fewer examples"
        )


def _run(plan: _Plan, kind: str, model: LoadedModel, own: list[Shard], ranks: Ranks) -> Speed:
    """Compute the missing ones among this process's shards of one pass, and return how fast."""
    cell, shards = plan.cell, plan.missing(kind, own)
    title = cell.title if kind == "trained" else f"{cell.title}, untrained twin"
    total, missing = (sum(len(shard.examples) for shard in some) for some in (own, shards))
    if missing < total and ranks.first:
        tell(f"{title}: {total - missing} of {total} examples are there from an earlier run")
    if not shards:
        return Speed()
    narrow = kind == "trained" and narrows(model)
    begun = time.perf_counter()
    with counted(title, total, "example", total - missing, quiet=not ranks.first) as done:
        Pass(model, cell.tokens, cell.example_ids, kind, narrow).run(cell.work, shards, done)
    tokens = sum(int(cell.tokens.lengths[batch].sum()) for shard in shards for batch in shard.batches)
    return Speed(tokens, time.perf_counter() - begun)


def _check_twin(source: str, twin: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    if twin != model:
        raise PipelineError(
            f"{source}: the model built from config.json is {twin}, the one that was loaded is {model}; the checkpoint "
            "does not belong to its config.json"
        )


def _finish(plan: _Plan, facts: Mapping[str, Any]) -> None:
    """Write the store from the shards, its manifest last, and delete the shards."""
    cell, tokens = plan.cell, plan.cell.tokens
    shutil.rmtree(cell.store, ignore_errors=True)
    wide: list[str] = []
    for kind, shapes in plan.shapes.items():
        wide += assemble(cell.store, shapes, partial(plan.rows, kind), len(tokens))
    origin = {"source": cell.checkpoint.source, "revision": cell.checkpoint.revision}
    origin["weights_sha256"] = cell.checkpoint.sha256
    manifest = {"model": cell.model, "dataset": cell.dataset, **origin, **facts}
    manifest |= {"dtype": "float16", "float32": wide, "untrained_seed": cell.seed, "readout": cell.readout}
    manifest["dropped_too_long"] = cell.dropped
    n_tokens = tokens.lengths[tokens.text]
    finish_store(
        cell.store,
        pd.DataFrame({"example_id": cell.example_ids, "position": tokens.last, "n_tokens": n_tokens}),
        manifest,
    )
    discard_work(cell.work)


def _facts(model: LoadedModel) -> dict[str, Any]:
    """Return what the manifest says of a model, and what its twin has to share; lists are by layer."""
    return {
        "model_type": model.model_type,
        "precision": str(model.body.dtype).removeprefix("torch."),
        "n_layers": len(model.layers),
        "layers": [layer.layer for layer in model.layers],
        "attention": [layer.attention for layer in model.layers],
        "n_heads": [layer.n_heads for layer in model.layers],
        "d_head": [layer.d_head for layer in model.layers],
        "d_model": model.d_model,
        "entering": streams_entering(model),
        "leaving": streams_leaving(model),
    }
