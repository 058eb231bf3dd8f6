"""Keep a run's tables and figures in the repository, where `make docs` reads them."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from polymath.experiment.paths import ResultPaths, levels_in
from polymath.reporting.provenance import commit_of, provenance_of
from polymath.util.storage import write_json

FIGURES = ("matrix", "heatmap", "curves")


def publish(results: ResultPaths, folder: Path, with_report: bool = False) -> None:
    """Copy the matrix, the claims and their figures to `folder`.

    run.json records what they were made with: machines, versions, precisions, recipes, and the
    commit that they were published from.

    Args:
        with_report: copy report.html as well, which holds all figures and tables in one file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [results.matrix("md"), results.matrix("csv"), results.claims("md")]
    files += [results.figure(name, "png") for name in FIGURES]
    files += [results.report] if with_report else []
    optional = [
        *(results.figure(name, "png") for name in ("forest", "probes")),
        results.collected("similarity"),
        results.claims(),
        results.evidence("families"),
    ]
    for path in [*files, *(path for path in optional if path.exists())]:
        shutil.copyfile(path, folder / path.name)
    for path in results.all_representation_figures():
        shutil.copyfile(path, folder / ".".join([*levels_in(path).values(), path.name]))
    made = provenance_of(results.all_predictions())
    made |= {
        "commit": commit_of(Path(__file__).parent),
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_json(made, folder / "run.json")
