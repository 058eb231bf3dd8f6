"""How much longer a tokenizer.json can make a text, which must not exceed the machine's memory.

The tokenizers' library ends the whole process where it gets no memory, so the growth is bounded
before it sees the file.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from polymath.util.errors import PolymathError

LARGEST = 10_000
PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}
# Characters that one becomes, at most: by Unicode's normalization forms, and as bytes.
FORMS = {"NFKC": 18, "NFKD": 18, "NFC": 3, "NFD": 4, "BertNormalizer": 4, "ByteLevel": 4}


def check_growth(content: str, place: str) -> None:
    """Refuse a tokenizer.json that may make a text more than LARGEST times as long.

    Args:
        content: the file's.
        place: its path, for messages.

    Raises:
        PolymathError: naming the part, its bound and the remedy.
    """
    stored = json.loads(content)
    for stage, children in PARTS.items():
        step = stored.get(stage)
        bound = largest_growth(step, children) if step else 1
        if bound > LARGEST:
            raise PolymathError(
                f"{place}: '{stage}' may make a text {bound:.3g} times as long, and at most "
                f"{LARGEST:,} is read: shorten or remove the 'content' and 'prepend' of its steps, "
                "or use another tokenizer"
            )


def largest_growth(step: Mapping[str, Any], children: str) -> float:
    """Return how many characters one becomes at most, in a step and those inside it.

    Args:
        children: the key of a sequence's steps.
    """
    kind = step["type"]
    if kind == "Sequence":
        return math.prod(largest_growth(inner, children) for inner in step[children])
    if kind == "Replace":
        return _replaced(step["pattern"], len(step["content"]))
    if kind == "Prepend":
        return float(1 + len(step["prepend"]))
    if kind == "Precompiled":
        return float(_longest_replacement(step["precompiled_charsmap"]))
    return float(FORMS.get(kind, 1))


def _replaced(pattern: Mapping[str, str], length: int) -> float:
    """Return the growth by a replacement of so many characters.

    An expression, or an empty text, may match between any two characters.
    """
    literal = pattern.get("String", "")
    return max(1.0, length / len(literal)) if literal else 1.0 + length


def _longest_replacement(charsmap: str) -> int:
    """Return the bytes of the longest text that SentencePiece's map has for a character.

    The map is the size of a trie, the trie, and the texts, each with a zero at its end.
    """
    content = base64.b64decode(charsmap)
    trie = int.from_bytes(content[:4], "little")
    return max(1, *map(len, content[4 + trie :].split(b"\0")))
