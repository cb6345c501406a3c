"""What an extraction depends on, so that a run goes on with its own shards and never with another one's."""

import hashlib
from pathlib import Path
from typing import Any

import torch
import transformers

from pipeline.align import TokenizedTexts
from pipeline.checkpoint import Checkpoint


def describe_job(
    checkpoint: Checkpoint, example_ids: list[str], tokens: TokenizedTexts, settings: dict[str, Any]
) -> dict[str, str]:
    """Return all that the numbers depend on, each by the name under which a person knows it.

    Args:
        checkpoint: The model's files.
        example_ids: Examples that are read.
        tokens: Their texts, and the tokens read.
        settings: The params of `extract` that change numbers, by name.
    """
    arrays = (tokens.ids, tokens.bounds, tokens.text, tokens.first, tokens.last)
    texts = hashlib.sha256("\n".join(example_ids).encode())
    for array in arrays:
        texts.update(array.tobytes())
    return {
        "texts": texts.hexdigest(),
        "model": checkpoint.sha256,
        "config": hashlib.sha256((checkpoint.folder / "config.json").read_bytes()).hexdigest(),
        **{f"extract.{name}": str(value) for name, value in settings.items()},
        "libraries": f"torch {torch.__version__}, transformers {transformers.__version__}",
        "code": _code_sha256(),
    }


def _code_sha256() -> str:
    """Return the hash of this package's modules: shards of other code are not what this code computes."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
