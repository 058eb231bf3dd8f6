"""Tables as people read them: numbers, what varies, the matrix, the claims, tables for a paper."""

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.evaluation.claims import CLAIMS, RULE
from polymath.evaluation.tables import CLAIM_COLUMNS
from polymath.reporting.claims_page import (
    ClaimsPageTables,
    across_table,
    claim_table,
    describe_looks,
    family_table,
    write_claims_page,
)
from polymath.reporting.effective_data import describe_effective_data, effective_data_table
from polymath.reporting.matrix import (
    matrix_table,
    name_constant,
    summarise_matrix,
    write_matrix_page,
)
from polymath.reporting.paper_tables import (
    claims_table,
    differences_table,
    scores_table,
    write_paper_tables,
)
from polymath.reporting.tables import (
    drop_constant,
    format_estimate,
    format_interval,
    format_number,
    to_latex,
    to_markdown,
    varying_columns,
)
from polymath.util.errors import DamagedError
from polymath.util.storage import set_aside, write_json
from support.figures import CONDITION, effective_data
from support.report import CLAIM_ROWS, MATRIX_ROWS, judged, judged_together, scored
from support.tables import table, write

DIFFERENCE: dict[str, Any] = {
    **CONDITION, "against": "scratch", "reference_model": "small", "n": 3, "difference": 0.2,
    "low": 0.05, "high": 0.35, "seeds_low": 0.1, "seeds_high": 0.3, "items_low": 0.15,
    "items_high": 0.25, "p_holm": 0.25, "items": 300, "detectable": 0.125,
    "differences": [0.1, 0.2, 0.3],
}  # fmt: skip
ACROSS = {"against": "scratch", "model": "text-bert", "init": "pretrained",
          "reference_model": "text-bert", "fraction": "1", "recipe": "default", "tasks": 1,
          "rows": 1, "runs": 6, "iqm": 0.8, "reference_iqm": 0.7, "gain": 0.1, "gain_low": 0.05,
          "gain_high": 0.2, "improvement": 0.9, "improvement_low": 0.7,
          "improvement_high": 1.0}  # fmt: skip
NGRAMS = {"model": "ngram", "init": "none", "mapping": "none", "recipe": "none"}


