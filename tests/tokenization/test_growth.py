"""A tokenizer.json that makes texts absurdly long is refused before the library reads it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers

from polymath.tokenization.growth import LARGEST, largest_growth
from polymath.tokenization.tokenizers import load_tokenizer
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, write_json

DOUBLE = normalizers.Replace("a", "aa")
# As ALBERT's: quotes, accents and SentencePiece's map of characters.
TRIE = b"\x00" * 8
CHARSMAP = len(TRIE).to_bytes(4, "little") + TRIE + b"\0".join([b"fi", "ﷺ".encode() * 3, b""])
SAFE: list[Any] = [
    normalizers.Replace("``", '"'), normalizers.Replace(Regex(" {2,}"), "▁"), normalizers.NFKD(),
    normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Prepend("▁"),
]  # fmt: skip


def save(path: Path, *steps: Any, decoder: Any = None) -> Path:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([*steps])
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize(
    "steps",
    [
        [DOUBLE] * 27,
        [normalizers.Replace("a", "a" * 10_001)],
        [normalizers.Replace(Regex("a*"), "a" * 100)] * 2,
        [normalizers.Replace("", "ab" * 100)] * 2,
        [normalizers.Sequence([normalizers.Prepend("a" * 200)] * 2)],
    ],
)  # fmt: skip
def test_texts_that_would_grow_without_bounds_are_refused(tmp_path: Path, steps: list[Any]) -> None:
    path = save(tmp_path / "tokenizer.json", *steps)
    with pytest.raises(PolymathError, match=f"{path}: 'normalizer' .* '?content'?"):
        load_tokenizer(path)


def test_a_decoder_is_bounded_too(tmp_path: Path) -> None:
    path = save(tmp_path / "tokenizer.json", decoder=decoders.Replace("a", "b" * 20_000))
    with pytest.raises(PolymathError, match="'decoder'"):
        load_tokenizer(path)


def test_a_map_of_characters_with_an_endless_text_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "tokenizer.json", *SAFE)
    stored = read_json(path)
    content = CHARSMAP + b"a" * (LARGEST + 1)
    step = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}
    write_json({**stored, "normalizer": step}, path)
    with pytest.raises(PolymathError, match="'normalizer'"):
        load_tokenizer(path)


def test_the_steps_of_known_tokenizers_together_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "tokenizer.json", *SAFE)
    assert load_tokenizer(path).encode("``A``").ids == [1]
    step = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(CHARSMAP).decode()}
    assert largest_growth(step, "normalizers") == 9


@given(
    steps=st.lists(
        st.builds(
            lambda pattern, content, is_regex: normalizers.Replace(
                Regex(pattern) if is_regex else pattern, content
            ),
            st.sampled_from(["", "a", "ab", "b*", "(?=a)", "[ab]"]),
            st.text("ab", max_size=4),
            st.booleans(),
        )
        | st.builds(normalizers.Prepend, st.text("ab", max_size=3)),
        max_size=4,
    ),
    text=st.text("ab", max_size=12),
)
def test_no_text_grows_beyond_the_bound(steps: list[Any], text: str) -> None:
    described = normalizers.Sequence(steps)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = described
    stored = json.loads(tokenizer.to_str())["normalizer"]
    bound = largest_growth(stored, "normalizers")
    assert len(described.normalize_str(text)) <= bound * (len(text) + 1)
