"""Lines of text: which part of each is the label."""

import re
from collections import Counter
from typing import Any

from polymath.util.errors import PolymathError

NORMAL = "-"  # the label of lines that are no anomaly, as in logs of BGL and Thunderbird
MOST_CLASSES = 50
FASTTEXT = "__label__"  # before a label, as fastText writes it


def find_line_form(lines: list[str]) -> dict[str, Any]:
    """Return the reader's keys of lines: their first word or last word is the label, or neither.

    A word is a label if few words stand at its place: each must occur at least twice on average.

    Raises:
        PolymathError: if a line has several of fastText's labels.
    """
    several = [line for line in lines if line.startswith(FASTTEXT) and line.count(FASTTEXT) > 1]
    if several:
        raise PolymathError(
            f"several labels in {len(several)} lines, as {several[0][:80]!r}: keep one in each line"
        )
    forms = (
        r"__label__(?P<label>\S+)\s+(?P<sequence>.+)",
        r"(?P<label>\S+)\s+(?P<sequence>.+)",
        r"(?P<sequence>.*\S)\s+(?P<label>\S+)",
    )
    for pattern in forms:
        matches = [re.fullmatch(pattern, line) for line in lines]
        if None in matches:
            continue
        words = Counter(match["label"] for match in matches if match)
        if 2 <= len(words) <= min(MOST_CLASSES, len(lines) / 3):
            return {"format": "lines", "pattern": pattern}
    return {"format": "lines", "pattern": "(?P<sequence>.+)"}
