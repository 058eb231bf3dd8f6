"""What jobs ask of a scheduler, from what is known when Snakemake plans."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import read_config
from polymath.experiment.models import ModelSize
from polymath.experiment.representation_studies import find_studies
from polymath.planning import cost
from polymath.util.storage import write_json
from support import ROOT
from support.plans import CONFIG, MINILM, OF_UNKNOWN_SIZE


def estimator(tmp_path: Path, **changes: Any) -> cost.Estimator:
    config = {**CONFIG, "initialisations": ["scratch"], "datasets": {"odd": OF_UNKNOWN_SIZE},
              "results": str(tmp_path), **changes}  # fmt: skip
    return cost.Estimator(load_experiment(config, ROOT / "resources"))


def test_memory_holds_what_the_benchmark_measured() -> None:
    """On the CPU, the whole process with two replicates' worth of libraries in it."""
    measured = json.loads((ROOT / "resources/benchmarks/cpu-2-cores.json").read_text())
    for shape, peak in measured["peak_memory_bytes"]["polymath"].items():
        if shape == "reuters":
            continue
        rows, length = map(int, shape.split("x"))
        asked = cost.BASE_MB * 1e6 + cost.activation_bytes(MINILM, rows, length)
        assert peak < asked < 10 * peak


def test_activations_are_those_of_the_formula() -> None:
    """Table 2 of arXiv 2205.05198: 22 B parameters, 48 layers of width 6144, 64 heads, sequence
    2048; a layer keeps sbh(34 + 5as/h) bytes."""
    size = ModelSize(layers=48, width=6144, intermediate=4 * 6144, vocabulary=51200)
    heads = 6144 / 64  # as the estimate takes them
    a_layer = 2048 * 4 * 6144 * (34 + 5 * heads * 2048 / 6144)
    assert cost.activation_bytes(size, 4, 2048) == pytest.approx(2 * 48 * a_layer)


def test_more_work_takes_more_time_and_a_larger_model_more_memory(tmp_path: Path) -> None:
    (condition,) = expand_conditions(estimator(tmp_path).experiment)
    small = estimator(tmp_path).finetuning(condition)
    recipe = {**CONFIG["recipes"]["short"], "steps": 200_000}
    longer = estimator(tmp_path, recipes={"short": recipe}).finetuning(condition)
    size = {"layers": 24, "width": 1024, "intermediate": 4096, "vocabulary": 30522}
    entry = {"source": {"kind": "path", "path": "x"}, "size": size}
    larger = estimator(tmp_path, checkpoints={"minilm-l6": entry}).finetuning(condition)
    assert cost.START_MINUTES < small.minutes < longer.minutes
    assert longer.mem_mb == small.mem_mb
    assert larger.mem_mb > small.mem_mb + 20 * 250


