"""MIDI files to pitches, kept for this user: a file is parsed once, and not again after an error.

An entry of the cache is named by the file's content and the parsers' versions, and carries a digest
of itself. A cache that cannot be used costs a second parsing, and nothing else.
"""

import warnings
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pretty_midi

from polymath.data.readers.columns import PLACE, with_origin
from polymath.data.readers.files import SUFFIXES
from polymath.util.errors import PolymathError
from polymath.util.processes import process_pool
from polymath.util.storage import digest_of, read_json, sha256_of, write_sealed_json
from polymath.util.user_folders import cache_folder

INDEPENDENT_TRACKS = 2  # the type of MIDI files whose tracks are pieces of their own
CODE = 1  # of `read_pitches`: raise it where that returns other pitches of a file


def read_scores(files: list[Path], workers: int) -> list[pd.DataFrame | PolymathError]:
    """Read each MIDI file as one row, or return why it cannot be read.

    Raises:
        PolymathError: if no file is a MIDI file by its name.
    """
    scores = [path for path in files if path.suffix.lower() in SUFFIXES["midi"]]
    if not scores:
        raise PolymathError(f"no .mid or .midi file among the source's {len(files)} files")
    with process_pool(min(workers, len(scores))) as pool:  # starts none before it is used
        return list((pool.map if workers > 1 else map)(_read_score, scores))


def _read_score(path: Path) -> pd.DataFrame | PolymathError:
    try:
        sequence = " ".join(str(pitch) for pitch in _cached_pitches(path))
    except PolymathError as error:
        return error
    return with_origin(pd.DataFrame({"sequence": [sequence], PLACE: [f"{path}"]}, dtype=str), path)


def _cached_pitches(path: Path) -> list[int]:
    """Return a file's pitches, parsed unless another job or run has done so."""
    folder = cache_folder(lambda _: None)
    if folder is None:
        return read_pitches(path)
    made_by = {"code": CODE, "parsers": _parser_versions(), "sha256": sha256_of(path)}
    entry = folder / "pitches" / f"{digest_of(made_by)}.json"
    with suppress(PolymathError, OSError, KeyError, TypeError, ValueError):  # absent or damaged
        return [int(pitch) for pitch in read_json(entry)["pitches"]]
    pitches = read_pitches(path)
    with suppress(OSError):  # a full disk, or a folder that cannot be written
        entry.parent.mkdir(mode=0o700, exist_ok=True)
        write_sealed_json({"pitches": pitches}, entry)
    return pitches


@cache
def _parser_versions() -> list[str]:
    return [version("pretty_midi"), version("mido")]


def read_pitches(path: Path) -> list[int]:
    """Return the MIDI pitches of all notes except drums, by onset and then by pitch.

    Raises:
        PolymathError: if the file cannot be read as MIDI or has no notes.
    """
    if _type_of(path) == INDEPENDENT_TRACKS:
        raise PolymathError(
            f"{path}: MIDI of type 2, whose tracks are independent pieces: write each to a file of "
            "its own, or take the file out of the folder"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tempo changes on other tracks than the first
            midi = pretty_midi.PrettyMIDI(str(path))
    except Exception as error:  # pretty_midi and mido raise many kinds for broken files
        raise PolymathError(
            f"{path}: not readable as MIDI ({type(error).__name__}: {error}): replace the file, "
            "or take it out of the folder"
        ) from None
    notes = [
        note
        for instrument in midi.instruments
        if not instrument.is_drum
        for note in instrument.notes
    ]
    if not notes:
        drums = sum(len(instrument.notes) for instrument in midi.instruments)
        what = f"no notes but {drums} of drums" if drums else "no notes"
        raise PolymathError(f"{path}: {what}: take the file out of the folder")
    return [note.pitch for note in sorted(notes, key=lambda note: (note.start, note.pitch))]


def _type_of(path: Path) -> int:
    """Return a MIDI file's type, which follows its first chunk's name and length."""
    with path.open("rb") as file:
        header = file.read(10)
    return int.from_bytes(header[8:10], "big") if header.startswith(b"MThd") else 0
