"""Scores of music21's corpus become MIDI and a table of works."""

import csv
import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path

import pretty_midi
import pytest

from polymath.data.fetch import music21_corpus
from polymath.data.fetch.music21_corpus import fetch_scores
from polymath.experiment.sources import Music21Source
from polymath.util.errors import PolymathError
from support import quiet


def installed_corpus() -> Path:
    spec = find_spec("music21")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "corpus"


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four small scores in place of music21's thousands."""
    folder = tmp_path / "corpus"
    for name in ("bach/bwv66.6.mxl", "bach/bwv165.6.mxl",
                 "palestrina/Gloria_70_c.krn", "palestrina/Credo_67_c.krn"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(installed_corpus() / name, folder / name)
    monkeypatch.setattr(music21_corpus, "_corpus_folder", lambda source: folder)
    return folder


def describe_scores(corpus: Path, version: str = "any") -> Music21Source:
    """Return the catalogue's entry for all scores of a corpus as they are now."""
    lines = sorted(
        f"{path.relative_to(corpus).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in corpus.rglob("*.*")
    )
    return Music21Source(
        kind="music21",
        version=version,
        sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        composers=("bach", "palestrina"),
        limit=5,
    )


def read_works(table: Path) -> dict[str, str]:
    with table.open(newline="", encoding="utf-8") as handle:
        return {row["file"]: row["work"] for row in csv.DictReader(handle)}


def test_scores_become_midi_and_a_table_of_works(corpus: Path, tmp_path: Path) -> None:
    logged: list[str] = []
    raw = tmp_path / "raw"
    files, rejected = fetch_scores(describe_scores(corpus), raw, 1, logged.append)
    assert rejected == []
    assert files[0] == raw / "metadata.csv"
    assert sorted(file.relative_to(raw).as_posix() for file in files[1:]) == [
        "bach/bwv165.6.mid",
        "bach/bwv66.6.mid",
        "palestrina/Credo_67_c.mid",
        "palestrina/Gloria_70_c.mid",
    ]
    for file in files[1:]:
        midi = pretty_midi.PrettyMIDI(str(file))
        assert sum(len(track.notes) for track in midi.instruments) > 10, file
    assert read_works(files[0]) == {
        "bwv165.6": "bach: bwv165.6",
        "bwv66.6": "bach: bwv66.6",
        "Credo_67_c": "palestrina: Missa In illo tempore",
        "Gloria_70_c": "palestrina: Missa In illo tempore",
    }
    assert logged[-1] == "wrote 4 of 4 scores to MIDI"


def test_a_broken_score_is_reported_and_the_others_are_kept(corpus: Path, tmp_path: Path) -> None:
    (corpus / "bach" / "bwv66.6.mxl").write_bytes(b"not a score \x00\xff" * 40)
    files, rejected = fetch_scores(describe_scores(corpus), tmp_path / "raw", 1, quiet)
    assert [score["file"] for score in rejected] == ["bwv66.6"]
    assert rejected[0]["reason"]
    assert len(files) == 1 + 3
    assert "bwv66.6" not in read_works(files[0])
    assert sorted(path for path in (tmp_path / "raw").rglob("*") if path.is_file()) == sorted(files)


def test_scores_that_the_machine_cannot_write_are_not_left_out(
    corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "bach").write_text("in the way")
    with pytest.raises(FileExistsError):
        fetch_scores(describe_scores(corpus), tmp_path / "raw", 1, quiet)


def test_scores_rendered_before_are_copied(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = describe_scores(corpus)
    first = fetch_scores(source, tmp_path / "first", 1, quiet)
    monkeypatch.setattr(music21_corpus, "_render", lambda *_: pytest.fail("rendered again"))
    second = fetch_scores(source, tmp_path / "second", 1, quiet)
    assert [path.read_bytes() for path in second[0]] == [path.read_bytes() for path in first[0]]
    assert second[1] == first[1]
    (corpus / "bach" / "bwv66.6.mxl").write_bytes(b"another score")
    with pytest.raises(PolymathError, match="checksum"):
        fetch_scores(source, tmp_path / "third", 1, quiet)


def test_a_piece_in_two_formats_is_taken_once(corpus: Path) -> None:
    source = describe_scores(corpus)
    (corpus / "bach" / "bwv66.6.krn").write_text("never read")
    chosen = music21_corpus._choose_scores(source, corpus)
    assert [path.name for path in chosen if "bwv66" in path.name] == ["bwv66.6.mxl"]
    assert len(chosen) == 4


def test_the_limit_keeps_the_same_scores_of_each_composer(corpus: Path) -> None:
    source = describe_scores(corpus)
    everything = music21_corpus._choose_scores(source, corpus)
    fewer = music21_corpus._choose_scores(source.model_copy(update={"limit": 1}), corpus)
    assert fewer == [everything[0], everything[2]]


def test_scores_that_changed_are_refused(corpus: Path, tmp_path: Path) -> None:
    source = describe_scores(corpus)
    (corpus / "palestrina" / "Credo_67_c.krn").write_text("altered")
    with pytest.raises(PolymathError, match=f"the catalogue names {source.sha256}"):
        fetch_scores(source, tmp_path / "raw", 1, quiet)
    assert not (tmp_path / "raw").exists()


def test_an_unknown_composer_is_an_error(corpus: Path, tmp_path: Path) -> None:
    source = describe_scores(corpus).model_copy(update={"composers": ("bach", "palestrini")})
    with pytest.raises(PolymathError, match="did you mean 'palestrina'"):
        fetch_scores(source, tmp_path / "raw", 1, quiet)


def test_another_version_of_music21_is_refused(tmp_path: Path) -> None:
    source = Music21Source(
        kind="music21", version="0.1", sha256="0" * 64, composers=("bach", "palestrina"), limit=1
    )
    with pytest.raises(PolymathError, match=r"is installed, the catalogue names 0\.1"):
        fetch_scores(source, tmp_path, 1, quiet)
