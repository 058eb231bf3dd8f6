"""Draw a figure of the registry: read its tables, save it as SVG and PNG, save its data as CSV."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from polymath.evaluation.tables import CONDITION_COLUMNS
from polymath.reporting.figures import style
from polymath.reporting.figures.registry import FIGURES
from polymath.util.storage import read_json, read_table, read_with_metadata, whole_file

MOST_CONDITIONS = 500  # more make a figure of metres; matplotlib saves none of over 65,535 pixels
Draw = Callable[[Mapping[str, Any]], tuple[Figure, pd.DataFrame]]


def draw_figure(
    name: str,
    inputs: Mapping[str, Path | list[Path] | pd.DataFrame],
    svg: Path,
    png: Path,
    csv: Path,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Draw one figure and save it in both formats, with the data that it shows beside it.

    Args:
        inputs: the files of each table that the registry lists for the figure; several files of
            one table are concatenated. What is no file of a run comes as a table.
        settings: what a figure shows beside its tables.
    """
    tables = {table: _read(table, inputs[table]) for table in FIGURES[name].tables}
    draw: Draw = import_module(f"{__package__}.{name}").draw
    main_table = tables[FIGURES[name].tables[0]]
    with mpl.rc_context(style.STYLE):
        if _count_conditions(main_table) > MOST_CONDITIONS:
            figure, data = _refuse(main_table, f"{csv.parent.name}/{csv.name}")
        else:
            figure, data = draw({**tables, **(settings or {})})
        _save(figure, svg, png)
    with whole_file(csv) as temporary:
        data.to_csv(temporary, index=False)


def _count_conditions(table: Any) -> int:
    if not isinstance(table, pd.DataFrame):
        return 1
    columns = [name for name in CONDITION_COLUMNS if name in table]
    return len(table[columns].drop_duplicates())


def _refuse(table: pd.DataFrame, csv: str) -> tuple[Figure, pd.DataFrame]:
    """Return a note in place of a figure, and the data that it would show."""
    figure = Figure(figsize=(style.WIDTH, 2.0), layout="constrained")
    reason = f"{_count_conditions(table):,} conditions are too many for a figure"
    style.write_note(figure.subplots(), f"{reason}: their data are in {csv}")
    return figure, table.drop(columns=["differences", "seconds"], errors="ignore")


def _read(table: str, files: Path | list[Path] | pd.DataFrame) -> Any:
    if isinstance(files, pd.DataFrame):
        return files
    read: Callable[[Path], Any] = READERS.get(table, read_table)
    if isinstance(files, Path):
        return read(files)
    return pd.concat(map(read, files), ignore_index=True)


def _read_curves(path: Path) -> pd.DataFrame:
    """Return a condition's learning curves with its columns, its metric and who diverged."""
    table, metadata = read_with_metadata(path)
    names = (*CONDITION_COLUMNS, "metric")
    table = table.assign(**{name: metadata[name] for name in names})
    return table.assign(diverged=table["replicate"].astype(str).isin(metadata["diverged"]))


READERS: dict[str, Callable[[Path], Any]] = {
    "curves": _read_curves,
    "card": read_json,
    "shortcuts": read_json,
}


def _save(figure: Figure, svg: Path, png: Path) -> None:
    """Write a figure in both formats, without a date in either."""
    for path, options in ((svg, {"metadata": {"Date": None}}), (png, {"dpi": 200})):
        with whole_file(path) as temporary:
            figure.savefig(temporary, bbox_inches="tight", **options)
