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
from polymath.reporting.spent import describe_pretraining, minutes_of_training
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
    claims, matrix = outputs["claims"], inputs["matrix"]
    results = ResultPaths.of(params.results)
    evidence = {name: inputs.get(name) for name in ("estimates", "comparisons", "convergence")}
    table, families = judge(
        Tables(**evidence, similarity=inputs.get("similarity")),
        Lineage.model_validate(params.lineage),
        params.crossed,
        ClaimFiles(claims, outputs["families"], results.looks),
    )
    log(", ".join(f"{count} {name}" for name, count in table["verdict"].value_counts().items()))
    write_claims_page(
        ClaimsPageTables(
            claims,
            outputs["families"],
            inputs["convergence"],
            inputs["summary"],
            results.looks,
            inputs.get("similarity"),
        ),
        outputs["claims_page"],
    )
    write_matrix_page(matrix, outputs["matrix_page"])
    write_paper_tables(matrix, inputs["comparisons"], claims, outputs, inputs.get("effective_data"))
    scores = inputs["scores"]
    write_report(
        Sources(
            matrix=matrix,
            claims=claims,
            families=outputs["families"],
            summary=inputs["summary"],
            convergence=inputs["convergence"],
            cards=inputs["cards"],
            shortcuts=inputs["shortcuts"],
            predictions=[results.predictions(condition) for condition in scored_conditions(scores)],
            scores=scores,
            pictures=[
                Picture(Path(figure["svg"]), figure["figure"], figure["wildcards"])
                for figure in params.figures
            ],
            **{
                name: inputs.get(name)
                for name in ("similarity", "probes", "rates", "effective_data")
            },
            notes=(
                *describe_truncation(
                    scored_conditions(scores),
                    results,
                    {card["task"]: card for card in map(read_json, inputs["cards"])},
                ),
                *describe_pretraining(scored_conditions(scores), results),
            ),
            errors=errors_of_tasks(scores, results),
            best=inputs.get("best", []),
            minutes=minutes_of_training(scored_conditions(scores), results),
            options=params.options,
            published=published_table(params.published),
            lineage=Lineage.model_validate(params.lineage),
        ),
        params.configuration,
        outputs["page"],
    )
