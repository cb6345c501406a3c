"""What `data.check` prints of a dataset, for people: one table of facts, one of folds, examples, findings."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.preview import about_reading, clean, marked_text, marked_tokens
from data.reading import Reading

STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}  # of findings


def show(console: Console, card: dict[str, Any], reading: Reading | None) -> None:
    """Print a card.

    Args:
        console: Where to.
        card: What `build_card` returned.
        reading: Which tokens a model would read, or None when no model was asked.

    Example:
        >>> from io import StringIO
        >>> from pathlib import Path
        >>> from data.card import build_card
        >>> from data.examples import build_examples
        >>> from data.sources import read_source
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/verb_tense.yaml"))
        >>> raw = read_source(spec, Path("."))
        >>> console = Console(record=True, file=StringIO())
        >>> show(console, build_card(spec, raw, build_examples(spec, raw.rows, 5, 0), surface=0.5), None)
        >>> console.export_text().splitlines()[0]
        'verb_tense: verb_tense, syntactic, readout span'
    """
    console.print(
        Text(f"{card['dataset']}: {card['feature']}, {card['family']}, readout {card['readout']}", style="bold")
    )
    console.print(Text(f"{clean(card['description'])}\n"))
    console.print(_facts(card))
    console.print(_folds(card))
    for example in card["examples"]:
        console.print(marked_text(example))
        if reading:
            console.print(marked_tokens(reading.examples[example["example_id"]]), soft_wrap=True)
    if reading:
        console.print(about_reading(reading, card["too_long"]))
    for finding in card["findings"]:
        said = f"\n{finding['severity']}: {clean(finding['message'])}"
        console.print(Text(said, style=STYLES[finding["severity"]]), soft_wrap=True)
    if not card["findings"]:
        console.print(Text("\nno findings", style="green"))


def _facts(card: dict[str, Any]) -> Table:
    """Return a table of where the examples are from and how many are left."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    source = card["source"]
    place = source[source["kind"]]
    facts = {
        "source": f"{source['kind']} {', '.join(place) if isinstance(place, list) else place}",
        "rows": f"{card['n_read']} read, {card['n_examples']} kept",
        **{f"dropped: {reason}": str(count) for reason, count in card["dropped"].items()},
        "groups": f"{card['n_groups']}; control keys: {card['n_control_keys']}",
        "variants": ", ".join(f"{name} {sum(counts.values())}" for name, counts in card["variants"].items()) or "none",
        "majority": f"{card['majority']:.3f}",
        "surface": f"{card['surface']:.3f}  (bag of words, out of fold)",
        "licence": card["licence"],
    }
    for name, value in facts.items():
        table.add_row(Text(clean(name)), Text(clean(value)))
    return table


def _folds(card: dict[str, Any]) -> Table:
    """Return a table of examples by class and fold."""
    table = Table("class", "examples", *(f"fold {fold['fold']}" for fold in card["folds"]))
    for label, count in card["classes"].items():
        table.add_row(Text(clean(label)), str(count), *(str(fold["classes"][label]) for fold in card["folds"]))
    table.add_row("groups", str(card["n_groups"]), *(str(fold["n_groups"]) for fold in card["folds"]))
    return table
