"""Keep a run's small results in the repository, and show them in the README."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from polymath.aggregate import to_markdown
from polymath.files import read_metadata, read_table, write_json

FILES = ("matrix.md", "matrix.csv", "figures/matrix.png", "figures/curves.png")
BEGIN, END = "<!-- default run: begin -->\n", "<!-- default run: end -->"


def publish(results: Path, folder: Path, readme: Path) -> None:
    """Copy the matrix and its figures to `folder` and put the table into the README.

    run.json says what they were made with: versions, device, precision and recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(results / name, folder / Path(name).name)
    one = next(iter(sorted((results / "runs").rglob("predictions.parquet"))))
    metadata = read_metadata(one)
    kept = ("recipe_values", "experiment_seed", "versions", "device", "precision", "processor")
    made = {name: metadata[name] for name in kept}
    write_json({**made, "date": datetime.now(UTC).date().isoformat()}, folder / "run.json")
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table = readme_table(results / "matrix.parquet")
    readme.write_text(f"{before}{BEGIN}{table}{END}{rest.split(END)[1]}", encoding="utf-8")


def readme_table(matrix: Path) -> str:
    """Return the short Markdown table of a matrix."""
    return to_markdown(read_table(matrix), everything=False)
