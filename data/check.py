"""Validate and preview a dataset in seconds: `python -m data.check data/specs/<dataset>.yaml`.

With `--model <slug>`, also show which tokens that model would read; its weights are not needed. With `--json`, print
the card, or what was refused, as JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from data.card import build_card, card_json, pin_line
from data.errors import DataError
from data.examples import build_examples
from data.overview import show
from data.places import FileSource
from data.preview import clean
from data.reading import ask_model
from data.sources import read_source
from data.spec import load_spec
from data.surface import surface_accuracy


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
    if args.json:
        print(card_json(card), end="")
    else:
        show(Console(highlight=False), card, reading)
        if isinstance(spec.source, FileSource) and spec.source.sha256 is None:
            print(f"\nto pin the file, under `source:`\n  {pin_line(raw)}")
    if reading and reading.refusals:
        raise DataError(f"{spec.path}: extract refuses it with {args.model}: {'; '.join(map(clean, reading.refusals))}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m data.check", description=__doc__)
    parser.add_argument("spec", type=Path, help="file such as data/specs/sentiment.yaml")
    parser.add_argument("--json", action="store_true", help="print the card as JSON, for programs")
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


if __name__ == "__main__":
    try:
        main()
    except DataError as problem:
        if "--json" in sys.argv:
            refusal = {"severity": "error", "about": "refused", "message": str(problem)}
            print(json.dumps({"findings": [refusal]}, indent=2, ensure_ascii=False))
        sys.exit(f"error: {problem}")
