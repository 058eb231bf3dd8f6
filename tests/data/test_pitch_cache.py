"""A MIDI file is parsed once, also where another of its folder is broken."""

from pathlib import Path

import pretty_midi
import pytest

from polymath.data.readers import read_rows
from polymath.experiment.reader import Reader
from polymath.util.errors import PolymathError
from support.music import write_midi

MIDI = Reader.model_validate({"format": "midi", "label": "folder"})


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The files that are parsed from here on, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    names: list[str] = []
    parse = pretty_midi.PrettyMIDI

    def counted(path: str | None = None) -> pretty_midi.PrettyMIDI:
        names.extend([] if path is None else [Path(path).name])  # else one is written
        return parse(path)

    monkeypatch.setattr(pretty_midi, "PrettyMIDI", counted)
    return names


def test_what_was_parsed_is_not_parsed_again_after_an_error(
    parsed: list[str], tmp_path: Path
) -> None:
    good, bad = tmp_path / "a.mid", tmp_path / "b.mid"
    write_midi(good, [(60, 0, 1), (64, 1, 2)])
    bad.write_bytes(b"MThd broken")
    with pytest.raises(PolymathError, match=r"b\.mid"):
        read_rows([good, bad], MIDI)
    write_midi(bad, [(67, 0, 1)])
    assert list(read_rows([good, bad], MIDI)["sequence"]) == ["60 64", "67"]
    assert list(read_rows([good, bad], MIDI)["sequence"]) == ["60 64", "67"]
    assert parsed == ["a.mid", "b.mid", "b.mid"]


def test_a_damaged_entry_is_parsed_again(parsed: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    write_midi(path, [(60, 0, 1)])
    read_rows([path], MIDI)
    (entry,) = tmp_path.glob("cache/polymath/pitches/*.json")
    entry.write_text(entry.read_text().replace("60", "61"))
    assert list(read_rows([path], MIDI)["sequence"]) == ["60"]
    assert parsed == ["a.mid", "a.mid"]


def test_without_a_safe_place_everything_is_parsed(parsed: list[str], tmp_path: Path) -> None:
    (tmp_path / "cache/polymath").mkdir()
    (tmp_path / "cache/polymath").chmod(0o777)
    path = tmp_path / "a.mid"
    write_midi(path, [(60, 0, 1)])
    for _ in range(2):
        assert list(read_rows([path], MIDI)["sequence"]) == ["60"]
    assert parsed == ["a.mid", "a.mid"]
