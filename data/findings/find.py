"""What a reader should know before believing a probe on a dataset, all of it in one list."""

from data.examples import Examples
from data.findings.classes import about_classes
from data.findings.contradictions import about_contradictions
from data.findings.finding import SEVERITIES, Finding
from data.findings.length import about_length, about_position
from data.findings.neighbours import about_neighbours
from data.findings.order import about_order
from data.findings.parts import about_parts
from data.findings.several import about_several
from data.findings.source import about_control, about_groups, about_pin
from data.findings.spans import about_ends, about_spans
from data.findings.table import joined
from data.findings.twins import about_twins
from data.findings.words import about_words
from data.sources import RawRows
from data.spec import DatasetSpec


def find(spec: DatasetSpec, raw: RawRows, examples: Examples, surface: float) -> list[Finding]:
    """Return all findings about a dataset, the most urgent first, then in the order of what they are about.

    Args:
        spec: What the dataset is.
        raw: Rows of its source.
        examples: What was made of them.
        surface: Accuracy of a bag of words on the examples.

    Example:
        >>> from pathlib import Path
        >>> from data.examples import build_examples
        >>> from data.sources import read_source
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/verb_tense.yaml"))
        >>> raw = read_source(spec, Path("."))
        >>> [finding.about for finding in find(spec, raw, build_examples(spec, raw.rows, 5, 0), surface=0.3)]
        ['surface']
    """
    table = joined(examples)
    majority = float(table["label"].value_counts(normalize=True).max())
    found = [
        *about_pin(spec, raw),
        *about_groups(spec),
        *about_control(table),
        *about_classes(table),
        *about_words(spec, surface, majority),
        *about_length(spec, table),
        *about_position(spec, table),
        *about_contradictions(table),
        *about_twins(spec, raw, table),
        *about_neighbours(spec, table),
        *about_several(spec, raw),
        *about_parts(spec, raw),
        *about_order(spec, raw),
        *about_spans(spec, table),
        *about_ends(spec, table),
    ]
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), finding.about, finding.message))
