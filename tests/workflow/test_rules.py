"""Which rules go to a cluster's queue, and what they ask for there."""

from pathlib import Path
from typing import Any

import pytest

from support import ROOT
from support.workspace import SERVER

QUEUED = {"finetune", "pretrain", "baseline", "compare_representations", "probe"}
CONDITION = {"task": "splice", "model": "minilm-l6", "init": "scratch", "mapping": "random",
             "fraction": "1", "recipe": "default"}  # fmt: skip


def describe_rules(snakefile: Path, wildcards: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return of each rule where it runs, what it asks for and how often it is tried again."""
    from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
    from snakemake.iocontainers import Wildcards

    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(ResourceSettings(cores=1), snakefile=snakefile, workdir=ROOT)
        workflow = workflow._workflow
        asks = workflow.get_rule("finetune").resources
        attempts = [
            {
                name: asks[name].evaluate(Wildcards(fromdict=wildcards), attempt=attempt).value
                for name in ("mem_mb", "runtime")
            }
            for attempt in (1, 2)
        ]
        return {
            rule.name: {
                "local": rule.name in workflow._localrules,
                "retries": rule._restart_times,
                "resources": {name for name in rule.resources if not name.startswith("_")},
                "attempts": attempts,
            }
            for rule in workflow.rules
        }


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, Any]]:
    """What Snakemake knows of the rules of the default experiment."""
    with SERVER.Pool(1) as pool:
        return pool.apply(describe_rules, (ROOT / "Snakefile", CONDITION))


def test_only_what_takes_long_goes_to_the_queue(rules: dict[str, dict[str, Any]]) -> None:
    """A rule that is added without a thought would be a job of its own on a cluster."""
    assert {name for name, rule in rules.items() if not rule["local"]} == QUEUED


def test_what_takes_a_gpu_asks_for_memory_and_time_and_for_more_when_tried_again(
    rules: dict[str, dict[str, Any]],
) -> None:
    taking = {name for name, rule in rules.items() if "gpu" in rule["resources"]}
    assert taking == QUEUED - {"baseline"}
    for name in taking:
        assert {"mem_mb", "runtime"} <= rules[name]["resources"]
        assert rules[name]["retries"] == 2
    first, second = rules["finetune"]["attempts"]
    assert second == {name: 2 * value for name, value in first.items()}
