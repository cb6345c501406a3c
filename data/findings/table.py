"""The examples as one table that the detectors look at."""

import pandas as pd

from data.examples import Examples
from data.findings.finding import SHOWN, quoted
from data.spec import DatasetSpec

BEFORE = 40  # characters shown before two texts differ


def joined(examples: Examples) -> pd.DataFrame:
    """Return one row an example: its text with the span, its label, group, control key, fold, and row of the source.

    Args:
        examples: Of the dataset.

    Example:
        >>> from pathlib import Path
        >>> from data.examples import build_examples
        >>> from data.sources import read_source
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/verb_tense.yaml"))
        >>> list(joined(build_examples(spec, read_source(spec, Path(".")).rows, 5, 0)))
        ['example_id', 'text', 'start', 'end', 'label', 'group', 'control_key', 'fold', 'row']
    """
    labels = examples.labels.drop(columns="example_id")
    return pd.concat([examples.texts, labels, examples.rows.rename("row")], axis=1)


def is_grouped(spec: DatasetSpec) -> bool:
    """Return whether the spec says which texts belong together; to say that each is its own group does not.

    Args:
        spec: What the dataset is.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> is_grouped(load_spec(Path("data/specs/wic.yaml")))
        True
    """
    group, text = spec.columns.group, spec.columns.text
    return group is not None and (group.pattern is not None or not {"$text", text}.issuperset(group.columns))


def told_apart(one: pd.Series, other: pd.Series) -> str:
    """Return how two examples are called in a message; long texts are shown from shortly before they differ.

    Args:
        one: A row of `joined`.
        other: Another.

    Example:
        >>> told_apart(*(pd.Series({"row": n, "text": f"It is {n}.", "label": "x"}) for n in (1, 2)))
        "row 1 'It is 1.' (x) and row 2 'It is 2.' (x)"
    """
    letters = enumerate(zip(one["text"], other["text"], strict=False))
    differ = next((at for at, (left, right) in letters if left != right), 0)
    return " and ".join(
        f"row {each['row']} {quoted(_from(each['text'], differ - BEFORE))} ({each['label']})" for each in (one, other)
    )


def _from(text: str, start: int) -> str:
    return text if len(text) <= SHOWN or start <= 0 else "…" + text[start:]
