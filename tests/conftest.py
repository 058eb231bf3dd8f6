"""Which tests run when, and the fixtures of several rooms."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.families import Checkpoint, build_checkpoint
from support.workspace import Workspace, tiny_config

# Tests that need more than a Python environment, and the command that installs it and runs them.
ASKED_FOR = {"slurm": "make slurm-test", "browser": "make browser-test"}

# Rooms and kinds whose files take longest.
LONG = {"benchmarks", "gpu", "models", "real", "training", "workflow"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for each kind of test that runs only when asked for."""
    for name, command in ASKED_FOR.items():
        parser.addoption(f"--{name}", action="store_true", help=f"run the tests of {command}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that need more to their own commands, where they must run, and begin with those
    that take longest, so that no process of `make test` is left with them at the end.
    """
    items.sort(key=lambda item: item.path.parent.name not in LONG)
    for item in items:
        for name, command in ASKED_FOR.items():
            if item.get_closest_marker(name) and not config.getoption(f"--{name}"):
                item.add_marker(pytest.mark.skip(reason=f"run by {command}"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small models are slower on more threads, and reproducible on one."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither use nor fill the user's cache of rendered scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Return a function that builds a family's small random checkpoint, once a session."""
    built: dict[str, Path] = {}

    def build(family: str) -> Path:
        if family not in built:
            built[family] = tmp_path_factory.mktemp(family)
            build_checkpoint(family, built[family])
        return built[family]

    return build


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, checkpoint: Checkpoint) -> Workspace:
    """The tiny experiment with all that comes before training."""
    folder = tmp_path_factory.mktemp("prepared")
    workspace = Workspace(folder, tiny_config(folder, checkpoint("bert")))
    result = workspace.run("--until", "tokenize_records", "map_vocabulary")
    assert result.returncode == 0, result.stderr
    return workspace


@pytest.fixture(scope="session")
def finished(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny experiment, run once."""
    workspace = prepared.copy(tmp_path_factory.mktemp("finished") / "run")
    result = workspace.run("--resources", "gpu=4")
    assert result.returncode == 0, result.stderr
    assert "replicate 2 of 2  step 20 of 20  loss" in result.stderr  # progress on the terminal
    assert "profiles/default for setting" in result.stderr  # found beside the Snakefile
    return workspace


@pytest.fixture
def workspace(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished experiment, to change and break."""
    return finished.copy(tmp_path / "copy")
