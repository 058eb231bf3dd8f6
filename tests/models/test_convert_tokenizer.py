"""Tokenizers in other files than tokenizer.json cut as they did."""

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import BertTokenizer, EsmTokenizer

from polymath.models.convert.tokenizer import convert_tokenizer
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.util.errors import PolymathError
from polymath.util.storage import write_json
from support.families import SPECIALS, UNUSED, WORDS

VOCABULARY = [*SPECIALS, *UNUSED, *WORDS]


def tokenizer_from(folder: Path, kind: str = "bert") -> Tokenizer:
    files = {path.name: path for path in folder.iterdir()}
    target = folder.parent / "tokenizer.json"
    convert_tokenizer(files, {"model_type": kind}, target, str(folder))
    return Tokenizer.from_file(str(target))


def vocab_folder(folder: Path, tokens: list[str], **described: object) -> Path:
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    if described:
        write_json(described, folder / "tokenizer_config.json")
    return folder


def test_a_bare_vocabulary_becomes_a_framed_tokenizer(tmp_path: Path) -> None:
    tokenizer = tokenizer_from(vocab_folder(tmp_path / "mine", VOCABULARY))
    assert tokenizer.get_vocab() == {token: row for row, token in enumerate(VOCABULARY)}
    assert tokenizer.encode("W3 w199").tokens == ["[CLS]", "w3", "w199", "[SEP]"]
    assert SpecialTokens.of(tokenizer).ids == ((2,), (3,))
    reference = BertTokenizer.from_pretrained(tmp_path / "mine").backend_tokenizer
    assert json.loads(tokenizer.to_str()) == json.loads(reference.to_str())


RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")


@pytest.mark.parametrize(
    ("tokens", "described", "text", "expected"),
    [
        (RESIDUES, {}, "E V Q", ["E", "V", "Q"]),
        (RESIDUES, {"do_lower_case": False}, "E V Q", ["E", "V", "Q"]),
        (["a", "B", "b"], {"do_lower_case": True}, "A B", ["a", "b"]),
    ],
)
def test_case_is_kept_where_the_vocabulary_has_capitals_unless_a_file_states_it(
    tmp_path: Path, tokens: list[str], described: dict[str, object], text: str, expected: list[str]
) -> None:
    tokenizer = tokenizer_from(vocab_folder(tmp_path / "mine", [*SPECIALS, *tokens], **described))
    assert tokenizer.encode(text).tokens == ["[CLS]", *expected, "[SEP]"]


def test_a_byte_level_vocabulary_becomes_a_tokenizer(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "h", "i", "Ġ", "hi", "Ġhi"]
    write_json({token: row for row, token in enumerate(tokens)}, folder / "vocab.json")
    (folder / "merges.txt").write_text("#version: 0.2\nh i\nĠ hi\n")
    encoded = tokenizer_from(folder, "roberta").encode("hi hi")
    assert encoded.tokens == ["<s>", "hi", "Ġhi", "</s>"]


@pytest.mark.parametrize(
    ("kind", "name"), [("albert", "spiece.model"), ("deberta-v2", "spm.model")]
)
def test_a_sentencepiece_model_becomes_the_same_pieces(
    tmp_path: Path, kind: str, name: str
) -> None:
    import sentencepiece

    folder = tmp_path / "mine"
    folder.mkdir()
    text = "the model learns the music of the words and the words of the music"
    with (folder / name).open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([text] * 50), model_writer=model, vocab_size=32,
            pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]",
            eos_piece="[SEP]", unk_piece="[UNK]", hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
    reference = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
    tokenizer = tokenizer_from(folder, kind)
    for line in ("the music learns", "words model and", "of thermal"):
        assert tokenizer.encode(line).ids == [1, *reference.encode(line), 2]


ESM = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
SIX = ["".join(letters) for letters in product("ATCG", repeat=3)]
NUCLEOTIDES = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", *SIX, *"ATCGN"]


@pytest.mark.parametrize("eos", ["<eos>", None])
@pytest.mark.parametrize(("tokens", "letters"), [(ESM, "LAGVXJo. "), (NUCLEOTIDES, "ATCGNx ")])
def test_esm_tokenizers_cut_as_those_in_python(
    tmp_path: Path, tokens: list[str], letters: str, eos: str | None
) -> None:
    folder = vocab_folder(tmp_path / "mine", tokens, tokenizer_class="EsmTokenizer", eos_token=eos)
    fast, slow = tokenizer_from(folder, "esm"), EsmTokenizer.from_pretrained(folder)
    assert fast.get_vocab() == slow.get_vocab()
    pieces = st.sampled_from([*letters, "<mask>"])

    @settings(max_examples=200, deadline=None)
    @given(st.lists(pieces, max_size=30).map("".join))
    def check(text: str) -> None:
        assert fast.encode(text).ids == slow(text)["input_ids"]

    check()


def test_a_missing_vocabulary_is_not_made_up(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_json({"do_lower_case": True}, folder / "tokenizer_config.json")
    with pytest.raises(PolymathError, match="no tokenizer among tokenizer_config"):
        tokenizer_from(folder)
    with pytest.raises(PolymathError, match=r"vocab\.txt has no tokens but the special ones"):
        tokenizer_from(vocab_folder(tmp_path / "empty", SPECIALS))


def test_a_tokenizer_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = vocab_folder(
        tmp_path / "mine", VOCABULARY, auto_map={"AutoTokenizer": ["tok.Evil", None]}
    )
    with pytest.raises(PolymathError, match="Polymath never runs code"):
        tokenizer_from(folder)
