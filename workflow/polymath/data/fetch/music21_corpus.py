"""Convert the scores of music21's corpus to MIDI, in parallel, once.

Source: M. S. Cuthbert and C. Ariza, music21: a toolkit for computer-aided musicology and
symbolic music data, ISMIR 2010. Each score's licence is stated in its own file.
"""

import csv
import gc
import hashlib
import importlib.metadata
import importlib.util
import os
import warnings
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from polymath.data.fetch.file_cache import Fetched, FileCache
from polymath.data.fetch.progress import Log
from polymath.experiment.sources import Music21Source
from polymath.experiment.stage_versions import FETCH
from polymath.util.errors import PolymathError, suggest
from polymath.util.processes import process_pool
from polymath.util.remedies import remedy_for
from polymath.util.seeds import hash_order
from polymath.util.storage import sha256_of, whole_file

# Best first: where one piece is there in two formats, one file is taken.
FORMATS = (".mxl", ".xml", ".krn")
# pretty_midi refuses long scores at music21's default of 10080 ticks.
TICKS_PER_QUARTER = 480
METADATA = "metadata.csv"


@dataclass(frozen=True)
class Rendered:
    """A score's MIDI file, or the reason why there is none."""

    composer: str
    file: str
    work: str
    problem: str = ""


def fetch_scores(source: Music21Source, folder: Path, workers: int, log: Log) -> Fetched:
    """Render the chosen scores to `folder`/COMPOSER/PIECE.mid and a table of their works.

    Scores that were rendered on this machine before are copied (see `file_cache`).

    Returns:
        The files written, `metadata.csv` (file, composer, work) first; and the scores that
        music21 could not render, with the reason.

    Raises:
        PolymathError: if another music21 is installed than the catalogue names, or its
            scores differ from the catalogue's checksum.
    """
    corpus = _corpus_folder(source)
    scores = _choose_scores(source, corpus)
    _check(source, corpus, scores)
    settings = {**source.model_dump(mode="json"), "ticks": TICKS_PER_QUARTER, "code": FETCH}
    cache = FileCache.of("scores", settings, log)
    cached = cache and cache.restore(folder)
    if cached:
        return cached
    done = _render_all(corpus, scores, folder, workers, log)
    if cache:
        cache.keep(folder, done)
    return done


def _render_all(corpus: Path, scores: list[Path], folder: Path, workers: int, log: Log) -> Fetched:
    rendered: list[Rendered] = []
    # The largest files first, so that no worker is left with a long one at the end.
    longest_first = sorted(scores, key=lambda path: -path.stat().st_size)
    with process_pool(workers, _prepare_worker) as pool:
        jobs = [pool.submit(_render, corpus, score, folder) for score in longest_first]
        for job in as_completed(jobs):
            rendered.append(job.result())
            if len(rendered) % 20 == 0 or len(rendered) == len(jobs):
                log(f"wrote {len(rendered)} of {len(jobs)} scores to MIDI")
    rendered.sort(key=lambda score: score.file)
    good = [score for score in rendered if not score.problem]
    _write_metadata(good, folder / METADATA)
    files = [folder / METADATA, *(folder / score.composer / f"{score.file}.mid" for score in good)]
    return files, [
        {"file": score.file, "reason": score.problem} for score in rendered if score.problem
    ]


def _corpus_folder(source: Music21Source) -> Path:
    installed = importlib.metadata.version("music21")
    if installed != source.version:
        raise PolymathError(
            f"music21 {installed} is installed, the catalogue names {source.version}: its corpus "
            "differs between versions. Install that version, or update 'version' and 'sha256'"
        )
    spec = importlib.util.find_spec("music21")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "corpus"


def _choose_scores(source: Music21Source, corpus: Path) -> list[Path]:
    """Return at most `limit` scores per composer, the same on every machine."""
    chosen = []
    for composer in source.composers:
        if not (corpus / composer).is_dir():
            folders = [path.name for path in corpus.iterdir() if path.is_dir()]
            raise PolymathError(
                f"music21's corpus has no composer '{composer}': {suggest(composer, folders)}"
            )
        pieces: dict[str, Path] = {}
        for suffix in FORMATS:
            for path in sorted((corpus / composer).rglob(f"*{suffix}")):
                pieces.setdefault(str(path.relative_to(corpus).with_suffix("")), path)
        order = hash_order(sorted(pieces), seed=0)
        chosen += [pieces[name] for name in order[: source.limit]]
    return chosen


def _check(source: Music21Source, corpus: Path, scores: list[Path]) -> None:
    lines = sorted(f"{path.relative_to(corpus).as_posix()} {sha256_of(path)}" for path in scores)
    sha256 = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    if sha256 != source.sha256:
        raise PolymathError(
            f"music21's scores have the checksum {sha256}, the catalogue names {source.sha256}: "
            "the installed corpus was altered, or 'composers' or 'limit' changed. Reinstall "
            "music21, or update 'sha256'"
        )


def _prepare_worker() -> None:
    """Look for garbage after each score only.

    A score is a hundred thousand small objects, and Python would look through them time and again.
    """
    import music21  # noqa: F401 - imported here, so that its objects are never looked through

    gc.freeze()
    gc.disable()


def _render(corpus: Path, score: Path, folder: Path) -> Rendered:
    from music21 import converter, defaults, midi

    relative = score.relative_to(corpus)
    composer = relative.parts[0]
    name = "__".join(relative.with_suffix("").parts[1:])
    work = relative.parts[1] if len(relative.parts) > 2 else name
    target = folder / composer / f"{name}.mid"
    defaults.ticksPerQuarter = TICKS_PER_QUARTER
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = converter.Converter()
            # music21 caches parsed scores as pickles; Polymath reads and writes none.
            reader.parseFile(score, forceSource=True, storePickle=False)
            stream = reader.stream
            parent = stream.metadata.parentTitle if stream.metadata else None
            translated = midi.translate.music21ObjectToMidiFile(stream)
            with whole_file(target) as temporary:
                translated.open(os.fspath(temporary), "wb")
                translated.write()
                translated.close()
    except Exception as error:  # music21 raises many kinds; each costs one score, and is counted
        if remedy_for(error):
            raise  # of the machine: the score would be left out for good
        return Rendered(composer, name, work, f"{type(error).__name__}: {error}")
    finally:
        gc.collect()
    return Rendered(composer, name, f"{composer}: {parent or work}")


def _write_metadata(rendered: list[Rendered], path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        table = csv.DictWriter(handle, ["file", "composer", "work"], extrasaction="ignore")
        table.writeheader()
        table.writerows(asdict(score) for score in rendered)
