"""Which rules go to a cluster's queue, what they ask for there, and what planning imports."""

import multiprocessing
import sys
from dataclasses import dataclass

import pytest

from support import ROOT

QUEUED = {"finetune", "finetune_on_shuffled", "pretrain", "baseline", "compare_representations",
          "probe"}  # fmt: skip
CONDITION = {"task": "splice", "model": "minilm-l6", "init": "scratch", "mapping": "random",
             "fraction": "1", "recipe": "default"}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A rule, as Snakemake reads it."""

    is_local: bool
    retries: int
    resources: set[str]


@dataclass(frozen=True)
class Description:
    """The rules of the default experiment, and what else is known once they are read."""

    rules: dict[str, Rule]
    finetuning: list[dict[str, int]]
    """Memory and time that a condition asks for, by attempt."""
    modules: set[str]
    """Imported modules."""


def describe() -> Description:
    """Read the rules as a run does."""
    from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
    from snakemake.iocontainers import Wildcards

    with SnakemakeApi(OutputSettings()) as api:
        read = api.workflow(ResourceSettings(cores=1), snakefile=ROOT / "Snakefile", workdir=ROOT)
        workflow = read._workflow
        asked = workflow.get_rule("finetune").resources
        rules = {
            rule.name: Rule(
                is_local=rule.name in workflow._localrules,
                retries=rule._restart_times,
                resources={name for name in rule.resources if not name.startswith("_")},
            )
            for rule in workflow.rules
        }
        finetuning = [
            {
                name: asked[name].evaluate(Wildcards(fromdict=CONDITION), attempt=attempt).value
                for name in ("mem_mb", "runtime")
            }
            for attempt in (1, 2)
        ]
    return Description(rules, finetuning, {*sys.modules})


@pytest.fixture(scope="module")
def description() -> Description:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(describe)


def test_only_what_takes_long_goes_to_the_queue(description: Description) -> None:
    """A rule that is added without a thought would be a job of its own on a cluster."""
    assert {name for name, rule in description.rules.items() if not rule.is_local} == QUEUED


def test_what_takes_a_gpu_asks_for_memory_and_time_and_for_more_when_tried_again(
    description: Description,
) -> None:
    on_gpu = {name for name, rule in description.rules.items() if "gpu" in rule.resources}
    assert on_gpu == QUEUED - {"baseline"}
    for name in on_gpu:
        assert {"mem_mb", "runtime"} <= description.rules[name].resources
        assert description.rules[name].retries == 2
    first, second = description.finetuning
    assert second == {name: 2 * value for name, value in first.items()}


def test_planning_imports_neither_torch_nor_transformers(description: Description) -> None:
    assert "polymath.experiment.config" in description.modules
    assert not description.modules & {"torch", "transformers"}
