"""The method section, written from the params so that it cannot drift from what was run."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.results import Atlas

NOT_SET = "not set"


def method_facts(atlas: Atlas) -> list[tuple[str, str]]:
    """Return (term, explanation) of each step, with the numbers of this run.

    Args:
        atlas: The run.
    """
    names = ("examples", "extract", "probe", "taxonomy")
    examples, extract, probe, taxonomy = (atlas.params.get(name) or {} for name in names)
    facts = [
        ("What is probed", f"{_PROBED} {_stored(atlas)}"),
        ("Folds", _folds(examples)),
        ("Probe", _probe(probe)),
        *_baselines(extract, probe),
        ("Margins", _MARGINS),
        ("Intervals", _intervals(probe)),
        ("Significance", _significance(probe)),
        ("What trades labels", _trades(atlas)),
        ("Several datasets", _several(taxonomy)),
        ("Generality", _GENERALITY),
        ("Labels and their stability", _stability(probe, taxonomy)),
        ("Sets of heads", _sets(probe)),
        ("Chosen on other folds", _CHOSEN),
        ("Information", _INFORMATION),
        ("Computed on", _computed(extract, probe)),
    ]
    return [*facts, ("Codelength", _codelength(probe))] if probe.get("codelength") is True else facts


_PROBED = (
    "z, the output of one attention head before the output projection W_O, at the token that carries the label "
    "(the readout of each dataset says which token that is)."
)
_MARGINS = (
    "Accuracy of the head minus that of the baseline, on the same folds. Their intervals are paired: head and baseline "
    "are compared example by example and whole groups are drawn again, so that what both find hard cancels. "
    "For rung 2 they are stretched by the studentised maximum over all heads and margins of the dataset (Romano and "
    "Wolf 2005), so that the luckiest of many heads is not taken for selective. "
    "Selectivity is the margin over the control task. A baseline that was not measured has no margin; it is not zero."
)
_CHOSEN = (
    "The best of many heads on the examples that rank them is flattered by luck. So for each test fold k a head is "
    "chosen without it, the one with the lowest log-loss on fold k + 1, which chose C, too. The accuracy of these "
    "choices on their test folds is free of selection."
)
_GENERALITY = (
    "Where examples come in variants (templates or vocabularies), each variant is tested by probes trained, and their "
    "C chosen, on the other variants of the other folds; the variant with the lowest interval of the margin over its "
    "own largest class speaks for the head. Where a feature has several datasets, the probes of one are tested on the "
    "others, less the examples whose text or group they saw. Where a head separates the tested classes well, any "
    "direction tells them a little; so both are compared with copies of the probes that point as probes of random "
    "labels would, family-wise over the heads."
)
_INFORMATION = (
    "Bits: entropy of the held-out labels minus held-out cross-entropy of the probe. Below 0, the probe is worse than "
    "knowing the class shares."
)


def _stored(atlas: Atlas) -> str:
    blocks = [summary.get("extraction", {}) for model in atlas.models for summary in model.summaries.values()]
    computed = " and ".join(sorted({str(block.get("precision", NOT_SET)) for block in blocks}))
    return (
        f"Models ran in {computed}. Activations are stored as float16, except arrays in which that would round off "
        "more than a hundredth of a number's spread over the examples: they are float32."
    )


def _folds(examples: Mapping[str, Any]) -> str:
    return (
        f"{_value(examples, 'folds')} folds, stratified by label and grouped, so that a group never stands on both "
        f"sides; seed {_value(examples, 'seed')}. The folds rotate: fold k is tested once, by a probe trained on all "
        "folds but k and k + 1; fold k + 1 chooses C. Every number is out of fold."
    )


def _probe(probe: Mapping[str, Any]) -> str:
    return (
        "L2-regularised logistic regression (multinomial for more than two classes) on each head alone, inputs "
        "standardised by the training rows. Each fit is solved until its penalised objective is within 1e-6 of the "
        "optimum, as a share of it; a fit that did not get there is left out of the choice of C, and its head is named "
        f"with the dataset. The inverse strength C is one of {_value(probe, 'c_grid')}, chosen by log-loss. Scaler and "
        "probe never see test rows, and nothing is fitted again after the choice."
    )


def _baselines(extract: Mapping[str, Any], probe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return one sentence for each baseline."""
    seed, draws = _value(probe, "seed"), probe.get("controls")
    averaged = "one draw" if draws == 1 else f"the mean of {_value(probe, 'controls')} draws"
    return [
        ("Largest class", "The share of the most frequent class."),
        (
            "Surface",
            "A logistic regression on which words and word pairs the text has (uni- and bigrams), without a model.",
        ),
        (
            "Control task",
            "The same head probed on labels that say nothing (Hewitt and Liang 2019): one random label for each "
            f"control key, the same wherever it occurs, classes as frequent as the real ones; {averaged}, seed {seed}. "
            "Refused where no control key recurs between training and test, since then nothing can be learnt by heart.",
        ),
        ("Static embedding", "A probe of the static embedding of the token read, before any layer."),
        (
            "Untrained model",
            "The same head of a re-initialised model of the same architecture, static embeddings included (Zhang and "
            f"Bowman 2018); weights from seed {_value(extract, 'seed')}.",
        ),
        (
            "Random projection",
            "A random projection of the residual stream entering the layer to the width of the head (d_head), its "
            f"dimensions first divided by their deviation: what any slice of that width would know; seed {seed}.",
        ),
        (
            "Skyline",
            "A probe of the whole residual stream leaving the layer; no ceiling, since in many more dimensions than a "
            "head's it may learn less from the same examples.",
        ),
    ]


