"""Draw figures from their tables."""

from pathlib import Path

from polymath.evaluation.errors import predicted_values
from polymath.evaluation.scores import find_curves, scored_conditions
from polymath.experiment.paths import ResultPaths
from polymath.reporting.figures.draw import draw_figure
from polymath.reporting.published import published_table
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "figures"):
    tables = {
        name: Path(files) if isinstance(files, str) else [Path(file) for file in files]
        for name, files in snakemake.input.items()
    }
    names, outputs = list(snakemake.params.captions), snakemake.output
    if "curves" in names:
        results = ResultPaths.of(snakemake.params.results)
        tables["curves"] = [*find_curves(scored_conditions(tables["scores"]), results).values()]
    if "scatter" in names:
        results = ResultPaths.of(snakemake.params.results)
        tables["values"] = predicted_values(tables["scores"], results)
    settings = {"reach": snakemake.params.get("reach")}
    if "matrix" in names:
        tables["published"] = published_table(snakemake.params.published)
    for name, *files in zip(names, outputs.svg, outputs.png, outputs.csv, strict=True):
        draw_figure(name, tables, *map(Path, files), settings=settings)
        log(name)
