"""What the documents say is so: their commands, configurations, numbers and links."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from polymath.evaluation.claims import CLAIMS, RULE
from polymath.evaluation.convergence import SHARE
from polymath.evaluation.matrix import to_markdown
from polymath.evaluation.statistics import ALPHA, needed_replicates
from polymath.experiment.catalogue import ModelSize
from polymath.experiment.conditions import expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.recipes import Recipe
from polymath.planning.cost import TRAINING_PASSES, forward_flops
from polymath.reporting.publish import markers
from support import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("envs/*.md"), *ROOT.glob("resources/**/*.md")])
KEPT = ROOT / "resources/results"
COVERAGE = ROOT / "resources/docs/coverage.md"
# Each documented command, and what runs it.
RUN_BY = {
    "make run": "the make targets below, and the Snakemake runs of test_workflow.py",
    "make test": ".ci/run",
    "snakemake --cores all --resources gpu=4": "test_workflow.py: a second run",
    "snakemake --cores all --config replicates=8": "here: the default plan",
    "snakemake --cores all --configfile my.yaml --replace-workflow-config": "here: README's YAML",
    "snakemake --cores all --configfile resources/experiments/precision.yaml "
    "--replace-workflow-config": "here: the experiments plan",
    "snakemake --cores all --configfile resources/experiments/at-hand.yaml "
    "--replace-workflow-config": "here: the experiments plan",
    "snakemake --cores all --configfile resources/experiments/similarity.yaml "
    "--replace-workflow-config": "here: the experiments plan",
    "python -m polymath plan": "test_plan.py",
    "snakemake --profile workflow/profiles/slurm": "make slurm-test",
    "snakemake --profile workflow/profiles/slurm --configfile my.yaml "
    "--replace-workflow-config": "make slurm-test",
    "snakemake --profile workflow/profiles/slurm --groups finetune=conditions "
    "--group-components conditions=10 --set-resource-scopes gpu=local "
    "--resources gpu=1": "make slurm-test: test_groups.py",
    "python -m polymath failed": "test_failures.py",
    "python tests/benchmarks/coverage.py "
    "--json resources/benchmarks/coverage.json": "here: a short simulation",
    "python tests/benchmarks/scale.py --json resources/benchmarks/scale.json": "here: a small one",
    "python -m polymath plan --configfile resources/experiments/paper.yaml "
    "--replace-workflow-config": "here: the paper's plan",
}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("snakemake")), f"--snakefile={ROOT / 'Snakefile'}",
        "--cores=all", "--dry-run",
    ]  # fmt: skip
    return subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_command_in_a_document_is_run_by_a_test() -> None:
    for document in DOCUMENTS:
        for block in blocks(document, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                command = " ".join(line.partition("#")[0].split())
                assert command in RUN_BY, f"{document.name}: {command}"


def test_the_make_targets_of_the_readme_say_what_they_would_do(tmp_path: Path) -> None:
    for target, words in (("run", "snakemake --cores all"), ("test", "-m pytest")):
        result = subprocess.run(
            ["make", "--dry-run", target, f"VENV={tmp_path / 'venv'}"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert words in result.stdout


def test_the_default_experiment_plans_and_takes_values_on_the_command_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.yaml").symlink_to(ROOT / "config.yaml")
    result = snakemake(tmp_path, "--config", "replicates=8")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^finetune +8$", result.stdout, re.MULTILINE)


def test_the_readmes_higher_rate_changes_that_value_alone(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    found = re.search(r'`snakemake --cores all --config "([^"]+)"`', text)
    assert found is not None
    (tmp_path / "config.yaml").symlink_to(ROOT / "config.yaml")
    result = snakemake(tmp_path, "--config", found.group(1))
    assert result.returncode == 0, result.stderr
    given = yaml.safe_load(found.group(1).partition("=")[2])
    default = yaml.safe_load((ROOT / "config.yaml").read_text())["recipes"]["default"]
    assert given["default"]["learning_rate"] == pytest.approx(3 * default["learning_rate"])
    assert re.search(r"^finetune +8$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("resources/experiments/*.yaml")), ids=lambda path: path.name
)
def test_every_kept_experiment_plans(path: Path, tmp_path: Path) -> None:
    for dataset in yaml.safe_load(path.read_text()).get("datasets", {}).values():
        file = tmp_path / dataset["source"]["path"] / "there.csv"  # planning asks no more
        file.parent.mkdir(parents=True)
        file.touch()
    result = snakemake(tmp_path, "--configfile", str(path), "--replace-workflow-config")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^finetune +\d+$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "figures", "page"),
    [
        ("training", "cpu-2-cores.json", "training.md"),
        ("batching", "batching.json", "training.md"),
        ("coverage", "coverage.json", "evidence.md"),
        ("scale", "scale.json", "scale.md"),
    ],
)
def test_the_measured_tables_are_those_of_the_kept_figures(
    name: str, figures: str, page: str
) -> None:
    command = [sys.executable, f"tests/benchmarks/{name}.py", "--show",
               f"resources/benchmarks/{figures}"]  # fmt: skip
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    text = (ROOT / "resources/docs" / page).read_text()
    between = text.split(f"<!-- {name}: begin -->\n")[1].split(f"<!-- {name}: end -->")[0]
    assert between.strip() == shown.strip()


def test_the_evidence_page_states_the_rule_as_the_claims_do() -> None:
    page = " ".join((ROOT / "resources/docs/evidence.md").read_text().split())
    assert RULE in page
    assert all(claim.statement in page for claim in CLAIMS.values())
    for tests, needed in ((4, "8 replicates"), (10, "9"), (26, "11")):
        assert f"{needed_replicates(tests)} replicates".startswith(needed)
    assert f"target of a comparison is {SHARE:.0%}".replace("%", " %") in page


def test_what_the_evidence_page_says_of_the_simulation_is_so() -> None:
    figures = yaml.safe_load((ROOT / "resources/benchmarks/coverage.json").read_text())
    page = " ".join((ROOT / "resources/docs/evidence.md").read_text().split())
    rows = pd.DataFrame(figures["rows"])
    few, enough = rows[rows["n"] < needed_replicates(4)], rows[rows["n"] >= needed_replicates(4)]
    at_margin = "false positives at the margin"
    assert not few[["false positives", at_margin, "decided when true"]].to_numpy().any()
    families = figures["simulations"] // 2
    error = (ALPHA * (1 - ALPHA) / families) ** 0.5
    assert round(error, 2) == 0.01
    assert enough["false positives"].max() < ALPHA + 2 * error
    assert (rows["false positives by t"] > 2 * rows["false positives"]).all()
    for share, words in (
        (rows["false positives"].max(), "{} in the worst cell"),
        (rows[at_margin].max(), "At the margin they reach {},"),
        (enough["decided when true"].min(), "{} or more are decided by ten"),
        (rows["false positives by t"].min(), "in {} of the families or more"),
    ):
        assert words.format(f"{share:.1%}".replace("%", " %")) in page
    assert (rows["difference t"] > rows["mean t"] - 0.02).all()  # t is closer for differences
    three, twenty = rows[rows["n"] == 3], rows[rows["n"] == 20]
    assert (three["difference BCa"] < three["difference t"] - 0.15).all()
    assert ((twenty["difference BCa"] - twenty["difference t"]).abs() < 0.04).all()


@pytest.mark.full
def test_the_simulation_runs(tmp_path: Path) -> None:
    command = [sys.executable, "tests/benchmarks/coverage.py", "--simulations", "8",
               "--json", str(tmp_path / "figures.json")]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "| normal | 3 |" in result.stdout
    assert len(yaml.safe_load((tmp_path / "figures.json").read_text())["rows"]) == 16


@pytest.mark.full
def test_the_benchmark_of_scale_measures_every_part(tmp_path: Path) -> None:
    command = [sys.executable, "tests/benchmarks/scale.py", "--small",
               "--json", str(tmp_path / "figures.json")]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = yaml.safe_load((tmp_path / "figures.json").read_text())
    costs = figures["costs"]
    assert len(costs) == 8
    assert costs["dry run, 100 conditions"]["jobs"] > 100
    assert all(cost["seconds"] > 0 and cost["megabytes"] > 10 for cost in costs.values())
    ratio = costs["dry run, 100 conditions"]["seconds"]
    ratio /= costs["dry run, a bare Snakefile"]["seconds"]
    assert figures["ratio_vs_bare"] == pytest.approx(ratio)
    assert "| 64 |" in result.stdout


@pytest.mark.full
def test_the_training_benchmark_measures_what_it_says(tmp_path: Path) -> None:
    command = [sys.executable, "tests/benchmarks/training.py", "--shapes", "16x62", "--turns", "1",
               "--json", str(tmp_path / "figures.json")]  # fmt: skip
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    figures = yaml.safe_load((tmp_path / "figures.json").read_text())
    rates = {scheme: rate["16x62"] for scheme, rate in figures["examples_per_second"].items()}
    for rival in ("trainer", "authors"):
        assert figures[f"ratio_vs_{rival}"]["16x62"] == rates["polymath"] / rates[rival]
    # Other work may slow what the share is of; the operations behind it are the formula's, with
    # little left of the last of six layers.
    counted = figures["fraction_of_peak"]["16x62"] * figures["gemm_flops"] / rates["polymath"]
    small = ModelSize(layers=6, width=384, intermediate=1536, vocabulary=30522)
    whole = TRAINING_PASSES * forward_flops(small, 62)
    assert 5 / 6 * whole < counted < whole
    assert figures["start_up_seconds"] > 0
    assert "| 16x62 |" in result.stdout


def test_the_readmes_own_experiment_plans(tmp_path: Path) -> None:
    (yaml_block,) = blocks(ROOT / "README.md", "yaml")
    (tmp_path / "my.yaml").write_text(yaml_block)
    (tmp_path / "peptides.csv").write_text("seq,active\nACD,yes\n")
    result = snakemake(tmp_path, "--configfile", "my.yaml", "--replace-workflow-config")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^finetune +2$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "conditions", "replicates"),
    [
        ("default", 12, 3),
        ("eight", 12, 8),
        ("at-hand", 41, 3),
        ("precision", 4, 3),
        ("similarity", 3, 2),
    ],
)
def test_the_readmes_table_is_that_of_the_kept_run(
    name: str, conditions: int, replicates: int
) -> None:
    begin, end = markers(name)
    table = (ROOT / "README.md").read_text().split(begin)[1].split(end)[0]
    kept = pd.read_csv(KEPT / name / "matrix.csv", dtype={"fraction": str})
    assert table == to_markdown(kept, everything=False)
    assert len(kept) == conditions
    assert kept["n"].eq(replicates).all()
    assert (KEPT / name / "curves.png").exists()


def test_what_the_readme_says_of_the_kept_run_is_so() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    kept = pd.read_csv(KEPT / "default/matrix.csv")
    assert (kept["low"] > kept["chance"]).all()
    paired = kept[kept["init"] == "pretrained"].set_index("task")
    assert (paired["difference"] > 0).all()
    without_zero = (paired["difference_low"] > 0) | (paired["difference_high"] < 0)
    out, held = (listed(list(paired.index[mask])) for mask in (without_zero, ~without_zero))
    assert f"leaves out zero for {out}; it holds zero for {held}" in text
    assert (
        "every claim is undecided: three pairs of replicates, where four tasks need eight" in text
    )
    best = kept.loc[kept.groupby("task")["mean"].idxmax()].set_index("task")["model"]
    assert list(best.index[best == "ngram"]) == ["composer", "reuters"]
    assert "has the highest mean of all on composer and reuters" in text
    means = kept.pivot_table(index="task", columns="init", values="mean")
    only_scratch = (means["none"] > means["scratch"]) & (means["none"] < means["pretrained"])
    assert list(means.index[only_scratch]) == ["amp"]
    assert "and a higher one than random weights on amp" in text
    claims = (KEPT / "default/claims.md").read_text()
    assert claims.count("| 0 | 0 | 4 |") == 4
    assert "3 pairs, 8 needed" in claims


def verdicts(name: str, claim: str) -> dict[str, str]:
    """Return the verdict on each task that a kept run's claims.md gives on a claim."""
    section = (KEPT / name / "claims.md").read_text().split(f"## {claim}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    place = rows[0].index("verdict")
    return {row[0]: row[place] for row in rows[2:]}


def listed(names: list[str]) -> str:
    """Return names as prose lists them."""
    return re.sub(r"(.*), ", r"\1 and ", ", ".join(names))


def test_what_the_readme_says_of_eight_replicates_is_so() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    for claim in ("A text model learns faster than random weights.",
                  "A text model ends better than random weights."):  # fmt: skip
        found = verdicts("eight", claim)
        assert list(found) == ["splice", "amp", "composer", "reuters"]
        yes, open_ = (
            listed([task for task, given in found.items() if given == verdict])
            for verdict in ("supported", "undecided")
        )
        assert f"«{claim[:-1]}» is supported for {yes}, and undecided for {open_}." in text
        assert "contradicted" not in found.values()
    kept = pd.read_csv(KEPT / "eight/matrix.csv")
    best = kept.loc[kept.groupby("task")["mean"].idxmax()].set_index("task")["model"]
    assert list(best.index[best == "ngram"]) == ["composer", "reuters"]


def test_what_the_readme_says_of_the_papers_own_tasks_is_so() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    kept = pd.read_csv(KEPT / "at-hand/matrix.csv")
    text_model = kept[(kept["model"] == "minilm-l3") & (kept["init"] == "pretrained")]
    settled = (text_model["difference_low"] > 0) | (text_model["difference_high"] < 0)
    assert list(text_model.loc[settled, "task"]) == ["localization", "sst2"]
    assert (text_model.loc[settled, "difference"] > 0).all()
    assert len(text_model) == 10
    assert "leaves out zero for localization and sst2" in text
    gain = kept.pivot_table(index="task", columns="init", values="difference")
    without = kept[(kept["init"] == "re-emb") & kept["task"].isin(["localization", "sst2"])]
    assert (without["difference_low"] < 0).all()
    assert (gain["re-emb"] > 0.5 * gain["pretrained"])[["localization", "sst2"]].all()
    means = kept.pivot_table(index="task", columns=["model", "init"], values="mean")
    one, other = (means.loc["localization", (name, "pretrained")]
                  for name in ("antiberty", "minilm-l3"))  # fmt: skip
    assert f"{one:.3f} against {other:.3f}" in text
    behind = means[means.idxmax(axis=1).str[0] != "ngram"].index
    assert sorted(behind) == ["rte", "splice"]
    assert "in eight of the ten tasks, all but splice and rte" in text
    arms = kept[kept["model"] == "minilm-l3"].set_index("task")
    reaches = (arms["low"].round(6) <= arms["chance"].round(6)).groupby("task").all()
    assert set(reaches[reaches].index) == {"h4", "h3k9ac", "composers", "rte", "mrpc"}
    assert "On h4, h3k9ac, composers, rte and mrpc the interval of every arm reaches" in text
    claims = (KEPT / "at-hand/claims.md").read_text()
    assert claims.count("| 0 | 0 | 10 |") == 4
    assert "3 pairs, 9 needed" in claims


def test_what_the_readme_says_of_representations_is_so() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    kept = pd.read_parquet(KEPT / "similarity/similarity.parquet")
    depth = kept[(kept["measure"] == "cka") & kept["low"].notna()]
    assert depth["replicate_a"].nunique() == 1
    values = depth.pivot_table(index=["state", "layer_a"], columns="pair", values="value")
    first, then = values.loc["initial"], values.loc["fine-tuned"]
    assert (first["scratch-domain"] > first["text-domain"]).all()
    assert (depth["low"] > depth["null_high"]).all()
    last = [f"{state.iloc[-1][pair]:.2f}" for state, pair in (
        (first, "scratch-domain"), (first, "text-domain"), (then, "text-domain"),
        (then, "scratch-domain"), (first, "scratch-scratch"), (then, "scratch-scratch"),
    )]  # fmt: skip
    for words in (
        "CKA of the last layers is {} against {}", "closer one ({} against {})", "({} and {} at",
    ):  # fmt: skip
        assert words.format(last.pop(0), last.pop(0)) in text
    assert (values.idxmax(axis=1) == "scratch-scratch").all()
    gap = then["text-domain"] - then["scratch-domain"]
    assert (gap[2:-1].abs() < 0.03).all()
    assert (gap[:2] < -0.03).all()
    mean = (then["text-domain"] - then["scratch-domain"]).mean()
    assert f"differs by {mean:+.3f}, and the fourth claim is undecided" in text
    claims = (KEPT / "similarity/claims.md").read_text()
    assert f"| {mean:+.3f} | – | 1 | 6 | undecided |" in claims


def test_what_is_said_of_needed_replicates_is_so() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    assert (needed_replicates(1), needed_replicates(4)) == (6, 8)
    assert "6 for one task, 8 for four" in text
    path = ROOT / "resources/experiments/paper.yaml"
    experiment = load_experiment(yaml.safe_load(path.read_text()), ROOT / "resources")
    family = ("bert-base-uncased", "pretrained", "tuned")
    conditions = expand_conditions(experiment)
    tuned = [one for one in conditions if (one.model, one.init, one.recipe) == family]
    assert f"claims.md needs {needed_replicates(len(tuned))}" in path.read_text()


def test_what_the_readme_says_of_the_precisions_is_so() -> None:
    kept = pd.read_csv(KEPT / "precision/matrix.csv").set_index(["init", "recipe"])
    for init in ("pretrained", "scratch"):
        bf16, fp32 = kept.loc[(init, "bf16")], kept.loc[(init, "fp32")]
        lower = f"{bf16['mean'] - fp32['mean']:.3f} lower for {init}"
        assert lower in (ROOT / "README.md").read_text()
        narrower = min(row["high"] - row["mean"] for row in (bf16, fp32))
        assert abs(bf16["mean"] - fp32["mean"]) < narrower


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("default", "config.yaml"),
        ("eight", "config.yaml"),
        ("at-hand", "resources/experiments/at-hand.yaml"),
        ("precision", "resources/experiments/precision.yaml"),
        ("similarity", "resources/experiments/similarity.yaml"),
    ],
)
def test_the_kept_run_is_of_the_recipes_in_its_configuration(name: str, file: str) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())
    experiment = load_experiment(config, ROOT / "resources")
    run = yaml.safe_load((KEPT / name / "run.json").read_text())
    kept = {recipe: Recipe.model_validate(values) for recipe, values in run["recipes"].items()}
    assert kept == experiment.recipes
    assert run["experiment_seed"] == experiment.seed


