"""The report: what it concludes from tables; its page is whole, safe and always the same."""

import re
import shlex
from collections import OrderedDict
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from polymath.reporting.html.content import (
    answer_claims,
    compare_with_baselines,
    limits,
    prediction_command,
    speed_table,
    untested_claims,
)
from polymath.reporting.provenance import provenance_of
from polymath.reporting.rerun import Rerun
from polymath.util.storage import read_metadata, write_table
from support.figures import CONDITION
from support.report import (
    CLAIM_ROWS,
    FAMILY_ROWS,
    MATRIX_ROWS,
    RUN,
    judged,
    judged_together,
    scored,
    write_small_report,
)
from support.tables import table


class Page(HTMLParser):
    """What a browser would read: texts, tables and where things come from."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.sources += [str(values[name]) for name in ("src", "srcset", "data") if name in values]
        if tag == "link":
            self.sources.append(str(values["href"]))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_a_class_with_the_name_of_a_verdict_is_shown_as_it_is(tmp_path: Path) -> None:
    text = Page(write_small_report(tmp_path)).text
    assert "mixed" in text
    assert "± mixed" not in text


def test_only_claims_that_were_tested_have_an_answer() -> None:
    claims = table(CLAIM_ROWS, "claims")
    faster, better = answer_claims(claims, table(FAMILY_ROWS, "families"))
    assert [faster.verdict, better.verdict] == ["supported", "undecided"]
    assert "+0.300 [+0.200, +0.400]" in faster.sentences[0]
    assert "supported at one learning rate" in faster.sentences[0]
    assert "1 contradicted, 1 undecided" in better.sentences[-1]
    untested = untested_claims(claims)
    assert len(untested) == 3
    assert all(CLAIM_ROWS[3]["reason"] in line for line in untested)


def test_a_verdict_is_stated_with_its_qualifier_and_undecided_needs_none() -> None:
    rows = [judged("better", verdict, 0.1, task=verdict, qualifier="at one learning rate")
            for verdict in ("supported", "contradicted", "undecided")]  # fmt: skip
    families = table([], "families")
    (answer,) = answer_claims(table(rows, "claims"), families)
    assert "supported, contradicted " in answer.sentences[-1]
    assert "undecided" not in answer.sentences[-1]
    assert "at one learning rate" in answer.sentences[-1]
    (answer,) = answer_claims(table(rows[2:], "claims"), families)
    assert "learning rate" not in " ".join(answer.sentences)


def test_an_undecided_claim_says_how_many_replicates_would_settle_it() -> None:
    differences = [0.1, 0.02, 0.08, 0.1, -0.06]
    row = judged("faster", "undecided", 0.05, n=5, p=0.2, differences=differences,
                 shared_error=0.0, shared_df=4)  # fmt: skip
    (answer,) = answer_claims(
        table([row], "claims"), table([], "families"), Rerun(["--config", "seed=5"])
    )
    command = "snakemake --cores all --config seed=5 replicates="
    assert [command in line for line in answer.settle] == [True, False]
    (decided,) = answer_claims(
        table([{**row, "verdict": "supported"}], "claims"), table([], "families")
    )
    assert decided.settle == []


def test_the_verdict_in_a_heading_has_its_qualifier() -> None:
    families = [judged_together("better", "supported", 0.3),
                judged_together("faster", "undecided", 0.3)]  # fmt: skip
    rows = [judged("better", "supported", 0.2), judged("faster", "undecided", 0.1)]
    faster, better = answer_claims(table(rows, "claims"), table(families, "families"))
    assert (better.qualifier, faster.qualifier) == ("at one learning rate", "")
    rows.append(judged("better", "supported", 0.2, model="large"))
    families.append(judged_together("better", "supported", 0.3, model="large", qualifier=""))
    _, both = answer_claims(table(rows, "claims"), table(families, "families"))
    assert both.qualifier == "in part at one learning rate"


def test_families_that_differ_are_mixed() -> None:
    families = [judged_together("better", "supported", 0.3),
                judged_together("better", "contradicted", -0.3, model="large")]  # fmt: skip
    rows = [judged("better", "supported", 0.2), judged("better", "undecided", 0.1, model="large")]
    (answer,) = answer_claims(table(rows, "claims"), table(families, "families"))
    assert answer.verdict == "mixed"
    assert ["large" in sentence for sentence in answer.sentences[:2]] == [False, True]


def test_a_family_of_one_task_has_the_verdict_of_that_task() -> None:
    """The sign flips of five pairs cannot decide, where the task's own test has."""
    families = [judged_together("better", "undecided", 0.3, tasks=1, pairs=5, reason="p = 0.0625",
                                members="splice", left_out="stability: diverged")]  # fmt: skip
    own = judged("better", "supported", 0.2, n=5, reason="p = 0.0100")
    (answer,) = answer_claims(table([own], "claims"), table(families, "families"))
    assert answer.verdict == "supported"
    assert "undecided" not in " ".join(answer.sentences)
    assert (
        "supported at one learning rate, +0.200 [+0.100, +0.300], p = 0.0100, 5 pairs"
        in answer.sentences[0]
    )


