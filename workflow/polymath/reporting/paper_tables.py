"""Tables for a paper: scores, differences and claims, in Markdown and LaTeX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from polymath.evaluation.claims import CLAIMS, JUDGED
from polymath.evaluation.statistics import ALPHA
from polymath.experiment.datasets import OF_ONE_CLASS
from polymath.reporting.auc import format_auc_difference
from polymath.reporting.claims_page import name_reference
from polymath.reporting.effective_data import effective_data_table
from polymath.reporting.matrix import arrange_matrix, order_columns
from polymath.reporting.tables import (
    DASH,
    drop_constant,
    format_interval,
    format_number,
    has_width,
    to_latex,
    to_markdown,
    write_text,
)
from polymath.util.storage import read_table

SETTINGS = ("model", "mapping", "fraction", "recipe")
LEVEL = f"{1 - ALPHA:.0%}"
CAPTIONS = {
    "scores": f"Test scores in each task's metric: mean over replicates ± half-width of its "
    f"{LEVEL} interval (Student's t over replicates).",
    "differences": f"Paired differences of test scores with {LEVEL} intervals over other seeds and "
    "other test items together, over seeds alone (Student's t) and over test items alone "
    "(bootstrap); difference of ROC-AUC with the interval of the same test; p of the t test with "
    "both variances after Holm's correction; smallest difference detectable with 80% power; "
    "Hedges' g.",
    "effective_data": f"Effective data transferred: how many times the training data random "
    f"weights need for the same score, with {LEVEL} intervals (percentile bootstrap over pairs of "
    "replicates). At least: they do not reach it on all of their data. At most: they are above it "
    "on the least of their data, or the arm is not above them on any fraction. Open: beyond what "
    "these fractions can show.",
    "claims": f"The claims: number, its {LEVEL} interval over seeds and test items, and the "
    "verdict (t test with both variances, Holm) with its qualifier.",
}


def write_paper_tables(
    matrix: Path,
    comparisons: Path,
    claims: Path,
    files: dict[str, Path],
    effective_data: Path | None = None,
) -> None:
    """Write each table in both formats.

    Nothing is set in bold: the highest mean need not differ significantly from the next.

    Args:
        files: paths by `scores_md`, `scores_tex` and so on for the other tables.
        effective_data: of an experiment with several fractions.
    """
    tables = {
        "scores": scores_table(read_table(matrix)),
        "differences": differences_table(read_table(comparisons)),
        "claims": claims_table(read_table(claims)),
    }
    if effective_data:
        tables["effective_data"] = effective_data_table(read_table(effective_data))
    for name, table in tables.items():
        caption = CAPTIONS[name]
        write_text(f"{caption}\n\n{to_markdown(table)}", files[f"{name}_md"])
        write_text(to_latex(table, caption, f"tab:{name}"), files[f"{name}_tex"])


def scores_table(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return one row per task and one column per model and initialisation, as texts."""
    cells = arrange_matrix(matrix)
    column = cells["column"].str.replace("\n", " ")
    cells = cells.assign(column=column, text=[*map(_score, cells.to_dict("records"))])
    rows, columns = cells["row"].unique(), order_columns(cells)
    table = cells.pivot(index="row", columns="column", values="text")
    table = table.reindex(index=rows, columns=columns).fillna(DASH)
    first = cells.drop_duplicates("row").set_index("row").loc[rows]
    table.insert(0, "metric", [*map(_name_metric, first.to_dict("records"))])
    table["items"] = [format_number(value, ".0f") for value in first["items"]]
    table["chance"] = [*map(format_number, first["chance"])]
    return table.rename_axis("task", axis=0).rename_axis(None, axis=1).reset_index()


def differences_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison, as texts, without settings that do not vary."""
    if comparisons.empty:
        return pd.DataFrame({"comparisons": ["none"]})
    table = comparisons[["task", "init", *SETTINGS]].assign(
        against=name_reference(comparisons),
        difference=[format_number(value, "+.3f") for value in comparisons["difference"]],
        both=[*map(format_interval, comparisons["low"], comparisons["high"])],
        seeds=[*map(format_interval, comparisons["seeds_low"], comparisons["seeds_high"])],
        items=[*map(format_interval, comparisons["items_low"], comparisons["items_high"])],
        p=[*map(format_number, comparisons["p_holm"])],
        detectable=[*map(format_number, comparisons["detectable"])],
        g=[format_number(value, "+.2f") for value in comparisons["effect"]],
        n=comparisons["n"].astype(str),
        **{"test items": [format_number(value, ".0f") for value in comparisons["items"]]},
    )
    if comparisons.get("auc_difference", pd.Series(dtype=float)).notna().any():
        table.insert(
            table.columns.get_loc("p"),
            "AUC",
            [*map(format_auc_difference, comparisons.to_dict("records"))],
        )
    return drop_constant(table, ["init", *SETTINGS])


def claims_table(claims: pd.DataFrame) -> pd.DataFrame:
    """Return one row per claim and comparison, as texts; a claim without comparisons has one."""
    compared = claims[claims["n"].notna()]
    compared = compared.sort_values("claim", key=lambda names: names.map([*JUDGED].index),
                                    kind="stable")  # fmt: skip
    table = compared[["claim", "task", *SETTINGS, "reference"]].assign(
        number=[format_number(value, "+.3f") for value in compared["value"]],
        interval=[*map(format_interval, compared["low"], compared["high"])],
        n=[f"{value:.0f}" for value in compared["n"]],
        items=[format_number(value, ".0f") for value in compared["items"]],
        detectable=[*map(format_number, compared["detectable"])],
        verdict=compared["verdict"],
        qualifier=compared["qualifier"],
    )
    silent = [claim for claim in CLAIMS if claim not in set(compared["claim"])]
    untested = pd.DataFrame({"claim": silent, "verdict": "undecided"})
    table = pd.concat([table, untested]).replace("", DASH).fillna(DASH)
    return drop_constant(table, SETTINGS)


def _name_metric(row: Mapping[str, Any]) -> str:
    """Return a row's metric, with the class that it is of."""
    of_class = row["metric"] in OF_ONE_CLASS and row.get("positive")
    return f"{row['metric']} ({row['positive']})" if of_class else str(row["metric"])


def _score(cell: dict[str, float]) -> str:
    if pd.isna(cell["mean"]):
        return "diverged"
    if not has_width(cell["low"], cell["high"]):
        return f"{cell['mean']:.3f}"
    return f"{cell['mean']:.3f} ± {(cell['high'] - cell['low']) / 2:.3f}"
