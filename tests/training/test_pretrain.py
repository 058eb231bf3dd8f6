"""Pre-training: the loss as transformers computes it, the small vocabulary, interruptions."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForMaskedLM

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.paths import PRETRAINING_FOLDER
from polymath.experiment.recipes import PretrainingRecipe
from polymath.experiment.sources import PretrainSource
from polymath.models.build import build_classifier
from polymath.models.compact_embeddings import restore_vocabulary
from polymath.tokenization.tokenize import token_schema
from polymath.tokenization.tokenizers import load_tokenizer
from polymath.tokenization.vocabulary_mapping import MappingJob, map_vocabulary
from polymath.training.batches import Batch
from polymath.training.corpus import read_corpus
from polymath.training.job import Execution, PretrainingJob
from polymath.training.loop import forward
from polymath.training.masked_lm import (
    IGNORE_INDEX,
    build_masked_model,
    compact_vocabulary,
    make_masking,
    mask_token,
    masked_loss,
)
from polymath.training.pretrain import pretrain
from polymath.util.errors import PolymathError
from polymath.util.seeds import derive_seed
from polymath.util.storage import read_metadata, read_table, sha256_of, write_table
from support import ROOT
from support.families import PADDING, Checkpoint, families
from support.mutations import empty, flip

MASK = 4
USED = [0, 2, 3, MASK, *range(10, 30)]


def random_batch(vocabulary: dict[int, int], rows: int = 6, length: int = 12) -> Batch:
    generator = torch.Generator().manual_seed(3)
    symbols = torch.tensor([vocabulary[token] for token in range(10, 30)])
    ids = symbols[torch.randint(len(symbols), (rows, length), generator=generator)]
    ids[:, 0], ids[:, -1] = vocabulary[2], vocabulary[3]
    return Batch(ids, None, torch.zeros(rows))


def masking_of(vocabulary: dict[int, int], share: float = 0.3) -> Any:
    return make_masking(vocabulary, {0, 2, 3, MASK}, MASK, share, "cpu")


def test_only_symbols_are_masked_in_the_stated_shares() -> None:
    vocabulary = {token: row for row, token in enumerate(USED)}
    batch = random_batch(vocabulary, 200, 102)
    torch.manual_seed(0)
    ids, answers = masking_of(vocabulary, 0.15)(batch.ids)
    asked = answers != IGNORE_INDEX
    assert not asked[:, [0, -1]].any()
    assert torch.equal(answers[asked], batch.ids[asked])
    assert torch.equal(ids[~asked], batch.ids[~asked])
    assert abs(float(asked[:, 1:-1].float().mean()) - 0.15) < 0.01
    masked = ids[asked] == vocabulary[MASK]
    kept = ids[asked] == batch.ids[asked]
    assert abs(float(masked.float().mean()) - 0.8) < 0.03
    assert abs(float(kept.float().mean()) - (0.1 + 0.1 / 20)) < 0.03
    assert set(ids[asked & (ids != vocabulary[MASK])].tolist()) <= set(range(4, len(USED)))


@pytest.mark.parametrize("family", families())
def test_the_loss_is_transformers_own(family: str, checkpoint: Checkpoint) -> None:
    model = build_masked_model(checkpoint(family), "pretrained", 0, 0.0).eval()
    vocabulary = {token: token for token in range(207)}
    masking, batch = masking_of(vocabulary), random_batch(vocabulary)
    torch.manual_seed(5)
    loss = masked_loss(masking)(model, batch, "fp32")
    torch.manual_seed(5)
    ids, answers = masking(batch.ids)
    reference = AutoModelForMaskedLM.from_pretrained(checkpoint(family)).eval()
    theirs = reference(input_ids=ids, labels=answers).loss
    torch.testing.assert_close(loss, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", families())
def test_a_small_vocabulary_gives_the_logits_of_its_tokens(
    family: str, checkpoint: Checkpoint
) -> None:
    padding = PADDING.get(family, 0)
    used = sorted({*USED, padding})
    whole = build_masked_model(checkpoint(family), "pretrained", 0, 0.0).eval()
    small = build_masked_model(checkpoint(family), "pretrained", 0, 0.0).eval()
    vocabulary = compact_vocabulary(small, used)
    assert small.get_input_embeddings().weight.shape[0] == len(used)
    batch = random_batch(vocabulary)
    names = {row: token for token, row in vocabulary.items()}
    ids = torch.tensor([[names[int(row)] for row in line] for line in batch.ids])
    with torch.no_grad():
        expected = forward(whole, Batch(ids, None, batch.targets), "fp32")
        found = forward(small, batch, "fp32")
    order = [names[row] for row in range(len(used))]
    torch.testing.assert_close(found, expected[..., order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", families())
def test_the_whole_model_gets_what_the_small_one_learned_and_nothing_else(
    family: str, checkpoint: Checkpoint
) -> None:
    padding = PADDING.get(family, 0)
    used = sorted({*USED, padding})
    small = build_masked_model(checkpoint(family), "scratch", 1, 0.0)
    vocabulary = compact_vocabulary(small, used)
    masking, batch = masking_of(vocabulary), random_batch(vocabulary)
    optimiser = torch.optim.Adam(small.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        masked_loss(masking)(small, batch, "fp32").backward()
        optimiser.step()
    before = build_masked_model(checkpoint(family), "scratch", 1, 0.0)
    whole = build_masked_model(checkpoint(family), "scratch", 1, 0.0)
    restore_vocabulary(whole, small, vocabulary)
    names = {row: token for token, row in vocabulary.items()}
    ids = torch.tensor([[names[int(row)] for row in line] for line in batch.ids])
    with torch.no_grad():
        found = forward(whole.eval(), Batch(ids, None, batch.targets), "fp32")
        expected = forward(small.eval(), batch, "fp32")
    order = [names[row] for row in range(len(used))]
    torch.testing.assert_close(found[..., order], expected, rtol=1e-4, atol=1e-5)
    other = [token for token in range(207) if token not in vocabulary]
    rows = whole.get_input_embeddings().weight
    assert torch.equal(rows[other], before.get_input_embeddings().weight[other])
    assert not torch.allclose(rows[used], before.get_input_embeddings().weight[used])


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token=""))
    with pytest.raises(PolymathError, match="no mask token"):
        mask_token(tokenizer)


# The job.


def write_pretraining(folder: Path, checkpoint: Path, **recipe: Any) -> PretrainingJob:
    """A task whose sequences repeat a cycle, so that a masked symbol can be found."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    starts, count = generator.integers(0, 10, 120), 120
    rows = pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(count)],
            "item": [f"r{row}" for row in range(count)],
            "window": 0,
            "split": [("train", "train", "dev", "test")[row % 4] for row in range(count)],
            "label": "any",
            "length": 20,
            "ids": [[int(start + place) % 10 for place in range(20)] for start in starts],
        }
    )
    metadata = {"type": "classification", "labels": ["any"], "domain": "dna"}
    write_table(rows, folder / "tokens.parquet", token_schema("classification"), metadata)
    names = ("config.json", "model.safetensors", "tokenizer.json")
    files = [checkpoint / name for name in names]
    Manifest.of(folder / "base.json", {}, files).write()
    symbols = Tokenizer(models.WordLevel({f"s{i}": i for i in range(10)}, unk_token=""))
    symbols.save(str(folder / "symbols.json"))
    mapped = MappingJob(
        folder / "symbols.json", checkpoint / "tokenizer.json", "random", seed=1, replicates=1
    )
    map_vocabulary(mapped, folder / "vocabulary.parquet")
    values: dict[str, Any] = {"learning_rate": 3e-3, "batch_size": 16, "steps": 150,
              "warmup": 0.1, "clip_norm": 1, "precision": "fp32", "evaluations": 3}  # fmt: skip
    return PretrainingJob(
        source=PretrainSource(
            kind="pretrain", task="cycle", base="small", mapping="random",
            recipe=PretrainingRecipe(**{**values, **recipe}),
        ),
        seed=1,
        tokens=folder / "tokens.parquet",
        vocabulary=folder / "vocabulary.parquet",
        base=folder / "base.json",
    )  # fmt: skip


