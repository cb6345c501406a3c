"""What every column of the report's tables is."""

from collections.abc import Mapping

from probes.schema import TABLES as TAXONOMY
from probes.structure_columns import AGREEMENT, BANDS, BEST, LAYERS
from probes.table import COLUMNS as SCORES

RUNGS = {
    "n_decodable": "heads on rung 1 or higher for at least one feature of the family",
    "n_selective": "heads on rung 2 or higher",
    "n_general": "heads on rung 3",
}
BEST_HEADS = (
    *("model", "feature", "dataset", "family", "layer", "head", "n_examples", "accuracy", "accuracy_low"),
    *("accuracy_high", "balanced_accuracy", "auroc", "information_bits", "log_loss", "codelength", "p_value"),
    *("control_accuracy", "selectivity", "selectivity_low", "selectivity_high"),
    *(
        f"{start}{name}{end}"
        for name in ("majority", "surface", "embedding", "untrained", "projection", "skyline")
        for start, end in (("", ""), ("margin_", ""), ("margin_", "_low"), ("margin_", "_high"))
    ),
)
LAYER_COLUMNS = (
    *("family", "attention", "layer", "depth", "share", "share_low", "share_high", "shift", "shift_low", "shift_high"),
    *("holding", "holding_low", "holding_high"),
)
PLACE = {name: SCORES[name] for name in ("model", "feature", "dataset", "layer", "head")}
REPORT_TABLES: dict[str, tuple[str, Mapping[str, str]]] = {
    "taxonomy": (
        "one row for a model and family; then polyfunctional, unassigned and all heads",
        {
            "model": "slug of the model",
            "label": "family, polyfunctional, unassigned, or all",
            "n_features": "features of the family that were probed",
            **RUNGS,
            "n_heads": "heads with that label",
            "n_unstable": "of these, heads whose label's stability is below taxonomy.stable; empty where not measured",
        },
    ),
    "best_heads": (
        "one row for a model, dataset and one of its report.top_heads most accurate heads",
        {
            **{name: SCORES[name] for name in BEST_HEADS},
            "rank": "1 for the most accurate",
            "label": "label of the head, such as L3H7",
            "passes": "whether it is on rung 1 or higher for the dataset",
            "rung": "0 not decodable, 1 decodable, 2 selective, 3 general, for this dataset",
            "selected": "accuracy of the heads chosen for each fold without it; the same for all heads of a dataset",
            "selected_low": "lower end of its cluster-bootstrap interval",
            "selected_high": "upper end of its cluster-bootstrap interval",
        },
    ),
    "phases": (
        "one row for a model and head that the survey names",
        {"model": "slug of the model"} | {name: text for name, (_, text) in TAXONOMY["phases"].items()},
    ),
    "datasets": (
        "one row for a dataset",
        {
            "dataset": "slug of the dataset",
            "feature": "what the labels say",
            "family": SCORES["family"],
            "readout": "token probed: last (of the text), span (last that touches it), mean, first",
            "n_examples": "examples that were kept",
            "n_groups": "units that never cross a fold",
            "n_control_keys": "units that get one random control label each",
            "n_classes": "classes of the label",
            "classes": "class=examples, joined by ;",
            "majority": "share of the most frequent class",
            "surface": "accuracy of a bag of uni- and bigrams on the same folds",
            "licence": "of the data",
            "source": "kind of the source: generator, path or hub",
            "sha256": "of the files that were read, else of the rows",
            "warnings": "findings of data.check that are warnings",
            "cite": "keys of its works in references.bib, joined by ;",
        },
    ),
    "heatmap": (
        "one row for a model, dataset and head",
        {**PLACE, "label": "label of the head, such as L3H7", "accuracy": SCORES["accuracy"]},
    ),
    "layers": (
        "one row for a model, family, stack and layer",
        {"model": "slug of the model"} | {name: LAYERS[name] for name in LAYER_COLUMNS},
    ),
    "models_bands": ("one row for a family, model, stack and third of the depth; with several models", BANDS),
    "models_agreement": ("one row for a family and two stacks of two models; with several models", AGREEMENT),
    "models_features": ("one row for a feature and model; with several models", BEST),
}
HEADLINES = {
    "heads": "heads of the model",
    "decodable": "heads on rung 1 or higher for at least one feature",
    "selective": "heads on rung 2 or higher",
    "general": "heads on rung 3",
    "unstable": "heads whose label's stability is below taxonomy.stable",
    "accuracy": "mean over datasets of the accuracy of the heads chosen for each fold without it",
}
METRICS = {
    **{f"<model>.{name}": text for name, text in HEADLINES.items()},
    "<model>.selectivity": "of the best head, median over datasets; left out where none has a control task",
    "<model>.labels.<label>": "heads that bear the label",
    "<model>.families.<family>.decodable": "heads on rung 1 or higher for at least one feature of the family",
    "<model>.families.<family>.selective": "heads on rung 2 or higher",
    "<model>.families.<family>.general": "heads on rung 3",
    "<model>.datasets.<dataset>.best_accuracy": "accuracy of the most accurate head",
    "<model>.datasets.<dataset>.best_accuracy_low": "lower end of its interval",
    "<model>.datasets.<dataset>.best_selectivity": "its selectivity; left out where refused",
    "<model>.datasets.<dataset>.selected_accuracy": "accuracy of the heads chosen for each fold without it",
    "<model>.datasets.<dataset>.majority": "share of the most frequent class",
    "<model>.datasets.<dataset>.surface": "accuracy of a bag of words",
    "<model>.datasets.<dataset>.decodable": "heads on rung 1 or higher",
    "<model>.datasets.<dataset>.selective": "heads on rung 2 or higher",
    "<model>.datasets.<dataset>.general": "heads on rung 3",
}
