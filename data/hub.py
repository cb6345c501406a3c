"""Load a split of a dataset from the Hugging Face hub, at the commit that the spec pins."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.places import HubSource
from data.readers.jsons import flatten

Record = Mapping[str, Any]


def load_hub(source: HubSource, wanted: Iterable[str]) -> list[Record]:
    """Return the rows of a split, nested features with dotted names such as `answers.text`.

    Args:
        source: What to load.
        wanted: The columns that are needed; the others are not read.

    Raises:
        DataError: If the dataset cannot be loaded, the id is a folder here, or two nested features get one name.

    Example:
        >>> load_hub(HubSource(hub="data", revision="0" * 40, split="train", config=None), ["text"])
        Traceback (most recent call last):
        data.errors.DataError: source.hub: 'data' is a folder here; read its file with `path:` instead
    """
    import datasets  # takes a second, and only these datasets need it

    if Path(source.hub).exists():  # load_dataset would take the folder, and the revision would say nothing
        raise DataError(f"source.hub: {source.hub!r} is a folder here; read its file with `path:` instead")
    try:
        table = datasets.load_dataset(source.hub, name=source.config, split=source.split, revision=source.revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"{source.place}: could not be loaded at revision {source.revision}: {error}; check the id, the config, "
            "the split, the revision and the network"
        ) from error
    names = {_owner(name, table.column_names) for name in wanted}
    known = [name for name in table.column_names if name in names]
    try:
        return [flatten(record) for record in table.select_columns(known or table.column_names).to_list()]
    except DataError as error:
        raise DataError(f"{source.place}: {error}") from None


def _owner(name: str, columns: Iterable[str]) -> str:
    """Return the feature that a dotted name is a part of."""
    return name if name in columns else name.split(".")[0]
