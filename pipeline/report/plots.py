"""The tables that `dvc plots` draws with the templates in `.dvc/plots`."""

from collections.abc import Mapping

import pandas as pd

from pipeline.report.results import LAYER_COLUMNS, Atlas

DECIMALS = 6
HEAT_COLUMNS = ("model", "feature", "dataset", "layer", "head", "label", "accuracy")


def heat_map(atlas: Atlas) -> pd.DataFrame:
    """Return the accuracy of every head, one row per model x dataset x layer x head.

    Args:
        atlas: The run.
    """
    parts = [model.scores.assign(model=model.slug) for model in atlas.models]
    rows = pd.concat(parts, ignore_index=True)
    rows["label"] = [f"L{layer}H{head}" for layer, head in zip(rows["layer"], rows["head"], strict=True)]
    return rows[list(HEAT_COLUMNS)].round(DECIMALS)


def layer_table(layers: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the layer profiles of all models, one row per model x family x layer.

    Args:
        layers: Model -> its `layers.csv`, with the columns of `LAYER_COLUMNS`.
    """
    parts = [rows[list(LAYER_COLUMNS)].assign(model=slug) for slug, rows in layers.items()]
    return pd.concat(parts, ignore_index=True)[["model", *LAYER_COLUMNS]].round(DECIMALS)
