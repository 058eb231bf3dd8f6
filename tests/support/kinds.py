"""Files of ten kinds, as users have them, small and the same each time."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from support.music import write_midi

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
ROWS = 60
SUBJECTS = ("the film", "this book, really,", 'her "best" album', "the food at the place")
Generator = np.random.Generator


def letters(generator: Generator, alphabet: str, low: int, high: int) -> str:
    return "".join(generator.choice(list(alphabet), generator.integers(low, high + 1)))


def write_peptides(folder: Path, generator: Generator) -> Path:
    rows = [
        (f"DRAMP{n:05}", letters(generator, AMINO_ACIDS, 8, 40), ("no", "no", "yes")[n % 3])
        for n in range(ROWS)
    ]
    path = folder / "peptides.csv"
    pd.DataFrame(rows, columns=["id", "seq", "activity"]).to_csv(path, index=False)
    return path


def write_smiles(folder: Path, generator: Generator) -> Path:
    pieces = ["C", "CC", "c1ccccc1", "O", "N", "C(=O)O", "Cl", "[NH3+]", "C#N", "C(C)(C)"]
    smiles = ["".join(generator.choice(pieces, generator.integers(4, 14))) for _ in range(ROWS)]
    values = [round(-0.2 * len(text) + float(generator.normal()), 2) for text in smiles]
    path = folder / "ESOL.csv"
    name = "measured log solubility in mols per litre"
    pd.DataFrame({"smiles": smiles, name: values}).to_csv(path, index=False)
    return path


def write_log(folder: Path, generator: Generator) -> Path:
    lines = []
    for n in range(ROWS):
        node = f"R{generator.integers(64):02}-M{n % 2}"
        what = "FATAL data TLB error" if n % 10 == 0 else "INFO the parity error is corrected"
        mark = ("KERNDTLB", "APPSEV")[n // 10 % 2] if n % 10 == 0 else "-"
        lines.append(f"{mark} {1117838570 + n} 2005.06.03 {node} RAS KERNEL {what} at {node}")
    path = folder / "BGL.log"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_scores(folder: Path, generator: Generator) -> Path:
    path = folder / "scores"
    path.mkdir()
    for composer, base in (("bach", 50), ("clara-schumann", 70)):
        for n in range(8):
            pitches = np.clip(base + np.cumsum(generator.integers(-4, 5, 30)), 30, 100)
            notes = [(int(pitch), k / 4, k / 4 + 0.2) for k, pitch in enumerate(pitches)]
            write_midi(path / f"{composer}_op{n}_no1.mid", notes)
    return path


def write_promoters(folder: Path, generator: Generator) -> Path:
    path = folder / "promoters"
    path.mkdir()
    for name in ("sigma70", "sigma54", "nonpromoter"):
        sequences = [letters(generator, "ACGT", 40, 40) for _ in range(ROWS // 3)]
        text = "".join(
            f">{name}_{n} strand=+\n{s[:30]}\n{s[30:]}\n" for n, s in enumerate(sequences)
        )
        (path / f"{name}.fa").write_text(text)
    return path


def write_sentences(folder: Path, generator: Generator) -> Path:
    words = (("awful", "dull", "poor"), ("great", "lovely", "fine"))
    lines = [
        f"{generator.choice(SUBJECTS)} is {generator.choice(words[n % 2])} and "
        f"{generator.choice(words[n % 2])} to all of us on day {n}\t{n % 2}"
        for n in range(ROWS)
    ]
    path = folder / "sentences.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_folds(folder: Path, generator: Generator) -> Path:
    rows = [
        (letters(generator, "HECT", 25, 25), ("alpha", "beta")[n % 2], f"fam{n // 4}")
        for n in range(ROWS)
    ]
    path = folder / "folds.xlsx"
    pd.DataFrame(rows, columns=["Sequence", "Class", "Family"]).to_excel(path, index=False)
    return path


def write_localization(folder: Path, generator: Generator) -> Path:
    path = folder / "localization.fasta.gz"
    with gzip.open(path, "wt") as file:
        for n in range(ROWS):
            end = "X" if n % 20 == 0 else ""
            sequence = letters(generator, AMINO_ACIDS, 40, 90) + end
            file.write(f">sp|Q{n:05}|{('cytoplasm', 'nucleus')[n % 2]}\n{sequence}\n")
    return path


def write_sessions(folder: Path, generator: Generator) -> Path:
    events = [generator.integers(0, 12, generator.integers(20, 50)).tolist() for _ in range(ROWS)]
    table = {
        "events": events,
        "outcome": ["churn", "stay"] * (ROWS // 2),
        "user_id": [f"u{n // 2}" for n in range(ROWS)],
    }
    path = folder / "sessions.parquet"
    pd.DataFrame(table).to_parquet(path)
    return path


def write_pairs(folder: Path, generator: Generator) -> Path:
    splits = ["train"] * 40 + ["validation"] * 8 + ["test"] * (ROWS - 48)
    rows = [
        {
            "premise": f"a man is in the town with {generator.integers(99)} books, number {n}",
            "hypothesis": ("nobody is there", "a person is in the town")[n % 2],
            "gold_label": ("contradiction", "entailment")[n % 2],
            "set": splits[n],
        }
        for n in range(ROWS)
    ]
    path = folder / "nli.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


KINDS: dict[str, Callable[[Path, Generator], Path]] = {
    "peptides": write_peptides,
    "smiles": write_smiles,
    "log": write_log,
    "scores": write_scores,
    "promoters": write_promoters,
    "sentences": write_sentences,
    "excel": write_folds,
    "fasta.gz": write_localization,
    "parquet lists": write_sessions,
    "json lines": write_pairs,
}


def write_kind(kind: str, folder: Path) -> Path:
    """Write the files of a kind; return their file or folder."""
    return KINDS[kind](folder, np.random.default_rng(3))