def cells(line: str) -> list[str]:
    """Return the cells of a line of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def grid(text: str) -> list[list[str]]:
    """Return the lines of the Markdown tables in a text, without those of dashes."""
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if not all(set(cell) <= set(":-") for cell in line)]


def test_a_number_without_a_value_is_a_dash() -> None:
    assert format_number(math.nan) == format_interval(math.nan, 1) == "–"
    assert format_estimate(math.nan, 0, 1) == "–"
    assert (format_number(0.5), format_interval(-0.5, 0.25)) == ("0.500", "[-0.500, +0.250]")


def test_a_number_has_its_interval_beside_it_where_there_is_one() -> None:
    assert format_estimate(1.5, 1, 2, ".2f") == "1.50 [1.00, 2.00]"
    assert format_estimate(1.5, math.nan, math.nan, ".2f") == "1.50"
    assert format_estimate(1.5, math.nan, math.nan, ".1f", "[alone]") == "1.5 [alone]"


def test_columns_that_do_not_vary_are_dropped_and_empty_cells_do_not_count() -> None:
    rows = pd.DataFrame(
        {"task": ["a", "a", "b"], "same": ["x", "", "–"], "differs": ["x", "y", "y"],
         "by_task": ["x", "x", "y"], "number": [1.0, None, 1.0]}
    )  # fmt: skip
    names = ["same", "differs", "by_task", "number", "absent"]
    assert varying_columns(rows, names) == ["differs", "by_task"]
    assert varying_columns(rows, names, within=["task"]) == ["differs"]
    assert list(drop_constant(rows, names)) == ["task", "differs", "by_task"]
    assert varying_columns(rows.iloc[:0], names, within=["task"]) == []


def test_the_matrix_has_a_line_per_condition() -> None:
    shown = matrix_table(table(MATRIX_ROWS, "matrix"), everything=True)
    assert len(shown) == len(MATRIX_ROWS)
    assert shown["mean [95 %]"].iloc[0] == "0.900 [0.850, 0.950]"
    assert list(shown["learning_rate"]) == ["0.0001", "0.0003", "0.0001", "0.0001", "–"]
    assert "diverged" not in shown


def test_the_matrix_marks_a_single_replicate_and_counts_those_that_diverged() -> None:
    rows = [
        scored(0.9, n=1, low=None, high=None, difference=0.1),
        scored(math.nan, n=0, diverged=3, chance=None, low=None, high=None),
    ]
    first, second = matrix_table(table(rows, "matrix")).to_dict("records")
    assert first["mean [95 %]"] == "0.900 [one replicate]"
    assert first["difference from scratch [95 %]"] == "+0.100 [one replicate]"
    assert (second["mean [95 %]"], second["chance"], second["diverged"]) == ("–", "–", "3")


def test_the_matrix_counts_test_items_and_what_they_could_show() -> None:
    rows = [scored(0.9, groups=300, detectable=0.04), scored(0.8, groups=120)]
    shown = matrix_table(table(rows, "matrix"))
    assert list(shown["test items"]) == ["300", "300 in 120 groups"]
    assert list(shown["detectable"]) == ["0.040", "–"]
    older = table(rows, "matrix").drop(columns=["groups", "detectable"])
    assert list(matrix_table(older)["test items"]) == ["300", "300"]


def test_the_summary_shows_only_columns_that_vary() -> None:
    rows = [scored(0.9), scored(0.8, init="scratch"), scored(0.7, fraction="0.1")]
    head, *lines = summarise_matrix(table(rows, "matrix")).splitlines()
    assert head.split()[:4] == ["task", "init", "fraction", "metric"]
    assert len(lines) == 3


def test_the_page_of_the_matrix_holds_all_its_columns(tmp_path: Path) -> None:
    write_matrix_page(write(MATRIX_ROWS, "matrix", tmp_path), tmp_path / "matrix.md")
    shown = matrix_table(table(MATRIX_ROWS, "matrix"), everything=True)
    lines = grid((tmp_path / "matrix.md").read_text(encoding="utf-8"))
    assert lines == [list(shown), *shown.to_numpy().tolist()]


SAME_SCORE = {**CONDITION, "against": "scratch", "reference_model": "small", "n": 3, "saved": 0.2,
              "saved_low": 0.1, "saved_high": 0.3, "target": 0.8, "reached": 3,
              "reference_reached": 1}  # fmt: skip


def claims_page(
    folder: Path, across: list[dict[str, Any]], family: dict[str, Any] | None = None
) -> str:
    rows = {
        "claims": CLAIM_ROWS,
        "families": [family or judged_together("better", "supported", 0.2)],
        "convergence": [SAME_SCORE],
        "summary": across,
    }
    files = {name: write(content, name, folder) for name, content in rows.items()}
    write_json({}, folder / "looks.json")
    tables = ClaimsPageTables(**files, looks=folder / "looks.json")
    write_claims_page(tables, folder / "claims.md")
    return (folder / "claims.md").read_text(encoding="utf-8")


def test_the_page_of_claims_has_the_rule_the_counts_and_every_claim(tmp_path: Path) -> None:
    page = claims_page(tmp_path, [ACROSS])
    assert RULE in page
    for claim in CLAIMS.values():
        assert f"## {claim.statement}\n" in page
    assert [CLAIMS["better"].statement, "0", "1", "1"] in grid(page)
    assert "+0.100 [+0.050, +0.200]" in page
    assert "## Scores across tasks" not in claims_page(tmp_path, [])


@pytest.mark.parametrize(
    ("alone", "tasks", "verdict", "difference"),
    [
        ({}, "2: splice, stability", "supported", "+0.200 [+0.100, +0.300]"),
        # A task that is alone has its own verdict.
        ({"tasks": 1, "members": "stability"}, "1: stability", "contradicted",
         "-0.100 [-0.200, +0.000]"),
    ],
)  # fmt: skip
def test_the_page_begins_with_all_tasks_together(
    alone: dict[str, Any], tasks: str, verdict: str, difference: str, tmp_path: Path
) -> None:
    family = judged_together("better", "supported", 0.2, **alone)
    heads, line, *_ = grid(claims_page(tmp_path, [], family))
    row = dict(zip(heads, line, strict=True))
    assert (row["claim"], row["tasks"], row["verdict"]) == ("better", tasks, verdict)
    assert row["qualifier"] == "at one learning rate"
    assert row["difference [95 %]"] == difference


def test_the_time_to_the_same_score_is_shown_with_the_runs_that_reached_it(tmp_path: Path) -> None:
    lines = grid(claims_page(tmp_path, []))
    assert ["splice", "0.800", "+0.200 [+0.100, +0.300]", "3 of 3", "1 of 3"] in lines


def test_repeated_looks_are_counted_with_their_numbers_of_pairs() -> None:
    claims = table([judged("better", "supported", 0.1, looks=2)], "claims")
    name = "/".join(str(claims.iloc[0][column]) for column in CLAIM_COLUMNS)
    said = describe_looks(claims, {name: [3, 8], "of other results": [5]})
    assert "2 times" in said
    assert "3, 8 pairs" in said
    once = table([judged("better", "supported", 0.1)], "claims")
    assert "judged once" in describe_looks(once, {name: [3]})


def test_a_record_of_looks_that_was_damaged_is_named(tmp_path: Path) -> None:
    assert "more often" not in claims_page(tmp_path, [])
    damaged = DamagedError(tmp_path / "looks.json", "cut")
    set_aside(damaged)
    page = claims_page(tmp_path, [])
    assert "evidence/looks.json.damaged" in page
    assert "may have been judged more often" in " ".join(page.split())


def test_what_a_family_leaves_out_is_named() -> None:
    rows = [judged_together("better", "supported", 0.2, left_out="amp: 1 replicates diverged"),
            judged_together("faster", "undecided", 0.0)]  # fmt: skip
    shown = family_table(table(rows, "families"))
    assert list(shown["left out"]) == ["amp: 1 replicates diverged", "–"]
    assert "left out" not in family_table(table(rows[1:], "families"))


def test_a_claim_shows_its_mapping_and_what_varies() -> None:
    rows = [judged("better", "supported", 0.05, items_low=-0.5, items_high=0.5, n=6, items=90,
                   groups=40, qualifier="at one learning rate"),
            judged("better", "undecided", 0.1, fraction="0.1", reason="3 pairs")]  # fmt: skip
    first, second = claim_table(table(rows, "claims")).to_dict("records")
    assert (first["mapping"], first["fraction"], first["pairs"]) == ("random", "1", "6")
    assert first["both [95 %]"] == "[-0.050, +0.150]"
    assert first["items [95 %]"] == "[-0.500, +0.500]"
    assert (first["test items"], first["groups"]) == ("90", "40")
    assert (first["p"], first["sign flips"]) == ("0.0100", "0.0200")
    assert (first["verdict"], first["qualifier"]) == ("supported", "at one learning rate")
    assert (second["why"], second["qualifier"]) == ("3 pairs", "–")
    same = claim_table(table([{**rows[0], "groups": 90}], "claims"))
    assert "groups" not in same
    assert "mapping" not in claim_table(table(CLAIM_ROWS[3:4], "claims"))


def test_the_summary_across_tasks_names_in_domain_models() -> None:
    rows = [ACROSS, {**ACROSS, "against": "in-domain", "reference_model": "esm", "gain_low": None}]
    shown = across_table(table(rows, "summary"))
    assert list(shown["against"]) == ["scratch", "esm"]
    assert list(shown["difference of IQMs [95 %]"]) == ["+0.100 [+0.050, +0.200]", "+0.100"]


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    sources = {
        "matrix": MATRIX_ROWS,
        "comparisons": [DIFFERENCE, {**DIFFERENCE, "task": "stability"}],
        "claims": CLAIM_ROWS,
        "effective_data": [*effective_data()],
    }
    matrix, comparisons, claims, effective = (
        write(rows, name, tmp_path) for name, rows in sources.items()
    )
    files = {
        f"{name}_{kind}": tmp_path / f"{name}.{kind}"
        for name in ("scores", "differences", "claims", "effective_data")
        for kind in ("md", "tex")
    }
    write_paper_tables(matrix, comparisons, claims, files, effective)
    return files


@pytest.mark.parametrize("name", ["scores", "differences", "claims", "effective_data"])
def test_both_formats_hold_the_same_cells(name: str, written: dict[str, Path]) -> None:
    markdown, latex = (written[f"{name}_{kind}"].read_text() for kind in ("md", "tex"))
    rows = [row.removesuffix(r" \\").split(" & ") for row in latex.splitlines() if " & " in row]
    assert [[cell.strip() for cell in row] for row in rows] == grid(markdown)
    assert re.search(r"\\begin\{tabular\}\{l{" + str(len(rows[0])) + r"}\}", latex)
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == 1


def test_scores_have_a_row_per_task_and_a_column_per_arm() -> None:
    shown = scores_table(table(MATRIX_ROWS, "matrix"))
    assert list(shown) == ["task", "metric", "pretrained", "scratch", "n-grams", "items", "chance"]
    assert list(shown.iloc[0])[:6] == ["splice", "accuracy", "0.900 ± 0.050", "0.700 ± 0.050",
                                       "0.950 ± 0.050", "300"]  # fmt: skip
    assert list(shown.iloc[1])[2:] == ["0.250 ± 0.050", "0.100 ± 0.050", "–", "300", "0.000"]


def test_what_pre_training_is_worth_says_what_was_not_measured() -> None:
    rows = [*effective_data()]
    shown = effective_data_table(table(rows, "effective_data"))
    worth = ["4", "at least 1", "at most 1", "not above chance"]
    assert shown["times the data"].tolist() == worth
    assert shown["interval"].tolist() == ["[2, open]", "[0.8, open]", "[open, 1.5]", "–"]
    assert shown["measurable"].tolist() == ["1 to 10", "0.1 to 1"] * 2
    assert "model" not in shown
    (sentence,) = describe_effective_data(table(rows, "effective_data"))
    assert sentence.startswith("splice:")
    for words in ("4 times the data [2, open]", "0.1;", "at least 1 times", "fraction of 1."):
        assert words in sentence
    worthless = [{**row, "init": "pretrained"} for row in rows[2:]]
    for line, words in ((worthless, "above random weights"), (worthless[1:], "above chance")):
        (sentence,) = describe_effective_data(table(line, "effective_data"))
        assert f"not {words} on any fraction" in sentence
    (first, second) = describe_effective_data(
        table([*rows, {**rows[0], "mapping": "frequency"}], "effective_data")
    )
    assert (first.split(":")[0], second.split(":")[0]) == ("splice, random", "splice, frequency")


def test_differences_leave_out_what_does_not_vary() -> None:
    shown = differences_table(
        table([DIFFERENCE, {**DIFFERENCE, "task": "stability"}], "comparisons")
    )
    assert shown.iloc[0].to_dict() == {
        "task": "splice", "against": "scratch", "difference": "+0.200", "both": "[+0.050, +0.350]",
        "seeds": "[+0.100, +0.300]", "items": "[+0.150, +0.250]", "p": "0.250",
        "detectable": "0.125", "g": "–", "n": "3", "test items": "300",
    }  # fmt: skip
    assert differences_table(table([], "comparisons")).to_numpy().tolist() == [["none"]]


def test_a_claim_without_comparisons_has_a_row_of_dashes() -> None:
    shown = claims_table(table(CLAIM_ROWS, "claims")).set_index("claim")
    assert list(shown.index) == [
        "faster", "better", "better", "near in-domain", "similar", "shared"
    ]  # fmt: skip
    assert list(shown.loc["similar", ["task", "number", "verdict"]]) == ["–", "–", "undecided"]


def test_a_comparison_whose_replicates_diverged_keeps_its_row() -> None:
    rows = [judged("better", "undecided", 0.1), judged("better", "undecided", math.nan, n=0)]
    shown = claims_table(table(rows, "claims")).set_index("claim")
    assert list(shown.loc["better", "number"]) == ["+0.100", "–"]


@pytest.mark.parametrize(
    ("metric", "name"), [("accuracy", "class"), ("micro_f1", "labels"), ("pearson", "a constant")]
)
def test_chance_is_named_by_what_is_always_answered(metric: str, name: str) -> None:
    assert name_constant(metric).endswith(name)


def test_a_baseline_without_a_trained_model_has_a_row_of_its_own() -> None:
    alone = scored(0.6, task="alone", **NGRAMS)
    for rows in ([scored(0.9), alone], [alone]):
        shown = scores_table(table(rows, "matrix")).set_index("task")
        assert shown.loc["alone", "n-grams"] == "0.600 ± 0.050"


def test_latex_escapes_what_it_would_take_for_commands() -> None:
    text = to_latex(pd.DataFrame({"a_b": ["50 % & $x$ #1"]}), "95 % sure", "tab:x")
    assert r"a\_b" in text
    assert r"50 \% \& \$x\$ \#1" in text
    assert r"\caption{95 \% sure}" in text


def test_markdown_keeps_texts_that_look_like_numbers() -> None:
    assert grid(to_markdown(pd.DataFrame({"fraction": ["1", "0.10"], "n": [3, 12]}))) == [
        ["fraction", "n"], ["1", "3"], ["0.10", "12"],
    ]  # fmt: skip


def test_conditions_that_differ_in_more_have_rows_or_columns_of_their_own() -> None:
    rows = [
        scored(0.9),
        scored(0.8, fraction="0.1"),
        scored(0.7, model="esm", mapping="character"),
        scored(0.6, **NGRAMS),
        scored(math.nan, init="scratch"),
        scored(0.977, task="fixed", low=0.977, high=0.977 + 1e-12),
        scored(0.5, task="once", low=None, high=None),
        scored(math.nan, task="lost", items=None, chance=None),
    ]
    shown = scores_table(table(rows, "matrix"))
    columns = ["small pretrained", "esm pretrained", "small scratch", "n-grams"]
    tasks = [f"{task}, fraction {share}" for task, share in (
        ("splice", 1), ("splice", 0.1), ("fixed", 1), ("once", 1), ("lost", 1),
    )]  # fmt: skip
    assert list(shown["task"]) == tasks
    assert list(shown["small pretrained"][2:4]) == ["0.977", "0.500"]
    assert list(shown.iloc[4][["items", "chance"]]) == ["–", "–"]
    assert list(shown.columns[2:6]) == columns
    assert list(shown[columns].iloc[0]) == ["0.900 ± 0.050", "0.700 ± 0.050", "diverged",
                                            "0.600 ± 0.050"]  # fmt: skip
    assert list(shown[columns].iloc[1]) == ["0.800 ± 0.050", "–", "–", "–"]
