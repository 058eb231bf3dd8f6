"""Pre-train a masked language model on a task's unlabelled training rows, or on generated ones.

The result is a model folder that every later stage reads like any other.
"""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from transformers import PreTrainedModel

from polymath.data.fetch.manifest import Manifest
from polymath.evaluation.tables import CURVE_SCHEMA
from polymath.experiment.paths import PRETRAINING_CURVE, PRETRAINING_FOLDER
from polymath.experiment.sources import PretrainSource
from polymath.models.compact_embeddings import restore_vocabulary
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.tokenizers import load_tokenizer
from polymath.training.acceleration.cuda_graphs import ReplicateStream
from polymath.training.acceleration.prepare import prepare_for_training
from polymath.training.checkpoints import CheckpointStore
from polymath.training.corpus import Corpus, read_corpus
from polymath.training.devices import device_name, resolve_precision
from polymath.training.encode import EncodedTask, encode_task
from polymath.training.job import Execution, PretrainingJob
from polymath.training.loop import Run
from polymath.training.masked_lm import (
    MaskedScore,
    Masking,
    build_masked_model,
    compact_vocabulary,
    make_masking,
    mask_token,
    masked_loss,
)
from polymath.training.resumable import ResumableRun, open_session
from polymath.training.whole_folder import require_intact, whole_folder
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.machine import describe_machine
from polymath.util.seeds import derive_seed
from polymath.util.storage import digest_of, write_table

FILES = ("config.json", "model.safetensors", "tokenizer.json")


def pretrain(
    job: PretrainingJob,
    execution: Execution,
    manifest: Path,
    curve: Path,
    log: Callable[[str], None],
) -> None:
    """Train the model unless it is there already; put its files beside `manifest`.

    Raises:
        PolymathError: if the model cannot take the tokens, or training diverges.
        PreemptedError: on a stop signal; the next call resumes from there.
    """
    store = manifest.parent / PRETRAINING_FOLDER
    with open_session(store, "masked accuracy", execution, log) as session:
        precision = resolve_precision(job.source.recipe.precision, session.device)
        base = Manifest.read(job.base)
        corpus = read_corpus(job, load_tokenizer(base.locate("tokenizer.json")))
        digest = _digest(job, base, precision, corpus)
        folder = store / digest
        if _is_kept(folder, log):
            log("already trained")
        else:
            training = _Pretraining(job, base, corpus, session.device, precision, log)
            checkpoints = CheckpointStore(store, digest)
            resumable = ResumableRun("pre-training", training.run, checkpoints)
            resumable.resume(log)
            session.train([resumable], "pre-training")
            _save(training, folder)
            checkpoints.clear()
    files = [manifest.parent / name for name in FILES]
    for path in files:
        shutil.copyfile(folder / path.name, path)
    shutil.copyfile(folder / PRETRAINING_CURVE, curve)
    described = {**_describe(job.source), "code_version": job.source.code_version}
    Manifest.of(manifest, described, files).write()


def _is_kept(folder: Path, log: Callable[[str], None]) -> bool:
    """Whether the model was trained before; one that is damaged is logged, and does not count."""
    try:
        require_intact(folder)
    except DamagedError as error:
        log(f"{error.problem}: the model is trained again")
        return False
    return (folder / PRETRAINING_CURVE).is_file()


def _describe(source: PretrainSource) -> dict[str, Any]:
    """Return a source as its manifest states it: of `task` and `synthetic`, the one that it has."""
    unused = "task" if source.task is None else "synthetic"
    return source.model_dump(mode="json", exclude={unused})


def _digest(job: PretrainingJob, base: Manifest, precision: str, corpus: Corpus) -> str:
    """Return a digest of everything that determines the model."""
    return digest_of(
        {
            "code_version": job.source.code_version,
            "source": job.source.model_dump(mode="json", exclude_defaults=True),
            "precision": precision,
            "seed": job.seed,
            "tokens": digest_of(corpus.task.rows.to_json()),
            "mapping": corpus.mapping.tolist(),
            "base": base.sha256,
        }
    )


