"""Stage `extract@<model>-<dataset>`: texts and a model in, the activations store out."""

import argparse
import gc
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from tqdm import tqdm

from pipeline.align import TokenizedTexts, check_context, tokenize
from pipeline.batches import plan_batches
from pipeline.checkpoint import Checkpoint, ModelEntry, find_checkpoint
from pipeline.errors import PipelineError, exit_on
from pipeline.heads import NotFiniteError, array_shapes, capture
from pipeline.models import LoadedModel, build_twin, context_length, load_config, load_model, load_tokenizer
from pipeline.params import load_params, read_section
from pipeline.recomposition import check_recomposition
from pipeline.store import create_arrays, finish_store


@dataclass(frozen=True)
class ExtractParams:
    """The section `extract` of params.yaml.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch_tokens: Tokens in one padded batch.
        seed: Of the re-initialised twin model.
    """

    device: str
    batch_tokens: int
    seed: int


@dataclass(frozen=True)
class _Pass:
    """What a pass over the texts reads and where it writes.

    Attributes:
        title: Stage and cell, for the progress bar.
        example_ids: Name of each text that fits the context.
        tokens: Those texts.
        folder: The store.
        settings: The section `extract`.
    """

    title: str
    example_ids: list[str]
    tokens: TokenizedTexts
    folder: Path
    settings: ExtractParams


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
    cell = parser.parse_args(argv)
    params = load_params(Path("params.yaml"))
    settings = _read_settings(params)
    entry = read_section(params, f"models.{cell.model}", ModelEntry)
    checkpoint = find_checkpoint(cell.model, entry)
    readout, too_long = _reading_rules(Path("data/specs") / f"{cell.dataset}.yaml")
    texts = _read_texts(Path("data/examples") / cell.dataset / "texts.parquet")
    config = load_config(checkpoint)
    kept, tokens = _tokenize(checkpoint, config, texts, readout, too_long)
    folder, title = Path("data/activations") / cell.model / cell.dataset, f"extract {cell.model} {cell.dataset}"
    job = _Pass(title, kept, tokens, folder, settings)
    facts = _run_model(checkpoint, job)
    gc.collect()  # one of the two in memory at a time: a model may lie in a reference cycle when nobody uses it
    _run_twin(checkpoint, config, job, facts)
    dropped = sorted(set(texts["example_id"]) - set(kept))
    manifest = {"model": cell.model, "dataset": cell.dataset, **_origin(checkpoint), **facts, "dtype": "float32"}
    manifest |= {"untrained_seed": settings.seed, "readout": readout, "dropped_too_long": dropped}
    index = pd.DataFrame({"example_id": kept, "position": tokens.last, "n_tokens": [len(row) for row in tokens.ids]})
    finish_store(folder, index, manifest)
    print(f"{title}: {len(kept)} examples, {len(dropped)} dropped as too long")
    if entry.sha256 is None:  # DVC watches params.yaml, not the folder
        print(f"models.{cell.model} is not pinned; with `sha256: {checkpoint.sha256}` a changed file becomes an error")


def _read_settings(params: Mapping[str, Any]) -> ExtractParams:
    settings = read_section(params, "extract", ExtractParams)
    if settings.batch_tokens < 1:
        raise PipelineError(f"params.yaml: extract.batch_tokens: expected at least 1, got {settings.batch_tokens}")
    if not 0 <= settings.seed < 2**32:
        raise PipelineError(f"params.yaml: extract.seed: expected 0 to 2**32 - 1, got {settings.seed}")
    return settings


def _reading_rules(spec: Path) -> tuple[str, str]:
    """Return readout and too_long of a dataset; the rest of its spec is no business of this stage."""
    try:
        rules = yaml.safe_load(spec.read_text(encoding="utf-8"))
        return rules["readout"], rules["too_long"]
    except (FileNotFoundError, KeyError, TypeError, yaml.YAMLError) as error:
        raise PipelineError(
            f"{spec}: no `readout` and `too_long` to be read ({error}); see python -m data.check {spec}"
        ) from None


def _read_texts(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; make it with `dvc repro examples@{path.parent.name}`")
    return pd.read_parquet(path)


def _tokenize(
    checkpoint: Checkpoint, config: Any, texts: pd.DataFrame, readout: str, too_long: str
) -> tuple[list[str], TokenizedTexts]:
    """Return the texts that fit the model's context, names and tokens."""
    tokenizer = load_tokenizer(checkpoint)
    ids = texts["example_id"].tolist()
    spans = list(zip(texts["start"], texts["end"], strict=True))
    tokens = tokenize(tokenizer, ids, texts["text"].tolist(), spans, readout)
    kept = check_context(ids, tokens, context_length(config, tokenizer), too_long)
    return [ids[row] for row in kept], tokens.keep(kept)


def _run_model(checkpoint: Checkpoint, job: _Pass) -> dict[str, Any]:
    """Stream the model's own pass into a new store; return the model's facts."""
    model = load_model(checkpoint, job.settings.device)
    check_recomposition(model, checkpoint.source)
    shutil.rmtree(job.folder, ignore_errors=True)
    _stream(model, job, untrained=False)
    return _facts(model)


def _run_twin(checkpoint: Checkpoint, config: Any, job: _Pass, facts: dict[str, Any]) -> None:
    """Stream z of the untrained twin into the same store; `facts` are those of the model."""
    twin = build_twin(config, checkpoint.source, job.settings.seed, job.settings.device)
    if _facts(twin) != facts:
        raise PipelineError(
            f"{checkpoint.source}: the model built from config.json is {_facts(twin)}, the one that was loaded is "
            f"{facts}; the checkpoint does not belong to its config.json"
        )
    check_recomposition(twin, f"{checkpoint.source}, untrained twin")
    _stream(twin, job, untrained=True)


def _stream(model: LoadedModel, job: _Pass, *, untrained: bool) -> None:
    """Run the model batch by batch; each batch goes to disk before the next one runs."""
    tokens = job.tokens
    arrays = create_arrays(job.folder, array_shapes(model, len(tokens.ids), untrained=untrained))
    first, last = torch.from_numpy(tokens.first), torch.from_numpy(tokens.last)
    title = f"{job.title}, untrained twin" if untrained else job.title
    with tqdm(total=len(tokens.ids), desc=title, unit="text", disable=None) as bar:  # quiet off a terminal
        for rows in plan_batches([len(row) for row in tokens.ids], job.settings.batch_tokens):
            ids = [tokens.ids[row] for row in rows]
            try:
                captured = capture(model, ids, first[rows], last[rows], untrained=untrained)
            except NotFiniteError as error:
                raise error.of_example(job.example_ids[rows[error.row]]) from None
            for name, values in captured.items():
                arrays[name][rows] = values.numpy()
            bar.update(len(rows))


def _origin(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"source": checkpoint.source, "revision": checkpoint.revision, "weights_sha256": checkpoint.sha256}


def _facts(model: LoadedModel) -> dict[str, Any]:
    """Return what the manifest says of a model, and what its twin has to share."""
    return {
        "model_type": model.model_type,
        "n_layers": len(model.layers),
        "n_heads": [layer.n_heads for layer in model.layers],
        "d_head": [layer.d_head for layer in model.layers],
        "d_model": model.d_model,
    }


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
