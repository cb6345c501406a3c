"""Stage `extract@<model>-<dataset>`: texts and a model in, the activations store out."""

import argparse
import shutil
from collections.abc import Sequence
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
from pipeline.heads import array_shapes, capture
from pipeline.models import LoadedModel, context_length, load_config, load_model, load_tokenizer
from pipeline.params import load_params, read_section
from pipeline.recomposition import check_recomposition
from pipeline.store import create_arrays, finish_store


@dataclass(frozen=True)
class ExtractParams:
    """The section `extract` of params.yaml.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        batch_tokens: Tokens in one padded batch.
    """

    device: str
    batch_tokens: int


def main(argv: Sequence[str] | None = None) -> None:
    """Run one cell: check everything that needs no model, then load it and stream z to disk.

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
    settings = read_section(params, "extract", ExtractParams)
    if settings.batch_tokens < 1:
        raise PipelineError(f"params.yaml: extract.batch_tokens: expected at least 1, got {settings.batch_tokens}")
    entry = read_section(params, f"models.{cell.model}", ModelEntry)
    checkpoint = find_checkpoint(cell.model, entry)
    readout, too_long = _reading_rules(Path("data/specs") / f"{cell.dataset}.yaml")
    texts = _read_texts(Path("data/examples") / cell.dataset / "texts.parquet")

    tokenizer, config = load_tokenizer(checkpoint), load_config(checkpoint)
    ids = texts["example_id"].tolist()
    spans = list(zip(texts["start"], texts["end"], strict=True))
    tokens = tokenize(tokenizer, ids, texts["text"].tolist(), spans, readout)
    kept = check_context(ids, tokens, context_length(config, tokenizer), too_long)

    model = load_model(checkpoint, settings.device)
    check_recomposition(model, checkpoint.source)
    folder = Path("data/activations") / cell.model / cell.dataset
    shutil.rmtree(folder, ignore_errors=True)
    tokens = tokens.keep(kept)
    _stream(model, tokens, folder, settings.batch_tokens, f"extract {cell.model} {cell.dataset}")
    index = pd.DataFrame({"example_id": [ids[row] for row in kept], "position": tokens.last})
    index["n_tokens"] = [len(row) for row in tokens.ids]
    dropped = sorted(set(ids) - set(index["example_id"]))
    finish_store(folder, index, _manifest(cell.model, cell.dataset, checkpoint, model, readout, dropped))
    print(f"extract {cell.model} {cell.dataset}: {len(index)} examples, {len(dropped)} dropped as too long")
    if entry.sha256 is None:  # DVC watches params.yaml, not the folder
        print(f"models.{cell.model} is not pinned; with `sha256: {checkpoint.sha256}` a changed file becomes an error")


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


def _stream(model: LoadedModel, tokens: TokenizedTexts, folder: Path, budget: int, title: str) -> None:
    """Run the model batch by batch; each batch goes to disk before the next one runs."""
    arrays = create_arrays(folder, array_shapes(model, len(tokens.ids)))
    first, last = torch.from_numpy(tokens.first), torch.from_numpy(tokens.last)
    with tqdm(total=len(tokens.ids), desc=title, unit="text", disable=None) as bar:  # quiet off a terminal
        for rows in plan_batches([len(row) for row in tokens.ids], budget):
            captured = capture(model, [tokens.ids[row] for row in rows], first[rows], last[rows])
            for name, values in captured.items():
                arrays[name][rows] = values.numpy()
            bar.update(len(rows))


def _manifest(
    model_slug: str, dataset: str, checkpoint: Checkpoint, model: LoadedModel, readout: str, dropped: list[str]
) -> dict[str, Any]:
    return {
        "model": model_slug,
        "dataset": dataset,
        "source": checkpoint.source,
        "revision": checkpoint.revision,
        "weights_sha256": checkpoint.sha256,
        "model_type": model.model_type,
        "n_layers": len(model.layers),
        "n_heads": [layer.n_heads for layer in model.layers],
        "d_head": [layer.d_head for layer in model.layers],
        "d_model": model.d_model,
        "dtype": "float32",
        "readout": readout,
        "dropped_too_long": dropped,
    }


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
