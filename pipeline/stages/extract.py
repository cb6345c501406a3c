"""Stage `extract@<model>-<dataset>`: texts and a model in, the activations store out."""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.align import check_context, tokenize
from pipeline.checkpoint import ModelEntry, find_checkpoint
from pipeline.device import choose_device, choose_dtype
from pipeline.engine import Cell, Speed, extract
from pipeline.errors import PipelineError, exit_on
from pipeline.jsonfile import read_json
from pipeline.models import SPLIT, context_length, load_config, load_tokenizer
from pipeline.params import load_params, read_section
from pipeline.ranks import join_ranks
from pipeline.work import full_disk_told, lock_work


@dataclass(frozen=True)
class ExtractParams:
    """The section `extract` of params.yaml.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `split`.
        devices: Processes on each node, each with a device of its own.
        num_nodes: Machines.
        precision: `auto`, `32-true`, `bf16-true` or `16-true`.
        batch_tokens: Tokens in one padded batch.
        seed: Of the re-initialised twin model.
    """

    device: str
    devices: int
    num_nodes: int
    precision: str
    batch_tokens: int
    seed: int


def main(argv: Sequence[str] | None = None) -> None:
    """Run one cell: check everything that needs no model, then stream z of the model and of its twin to disk.

    Args:
        argv: Model and dataset; the command line's when None.

    Raises:
        PipelineError: If params, texts or model are not fit to run.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.stages.extract", description=main.__doc__)
    parser.add_argument("model")
    parser.add_argument("dataset")
    names = parser.parse_args(argv)
    begun = time.perf_counter()
    # MKL rounds by the number of threads unless it is told otherwise before its first product: the store must not
    # depend on how many cores or processes share the work.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    params = load_params(Path("params.yaml"))
    settings = _read_settings(params)
    entry = read_section(params, f"models.{names.model}", ModelEntry)
    cell = _read_cell(names.model, names.dataset, settings, entry)
    ranks = join_ranks(settings.device, settings.devices, settings.num_nodes)
    own: AbstractContextManager[None] = lock_work(cell.work) if ranks.first else nullcontext()
    with own, full_disk_told(Path("data")):
        speed = extract(cell, ranks)
    if ranks.first:
        print(_told(cell, speed, ranks.count, time.perf_counter() - begun))
    if ranks.first and entry.sha256 is None:  # DVC watches params.yaml, not the folder
        print(f"models.{cell.model} is not pinned; with `sha256: {cell.checkpoint.sha256}` a changed file is an error")


def _told(cell: Cell, speed: Speed, n_processes: int, seconds: float) -> str:
    """Return the line about a finished cell."""
    lengths = cell.tokens.lengths
    rate = f"{speed.tokens / speed.seconds:,.0f} tokens/s" if speed.tokens else "read by an earlier run"
    each = " in each of several processes" if speed.tokens and n_processes > 1 else ""
    return (
        f"{cell.title}: {len(cell.tokens)} examples, {len(cell.dropped)} dropped as too long; {len(lengths)} texts of "
        f"{lengths.sum():,} tokens, {rate}{each}, {seconds:.1f} s"
    )


def _read_settings(params: Mapping[str, Any]) -> ExtractParams:
    settings = read_section(params, "extract", ExtractParams)
    for name in ("batch_tokens", "devices", "num_nodes"):
        if getattr(settings, name) < 1:
            raise PipelineError(f"params.yaml: extract.{name}: expected at least 1, got {getattr(settings, name)}")
    if not 0 <= settings.seed < 2**32:
        raise PipelineError(f"params.yaml: extract.seed: expected 0 to 2**32 - 1, got {settings.seed}")
    device = choose_device("auto" if settings.device == SPLIT else settings.device)
    choose_dtype(settings.precision, device)
    return settings


def _read_cell(model: str, dataset: str, settings: ExtractParams, entry: ModelEntry) -> Cell:
    """Return the cell with its texts tokenized: whatever can be wrong without the model is found here."""
    checkpoint = find_checkpoint(model, entry)
    examples = Path("data/examples") / dataset
    texts = _read_texts(examples / "texts.parquet")
    readout, too_long = _reading_rules(examples / "card.json")
    config, tokenizer = load_config(checkpoint), load_tokenizer(checkpoint)
    ids = texts["example_id"].tolist()
    spans = list(zip(texts["start"].tolist(), texts["end"].tolist(), strict=True))
    tokens = tokenize(tokenizer, ids, texts["text"].tolist(), spans, readout)
    kept = check_context(ids, tokens, context_length(config, tokenizer), too_long)
    example_ids = [ids[row] for row in kept]
    dropped = sorted(set(ids) - set(example_ids))
    return Cell(
        *(model, dataset, checkpoint, config, readout, example_ids, tokens.keep(kept), dropped),
        *(settings.precision, settings.batch_tokens, settings.seed),
    )


def _reading_rules(card: Path) -> tuple[str, str]:
    """Return readout and too_long of a dataset; the rest of its card is no business of this stage."""
    rules = read_json(card)
    try:
        return rules["readout"], rules["too_long"]
    except (KeyError, TypeError):
        raise PipelineError(
            f"{card}: has no `readout` and `too_long`; make it again with `dvc repro -f -s examples@{card.parent.name}`"
        ) from None


def _read_texts(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; make it with `dvc repro examples@{path.parent.name}`")
    return pd.read_parquet(path)


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
