"""What is generated into the documents: tables and sentences on kept runs and benchmarks."""

import re
from pathlib import Path

import pandas as pd
import pytest

from generate.budgets_block import describe_budgets
from generate.curves_block import describe_curves
from generate.documents import (
    BENCHMARKS,
    KEPT,
    above_text_model,
    answer_block,
    fill_blocks,
    generate_documents,
    read_claims,
    read_matrix,
    tasks_at_edge,
    text_arms,
    verdict_list,
)
from generate.similarity_block import describe_similarity
from generate.sources_block import describe_sources
from polymath.util.errors import PolymathError
from polymath.util.storage import write_json
from support import ROOT
from support.figures import layers
from support.report import scored
from support.tables import table


def test_generating_the_documents_anew_changes_nothing() -> None:
    changed = [
        path.relative_to(ROOT)
        for path, text in generate_documents(ROOT).items()
        if path.read_text(encoding="utf-8") != text
    ]
    assert not changed, "run: make docs"


def test_only_what_stands_between_the_markers_is_generated() -> None:
    text = "a\n<!-- default short: begin -->\nold\n<!-- default short: end -->\nz\n"
    filled = fill_blocks(text, ROOT)
    assert filled.startswith("a\n<!-- default short: begin -->\n")
    assert filled.endswith("\n<!-- default short: end -->\nz\n")
    assert "old" not in filled
    assert filled.count("\n| ") >= len(read_matrix(ROOT, "default")["task"].unique())
    assert fill_blocks(filled, ROOT) == filled


def test_a_kept_ablation_is_shown_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    pieces = {"fast dropout": 0.113, "matrix products alone, share of the step": 0.61}
    kept = {"processor": "Some CPU", "instructions": "avx512f amx_bf16", "precision": "bf16",
            "torch": "2.13", "rounds": 5, "dropout": 0.1,
            "gains": {"16x62": pieces, "reuters": {**pieces, "fast dropout": -0.02}}}  # fmt: skip
    (tmp_path / BENCHMARKS).mkdir(parents=True)
    write_json(kept, tmp_path / BENCHMARKS / "ablation.json")
    empty = "<!-- ablation benchmark: begin -->\n<!-- ablation benchmark: end -->"
    filled = fill_blocks(empty, tmp_path)
    assert "one thread of Some CPU, amx_bf16; bf16, dropout 0.1, torch 2.13, 5 rounds" in filled
    assert "| piece | 16x62 | reuters |\n|---|---|---|\n| fast dropout | +11.3% | -2.0% |" in filled
    assert "share of the step | 61% | 61% |\n\n<!--" in filled


def test_verdicts_are_listed_with_their_qualifiers(tmp_path: Path) -> None:
    folder = tmp_path / KEPT / "mine"
    folder.mkdir(parents=True)
    claims = pd.DataFrame(
        {
            "claim": ["faster", "faster", "better"],
            "task": ["amp", "splice", "amp"],
            "verdict": ["contradicted", "undecided", "supported"],
            "qualifier": ["at one rate", "", ""],
        }
    )
    claims.to_parquet(folder / "claims.parquet")
    verdicts, qualifiers = (
        read_claims(tmp_path, "mine", column)["faster"] for column in ("verdict", "qualifier")
    )
    listed = verdict_list(verdicts, qualifiers)
    order = re.findall("supported|contradicted|undecided|amp|splice|at one rate", listed)
    assert order == ["contradicted", "amp", "at one rate", "undecided", "splice"]


def test_a_block_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(PolymathError, match=r"'default odd'.*'matrix'"):
        fill_blocks("<!-- default odd: begin -->\n<!-- default odd: end -->", ROOT)


@pytest.mark.parametrize(
    ("lifts", "undecided"),
    [({"cka": 0.1, "rsa": 0.2, "pwcca": 0.3}, False), ({"cka": 0.1, "rsa": -0.2}, True)],
)
def test_sentences_on_similarity_need_all_three_measures(
    lifts: dict[str, float], undecided: bool
) -> None:
    table, _ = layers("initial", "fine-tuned")
    lifted = (table["pair"] == "text-domain") & (table["state"] == "fine-tuned")
    lift = (
        table["measure"].map(lifts).fillna(0).where(lifted & (table["centring"] == "position"), 0)
    )
    text = describe_similarity(table.assign(value=table["value"] + lift))
    first = next(line for line in text.splitlines() if line.startswith("- "))
    assert ("no verdict" in first) is undecided
    assert re.findall(r"[+-]\d\.\d+", first)[:2] == [f"{lifts[m]:+.3f}" for m in ("cka", "rsa")]


