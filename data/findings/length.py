"""Labels that the length of a text, or the place of its span, gives away."""

import re

import pandas as pd

from data.findings.finding import Finding
from data.findings.rule import Rule, about_rule, rule_accuracy
from data.spec import DatasetSpec
from data.surface import TOKEN

WORD = re.compile(TOKEN)  # or a punctuation mark: as near to the tokens of a model as one gets without it


def about_length(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return what to know where a rule on words and characters of the text gives labels away.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> table = pd.DataFrame({"text": ["a cat", "a big black cat"] * 30, "label": ["short", "long"] * 30})
        >>> table["fold"] = table.index // 20
        >>> about_length(load_spec(Path("data/specs/verb_tense.yaml")), table)[0].message[:47]
        'How long a text is gives labels away: a rule on'
    """
    texts = table["text"]
    words, marked = texts.map(lambda text: len(text.split())), texts.map(_n_words)
    counts = pd.DataFrame({"words": words, "words with punctuation marks": marked, "characters": texts.str.len()})
    way_out = "Choose texts of like length in each class"
    return about_rule(spec, table, Rule("length", "How long a text is gives labels away", counts, way_out))


def about_position(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return what to know where the number of words before and after the span gives labels away.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> table = pd.DataFrame({"text": ["a cat ran"] * 60, "label": ["noun", "verb"] * 30})
        >>> table = table.assign(start=[2, 6] * 30, end=[5, 9] * 30, fold=table.index // 20)
        >>> about_position(load_spec(Path("data/specs/verb_tense.yaml")), table)[0].message[:43]
        'Where the span stands gives labels away: a '
    """
    if spec.readout != "span":
        return []
    cuts = list(zip(table["text"], table["start"], table["end"], strict=True))
    before = pd.Series([_n_words(text[:start]) for text, start, _ in cuts], index=table.index)
    after = pd.Series([_n_words(text[end:]) for text, _, end in cuts], index=table.index)
    counts = pd.DataFrame({"words before the span": before, "words after it": after})
    # A model that reads from left to right does not see what comes after, so it is told what the first alone gives.
    alone = rule_accuracy(counts.iloc[:, :1], table)
    way_out = f"Without the words after it, the rule reaches {alone:.3f}. Let spans of each class stand in like places"
    return about_rule(spec, table, Rule("position", "Where the span stands gives labels away", counts, way_out))


def _n_words(text: str) -> int:
    return len(WORD.findall(text))
