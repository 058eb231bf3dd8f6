"""The convolutional network: what the engine and transformers ask of it, and what it learns."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedModel

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.paths import MANIFEST
from polymath.experiment.sources import ConfiguredSource
from polymath.models.build import build_classifier, longest_input
from polymath.models.cnn import CnnConfig
from polymath.models.compact_embeddings import compact_embeddings
from polymath.models.convert.configured import configure_model
from polymath.tokenization.tokenize import token_schema
from polymath.training.job import Job
from polymath.util.storage import read_json, read_metadata, read_table, write_json, write_table
from support.families import SPECIALS, UNUSED, WORDS, small_tokenizer
from support.jobs import outputs_in, run_job, write_job

SIZE = len(SPECIALS) + len(UNUSED) + len(WORDS)
IDS = torch.tensor([[2, 30, 40, 50, 60, 3], [2, 31, 41, 51, 61, 3]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small network's folder, with random weights."""
    config = CnnConfig(vocab_size=SIZE, hidden_size=16, num_hidden_layers=2)
    torch.manual_seed(3)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / "cnn")
    small_tokenizer().save(str(tmp_path / "cnn" / "tokenizer.json"))
    return tmp_path / "cnn"


def build(folder: Path, seed: int = 0) -> PreTrainedModel:
    return build_classifier(folder, "scratch", 3, seed, None).eval()


def logits_of(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
    return logits


def test_padding_changes_no_logit(folder: Path) -> None:
    model = build(folder)
    # Were padding read, even its own vector would tell.
    with torch.no_grad():
        model.get_input_embeddings().weight[0] = 5.0
    alone = logits_of(model, IDS, None)
    torch.testing.assert_close(logits_of(model, IDS, torch.ones_like(IDS)), alone)
    for extra in (1, 7, 40):
        padded = torch.nn.functional.pad(IDS, (0, extra))
        mask = torch.nn.functional.pad(torch.ones_like(IDS), (0, extra))
        torch.testing.assert_close(logits_of(model, padded, mask), alone, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(logits_of(model, torch.nn.functional.pad(IDS, (0, 7)), None), alone)


def test_order_of_symbols_changes_the_logits(folder: Path) -> None:
    model = build(folder)
    swapped = IDS[:, [0, 1, 3, 2, 4, 5]]
    assert not torch.allclose(logits_of(model, swapped, None), logits_of(model, IDS, None))


def test_compact_embeddings_give_the_same_logits(folder: Path) -> None:
    model = build(folder)
    before = logits_of(model, IDS, None)
    rows = compact_embeddings(model, [0, *IDS.unique().tolist()])
    assert model.get_input_embeddings().num_embeddings == len(rows) == 11
    small = torch.tensor([[rows[int(token)] for token in row] for row in IDS])
    assert torch.equal(logits_of(model, small, None), before)


def test_it_has_no_longest_input(folder: Path) -> None:
    model = build(folder)
    assert longest_input(model) is None
    assert logits_of(model, IDS.repeat(1, 300), None).isfinite().all()


def test_the_seed_alone_decides_its_weights_and_every_dropout_follows_the_recipe(
    folder: Path,
) -> None:
    first, again, other = (build(folder, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["cnn.blocks.0.conv.weight"], other["cnn.blocks.0.conv.weight"])
    # He's rule, of 5 × 16 inputs.
    deviation = float(first["cnn.blocks.0.conv.weight"].std())
    assert deviation == pytest.approx((2 / 80) ** 0.5, rel=0.1)
    model = build_classifier(folder, "scratch", 3, 0, 0.25)
    rates = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.25}


def test_it_is_saved_and_loaded_as_transformers_does(folder: Path, tmp_path: Path) -> None:
    model = build(folder)
    model.save_pretrained(tmp_path / "kept")
    assert read_json(tmp_path / "kept/config.json")["model_type"] == "polymath-cnn"
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "kept").eval()
    assert torch.equal(logits_of(loaded, IDS, None), logits_of(model, IDS, None))
    encoder = AutoModel.from_pretrained(tmp_path / "kept").eval()
    with torch.no_grad():
        assert encoder(IDS).last_hidden_state.shape == (2, 6, 16)
        torch.testing.assert_close(encoder(IDS).pooler_output, model.cnn(IDS).pooler_output)
    assert AutoConfig.from_pretrained(tmp_path / "kept").num_labels == 3


def motif_job(folder: Path, checkpoint: Path, **recipe: object) -> Job:
    """A task of two classes: whether symbol 0 comes just before symbol 1, or just after it."""
    generator = np.random.default_rng(5)
    labels = [("after", "before")[row % 2] for row in generator.integers(0, 2, 400)]
    job = write_job(folder, checkpoint, labels, recipe=recipe, replicates=1)
    rows = read_table(job.tokens)
    rows["length"] = generator.integers(12, 24, len(rows))
    sequences = [generator.integers(2, 20, length) for length in rows["length"]]
    for ids, label in zip(sequences, labels, strict=True):
        place = generator.integers(0, len(ids) - 1)
        ids[place : place + 2] = (0, 1) if label == "before" else (1, 0)
    rows["ids"] = [ids.tolist() for ids in sequences]
    metadata = read_metadata(job.tokens)
    write_table(rows, job.tokens, token_schema("classification"), metadata)
    return job


def test_it_learns_a_motif_that_no_bag_of_symbols_tells(folder: Path, tmp_path: Path) -> None:
    job = motif_job(tmp_path / "job", folder, steps=300, learning_rate=2e-3, dropout=0.0)
    run_job(job, tmp_path / "job", models=True)
    found = read_table(outputs_in(tmp_path / "job").predictions)
    test = found[found["split"] == "test"]
    answers = np.stack(test["logits"].to_list()).argmax(axis=1)
    assert np.mean((answers == 1) == (test["label"] == "before")) > 0.95

    rows = read_table(job.tokens)
    counts = np.stack([np.bincount(ids, minlength=20) for ids in rows["ids"]])
    train, held = (rows["split"] == split for split in ("train", "test"))
    bag = LogisticRegression().fit(counts[train], rows["label"][train])
    assert bag.score(counts[held], rows["label"][held]) < 0.7

    kept = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "job/out/models/replicate-0"
    ).eval()
    assert kept.config.id2label == {0: "after", 1: "before"}
    mapping = read_table(job.vocabulary).query("replicate == 0").set_index("symbol_id")["token_id"]
    first = rows[held].iloc[0]
    ids = torch.tensor([[2, *mapping[list(first["ids"])], 3]])
    expected = torch.tensor(np.stack(test["logits"].to_list())[:1])
    torch.testing.assert_close(logits_of(kept, ids, None), expected, rtol=1e-4, atol=1e-4)


