"""The report: what it concludes from tables; its page is whole, safe and always the same."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from polymath.evaluation.tables import CLAIM_SCHEMA as CLAIMS
from polymath.evaluation.tables import CONVERGENCE_SCHEMA as CONVERGENCE
from polymath.evaluation.tables import MATRIX_SCHEMA as MATRIX
from polymath.evaluation.tables import RATE_SCHEMA as RATES
from polymath.reporting.html.content import answers, beside_baselines, headline, limits, speed_table
from polymath.reporting.provenance import provenance_of
from polymath.util.storage import write_table
from support.report import (
    CLAIM_ROWS,
    CONDITION,
    MATRIX_ROWS,
    RUN,
    judged,
    scored,
    table,
    unasked,
    write_small_report,
)


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
        found = dict(attrs)
        self.sources += [str(found[name]) for name in ("src", "srcset", "data") if name in found]
        if tag == "link":
            self.sources.append(str(found["href"]))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def better(*verdicts: str) -> pd.DataFrame:
    return table([judged("better", verdict, 0.1) for verdict in verdicts], CLAIMS)


@pytest.mark.parametrize(
    ("verdicts", "begins"),
    [
        (["supported", "supported"], "Yes, here: in all 2"),
        (["contradicted"], "No, not here: in all 1"),
        (["undecided"] * 3, "These runs do not settle it: in none of 3"),
        (["supported", "contradicted", "undecided"], "It depends: of 3"),
        ([], "This experiment has no text model"),
    ],
)
def test_the_headline_says_no_more_than_the_verdicts(verdicts: list[str], begins: str) -> None:
    assert headline(better(*verdicts)).startswith(begins)


def test_a_headline_of_several_verdicts_counts_each() -> None:
    text = headline(better("supported", "supported", "contradicted", "undecided"))
    assert "better in 2, random weights in 1, and 1 are undecided" in text


def test_an_answer_is_a_verdict_only_where_all_comparisons_share_it() -> None:
    faster, ends, near, similar = answers(table(CLAIM_ROWS, CLAIMS))
    assert faster.verdict == "supported"
    assert ends.verdict == "mixed"
    assert "0 support it, 1 contradict it and 1 are undecided" in ends.sentence
    assert "between -0.100 and +0.200, on the claim's side in 1" in ends.sentence
    assert "In 1 there are too few replicates to decide: 3 where 6 are needed" in ends.sentence
    assert near.verdict == similar.verdict == "not asked"
    assert "no in-domain model beside a text model" in near.sentence


def test_where_all_diverged_an_answer_has_no_number() -> None:
    rows = [judged("better", "undecided", float("nan"), n=0, reason="3 replicates diverged"),
            *map(unasked, ("faster", "near in-domain", "similar"))]  # fmt: skip
    assert answers(table(rows, CLAIMS))[1].sentence == "One comparison: undecided."


def test_a_claim_with_a_margin_counts_what_lies_within_it_on_its_side() -> None:
    rows = [judged("near in-domain", "supported", -0.03, margin=0.05),
            *map(unasked, ("faster", "better", "similar"))]  # fmt: skip
    assert "is -0.030, on the claim's side" in answers(table(rows, CLAIMS))[2].sentence


def test_the_limits_are_those_of_the_tables() -> None:
    lines = " ".join(limits(table(MATRIX_ROWS, MATRIX), None))
    assert "Few replicates: 3 a condition" in lines
    assert "1 of 4 trained conditions have an interval that reaches chance" not in lines
    assert "No simple baseline" not in lines
    assert "One learning rate for every arm" in lines
    assert "diverged" not in lines


def test_simple_baselines_are_held_against_the_best_of_the_trained() -> None:
    text = beside_baselines(table(MATRIX_ROWS, MATRIX))
    assert "(n-grams) has a higher mean than every trained model in 1 of 1 tasks: splice." in text
    behind = [*MATRIX_ROWS[:4], {**MATRIX_ROWS[4], "mean": 0.89}]
    assert beside_baselines(table(behind, MATRIX)).endswith("in 0 of 1 tasks.")


def test_other_tables_have_other_limits() -> None:
    rows = [scored(0.52, n=8, diverged=2)]
    rates = table([{"chosen": True, "at_edge": True}, {"chosen": False, "at_edge": False}], RATES)
    lines = " ".join(limits(table(rows, MATRIX), rates))
    assert "Few replicates" not in lines
    assert "1 of 1 trained conditions have an interval that reaches chance level" in lines
    assert "2 replicates diverged" in lines
    assert "1 of 1 chosen learning rates are at an end of the list" in lines
    assert "No simple baseline was asked for" in lines


def test_a_speed_is_said_of_what_it_is_compared_with() -> None:
    row = {**CONDITION, "n": 1, "reached": 1, "reference_reached": 0, "target": 0.8,
           "examples": 100, "reference_examples": 200, "speed_up": 2.0}  # fmt: skip
    rows = [{**row, "against": "scratch", "reference_model": "small"},
            {**row, "against": "in-domain", "reference_model": "esm", "speed_up": 0.5,
             "speed_up_low": 0.4, "speed_up_high": 0.7}]  # fmt: skip
    shown = speed_table(table(rows, CONVERGENCE))
    assert list(shown["against"]) == ["scratch", "esm"]
    assert list(shown["times faster [95 %]"]) == ["2.00", "0.50 [0.40, 0.70]"]
    assert list(shown["reference examples"]) == ["200", "200"]


def test_runs_on_several_devices_are_all_named(tmp_path: Path) -> None:
    paths: list[Path] = []
    for device in ("cuda", "cpu", "cpu"):
        path = tmp_path / f"{len(paths)}.parquet"
        write_table(pd.DataFrame({"id": [1]}), path, pa.schema([("id", pa.int32())]),
                    {**RUN, "device": device})  # fmt: skip
        paths.append(path)
    assert provenance_of(paths)["device"] == "cpu, cuda"
    assert provenance_of(paths)["versions"] == {"torch": "2.13"}


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    page = Page(write_small_report(tmp_path))
    assert page.tags.count("h1") == 1
    assert page.tags.count("h2") == 11
    assert len(page.sources) == 2
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    text = " ".join(page.text.split())
    for words in (
        "5 conditions, 12 trained runs",
        "In 1 there are too few replicates",
        "0.900 [0.850, 0.950]",
        "small, pretrained esm, pretrained initial 2 and 2 0.700 [0.100, 0.950] 0.020",
        "scratch 0.125",
        "Splice junctions. Licence: CC BY 4.0.",
        "epochs – learning_rate 0.0001",
        "processor x86_64",
        "torch 2.13",
    ):
        assert words in text


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


def test_the_configuration_can_be_read_back(tmp_path: Path) -> None:
    configuration = {"tasks": ["splice"], "recipes": {"a": {"learning_rate": 1e-4}}, "seed": 3}
    page = write_small_report(tmp_path, configuration).read_text(encoding="utf-8")
    shown = unescape(page.split("<pre>")[1].split("</pre>")[0])
    assert yaml.safe_load(shown) == configuration
