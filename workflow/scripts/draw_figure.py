"""Draw a figure from its tables."""

from pathlib import Path

from polymath.evaluation.scores import curves_behind
from polymath.reporting.figures.draw import draw_figure
from polymath.util.job_log import job_log

figure = snakemake.params.figure
with job_log(snakemake.log[0], f"figure {figure}"):
    inputs = {
        table: Path(files) if isinstance(files, str) else [Path(path) for path in files]
        for table, files in snakemake.input.items()
    }
    if figure == "curves":
        inputs["curves"] = curves_behind(inputs["scores"], Path(snakemake.params.runs))
    draw_figure(
        figure,
        inputs,
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        Path(snakemake.output.csv),
    )
