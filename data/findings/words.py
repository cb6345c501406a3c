"""Words that give labels away, or mislead."""

from data.findings.finding import GAP, Finding
from data.spec import DatasetSpec


def about_words(spec: DatasetSpec, surface: float, majority: float) -> list[Finding]:
    """Return what to know where a bag of words does much better or worse than the largest class.

    Better is a note only where the spec says under `artefacts:` why it is so.

    Args:
        spec: What the dataset is.
        surface: Accuracy of a bag of words.
        majority: Share of the largest class.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> about_words(load_spec(Path("data/specs/verb_tense.yaml")), 0.3, 0.5)[0].message[:20]
        'Words alone mislead:'
    """
    numbers = f"a bag of words reaches {surface:.3f}, the largest class {majority:.3f}"
    if surface > majority + GAP:
        way_out = "That may be in the nature of the feature, and then say so under `artefacts:`; if not, balance the "
        way_out = (
            "See whether `artefacts:` in the spec says why" if spec.artefacts else f"{way_out}words over the classes"
        )
        message = f"Words alone give labels away: {numbers}. {way_out}. Heads are compared with this number"
        return [Finding("note" if spec.artefacts else "warning", "surface", message)]
    if surface < majority - GAP:
        message = (
            f"Words alone mislead: {numbers}. So low a score is the mark of twins, texts that differ only in what "
            "decides the label, split over folds; give twins the same `group` under `columns:`"
        )
        return [Finding("warning", "surface", message)]
    return []
