"""The ladder of evidence: which rung a head stands on for a feature, and the number that decides each."""

import pandas as pd

from probes.multiplicity import holm_over_cells

RUNGS = (
    (0, "not decodable", "no rung above"),
    (
        1,
        "decodable",
        "p_adjusted < alpha, family-wise over all heads and all datasets of the family, and the interval lies above "
        "majority",
    ),
    (
        2,
        "selective",
        "rung 1, and the paired intervals of the margins over control, surface, embedding, untrained and projection, "
        "stretched to hold for all heads and margins of the dataset at once, lie above 0; not where the control task "
        "was refused",
    ),
    (
        3,
        "general",
        "rung 2, and the interval of the margin over majority lies above 0 on every variant (template or vocabulary) "
        "for probes that never saw it, with p_general < alpha, or on every other dataset of the feature, with "
        "p_transfer < alpha",
    ),
    (4, "necessary", "rung 3, and ablating the head hurts the behaviour; not tested"),
)
# What rung 2 asks for, and rung 3; a margin that was not measured does not lie above 0.
SELECTIVE = ("selectivity", "margin_surface", "margin_embedding", "margin_untrained", "margin_projection")
GENERAL = ("margin_general", "margin_transfer")
ENDS = ("", "_low", "_high")
EVIDENCE = tuple(f"{name}{end}" for name in (*SELECTIVE, *GENERAL) for end in ENDS)
NOT_TESTED = "not tested"


def add_transfer(heads: pd.DataFrame, transfer: pd.DataFrame) -> pd.DataFrame:
    """Return the results tables with how the probes of each row do on the other datasets of its feature.

    A head has to do well on all of them, so the one with the lowest interval speaks for it, in the columns
    margin_transfer, its `_low` and `_high`, and transfer_to; p_transfer is the largest p-value of all.

    Args:
        heads: Results tables of all cells of a model, one under the other.
        transfer: Rows with layer, head, trained_on, tested_on, margin, margin_low, margin_high and p_value; none
            where no feature has two datasets.

    Example:
        >>> heads = pd.DataFrame({"layer": 0, "head": [0, 1], "dataset": "a"})
        >>> transfer = pd.DataFrame({"layer": 0, "head": [0, 0], "trained_on": "a", "tested_on": ["b", "c"],
        ...                          "margin": [0.3, 0.2], "margin_low": [0.1, 0.2], "margin_high": [0.5, 0.3],
        ...                          "p_value": 0.01})
        >>> add_transfer(heads, transfer)["transfer_to"].tolist()
        ['b', nan]
    """
    keys = ["layer", "head", "dataset"]
    names = {"margin": "margin_transfer", "margin_low": "margin_transfer_low", "margin_high": "margin_transfer_high"}
    renamed = transfer.rename(columns={"trained_on": "dataset", "tested_on": "transfer_to", **names})
    weakest = renamed.sort_values("margin_transfer_low", kind="stable").drop_duplicates(keys)
    weakest["p_transfer"] = (
        weakest[keys]
        .merge(renamed.groupby(keys, as_index=False)["p_value"].max(), on=keys, how="left")["p_value"]
        .to_numpy()
    )
    wanted = [*keys, *names.values(), "transfer_to", "p_transfer"]
    return heads.merge(weakest[wanted], on=keys, how="left", validate="many_to_one")


def adjust_p_values(heads: pd.DataFrame) -> pd.Series:
    """Return p-values that are family-wise over the heads and datasets of each family of features, (n_rows,).

    Families are kept apart, so that a dataset of one leaves the findings of the others as they were.

    Args:
        heads: Rows with family, dataset, layer, head and p_value; every dataset has a row for every head.

    Example:
        >>> rows = pd.DataFrame({"family": ["semantic", "semantic", "truth"], "dataset": list("abc"), "layer": 0,
        ...                      "head": 0, "p_value": [0.01, 0.5, 0.01]})
        >>> adjust_p_values(rows).tolist()
        [0.02, 0.5, 0.01]
    """
    adjusted = pd.Series(float("nan"), index=heads.index)
    for _, rows in heads.groupby("family", sort=True):
        ordered = rows.sort_values(["dataset", "layer", "head"])
        n_cells = ordered["dataset"].nunique()
        values = ordered["p_value"].to_numpy(dtype="float64").reshape(n_cells, -1)
        adjusted[ordered.index] = holm_over_cells(values).ravel()
    return adjusted


def holds_elsewhere(heads: pd.DataFrame, alpha: float) -> pd.Series:
    """Return what rung 3 adds to rung 2, bool: knowledge that holds on other variants or on other datasets.

    Args:
        heads: Rows with margin_general_low, p_general, margin_transfer_low and p_transfer; what is missing is no
            evidence.
        alpha: Error rate of the two p-values, over the heads of the model.

    Example:
        >>> rows = pd.DataFrame({"margin_general_low": [0.1, 0.1, -0.1], "p_general": [0.01, 0.2, 0.01]})
        >>> holds_elsewhere(rows, 0.05).tolist()
        [True, False, False]
    """
    asked = {"p_general": "margin_general_low", "p_transfer": "margin_transfer_low"}
    found = heads.reindex(columns=[*asked, *asked.values()]).astype("float64")
    general, transfers = ((found[low] > 0) & (found[p_value] < alpha) for p_value, low in asked.items())
    return general | transfers


def reach(heads: pd.DataFrame, name: str) -> pd.Series:
    """Return how far a margin reaches below its estimate, (n_rows,) float64: its interval, stretched.

    Args:
        heads: Rows with the margin, its lower end and, where intervals of a dataset hold together, stretch.
        name: Of the margin, one of `SELECTIVE`.

    Example:
        >>> rows = pd.DataFrame({"selectivity": [0.3], "selectivity_low": [0.25], "stretch": 2.0})
        >>> reach(rows, "selectivity").round(6).tolist()
        [0.1]
    """
    length = heads[name].astype("float64") - heads[f"{name}_low"].astype("float64")
    return length * heads.get("stretch", 1.0)


def decide_rungs(heads: pd.DataFrame, alpha: float) -> pd.Series:
    """Return the rung of every row of the results tables, int.

    Args:
        heads: Rows with p_adjusted, accuracy_low, majority and every margin in `SELECTIVE` with its lower end; stretch,
            which lengthens these intervals, is 1 where it is missing, and what `holds_elsewhere` asks is no evidence.
        alpha: Family-wise error rate.

    Example:
        >>> rows = pd.DataFrame({"p_adjusted": [0.01, 0.01, 0.2, 0.01], "accuracy_low": 0.6, "majority": 0.5})
        >>> rows = rows.assign(**dict.fromkeys(SELECTIVE, 0.2), **{f"{name}_low": 0.1 for name in SELECTIVE})
        >>> rows = rows.assign(selectivity_low=[0.1, None, 0.1, 0.1], margin_general_low=[0.1, 0.1, 0.1, -0.1])
        >>> decide_rungs(rows.assign(p_general=0.01), 0.05).tolist()
        [3, 1, 0, 2]
        >>> decide_rungs(rows.assign(stretch=2.0), 0.05).tolist()  # 0.2 - 2 (0.2 - 0.1) is not above 0
        [1, 1, 0, 1]
    """
    decodable = (heads["p_adjusted"] < alpha) & (heads["accuracy_low"] > heads["majority"])
    selective = decodable
    for name in SELECTIVE:
        selective = selective & (heads[name].astype("float64") > reach(heads, name))
    general = selective & holds_elsewhere(heads, alpha)
    return decodable.astype("int64") + selective + general