def test_time_is_that_of_the_operations_at_the_assumed_speed(tmp_path: Path) -> None:
    one = estimator(tmp_path, replicates=4)
    (condition,) = expand_conditions(one.experiment)
    flops = cost.finetuning_flops(
        one.experiment.recipes["short"], 1.0, one.task_size("odd"), MINILM
    )
    seconds = 2 * 4 * flops / 1e13
    assert one.finetuning(condition).minutes == cost.START_MINUTES + -(-seconds // 60)


def test_rows_are_those_of_the_data_card_once_it_is_there(tmp_path: Path) -> None:
    one = estimator(tmp_path)
    assert one.task_size("odd").train == 100_000, "assumed"
    write_json({"splits": {"train": 7, "dev": 2, "test": 1}}, tmp_path / "cards/odd.json")
    rows = one.task_size("odd")
    assert (rows.train, rows.dev, rows.test, rows.tokens) == (7, 2, 1, 64)


def test_a_models_size_is_that_of_its_config_wherever_it_lies(tmp_path: Path) -> None:
    one = estimator(tmp_path, models=["mine"],
                    checkpoints={"mine": {"source": {"kind": "path", "path": "x"}}})  # fmt: skip
    (condition,) = expand_conditions(one.experiment)
    assert one.model_size("mine") is None
    assumed = one.finetuning(condition).mem_mb
    assert assumed > cost.BASE_MB + 20 * cost.count_parameters(cost.ASSUMED_SIZE) / 1e6
    config = {"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16, "vocab_size": 9}
    write_json(config, tmp_path / "own/config.json")
    files = [{"path": str(tmp_path / "own/config.json"), "bytes": 1, "sha256": ""}]
    write_json({"files": files}, tmp_path / "models/mine/manifest.json")
    assert one.model_size("mine") == ModelSize(layers=2, width=8, intermediate=16, vocabulary=9)
    assert one.finetuning(condition).mem_mb < assumed


def kept_similarity(tmp_path: Path, part: str, **changes: Any) -> cost.Estimator:
    """An estimator of the kept experiment on similarity, with something of a part changed.

    It is of two replicates, one of them compared, as its run was that took the time below.
    """
    config = read_config(ROOT / "resources/experiments/similarity.yaml") | {
        "replicates": 2,
        "representations": {"tokens": 10_000, "replicates": 1, "bootstraps": 20},
        "probes": {"replicates": 2},
    }
    config[part] |= changes
    return cost.Estimator(load_experiment({**config, "results": str(tmp_path)}, ROOT / "resources"))


def comparing(tmp_path: Path, **changes: Any) -> cost.Needs:
    one = kept_similarity(tmp_path, "representations", **changes)
    (comparison,) = find_studies(one.experiment, expand_conditions(one.experiment))
    return one.comparing(comparison)


def probing(tmp_path: Path, model: str = "antiberty", **changes: Any) -> cost.Needs:
    one = kept_similarity(tmp_path, "probes", **changes)
    conditions = expand_conditions(one.experiment)
    return one.probing(next(condition for condition in conditions if condition.model == model))


def test_a_comparison_asks_for_more_where_more_is_compared(tmp_path: Path) -> None:
    plain = comparing(tmp_path)
    assert 2 * 42 < plain.minutes < 10 * 2 * 42, "42 minutes before training, on a busy core"
    more = comparing(tmp_path, tokens=40_000)
    states = 3 * 10 * 4 * 20_000 * 512  # three models' nine layers and embeddings
    assert more.mem_mb - plain.mem_mb >= states / 1e6
    assert more.minutes > 1.5 * plain.minutes
    assert comparing(tmp_path, permutations=400).minutes > 2 * plain.minutes
    assert comparing(tmp_path, permutations=400).mem_mb == plain.mem_mb


def test_probes_ask_for_more_where_more_is_probed(tmp_path: Path) -> None:
    plain = probing(tmp_path)
    antiberty = ModelSize(layers=8, width=512, intermediate=2048, vocabulary=25)
    assert probing(tmp_path, gradients=32).mem_mb - plain.mem_mb == pytest.approx(
        3 * 16 * 4 * cost.count_parameters(antiberty) / 1e6, abs=1
    )
    assert probing(tmp_path, examples=320).mem_mb > plain.mem_mb
    assert probing(tmp_path, sequences=400).minutes > plain.minutes
    assert probing(tmp_path, iterations=30_000).minutes > plain.minutes
    assert probing(tmp_path, replicates=9) == plain, "the experiment has two"


def test_every_job_of_the_paper_has_an_estimate_and_it_costs_no_heavy_import() -> None:
    config = read_config(ROOT / "resources/experiments/paper.yaml")
    one = cost.Estimator(load_experiment(config, ROOT / "resources"))
    conditions = [c for c in expand_conditions(one.experiment) if not c.is_baseline]
    needs = [one.finetuning(condition) for condition in conditions]
    assert all(cost.BASE_MB < need.mem_mb < 64_000 for need in needs)
    assert all(need.minutes > cost.START_MINUTES for need in needs)
    for name in one.experiment.models:  # what a constant per model size would ask for
        minutes = [need.minutes for c, need in zip(conditions, needs, strict=True)
                   if c.model == name]  # fmt: skip
        assert max(minutes) > 4 * sum(minutes) / len(minutes)
    asking = cost.Estimator(
        load_experiment({**config, "representations": {}, "probes": {}}, ROOT / "resources")
    )
    comparisons = find_studies(asking.experiment, conditions)
    bounds = [*map(asking.comparing, comparisons), *map(asking.probing, conditions)]
    assert all(cost.BASE_MB < need.mem_mb < 128_000 for need in bounds)
    assert all(need.minutes > cost.START_MINUTES for need in bounds)
    program = "import sys, polymath.planning.cost; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "pandas", "numpy"} & set(loaded)


@pytest.mark.parametrize(
    "config", ['{"hidden_size": 38', "[1]", '{"hidden_size": [4]}', '{"hidden_size": 0}', "\xff"]
)
def test_a_config_of_odd_values_leaves_the_catalogues_size(config: str, tmp_path: Path) -> None:
    folder = tmp_path / "models/minilm-l6"
    write_json({"files": [{"path": "config.json"}]}, folder / "manifest.json")
    (folder / "config.json").write_text(config, encoding="latin-1")
    if config.startswith('{"hidden_size": '):
        rest = {"num_hidden_layers": 6, "intermediate_size": 1536, "vocab_size": 30522}
        text = config[:-1] + ", " + json.dumps(rest)[1:] if config.endswith("}") else config
        (folder / "config.json").write_text(text)
    assert estimator(tmp_path).model_size("minilm-l6") == MINILM


@pytest.mark.parametrize("content", [[1], "x", {"rows": 3}])
def test_a_card_of_odd_values_tells_nothing(content: Any, tmp_path: Path) -> None:
    write_json(content, tmp_path / "cards/odd.json")
    write_json(content, tmp_path / "models/minilm-l6/manifest.json")
    assert estimator(tmp_path).task_size("odd").train == 100_000
    assert estimator(tmp_path).model_size("minilm-l6") == MINILM
