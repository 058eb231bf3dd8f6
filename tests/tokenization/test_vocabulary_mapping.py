"""Mappings are bijections, leave special tokens alone, and are the same on every machine."""

from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from polymath.experiment.config import MappingName
from polymath.experiment.datasets import PRESETS, Alphabet
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.tokenizers import UNUSED, build_tokenizer, common_words, ordinary_tokens
from polymath.tokenization.vocabulary_mapping import MappingJob, map_symbols, map_vocabulary
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed, hash_order
from polymath.util.storage import read_metadata, read_table
from support import ROOT

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PLACEHOLDERS = ["[unused0]", "[unused1]", "<unused_3>", "madeupword0001"]
WORDS = [f"w{number}" for number in range(30)]
# Ordinary, special and unused tokens lie mixed: ids prove nothing.
VOCABULARY = [*WORDS[:4], *SPECIALS[:3], *PLACEHOLDERS, *WORDS[4:], *SPECIALS[3:]]
KEPT = {VOCABULARY.index(token) for token in [*SPECIALS, *PLACEHOLDERS]}
TOKEN_MAPPINGS = ["identity", "permute", "shift"]


def make_model(template: str = "[CLS] $A [SEP]") -> Tokenizer:
    ids = {token: number for number, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(SPECIALS)
    used = [token for token in ("[CLS]", "[SEP]") if token in template]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(token, ids[token]) for token in used]
    )
    return tokenizer


def make_dna() -> Tokenizer:
    return build_tokenizer([], PRESETS["dna"])


def images(table: pd.DataFrame) -> list[int]:
    return [int(number) for number in table["token_id"]]


def map_tokens(mapping: str, seed: int = 1, shift: int = 3) -> pd.DataFrame:
    model = make_model()
    return map_symbols(model, model, mapping, seed, shift)


# Which tokens are ordinary.


def test_ordinary_tokens_are_neither_special_nor_unused() -> None:
    model = make_model()
    model.add_tokens(["added"])
    ordinary = ordinary_tokens(model)
    assert set(ordinary.values()) == {*WORDS, "added"}
    assert list(ordinary) == sorted(ordinary)
    assert all(model.id_to_token(number) == token for number, token in ordinary.items())


def test_placeholders() -> None:
    assert all(map(UNUSED.fullmatch, ["[unused0]", "[unused993]", "<unused_3>", "madeupword0002"]))
    assert not any(map(UNUSED.fullmatch, ["unused", "##used1", "[unused]", "word", "madeup"]))


# Mappings.


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mapping", TOKEN_MAPPINGS)
def test_token_mappings_permute_the_ordinary_and_keep_the_rest(mapping: str, seed: int) -> None:
    moved = dict(enumerate(images(map_tokens(mapping, seed))))
    assert {number for number in KEPT if moved[number] == number} == KEPT
    ordinary = set(moved) - KEPT
    assert {moved[number] for number in ordinary} == ordinary
    assert len(moved) == len(VOCABULARY)


def test_identity() -> None:
    table = map_tokens("identity")
    assert images(table) == list(table["symbol_id"]) == list(range(len(VOCABULARY)))
    assert list(table["token"]) == list(table["symbol"]) == VOCABULARY


@pytest.mark.parametrize("shift", [1, 3, 30, 31, 1000])
def test_shift_moves_cyclically_among_ordinary_tokens(shift: int) -> None:
    table = map_tokens("shift", shift=shift).set_index("symbol")
    for number, word in enumerate(WORDS):
        assert table.loc[word, "token"] == WORDS[(number + shift) % 30]


@pytest.mark.parametrize(
    ("mapping", "differs"),
    [("permute", True), ("random", True), ("identity", False), ("shift", False)],
)
def test_seed_matters_to_permute_and_random_alone(mapping: str, differs: bool) -> None:
    symbols, model = make_dna() if mapping == "random" else make_model(), make_model()
    first, again, another = (
        images(map_symbols(symbols, model, mapping, seed, 3)) for seed in (1, 1, 2)
    )
    assert first == again
    assert (first != another) is differs


def test_unknown_mapping() -> None:
    with pytest.raises(ValueError, match="rotate"):
        map_tokens("rotate")


