"""JSON as results are written: readable, in a fixed order, the same bytes for the same content."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        PipelineError: If the file is missing or not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; make it with `dvc repro`") from None
    except ValueError as error:
        raise PipelineError(f"{path}: not readable: {error}; make it again: delete it and run `dvc repro`") from None
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object, keys in the order given; numbers that are not finite are refused, since JSON has none."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
