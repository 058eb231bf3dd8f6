"""Convert a model's tokenizer, in whatever files, to one tokenizer.json.

transformers builds and saves it. It lacks a fast form of ESM's tokenizer, which is built here, and
takes a bare vocab.txt to be lower-case, which is checked here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors

from polymath.models.convert.model_json import read_dictionary
from polymath.util.errors import PolymathError
from polymath.util.storage import whole_file

TOKENIZER = "tokenizer.json"
# One of these files is needed: they hold a vocabulary.
VOCABULARIES = ("vocab.txt", "vocab.json", "spiece.model", "spm.model", "sentencepiece.bpe.model")


def convert_tokenizer(
    files: Mapping[str, Path], config: Mapping[str, Any], target: Path, place: str
) -> None:
    """Write the tokenizer that transformers builds from the files to `target`.

    Args:
        files: by name, of one folder.
        config: the model's configuration, which determines the kind of tokenizer.
        place: the folder, for messages.

    Raises:
        PolymathError: if there is no vocabulary, or the tokenizer needs code of its own.
    """
    from transformers import AutoConfig, AutoTokenizer

    vocabulary = next((name for name in VOCABULARIES if name in files), None)
    if vocabulary is None:
        raise PolymathError(
            f"{place}: no tokenizer among {', '.join(sorted(files))}: add {TOKENIZER} or one of "
            + ", ".join(VOCABULARIES)
        )
    if "auto_map" in _tokenizer_config(files):
        raise PolymathError(
            f"{place}: its tokenizer brings its own Python code ('auto_map'), and Polymath never "
            f"runs code that came with a model: add a {TOKENIZER}"
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


def _tokenizer_config(files: Mapping[str, Path]) -> dict[str, Any]:
    path = files.get("tokenizer_config.json")
    return read_dictionary(path) if path else {}


def _case(files: Mapping[str, Path]) -> dict[str, bool]:
    """Return whether to fold case: not if a vocab.txt has capitals, unless a file states it.

    transformers would fold it, and leave every residue or base unknown.
    """
    if "vocab.txt" not in files or "do_lower_case" in _tokenizer_config(files):
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
            f"{place}: a {type(built).__name__} cannot be written as {TOKENIZER}: add one"
        )
    backend: Tokenizer = built.backend_tokenizer
    return backend


def _from_esm(slow: Any) -> Tokenizer:
    """Return a tokenizer that cuts as ESM's does, which transformers has in Python only.

    At each place it takes the longest token of the vocabulary that matches; what lies between
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
    # <cls> first, and <eos> last where there is one; pairs have it after each sequence.
    first = slow.cls_token
    last = f" {slow.eos_token}" if slow.eos_token else ""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A{last}",
        pair=f"{first} $A{last} $B{last}",
        special_tokens=[(token, vocabulary[token]) for token in f"{first}{last}".split()],
    )
    return tokenizer
