"""Probes of real architectures: all of them answer, and agree with slower ways to the answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from polymath.analysis.trainability.run import _UntrainedReplicate, measure_trainability
from polymath.experiment.analyses import Probes
from polymath.training.loop import batch_loss
from polymath.training.replicate import ConditionInputs
from support.families import CLASSIFIERS, Checkpoint, families
from support.jobs import CLASSES, write_job

SETTINGS = Probes(replicates=1, examples=6, gradients=3, batch_size=4, sequences=1, draws=2,
                  iterations=3)  # fmt: skip
NAMES = ["gradient_cosine_mean", "gradient_cosine_min", "jacobian_largest", "jacobian_median",
         "norm_gain_mean", "norm_gain_deviation", "noise_rise", "ascent_rise", "top_eigenvalue",
         "top_eigenvalue_residual"]  # fmt: skip


def probed(
    folder: Path,
    source: Path,
    settings: Probes = SETTINGS,
    init: str = "scratch",
    labels: list[Any] = CLASSES,
) -> "pd.Series[float]":
    job = write_job(folder, source, labels, init=init)
    measure_trainability(job, settings, 1, folder / "probes.parquet", lambda _: None)
    table = pd.read_parquet(folder / "probes.parquet")
    assert (table["init"] == init).all()
    return table.set_index("probe")["value"]


@pytest.mark.parametrize("family", families(CLASSIFIERS))
def test_every_family_answers_every_probe(
    family: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    values = probed(tmp_path, checkpoint(family))
    assert values.index.to_list() == NAMES
    assert np.isfinite(values).all()
    assert -1 <= values["gradient_cosine_min"] <= values["gradient_cosine_mean"] <= 1
    assert values["jacobian_largest"] > values["jacobian_median"] >= 0
    assert values["ascent_rise"] > 0
    assert values["norm_gain_mean"] == 1  # as every family draws it
    assert values["norm_gain_deviation"] == 0


def test_a_regression_task_has_every_probe(checkpoint: Checkpoint, tmp_path: Path) -> None:
    labels = np.random.default_rng(0).normal(size=len(CLASSES)).tolist()
    values = probed(tmp_path, checkpoint("bert"), labels=labels)
    assert values.index.to_list() == NAMES
    assert np.isfinite(values).all()


def test_the_same_job_gives_the_same_bytes_and_dropout_is_off(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """The job's recipe drops out 10 %: were it on, the noise would differ."""
    first, second = (tmp_path / name for name in ("first", "second"))
    for folder in (first, second):
        probed(folder, checkpoint("bert"))
    files = [(folder / "probes.parquet").read_bytes() for folder in (first, second)]
    assert files[0] == files[1]


def test_gradients_and_jacobian_are_those_of_plain_autograd(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    inputs = ConditionInputs(write_job(tmp_path, checkpoint("bert"), CLASSES), "cpu")
    subject = _UntrainedReplicate(inputs, 0, SETTINGS)
    found = dict(subject.probes())
    flat = []
    for start in (0, 4, 8):
        subject.model.zero_grad()
        batch_loss(subject.model, subject._batch(start, 4), "fp32").backward()
        flat.append(torch.cat([p.grad.flatten() for p in subject.model.parameters()
                               if p.grad is not None]))  # fmt: skip
    pairs = [torch.cosine_similarity(flat[i], flat[j], dim=0) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found["gradient_cosine_mean"] == pytest.approx(float(sum(pairs)) / 3, abs=1e-5)
    assert found["gradient_cosine_min"] == pytest.approx(float(min(pairs)), abs=1e-5)

    ids = subject._batch(0, 1).ids
    words = subject.model.get_input_embeddings()(ids).detach()

    def encode(x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = subject.model.base_model(inputs_embeds=x).last_hidden_state
        return output[0].mean(dim=0)

    jacobian = torch.autograd.functional.jacobian(encode, words).reshape(32, -1)
    expected = float(torch.linalg.svdvals(jacobian)[0])
    assert found["jacobian_largest"] == pytest.approx(expected, rel=1e-4)


def test_arms_are_probed_on_the_same_rows(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES)
    both = []
    for init in ("scratch", "pretrained"):
        condition = replace(job.condition, init=init)
        subject = _UntrainedReplicate(
            ConditionInputs(replace(job, condition=condition), "cpu"), 0, SETTINGS
        )
        both.append(subject._batch(0, 6))
    assert torch.equal(both[0].ids, both[1].ids)
    assert torch.equal(both[0].targets, both[1].targets)