def test_the_limits_are_those_of_the_tables() -> None:
    few, one_rate = limits(table(MATRIX_ROWS, "matrix"), None)
    assert re.findall(r"\d+", few) == ["3", "5"]  # replicates, and the least that a task needs
    assert "learning rate" in one_rate
    rates = table([{"chosen": True, "at_edge": True}, {"chosen": False, "at_edge": False}], "rates")
    chance, diverged, baseline, edge = limits(
        table([scored(0.52, n=8, diverged=2)], "matrix"), rates
    )
    assert re.findall(r"\d+", chance) == re.findall(r"\d+", edge) == ["1", "1"]
    assert "(splice)" in chance
    assert re.findall(r"\d+", diverged) == ["2"]
    always_majority = scored(0.1, low=0.1 + 0.2 - 0.2, chance=0.1)
    assert any("(splice)" in line for line in limits(table([always_majority], "matrix"), rates))
    assert "baseline" in baseline


def test_baselines_are_compared_with_the_best_trained_model() -> None:
    of_stability = {**MATRIX_ROWS[4], "task": "stability", "mean": 0.2}
    text = compare_with_baselines(table([*MATRIX_ROWS, of_stability], "matrix"))
    assert re.findall(r"\d+", text) == ["1", "2"]
    assert "n-grams" in text
    assert "splice" in text
    behind = [*MATRIX_ROWS[:4], {**MATRIX_ROWS[4], "mean": 0.89}, of_stability]
    assert re.findall(r"\d+", compare_with_baselines(table(behind, "matrix"))) == ["0", "2"]


@pytest.mark.parametrize(("mean", "ahead"), [(0.95, True), (0.89, False)])
def test_a_task_that_is_alone_is_not_counted(mean: float, ahead: bool) -> None:
    baselines = [{**MATRIX_ROWS[4], "model": "majority", "mean": 0.5},
                 {**MATRIX_ROWS[4], "mean": mean}]  # fmt: skip
    text = compare_with_baselines(table([*MATRIX_ROWS[:2], *baselines], "matrix"))
    assert text.startswith("The best baseline (n-grams)" if ahead else "No baseline")
    assert not re.findall(r"\d+", text)
    claims = table([CLAIM_ROWS[1]], "claims")
    (answer,) = answer_claims(claims, table([], "families"))
    assert answer.sentences[-1].startswith("splice by itself: undecided")
    assert "all tasks" not in limits(table(MATRIX_ROWS[:2], "matrix"), None)[0]


def test_speeds_name_their_reference() -> None:
    row = {**CONDITION, "n": 1, "reached": 1, "reference_reached": 0, "target": 0.8,
           "examples": 100, "reference_examples": 200, "speed_up": 2.0}  # fmt: skip
    rows = [{**row, "against": "scratch", "reference_model": "small"},
            {**row, "against": "in-domain", "reference_model": "esm", "speed_up": 0.5,
             "speed_up_low": 0.4, "speed_up_high": 0.7}]  # fmt: skip
    shown = speed_table(table(rows, "convergence"))
    assert list(shown["against"]) == ["scratch", "esm"]
    assert list(shown["times faster [95 %]"]) == ["2.00", "0.50 [0.40, 0.70]"]
    assert list(shown["reference examples"]) == ["200", "200"]


