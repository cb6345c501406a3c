"""The results table of a cell: one row a head, and what its columns are."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BASELINES = {
    "majority": "share of the most frequent class",
    "surface": "accuracy of a bag of uni- and bigrams on the same folds",
    "embedding": "accuracy of the static embedding of the token read",
    "untrained": "accuracy of the same head of the re-initialised model",
    "projection": "accuracy of a random d_head-wide projection of the residual stream entering the layer",
    "skyline": "accuracy of the whole residual stream leaving the layer",
}
COLUMNS = {
    "model": "slug of the model",
    "dataset": "slug of the dataset",
    "feature": "what the labels say",
    "family": "structural, syntactic, semantic, factual, truth or expression",
    "layer": "0-based",
    "head": "0-based, query heads",
    "attention": "self; in an encoder-decoder encoder, decoder or cross",
    "n_examples": "examples probed",
    "n_groups": "units that never cross a fold",
    "n_classes": "classes of the label",
    "accuracy": "out-of-fold, share of examples",
    "accuracy_low": "lower end of its cluster-bootstrap interval",
    "accuracy_high": "upper end of its cluster-bootstrap interval",
    "balanced_accuracy": "out-of-fold, mean over classes",
    "auroc": "out-of-fold; mean of one-vs-rest for more than two classes",
    "log_loss": "out-of-fold cross-entropy, nats an example",
    "information_bits": "label entropy minus held-out cross-entropy, bits an example",
    "codelength": "online codelength of all labels in bits; empty unless probe.codelength is on",
    "control_accuracy": "accuracy on random labels of the control keys; empty where refused",
    "selectivity": "accuracy - control_accuracy; empty where refused",
    "selectivity_low": "lower end of its paired cluster-bootstrap interval",
    "selectivity_high": "upper end of its paired cluster-bootstrap interval",
    **BASELINES,
    **{
        f"margin_{name}{end}": f"{what} accuracy - {name}, paired by example"
        for name in BASELINES
        for end, what in {
            "": "",
            "_low": "lower end of the interval of",
            "_high": "upper end of the interval of",
        }.items()
    },
    "general_accuracy": "accuracy on the weakest variant of probes that saw the others only; empty where refused",
    "margin_general": "general_accuracy - that variant's largest class, paired by example",
    "margin_general_low": "lower end of its cluster-bootstrap interval",
    "margin_general_high": "upper end of its cluster-bootstrap interval",
    "p_general": "share of randomly turned probes that do as well, family-wise over heads; the largest of all variants",
    "general_variant": "the variant on which the head is weakest, by the lower end",
    "null_accuracy": "accuracy of the probe that the null refits, which the p-value compares",
    "p_value": "family-wise over all heads of the cell, max-statistic permutation null",
    "c": "chosen inverse penalty C, median over the folds",
}


def head_name(layer: int, head: int) -> str:
    """Return the label of a head.

    Args:
        layer: 0-based.
        head: 0-based.

    Example:
        >>> head_name(3, 7)
        'L3H7'
    """
    return f"L{layer}H{head}"


def heads_table(
    cell: Mapping[str, object], places: Sequence[tuple[int, int]], scores: Mapping[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """Return the results table, one row a head, columns as in `COLUMNS`; what was not measured is missing.

    Args:
        cell: Values that all heads share: model, dataset, n_examples, majority and so on.
        places: Layer and head of each row.
        scores: Column to values, (n_heads,) each.

    Example:
        >>> table = heads_table({"model": "m"}, [(0, 0), (0, 1)], {"accuracy": np.array([0.5, 0.75])})
        >>> table[["model", "layer", "head", "accuracy"]].values.tolist()
        [['m', 0, 0, 0.5], ['m', 0, 1, 0.75]]
        >>> table["skyline"].isna().all()
        np.True_
    """
    layers, heads = zip(*places, strict=True)
    rows = {**cell, "layer": np.array(layers), "head": np.array(heads), **scores}
    unmeasured = np.full(len(places), np.nan)
    return pd.DataFrame({name: rows.get(name, unmeasured) for name in COLUMNS})
