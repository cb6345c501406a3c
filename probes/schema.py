"""The tables of a taxonomy: what one row is, and the type and meaning of every column."""

import pandas as pd

from probes.rungs import GENERAL, SELECTIVE
from probes.structure_columns import LAYERS, LINKAGE, NEAREST, SET_COLUMNS

Columns = dict[str, tuple[str, str]]
HEAD: Columns = {
    "model": ("string", "slug of the model"),
    "layer": ("integer", "0-based"),
    "head": ("integer", "0-based, query heads"),
    "name": ("string", "label of the head, such as L3H7"),
}
PROBED: Columns = {
    "dataset": ("string", "slug of the dataset"),
    "feature": ("string", "what its labels say"),
    "family": ("string", "structural, syntactic, semantic, factual, truth or expression"),
}
_OVER = {
    "selectivity": "the control task",
    **{name: f"the baseline {name.removeprefix('margin_')}" for name in SELECTIVE[1:]},
    "margin_general": "the largest class, on the weakest variant, for probes that saw the other variants only",
    "margin_transfer": "the largest class, on the weakest other dataset of the feature, for the probes of this one",
}
EVIDENCE: Columns = {
    f"{name}{end}": ("number", f"{what} accuracy less {_OVER[name]}")
    for name in (*SELECTIVE, *GENERAL)
    for end, what in (("", ""), ("_low", "lower end of the interval of"), ("_high", "upper end of the interval of"))
}
DECIDED: Columns = {
    "rung": ("integer", "0 not decodable, 1 decodable, 2 selective, 3 general, for this dataset"),
    "accuracy": ("number", "out-of-fold, share of examples"),
    "accuracy_low": ("number", "lower end of its cluster-bootstrap interval"),
    "accuracy_high": ("number", "upper end of its cluster-bootstrap interval"),
    "majority": ("number", "share of the most frequent class"),
    "margin": ("number", "accuracy - majority"),
}
CHANCE: Columns = {
    "p_value": ("number", "family-wise over the heads of the dataset, max-statistic permutation null"),
    "p_adjusted": ("number", "family-wise over heads and the datasets of the family, Holm over cells"),
}
STRINGS = ("family", "attention", "band", "name", "nearest")
INTEGERS = ("layer", "n_heads", "n_features", "n_holding", "rank", "left", "right", "size")


def _typed(columns: dict[str, str]) -> Columns:
    """Return columns with their types, which these tables' names tell."""
    kinds = dict.fromkeys(STRINGS, "string") | dict.fromkeys(INTEGERS, "integer")
    return {name: (kinds.get(name, "number"), text) for name, text in columns.items()}


