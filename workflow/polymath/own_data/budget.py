"""A first budget: replicates, learning rates, steps, lengths and shares of the splits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polymath.evaluation.claims import LEAST_PAIRS
from polymath.own_data.symbols import Symbols

RATES = (3e-5, 1e-4, 3e-4)
BATCH = 16
PASSES, MOST_PASSES = 5, 30  # over the training rows
FEWEST_STEPS, MOST_STEPS = 200, 600
FEWEST_LONG = 80  # steps of long sequences
MOST_TOKENS = 300_000  # that one training reads: one to three minutes on two cores
LONGEST = 256  # symbols that are read at once; longer sequences are cut into windows
WINDOW, MOST_WINDOWS = 128, 8
LONGEST_TEXT = 128  # tokens
SMALL = 2000  # rows below which dev and test get larger shares
MODEL = "minilm-l3"  # the text model of the catalogue that trains fastest


@dataclass(frozen=True)
class Budget:
    """The training budget for a user's data.

    Attributes:
        max_length: symbols (tokens of text) kept.
        windows: symbols per window, windows per sequence; None where sequences are short enough.
        dev, test: shares of the rows; None where the files have a split.
        kept: share of the rows that are read whole.
    """

    steps: int
    max_length: int
    windows: tuple[int, int] | None
    dev: float | None
    test: float | None
    kept: float
    replicates: int = LEAST_PAIRS


def plan_budget(lengths: Sequence[int], symbols: Symbols, has_split: bool) -> Budget:
    """Return a budget for sequences of these lengths.

    Args:
        lengths: of all rows, in symbols; of text, in tokens.
        has_split: whether the files say which rows are for training and for test.
    """
    rows, is_small = len(lengths), len(lengths) < SMALL
    dev, test = (None, None) if has_split else (0.15, 0.25) if is_small else (0.1, 0.15)
    train = rows * (1 - (dev or 0.1) - (test or 0.2))
    sizes = np.array(lengths)
    windows = None
    if symbols.is_text:
        max_length = min(LONGEST_TEXT, _round_up(np.quantile(sizes, 0.98), 8))
    elif np.mean(sizes > LONGEST) > 0.01:
        needed = math.ceil(float(np.quantile(sizes, 0.95)) / WINDOW)
        windows, max_length = (WINDOW, min(MOST_WINDOWS, max(2, needed))), WINDOW
    else:
        max_length = max(4, min(LONGEST, int(sizes.max())))
    reach = max_length * (windows[1] if windows else 1)
    mean = float(np.minimum(sizes, max_length).mean()) + 2
    several = float(np.ceil(np.minimum(sizes, reach) / max_length).mean())
    passes = PASSES * train * several / BATCH
    fewest = min(FEWEST_STEPS, MOST_PASSES * train / BATCH)
    steps = min(max(passes, fewest), MOST_STEPS, MOST_TOKENS / (BATCH * mean))
    return Budget(
        steps=_round_up(max(steps, FEWEST_LONG), 20),
        max_length=max_length,
        windows=windows,
        dev=dev,
        test=test,
        kept=float(np.mean(sizes <= reach)),
    )


def _round_up(value: float, multiple: int) -> int:
    return max(multiple, math.ceil(value / multiple) * multiple)
