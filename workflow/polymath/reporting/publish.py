"""Keep a run's small results in the repository, where `make docs` reads them."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from polymath.reporting.provenance import commit_of, provenance_of
from polymath.util.storage import write_json

FILES = (
    "report.html", "matrix.md", "matrix.csv", "claims.md", "figures/matrix.png",
    "figures/heatmap.png", "figures/curves.png",
)  # fmt: skip
IF_THERE = ("figures/forest.png", "figures/probes.png", "similarity.parquet")


def publish(results: Path, folder: Path) -> None:
    """Copy the matrix, the claims and their figures to `folder`.

    run.json says what they were made with: versions, device, precision, recipes, and the commit
    that they were published from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in _kept(results):
        shutil.copyfile(source, folder / target)
    made = provenance_of(sorted((results / "runs").rglob("predictions.parquet")))
    made |= {
        "commit": commit_of(Path(__file__).parent),
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_json(made, folder / "run.json")


def _kept(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files to keep, and their names there."""
    found = [results / file for file in FILES]
    found += [results / file for file in IF_THERE if (results / file).exists()]
    yield from ((path, path.name) for path in found)
    for path in sorted((results / "representations").rglob("*.png")):
        values = [part.partition("=")[2] for part in path.parent.parts if "=" in part]
        yield path, ".".join([*values, path.name])  # task, model, mapping
