"""The 64 words of three bases, each with a class, as rows of a table."""

from itertools import product
from typing import Any

from support.own_data import CSV

WORDS = ["".join(letters) for letters in product("ACGT", repeat=3)]  # 64 distinct sequences
OFFICIAL = {**CSV, "split": "s"}
PAIRS: dict[str, Any] = {**CSV, "sequence2": "other"}


def class_of(word: str) -> str:
    return "purine" if word[0] in "AG" else "pyrimidine"


def good_rows() -> list[str]:
    return [f"{word},{class_of(word)}" for word in WORDS]


def split_rows(test: int = 8, dev: int = 8) -> list[str]:
    """The good rows with an official split in a third column."""
    names = ["test"] * test + ["dev"] * dev
    names += ["train"] * (len(WORDS) - len(names))
    order = sorted(WORDS, key=lambda word: word[::-1])  # each split has both classes
    return [f"{word},{class_of(word)},{name}" for word, name in zip(order, names, strict=True)]


def pair_rows() -> list[str]:
    """Every word beside the next one."""
    others = [*WORDS[1:], WORDS[0]]
    return [f"{word},{other},{class_of(word)}" for word, other in zip(WORDS, others, strict=True)]
