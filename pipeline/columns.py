"""What every column and key of a run's files is, but for the taxonomy's tables, which `probes/schema.py` describes.

No stage reaches this file: a better word in it runs nothing again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.reportcolumns import HEADLINES, METRICS, REPORT_TABLES
from probes.structure_columns import CHOSEN_COLUMNS, SET_COLUMNS
from probes.table import COLUMNS as HEAD_COLUMNS
from probes.transfer import COLUMNS as TRANSFER_COLUMNS

Meanings = Mapping[str, str]
STRINGS = {
    *("model", "dataset", "feature", "family", "attention", "general_variant", "trained_on", "tested_on"),
    *("example_id", "label", "group", "control_key", "text", "predicted", "variant", "name", "band", "other", "phase"),
    *("other_attention", "cell", "does", "methods", "status", "features", "readout", "classes", "licence", "source"),
    *("sha256", "cite"),
}
INTEGERS = {
    *("layer", "head", "fold", "start", "end", "position", "n_tokens", "n_examples", "n_groups", "n_classes", "size"),
    *("step", "n_left_out", "n_heads", "n_holding", "n_points", "rank", "rung", "n_control_keys", "warnings"),
    *("n_features", "n_decodable", "n_selective", "n_general", "n_unstable"),
}
BOOLEANS = {"passes"}


@dataclass(frozen=True)
class File:
    """A file of a run.

    Attributes:
        path: Where it is; what differs between cells in angle brackets.
        rows: What one row is, or what the file holds.
        columns: Column, key or array -> what it is.
        kinds: Column -> its type, where the name does not tell; no types for a file that is no table.
    """

    path: str
    rows: str
    columns: Meanings
    kinds: Meanings | None

    def kind(self, column: str) -> str:
        """Return the type of a column.

        Args:
            column: Its name.
        """
        if self.kinds and column in self.kinds:
            return self.kinds[column]
        if column in BOOLEANS:
            return "boolean"
        return "string" if column in STRINGS else "integer" if column in INTEGERS else "number"


EXAMPLES = "data/examples/<dataset>"
STORE = "data/activations/<model>/<dataset>"
PROBES = "results/probes/<model>/<dataset>"
TRANSFER = "results/transfer/<model>"
EXAMPLE_ID = {"example_id": "from the source, or a hash of text and span; the same in all files"}
CARD = {
    "dataset": "slug",
    "feature": "what the labels say",
    "family": "structural, syntactic, semantic, factual, truth or expression",
    "description": "from the spec",
    "artefacts": "from the spec: what a probe could read instead of the feature",
    "licence": "from the spec",
    "citation": "from the spec: BibTeX or words",
    "readout": "token probed: last (of the text), span (last that touches it), mean, first",
    "too_long": "what is done with texts longer than the model's context: error or drop",
    "n_read": "rows of the source",
    "n_examples": "examples that were kept",
    "n_groups": "units that never cross a fold",
    "n_control_keys": "units that get one random control label each",
    "classes": "class -> examples",
    "majority": "share of the most frequent class",
    "surface": "accuracy of a bag of uni- and bigrams on the same folds",
    "folds": "for each fold: fold, n_examples, n_groups, classes",
    "variants": "variant (template or vocabulary) -> class -> examples; empty without variants",
    "source": "kind (generator, path or hub), what is read from it, and the SHA-256 of the files, else of the rows",
    "dropped": "reason -> rows that were left out",
    "examples": "a few examples: example_id, text, start, end, label",
    "findings": "what data.check found: severity, about, message",
    "warnings": "messages of the findings that are warnings",
}
MANIFEST = {
    "model": "slug",
    "dataset": "slug",
    "source": "hub id, folder or package of the weights",
    "revision": "commit of the weights; null for a folder",
    "weights_sha256": "SHA-256 of the weights",
    "model_type": "as the model's configuration says",
    "precision": "what the model was computed in",
    "n_layers": "layers with attention heads",
    "layers": "their numbers, 0-based",
    "attention": "self, encoder, decoder or cross, for each layer",
    "n_heads": "query heads of each layer",
    "d_head": "width of a head's output in each layer",
    "d_model": "width of the residual stream",
    "entering": "array of the residual stream that enters each layer",
    "leaving": "array of the residual stream that leaves it",
    "dtype": "type of the arrays",
    "float32": "arrays whose numbers that type would round too much",
    "untrained_seed": "seed of the weights of the untrained twin",
    "readout": "as on the card",
    "dropped_too_long": "example_id of texts that were too long",
}
SUMMARY = {
    **{name: CARD[name] for name in ("dataset", "feature", "family")},
    "model": "slug",
    "classes": "names of the classes, in the order of predictions and weights",
    "n_dropped": "examples whose text was too long for the model",
    "n_examples": "examples probed",
    "n_groups": "units that never cross a fold",
    "majority": "share of the most frequent class",
    "surface": "accuracy of a bag of words",
    "embedding": "accuracy of the static embedding of the token read",
    "best": "layer, head, accuracy with interval and p-value of the most accurate head",
    "selected": "accuracy with interval of the heads chosen for each fold without it, and these heads",
    "n_significant": "heads with p < 0.05",
    "null": "permutations, design and exchange of the groups, share of movable labels, smallest p possible, best"
    " accuracy of all heads: expected under the null, and observed",
    "control": "why there is no control task, else null; share of examples whose control key recurs",
    "unconverged": "heads with fits that did not converge, and how many",
    "unconverged_baselines": "baseline -> fits that did not converge",
    "warnings": "what to know before believing the cell",
    "extraction": "model, weights and shapes, from the manifest of the activations",
    "heads_needed": "smallest size of a set within the interval of the largest; 0 where no set beats majority",
    "general": "variants, or why rung 3 was not asked inside the dataset",
    "replicates": "other deals of groups to folds, why there are none, confidence of the intervals",
}
TAXONOMY = {
    "model": "slug",
    "thresholds": "the section taxonomy of params.yaml",
    "rungs": "number, name and rule of each rung",
    "counts": "heads, and heads by label, by highest rung and by family held",
    "datasets": "slugs of the datasets probed",
    "features": "feature -> its family, phases, candidate heads of the survey, and heads that are alike",
    "phases": "phase of the survey -> its heads that a feature of the run speaks for",
    "mapping_note": "what the mapping is and is not",
    "not_identifiable": "heads of the survey that no probe of an output can identify, each with the reason",
}
PROVENANCE = {
    "code_commit": "last commit of code, specs and params; unknown outside git",
    "code_date": "day of that commit",
    "code_dirty": "whether the code differs from it; unknown outside git",
    "dvc_lock_sha256": "SHA-256 of what dvc.lock says of all stages but report",
    "params": "params.yaml",
    "models": "slug -> source, revision, SHA-256 of the weights, precision and shapes",
    "datasets": "slug -> source, licence, whether it lets anyone pass the data on, citation",
    "stages": "stage -> its command, and the MD5 of each of its outputs",
    "libraries": "library -> version",
}
FILES = (
    File(
        f"{EXAMPLES}/texts.parquet",
        "one row for an example",
        {**EXAMPLE_ID, "text": "as read", "start": "first character of the span", "end": "one past its last character"},
        {},
    ),
    File(
        f"{EXAMPLES}/labels.parquet",
        "one row for an example",
        {
            **EXAMPLE_ID,
            "label": "its class",
            "group": "unit that never crosses a fold; without one in the source, a hash of the text",
            "control_key": "unit that gets one random control label; empty without one",
            "fold": "fold in which it is tested",
        },
        {},
    ),
    File(
        f"{EXAMPLES}/variants.parquet",
        "one row for an example",
        {**EXAMPLE_ID, "variant": "template or vocabulary; empty without variants"},
        {},
    ),
    File(
        f"{EXAMPLES}/surface.parquet",
        "one row for an example",
        {**EXAMPLE_ID, "predicted": "class that a bag of uni- and bigrams predicts out of fold"},
        {},
    ),
    File(f"{EXAMPLES}/card.json", "the facts of a dataset", CARD, None),
    File(
        f"{STORE}/index.parquet",
        "one row for an example, in the row order of every array",
        {**EXAMPLE_ID, "position": "0-based token read last", "n_tokens": "tokens of the text"},
        {},
    ),
    File(f"{STORE}/manifest.json", "what was extracted; written last", MANIFEST, None),
    File(f"{PROBES}/heads.parquet", "one row for a head", HEAD_COLUMNS, {}),
    File(
        f"{PROBES}/predictions.parquet",
        "one row for an example",
        {
            **EXAMPLE_ID,
            "label": "true class",
            "fold": "fold in which the row was tested",
            "L<layer>H<head>": "log-probability of every class out of fold, one column a head",
        },
        {"L<layer>H<head>": "list of numbers"},
    ),
    File(f"{PROBES}/sets.parquet", "one row for a size of the sets of heads probed together", SET_COLUMNS, {}),
    File(f"{PROBES}/chosen.parquet", "one row for a test fold and head chosen for its sets", CHOSEN_COLUMNS, {}),
    File(
        f"{PROBES}/probes.safetensors",
        "the probes of every head and fold as arrays",
        {
            "L<layer>.coef": "weights of the standardised inputs, (n_heads, n_folds, n_classes or 1, d_head)",
            "L<layer>.intercept": "(n_heads, n_folds, n_classes or 1)",
            "L<layer>.mean": "of the training rows, (n_heads, n_folds, d_head)",
            "L<layer>.scale": "deviation of the training rows, (n_heads, n_folds, d_head)",
            "L<layer>.strength": "chosen inverse penalty C, (n_heads, n_folds)",
        },
        None,
    ),
    File(
        f"{PROBES}/replicates.safetensors",
        "what resampling gives, as arrays; a criterion that was not measured is left out",
        {
            "accuracy": "(n_replicates, n_heads)",
            "selectivity": "(n_replicates, n_heads)",
            **{
                f"margin_{name}": "(n_replicates, n_heads)"
                for name in ("surface", "embedding", "untrained", "projection")
            },
            "null": "best accuracy of all heads in every permutation, (n_permutations,)",
        },
        None,
    ),
    File(f"{PROBES}/summary.json", "what a cell found", SUMMARY, None),
    File(
        f"{TRANSFER}/transfer.parquet",
        "one row for a head and ordered pair of datasets of one feature; no rows without such a pair",
        TRANSFER_COLUMNS,
        {},
    ),
    File(
        f"{TRANSFER}/summary.json",
        "which pairs were tested",
        {
            "model": "slug",
            "tested": "pairs, with their examples, groups and readouts",
            "not_comparable": "pairs that were not tested, with the reason",
            "one_dataset": "features that have one dataset",
            "columns": "column of the table -> what it is",
        },
        None,
    ),
    File("results/taxonomy/<model>/taxonomy.json", "what a taxonomy was made by, beside its tables", TAXONOMY, None),
    File("results/report/provenance.json", "where a run comes from", PROVENANCE, None),
    *(File(f"results/report/tables/{name}.csv", *table, {}) for name, table in REPORT_TABLES.items()),
    File("results/metrics/<model>.json", "a row of `dvc metrics show`", HEADLINES, None),
    File("results/metrics.json", "all numbers of `dvc metrics`, by family and dataset", METRICS, None),
)
