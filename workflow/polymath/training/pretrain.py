"""Pre-train a masked language model on a task's unlabelled training rows, however often
interrupted, into a model that every later stage reads like any other.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from transformers import PreTrainedModel

from polymath.data.fetch.manifest import Manifest
from polymath.evaluation.tables import CURVE_SCHEMA
from polymath.experiment.stage_versions import PRETRAINING
from polymath.tokenization.special_tokens import SpecialTokens
from polymath.tokenization.task_data import Task, read_task
from polymath.tokenization.tokenizers import load_tokenizer
from polymath.training.acceleration.cuda_graphs import Lane
from polymath.training.acceleration.prepare import take_shortcuts
from polymath.training.checkpoints import Checkpoint, CheckpointStore, trained_alone
from polymath.training.devices import (
    claimed_device,
    device_name,
    resolve_precision,
    set_up_process,
)
from polymath.training.encode import EncodedTask, encode_task
from polymath.training.finetune import REPORT_SECONDS
from polymath.training.job import Execution, PretrainingJob
from polymath.training.loop import Run, train
from polymath.training.masked_lm import (
    MaskedScore,
    build_masked_model,
    compact_vocabulary,
    make_masking,
    mask_token,
    masked_loss,
    restore_vocabulary,
)
from polymath.training.signals import noticed_signals
from polymath.util.errors import PolymathError, PreemptedError
from polymath.util.machine import describe_machine
from polymath.util.seeds import derive_seed
from polymath.util.storage import digest_of, read_table, write_table

FOLDER = ".pretraining"
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
        PreemptedError: if a signal asked to leave; the next call goes on from there.
    """
    set_up_process(execution.threads)
    with (
        trained_alone(manifest.parent / FOLDER, log),
        claimed_device(log, execution.conditions_per_gpu) as device,
        noticed_signals() as asked_to_leave,
    ):
        precision = resolve_precision(job.source.recipe.precision, device)
        base = Manifest.read(job.base)
        digest = _digest(job, base, precision)
        folder = manifest.parent / FOLDER / digest
        if not (folder / "curve.parquet").is_file():
            one = _Pretraining(job, base, device, precision, log)
            checkpoints = CheckpointStore(folder.parent, digest)
            _drive(one.run, checkpoints, execution, asked_to_leave, log)
            _keep(one, folder)
            checkpoints.clear()
        else:
            log("already trained")
    files = [manifest.parent / name for name in FILES]
    for path in files:
        shutil.copyfile(folder / path.name, path)
    shutil.copyfile(folder / "curve.parquet", curve)
    described = {**job.source.model_dump(mode="json"), "code_version": PRETRAINING}
    Manifest.of(manifest, described, files).write()


def _digest(job: PretrainingJob, base: Manifest, precision: str) -> str:
    """Return a digest of everything that determines the model."""
    tokens = _without_test(read_task(job.tokens)).rows
    return digest_of(
        {
            "code_version": PRETRAINING,
            "source": job.source.model_dump(mode="json", exclude_defaults=True),
            "precision": precision,
            "seed": job.seed,
            "tokens": digest_of(tokens.to_json()),
            "mapping": _mapping(job).tolist(),
            "base": base.sha256,
        }
    )


def _without_test(task: Task) -> Task:
    """Return a task whose test rows nobody can look at."""
    rows = task.rows[task.rows["split"] != "test"].reset_index(drop=True)
    return Task(rows, task.metadata)


def _mapping(job: PretrainingJob) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the token id of each symbol id, by the first replicate's mapping."""
    table = read_table(job.vocabulary)
    first = table[table["replicate"] == 0].sort_values("symbol_id")
    return first["token_id"].to_numpy(dtype=np.int64)


