# Predictions to scores, one job per task: a job of its own for each condition would take longer to
# start than to run. Later stages find a condition's other files through its scores, so that each
# file is the input of one stage only: Snakemake takes time for every file that is named once more.


rule evaluate:
    input:
        predictions=predictions_of,
    output:
        PATHS.scores(),
    log:
        PATHS.log("evaluate", "{task}"),
    localrule: True
    params:
        job=scoring_job,
        training=training_of,
        code_version=versions.SCORES,
    script:
        "../scripts/evaluate.py"


# Scores and curves to all that is derived from them.
rule evidence:
    input:
        scores=SCORES,
    output:
        **{table: PATHS.evidence(table) for table in TABLES},
        matrix=PATHS.matrix(),
        matrix_csv=PATHS.matrix("csv"),
    log:
        PATHS.log("evidence"),
    localrule: True
    params:
        results=results_folder,
        lineage=REQUESTS.lineage,
        crossed=REQUESTS.crossed,
        code_version=EVIDENCE_VERSIONS,
    script:
        "../scripts/evidence.py"
