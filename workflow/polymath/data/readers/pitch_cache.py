"""Pitches of MIDI files, kept for this user: a file is parsed once, and not again after an error.

An entry is named by the file's content and the parsers' versions, and carries a digest of itself. A
cache that cannot be used costs a second parsing, and nothing else.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from polymath.util.errors import PolymathError
from polymath.util.storage import digest_of, read_json, sha256_of, write_sealed_json
from polymath.util.user_folders import cache_folder

CODE = 1  # of `read_pitches`: raise it where that returns other pitches of a file


def cached_pitches(path: Path, parse: Callable[[Path], list[int]]) -> list[int]:
    """Return a file's pitches, parsed unless another job or run has done so.

    Raises:
        PolymathError: as `parse` does.
    """
    entry = _entry_of(path)
    if entry is None:
        return parse(path)
    with suppress(PolymathError, OSError, KeyError, TypeError, ValueError):  # absent or damaged
        return [int(pitch) for pitch in read_json(entry)["pitches"]]
    pitches = parse(path)
    with suppress(OSError):  # a full disk, or a folder that cannot be written
        entry.parent.mkdir(mode=0o700, exist_ok=True)
        write_sealed_json({"pitches": pitches}, entry)
    return pitches


def _entry_of(path: Path) -> Path | None:
    folder = cache_folder(lambda _: None)
    made_by = {"code": CODE, "parsers": _parser_versions(), "sha256": sha256_of(path)}
    return None if folder is None else folder / "pitches" / f"{digest_of(made_by)}.json"


@cache
def _parser_versions() -> list[str]:
    return [version("pretty_midi"), version("mido")]