ROWS = {
    "heads": "a head",
    "assignments": "a head and dataset on rung 1 or higher",
    "scores": "a head and dataset",
    "families": "a head and family",
    "leave_one_out": "a dataset",
    "phases": "a head that the survey names",
    "layers": "a family, stack and layer",
    "nearest": "a head and one of the heads most like it",
    "sets": "a dataset and size of the sets of heads probed together",
    "tree": "a merge of the tree of heads, lowest first",
}
TABLES: dict[str, Columns] = {
    "heads": {
        **HEAD,
        "attention": ("string", "self; in an encoder-decoder encoder, decoder or cross"),
        "band": ("string", "shallow, middle or deep: the third of its stack that the layer stands in"),
        "label": ("string", "the one family it holds, polyfunctional, or unassigned"),
        "family": ("string", "families it holds, joined by ;"),
        "phase": ("string", "phases of the survey it is a candidate for, joined by ;"),
        "features": ("string", "features on the rung that labels ask for, joined by ;"),
        "rung": ("integer", "highest rung over all features"),
        "rung_name": ("string", "its name"),
        "n_decodable": ("integer", "features on rung 1 or higher"),
        "n_selective": ("integer", "features on rung 2 or higher"),
        "n_general": ("integer", "features on rung 3"),
        "specialisation": ("number", "1 - entropy of its family shares / log of the families probed; 1 is one family"),
        "stability": ("number", "share of replicates with the same label"),
        "stable": ("boolean", "whether stability reaches taxonomy.stable"),
        "cluster": ("integer", "cluster of like heads, from 1 along the tree; empty with fewer than three heads"),
    },
    "assignments": {
        **HEAD,
        **PROBED,
        "phase": ("string", "phases of the survey, joined by ;"),
        "cell": ("string", "candidate heads of the survey, joined by ;"),
        **DECIDED,
        **CHANCE,
        **EVIDENCE,
        "stretch": ("number", "factor by which the intervals of rung 2's margins grow to hold for all heads at once"),
        "general_variant": ("string", "the variant on which the head is weakest"),
        "p_general": ("number", "share of randomly turned probes that do as well there, family-wise over heads"),
        "transfer_to": ("string", "the other dataset on which its probes are weakest"),
        "p_transfer": ("number", "share of randomly turned probes that transfer as well, family-wise over heads"),
        "necessary": ("string", "rung 4: not tested"),
    },
    "scores": {
        **HEAD,
        "attention": ("string", "self, encoder, decoder or cross"),
        **PROBED,
        **{name: DECIDED[name] for name in ("rung", "accuracy", "majority")},
        "share": ("number", "margin as a share of what majority leaves: (accuracy - majority) / (1 - majority)"),
        "share_low": ("number", "the same of accuracy_low"),
        "share_high": ("number", "the same of accuracy_high"),
        **CHANCE,
        "selectivity": EVIDENCE["selectivity"],
    },
    "families": {
        **{name: HEAD[name] for name in ("layer", "head")},
        "family": PROBED["family"],
        "holds": ("boolean", "whether a feature of the family is on the rung that labels ask for"),
        "share": ("number", "share of replicates in which that is so"),
    },
    "leave_one_out": {
        **PROBED,
        "n_changed": ("integer", "labels that change when the dataset is taken away"),
        "changed": ("string", "the heads, joined by ;"),
    },
    "phases": {
        "phase": ("string", "phase of the survey"),
        "group": ("string", "its sub-group"),
        "cell": ("string", "name of the head in the survey"),
        "does": ("string", "what it does"),
        "methods": ("string", "how such heads were found, joined by ;"),
        "status": ("string", "candidate, alike (a probe cannot tell it from a candidate) or not identifiable"),
        "features": ("string", "features of the run that speak for it, joined by ;"),
        "n_decodable": ("integer", "our heads on rung 1 or higher for one of these; empty where none was probed"),
        "n_selective": ("integer", "on rung 2 or higher"),
        "n_general": ("integer", "on rung 3"),
    },
    "layers": _typed(LAYERS),
    "nearest": _typed(NEAREST),
    "tree": _typed(LINKAGE),
    "sets": {
        **PROBED,
        **_typed(SET_COLUMNS),
        "needed": (
            "integer",
            "heads it takes: the smallest size within the interval of the largest; 0 where no set beats majority",
        ),
    },
}


def select(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a table in their order; integers that may be missing as such.

    Args:
        name: One of `TABLES`.
        table: At least its columns.

    Example:
        >>> select("families", pd.DataFrame({"share": [1.0], "holds": True, "family": "truth", "head": 0, "layer": 2}))
           layer  head family  holds  share
        0      2     0  truth   True    1.0
    """
    columns = TABLES[name]
    whole = {column: "Int64" for column, (kind, _) in columns.items() if kind == "integer"}
    return table[list(columns)].astype(whole)


def as_json() -> dict[str, object]:
    """Return the tables as `schema.json` holds them.

    Example:
        >>> as_json()["nearest"]["columns"]["rank"]
        {'type': 'integer', 'description': '1 for the most alike'}
    """
    return {
        name: {
            "rows": f"one row for {ROWS[name]}",
            "columns": {
                column: {"type": kind, "description": text.strip()} for column, (kind, text) in columns.items()
            },
        }
        for name, columns in TABLES.items()
    }
