"""The documents: commands run, configurations plan, links lead somewhere, numbers are generated."""

import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from generate.documents import (
    KEPT,
    read_matrix,
)
from polymath.experiment.conditions import Condition, expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.recipes import Recipe
from polymath.own_data.draft import draft_task
from polymath.own_data.options import Asked
from polymath.own_data.yaml_text import write_yaml
from polymath.util.storage import read_json
from support import ROOT
from support.forked import run_module, run_snakemake
from support.kinds import write_kind

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("envs/*.md"), *ROOT.glob("resources/**/*.md")])
EXPERIMENTS = sorted(ROOT.glob("resources/experiments/*.yaml"))
KEPT_RUNS = sorted(path.parent.name for path in (ROOT / KEPT).glob("*/run.json"))
# Documented commands that no test here runs, and the test that does.
RUN_ELSEWHERE = {
    "python -m polymath new peptides.csv": "tests/own_data/test_new_command.py",
    "python -m polymath predict --results results-peptides --run peptides --input new.csv "
    "--output predicted.csv": "tests/training/test_predict.py",
    "python -m polymath failed": "tests/planning/test_failures.py",
    "python -m polymath tensorboard": "tests/workflow/test_commands.py",
    "python -m polymath publish --name mine": "tests/workflow/test_commands.py",
    "python -m pytest tests/gpu": "tests/gpu",
    "bash tests/gpu/check.sh": "tests/gpu/test_check.py",
    "python tests/benchmarks/training.py --json resources/benchmarks/mine.json":
        "tests/benchmarks/test_benchmarks.py",
    "python tests/benchmarks/coverage.py --json resources/benchmarks/coverage.json":
        "tests/benchmarks/test_benchmarks.py",
    "python tests/benchmarks/scale.py --json resources/benchmarks/scale.json":
        "tests/benchmarks/test_benchmarks.py",
}  # fmt: skip


def code_blocks(path: Path, language: str) -> list[str]:
    """Return the fenced code blocks of one language in a document."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def documented_commands(documents: list[Path]) -> set[str]:
    """Return each command of the documents' shell blocks once, without comments."""
    lines = [
        line.partition(" #")[0]
        for document in documents
        for block in code_blocks(document, "sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return {" ".join(line.split()) for line in lines if line.strip(" #")}


@pytest.fixture
def user_folder(tmp_path: Path) -> Path:
    """A folder with a user's configuration and data, and the files of the kept experiments."""
    for name in ("config.yaml", "resources", "workflow", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = write_kind("peptides", tmp_path)
    for name in ("my.yaml", "peptides.yaml"):
        write_yaml(draft_task(path, tmp_path / name, Asked()), tmp_path / name)
    for path in EXPERIMENTS:
        for dataset in yaml.safe_load(path.read_text()).get("datasets", {}).values():
            file = tmp_path / dataset["source"]["path"] / "there.csv"  # planning asks no more
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return tmp_path


IN_README = documented_commands([ROOT / "README.md"])
COMMANDS = [
    pytest.param(command, id=command, marks=[] if command in IN_README else [pytest.mark.full])
    for command in sorted(documented_commands(DOCUMENTS))
]


def test_the_configuration_in_readme_can_be_run(user_folder: Path) -> None:
    (block,) = code_blocks(ROOT / "README.md", "yaml")
    (user_folder / "mine.yaml").write_text(block)
    words = ["--cores=all", "--configfile=mine.yaml", "--dry-run"]
    result = run_snakemake(user_folder, [f"--snakefile={ROOT / 'Snakefile'}", *words])
    assert result.returncode == 0, result.stdout + result.stderr
    assert "results/mine/" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_runs(command: str, user_folder: Path) -> None:
    if command in RUN_ELSEWHERE:
        assert (ROOT / RUN_ELSEWHERE[command]).exists()
        return
    program, *words = re.findall(r'(?:[^\s"]|"[^"]*")+', command)
    words = [word.replace('"', "") for word in words]
    if program == "snakemake":
        arguments = [f"--snakefile={ROOT / 'Snakefile'}", *words, "--dry-run"]
        result = run_snakemake(user_folder, arguments)
    elif program == "make":
        result = subprocess.run(
            ["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    else:
        assert program == "python", command
        assert words[0] == "-m"
        result = run_module(*words[1:], folder=user_folder)
    assert result.returncode == 0, result.stdout + result.stderr
    if program == "snakemake":
        assert re.search(r"^finetune +\d+$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_every_kept_experiment_is_a_documented_command(path: Path) -> None:
    configured = f"--configfile {path.relative_to(ROOT)} --replace-workflow-config"
    assert any(
        command.startswith("snakemake") and configured in command
        for command in documented_commands(DOCUMENTS)
    )


@pytest.mark.parametrize("name", KEPT_RUNS)
def test_a_kept_run_has_the_recipes_and_conditions_of_its_configuration(name: str) -> None:
    path = ROOT / f"resources/experiments/{name}.yaml"
    config = path if path.exists() else ROOT / "config.yaml"
    experiment = load_experiment(yaml.safe_load(config.read_text()), ROOT / "resources")
    run = read_json(ROOT / KEPT / name / "run.json")
    kept = {
        # Runs that are older than the default of `rate_replicates` recorded null.
        recipe: Recipe.model_validate(
            {key: each for key, each in values.items() if each is not None}
        )
        for recipe, values in run["recipes"].items()
    }
    assert kept == experiment.recipes
    assert run["experiment_seed"] == experiment.seed
    matrix = read_matrix(ROOT, name)
    rows = matrix[[field.name for field in fields(Condition)]].itertuples(index=False)
    assert {Condition(*row) for row in rows} == {*expand_conditions(experiment)}
    assert matrix["n"].eq(experiment.replicates).all()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_and_headings_lead_somewhere(document: Path) -> None:
    for target, _, heading in re.findall(r"\]\(([^)#]*)(#?)([^)]*)\)", document.read_text()):
        if target.startswith("http"):
            continue
        path = document.parent / target if target else document
        assert path.exists(), target
        if heading:
            assert heading in headings(path), f"{target}#{heading}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_of_the_repository_that_a_document_names_exist(document: Path) -> None:
    rooms = {path.name for path in (ROOT / "workflow/polymath").iterdir() if path.is_dir()}
    for name in re.findall(r"`([\w./-]+/[\w./+-]*)`", document.read_text()):
        first = name.split("/")[0]
        if first in {"workflow", "resources", "tests", "envs"}:
            assert (ROOT / name).exists() or name == "resources/results/mine/", name
        elif first in rooms and name.endswith(".py"):
            assert (ROOT / "workflow/polymath" / name).exists(), name


def headings(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
