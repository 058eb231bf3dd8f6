"""Tables for a paper: the numbers of the matrix, in Markdown and in LaTeX."""

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from polymath.evaluation.tables import CLAIM_SCHEMA as CLAIMS
from polymath.evaluation.tables import COMPARISON_SCHEMA as COMPARISONS
from polymath.evaluation.tables import MATRIX_SCHEMA as MATRIX
from polymath.reporting.paper_tables import (
    claims_table,
    differences_table,
    scores_table,
    to_latex,
    write_paper_tables,
)
from polymath.util.storage import write_table
from support.report import CLAIM_ROWS, CONDITION, MATRIX_ROWS, judged, scored, table

DIFFERENCE: dict[str, Any] = {
    **CONDITION, "against": "scratch", "reference_model": "small", "n": 3, "difference": 0.2,
    "low": 0.1, "high": 0.3, "items_low": 0.15, "items_high": 0.25, "p_holm": 0.25,
    "differences": [0.1, 0.2, 0.3],
}  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    sources = {
        "matrix": (MATRIX_ROWS, MATRIX),
        "comparisons": ([DIFFERENCE, {**DIFFERENCE, "task": "stability"}], COMPARISONS),
        "claims": (CLAIM_ROWS, CLAIMS),
    }
    for name, (rows, schema) in sources.items():
        write_table(table(rows, schema), tmp_path / f"{name}.parquet", schema, {})
    files = {
        f"{name}_{kind}": tmp_path / f"{name}.{kind}"
        for name in ("scores", "differences", "claims")
        for kind in ("md", "tex")
    }
    matrix, comparisons, claims = (tmp_path / f"{name}.parquet" for name in sources)
    write_paper_tables(matrix, comparisons, claims, files)
    return files


def test_scores_have_a_row_a_task_and_a_column_an_arm(written: dict[str, Path]) -> None:
    text = written["scores_md"].read_text()
    assert "| task | metric | pretrained | scratch | n-grams | items | chance |" in text
    assert "| splice | accuracy | 0.900 ± 0.050 | 0.700 ± 0.050 | 0.950 ± 0.050 | 300 |" in text
    assert "| stability | spearman | 0.250 ± 0.050 | 0.100 ± 0.050 | – | 300 | 0.000 |" in text


def test_differences_leave_out_what_never_varies(written: dict[str, Path]) -> None:
    text = written["differences_md"].read_text()
    assert "| task | against | difference | seeds | items | p | g | n |" in text
    row = "| scratch | +0.200 | [+0.100, +0.300] | [+0.150, +0.250] | 0.250 | – | 3 |"
    assert f"| stability {row}" in text


def test_a_claim_that_was_not_asked_is_said_to_be_undecided(written: dict[str, Path]) -> None:
    text = written["claims_md"].read_text()
    assert "| better | stability | scratch | -0.100 | [-0.200, +0.000] | 8 | contradicted |" in text
    assert "| similar | – | – | – | – | – | undecided |" in text


@pytest.mark.parametrize("name", ["scores", "differences", "claims"])
def test_latex_has_the_cells_of_markdown(name: str, written: dict[str, Path]) -> None:
    markdown, latex = (written[f"{name}_{kind}"].read_text() for kind in ("md", "tex"))
    lines = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line[:1] == "|"]
    rows = [row.removesuffix(r" \\").split(" & ") for row in latex.splitlines() if " & " in row]
    assert rows == [lines[0], *lines[2:]]
    assert re.search(r"\\begin\{tabular\}\{l{" + str(len(rows[0])) + r"}\}", latex)
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == 1


def test_without_a_comparison_the_table_says_so() -> None:
    nothing = differences_table(table([], COMPARISONS))
    assert to_latex(nothing, "x", "y").count("none") == 1


def test_a_comparison_whose_replicates_diverged_keeps_its_row() -> None:
    rows = [judged("better", "undecided", 0.1), judged("better", "undecided", math.nan, n=0)]
    shown = claims_table(table(rows, CLAIMS))
    assert list(shown["number"])[:2] == ["+0.100", "–"]


def test_a_baseline_beside_nothing_trained_has_a_row_of_its_own() -> None:
    alone = scored(0.6, task="alone", model="ngram", init="none", mapping="none", recipe="none")
    for rows in ([scored(0.9), alone], [alone]):
        shown = scores_table(table(rows, MATRIX)).set_index("task")
        assert shown.loc["alone", "n-grams"] == "0.600 ± 0.050"


def test_latex_shows_what_it_would_take_for_commands() -> None:
    text = to_latex(pd.DataFrame({"a_b": ["50 % & $x$ #1"]}), "95 % sure", "tab:x")
    assert r"a\_b" in text
    assert r"50 \% \& \$x\$ \#1" in text
    assert r"\caption{95 \% sure}" in text


def test_conditions_that_differ_in_more_have_rows_or_columns_of_their_own() -> None:
    rows = [
        scored(0.9),
        scored(0.8, fraction="0.1"),
        scored(0.7, model="esm", mapping="character"),
        scored(0.6, model="ngram", init="none", mapping="none", recipe="none"),
        scored(float("nan"), init="scratch"),
        scored(0.977, task="fixed", low=0.977, high=0.977 + 1e-12),
        scored(0.5, task="once", low=None, high=None),
        scored(float("nan"), task="lost", items=None, chance=None),
    ]
    shown = scores_table(table(rows, MATRIX))
    columns = ["small pretrained", "esm pretrained", "small scratch", "n-grams"]
    tasks = [f"{task}, fraction {share}" for task, share in (
        ("splice", 1), ("splice", 0.1), ("fixed", 1), ("once", 1), ("lost", 1),
    )]  # fmt: skip
    assert list(shown["task"]) == tasks
    assert list(shown["small pretrained"][2:4]) == ["0.977", "0.500"]
    assert list(shown.iloc[4][["items", "chance"]]) == ["–", "–"]
    assert list(shown.columns[2:6]) == columns
    assert list(shown[columns].iloc[0]) == [
        "0.900 ± 0.050",
        "0.700 ± 0.050",
        "diverged",
        "0.600 ± 0.050",
    ]
    assert list(shown[columns].iloc[1]) == ["0.800 ± 0.050", "–", "–", "–"]
