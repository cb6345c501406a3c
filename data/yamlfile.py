"""Read a spec file: YAML with nothing in it that a reader would not see, and what it takes over with `include`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from data.errors import DataError, nearest
from data.keys import check_mapping, check_text

MAX_BYTES = 1_000_000  # a spec is a page of text; what is larger is some other file
MAX_INCLUDES = 5


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the keys of a spec file, together with those of the file it includes.

    `include: shared/base.yaml` takes over that file, whose path starts from the folder of the spec. A mapping is merged
    key by key; anything else that stands in both is taken from the spec.

    Args:
        path: A file such as `data/specs/sentiment.yaml`.

    Raises:
        DataError: If a file is missing, not YAML in UTF-8, or has an anchor, an alias, a tag or a key twice; or if an
            included file is not in the folder of the spec, or includes itself.

    Example:
        >>> read_yaml(Path("data/specs/sentiment.yaml"))["source"]
        {'generator': 'sentiment'}
    """
    raw = dict(check_mapping(str(path), _parse(path)))
    chain = [path]
    while "include" in raw:
        base = path.parent / _inside(str(chain[-1]), check_text(str(chain[-1]), raw, "include"))
        if base in chain or len(chain) > MAX_INCLUDES:
            names = " includes ".join(str(link) for link in [*chain, base])
            raise DataError(f"{path}: include: {names}; at most {MAX_INCLUDES} files, none of them twice")
        del raw["include"]
        raw = _merged(check_mapping(str(base), _parse(base)), raw)
        chain.append(base)
    return raw


def _inside(place: str, name: str) -> PurePosixPath:
    """Return the path of an included file, which stays in the folder of the spec."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".yaml":
        raise DataError(
            f"{place}: include: expected a .yaml file in the folder of the spec or below it, such as "
            f"shared/base.yaml, got {name!r}"
        )
    return path


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {**base, **over}
    for key in base.keys() & over.keys():
        if isinstance(base[key], Mapping) and isinstance(over[key], Mapping):
            both[key] = _merged(base[key], over[key])
    return both


def _parse(path: Path) -> Any:
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise DataError(f"{path}: {len(content)} bytes are no spec; it may have {MAX_BYTES}")
        return _Plain(content.decode("utf-8")).get_single_data()
    except (FileNotFoundError, NotADirectoryError):
        names = sorted(file.name for file in path.parent.glob("*.yaml"))
        few = ", ".join(names) if len(names) <= 8 else f"{len(names)} specs"
        there = f"; {path.parent} has {few}{nearest(path.name, names)}" if names else ""
        raise DataError(f"{path}: no such file{there}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise DataError(f"{path}: not a spec: lists or mappings are nested too deep") from None
    except (ValueError, yaml.YAMLError) as error:  # ValueError: bytes that are not UTF-8, or a date such as 2026-99-99
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not valid YAML in UTF-8: {error}") from None


class _Plain(yaml.SafeLoader):
    """YAML without anchors, aliases, tags and repeated keys: what stands in the file is what is read."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs have none
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(
                None, None, "anchors and aliases are not read; write the value out, or share it with `include:`",
                event.start_mark,
            )  # fmt: skip
        if getattr(event, "tag", None):
            raise yaml.composer.ComposerError(None, None, f"the tag {event.tag} is not read", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = [key for key, times in Counter(keys).items() if times > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} occurs twice", node.start_mark)
        return super().construct_mapping(node, deep)
