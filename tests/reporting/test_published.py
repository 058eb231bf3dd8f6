"""Published scores beside a run's own, and the file that lists them."""

from pathlib import Path

import pytest

from polymath.experiment.config_errors import parse
from polymath.experiment.config_files import read_config
from polymath.experiment.datasets import Dataset
from polymath.experiment.lineage import Lineage
from polymath.experiment.published import published_scores
from polymath.reporting.published import compare_published, published_table, remarks_on
from polymath.util.errors import PolymathError
from support import ROOT
from support.evidence import matrix_of
from support.figures import PUBLISHED, conditions, scores_of
from support.report import scored
from support.tables import table

LISTED = ROOT / "resources/published.yaml"


def test_every_published_score_is_of_a_task_of_the_catalogue() -> None:
    catalogue = read_config(ROOT / "resources/datasets.yaml")
    named = {task for source in read_config(LISTED).values() for task in source["tasks"]}
    assert named <= {*catalogue}
    rows = published_table(published_scores(LISTED, named))
    assert set(rows["task"]) == named
    for task in named:
        headline = parse(Dataset, catalogue[task], task).headline
        assert set(rows.loc[rows["task"] == task, "metric"]) == {headline}, task


def test_the_slide_on_splice_is_listed_as_it_was_seen() -> None:
    rows = published_scores(LISTED, {"splice"})
    assert [(row["start"], row["score"]) for row in rows] == [
        ("in-domain", 0.941), ("pretrained", 0.975), ("re-emb", 0.956), ("scratch", 0.950)
    ]  # fmt: skip
    assert all("13 of 160" in row["differs"] for row in rows)


def test_tasks_that_are_not_run_have_no_rows() -> None:
    assert published_scores(LISTED, {"mine"}) == []
    matrix = matrix_of(scores_of(conditions("1")))
    assert compare_published(published_table([]), matrix, Lineage(domains={}, bases={})).empty


def test_a_score_stands_beside_the_run_s_own_only_in_the_same_metric() -> None:
    matrix = matrix_of(scores_of(conditions("1")))
    pretrained = matrix[(matrix["task"] == "splice") & (matrix["init"] == "pretrained")]
    shown = compare_published(PUBLISHED, matrix, Lineage(domains={"minilm-l6": "text"}, bases={}))
    assert shown["here"].to_list() == [f"minilm-l6 {pretrained['mean'].iloc[0]:.3f}", "–"]
    assert shown["their split"].to_list() == ["another split"] * 2
    assert remarks_on(PUBLISHED) == ["a slide: A. Author. No metric is named."]


def test_a_score_stands_beside_arms_that_started_alike_on_all_data_in_order() -> None:
    arm = {"metric": "accuracy", "domain": "protein", "task": "mine"}
    matrix = table(
        [scored(0.80, **arm, model="bert"),
         scored(0.81, **arm, model="bert", mapping="frequency"),
         scored(0.50, **arm, model="bert", fraction="0.1"),
         scored(0.51, **arm, model="bert", recipe="default+shuffled-input"),
         scored(0.70, **arm, model="dyck"),
         scored(0.90, **arm, model="protein-bert", mapping="character"),
         scored(0.65, **arm, model="protein-bert"),
         scored(0.60, **arm, model="bert", init="scratch"),
         scored(0.95, **arm, model="ngram", init="none", mapping="none", recipe="none")],
        "matrix",
    )  # fmt: skip
    domains = {"bert": "text", "dyck": "synthetic", "protein-bert": "protein"}
    starts = ("pretrained", "in-domain", "scratch", "re-emb", "none")
    row = {"task": "mine", "metric": "accuracy", "differs": "", "model": "m", "source": "s",
           "score": 0.9, "citation": "c", "remark": ""}  # fmt: skip
    published = published_table([{**row, "start": start} for start in starts])
    shown = compare_published(published, matrix, Lineage(domains=domains, bases={}))
    assert shown["here"].to_list() == [
        "bert · random 0.800, bert · frequency 0.810", "protein-bert 0.900", "bert 0.600", "–", "–"
    ]  # fmt: skip


def test_a_mistake_in_the_file_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(
        "mine: {source: s, citation: c, remark: '', tasks: {splice: {metric: accuracy, differs: '',"
        " scores: [{model: m, start: pretrained, score: 97.5}]}}}"
    )
    with pytest.raises(PolymathError, match=r"published.yaml: mine: .*score"):
        published_scores(path, {"splice"})