def test_all_machines_of_all_runs_are_named_once(tmp_path: Path) -> None:
    old = {"device": "cuda", "threads": 1, "processor": "x86_64", "versions": {"torch": "2.1"}}
    first, second = {"processor": "one"}, {"processor": "two"}
    paths: list[Path] = []
    for machines in (
        {"machines": [first]},
        {"machines": [second, first]},
        {"machines": None} | old,
    ):
        paths.append(tmp_path / f"{len(paths)}.parquet")
        write_table(pd.DataFrame({"id": [1]}), paths[-1], pa.schema([("id", pa.int32())]),
                    RUN | machines)  # fmt: skip
    named = provenance_of(map(read_metadata, paths))["machines"]
    assert [machine["processor"].split()[0] for machine in named] == ["one", "two", "x86_64"]
    assert [named[2][name] for name in ("device", "torch", "numpy")] == [
        "cuda", "2.1", "not recorded",
    ]  # fmt: skip


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    page = Page(write_small_report(tmp_path))
    assert page.tags.count("h1") == 1
    assert page.tags.count("h2") == 12
    assert len(page.sources) == 2
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    text = " ".join(page.text.split())
    for words in (
        "5 conditions, 12 trained runs",
        "0.900 [0.850, 0.950]",
        "before CKA (debiased) 0.750 0.020 0.750 0.020 +0.730 1",
        "scratch 0.125",
        "splice: pre-training is worth 4 times the data [2, open]",
        "re-emb 0.1 0.800 0.700 at most 1 [open, 1.5]",
        "Splice junctions. Licence: CC BY 4.0.",
        "epochs – learning_rate 0.0001",
        "processor Some CPU",
        "small · pretrained, 3 replicates",
        "EI 7 1 mixed 2 5",
        "dna EI (the rarer one; none was named)",
        "numpy not recorded",
        "torch 2.13",
        "predict --run elsewhere/runs/arm --input",
        'from_pretrained("elsewhere/runs/arm/models/replicate-0")',
    ):
        assert words in text


def test_the_command_that_predicts_can_be_pasted_whatever_the_folder_is_called() -> None:
    kept = {"folder": "my results/runs/a;b/models", "condition": {"task": "odd"}}
    words = shlex.split(prediction_command(kept))
    assert words[4:6] == ["--run", "my results/runs/a;b"]
    words = shlex.split(prediction_command({**kept, "folder": "results/runs/a/models"}))
    assert words[4:6] == ["--run", "odd"]
    words = shlex.split(prediction_command({**kept, "folder": "results/mine/runs/a/models"}))
    assert words[4:6] == ["--run", "results/mine/runs/a"]


def test_the_page_names_the_folder_of_the_data_cards_wherever_results_lie(tmp_path: Path) -> None:
    text = " ".join(Page(write_small_report(tmp_path)).text.split())
    assert f"{tmp_path}/ has what was compared" in text


def test_the_same_tables_give_the_same_page(tmp_path: Path) -> None:
    assert write_small_report(tmp_path).read_bytes() == write_small_report(tmp_path).read_bytes()


def test_names_and_values_of_users_are_text_and_nothing_else(tmp_path: Path) -> None:
    hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}"
    page = write_small_report(tmp_path, {"results": hostile}, task=hostile)
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "{{ 7 * 7 }}" in text
    assert len(re.findall("<script", text)) == 1


def test_the_configuration_as_snakemake_nests_it_can_be_read_back(tmp_path: Path) -> None:
    configuration = {"tasks": ["splice"], "recipes": {"a": {"learning_rate": 1e-4}}, "seed": 3,
                     "exclude": [OrderedDict(model="esm")]}  # fmt: skip
    page = write_small_report(tmp_path, configuration).read_text(encoding="utf-8")
    shown = unescape(page.split("<pre>")[-1].split("</pre>")[0])
    assert yaml.safe_load(shown) == configuration


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_a_model_that_is_kept_is_loaded_with_its_pooling(
    pooling: str | None, tmp_path: Path
) -> None:
    values = {**RUN["recipe_values"], **({"pooling": pooling} if pooling else {})}
    page = write_small_report(tmp_path, trained={**RUN, "recipe_values": values})
    text = Page(page).text
    assert "from_pretrained(" in text
    lines = [line.strip() for line in text.splitlines()]
    assert ('set_pooling(model, "mean")' in lines) == bool(pooling)
    assert ("from polymath.models.pooling import set_pooling" in lines) == bool(pooling)
