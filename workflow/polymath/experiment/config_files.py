"""Configuration files: read them, merge them, and find what their relative paths mean."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from polymath.util.errors import PolymathError
from polymath.util.user_folders import expand_home

# Where a configuration has paths of the user's own: sections of named entries, and keys in each.
PATHS = {
    "datasets": (("source", "path"), ("alphabet", "file")),
    "checkpoints": (("source", "path"), ("source", "weights", "path")),
}


class _UniqueKeyLoader(yaml.SafeLoader):
    """Read YAML, and refuse a key that stands twice in one dictionary, naming it and both lines."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        marks: dict[tuple[str, str], yaml.Mark] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                first = marks.setdefault((key.tag, key.value), key.start_mark)
                if first is not key.start_mark:
                    lines = f"lines {first.line + 1} and {key.start_mark.line + 1}"
                    raise PolymathError(f"{lines}: the key '{key.value}' is there twice")
        return super().construct_mapping(node, deep)


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises:
        PolymathError: if it cannot be read, has a key twice, or is not a YAML dictionary.
    """
    try:
        # A safe loader: it builds plain values only.
        value = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)  # noqa: S506
    except OSError as error:
        raise PolymathError(
            f"{path}: cannot be read: {error.strerror}: check its name, and the folder that you "
            "are in"
        ) from None
    except PolymathError as error:
        raise PolymathError(f"{path}: {error}: remove one of them") from None
    except (UnicodeError, RecursionError, yaml.YAMLError) as error:
        raise PolymathError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(value, dict):
        raise PolymathError(f"{path}: the top level must be keys and values, as in config.yaml")
    return value


def merge_configs(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two configurations as Snakemake does.

    Dictionaries are merged key by key; any other value is replaced by the later one.
    """
    merged = dict(first)
    for key, value in then.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge_configs(merged[key], value) if both else value
    return merged


def locate_paths(config: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """Return a merged configuration whose paths are found from the working folder.

    A relative path starts at the folder of the file that names it; one that is not there but in
    the working folder starts there.

    Args:
        files: those that were merged, the first before the later ones.

    Raises:
        PolymathError: if a file cannot be read.
    """
    located = dict(config)
    for file in files:
        own = read_config(file)
        for section, keys in PATHS.items():
            entries = own.get(section)
            for name in entries if isinstance(entries, dict) else ():
                for key in keys:
                    written = _get(own, (section, name, *key))
                    if isinstance(written, str) and written == _get(config, (section, name, *key)):
                        located = _set(located, (section, name, *key), _locate(written, file))
    return located


def _locate(written: str, file: Path) -> str:
    path = expand_home(written)
    beside = file.absolute().parent / path
    if path.is_absolute() or (path.exists() and not beside.exists()):
        return written
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def _get(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _set(value: Mapping[str, Any], keys: tuple[str, ...], new: str) -> dict[str, Any]:
    """Return a copy with one value replaced."""
    first, *rest = keys
    return {**value, first: _set(value[first], tuple(rest), new) if rest else new}
