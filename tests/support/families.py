"""The model families: one small configuration each, and a small tokenizer."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

# The fixture `checkpoint`: returns the folder of a family's small checkpoint.
Checkpoint = Callable[[str], Path]
WORDS = [f"w{number}" for number in range(200)]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
UNUSED = ["[unused0]", "[unused1]"]
VOCABULARY = len(SPECIALS) + len(UNUSED) + len(WORDS)
LAST = VOCABULARY - 1  # GPT-2's only special token has the last id

# What most families call their sizes.
SIZES: dict[str, object] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                            "intermediate_size": 64}  # fmt: skip
# One small configuration a family; the vocabulary is SPECIALS + UNUSED + WORDS.
FAMILIES: dict[str, dict[str, object]] = {
    "bert": {**SIZES, "max_position_embeddings": 64},
    "roberta": {**SIZES, "max_position_embeddings": 66},
    "albert": {**SIZES, "embedding_size": 16, "max_position_embeddings": 64},
    "electra": {**SIZES, "embedding_size": 16, "max_position_embeddings": 64},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64,
                   "max_position_embeddings": 64},
    "modernbert": {**SIZES, "max_position_embeddings": 64, "global_attn_every_n_layers": 1},
    "deberta-v2": {**SIZES, "max_position_embeddings": 64,
                   "relative_attention": True, "position_buckets": 16, "share_att_key": True,
                   "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm",
                   "position_biased_input": False},  # as DeBERTa-v3 is
    "esm": {**SIZES, "max_position_embeddings": 66, "token_dropout": True,
            "position_embedding_type": "rotary", "mask_token_id": 4},  # as ESM-2 is
}  # fmt: skip
# Of the catalogue, and tested for conversion and one fine-tuning alone.
CONVERTED: dict[str, dict[str, object]] = {
    "eurobert": {**SIZES, "num_key_value_heads": 2, "max_position_embeddings": 64},
}
# Causal models, which read left to right and classify by the last position.
DECODERS: dict[str, dict[str, object]] = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "eos_token_id": LAST},
    "modernbert-decoder": {
        **SIZES, "max_position_embeddings": 64, "global_attn_every_n_layers": 1,
    },
    "llama": {**SIZES, "num_key_value_heads": 1, "max_position_embeddings": 64},
}  # fmt: skip
CLASSIFIERS = (*FAMILIES, *DECODERS)
# What decoders put around a text.
FRAMES = {"gpt2": "$A", "llama": "[CLS] $A", "modernbert-decoder": "[CLS] $A [SEP]"}
# RoBERTa and ESM count positions from the padding token, which they have at 1.
PADDING = {"roberta": 1, "esm": 1, "modernbert-decoder": 0}
# `make test` runs these: absolute positions, positions counted from the padding, rotary positions,
# and positions of a decoder.
FAST = ("bert", "modernbert", "roberta", "gpt2")


def families(names: Iterable[str] = FAMILIES) -> list[Any]:
    """Return families as parameters of a test, marked `full` unless they are fast ones."""
    return [
        pytest.param(name, marks=() if name in FAST else pytest.mark.full) for name in sorted(names)
    ]


def small_tokenizer(frame: str = "[CLS] $A [SEP]") -> Tokenizer:
    """A word-level tokenizer that frames a text, as BERT does by default."""
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *UNUSED, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=frame,
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def build_checkpoint(family: str, folder: Path) -> None:
    """Write a family's small random checkpoint and its tokenizer.

    A decoder is a language model, and has what most have: no token for padding, and at most one
    special token, before a text.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    torch.manual_seed(7)
    if family in DECODERS:
        config = AutoConfig.for_model(
            family, vocab_size=VOCABULARY, pad_token_id=PADDING.get(family), bos_token_id=2,
            **{"eos_token_id": 3, **DECODERS[family]},
        )  # fmt: skip
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer = small_tokenizer(FRAMES[family])
        if config.eos_token_id == LAST:
            tokenizer.add_special_tokens([WORDS[-1]])
        tokenizer.save(str(folder / "tokenizer.json"))
        return
    config = AutoConfig.for_model(
        family, vocab_size=VOCABULARY, pad_token_id=PADDING.get(family, 0), bos_token_id=2,
        eos_token_id=3, cls_token_id=2, sep_token_id=3, **{**FAMILIES, **CONVERTED}[family],
    )  # fmt: skip
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    small_tokenizer().save(str(folder / "tokenizer.json"))