def source_arms(task: str, longer: float) -> list[dict[str, object]]:
    """Return a task's arms: random weights, text, its own sequences, and random weights longer."""
    same = {"task": task, "difference_low": 0.05, "difference_high": 0.15}
    return [
        scored(0.6, **same, init="scratch"),
        scored(0.7, **same, difference=0.1, detectable=0.02),
        scored(0.75, **same, model="self", mapping="character", difference=0.1, detectable=0.04),
        scored(0.6, **same, mapping="character", init="scratch"),
        scored(longer, **same, mapping="character", init="scratch", recipe="longer"),
    ]


def test_sources_are_shown_task_by_task_and_judged_by_their_intervals() -> None:
    matrix = table([*source_arms("amp", 0.8), *source_arms("odd", 0.7)], "matrix")
    ends = {"small": (0.1, 0.2), "none": (-0.1, 0.2), "self": (-0.2, -0.1)}
    families = [{"against": "scratch", "reference_model": "", "model": model,
                 "init": "pretrained", "tasks": 2, "runs": 6,
                 "gain": sum(each) / 2, "gain_low": each[0], "gain_high": each[1]}
                for model, each in ends.items()]  # fmt: skip
    text = describe_sources(matrix, table(families, "summary"))
    sentences = [line for line in text.splitlines() if line.startswith("- ")]
    for word, line in zip(("above", "includes", "below"), sentences[:3], strict=True):
        assert word in line
    assert "amp 300, 0.020 to 0.040; odd 300, 0.020 to 0.040" in text
    assert [line.rpartition(" on ")[2] for line in sentences[3:]] == ["amp.", "amp."]
    assert [re.findall("`(.*?)`", line)[1] for line in sentences[3:]] == ["small", "self"]
    (row,) = [line for line in text.splitlines() if "| self" in line and "own" in line]
    assert row.count("0.750 (+0.100 [+0.050, +0.150])") == 2


@pytest.mark.parametrize("run", ["study", "default"])
def test_the_answer_names_every_task_on_which_n_grams_end_above_the_text_model(run: str) -> None:
    rows = pd.read_csv(ROOT / KEPT / run / "matrix.csv")
    text = rows[(rows["model"] == "minilm-l3") & (rows["init"] == "pretrained")]
    ngram = rows[rows["model"] == "ngram"].set_index("task")["mean"]
    above = [row["task"] for _, row in text.iterrows() if ngram[row["task"]] > row["mean"]]
    listed = answer_block(ROOT, run).rpartition("n-grams on ")[2]
    assert re.split(", | and ", re.split("[;.]", listed)[0]) == above


def test_only_models_with_random_weights_of_their_own_are_text_arms() -> None:
    matrix = table(
        [
            scored(0.6, init="scratch"),
            scored(0.7, difference=0.1),
            scored(0.8, model="protein", mapping="character"),
            scored(0.5, model="cnn", init="scratch"),
        ],
        "matrix",
    )
    assert text_arms(matrix)["mean"].tolist() == [0.6, 0.7]


def test_runs_are_compared_on_the_tasks_that_they_share() -> None:
    def run(tasks: dict[str, tuple[float, float]]) -> pd.DataFrame:
        return pd.DataFrame(
            {"task": task, "init": init, "mean": mean, "difference": text - random,
             "difference_low": text - random - 0.1, "difference_high": text - random + 0.1}
            for task, (random, text) in tasks.items()
            for init, mean in (("pretrained", text), ("scratch", random))
        )  # fmt: skip

    compared = describe_budgets(
        {"brief": run({"amp": (0.6, 0.8), "alone": (0.5, 0.5)}), "long": run({"amp": (0.75, 0.7)})}
    )
    heads, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in compared.strip().splitlines()
    ]
    assert heads[1:4] == [
        f"{arm}, brief" for arm in ("random weights", "text model", "difference [95 %]")
    ]
    assert rows == [
        [
            "amp",
            "0.600",
            "0.800",
            "+0.200 [+0.100, +0.300]",
            "0.750",
            "0.700",
            "-0.050 [-0.150, +0.050]",
        ]
    ]