@pytest.mark.parametrize(("page", "least"), [("coverage.md", 50), ("faults.md", 23)])
def test_the_tests_that_a_page_names_are_there(page: str, least: int) -> None:
    text = (ROOT / "resources/docs" / page).read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) >= least
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}: {test}"


def test_every_row_of_the_faults_names_its_test() -> None:
    text = (ROOT / "resources/docs/faults.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all("::test_" in row for row in rows if not row.startswith("| fault |"))


def test_a_rule_that_needs_no_gpu_stays_off_the_queue() -> None:
    """But for the baselines, which may take minutes."""
    texts = {path.name: path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk")}
    (listed,) = re.findall(r"^localrules:\n((?:    \w+,\n)+)", texts["common.smk"], re.MULTILINE)
    local = set(re.findall(r"\w+", listed))
    queued = set()
    for text in texts.values():
        for rule, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", text, re.MULTILINE):
            if "gpu=1" in body:
                assert rule not in local
            else:
                queued |= {rule} - local
    assert queued == {"baseline"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_the_papers_plan_is_said_without_a_network() -> None:
    command = [sys.executable, "-m", "polymath", "plan", "--configfile",
               "resources/experiments/paper.yaml", "--replace-workflow-config",
               "--device", "cpu-2-cores"]  # fmt: skip
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.match(r"\d+ conditions, ", printed)
    assert "hub google-bert/bert-base-uncased" in printed
