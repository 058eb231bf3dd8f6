"""Causal models as classifiers: against transformers' own, with its padding and its pooling."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, XLNetConfig, XLNetLMHeadModel

from polymath.experiment.reading_limit import positions_in
from polymath.models.build import build_classifier, longest_input
from polymath.models.compact_embeddings import compact_embeddings
from polymath.models.pooling import set_pooling
from polymath.planning.cost import dimensions_in
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.batches import EncodedSplit
from polymath.training.loop import Predictor
from polymath.training.masked_lm import build_masked_model
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json
from support.families import DECODERS, Checkpoint, families, small_tokenizer

Rows = list[NDArray[np.int64]]
SIZES = {"layers": 2, "width": 32, "vocabulary": 207}


@pytest.fixture(params=families(DECODERS))
def decoder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rows_of_several_lengths() -> Rows:
    generator = np.random.default_rng(5)
    return [generator.integers(7, 40, length) for length in (9, 1, 4, 6)]


def padded(row: NDArray[np.int64], longest: int, filler: int, side: str) -> list[int]:
    """Return a row with fillers before or after it."""
    fillers = [filler] * (longest - len(row))
    return [*row, *fillers] if side == "right" else [*fillers, *row]


def transformers_logits(model: Any, rows: Rows, side: str) -> NDArray[np.float64]:
    """Return what a classifier of transformers makes of rows that are padded on a side."""
    longest = max(map(len, rows))
    ids = torch.tensor([padded(row, longest, model.config.pad_token_id, side) for row in rows])
    mask = torch.tensor([padded(np.ones_like(row), longest, 0, side) for row in rows])
    places = mask.cumsum(1).sub(1).clamp(min=0)
    with torch.no_grad():
        logits = model.eval()(input_ids=ids, attention_mask=mask, position_ids=places).logits
    return np.asarray(logits.numpy(), dtype=np.float64)


def our_logits(model: Any, rows: Rows, pooling: str = "cls") -> NDArray[np.float64]:
    """Return what training's predictor makes of rows, with embeddings of their tokens alone."""
    set_pooling(model, pooling)
    padding = model.config.pad_token_id
    known = compact_embeddings(model, sorted({padding, *map(int, np.concatenate(rows))}))
    data = EncodedSplit(
        ids=[np.array([known[int(token)] for token in row]) for row in rows],
        lengths=np.array([len(row) for row in rows]),
        targets=np.zeros(len(rows)),
        items=np.array([str(place) for place in range(len(rows))]),
        padding=known[padding],
    )
    prepare_for_training(model, "fp32")
    return Predictor(model, data, "fp32", ReplicateStream("cpu"), 1)()


@pytest.mark.parametrize("side", ["right", "left"])
def test_predictions_are_those_of_transformers_own_classifier(
    decoder: str, side: str, checkpoint: Checkpoint
) -> None:
    folder, rows = checkpoint(decoder), rows_of_several_lengths()
    ours = build_classifier(folder, "pretrained", 3, 0, 0.0)
    theirs = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    theirs.load_state_dict(ours.state_dict())
    if theirs.config.pad_token_id is None:
        theirs.config.pad_token_id = theirs.config.eos_token_id  # as its users do
    expected = transformers_logits(theirs, rows, side)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(our_logits(ours, rows), expected, rtol=0, atol=1e-5)


def test_the_mean_is_over_the_tokens_of_a_row(decoder: str, checkpoint: Checkpoint) -> None:
    rows = rows_of_several_lengths()
    model: Any = build_classifier(checkpoint(decoder), "pretrained", 3, 0, 0.0).eval()
    expected = []
    for row in rows:
        states = model.base_model(input_ids=torch.tensor(row)[None]).last_hidden_state.mean(1)
        is_generic = hasattr(model, "score")
        logits = model.score(states) if is_generic else model.classifier(model.head(states))
        expected.append(logits[0].detach().numpy())
    np.testing.assert_allclose(our_logits(model, rows, "mean"), expected, rtol=0, atol=1e-5)


def test_what_the_language_model_has_is_taken_and_the_head_is_new(
    decoder: str, checkpoint: Checkpoint
) -> None:
    folder = checkpoint(decoder)
    pretrained, scratch, anew = (
        build_classifier(folder, init, 3, 5, None) for init in ("pretrained", "scratch", "re-emb")
    )
    table, random, drawn = (m.get_input_embeddings().weight for m in (pretrained, scratch, anew))
    assert not torch.equal(table, random)
    assert torch.equal(random, drawn)
    encoder = {f"{pretrained.base_model_prefix}.{n}" for n in pretrained.base_model.state_dict()}
    for name, value in pretrained.state_dict().items():
        if name not in encoder:
            assert torch.equal(value, scratch.state_dict()[name]), name


def test_positions_and_sizes_are_read_from_its_configuration(
    decoder: str, checkpoint: Checkpoint
) -> None:
    config = read_json(checkpoint(decoder) / "config.json")
    assert positions_in(config) == 64
    assert longest_input(build_classifier(checkpoint(decoder), "scratch", 2, 0, None)) == 64
    assert dimensions_in(config).items() >= SIZES.items()
    assert dimensions_in(config)["intermediate"] in (64, 128)


def test_a_tokenizer_may_put_nothing_around_a_sequence() -> None:
    bare, before = (SpecialTokens.of(small_tokenizer(frame)) for frame in ("$A", "[CLS] $A"))
    assert (bare.count, bare.ids) == (0, ((), ()))
    assert before.ids == ((2,), ())


def test_a_decoder_is_no_masked_language_model(decoder: str, checkpoint: Checkpoint) -> None:
    with pytest.raises(PolymathError, match=rf"{decoder} model is no masked.*encoder as 'base'"):
        build_masked_model(checkpoint(decoder), "scratch", 0, None)


def test_a_model_that_reads_its_padding_is_refused(tmp_path: Path) -> None:
    """XLNet reads the last position, whatever it holds."""
    sizes = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "vocab_size": 20}
    XLNetLMHeadModel(XLNetConfig(**sizes)).save_pretrained(tmp_path)
    with pytest.raises(PolymathError, match="xlnet model depend on the padding"):
        build_classifier(tmp_path, "pretrained", 3, 0, None)


def test_a_decoder_without_a_classifier_is_refused_by_name(tmp_path: Path) -> None:
    from transformers import CohereConfig, CohereForCausalLM

    config = CohereConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                          num_key_value_heads=2, intermediate_size=16, vocab_size=20,
                          pad_token_id=0, eos_token_id=1, bos_token_id=2)  # fmt: skip
    CohereForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(PolymathError, match="cohere model is no sequence classifier"):
        build_classifier(tmp_path, "pretrained", 3, 0, None)
