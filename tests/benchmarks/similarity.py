"""What grouping near duplicates costs, against comparing all pairs with other libraries.

    python tests/benchmarks/similarity.py [--sequences N] [--json FILE] [--show FILE]

Peptides of 10 to 100 residues in families of up to eight mutants are grouped on one core, by
identity and by contained k-mers. In the same run Biopython's PairwiseAligner (scored so that it
gives the same edit distance) and difflib's SequenceMatcher compare all pairs of a sample; their
time for all peptides follows from the number of pairs.
"""

import time
from collections.abc import Callable
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np
import pandas as pd
from Bio.Align import PairwiseAligner
from command import run

from polymath.data.similarity import find_similar, represent_similar
from polymath.experiment.datasets import PRESETS, SimilarityGroups

RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")
SAMPLE = 150
POLICIES = {
    "identity": SimilarityGroups(),
    "containment": SimilarityGroups(measure="containment"),
}


def make_peptides(count: int) -> list[str]:
    """Return families of an ancestor and mutants, of which a tenth of the residues differ."""
    generator = np.random.default_rng(0)
    peptides: list[str] = []
    while len(peptides) < count:
        ancestor = generator.choice(RESIDUES, generator.integers(10, 101))
        for _ in range(generator.integers(1, 9)):
            replaced = generator.random(len(ancestor)) < 0.1
            mutant = np.where(replaced, generator.choice(RESIDUES, len(ancestor)), ancestor)
            peptides.append("".join(mutant))
    return peptides[:count]


def align(a: str, b: str) -> float:
    """Return the identity of two sequences by Biopython: its score is minus the edit distance."""
    return 1 + ALIGNER.score(a, b) / max(len(a), len(b))


def match(a: str, b: str) -> float:
    """Return difflib's ratio, another measure, which need not find all pairs of an identity."""
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


ALIGNER = PairwiseAligner(match_score=0, mismatch_score=-1, gap_score=-1)
RIVALS: dict[str, Callable[[str, str], float]] = {"biopython": align, "difflib": match}


def measure(count: int) -> dict[str, dict[str, float]]:
    peptides = make_peptides(count)
    sample = sorted(np.random.default_rng(1).choice(peptides, min(SAMPLE, count), replace=False))
    figures = {}
    for name, policy in POLICIES.items():
        start = time.perf_counter()
        groups = represent_similar(pd.Series(peptides), PRESETS["protein"], policy)
        seconds = time.perf_counter() - start
        figures[name] = {"seconds": seconds, "groups": groups.nunique()}
    pairs = list(combinations(range(len(sample)), 2))
    for name, compare in RIVALS.items():
        start = time.perf_counter()
        values = [compare(sample[a], sample[b]) for a, b in pairs]
        seconds = (time.perf_counter() - start) / len(pairs) * count * (count - 1) / 2
        figures[name] = {"seconds": seconds}
        if name == "biopython":
            check(sample, pairs, values)
    return figures


def check(sample: list[str], pairs: list[tuple[int, int]], values: list[float]) -> None:
    """Assert that the rival finds the pairs that are found here."""
    found = zip(*find_similar(sample, sample, POLICIES["identity"]), strict=True)
    similar = {pair for pair, value in zip(pairs, values, strict=True) if value >= 0.8 - 1e-9}
    assert similar == {(int(a), int(b)) for a, b in found if a < b}


def to_table(figures: dict[str, dict[str, float]]) -> str:
    names = {
        "identity": "`similarity_groups`, identity (rapidfuzz)",
        "containment": "`similarity_groups`, containment",
        "biopython": "all pairs, Biopython's PairwiseAligner",
        "difflib": "all pairs, difflib's SequenceMatcher",
    }
    lines = ["| method | seconds on one core | times the first |", "|---|---|---|"]
    first = figures["identity"]["seconds"]
    for method, title in names.items():
        seconds = figures[method]["seconds"]
        lines.append(f"| {title} | {seconds:,.1f} | {seconds / first:,.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run(__doc__, measure, to_table, "--sequences", 10_000)