def test_bf16_trains_too(folder: Path, tmp_path: Path) -> None:
    job = motif_job(tmp_path / "job", folder, steps=6, precision="bf16")
    run_job(job, tmp_path / "job")
    assert read_metadata(outputs_in(tmp_path / "job").predictions)["diverged"] == {}


def test_the_catalogue_can_make_it_of_another_models_configuration(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    write_json({"model_type": "bert", "vocab_size": SIZE, "hidden_size": 32,
                "num_hidden_layers": 6, "pad_token_id": 0, "max_position_embeddings": 64},
               base / "config.json")  # fmt: skip
    small_tokenizer().save(str(base / "tokenizer.json"))
    files = [base / "config.json", base / "tokenizer.json"]
    Manifest.of(base / MANIFEST, {}, files).write()
    source = ConfiguredSource(
        kind="configured",
        base="base",
        config={"model_type": "polymath-cnn", "num_hidden_layers": 3, "hidden_size": 24},
    )
    made = tmp_path / "cnn" / MANIFEST
    made.parent.mkdir()
    configure_model(source, base / MANIFEST, made, lambda _: None, tmp_path / "lock.json")
    model = build(made.parent)
    assert model.get_input_embeddings().weight.shape == (SIZE, 24)
    assert len(model.cnn.blocks) == 3
    assert not hasattr(model.config, "max_position_embeddings")


def test_importing_models_registers_it(folder: Path) -> None:
    code = (
        "import polymath.models.build; from transformers import AutoConfig; "
        f"print(type(AutoConfig.from_pretrained({str(folder)!r})).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "CnnConfig"
