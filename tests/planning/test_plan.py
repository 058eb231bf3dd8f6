"""Estimates before anything is spent: against torch's own count of operations."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import torch
from snakemake.utils import update_config
from torch.utils.flop_counter import FlopCounterMode

from polymath.data.fetch.manifest import Manifest
from polymath.experiment.config_files import merge_configs, read_config
from polymath.experiment.models import ModelSize
from polymath.experiment.recipes import Recipe
from polymath.experiment.requests import Requests
from polymath.models.build import build_classifier
from polymath.planning.cost import count_parameters, count_runs, forward_flops
from polymath.planning.plan import (
    Speed,
    benchmark_speed,
    describe_plan,
    makespan,
    measured_processor,
)
from polymath.tokenization.tokenize import token_schema
from polymath.util.errors import PolymathError
from polymath.util.identity import describe
from polymath.util.storage import made_from, write_table
from support import ROOT
from support.plans import (
    CONFIG,
    DATASET,
    MINILM,
    OF_UNKNOWN_SIZE,
    finish,
    plan_of,
    run_command,
)
from support.workspace import tiny_config, write_config

Checkpoint = Callable[[str], Path]
SMALL = ModelSize(layers=2, width=32, intermediate=64, vocabulary=207)


@pytest.mark.parametrize(("rows", "length"), [(4, 16), (2, 60)])
def test_forward_flops_are_torchs(rows: int, length: int, checkpoint: Checkpoint) -> None:
    model = build_classifier(checkpoint("bert"), "scratch", 2, 0, 0.0).eval()
    model.set_attn_implementation("eager")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(input_ids=torch.full((rows, length), 9))
    counted = counter.get_total_flops() - rows * 2 * (32 * 32 + 32 * 2)  # pooler and head
    assert rows * forward_flops(SMALL, length) == pytest.approx(counted, rel=1e-9)


def test_parameters_of_a_known_model() -> None:
    assert count_parameters(MINILM) == pytest.approx(22_713_216, rel=0.02)


@pytest.mark.parametrize(
    ("rate", "trials", "runs"), [(0.1, 3, 3), ((0.1, 0.2), 3, 9), ((0.1, 0.2), 1, 5),
                                 ((0.1, 0.2, 0.3), 2, 9)],
)  # fmt: skip
def test_runs_of_a_condition(rate: Any, trials: int, runs: int) -> None:
    recipe = Recipe(learning_rate=rate, rate_replicates=trials, batch_size=1, steps=1)
    assert count_runs(recipe, 3) == runs


def test_a_conditions_cost_is_its_steps_and_scores(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    cost = plan.cost(plan.conditions[0])
    sequences = 3 * 50 * 16 + 100 * (5 + 2) + 300
    assert cost.runs == 2
    assert cost.flops == pytest.approx(2 * forward_flops(MINILM, 64) * sequences)


def test_prepared_data_counts_more_than_the_catalogue(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    rows = pd.DataFrame({"split": ["train"] * 6 + ["dev"] * 2 + ["test"], "length": 10,
                         "id": "a", "item": "a", "window": 0, "label": "x",
                         "ids": [[0]] * 9})  # fmt: skip
    path = tmp_path / "results/tokens/task=odd/tokenizer=own/tokens.parquet"
    write_table(rows, path, token_schema("classification"), {"labels": ["x", "y", "z"]})
    found = plan.task_size("odd", "minilm-l6", "random")
    assert found is not None
    assert (found.train, found.dev, found.test, found.tokens, found.outputs) == (6, 2, 1, 12, 3)


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, datasets={"odd": OF_UNKNOWN_SIZE})
    lines = list(describe_plan(plan, Speed(1e9, "x")))
    assert lines[0] == "2 conditions, 0 of them done; 4 runs to train"
    assert any(line.startswith("2 of these are not counted") for line in lines)


def test_a_finished_condition_costs_nothing_more(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    finish(plan, plan.conditions[0])
    assert [plan.is_done(condition) for condition in plan.conditions] == [True, False]
    more = plan_of(tmp_path, replicates=3)
    assert not any(more.is_done(condition) for condition in more.conditions)


def test_a_made_model_has_its_bases_size_with_changes(tmp_path: Path) -> None:
    source = {"kind": "configured", "base": "minilm-l6", "config": {"num_hidden_layers": 2}}
    plan = plan_of(tmp_path, models=["mine"], initialisations=["scratch"],
                   checkpoints={"mine": {"source": source}})  # fmt: skip
    assert plan.model_size("mine") == MINILM.model_copy(update={"layers": 2})


def test_weights_of_a_configured_model_are_downloaded(tmp_path: Path) -> None:
    source = {"kind": "configured", "base": "minilm-l6"}
    weights = {"kind": "hub", "repo": "a/b", "files": ["model.safetensors"]}
    for own, lines in ((None, []), (weights, ["mine: hub a/b"])):
        models = {"mine": {"source": {**source, "weights": own}}}
        plan = plan_of(tmp_path, models=["mine"], initialisations=["scratch"],
                       checkpoints=models)  # fmt: skip
        assert [line for line in plan.downloads() if line.startswith("mine")] == lines


def test_pretraining_is_counted_until_it_is_done(tmp_path: Path) -> None:
    recipe = {"learning_rate": 1e-3, "batch_size": 8, "steps": 20, "evaluations": 4}
    source = {"kind": "pretrain", "task": "odd", "base": "minilm-l6", "recipe": recipe}
    changes: dict[str, Any] = {"models": ["mine"], "checkpoints": {"mine": {"source": source}}}
    plan = plan_of(tmp_path, **changes)
    (cost,) = plan.pretraining()
    assert cost.flops == pytest.approx(forward_flops(MINILM, 64) * (3 * 20 * 8 + 100 * 5))
    lines = list(describe_plan(plan, Speed(1e9, "x")))
    assert "and 1 model to pre-train" in lines[0]
    run = plan.cost(plan.conditions[0])
    assert cost.flops is not None
    assert run.flops is not None
    share = cost.flops * run.runs / run.flops
    steps = round(50 * (1 + share))
    (line,) = [line for line in lines if line.startswith("pre-training of mine, in runs of")]
    assert f"odd {share:.1f} (both together: {steps} steps)" in line
    requests = Requests(plan.experiment).all(plan.conditions)
    manifest = tmp_path / "results/models/mine/manifest.json"
    (asked,) = [request.asked for request in requests if request.path == manifest]
    with made_from(describe(asked, {})):
        Manifest.of(manifest, {}, []).write()
    assert list(plan_of(tmp_path, **changes).pretraining()) == []
    recipe["steps"] = 30
    assert len(list(plan_of(tmp_path, **changes).pretraining())) == 1


def test_a_condition_is_done_only_as_it_is_asked_for(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    path = finish(plan, plan.conditions[0])
    for changes, reason in (
        ({"seed": 9}, "seed is 0, not 9"),
        ({"recipes": {"short": {**CONFIG["recipes"]["short"], "steps": 3}}}, "steps is 50, not 3"),
        ({"datasets": {"odd": {**DATASET, "metric": "mcc"}}}, "metric is default, not mcc"),
    ):
        other = plan_of(tmp_path, **changes)
        assert not other.is_done(other.conditions[0])
        assert other.stale[path].endswith(reason)
    path.write_bytes(path.read_bytes()[:-9])
    assert plan_of(tmp_path).stale[path].startswith("damaged")


def test_what_is_made_from_stale_results_is_stale(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    finish(plan, plan.conditions[0])
    tokens = plan.paths.tokens("odd", "own")
    write_table(pd.DataFrame(columns=["id"]), tokens, pa.schema([("id", pa.string())]), {})
    assert not plan.is_done(plan.conditions[0])
    assert set(plan.stale) == {tokens, plan.paths.predictions(plan.conditions[0])}


def test_the_speed_is_the_benchmarks() -> None:
    speed = benchmark_speed("cpu-2-cores", ROOT / "resources/benchmarks")
    assert 1e10 < speed.flops < 1e13
    with pytest.raises(PolymathError, match=r"no measurement of 'cpu-2-core' .* 'cpu-2-cores'"):
        benchmark_speed("cpu-2-core", ROOT / "resources/benchmarks")


def test_pretraining_is_told_beside_runs_on_each_fraction_with_that_of_its_base(
    tmp_path: Path,
) -> None:
    recipe = {"learning_rate": 1e-3, "batch_size": 8, "steps": 400, "evaluations": 4}
    source = {"kind": "pretrain", "task": "odd", "base": "minilm-l6", "recipe": recipe}
    after = {**source, "base": "first", "init": "pretrained"}
    fine_tuning = {"tiny": {"learning_rate": 1e-3, "batch_size": 8, "epochs": 2}}
    checkpoints = {"first": {"source": source}, "then": {"source": after}}
    plan = plan_of(tmp_path, models=["first", "then"], fractions=[0.1, 1],
                   checkpoints=checkpoints, recipes=fine_tuning)  # fmt: skip
    lines = [line for line in describe_plan(plan, Speed(1e9, "x")) if "in runs of" in line]
    assert [re.sub(": .*", "", line) for line in lines] == [
        f"pre-training of {model}, in runs of recipe tiny{part}"
        for model in ("first", "then") for part in (" on 0.1 of the data", "")
    ]  # fmt: skip
    shares = [float(re.findall(r"odd ([\d.]+) ", line)[0]) for line in lines]
    assert shares[2:] == pytest.approx([2 * share for share in shares[:2]], abs=0.11)
    assert shares[0] > 2 * shares[1]  # runs on less data are shorter, but score as many items


@pytest.mark.parametrize(
    ("flags", "name"),
    [("flags : fpu avx2 amx_bf16 amx_tile", "cpu-2-cores-amx"), ("flags : avx512_bf16", ""),
     ("", "")],
)  # fmt: skip
def test_the_measurement_is_of_the_processors_kind(flags: str, name: str, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"model name : Some CPU\n{flags}\n")
    measured = measured_processor(cpuinfo)
    assert measured == (name or "cpu-2-cores")
    assert benchmark_speed(measured, ROOT / "resources/benchmarks").flops > 1e10


def test_configurations_are_merged_as_snakemake_does() -> None:
    first = {"a": 1, "b": {"c": [1], "d": 2}, "e": {"f": 1}}
    then = {"b": {"c": [2], "g": {"h": 1}}, "e": 5, "i": {"j": 1}}
    expected = {"a": 1, "b": {"c": [1], "d": 2}, "e": {"f": 1}}
    update_config(expected, then)
    assert merge_configs(first, then) == expected
    assert first == {"a": 1, "b": {"c": [1], "d": 2}, "e": {"f": 1}}


def test_an_unreadable_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(PolymathError, match=r"list.yaml: the top level must be keys and values"):
        read_config(tmp_path / "list.yaml")
    with pytest.raises(PolymathError, match=r"absent.yaml: cannot be read"):
        read_config(tmp_path / "absent.yaml")


def test_the_command_prints_the_default_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    run_command(monkeypatch, "plan", "--device", "cpu-2-cores")
    printed = capsys.readouterr().out
    assert printed.startswith("12 conditions, ")
    assert "sources to download" in printed


def test_the_command_names_all_missing_files_and_plans_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny_config(tmp_path, tmp_path / "no-checkpoint")
    (tmp_path / "own data.csv").unlink()
    file = write_config(config, tmp_path / "mine.yaml")
    monkeypatch.chdir(tmp_path)
    run_command(monkeypatch, "plan", "--configfile", str(file), "--replace-workflow-config")
    first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("missing: datasets.odd: source path 'own data.csv' does not exist")
    assert second.startswith("missing: checkpoints.small: ")
    assert third.startswith("2 conditions, ")


def test_the_command_ends_with_the_message_of_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.yaml").write_text("replicate: 3\n")
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="replicate: unknown key: did you mean 'replicates'"):
        run_command(monkeypatch, "plan", "--configfile", str(tmp_path / "bad.yaml"))


@pytest.mark.parametrize(
    ("costs", "devices", "expected"),
    [
        ([3.0, 1.0, 2.0], 1, 6.0),
        ([3.0, 1.0, 2.0], 2, 3.0),
        ([5.0, 1.0, 1.0, 1.0], 4, 5.0),  # one long job is not divided
        ([3.0, 3.0, 2.0, 2.0, 2.0], 2, 7.0),  # Graham's example: the shortest there is takes 6
        ([1.0], 64, 1.0),
    ],
)
def test_devices_take_the_costliest_job_that_is_left(
    costs: list[float], devices: int, expected: float
) -> None:
    assert makespan(costs, devices) == expected


@pytest.mark.parametrize(
    ("changes", "table"),
    [
        ({"recipes": {"r": {**CONFIG["recipes"]["short"], "learning_rate": [1e-3, 1e-2]}}},
         "rates"),
        ({"crossed": {"init": 2}}, "variance"),
        ({"fractions": [0.5, 1]}, "effective_data"),
    ],
)  # fmt: skip
def test_every_table_of_the_evidence_is_compared(
    changes: dict[str, Any], table: str, tmp_path: Path
) -> None:
    plan = plan_of(tmp_path, **changes)
    path = plan.paths.evidence(table)
    assert path in {request.path for request in Requests(plan.experiment).all(plan.conditions)}
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut")
    assert "damaged" in plan.stale[path]
    other = plan_of(tmp_path / "other")
    names = Requests(other.experiment).tables(other.conditions)
    assert "estimates" in names
    assert table not in names
