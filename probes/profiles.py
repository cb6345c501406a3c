"""Where in a model the features of a family are read: one row a family and layer.

The share of a layer is the mean over its heads and the family's features. Its interval says what would change if other
features of the family had been probed and other heads of that kind were there: both vary, crossed, and so do their
interactions. The examples do not: what they leave open is in the interval of each head and adds little to a mean of
dozens. It is the t interval of a mean of two crossed random factors (Searle 1971: mean squares of features and of heads
less that of their interaction, degrees of freedom after Satterthwaite), not a bootstrap, which would draw from three to
eight features and come out too short. Simulated for 3, 5 and 8 features by 2, 4, 8 and 12 heads, with the variance
between features, between heads, in their interaction or mixed (1500 layers each), nominal 95 % covers 91.7 to 99.7 %,
most where only the interaction varies; the percentile bootstrap over heads x features covers 46 to 99.6 %.

Features of a family differ far more than layers do (0 to 1 for expression), so the interval of the share is wide in
every layer alike. To compare layers there is `shift`: each feature less its own mean over the layers of the stack, in
which what sets features apart cancels. Its interval, a tenth to a half as wide, covers 91.9 to 99.6 % where simulated
(3, 5 and 8 features, 4 and 12 heads, 4 and 12 layers; 1000 models each).
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probes.errors import ProbeError
from probes.families import FAMILIES
from probes.structure import profiles

Floats = NDArray[np.float64]
BANDS = ("shallow", "middle", "deep")
STACK = "attention"


def layer_band(layer: int, n_layers: int) -> str:
    """Return the third of the model that a layer stands in: shallow, middle or deep, by the middle of the layer.

    Args:
        layer: 0-based, counting layers with attention.
        n_layers: How many there are.

    Raises:
        ProbeError: If the layer is not one of them.

    Example:
        >>> [layer_band(layer, 6) for layer in range(6)]
        ['shallow', 'shallow', 'middle', 'middle', 'deep', 'deep']
        >>> layer_band(0, 1), layer_band(0, 2), layer_band(1, 2)  # both ends are alike
        ('middle', 'shallow', 'deep')
    """
    if not 0 <= layer < n_layers:
        raise ProbeError(f"layer_band: layer {layer} of {n_layers}; layers count from 0 to {n_layers - 1}")
    return BANDS[3 * (2 * layer + 1) // (2 * n_layers)]


def stack_depths(scores: pd.DataFrame) -> pd.DataFrame:
    """Return where each layer stands in its stack: attention, layer, depth (float64 in [0, 1]), band; one row a layer.

    The stacks of an encoder-decoder count for themselves, and layers without attention are not counted: depth is 0 in
    the first layer of the stack with heads and 1 in its last, 0 if there is one.

    Args:
        scores: Rows of one model: layer, attention.

    Example:
        >>> stack_depths(pd.DataFrame({"layer": [1, 3, 5, 3], "attention": "self"}))["depth"].tolist()
        [0.0, 0.5, 1.0]
    """
    layers = scores[[STACK, "layer"]].drop_duplicates().sort_values([STACK, "layer"]).reset_index(drop=True)
    place = layers.groupby(STACK).cumcount()
    count = layers.groupby(STACK)["layer"].transform("size")
    return layers.assign(
        depth=place / (count - 1).clip(lower=1),
        band=[layer_band(layer, n_layers) for layer, n_layers in zip(place, count, strict=True)],
    )


def layer_profiles(scores: pd.DataFrame, rung: int = 2, confidence: float = 0.95) -> pd.DataFrame:
    """Return where each family is read, one row a family x stack x layer.

    Columns: family, attention, layer, depth, band (as `stack_depths`), n_heads, n_features; share, share_low,
    share_high: mean over heads and features, and its interval (missing with one feature: nothing shows how features
    differ); shift, shift_low, shift_high: share less the mean of the stack's layers, paired by feature, and its
    interval, which tells layers apart; n_holding, holding, holding_low, holding_high: heads on the rung for at least
    one feature of the family, their share of the layer's heads, and its Wilson interval over heads. More features of a
    family make more heads hold one, so compare `holding` along the layers and between models, not between families.

    Args:
        scores: One row per head x dataset of one model: layer, head, name, attention, dataset, feature, family, rung,
            share.
        rung: The rung a head has to stand on to hold a feature.
        confidence: Of the intervals.

    Raises:
        ProbeError: If rows belong to several models or a head lacks a feature.

    Example:
        >>> scores = pd.DataFrame({"layer": 0, "head": [0, 0, 1, 1], "name": ["L0H0", "L0H0", "L0H1", "L0H1"],
        ...                        "attention": "self", "dataset": ["a", "b"] * 2, "feature": ["a", "b"] * 2,
        ...                        "family": "truth", "rung": [2, 2, 0, 0], "share": [0.5, 0.25, 0.25, 0.0]})
        >>> layer_profiles(scores)[["family", "layer", "share", "n_heads", "holding"]].values.tolist()
        [['truth', 0, 0.25, 2, 0.5]]
    """
    shares = profiles(scores)
    depths = stack_depths(scores)
    layer_of, stack_of = (scores.groupby("name")[key].first().reindex(shares.index) for key in ("layer", STACK))
    rows: list[dict[Any, Any]] = []
    for family, features in _features_of(scores).items():
        holds = set(scores.loc[(scores["family"] == family) & (scores["rung"] >= rung), "name"])
        for place in depths.to_dict("records"):
            heads = list(shares.index[layer_of == place["layer"]])
            block = np.ascontiguousarray(shares.loc[heads, features])  # sums add up in one order, whatever the layout
            usual = shares.loc[stack_of == place[STACK], features].groupby(layer_of).mean().mean().to_numpy()
            numbers = _numbers(block, usual, sum(name in holds for name in heads), confidence)
            rows.append({"family": family} | place | numbers)
    return pd.DataFrame(rows)


def family_shares(scores: pd.DataFrame, rung: int = 2) -> pd.DataFrame:
    """Return what each head has of each family: name, family, share (mean over features), holds (bool); heads by place.

    Args:
        scores: Rows of one model: layer, head, name, dataset, feature, family, rung, share.
        rung: The rung a head has to stand on for one feature at least to hold the family.

    Example:
        >>> scores = pd.DataFrame({"layer": 0, "head": 0, "name": "L0H0", "dataset": ["a", "b"], "feature": ["a", "b"],
        ...                        "family": "truth", "rung": [2, 0], "share": [0.5, 0.25]})
        >>> family_shares(scores).values.tolist()
        [['L0H0', 'truth', 0.375, True]]
    """
    shares = profiles(scores)
    held = {family: set(rows["name"]) for family, rows in scores[scores["rung"] >= rung].groupby("family")}
    means = {family: shares[features].mean(axis=1) for family, features in _features_of(scores).items()}
    return pd.DataFrame([
        {"name": name, "family": family, "share": float(share[name]), "holds": name in held.get(family, ())}
        for name in shares.index
        for family, share in means.items()
    ])


def wilson(count: int, n: int, confidence: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval of a share (1927), which holds for few cases and near 0 and 1.

    Args:
        count: Successes.
        n: Cases, at least 1.
        confidence: Coverage, such as 0.95.

    Example:
        >>> [round(end, 3) for end in wilson(0, 12, 0.95)]
        [0.0, 0.242]
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))
    middle = (count + z**2 / 2) / (n + z**2)
    reach = z / (n + z**2) * (count * (n - count) / n + z**2 / 4) ** 0.5
    return max(0.0, middle - reach), min(1.0, middle + reach)


def crossed_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Return the ends of the interval of the mean over heads and features, both drawn; missing with one feature.

    With one head there are features to vary and no heads.

    Args:
        values: (n_heads, n_features) float64.
        confidence: Coverage, such as 0.95.

    Example:
        >>> [round(end, 2) for end in crossed_interval(np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]]), 0.95)]
        [0.0, 0.5]
    """
    from scipy.special import stdtrit

    n_heads, n_features = values.shape
    if n_features < 2:
        return float("nan"), float("nan")
    heads, features = values.mean(axis=1), values.mean(axis=0)
    squares = np.array([n_heads * features.var(ddof=1), n_features * heads.var(ddof=1) if n_heads > 1 else 0.0])
    rest = values - heads[:, None] - features + values.mean()
    left = (rest**2).sum() / max(1, (n_heads - 1) * (n_features - 1))
    spread = max(squares.sum() - left, squares.max())  # a variance estimated below 0 is 0
    free = spread**2 / max(1e-300, (squares**2 / np.array([n_features - 1, max(1, n_heads - 1)])).sum())
    reach = float(stdtrit(max(1.0, free), (1 + confidence) / 2) * (spread / values.size) ** 0.5)
    return float(values.mean()) - reach, float(values.mean()) + reach


def _features_of(scores: pd.DataFrame) -> dict[str, list[str]]:
    """Return the features of each family probed, families in their usual order, features by name."""
    pairs = scores[["family", "feature"]].drop_duplicates().sort_values("feature")
    features = {family: list(rows["feature"]) for family, rows in pairs.groupby("family")}
    return {family: features[family] for family in FAMILIES if family in features}


def _numbers(block: Floats, usual: Floats, n_holding: int, confidence: float) -> dict[str, float]:
    """Return what is said of a layer from heads x features, the features' means over layers, and the holding heads."""
    low, high = crossed_interval(block, confidence)
    shift = block - usual
    shift_low, shift_high = crossed_interval(shift, confidence)
    holding_low, holding_high = wilson(n_holding, len(block), confidence)
    return {
        **{"n_heads": len(block), "n_features": block.shape[1]},
        **{"share": float(block.mean()), "share_low": low, "share_high": high},
        **{"shift": float(shift.mean()), "shift_low": shift_low, "shift_high": shift_high},
        **{"n_holding": n_holding, "holding": n_holding / len(block)},
        **{"holding_low": holding_low, "holding_high": holding_high},
    }
