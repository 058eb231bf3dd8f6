"""Tables for a paper: scores, differences and claims, in Markdown and LaTeX."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from polymath.evaluation.claims import CLAIMS
from polymath.evaluation.statistics import ALPHA
from polymath.reporting.claims_page import to_markdown
from polymath.reporting.matrix_layout import column_order, has_interval, place_cells
from polymath.util.storage import read_table, whole_file

DASH = "–"
SETTINGS = ("model", "mapping", "fraction", "recipe")
LEVEL = f"{1 - ALPHA:.0%}"


def write_paper_tables(
    matrix: Path, comparisons: Path, claims: Path, files: dict[str, Path]
) -> None:
    """Write each table twice, as the files' suffixes say.

    LaTeX needs the package booktabs. Nothing is set in bold: the highest mean is no finding.

    Args:
        files: paths by `scores_md`, `scores_tex` and so on for `differences` and `claims`.
    """
    tables = {
        "scores": (scores_table(read_table(matrix)), SCORES),
        "differences": (differences_table(read_table(comparisons)), DIFFERENCES),
        "claims": (claims_table(read_table(claims)), CLAIMED),
    }
    for name, (table, caption) in tables.items():
        _write(files[f"{name}_md"], f"{caption}\n\n{to_markdown(table)}")
        _write(files[f"{name}_tex"], to_latex(table, caption, f"tab:{name}"))


SCORES = (
    f"Test scores in each task's metric: mean over replicates ± half-width of its {LEVEL} interval "
    "(Student's t over replicates)."
)
DIFFERENCES = (
    f"Paired differences of test scores with {LEVEL} intervals over other seeds (Student's t) and "
    "over other test items (bootstrap); p of the sign-flip test after Holm's correction; Hedges' g."
)
CLAIMED = (
    f"The claims: number, its {LEVEL} interval over seeds, and the verdict (sign-flip test, Holm)."
)


def scores_table(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return a row a task, a column a model and initialisation, as texts."""
    cells = place_cells(matrix)
    column = cells["column"].str.replace("\n", " ")
    shown = cells.assign(column=column, text=[*map(_score, cells.to_dict("records"))])
    rows, columns = shown["row"].unique(), column_order(shown)
    table = shown.pivot(index="row", columns="column", values="text")
    table = table.reindex(index=rows, columns=columns).fillna(DASH)
    first = shown.drop_duplicates("row").set_index("row").loc[rows]
    table.insert(0, "metric", first["metric"])
    table["items"] = [DASH if pd.isna(value) else f"{value:.0f}" for value in first["items"]]
    table["chance"] = [_number(value) for value in first["chance"]]
    return table.rename_axis("task", axis=0).rename_axis(None, axis=1).reset_index()


def differences_table(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return a row a comparison, as texts; columns that never vary are left out."""
    rows = [
        {
            "task": row["task"],
            **{name: row[name] for name in ("init", *SETTINGS)},
            "against": row["reference_model"] if row["against"] == "in-domain" else row["against"],
            "difference": _number(row["difference"], "+"),
            "seeds": _interval(row["low"], row["high"]),
            "items": _interval(row["items_low"], row["items_high"]),
            "p": _number(row["p_holm"]),
            "g": DASH if pd.isna(row["effect"]) else f"{row['effect']:+.2f}",
            "n": f"{row['n']:.0f}",
        }
        for row in comparisons.to_dict("records")
    ]
    if not rows:
        return pd.DataFrame({"comparisons": ["none"]})
    return _without_constants(pd.DataFrame(rows), ["init", *SETTINGS])


def to_latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """Return a table of texts as a LaTeX table with its caption above it."""
    return table.to_latex(
        index=False,
        escape=True,
        caption=caption.replace("%", r"\%"),
        label=label,
        column_format="l" * len(table.columns),
        position="t",
    )


def claims_table(claims: pd.DataFrame) -> pd.DataFrame:
    """Return a row a claim and comparison, as texts; claims that nothing was compared for are one
    row each.
    """
    asked = claims[claims["n"].notna()]
    rows = [
        {
            "claim": claim,
            "task": row["task"],
            **{name: row[name] or DASH for name in (*SETTINGS, "reference")},
            "number": _number(row["value"], "+"),
            "seeds": _interval(row["low"], row["high"]),
            "n": f"{row['n']:.0f}",
            "verdict": row["verdict"],
        }
        for claim in CLAIMS
        for row in asked[asked["claim"] == claim].to_dict("records")
    ]
    silent = [claim for claim in CLAIMS if claim not in set(asked["claim"])]
    rows += [{"claim": claim, "verdict": "undecided"} for claim in silent]
    return _without_constants(pd.DataFrame(rows).fillna(DASH), SETTINGS)


def _without_constants(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a table without those of the named columns that say the same throughout."""
    values = {name: set(table[name]) - {DASH} for name in names if name in table}
    return table.drop(columns=[name for name, found in values.items() if len(found) < 2])


def _score(row: dict[str, float]) -> str:
    if pd.isna(row["mean"]):
        return "diverged"
    if not has_interval(row["low"], row["high"]):
        return f"{row['mean']:.3f}"
    return f"{row['mean']:.3f} ± {(row['high'] - row['low']) / 2:.3f}"


def _number(value: float, sign: str = "") -> str:
    return DASH if pd.isna(value) else f"{value:{sign}.3f}"


def _interval(low: float, high: float) -> str:
    return DASH if pd.isna(low) else f"[{low:+.3f}, {high:+.3f}]"


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text.rstrip() + "\n", encoding="utf-8")
