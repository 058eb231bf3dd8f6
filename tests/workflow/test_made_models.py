"""Models that are made from others, in the workflow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.workspace import Workspace, tiny_config

RULES = ("fetch_data", "fetch_model", "configure_model")
ORDERS = ("as-is", "shuffled-input", "shuffled-training")
SMALLER = {"kind": "configured", "base": "small", "config": {"num_hidden_layers": 1}}


@pytest.fixture
def workspace(tmp_path: Path, checkpoint: Callable[[str], Path]) -> Workspace:
    """The tiny experiment, with a model of its checkpoint's configuration less a layer."""
    config: Any = tiny_config(tmp_path, checkpoint("bert"))
    config["checkpoints"]["smaller"] = {"source": SMALLER}
    config["initialisations"] = ["scratch"]
    return Workspace(tmp_path, config)


def test_models_are_fetched_or_made_each_by_its_own_rule(workspace: Workspace) -> None:
    workspace.config["models"] = ["smaller"]
    planned = workspace.planned()
    assert [planned[name] for name in RULES] == [1, 1, 1]
    # A data set may have the name of a model that is made.
    workspace.config["datasets"]["smaller"] = workspace.config["datasets"]["odd"]
    workspace.config["tasks"] = ["smaller"]
    planned = workspace.planned()
    assert [planned[name] for name in RULES] == [1, 1, 1]
    workspace.config["models"] = ["small"]
    planned = workspace.planned()
    assert [planned.get(name, 0) for name in RULES] == [1, 1, 0]


def test_a_changed_configuration_trains_and_a_change_of_it_is_made_anew(
    workspace: Workspace, checkpoint: Callable[[str], Path]
) -> None:
    """Beside it a decoder, on shuffled sequences too."""
    causal = {"kind": "path", "path": str(checkpoint("gpt2"))}
    workspace.config["checkpoints"]["causal"] = {"source": causal}
    workspace.config |= {"models": ["smaller", "causal"], "input_orders": [*ORDERS]}
    workspace.config["exclude"] = [{"model": "smaller", "input_order": [*ORDERS][1:]}]
    result = workspace.run("--until=evidence")
    assert result.returncode == 0, result.stderr
    assert list(workspace.folder.rglob("model=smaller/**/predictions.parquet"))
    matrix = pd.read_parquet(workspace.folder / "results/matrix.parquet").set_index("model")
    recipes = ["tiny", "tiny+shuffled-input", "tiny+shuffled-training"]
    assert matrix.loc["causal", "recipe"].to_list() == recipes
    assert not {"finetune", "finetune_on_shuffled", "evidence"} & set(workspace.planned())
    workspace.config |= {"models": ["smaller"], "input_orders": ["as-is"], "exclude": []}
    assert not {"configure_model", "finetune"} & set(workspace.planned())
    source = {**SMALLER, "config": {"num_hidden_layers": 1, "intermediate_size": 32}}
    workspace.config["checkpoints"]["smaller"]["source"] = source
    planned = workspace.planned()
    assert planned["configure_model"] == 1
    assert planned["finetune"] == 1
    assert "fetch_model" not in planned


def test_a_wrong_key_is_named_in_the_log(workspace: Workspace) -> None:
    workspace.config["models"] = ["smaller"]
    source = {**SMALLER, "config": {"num_hiden_layers": 1}}
    workspace.config["checkpoints"]["smaller"]["source"] = source
    assert workspace.run("--until=configure_model").returncode != 0
    log = (workspace.folder / "results/logs/configure/smaller.log").read_text()
    assert "did you mean 'num_hidden_layers'?" in log


def test_weights_that_are_not_there_are_noticed_while_planning(workspace: Workspace) -> None:
    workspace.config["models"] = ["smaller"]
    source = {**SMALLER, "weights": {"kind": "path", "path": "gone.bin"}}
    workspace.config["checkpoints"]["smaller"]["source"] = source
    result = workspace.run("--dry-run")
    assert result.returncode != 0
    assert (
        "checkpoints.smaller: source path 'gone.bin' does not exist"
        in result.stdout + result.stderr
    )