def _intervals(probe: Mapping[str, Any]) -> str:
    confidence = probe.get("confidence")
    share = f"{100 * confidence:g} %" if isinstance(confidence, int | float) else NOT_SET
    return (
        f"{share} intervals from {_value(probe, 'bootstrap')} cluster-bootstrap replicates, which draw whole groups "
        f"with replacement (Field and Welsh 2007); seed {_value(probe, 'seed')}. Three corrections: BCa ends (Efron "
        "1987), their constants from the skewness of the group sums; expansion by the t quantile and "
        "sqrt(G / (G - 1)) for G groups (Hesterberg 2015); and the factor (5/3)^(1/4), since the probes of different "
        "folds share training examples. Where all groups score alike, the interval is what the exact binomial allows "
        "when none of G groups deviates."
    )


def _significance(probe: Mapping[str, Any]) -> str:
    return (
        f"{_value(probe, 'permutations')} permutations of the labels inside each fold, seed {_value(probe, 'seed')}. "
        f"{_refitted(probe)} is fitted anew to every permutation. "
        "Each p-value compares a head with the best of all heads under a permutation (the "
        "max-statistic of Westfall and Young 1993), so it is family-wise over the heads of one model and dataset. "
        "The mean accuracy of these best heads is what to expect of the best head "
        "under the null."
    )


def _refitted(probe: Mapping[str, Any]) -> str:
    """Return what the null fits to permuted labels."""
    grid = probe.get("c_grid") or [NOT_SET]
    middle = grid[len(grid) // 2]  # fixed: chosen by the labels it would favour those that are observed
    if probe.get("null_probe") == "full":
        return f"The logistic probe at C {middle}"
    return f"A one-step probe (the first Newton step of the logistic one, at C {middle})"


def _computed(extract: Mapping[str, Any], probe: Mapping[str, Any]) -> str:
    return (
        f"Model: device {_value(extract, 'device')}, precision {_value(extract, 'precision')}, "
        f"{_value(extract, 'batch_tokens')} tokens in a padded batch, {_value(extract, 'devices')} process(es) on each "
        f"of {_value(extract, 'num_nodes')} machine(s). Probes: device {_value(probe, 'device')}."
    )


_TRADES = (
    "Groups with one label (constant) trade labels with equally large groups of their fold. Groups with every class "
    "equally often (balanced) trade labels inside: the examples of a group that share a label stay together. Groups of "
    "other mixes (mixed) do both. Where that could move too little, groups with several labels trade single examples."
)


def _trades(atlas: Atlas) -> str:
    """Return what trades places in the null, and which design each dataset of this run has."""
    found: dict[str, list[str]] = {}
    for model in atlas.models:
        for dataset, summary in model.summaries.items():
            null = summary["null"]
            kind = f"{null['design']}, trading single examples" if null["exchange"] == "examples" else null["design"]
            names = found.setdefault(kind, [])
            names += [dataset] if dataset not in names else []
    listed = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in sorted(found.items()))
    return f"{_TRADES} In this run: {listed}." if listed else _TRADES


def _several(taxonomy: Mapping[str, Any]) -> str:
    return (
        "The p-values of the datasets of a family are taken together by Holm's step-down procedure (1979), with a "
        f"dataset and all its heads as its unit; alpha {_value(taxonomy, 'alpha')}. Families are kept apart."
    )


def _stability(probe: Mapping[str, Any], taxonomy: Mapping[str, Any]) -> str:
    return (
        f"A label counts features on rung {_value(taxonomy, 'label_rung')} or higher. Its stability is the share of "
        f"{_value(probe, 'replicates')} replicates that give the same label: each draws whole groups with replacement, "
        f"from the scores under the folds and under {_value(probe, 'deals')} other deals of the groups to folds, in "
        "which heads, embedding, untrained model and projection are probed anew at the C chosen most often, and gives "
        "every criterion but those of rung 3 a new estimate, with the interval's length as it was. Below "
        f"{_value(taxonomy, 'stable')} a label is marked unstable."
    )


def _sets(probe: Mapping[str, Any]) -> str:
    return (
        f"Sets of {_value(probe, 'sets')} heads: for each test fold heads are added that most lower the log-loss on "
        "the choosing fold, judged by one Newton step on top of the joint probe, which is then fitted; beside them "
        f"{_value(probe, 'random_sets')} random sets of each size."
    )


def _codelength(probe: Mapping[str, Any]) -> str:
    return (
        "Online codelength (Voita and Titov 2020): the bits it takes to send all labels, whole groups in random order "
        f"(seed {_value(probe, 'seed')}), in portions that double from 1/64 of the examples on. Each portion costs its "
        "cross-entropy under a probe of all before it, the first one log2 of the number of classes a label. "
        "Compression is what all labels would cost at that price, divided by the codelength."
    )


def _value(section: Mapping[str, Any], key: str) -> str:
    value = section.get(key, NOT_SET)
    if isinstance(value, list):
        return ", ".join(f"{entry:g}" if isinstance(entry, int | float) else str(entry) for entry in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
