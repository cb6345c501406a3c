"""What extraction takes of memory and disk: `python -m benchmarks.memory [--examples 2000 50000]`.

The stage runs as a process of its own on a small random BERT and made-up sentences, once for each number of examples.
Printed: the peak of its resident memory, and the size of z in the store as a multiple of examples x layers x heads x
d_head x bytes of a number.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[1]
SIZES = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 256}
WORDS = ["the", "a", "cat", "dog", "bird", "runs", "sings", "sleeps", "sees", "red", "old", "here", "now", "and"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--examples", type=int, nargs="+", default=[2_000, 50_000])
    counts = parser.parse_args().examples
    print(f"{'examples':>10}{'peak MiB':>10}{'to first':>10}{'disk / numbers':>16}")
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder))
        peaks = []
        for count in counts:
            write_texts(Path(folder), count)
            peaks.append(peak_memory(Path(folder)))
            ratio = disk_ratio(Path(folder) / "data/activations/small/made_up")
            print(f"{count:10}{peaks[-1] / 2**20:10.1f}{peaks[-1] / peaks[0]:9.3f} x{ratio:14.4f} x", flush=True)


def make_project(folder: Path) -> None:
    """Write params, a spec and a model."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    BertModel(BertConfig(vocab_size=len(special) + len(WORDS), **SIZES)).save_pretrained(folder / "model")
    (folder / "model/vocab.txt").write_text("\n".join([*special, *WORDS]))
    BertTokenizerFast(str(folder / "model/vocab.txt")).save_pretrained(folder / "model")
    write_project(folder, {"small": {"source": "./model"}})


def write_project(folder: Path, models: dict[str, dict[str, str]]) -> None:
    """Write params with these models and one made-up dataset, and its card."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"models": models, "datasets": {"made_up": {}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "data/examples/made_up").mkdir(parents=True)
    (folder / "data/examples/made_up/card.json").write_text('{"readout": "last", "too_long": "error"}')


def write_texts(folder: Path, count: int) -> None:
    """Write distinct sentences of 4 to 24 words."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 25))) for _ in range(count)]
    table = pd.DataFrame({"example_id": [f"e{i}" for i in range(count)], "text": texts, "start": 0})
    path = folder / "data/examples/made_up/texts.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.assign(end=table["text"].str.len()).to_parquet(path, index=False)


def peak_memory(folder: Path) -> int:
    """Run the stage; return the peak of its resident memory in bytes."""
    command = [sys.executable, "-m", "pipeline.stages.extract", "small", "made_up"]
    with subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the stage ended with status {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def disk_ratio(store: Path) -> float:
    """Return the bytes of the files of z over those of its numbers."""
    manifest = json.loads((store / "manifest.json").read_text())
    n_examples = len(pd.read_parquet(store / "index.parquet"))
    width = sum(heads * d for heads, d in zip(manifest["n_heads"], manifest["d_head"], strict=True))
    assert not any(name.startswith("z/") for name in manifest["float32"])
    return sum(path.stat().st_size for path in (store / "z").glob("*.npy")) / (2 * n_examples * width)


if __name__ == "__main__":
    main()
