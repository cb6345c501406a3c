"""The sections of a spec that say which column of the source holds what, and how columns become rows."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from data.errors import DataError
from data.keys import check_choice, check_keys, check_mapping, check_text, check_texts, shown


@dataclass(frozen=True)
class Template:
    """A text put together from columns.

    Attributes:
        template: Such as `Q: {Question} A: {$value}`; a brace of the text itself is written twice.
        read: The column whose place in the text is the span; None where the span is not read.
    """

    template: str
    read: str | None = None

    @property
    def names(self) -> list[str]:
        """The columns, in the order in which the text has them."""
        return [name for _, name, _, _ in Formatter().parse(self.template) if name is not None]


@dataclass(frozen=True)
class Grouping:
    """What never crosses a fold.

    Attributes:
        columns: Rows that agree in all of these are one group.
        pattern: Regular expression; what its first group matches in each column stands for it, or all it matches.
    """

    columns: tuple[str, ...]
    pattern: str | None = None


@dataclass(frozen=True)
class Columns:
    """Which column of the source holds what; None where it has no such column."""

    text: str | Template
    label: str
    id: str | None = None
    start: str | None = None
    end: str | None = None
    target: str | None = None
    group: Grouping | None = None
    control_key: str | None = None
    variant: str | None = None

    def given(self) -> dict[str, str]:
        """Return field -> what stands for it in the source, without the fields left out."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: _told(value) for name, value in fields.items() if value is not None}

    def needed(self) -> dict[str, tuple[str, ...]]:
        """Return field -> the columns it is made of, without the fields left out."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: _parts(value) for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class Melt:
    """How several columns of a row become rows of their own.

    Attributes:
        columns: Column -> label; a row is made of each, with its text as `$value` and its label as `$label`.
        split: What stands between several texts of one column, each of which becomes a row; None for one text.
    """

    columns: Mapping[str, str]
    split: str | None = None


# every generator returns these, so its spec names none
GENERATED = Columns(
    *("text", "label"),
    start="start",
    end="end",
    group=Grouping(("group",)),
    control_key="control_key",
    variant="variant",
)


def read_columns(place: str, value: Any, readout: str) -> Columns:
    """Return the section `columns` of a spec, every key checked.

    Args:
        place: File and field, for messages.
        value: What stands there.
        readout: Of the spec: `span` needs a span, the others have none.

    Raises:
        DataError: If a key is unknown or missing, a value is not allowed, or the span does not go with the readout.

    Example:
        >>> read_columns("x.yaml: columns", {"text": "sentence", "label": "kind"}, "last").given()
        {'text': 'sentence', 'label': 'kind'}
    """
    raw = check_mapping(place, value)
    check_keys(place, raw, ("text", "label"), [field.name for field in dataclasses.fields(Columns)])
    plain = {name: check_text(place, raw, name) for name in raw if name not in ("text", "group")}
    text = _text_column(place, raw)
    group = _grouping(f"{place}.group", raw) if "group" in raw else None
    columns = Columns(text, group=group, **plain)
    _check_span(place, columns, readout)
    return columns


def read_melt(place: str, value: Any) -> Melt:
    """Return the section `melt` of a spec, every key checked.

    Args:
        place: File and field, for messages.
        value: What stands there.

    Raises:
        DataError: If a key is unknown or missing, or a value is not allowed.

    Example:
        >>> read_melt("x.yaml: melt", {"columns": {"good": "acceptable", "bad": "unacceptable"}})
        Melt(columns={'good': 'acceptable', 'bad': 'unacceptable'}, split=None)
    """
    raw = check_mapping(place, value)
    check_keys(place, raw, ("columns",), ("columns", "split"))
    named = check_mapping(f"{place}.columns", raw["columns"])
    columns = {str(name): check_text(f"{place}.columns", named, name) for name in named}
    split = raw.get("split")
    if "split" in raw and (not isinstance(split, str) or not split):
        raise DataError(f"{place}: split: expected the text between two values, such as '; ', got {split!r}")
    return Melt(columns, split)


def check_pattern(place: str, pattern: str) -> str:
    """Return a text that is a regular expression.

    Args:
        place: File and field, for messages.
        pattern: The text.

    Raises:
        DataError: If it is none.

    Example:
        >>> check_pattern("x.yaml: remove: word", "-[nv]$")
        '-[nv]$'
    """
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(f"{place}: not a regular expression: {error}") from None
    return pattern


def _told(value: str | Template | Grouping) -> str:
    if isinstance(value, Template):
        return value.template
    return ", ".join(value.columns) if isinstance(value, Grouping) else value


def _parts(value: str | Template | Grouping) -> tuple[str, ...]:
    if isinstance(value, Template):
        return tuple(dict.fromkeys(value.names))
    return value.columns if isinstance(value, Grouping) else (value,)


def _text_column(place: str, raw: Mapping[str, Any]) -> str | Template:
    if not isinstance(raw["text"], Mapping):
        return check_text(place, raw, "text")
    place, inner = f"{place}.text", raw["text"]
    check_keys(place, inner, ("template",), ("template", "read"))
    text = check_text(place, inner, "template")
    template = Template(text, check_text(place, inner, "read") if "read" in inner else None)
    _check_template(place, template)
    return template


def _check_template(place: str, template: Template) -> None:
    try:
        parts = [part for part in Formatter().parse(template.template) if part[1] is not None]
    except ValueError as error:
        raise DataError(f"{place}: template: {error}; a brace that is meant as text is written twice") from None
    if not parts or any(not name or spec or conversion for _, name, spec, conversion in parts):
        raise DataError(
            f"{place}: template: expected a text with names of columns in braces and nothing else in them, such as "
            f"'{{question}} {{answer}}', got {shown(template.template)}"
        )
    names = [name for _, name, _, _ in parts]
    if template.read is not None:
        check_choice(place, {"read": template.read}, "read", tuple(filter(None, names)))
        if names.count(template.read) > 1:
            raise DataError(f"{place}: read: {{{template.read}}} is in the template more than once")


def _grouping(place: str, raw: Mapping[str, Any]) -> Grouping:
    if not isinstance(raw["group"], Mapping):
        return Grouping(check_texts(place.removesuffix(".group"), raw, "group"))
    inner = raw["group"]
    check_keys(place, inner, ("columns",), ("columns", "pattern"))
    pattern = check_text(place, inner, "pattern") if "pattern" in inner else None
    if pattern is not None:
        check_pattern(f"{place}: pattern", pattern)
    return Grouping(check_texts(place, inner, "columns"), pattern)


def _check_span(place: str, columns: Columns, readout: str) -> None:
    read = isinstance(columns.text, Template) and columns.text.read is not None
    ways = {"start and end": bool(columns.start or columns.end), "target": bool(columns.target), "text.read": read}
    given = [way for way, there in ways.items() if there]
    if (columns.start is None) != (columns.end is None):
        raise DataError(f"{place}: start and end belong together; give both or none")
    if len(given) > 1:
        raise DataError(f"{place}: both {' and '.join(given)} say where the span is; keep one of them")
    if readout == "span" and not given:
        raise DataError(
            f"{place}: the readout span needs `start` and `end`, or `target`, or `read` in a template; or set "
            "`readout: last`"
        )
    if readout != "span" and given:
        raise DataError(f"{place}: readout {readout} takes the whole text; remove {given[0]}, or use readout span")