def test_alphabet_as_large_as_the_vocabulary_fits() -> None:
    symbols = build_tokenizer(["".join(chr(0x4E00 + n) for n in range(30))], PRESETS["dna"]
                              .model_copy(update={"symbols": None}))  # fmt: skip
    table = map_symbols(symbols, make_model(), "random", 1, 1)
    assert sorted(table["token"]) == sorted(WORDS)


def test_alphabet_too_large() -> None:
    symbols = build_tokenizer([], PRESETS["pitch"])
    with pytest.raises(PolymathError, match=r"128 symbols, .* 30 tokens .*shorter k-mers"):
        map_symbols(symbols, make_model(), "random", 1, 1)


# Literal values: another machine, Python or library must give the same.


def test_pinned_seeds() -> None:
    assert derive_seed(2103, "mapping", 0) == 2793224587455864234
    assert derive_seed(2103, "mapping", 1) == 2864767293764519078
    assert derive_seed(2103, "split") == 8735313187702936869


def test_pinned_order() -> None:
    assert hash_order(list(range(8)), 1) == [3, 0, 1, 7, 6, 5, 2, 4]
    assert hash_order(["a", "b", "c", "d"], 1) == ["d", "a", "b", "c"]


def test_pinned_random_mapping() -> None:
    table = map_symbols(make_dna(), make_model(), "random", derive_seed(2103, "mapping"), 1)
    assert list(table["symbol"]) == list("ACGT")
    assert list(table["token"]) == ["w10", "w17", "w8", "w7"]


def test_pinned_permutation() -> None:
    table = map_tokens("permute", derive_seed(2103, "mapping"))
    moved = list(table.set_index("symbol").loc[WORDS[:6], "token"])
    assert moved == ["w10", "w17", "w8", "w7", "w2", "w0"]


# The table of all replicates.


def write_files(folder: Path) -> tuple[Path, Path]:
    make_dna().save(str(folder / "dna.json"))
    make_model().save(str(folder / "model.json"))
    return folder / "dna.json", folder / "model.json"


def test_table_has_each_replicate_with_its_own_mapping(tmp_path: Path) -> None:
    out = tmp_path / "vocabulary.parquet"
    job = MappingJob(*write_files(tmp_path), "random", seed=2103, replicates=3, shift=1000)
    line = map_vocabulary(job, out)
    table = read_table(out)
    assert line == "random: 4 symbols, 3 replicates"
    assert list(table["replicate"]) == [0] * 4 + [1] * 4 + [2] * 4
    drawn = [tuple(rows["token_id"]) for _, rows in table.groupby("replicate")]
    assert len(set(drawn)) == 3
    alone = map_symbols(make_dna(), make_model(), "random", derive_seed(2103, "mapping", 1), 1)
    assert list(drawn[1]) == images(alone)


@pytest.mark.parametrize(("mapping", "shift"), [("shift", 7), ("random", None)])
def test_table_states_how_it_was_made(tmp_path: Path, mapping: str, shift: int | None) -> None:
    symbols, model = write_files(tmp_path)
    out = tmp_path / "vocabulary.parquet"
    domain = model if mapping == "shift" else symbols
    map_vocabulary(MappingJob(domain, model, mapping, seed=5, replicates=1, shift=7), out)
    metadata = read_metadata(out)
    assert (metadata["mapping"], metadata["seed"], metadata["shift"]) == (mapping, 5, shift)


# By frequency, by a symbol's own letter, and as the authors did.


def wordpiece(words: list[str]) -> Tokenizer:
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer


def test_frequency_matches_ranks() -> None:
    model = wordpiece(["a", "t", "the", "##ing", "of", "and", "to"])
    counts = {0: 5, 1: 50, 2: 7, 3: 6}  # A, C, G, T
    table = map_symbols(make_dna(), model, "frequency", 1, counts=counts).set_index("symbol")
    assert list(table.loc[["C", "G", "T", "A"], "token"]) == ["the", "of", "and", "to"]


def test_frequency_breaks_ties_by_seed_and_keeps_ranks() -> None:
    model = wordpiece(["the", "of", "and", "to"])
    drawn = {
        tuple(map_symbols(make_dna(), model, "frequency", seed, counts={3: 9})["token"])
        for seed in range(20)
    }
    assert len(drawn) > 1
    assert {tokens[3] for tokens in drawn} == {"the"}
    assert {frozenset(tokens) for tokens in drawn} == {frozenset(["the", "of", "and", "to"])}


