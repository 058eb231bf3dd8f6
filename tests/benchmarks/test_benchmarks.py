"""Each benchmark runs, small, and keeps the figures that it prints."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import ablation
import checks
import executed
import kills
import numpy as np
import off_centre
import pytest
from command import measure_in_process

import training
from polymath.experiment.models import ModelSize
from polymath.planning.cost import TRAINING_PASSES, forward_flops
from polymath.util.machine import describe_machine
from polymath.util.storage import read_json, write_json
from support import ROOT
from support.forked import forking, run_script
from support.workspace import Workspace

pytestmark = pytest.mark.full
SHAPE = "4x32"  # sequences of a batch, tokens of a sequence


def run_benchmark(name: str, folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Return the figures that a benchmark keeps, and what it prints."""
    figures = folder / "figures.json"
    script = ROOT / f"tests/benchmarks/{name}.py"
    result = run_script(script, *options, "--json", str(figures), folder=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    return read_json(figures), result.stdout


def measure_in_fork(script: str, *words: str) -> Any:
    """Return what a benchmark measures in a process, from one that has imported torch."""
    result = run_script(script, "--measure", *words, folder=ROOT)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


Run = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a benchmark here, and what it measures in processes in forks."""

    def run(benchmark: ModuleType, *options: str) -> tuple[dict[str, Any], str]:
        figures = tmp_path / "figures.json"
        monkeypatch.setattr(benchmark, "measure_in_process", measure_in_fork)
        monkeypatch.setattr(sys, "argv", [str(benchmark), *options, "--json", str(figures)])
        benchmark.main()
        return read_json(figures), capsys.readouterr().out

    return run


def test_a_measurement_is_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, sys; print('noise'); print([os.getpid(), len(sys.argv)])")
    pid, words = measure_in_process(str(script), "gemm")
    assert pid != os.getpid()
    assert words == 3
    script.write_text("raise SystemExit('no such matrix')")
    with pytest.raises(SystemExit, match=r"gemm.*\n.*no such matrix"):
        measure_in_process(str(script), "gemm")


def test_the_simulation_of_coverage(tmp_path: Path) -> None:
    figures, printed = run_benchmark("coverage", tmp_path, "--simulations", "4")
    assert "| failing | 3 |" in printed
    assert [len(figures[part]) for part in ("rule", "intervals", "items", "speed")] == [
        20, 20, 16, 24,
    ]  # fmt: skip


def test_a_rate_chosen_by_others_is_unbiased(tmp_path: Path) -> None:
    figures, printed = run_benchmark("rate_choice", tmp_path, "--simulations", "4000")
    row = next(row for row in figures["rows"] if row["rates"] == 5 and row["n"] == 8)
    assert row["reported"]["false"] > 0.06
    assert abs(row["own"]["bias"]) < 0.03
    assert row["own"]["false"] < 0.04
    assert f"| 5 | 8 | {row['reported']['bias']:.3f} |" in printed


def test_the_benchmark_of_scale_measures_every_part(tmp_path: Path) -> None:
    figures, printed = run_benchmark("scale", tmp_path, "--small")
    costs = figures["costs"]
    assert len(costs) == 8
    assert costs["dry run, 20 conditions"]["jobs"] > 20
    assert all(cost["seconds"] > 0 and cost["megabytes"] > 10 for cost in costs.values())
    ratio = costs["dry run, 20 conditions"]["seconds"]
    ratio /= costs["dry run, a bare Snakefile"]["seconds"]
    assert figures["ratio_vs_bare"] == pytest.approx(ratio)
    assert "| 64 |" in printed


def test_the_ablation_measures_every_piece(run_here: Run) -> None:
    figures, printed = run_here(ablation, "--shapes", SHAPE, "--rounds", "1")
    assert f"{figures['precision']}, dropout 0.1, torch {figures['torch']}, 1 rounds" in printed
    gains = figures["gains"][SHAPE]
    share = gains.pop("matrix products alone, share of the step")
    assert 0 < share < 1
    assert f"share of the step | {share:.0%} |" in printed
    assert gains["everything on"] == 0
    assert all(f"| {piece} | {gain:+.1%} |" in printed for piece, gain in gains.items())


def test_grouping_near_duplicates_beats_comparing_all_pairs(tmp_path: Path) -> None:
    figures, printed = run_benchmark("similarity", tmp_path, "--sequences", "2000")
    assert figures["biopython"]["seconds"] > 10 * figures["identity"]["seconds"]
    assert figures["containment"]["groups"] > figures["identity"]["groups"] > 100
    assert "PairwiseAligner" in printed


def test_the_training_benchmark_counts_operations_and_ratios(run_here: Run) -> None:
    figures, printed = run_here(training, "--shapes", SHAPE, "--turns", "1")
    rates = {scheme: rate[SHAPE] for scheme, rate in figures["examples_per_second"].items()}
    for rival in ("trainer", "authors"):
        assert figures[f"ratio_vs_{rival}"][SHAPE] == rates["polymath"] / rates[rival]
    # Other work may slow what the share is of; the operations behind it are the formula's, with
    # little left of the last of six layers.
    counted = figures["fraction_of_peak"][SHAPE] * figures["gemm_flops"] / rates["polymath"]
    small = ModelSize(layers=6, width=384, intermediate=1536, vocabulary=30522)
    whole = TRAINING_PASSES * forward_flops(small, 32)
    assert 5 / 6 * whole < counted < whole
    assert figures["start_up_seconds"] > 0
    machine = describe_machine()
    recorded = (figures["processor"], figures["instructions"])
    assert recorded == (machine["processor"], machine["instructions"])
    assert f"({machine['processor']}" in printed
    assert f"| {SHAPE} |" in printed


def test_a_run_killed_once_ends_with_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    command = Workspace.command
    monkeypatch.setattr(Workspace, "command", lambda *words: forking(command(*words))[0])
    monkeypatch.setenv("PYTHONPATH", forking([])[1]["PYTHONPATH"])
    figures = kills.measure(1)
    printed = kills.to_table(figures)
    assert (figures["kills"], figures["ends"], figures["differing"]) == (1, 1, [])
    # Predictions and curves of the condition, and predictions of each replicate.
    assert figures["files"] == 4
    assert printed.startswith("1 kills of the whole process group")


def test_conditions_are_executed_scored_and_then_finished(tmp_path: Path) -> None:
    figures = executed.measure(tmp_path, conditions=2, cores=2, forked=True)
    printed = executed.to_table(figures)
    assert figures["conditions"] == 2
    assert all(
        cost["sessions"] == 1 and cost["seconds"] > 0 and cost["cpu_seconds"] > 0
        for cost in figures["parts"].values()
    )
    assert figures["kept"]["results"]["files"] > 50
    assert printed.startswith("| 2 conditions |")


def test_the_cost_of_checks_is_of_a_run_that_is_as_asked_for(
    finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.folder)
    figures = checks.measure(Path("results"), Path("experiment.yaml"))
    assert len(figures["checks"]) == 5
    total, training = sum(figures["checks"].values()), figures["training_cpu_seconds"]
    assert 0 < total < training
    assert f"{total / training:.2%}" in checks.to_table(figures)
    changed = read_json(Path("experiment.yaml"))
    changed["recipes"]["tiny"]["steps"] = 3
    write_json(changed, tmp_path / "changed.yaml")
    with pytest.raises(SystemExit, match="not results of this configuration"):
        checks.measure(Path("results"), tmp_path / "changed.yaml")


def test_the_best_threshold_is_the_one_nearest_to_the_middle() -> None:
    targets, margins = np.array([0.0, 0, 1, 1]), np.array([-3.0, -2, -1, 4])
    assert off_centre.best_threshold(targets, margins) == -1.5
    assert off_centre.best_threshold(targets, margins + 1.8) == 0


def test_batches_of_both_classes_have_as_many_rows_of_each() -> None:
    targets = np.array([0.0] * 30 + [1.0] * 9)
    rows = next(off_centre.alternate_classes(targets, 8, 0))
    assert len(set(rows)) == 8
    assert targets[rows].sum() == 4