def run_pretraining(job: PretrainingJob, out: Path, seconds: float = 60) -> list[str]:
    said: list[str] = []
    pretrain(job, Execution(1, seconds), out / "manifest.json", out / "curve.parquet", said.append)
    return said


def test_it_learns_and_its_model_is_one_like_any_other(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    job = write_pretraining(tmp_path, checkpoint("bert"), steps=900)
    run_pretraining(job, tmp_path / "out")
    curve = read_table(tmp_path / "out/curve.parquet")
    assert curve["dev_score"].iloc[0] < 0.3
    assert curve["dev_score"].iloc[-1] > 0.7
    assert read_metadata(tmp_path / "out/curve.parquet")["metric"] == "masked_accuracy"
    manifest = Manifest.read(tmp_path / "out/manifest.json")
    assert [file.path for file in manifest.files] == [
        "config.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert manifest.source["task"] == "cycle"
    classifier = build_classifier(tmp_path / "out", "pretrained", 2, 0, None)
    stored = AutoModelForMaskedLM.from_pretrained(tmp_path / "out").base_model.state_dict()
    for name, value in classifier.base_model.state_dict().items():
        if "pooler" not in name:
            assert torch.equal(value, stored[name]), name


def test_test_rows_are_never_looked_at(tmp_path: Path, checkpoint: Checkpoint) -> None:
    digests = []
    for name in ("one", "other"):
        job = write_pretraining(tmp_path / name, checkpoint("bert"), steps=4)
        if name == "other":
            replace_rows(tmp_path / name / "tokens.parquet", "test")
        run_pretraining(job, tmp_path / name / "out")
        digests.append(sha256_of(tmp_path / name / "out/model.safetensors"))
    assert digests[0] == digests[1]


def replace_rows(tokens: Path, *splits: str) -> None:
    """Replace the sequences of these splits by others."""
    rows, metadata = read_table(tokens), read_metadata(tokens)
    rows["ids"] = [
        [9, 9, 9] if split in splits else list(ids)
        for split, ids in zip(rows["split"], rows["ids"], strict=True)
    ]
    write_table(rows, tokens, token_schema("classification"), metadata)


def test_a_tasks_own_model_reads_its_training_rows_alone(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    """With any other development and test sets it is the same, and so is its curve."""
    digests = []
    for name in ("one", "other", "shared"):
        job = write_pretraining(tmp_path / name, checkpoint("bert"), steps=4)
        if name == "other":
            replace_rows(tmp_path / name / "tokens.parquet", "dev", "test")
        job = replace(job, own=name != "shared")
        run_pretraining(job, tmp_path / name / "out")
        files = (tmp_path / name / "out" / file for file in ("model.safetensors", "curve.parquet"))
        model, curve = files
        digests.append((sha256_of(model), read_table(curve)["dev_score"].tolist()))
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def synthetic_job(folder: Path, checkpoint: Path, **synthetic: Any) -> PretrainingJob:
    job = write_pretraining(folder, checkpoint, steps=20, evaluations=1)
    values = {"kind": "dyck", "symbols": 8, "length": 10, "sequences": 300, **synthetic}
    source = {"kind": "pretrain", "synthetic": values, "base": "small",
              "recipe": job.source.recipe.model_dump()}  # fmt: skip
    return replace(job, source=PretrainSource.model_validate(source), tokens=None, vocabulary=None)


def test_synthetic_sequences_need_no_task(tmp_path: Path, checkpoint: Checkpoint) -> None:
    job = synthetic_job(tmp_path, checkpoint("bert"))
    lines = run_pretraining(job, tmp_path / "out")
    assert any("synthetic dyck: 1.54 bits per symbol of 8" in line for line in lines)
    manifest = Manifest.read(tmp_path / "out/manifest.json")
    assert "task" not in manifest.source
    assert manifest.source["synthetic"]["kind"] == "dyck"
    corpus = read_corpus(job, load_tokenizer(checkpoint("bert") / "tokenizer.json"))
    assert corpus.task.rows["split"].value_counts().to_dict() == {"train": 300, "dev": 256}
    assert len(set(corpus.mapping)) == 8
    # The tokens that it learned differ from those that it did not see.
    whole = build_masked_model(checkpoint("bert"), "scratch", derive_seed(1, "init"), None)
    before = whole.get_input_embeddings().weight
    trained = AutoModelForMaskedLM.from_pretrained(tmp_path / "out").get_input_embeddings().weight
    moved = (before != trained).any(dim=1).nonzero().flatten().tolist()
    assert set(corpus.mapping) <= set(moved)
    assert len(moved) <= 8 + 4


def test_synthetic_symbols_are_the_tokens_of_no_replicate(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    """Else one replicate of fine-tuning would read what it was pre-trained on, and others not."""
    job = synthetic_job(tmp_path, checkpoint("bert"))
    path = checkpoint("bert") / "tokenizer.json"
    tokens = read_corpus(job, load_tokenizer(path)).mapping.tolist()
    symbols = Tokenizer(models.WordLevel({f"s{i}": i for i in range(8)}, unk_token=""))
    symbols.save(str(tmp_path / "symbols.json"))
    out = tmp_path / "vocabulary.parquet"
    mapped = MappingJob(tmp_path / "symbols.json", path, "random", job.seed, replicates=5)
    map_vocabulary(mapped, out)
    tables = pd.read_parquet(out).sort_values("symbol_id").groupby("replicate")["token_id"]
    assert len(tables) >= 5
    assert all(table.tolist() != tokens for _, table in tables)


@pytest.mark.parametrize(
    ("synthetic", "key"), [({"symbols": 5_000}, "symbols: 5,000"), ({"length": 64}, "length: 64")]
)
def test_synthetic_sequences_that_the_base_cannot_take(
    synthetic: dict[str, int], key: str, tmp_path: Path, checkpoint: Checkpoint
) -> None:
    job = synthetic_job(tmp_path, checkpoint("bert"), **synthetic)
    with pytest.raises(PolymathError, match=f"^synthetic: {key}"):
        run_pretraining(job, tmp_path / "out")


def test_a_model_that_is_there_is_not_trained_again(tmp_path: Path, checkpoint: Checkpoint) -> None:
    job = write_pretraining(tmp_path, checkpoint("bert"), steps=4)
    run_pretraining(job, tmp_path / "out")
    before = sha256_of(tmp_path / "out/model.safetensors")
    (tmp_path / "out/manifest.json").unlink()  # as the workflow does with outputs
    assert run_pretraining(job, tmp_path / "out") == ["already trained"]
    assert sha256_of(tmp_path / "out/model.safetensors") == before


@pytest.mark.parametrize("damage", [flip, empty])
def test_a_model_that_is_damaged_is_named_and_trained_again(
    damage: Callable[[Path], None], tmp_path: Path, checkpoint: Checkpoint
) -> None:
    """An empty one is what a power cut may leave."""
    job = write_pretraining(tmp_path, checkpoint("bert"), steps=4)
    run_pretraining(job, tmp_path / "out")
    whole = sha256_of(tmp_path / "out/model.safetensors")
    [kept] = (tmp_path / "out" / PRETRAINING_FOLDER).glob("*/model.safetensors")
    damage(kept)
    lines = run_pretraining(job, tmp_path / "out")
    assert "model.safetensors is damaged" in lines[0]
    assert sha256_of(tmp_path / "out/model.safetensors") == whole
    assert run_pretraining(job, tmp_path / "out") == ["already trained"]


def test_divergence_is_an_error_that_says_what_to_try(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    job = write_pretraining(tmp_path, checkpoint("bert"), learning_rate=0.99, steps=40,
                            clip_norm=None, warmup=0, schedule="constant")  # fmt: skip

    def poison(job: PretrainingJob) -> None:
        from safetensors.torch import load_file, save_file

        folder = tmp_path / "poisoned"
        folder.mkdir()
        for name in ("config.json", "tokenizer.json"):
            (folder / name).write_bytes((checkpoint("bert") / name).read_bytes())
        weights = load_file(checkpoint("bert") / "model.safetensors")
        save_file({k: v * float("nan") for k, v in weights.items()}, folder / "model.safetensors")
        names = ("config.json", "model.safetensors", "tokenizer.json")
        files = [folder / name for name in names]
        Manifest.of(job.base, {}, files).write()

    poison(job)
    source = job.source.model_copy(update={"init": "pretrained"})
    bad = replace(job, source=source)
    with pytest.raises(PolymathError, match="diverged at step 1 of 40: lower its learning_rate"):
        run_pretraining(bad, tmp_path / "out")
    assert not (tmp_path / "out/manifest.json").exists()


def test_killed_it_goes_on_to_the_same_bytes(tmp_path: Path, checkpoint: Checkpoint) -> None:
    source = checkpoint("bert")
    whole = write_pretraining(tmp_path / "whole", source, steps=300, dropout=0.1)
    run_pretraining(whole, tmp_path / "whole/out")
    code = (
        "import sys; sys.path[:0] = ['tests', 'tests/training']\n"
        "from pathlib import Path\n"
        "from test_pretrain import run_pretraining, write_pretraining\n"
        f"folder = Path({str(tmp_path / 'cut')!r})\n"
        f"job = write_pretraining(folder, Path({str(source)!r}), steps=300, dropout=0.1)\n"
        "run_pretraining(job, folder / 'out', 0.05)\n"
    )
    store = tmp_path / "cut/out" / PRETRAINING_FOLDER
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    end = time.monotonic() + 300  # a busy machine is slow to import torch
    while not list(store.glob("[!.]*.step-*.json")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    cut = write_pretraining(tmp_path / "cut", source, steps=300, dropout=0.1)
    assert any("resumed at step" in line for line in run_pretraining(cut, tmp_path / "cut/out"))
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert sha256_of(tmp_path / "cut/out" / name) == sha256_of(tmp_path / "whole/out" / name)
    assert not list(store.glob("*.step-*"))
