"""Validate and preview a dataset in seconds: `python -m data.check data/specs/<dataset>.yaml`.

With `--model <slug>`, also show which tokens that model would read; its weights are not needed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.card import build_card, pin_line
from data.errors import DataError
from data.examples import Examples, build_examples
from data.places import FileSource
from data.preview import about_reading, clean, marked_text, marked_tokens
from data.reading import Reading, ask_model
from data.sources import RawRows, read_source
from data.spec import DatasetSpec, load_spec
from data.surface import surface_accuracy

STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}  # of findings


def main(argv: Sequence[str] | None = None) -> None:
    """Print what the examples stage would make of a spec.

    Args:
        argv: Command line without the program's name; None takes the process's own.

    Raises:
        DataError: If the stage examples would refuse the spec or its rows, or, with a model, the stage extract would
            refuse to read them.

    Example:
        >>> main(["data/specs/no_such.yaml"])
        Traceback (most recent call last):
        data.errors.DataError: data/specs/no_such.yaml: no such file; ...
    """
    args = _parse(argv)
    spec = load_spec(args.spec)
    raw = read_source(spec, Path())
    examples = build_examples(spec, raw.rows, args.folds, args.seed)
    labels = examples.labels
    surface = surface_accuracy(list(examples.texts["text"]), list(labels["label"]), list(labels["fold"]))
    card = build_card(spec, raw, examples, surface)
    shown = [example["example_id"] for example in card["examples"]]
    # Asked before anything is printed: what cannot be answered ends with one line.
    reading = ask_model(args.model, spec.readout, spec.too_long, examples.texts, shown) if args.model else None
    _show(Console(highlight=False), spec, raw, examples, card, reading)
    if reading and reading.refusals:
        raise DataError(f"{spec.path}: extract refuses it with {args.model}: {'; '.join(map(clean, reading.refusals))}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m data.check", description=__doc__)
    parser.add_argument("spec", type=Path, help="file such as data/specs/sentiment.yaml")
    parser.add_argument("--folds", type=int, help="default: examples.folds of params.yaml here, else 5")
    parser.add_argument("--seed", type=int, help="default: examples.seed of params.yaml here, else 0")
    parser.add_argument("--model", help="slug under `models:` of params.yaml here: show the tokens that it would read")
    args = parser.parse_args(argv)
    settings = _settings(Path("params.yaml"))
    args.folds = settings["folds"] if args.folds is None else args.folds
    args.seed = settings["seed"] if args.seed is None else args.seed
    return args


def _settings(path: Path) -> dict[str, int]:
    settings = {"folds": 5, "seed": 0}
    if not path.exists():
        return settings
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid YAML: {error}") from None
    section = params.get("examples") if isinstance(params, dict) else None
    for key, value in section.items() if isinstance(section, dict) else ():
        if key in settings:
            if not isinstance(value, int):
                raise DataError(f"{path}: examples.{key}: expected a whole number, got {value!r}")
            settings[key] = value
    return settings


def _show(
    console: Console,
    spec: DatasetSpec,
    raw: RawRows,
    examples: Examples,
    card: dict[str, Any],
    reading: Reading | None,
) -> None:
    console.print(Text(f"{spec.dataset}: {spec.feature}, {spec.family}, readout {spec.readout}", style="bold"))
    console.print(Text(f"{clean(spec.description)}\n"))
    console.print(Text(f"source: {spec.source.place}"))
    console.print(Text(f"rows: {examples.n_read} read, {card['n_examples']} kept"))
    for reason, count in card["dropped"].items():
        console.print(Text(f"  {count} dropped: {clean(reason)}"))
    console.print(Text(f"groups: {card['n_groups']}, control keys: {card['n_control_keys']}"))
    console.print(_counts_table(card))
    console.print(Text(f"surface (bag of words): {card['surface']:.3f}, majority: {card['majority']:.3f}\n"))
    for example in card["examples"]:
        console.print(marked_text(example))
        if reading:
            console.print(marked_tokens(reading.examples[example["example_id"]]), soft_wrap=True)
    if reading:
        console.print(about_reading(reading, spec.too_long))
    for finding in card["findings"]:
        said = f"\n{finding['severity']}: {clean(finding['message'])}"
        console.print(Text(said, style=STYLES[finding["severity"]]), soft_wrap=True)
    if isinstance(spec.source, FileSource) and spec.source.sha256 is None:
        console.print(Text(f"\nto pin the file, under `source:`\n  {pin_line(raw)}"), soft_wrap=True)


def _counts_table(card: dict[str, Any]) -> Table:
    """Return a table of examples by class and fold."""
    table = Table("class", "examples", *(f"fold {fold['fold']}" for fold in card["folds"]))
    for label, count in card["classes"].items():
        table.add_row(Text(clean(label)), str(count), *(str(fold["classes"][label]) for fold in card["folds"]))
    table.add_row("groups", str(card["n_groups"]), *(str(fold["n_groups"]) for fold in card["folds"]))
    return table


if __name__ == "__main__":
    try:
        main()
    except DataError as problem:
        sys.exit(f"error: {problem}")