def test_published_scores_stand_beside_the_run_of_the_same_start() -> None:
    matrix = read_matrix(ROOT, "study")
    text = fill_blocks("<!-- study published: begin -->\n<!-- study published: end -->", ROOT)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    (here,) = [row for row in rows if row[0:1] == ["splice"] and row[3] == "pretrained"]
    (arm,) = matrix.query("task == 'splice' and init == 'pretrained'").to_dict("records")
    assert here[5] == "0.975"
    assert here[6] == f"{arm['model']} {arm['mean']:.3f}"


def test_everything_above_the_text_model_is_named() -> None:
    rows = [
        scored(0.7, task="amp", difference=0.1),
        scored(0.6, task="amp", init="scratch"),
        scored(0.8, task="amp", init="shuffled", difference=0.2),
        scored(0.9, task="amp", model="protein", mapping="character"),
        scored(0.9, task="amp", model="ngram", init="none"),
        scored(0.7, task="splice", difference=-0.1),
        scored(0.8, task="splice", init="scratch"),
        scored(0.9, task="splice", model="cnn", init="scratch"),
        scored(0.9, task="splice", model="ngram", init="none"),
    ]
    said = above_text_model(table(rows, "matrix"))
    for words in (
        "random weights on splice",
        "`shuffled` on amp",
        "`protein` on amp",
        "a CNN on splice",
        "n-grams on amp and splice",
    ):
        assert words in said
    assert said.count(" on ") == 6
    assert above_text_model(table(rows[:2], "matrix")).endswith("nothing.")


def test_arms_whose_rate_lies_at_an_end_of_its_list_are_named() -> None:
    made = {
        "recipes": {"short": {"learning_rate": [1e-4, 1e-3, 1e-2]}, "one": {"learning_rate": 1e-4}}
    }
    matrix = table(
        [
            scored(0.6, task="amp", init="pretrained", recipe="short", learning_rate=1e-3),
            scored(0.6, task="amp", init="scratch", recipe="short", learning_rate=1e-2),
            scored(0.6, task="splice", init="scratch", recipe="short", learning_rate=1e-4),
            scored(0.6, task="reuters", init="scratch", recipe="one", learning_rate=1e-4),
            scored(0.9, model="ngram", init="none", recipe="none"),
        ],
        "matrix",
    )
    (arm,) = tasks_at_edge(matrix, made).items()
    assert arm[1] == ["amp", "splice"]
    assert "scratch" in arm[0]


def test_curves_that_rise_or_fall_over_the_last_quarter_are_named() -> None:
    steady = {"rising": [0.0, 0.2, 0.4, 0.6, 0.8], "flat": [0.0, 0.3, 0.7, 0.7, 0.7],
              "falling": [0.0, 0.5, 0.9, 0.9, 0.8]}  # fmt: skip
    curves = pd.DataFrame(
        {"task": task, "model": "small", "init": "scratch", "mapping": "random", "fraction": "1",
         "recipe": "default", "replicate": replicate, "step": 10 * point,
         "dev_score": score + 0.01 * replicate + 0.001 * replicate * (point == 4)
         - 0.05 * (task == "falling" and replicate == -1 and point == 4)}
        for task, scores in steady.items()
        for replicate in (-1, 0, 1)
        for point, score in enumerate(scores)
    )  # fmt: skip
    text = describe_curves(curves)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["rising", "0.600", "0.800", "+0.200 [+0.198, +0.202]", "rises"] in rows
    assert {row[0]: row[-1] for row in rows if row[:1] in (["flat"], ["falling"])} == {
        "flat": "not shown",
        "falling": "falls",
    }
    assert "rises over the last quarter in 1 of 3 conditions, and falls in 1." in text
    assert "largest gain is +0.200 in the mean, and the highest end of all intervals +0.202" in text
    assert "is one of falling: 0.739, where the median is 0.800." in text
