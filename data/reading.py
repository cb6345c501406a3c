"""Ask a model's tokenizer which tokens of the examples would be read; needs the model's files, but no weights.

The packages know nothing of each other, so the question goes to a process: `python -m pipeline.reading`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.errors import DataError

TOP = Path(__file__).parents[1]  # where the package pipeline lies


@dataclass(frozen=True)
class TokensRead:
    """The tokens of one example.

    Attributes:
        tokens: All of its text, with the special tokens around it.
        first: Index of the first token read, or None where no token touches the span.
        last: Index of the last one.
    """

    tokens: tuple[str, ...]
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Reading:
    """What a model would read of a dataset.

    Attributes:
        context: Most tokens that the model reads at once, or None where it has no limit.
        n_too_long: Examples with more tokens than that.
        refusals: Messages that the stage extract would stop with.
        examples: Example id -> its tokens, of the examples asked for.
    """

    context: int | None
    n_too_long: int
    refusals: tuple[str, ...]
    examples: dict[str, TokensRead]


def ask_model(model: str, readout: str, too_long: str, texts: pd.DataFrame, shown: Sequence[str]) -> Reading:
    """Return what a model would read of the examples.

    Args:
        model: Its slug under `models:` of the params.yaml here.
        readout: Of the dataset.
        too_long: Of the dataset.
        texts: Columns example_id, text, start and end.
        shown: Examples whose tokens are wanted.

    Raises:
        DataError: If there is no such model, it has no usable tokenizer, or the examples cannot be tokenized.

    Example:
        >>> texts = pd.DataFrame({"example_id": ["e1"], "text": ["It fell."], "start": [3], "end": [7]})
        >>> ask_model("minimum", "span", "error", texts, shown=["e1"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        data.errors.DataError: params.yaml: models.minimum is not there; it has ...minilm...
    """
    columns = texts[["example_id", "text", "start", "end"]]
    request = {"readout": readout, "too_long": too_long, "shown": list(shown), "examples": columns.to_dict("records")}
    answer = json.loads(_run(model, json.dumps(request)))
    examples = {
        row["example_id"]: TokensRead(tuple(row["tokens"]), row["first"], row["last"]) for row in answer["examples"]
    }
    return Reading(answer["context"], answer["n_too_long"], tuple(answer["refusals"]), examples)


def _run(model: str, request: str) -> str:
    paths = [str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "pipeline.reading", model]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0:
        return done.stdout
    _, told, message = f"\n{done.stderr}".rpartition("\nerror: ")
    raise DataError(message.strip() if told else f"python -m pipeline.reading {model} failed:\n{done.stderr.strip()}")
