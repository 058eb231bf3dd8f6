"""Similar sequences: which are near duplicates of each other, found exactly.

Sequences are compared as strings with one character per symbol, whatever the alphabet. Two are
compared by their identity or by the k-mers that they share (`SimilarityGroups`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from polymath.data.alphabets import SEPARATOR, split_symbols
from polymath.experiment.datasets import Alphabet, SimilarityGroups
from polymath.util.seeds import hash_order

Ints = NDArray[np.int64]
LONGEST = 2000  # symbols of a sequence in which the card looks for near neighbours
MOST = 5_000_000_000  # symbols of training sequences that it compares with test sequences
BLOCK = 2**22  # compared pairs whose similarities are held at once: 16 MiB
ROUNDING = 1e-6  # of a similarity, which is a quotient of integers


def encode_symbols(sequences: pd.Series, alphabet: Alphabet) -> list[str]:
    """Return each sequence as a string of one character per symbol, per word for text.

    The two sequences of a pair count as one. Distinct symbols have distinct characters as long as
    there are fewer than 1.1 million of them.
    """
    if alphabet.kind in ("character", "kmer"):
        return list(sequences.str.replace(SEPARATOR, "", regex=False))
    units = [split_symbols(sequence, alphabet) for sequence in sequences]
    symbols = sorted({unit for row in units for unit in row})
    characters = {symbol: chr(code % 0x110000) for code, symbol in enumerate(symbols)}
    return ["".join(characters[unit] for unit in row) for row in units]


def represent_similar(
    sequences: pd.Series, alphabet: Alphabet, policy: SimilarityGroups | None
) -> pd.Series:
    """Return for each row the smallest of the sequences that are linked to its own.

    Sequences are linked if they are similar or both similar to a linked one (single linkage), so
    rows have the same representative exactly if they must stay together.
    """
    if policy is None:
        return sequences
    distinct = pd.Series(sorted(set(sequences)))
    strings = encode_symbols(distinct, alphabet)
    edges = find_similar(strings, strings, policy)
    graph = coo_array((np.ones(len(edges[0])), edges), shape=(len(distinct), len(distinct)))
    _, clusters = connected_components(graph, directed=False)
    first = distinct.groupby(clusters).transform("first")  # the smallest: they are sorted
    return sequences.map(dict(zip(distinct, first, strict=True)))


def count_near_neighbours(
    test: pd.Series, train: pd.Series, alphabet: Alphabet, policy: SimilarityGroups, seed: int
) -> dict[str, Any]:
    """Return how many test sequences are similar to a training sequence, for the data card.

    Takes at most about a minute: of long sequences the beginnings are compared, and of large data
    sets a sample of the test sequences, both of which the result states.

    Args:
        seed: of the sample.
    """
    strings = encode_symbols(pd.concat([test, train], ignore_index=True), alphabet)
    cut = [string[:LONGEST] for string in strings]
    choices = sorted(set(cut[len(test) :]))
    affordable = max(1, MOST // sum(map(len, choices)))
    sample = hash_order(range(len(test)), seed)[:affordable]
    queries = [cut[place] for place in sorted(sample)]
    near, _ = find_similar(queries, choices, policy)
    return {
        **policy.model_dump(exclude={"k"} if policy.measure == "identity" else set()),
        "test_rows": len(test),
        "compared_test_rows": len(queries),
        "near": len(np.unique(near)),
        "compared_symbols": LONGEST if max(map(len, strings)) > LONGEST else None,
    }


def find_similar(
    queries: list[str], choices: list[str], policy: SimilarityGroups
) -> tuple[Ints, Ints]:
    """Return the indices (pairs,) of all similar pairs of a query and a choice."""
    find = _share_kmers if policy.measure == "containment" else _are_identical
    pairs = list(find(queries, choices, policy))
    rows, columns = (np.concatenate([np.empty(0, int), *side]) for side in zip(*pairs, strict=True))
    return rows, columns


def _are_identical(
    queries: list[str], choices: list[str], policy: SimilarityGroups
) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs by their identity: 1 - edit distance / length of the longer.

    Sorted by length, a block of queries meets only choices that are long and short enough.
    """
    order, lengths = _by_length(queries)
    places, available = _by_length(choices)
    for block in _blocks(len(queries), len(choices)):
        rows = order[block]
        shortest, longest = lengths[block][0], lengths[block][-1]
        low = np.searchsorted(available, np.floor(shortest * policy.threshold))
        high = np.searchsorted(available, np.ceil(longest / policy.threshold), side="right")
        near = cdist(
            [queries[row] for row in rows],
            [choices[place] for place in places[low:high]],
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=policy.threshold - ROUNDING,
            dtype=np.float32,
        )
        row, column = np.nonzero(near)
        yield rows[row], places[low:high][column]


def _share_kmers(
    queries: list[str], choices: list[str], policy: SimilarityGroups
) -> Iterator[tuple[Ints, Ints]]:
    """Yield pairs by containment: distinct k-mers in both, per those of the one with fewer."""
    numbers: dict[str, int] = {}
    ours, theirs = (_kmer_table(side, policy.k, numbers) for side in (queries, choices))
    ours.resize(ours.shape[0], len(numbers))
    sizes, available = ours.sum(axis=1), theirs.sum(axis=1)
    for block in _blocks(len(queries), len(choices)):
        shared = (ours[block] @ theirs.T).tocoo()
        row, column = shared.coords
        fewer = np.minimum(sizes[block][row], available[column])
        similar = shared.data >= fewer * (policy.threshold - ROUNDING)
        yield row[similar].astype(int) + block.start, column[similar].astype(int)


def _by_length(strings: list[str]) -> tuple[Ints, Ints]:
    lengths = np.array([len(string) for string in strings])
    order = np.argsort(lengths, kind="stable")
    return order, lengths[order]


def _blocks(queries: int, choices: int) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, choices))
    yield from (slice(start, start + size) for start in range(0, queries, size))


def _kmer_table(strings: list[str], k: int, numbers: dict[str, int]) -> csr_array:
    """Return which k-mers each string has (strings, k-mers); a shorter string is one k-mer.

    Args:
        numbers: the column of each k-mer; new ones are added.
    """
    starts, columns = [0], []
    for string in strings:
        kmers = {string[start : start + k] for start in range(max(1, len(string) - k + 1))}
        columns += sorted(numbers.setdefault(kmer, len(numbers)) for kmer in kmers)
        starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.int32)
    return csr_array((ones, columns, starts), shape=(len(strings), len(numbers)))
