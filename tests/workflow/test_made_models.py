"""Models that are made from others, in the workflow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.workspace import Workspace, tiny_config

RULES = ("fetch_data", "fetch_model", "configure_model")
ORDERS = ("as-is", "shuffled-input", "shuffled-training")
RECIPE = {"learning_rate": 0.003, "batch_size": 8, "steps": 4, "evaluations": 1}
MASKED = {"kind": "pretrain", "base": "small", "recipe": RECIPE}
OWN = {"source": {**MASKED, "task": "self", "mapping": "random"}}
DYCK = {"source": {**MASKED, "synthetic": {"kind": "dyck", "symbols": 8, "length": 12,
                                           "sequences": 40}}}  # fmt: skip
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


def test_a_task_has_an_own_model_where_its_source_is_self(workspace: Workspace) -> None:
    workspace.config["datasets"]["even"] = workspace.config["datasets"]["odd"]
    workspace.config |= {"tasks": ["odd", "even"], "models": ["itself", "dyck"],
                         "initialisations": ["pretrained"]}  # fmt: skip
    workspace.config["checkpoints"] |= {"itself": OWN, "dyck": DYCK}
    planned = workspace.planned("--until=finetune")
    assert (planned["pretrain"], planned["finetune"]) == (3, 4)


def test_made_models_and_decoders_train_and_a_change_is_made_anew(
    workspace: Workspace, checkpoint: Callable[[str], Path]
) -> None:
    """A configuration, models pre-trained here, and a decoder, on shuffled sequences too."""
    causal = {"kind": "path", "path": str(checkpoint("gpt2"))}
    workspace.config["checkpoints"] |= {"causal": {"source": causal}, "itself": OWN, "dyck": DYCK}
    pretrained = ["itself", "dyck"]
    workspace.config |= {
        "models": ["smaller", "causal", *pretrained],
        "initialisations": ["pretrained", "scratch", "first-1-layers"],
        "input_orders": [*ORDERS],
        "exclude": [
            {"model": ["smaller", *pretrained], "input_order": [*ORDERS][1:]},
            {"model": pretrained, "init": "scratch"},
            {"model": ["itself", "causal"], "init": "first-1-layers"},
            {"model": "causal", "init": "pretrained"},
        ],
    }
    result = workspace.run("--until=evidence")
    assert result.returncode == 0, result.stderr
    matrix = pd.read_parquet(workspace.folder / "results/matrix.parquet")
    assert {(row.model, row.init) for row in matrix.itertuples()} == {
        ("smaller", "scratch"), ("causal", "scratch"), ("itself", "pretrained"),
        ("dyck", "pretrained"), ("dyck", "first-1-layers"),
    }  # fmt: skip
    recipes = ["tiny", "tiny+shuffled-input", "tiny+shuffled-training"]
    assert matrix.set_index("model").loc["causal", "recipe"].to_list() == recipes
    models = {path.parent.name for path in workspace.folder.glob("results/models/*/curve.parquet")}
    assert models == {"itself.odd", "dyck"}
    done = {"pretrain", "finetune", "finetune_on_shuffled", "evidence"}
    assert not done & set(workspace.planned())
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
