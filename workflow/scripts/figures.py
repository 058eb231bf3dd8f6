"""Draw figures from their tables."""

from pathlib import Path

from polymath.evaluation.scores import curves_behind
from polymath.experiment.paths import ResultPaths
from polymath.reporting.figures.draw import draw_figure
from polymath.util.job_log import job_log, log

with job_log(snakemake.log[0], "figures"):
    tables = {
        name: Path(files) if isinstance(files, str) else [Path(file) for file in files]
        for name, files in snakemake.input.items()
    }
    names, outputs = list(snakemake.params.captions), snakemake.output
    if "curves" in names:
        runs = ResultPaths.of(snakemake.params.results).runs
        tables["curves"] = curves_behind(tables["scores"], runs)
    for name, *files in zip(names, outputs.svg, outputs.png, outputs.csv, strict=True):
        draw_figure(name, tables, *map(Path, files))
        log(name)