class _Pretraining:
    """The model, its data as it reads them, and its run."""

    def __init__(
        self,
        job: PretrainingJob,
        base: Manifest,
        device: str,
        precision: str,
        log: Callable[[str], None],
    ) -> None:
        recipe = job.source.recipe
        self.job, self.base = job, base
        self.seeds = {
            name: derive_seed(job.seed, name) for name in ("init", "order", "dropout", "mask")
        }
        task = _without_test(read_task(job.tokens))
        tokenizer = load_tokenizer(base.locate("tokenizer.json"))
        special_tokens, mask = (
            SpecialTokens.of(tokenizer, "ids2" in task.rows),
            mask_token(tokenizer),
        )
        lane = Lane(device)
        self.model = self.build()
        self.data: EncodedTask = encode_task(
            task,
            self.model,
            _mapping(job),
            special_tokens,
            1.0,
            0,
            compact_vocabulary,
            frozenset({mask}),
        )
        special = {
            mask,
            self.model.config.pad_token_id,
            *(token for side in special_tokens.ids for token in side),
        }
        masking = make_masking(self.data.tokens, special, mask, recipe.masked, device)
        with lane.entered():
            self.model.to(device)
            take_shortcuts(self.model, precision)
            score = MaskedScore(self.model, self.data.dev, masking, precision, self.seeds["mask"])
            self.run = Run(
                self.model, self.data.train, recipe, self.seeds["order"], self.seeds["dropout"],
                lane, precision, score, masked_loss(masking),
            )  # fmt: skip
        self.provenance = {
            "precision": precision,
            "device": device_name(device),
            "metric": "masked_accuracy",
            "machine": describe_machine(),
            "truncated": self.data.truncated,
        }
        log(
            f"{len(self.data.train)} training rows, {len(masking.symbols)} symbols, "
            f"{self.run.steps} steps of {recipe.batch_size}, "
            f"{self.model.num_parameters() / 1e6:.1f} M parameters, {precision} on "
            f"{device_name(device)}"
        )

    def build(self) -> PreTrainedModel:
        """Return the model as it is before training, whole, on the CPU."""
        source = self.job.source
        folder = self.base.locate("config.json").parent
        return build_masked_model(folder, source.init, self.seeds["init"], source.recipe.dropout)


def _drive(
    run: Run,
    checkpoints: CheckpointStore,
    execution: Execution,
    asked_to_leave: Callable[[], str | None],
    log: Callable[[str], None],
) -> None:
    """Train to the end, saying where it is and saving now and then."""
    saved = checkpoints.load(log)
    if saved:
        run.restore(saved.tensors, saved.step, saved.curve, saved.seconds)
        log(f"goes on after step {saved.step}")
    first, begun = run.step, time.monotonic()
    reported = kept = begun
    for _ in train([run]):
        now = time.monotonic()
        if now - reported > REPORT_SECONDS or run.ended:
            left = (now - begun) / max(1, run.step - first) * (run.steps - run.step)
            score = f"{run.curve[-1].dev_score:.3f}" if run.curve else "–"
            log(
                f"step {run.step} of {run.steps}  loss {run.check():.3f}  masked accuracy {score}  "
                f"ends about {datetime.now() + timedelta(seconds=left):%H:%M:%S}"
            )
            reported = now
        leaving = asked_to_leave()
        if (leaving or now - kept > execution.checkpoint_seconds) and not run.ended:
            run.check()
            if not run.ended:
                checkpoints.save(Checkpoint(run.step, run.curve, run.seconds, run.state()))
            kept = now
        if leaving and not run.ended:
            raise PreemptedError(
                f"asked to leave by {leaving}: saved after step {run.step}; the next attempt goes "
                "on from there"
            )
    if run.divergence:
        raise PolymathError(
            f"pre-training diverged at step {run.divergence.step} of {run.steps}: lower its "
            "learning_rate, set a clip_norm, or use precision: fp32"
        )


def _keep(one: _Pretraining, folder: Path) -> None:
    """Write the whole model, its tokenizer and, last, its curve."""
    unfinished = folder.with_suffix(".unfinished")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    whole = one.build()
    restore_vocabulary(whole, one.model, one.data.tokens)
    whole.save_pretrained(unfinished)
    shutil.copyfile(one.base.locate("tokenizer.json"), unfinished / "tokenizer.json")
    curve = pd.DataFrame([asdict(point) for point in one.run.curve]).assign(replicate=0)
    write_table(curve, unfinished / "curve.parquet", CURVE_SCHEMA, one.provenance)
    unfinished.rename(folder)