class _Pretraining:
    """The model, its encoded data and its training run."""

    def __init__(
        self,
        job: PretrainingJob,
        base: Manifest,
        corpus: Corpus,
        device: str,
        precision: str,
        log: Callable[[str], None],
    ) -> None:
        recipe = job.source.recipe
        self.job, self.base = job, base
        self.seeds = {
            name: derive_seed(job.seed, name) for name in ("init", "order", "dropout", "mask")
        }
        stream = ReplicateStream(device)
        self.model = self.build_model()
        self.data, masking = self._encode(corpus, device)
        with stream.activate():
            self.model.to(device)
            prepare_for_training(self.model, precision)
            score = MaskedScore(self.model, self.data.dev, masking, precision, self.seeds["mask"])
            self.run = Run(
                self.model, self.data.train, recipe, self.seeds["order"], self.seeds["dropout"],
                stream, precision, score, masked_loss(masking),
            )  # fmt: skip
        self.provenance = {
            "precision": precision,
            "device": device_name(device),
            "metric": "masked_accuracy",
            "machine": describe_machine(),
            "truncated": self.data.truncated,
        }
        if corpus.about:
            log(corpus.about)
        log(
            f"{len(self.data.train)} training rows, {len(masking.symbols)} symbols, "
            f"{self.run.steps} steps of {recipe.batch_size}, "
            f"{self.model.num_parameters() / 1e6:.1f} M parameters, {precision} on "
            f"{device_name(device)}"
        )

    def _encode(self, corpus: Corpus, device: str) -> tuple[EncodedTask, Masking]:
        """Encode the rows for the model, whose vocabulary is compacted; return how to mask them."""
        tokenizer = load_tokenizer(self.base.locate("tokenizer.json"))
        special_tokens = SpecialTokens.of(tokenizer, "ids2" in corpus.task.rows)
        mask = mask_token(tokenizer)
        data = encode_task(
            corpus.task, self.model, corpus.mapping, special_tokens, 1.0, 0, compact_vocabulary,
            frozenset({mask}),
        )  # fmt: skip
        _require_whole_sequences(self.job.source, data)
        special = {
            mask,
            self.model.config.pad_token_id,
            *(token for side in special_tokens.ids for token in side),
        }
        share = self.job.source.recipe.masked
        return data, make_masking(data.tokens, special, mask, share, device)

    def build_model(self) -> PreTrainedModel:
        """Return the model before training, with its whole vocabulary, on the CPU."""
        source = self.job.source
        folder = self.base.locate("config.json").parent
        return build_masked_model(folder, source.init, self.seeds["init"], source.recipe.dropout)


def _require_whole_sequences(source: PretrainSource, data: EncodedTask) -> None:
    """Refuse synthetic sequences that the model would see cut off: brackets would stay open."""
    if source.synthetic is not None and data.truncated:
        raise PolymathError(
            f"synthetic: length: {source.synthetic.length:,} symbols and the special tokens around "
            "them are more than the base model's positions: lower it"
        )


def _save(training: _Pretraining, folder: Path) -> None:
    """Write the whole model, its tokenizer and its curve, unless training diverged."""
    run = training.run
    if run.divergence:
        raise PolymathError(
            f"pre-training diverged at step {run.divergence.step} of {run.steps}: lower its "
            "learning_rate, set a clip_norm, or use precision: fp32"
        )
    whole = training.build_model()
    restore_vocabulary(whole, training.model, training.data.tokens)
    curve = pd.DataFrame([asdict(point) for point in run.curve]).assign(replicate=0)
    with whole_folder(folder) as unfinished:
        whole.save_pretrained(unfinished)
        shutil.copyfile(training.base.locate("tokenizer.json"), unfinished / "tokenizer.json")
        write_table(curve, unfinished / PRETRAINING_CURVE, CURVE_SCHEMA, training.provenance)
