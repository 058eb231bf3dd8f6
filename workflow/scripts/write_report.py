"""Judge the claims; write the tables for a paper and the page that shows everything."""

from pathlib import Path

from polymath.evaluation.claims import ClaimFiles, Tables, judge
from polymath.evaluation.scores import scored_conditions
from polymath.experiment.lineage import Lineage
from polymath.experiment.paths import ResultPaths
from polymath.reporting.claims_page import ClaimsPageTables, write_claims_page
from polymath.reporting.html.content import Picture, Sources
from polymath.reporting.html.page import write_report
from polymath.reporting.matrix import write_matrix_page
from polymath.reporting.paper_tables import write_paper_tables
from polymath.reporting.published import published_table
from polymath.reporting.rerun import Rerun
from polymath.reporting.spent import describe_pretraining, minutes_of_training, seconds_of_training
from polymath.reporting.task_errors import errors_of_tasks
from polymath.reporting.truncation import describe_truncation
from polymath.util.job_log import job_log, log
from polymath.util.storage import read_json

params = snakemake.params
with job_log(snakemake.log[0], "report"):
    inputs = {
        name: Path(files) if isinstance(files, str) else [Path(file) for file in files]
        for name, files in snakemake.input.items()
    }
    outputs = {name: Path(path) for name, path in snakemake.output.items()}
    matrix, convergence, scores = (inputs[name] for name in ("matrix", "convergence", "scores"))
    claims, families = outputs["claims"], outputs["families"]
    analyses = {
        name: inputs.get(name) for name in ("similarity", "probes", "rates", "effective_data")
    }
    results, lineage = ResultPaths.of(params.results), Lineage.model_validate(params.lineage)
    conditions = scored_conditions(scores)
    table, _ = judge(
        Tables(inputs["estimates"], inputs["comparisons"], convergence, analyses["similarity"]),
        lineage,
        params.crossed,
        ClaimFiles(claims, families, results.looks),
    )
    log(", ".join(f"{count} {name}" for name, count in table["verdict"].value_counts().items()))
    write_claims_page(
        ClaimsPageTables(
            claims, families, convergence, inputs["summary"], results.looks, analyses["similarity"]
        ),
        outputs["claims_page"],
    )
    write_matrix_page(matrix, outputs["matrix_page"])
    write_paper_tables(matrix, inputs["comparisons"], claims, outputs, analyses["effective_data"])
    seconds = seconds_of_training(conditions, results)
    cards = {card["task"]: card for card in map(read_json, inputs["cards"])}
    write_report(
        Sources(
            matrix=matrix,
            claims=claims,
            families=families,
            summary=inputs["summary"],
            convergence=convergence,
            cards=inputs["cards"],
            shortcuts=inputs["shortcuts"],
            predictions=[results.predictions(condition) for condition in conditions],
            scores=scores,
            pictures=[
                Picture(Path(figure["svg"]), figure["figure"], figure["wildcards"])
                for figure in params.figures
            ],
            **analyses,
            notes=(
                *describe_truncation(conditions, results, cards),
                *describe_pretraining(seconds, results),
            ),
            errors=errors_of_tasks(scores, results),
            best=inputs.get("best", []),
            minutes=minutes_of_training(seconds),
            rerun=Rerun(params.options, params.crossed, params.runs),
            published=published_table(params.published),
            lineage=lineage,
        ),
        params.configuration,
        outputs["page"],
    )
