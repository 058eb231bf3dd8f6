"""A model's tokenizer, in whatever files, as one tokenizer.json."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors

from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, whole_file

TOKENIZER = "tokenizer.json"
# A vocabulary in one of these files is needed; the others only say more about it.
VOCABULARIES = ("vocab.txt", "vocab.json", "spiece.model", "spm.model", "sentencepiece.bpe.model")


def convert_tokenizer(
    files: Mapping[str, Path], config: Mapping[str, Any], target: Path, place: str
) -> None:
    """Write the tokenizer that transformers builds from the files to `target`.

    Args:
        files: by name, of one folder.
        config: the model's configuration, which says what kind of tokenizer it is.
        place: the folder, for messages.

    Raises:
        PolymathError: if there is no vocabulary, or it needs code of its own.
    """
    from transformers import AutoConfig, AutoTokenizer

    vocabulary = next((name for name in VOCABULARIES if name in files), None)
    if vocabulary is None:
        raise PolymathError(
            f"{place}: no tokenizer among {', '.join(sorted(files))}: it is looked for in "
            f"{TOKENIZER} or {', '.join(VOCABULARIES)}"
        )
    if "auto_map" in _described(files):
        raise PolymathError(
            f"{place}: its tokenizer brings its own Python code ('auto_map'), and Polymath never "
            f"runs code that came with a model: give a {TOKENIZER}"
        )
    folder = files[vocabulary].parent
    try:
        built = AutoTokenizer.from_pretrained(
            folder,
            config=AutoConfig.for_model(config["model_type"]),
            local_files_only=True,
            trust_remote_code=False,
            **_case(files),
        )
    except (OSError, ValueError, ImportError, TypeError) as error:
        raise PolymathError(
            f"{place}: no tokenizer that transformers can build from {vocabulary}: {error}"
        ) from None
    tokenizer = _backend_of(built, place)
    if not set(tokenizer.get_vocab()) - set(built.all_special_tokens):
        raise PolymathError(f"{place}: {vocabulary} has no tokens but the special ones")
    with whole_file(target) as temporary:
        tokenizer.save(str(temporary))


def _described(files: Mapping[str, Path]) -> dict[str, Any]:
    path = files.get("tokenizer_config.json")
    described: dict[str, Any] = read_json(path) if path else {}
    return described


def _case(files: Mapping[str, Path]) -> dict[str, bool]:
    """Return what a bare vocab.txt says about case: nothing in it has capitals but of a cased one.

    Where nothing is said, transformers folds case, and no residue or base would be known.
    """
    described = (
        read_json(files["tokenizer_config.json"]) if "tokenizer_config.json" in files else {}
    )
    if "vocab.txt" not in files or "do_lower_case" in described:
        return {}
    lines = files["vocab.txt"].read_text(encoding="utf-8").splitlines()
    ordinary = [line for line in lines if not re.fullmatch(r"\[.+\]|<.+>", line)]
    return {"do_lower_case": not any(line != line.lower() for line in ordinary)}


def _backend_of(built: Any, place: str) -> Tokenizer:
    from transformers import EsmTokenizer

    if isinstance(built, EsmTokenizer):
        return _from_esm(built)
    if not built.is_fast:
        raise PolymathError(
            f"{place}: the tokenizer {type(built).__name__} has no form as {TOKENIZER}: give one"
        )
    backend: Tokenizer = built.backend_tokenizer
    return backend


def _from_esm(slow: Any) -> Tokenizer:
    """Return a tokenizer that cuts as ESM's does, which transformers has in Python only.

    At each place it takes the longest token of the vocabulary that fits; what lies between
    tokens is unknown.
    """
    vocabulary = slow.get_vocab()
    marks = [token for token in vocabulary if re.fullmatch(r"<.+>", token)]
    ordinary = sorted(set(vocabulary) - set(marks), key=lambda token: (-len(token), token))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=slow.unk_token))
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in marks])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex("|".join(map(re.escape, ordinary))), behavior="isolated"),
        ]
    )
    # The frame: <cls> first, and <eos> last where there is one; pairs have it after each part.
    first = slow.cls_token
    last = f" {slow.eos_token}" if slow.eos_token else ""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A{last}",
        pair=f"{first} $A{last} $B{last}",
        special_tokens=[(token, vocabulary[token]) for token in f"{first}{last}".split()],
    )
    return tokenizer
