"""Keep a run's small results in the repository, and show them in the README."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from polymath.evaluation.matrix import to_markdown
from polymath.reporting.provenance import commit_of, provenance_of
from polymath.util.errors import PolymathError
from polymath.util.storage import read_table, write_json

FILES = (
    "report.html", "matrix.md", "matrix.csv", "claims.md", "figures/matrix.png",
    "figures/heatmap.png", "figures/curves.png",
)  # fmt: skip
IF_THERE = ("figures/forest.png", "figures/probes.png", "similarity.parquet")


def markers(name: str) -> tuple[str, str]:
    """Return the lines of the README between which the table of a named run stands."""
    return f"<!-- {name} run: begin -->\n", f"<!-- {name} run: end -->"


def publish(results: Path, name: str, folder: Path, readme: Path) -> None:
    """Copy the matrix and its figures to `folder` and put the table into the README.

    run.json says what they were made with: versions, device, precision, recipes, and the commit
    that they were published from.

    Raises:
        PolymathError: if the README has no place for a run of that name.
    """
    begin, end = markers(name)
    text = readme.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise PolymathError(f"{readme}: has no lines '{begin.strip()}' and '{end}': add them")
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in _kept(results):
        shutil.copyfile(source, folder / target)
    made = provenance_of(sorted((results / "runs").rglob("predictions.parquet")))
    made |= {"commit": commit_of(readme.parent), "date": datetime.now(UTC).date().isoformat()}
    write_json(made, folder / "run.json")
    before, rest = text.split(begin)
    table = readme_table(results / "matrix.parquet")
    readme.write_text(f"{before}{begin}{table}{end}{rest.split(end)[1]}", encoding="utf-8")


def _kept(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files to keep, and their names there."""
    found = [results / file for file in FILES]
    found += [results / file for file in IF_THERE if (results / file).exists()]
    yield from ((path, path.name) for path in found)
    for path in sorted((results / "representations").rglob("*.png")):
        values = [part.partition("=")[2] for part in path.parent.parts if "=" in part]
        yield path, ".".join([*values, path.name])  # task, model, mapping


def readme_table(matrix: Path) -> str:
    """Return the short Markdown table of a matrix."""
    return to_markdown(read_table(matrix), everything=False)
