"""Read params.yaml: one section into one frozen dataclass, every key checked."""

import dataclasses
import difflib
import re
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from pipeline.errors import PipelineError

T = TypeVar("T")
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
SECTIONS = ("examples", "extract", "probe", "taxonomy", "report", "models", "datasets")


def load_params(path: Path) -> dict[str, Any]:
    """Return the whole params file, with its top-level sections and the slugs of models and datasets checked.

    Args:
        path: The YAML file, usually `params.yaml`.

    Raises:
        PipelineError: If the file is missing or not YAML, a section is unknown or missing, or a slug is malformed.
    """
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such file; run from the top folder of the project") from None
    except yaml.YAMLError as error:
        raise PipelineError(f"{path}: not valid YAML: {error}") from None
    _check_keys(str(path), _as_mapping(str(path), params), SECTIONS, SECTIONS)
    for section in ("models", "datasets"):
        _check_slugs(f"{path}: {section}", params[section])
    return dict(params)


def read_section(params: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return one section of the params as the dataclass `kind`.

    Args:
        params: What `load_params` returned.
        name: Section, such as `probe`, or a path into it, such as `models.minilm`.
        kind: Frozen dataclass whose fields are the keys allowed; a field with a default may be left out.

    Raises:
        PipelineError: If a key is unknown or missing, or a value has the wrong type.
    """
    assert dataclasses.is_dataclass(kind)
    place = f"params.yaml: {name}"
    section: Any = params
    for part in name.split("."):
        if part not in section:
            raise PipelineError(f"params.yaml: {name} is not there; it has {_listed(section)}{_nearest(part, section)}")
        section = section[part]
    fields = {field.name: field for field in dataclasses.fields(kind)}
    required = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
    _check_keys(place, _as_mapping(place, section), required, fields)
    hints = get_type_hints(kind)
    return kind(**{key: _typed(f"{place}.{key}", value, hints[key]) for key, value in section.items()})


def _as_mapping(place: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PipelineError(f"{place}: expected `key: value` lines, got {value!r}")
    return value


def _check_keys(place: str, given: Iterable[str], required: Iterable[str], allowed: Iterable[str]) -> None:
    for key in given:
        if key not in allowed:
            raise PipelineError(f"{place}: unknown key {key!r}; allowed: {_listed(allowed)}{_nearest(key, allowed)}")
    missing = [key for key in required if key not in given]
    if missing:
        raise PipelineError(f"{place}: missing {_listed(missing)}; needed: {_listed(required)}")


def _check_slugs(place: str, entries: Any) -> None:
    if not isinstance(entries, Mapping) or not entries:
        raise PipelineError(f"{place}: expected at least one `slug:` entry, got {entries!r}")
    for slug in entries:
        if not SLUG.fullmatch(str(slug)):
            raise PipelineError(
                f"{place}: {slug!r} is not a slug; use lower-case letters, digits, _ and -, starting with a letter or "
                "digit (no dots: DVC reads them as nesting)"
            )


def _typed(place: str, value: Any, hint: Any) -> Any:
    """Return `value` as the annotated type; YAML's integers count as floats, its lists as tuples."""
    if get_origin(hint) in (Union, types.UnionType):
        if value is None:
            return None
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or not value:
            raise PipelineError(f"{place}: expected a list with at least one entry, got {value!r}")
        return tuple(_typed(f"{place}[{i}]", item, get_args(hint)[0]) for i, item in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or isinstance(value, bool) is not (hint is bool):
        advice = "; YAML reads 1e-4 as text, write 1.0e-4" if hint is float and isinstance(value, str) else ""
        raise PipelineError(f"{place}: expected {hint.__name__}, got {value!r}{advice}")
    return value


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(str(key) for key in keys)


def _nearest(key: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(key), [str(name) for name in allowed], n=1, cutoff=0.0)
    return f"; did you mean {close[0]!r}?" if close else ""
