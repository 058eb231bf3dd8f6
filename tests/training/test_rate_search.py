"""Rates chosen on dev, and seeds that vary one stream at a time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.scores import score_condition
from polymath.evaluation.tables import CURVE_SCHEMA
from polymath.experiment.recipes import Recipe
from polymath.training.loop import Divergence
from polymath.training.rate_search import Trial, choose_rate, summarise_trial
from polymath.training.replicate_store import ReplicateResult
from polymath.training.resumable import ResumableRun, Session
from polymath.util.seeds import VARIED, derive_seed, seed_levels
from polymath.util.storage import read_metadata, read_table
from support.families import Checkpoint
from support.jobs import CLASSES, outputs_in, predictions_of, run_job, write_job


def trials_of(**scores: tuple[float | None, ...]) -> dict[float, Trial]:
    """Trials by rate; `r3=` stands for 1e-3."""
    rates = {name: 10.0 ** -int(name[1:]) for name in scores}
    return {rates[name]: Trial(rates[name], values) for name, values in scores.items()}


def test_the_best_mean_on_dev_is_chosen() -> None:
    assert choose_rate(trials_of(r3=(0.7, 0.9), r4=(0.8, 0.85), r5=(0.9, 0.6))) == 1e-4


def test_of_equal_rates_the_lowest_is_chosen() -> None:
    assert choose_rate(trials_of(r3=(0.8,), r5=(0.8,), r4=(0.8,))) == 1e-5


def test_a_rate_that_diverged_is_chosen_only_if_all_did() -> None:
    assert choose_rate(trials_of(r3=(0.99, None), r4=(0.5, 0.5))) == 1e-4
    assert choose_rate(trials_of(r3=(None, None), r4=(0.9, None))) == 1e-4
    assert choose_rate(trials_of(r3=(None,), r4=(None,))) == 1e-4


def test_a_trial_takes_the_last_dev_score_and_none_of_a_divergence() -> None:
    curve = pd.DataFrame({name: [0, 1] for name in CURVE_SCHEMA.names})
    curve["dev_score"] = [0.9, 0.4]
    empty = pd.DataFrame()
    results = [
        ReplicateResult(empty, curve, None),
        ReplicateResult(empty, curve, Divergence(2, 0.9)),
    ]
    assert summarise_trial(0.1, results) == Trial(0.1, (0.4, None))


def test_a_condition_reports_the_rate_that_is_best_on_dev_and_no_other(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    rates = (1e-7, 3e-3)
    recipe = {"learning_rate": rates, "steps": 30}
    several = write_job(tmp_path / "several", checkpoint("bert"), CLASSES, recipe=recipe)
    run_job(several, tmp_path / "several")
    metadata = read_metadata(outputs_in(tmp_path / "several").predictions)
    trials = {one["learning_rate"]: one["dev_scores"] for one in metadata["rate_trials"]}
    assert set(trials) == set(rates)
    best = max(rates, key=lambda rate: (np.mean(trials[rate]), -rate))
    assert metadata["learning_rate"] == best
    alone = write_job(tmp_path / "alone", checkpoint("bert"), CLASSES,
                      recipe={"learning_rate": best, "steps": 30})  # fmt: skip
    run_job(alone, tmp_path / "alone")
    chosen, expected = (
        read_table(outputs_in(tmp_path / name).predictions) for name in ("several", "alone")
    )
    pd.testing.assert_frame_equal(chosen, expected)


def test_the_rates_can_be_chosen_by_fewer_replicates(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    recipe = {"learning_rate": (1e-3, 3e-3), "rate_replicates": 1}
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe=recipe, replicates=3)
    said = run_job(job, tmp_path)
    assert sum("training rows" in line for line in said) == 2 + 3
    metadata = read_metadata(outputs_in(tmp_path).predictions)
    assert [len(trial["dev_scores"]) for trial in metadata["rate_trials"]] == [1, 1]
    assert any(line.startswith("learning rate") and "best on dev" in line for line in said)


def test_trials_are_counted_up_and_all_that_is_to_come_is_expected(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = []
    train = Session.train

    def record(
        self: Session, runs: list[ResumableRun], label: str, waiting: int, **rest: Any
    ) -> None:
        expected.append((label, waiting))
        train(self, runs, label, waiting, **rest)

    monkeypatch.setattr(Session, "train", record)
    recipe = {"learning_rate": (1e-3, 3e-3), "rate_replicates": 2}
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe=recipe, replicates=2)
    run_job(job, tmp_path)
    trials = ["trial 1 of 2", "trial 2 of 2"]
    names = [*trials, *trials, "replicate 1 of 2", "replicate 2 of 2"]
    assert expected == list(zip(names, range(5, -1, -1), strict=True))


def test_one_more_rate_trains_only_its_own_trials(tmp_path: Path, checkpoint: Checkpoint) -> None:
    rates = (1e-7, 3e-3)
    for tried in (rates, (*rates, 1e-8)):
        recipe = {"learning_rate": tried, "rate_replicates": 2, "steps": 30}
        job = write_job(tmp_path, checkpoint("bert"), CLASSES, recipe=recipe, replicates=1)
        lines = run_job(job, tmp_path)
    trials = [line for line in lines if line.startswith("trial ")]
    assert sum("already finished" in line for line in trials) == 2 * 2
    assert sum("training rows" in line for line in trials) == 2


def test_the_replicates_that_choose_a_rate_have_seeds_of_their_own() -> None:
    reported = {derive_seed(1, stream, seed_levels(r, {})[stream])
                for stream in VARIED for r in range(50)}  # fmt: skip
    choosing = {derive_seed(1, stream, seed_levels(-r, {"init": 3})[stream])
                for stream in VARIED for r in range(1, 50)}  # fmt: skip
    assert len(choosing) == 49 * len(VARIED)
    assert not reported & choosing


def test_recipes_say_what_is_wrong_with_their_rates() -> None:
    with pytest.raises(ValueError, match="'learning_rate' names a rate twice"):
        Recipe(learning_rate=(0.1, 0.1), batch_size=1, steps=1)


# A crossed design.


def test_without_a_design_every_stream_follows_the_replicate() -> None:
    assert seed_levels(4, {}) == dict.fromkeys(VARIED, 4)


def test_a_crossed_design_combines_every_level_once() -> None:
    crossed = {"init": 3, "mapping": 2, "order": 2}
    levels = [seed_levels(replicate, crossed) for replicate in range(12)]
    seen = {(one["init"], one["mapping"], one["order"]) for one in levels}
    assert len(seen) == 12
    assert all(one["dropout"] == one["subset"] == 0 for one in levels)


def test_the_order_of_the_keys_changes_nothing() -> None:
    one, other = {"init": 3, "mapping": 2}, {"mapping": 2, "init": 3}
    assert [seed_levels(r, one) for r in range(6)] == [seed_levels(r, other) for r in range(6)]


def test_a_stream_varied_alone_changes_only_itself(tmp_path: Path, checkpoint: Checkpoint) -> None:
    job = write_job(tmp_path, checkpoint("bert"), CLASSES, crossed={"init": 2}, replicates=2)
    run_job(job, tmp_path)
    scores = score_condition(outputs_in(tmp_path).predictions, "accuracy")
    assert set(scores["init_seed"]) == {0, 1}
    assert set(scores["order_seed"]) == set(scores["mapping_seed"]) == {0}
    table = read_table(outputs_in(tmp_path).predictions)
    first, second = (np.stack(part["logits"]) for _, part in table.groupby("replicate"))
    assert not np.allclose(first, second)


def test_a_design_of_one_seed_repeats_the_first_replicate(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    plain = write_job(tmp_path / "plain", checkpoint("bert"), CLASSES, replicates=1)
    fixed = write_job(tmp_path / "fixed", checkpoint("bert"), CLASSES, replicates=1,
                      crossed={"init": 1})  # fmt: skip
    for job, name in ((plain, "plain"), (fixed, "fixed")):
        run_job(job, tmp_path / name)
    first, second = (
        read_table(outputs_in(tmp_path / name).predictions) for name in ("plain", "fixed")
    )
    pd.testing.assert_frame_equal(first, second)
    assert predictions_of(tmp_path / "plain") != b""
    assert json.dumps(read_metadata(outputs_in(tmp_path / "fixed").predictions)["crossed"]) == (
        '{"init": 1}'
    )


def test_levels_give_seeds_that_differ_between_streams() -> None:
    seeds = {derive_seed(1, stream, level) for stream in VARIED for level in range(50)}
    assert len(seeds) == len(VARIED) * 50