def test_a_unigrams_own_scores_say_what_is_common() -> None:
    pieces = [("<unk>", 0.0), ("▁rare", -9.0), ("▁common", -1.0), ("x", -0.5), ("▁less", -3.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tokenizer.add_special_tokens(["<unk>"])
    assert [tokenizer.id_to_token(number) for number in common_words(tokenizer)] == [
        "▁common", "▁less", "▁rare",
    ]  # fmt: skip


def test_frequency_without_enough_words_is_refused() -> None:
    with pytest.raises(PolymathError, match="4 symbols, the model only 1 tokens"):
        map_symbols(make_dna(), wordpiece(["a", "b", "the"]), "frequency", 1, counts={})


def test_a_characters_own_token_is_its_letter_first_as_it_is() -> None:
    model = wordpiece(["A", "a", "c", "Ġg", "▁T"])
    table = map_symbols(make_dna(), model, "character", 1)
    assert list(table["token"]) == ["A", "c", "Ġg", "▁T"]
    assert images(table) == images(map_symbols(make_dna(), model, "character", 2))


@pytest.mark.parametrize(
    ("symbols", "tokens", "message"),
    [
        ("ACGT", "ac", r"no token for 2 of 4 symbols, .*'G': use mapping random"),
        ("aA", "a", r"symbols 'A' and 'a' would share the token 'a': .*'uppercase'"),
    ],
)
def test_symbols_without_a_token_to_themselves_are_named(
    symbols: str, tokens: str, message: str
) -> None:
    domain = build_tokenizer([symbols], Alphabet(kind="character"))
    with pytest.raises(PolymathError, match=message):
        map_symbols(domain, wordpiece(list(tokens)), "character", 1)


def test_authors_remaps_special_tokens_too_and_reproducibly() -> None:
    model = make_model()
    table = map_symbols(make_dna(), model, "authors", 4)
    assert set(table["symbol"]) == {"[CLS]", "[SEP]", *"ACGT"}
    assert table["token_id"].is_unique
    assert images(table) == images(map_symbols(make_dna(), model, "authors", 4))
    special = SpecialTokens.of(model)
    moved = special.mapped(dict(zip(table["symbol_id"], table["token_id"], strict=True)))
    assert moved.ids != special.ids
    assert moved.ids[0] == (table.set_index("symbol").loc["[CLS]", "token_id"],)
    hits = set().union(
        *(images(map_symbols(make_dna(), model, "authors", seed)) for seed in range(60))
    )
    assert hits & KEPT, "special and unused tokens are hit, as in the authors' code"


def test_a_mapping_of_ordinary_symbols_moves_no_special_token() -> None:
    special = SpecialTokens.of(make_model())
    table = map_symbols(make_dna(), make_model(), "random", 1)
    assert special.mapped(dict(zip(table["symbol_id"], table["token_id"], strict=True))) == special


@given(st.integers(0, 2**62), st.sampled_from(["random", "authors", "frequency"]))
def test_every_mapping_of_symbols_is_one_to_one(seed: int, mapping: str) -> None:
    table = map_symbols(make_dna(), make_model(), mapping, seed, counts={0: 1, 2: 3})
    assert table["token_id"].is_unique
    assert list(table["token"]) == [VOCABULARY[number] for number in images(table)]
    assert list(table.set_index("symbol_id").loc[range(4), "symbol"]) == list("ACGT")
    if mapping != "authors":
        assert not set(images(table)) & KEPT


# What a tokenizer puts around a sequence.

CLS, SEP = VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]")


@pytest.mark.parametrize(
    ("template", "ids"),
    [
        ("[CLS] $A [SEP]", ((CLS,), (SEP,))),
        ("$A [SEP]", ((), (SEP,))),
        ("[CLS] $A", ((CLS,), ())),
        ("[CLS] [CLS] $A [SEP] [SEP]", ((CLS, CLS), (SEP, SEP))),
        ("$A", ((), ())),
    ],
)
def test_special_tokens(template: str, ids: tuple[tuple[int, ...], ...]) -> None:
    assert SpecialTokens.of(make_model(template)).ids == ids


def test_tokenizer_without_post_processor_frames_nothing() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    assert SpecialTokens.of(tokenizer) == SpecialTokens(((), ()), ((), ()), (0,))


def test_the_page_describes_every_mapping() -> None:
    page = (ROOT / "resources/docs/mappings.md").read_text()
    described = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| `")}
    assert described == {f"`{name}`" for name in get_args(MappingName)}
