"""What decides the rung of every head, criterion by criterion, as numbers and as met or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.report.results import MARGINS, ModelResults

GENERAL = ("margin_general", "margin_transfer")
P_VALUES = ("p_adjusted", "p_general", "p_transfer")
NUMBERS = (*P_VALUES, *(f"{name}{end}" for name in GENERAL for end in ("", "_low", "_high")))
TEXTS = ("general_variant", "transfer_to")


@dataclass(frozen=True)
class Criterion:
    """One thing that a rung asks for.

    Attributes:
        key: Column of the number that decides.
        rung: The rung that asks for it.
        label: What people read.
        p: Column of the p-value that has to lie below alpha as well; empty for none.
        where: Column that says on which variant or dataset the number was found; empty for none.
    """

    key: str
    rung: int
    label: str
    p: str = ""
    where: str = ""


DECODABLE = (
    Criterion("p_adjusted", 1, "p-value over heads and datasets of the family"),
    Criterion("accuracy", 1, "accuracy against the largest class"),
)
SELECTIVE = (
    Criterion(MARGINS["control_accuracy"], 2, "margin over the control task"),
    Criterion(MARGINS["surface"], 2, "margin over surface"),
    Criterion(MARGINS["embedding"], 2, "margin over the static embedding"),
    Criterion(MARGINS["untrained"], 2, "margin over the untrained model"),
    Criterion(MARGINS["projection"], 2, "margin over the random projection"),
)
# one of the two is enough
ELSEWHERE = (
    Criterion("margin_general", 3, "margin over the largest class, on a variant never seen", "p_general", TEXTS[0]),
    Criterion("margin_transfer", 3, "margin over the largest class, on another dataset", "p_transfer", TEXTS[1]),
)
CRITERIA = (*DECODABLE, *SELECTIVE, *ELSEWHERE)


def evidence(model: ModelResults, dataset: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers that decide the rungs on one dataset, one row for each of `scores`.

    Columns are `NUMBERS` (float, NaN for not measured), `TEXTS` (string, empty for none), `stretch` (float, the factor
    by which the intervals of rung 2 grow, NaN for unknown), and `met` (int, bit i for criterion i of `CRITERIA`).

    Args:
        model: Results of the model.
        dataset: Slug.
        scores: Accuracy, majority and margins with their ends, indexed by (layer, head).
    """
    told = _rows(model.assignments, dataset, [*NUMBERS, *TEXTS, "stretch"], scores.index)
    found = told[list(NUMBERS)].astype(float)
    profile = _rows(model.profile, dataset, ["p_adjusted"], scores.index)["p_adjusted"].astype(float)
    found["p_adjusted"] = found["p_adjusted"].fillna(profile)  # of heads that stand on no rung, too
    texts = told[list(TEXTS)].astype(object).where(told[list(TEXTS)].notna(), "")
    # one number for a dataset, written with each head that passed
    found = found.join(texts).assign(stretch=told["stretch"].astype(float).max())
    return found.assign(met=_bits(_met(found, scores, alpha_of(model))))


def alpha_of(model: ModelResults) -> float:
    """Return the error rate that p-values were held against, NaN where the taxonomy does not say.

    Args:
        model: Results of the model.
    """
    return float(model.taxonomy.get("thresholds", {}).get("alpha", "nan"))


def _rows(table: pd.DataFrame, dataset: str, columns: list[str], index: pd.Index) -> pd.DataFrame:
    """Return columns of the rows of a dataset by (layer, head), NaN where the table lacks them."""
    there = [column for column in columns if column in table]
    rows = table.loc[table["dataset"] == dataset, ["layer", "head", *there]]
    return rows.astype({"layer": int, "head": int}).set_index(["layer", "head"]).reindex(index=index, columns=columns)


def _met(found: pd.DataFrame, scores: pd.DataFrame, alpha: float) -> list[pd.Series]:
    """Return for each criterion which heads meet it; a number that is missing meets nothing."""
    stretch = found["stretch"].fillna(1.0)
    lengths = [(scores[entry.key], scores[f"{entry.key}_low"]) for entry in SELECTIVE]
    return [
        found["p_adjusted"] < alpha,
        scores["accuracy_low"] > scores["majority"],
        *(margin > stretch * (margin - low) for margin, low in lengths),
        *((found[f"{entry.key}_low"] > 0) & (found[entry.p] < alpha) for entry in ELSEWHERE),
    ]


def _bits(met: Sequence[pd.Series]) -> list[int]:
    return [sum(1 << bit for bit, value in enumerate(row) if value) for row in zip(*met, strict=True)]
