"""Sequences that are generated from a seed: distributions of tokens, and formal languages.

Each generator is a pure function of its arguments. It draws uniform numbers only, which numpy gives
alike in all versions. V is the number of symbols, L the length of a sequence; logarithms of
entropies have base 2.

Sources: C. Chiang and H. Lee, On the transferability of pre-trained language models: a study from
artificial datasets, AAAI 2022 (arXiv 2109.03537); R. Ri and Y. Tsuruoka, Pretraining with
artificial language, ACL 2022 (arXiv 2203.10326); M. Hu et al., Between circuits and Chomsky, ACL
2025 (arXiv 2502.19249). Where they draw a bracket by a fixed probability, all words of a length are
equally likely here, so that the entropy has a closed form and no parameter is left to choose.
"""

import math

import numpy as np
from numpy.typing import NDArray

from polymath.experiment.synthetic import SyntheticData

Symbols = NDArray[np.int64]
Numbers = NDArray[np.float64]
# Zipf's law as B. Mandelbrot extended it, p(rank) ~ 1 / (rank + SHIFT), with the shift that fits
# words of natural language. Source: S. Piantadosi, Zipf's word frequency law in natural language,
# Psychonomic Bulletin and Review 21, 2014, equation 2.
SHIFT = 2.7


def generate(source: SyntheticData, rows: int, seed: int) -> Symbols:
    """Return (rows, L) symbols, from 0 to V - 1; the same for the same arguments."""
    draw = np.random.default_rng(seed)
    length, symbols = source.length, source.symbols
    match source.kind:
        case "iid":
            return iid(draw, rows, length, symbols)
        case "zipf":
            return zipf(draw, rows, length, symbols)
        case "markov":
            return markov(draw, rows, length, transitions(draw, symbols))
        case "dyck":
            return dyck(draw, rows, length, symbols // 2)
        case "shuffle-dyck":
            return shuffle_dyck(draw, rows, length, symbols // 2)
        case "copy":
            return copy(draw, rows, length, symbols)


def bits(source: SyntheticData, seed: int) -> float:
    """Return the entropy of a whole sequence, in closed form."""
    length, symbols = source.length, source.symbols
    match source.kind:
        case "iid":
            return length * math.log2(symbols)
        case "zipf":
            return length * entropy(zipf_probabilities(symbols))
        case "markov":
            start = stationary(transitions(np.random.default_rng(seed), symbols))
            return entropy(start) + (length - 1) * entropy(zipf_probabilities(symbols))
        case "dyck":
            pairs = length // 2
            return (_log_catalan(pairs) + pairs * math.log(symbols // 2)) / math.log(2)
        case "shuffle-dyck":
            words = _log_shuffles(symbols // 2, length // 2)[-1, -1] + math.lgamma(length + 1)
            return float(words) / math.log(2)
        case "copy":
            return length / 2 * math.log2(symbols)


def iid(draw: np.random.Generator, rows: int, length: int, symbols: int) -> Symbols:
    """Return independent symbols, all equally likely: H = L log V."""
    return (draw.random((rows, length)) * symbols).astype(np.int64)


def zipf(draw: np.random.Generator, rows: int, length: int, symbols: int) -> Symbols:
    """Return independent symbols, p(v) ~ 1 / (v + 1 + SHIFT): H = L H(p)."""
    return _invert(draw.random((rows, length)), np.cumsum(zipf_probabilities(symbols)))


def markov(draw: np.random.Generator, rows: int, length: int, steps: Numbers) -> Symbols:
    """Return first-order Markov chains that start from their stationary distribution s.

    H = H(s) + (L - 1) H(p), as each row of `transitions` is a permutation of Zipf's p.

    Args:
        steps: (V, V) the probability of each symbol after each.
    """
    uniform, limits = draw.random((rows, length)), np.cumsum(steps, axis=1)
    chains = np.empty((rows, length), dtype=np.int64)
    chains[:, 0] = _invert(uniform[:, 0], np.cumsum(stationary(steps)))
    for place in range(1, length):
        rises = uniform[:, place, None] >= limits[chains[:, place - 1], :-1]
        chains[:, place] = rises.sum(axis=1)
    return chains


def dyck(draw: np.random.Generator, rows: int, length: int, kinds: int) -> Symbols:
    """Return well-nested words of k kinds of brackets, all equally likely.

    Symbol 2i opens kind i and 2i + 1 closes it. With n = L / 2 there are C(n) kⁿ words, where C(n)
    is Catalan's number: H = log C(n) + n log k. Source of the walk: D. Arnold and M. Sleep, Uniform
    random generation of balanced parenthesis strings, ACM TOPLAS 2, 1980.
    """
    uniform, opened = draw.random((rows, length)), iid(draw, rows, length, kinds)
    words = np.empty((rows, length), dtype=np.int64)
    depth, every = np.zeros(rows, dtype=np.int64), np.arange(rows)
    stack = np.zeros((rows, length // 2 + 1), dtype=np.int64)
    for place in range(length):
        opens = uniform[:, place] < _share_that_opens(depth, length - place)
        stack[every[opens], depth[opens]] = opened[opens, place]
        depth += np.where(opens, 0, -1)
        words[:, place] = 2 * stack[every, depth] + ~opens
        depth += opens
    return words


def shuffle_dyck(draw: np.random.Generator, rows: int, length: int, kinds: int) -> Symbols:
    """Return shuffles of k languages of one kind of brackets each, all equally likely.

    Each kind's own brackets are well nested, and kinds may cross: ( [ ) ]. With n_i pairs of kind i
    there are (2n)! / prod (2n_i)! places for them and C(n_i) words of each: H is the logarithm of
    the sum of (2n)! prod C(n_i) / (2n_i)! over n_1 + ... + n_k = n.
    """
    pairs = _pairs_of_each_kind(draw, rows, length // 2, kinds)
    each = np.repeat(np.tile(np.arange(kinds), rows), 2 * pairs.ravel()).reshape(rows, length)
    order = np.argsort(draw.random((rows, length)), axis=1, kind="stable")
    kind = np.take_along_axis(each, order, axis=1)
    uniform, every = draw.random((rows, length)), np.arange(rows)
    depth, left = np.zeros((rows, kinds), dtype=np.int64), 2 * pairs
    words = np.empty((rows, length), dtype=np.int64)
    for place in range(length):
        here = every, kind[:, place]
        opens = uniform[:, place] < _share_that_opens(depth[here], left[here])
        words[:, place] = 2 * kind[:, place] + ~opens
        depth[here] += np.where(opens, 1, -1)
        left[here] -= 1
    return words


def copy(draw: np.random.Generator, rows: int, length: int, symbols: int) -> Symbols:
    """Return sequences whose second half repeats the first, which is iid: H = L / 2 log V."""
    return np.tile(iid(draw, rows, length // 2, symbols), 2)


def zipf_probabilities(symbols: int) -> Numbers:
    """Return (V,) the probability of each symbol, falling."""
    weights = 1 / (np.arange(1, symbols + 1) + SHIFT)
    return np.asarray(weights / weights.sum())


def transitions(draw: np.random.Generator, symbols: int) -> Numbers:
    """Return (V, V): each row is Zipf's distribution in a random order of its own."""
    order = np.argsort(draw.random((symbols, symbols)), axis=1, kind="stable")
    return zipf_probabilities(symbols)[order]


def stationary(steps: Numbers) -> Numbers:
    """Return (V,) the distribution that the steps of a chain leave as it is: s P = s."""
    size = len(steps)
    equations = np.vstack([steps.T - np.eye(size), np.ones(size)])
    solved = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]
    return np.asarray(solved)


def entropy(probabilities: Numbers) -> float:
    """Return the entropy of a distribution without zeros, in bits."""
    return float(-(probabilities * np.log2(probabilities)).sum())


def _invert(uniform: Numbers, limits: Numbers) -> Symbols:
    """Return the symbol of each uniform number, by the cumulative probabilities."""
    return np.searchsorted(limits[:-1], uniform, side="right")


def _share_that_opens(depth: Symbols, left: Symbols | int) -> Numbers:
    """Return which share of the ways to close all brackets begins with another one.

    Args:
        depth: brackets that are open.
        left: symbols that are left, as even or odd as `depth`.
    """
    return np.asarray((left - depth) * (depth + 2) / (2 * left * (depth + 1)))


def _log_catalan(pairs: int) -> float:
    return math.lgamma(2 * pairs + 1) - math.lgamma(pairs + 1) - math.lgamma(pairs + 2)


def _log_shuffles(kinds: int, pairs: int) -> Numbers:
    """Return (k, n + 1): log of the sum of prod C(n_i) / (2n_i)! over i kinds of m pairs together,
    in row i - 1 and column m.
    """
    single = np.array([_log_catalan(m) - math.lgamma(2 * m + 1) for m in range(pairs + 1)])
    rows = [single]
    for _ in range(kinds - 1):
        sums = [np.logaddexp.reduce(single[: m + 1] + rows[-1][m::-1]) for m in range(pairs + 1)]
        rows.append(np.array(sums))
    return np.array(rows)


def _pairs_of_each_kind(draw: np.random.Generator, rows: int, pairs: int, kinds: int) -> Symbols:
    """Return (rows, k) how many pairs of each kind a word has, all words being equally likely."""
    logs = _log_shuffles(kinds, pairs)
    counts = np.zeros((rows, kinds), dtype=np.int64)
    left = np.full(rows, pairs)
    for kind in range(kinds - 1, 0, -1):
        total, rest = logs[kind], logs[kind - 1]
        limits = np.ones((pairs + 1, pairs + 1))
        for m in range(pairs + 1):
            limits[m, : m + 1] = np.cumsum(np.exp(logs[0, : m + 1] + rest[m::-1] - total[m]))
        rises = draw.random(rows)[:, None] >= limits[left, :-1]
        counts[:, kind] = np.minimum(rises.sum(axis=1), left)
        left = left - counts[:, kind]
    counts[:, 0] = left
    return counts
