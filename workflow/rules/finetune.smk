# One job trains one condition, all its replicates.


rule finetune:
    input:
        tokens=tokens_of,
        vocabulary=PATHS.vocabulary(),
        model=model_of,
    output:
        **(KEPT_MODELS if EXPERIMENT.keep_models else {}),
        **(SHUFFLED if TESTS_SHUFFLED else {}),
        predictions=PATHS.predictions(),
        curves=PATHS.curves(),
    log:
        PATHS.log("finetune", *PATTERN.columns.values()),
    benchmark:
        PATHS.benchmark("finetune", *PATTERN.columns.values())
    wildcard_constraints:
        # Baselines, without an initialisation, have a rule of their own.
        init=exactly(EXPERIMENT.initialisations),
        recipe=exactly(EXPERIMENT.recipes),
    priority: 10
    retries: RETRIES
    threads: 1
    resources:
        **asks(finetuning_needs),
    params:
        **(UNTIL_THE_BEST_IS_KNOWN if TASKS_OF_ONE_BEST else {}),
        job=finetuning_job,
        code_version=versions.TRAINING,
    script:
        "../scripts/finetune.py"


# The same, trained and tested on shuffled sequences.
use rule finetune as finetune_on_shuffled with:
    output:
        **(KEPT_MODELS if EXPERIMENT.keep_models else {}),
        predictions=PATHS.predictions(),
        curves=PATHS.curves(),
    wildcard_constraints:
        init=exactly(EXPERIMENT.initialisations),
        recipe=exactly(SHUFFLED_RECIPES),


rule keep_best:
    input:
        scores=PATHS.scores(),
    output:
        best=PATHS.best(),
    log:
        PATHS.log("best", "{task}"),
    wildcard_constraints:
        task=exactly(TASKS_OF_ONE_BEST),
    localrule: True
    params:
        results=results_folder,
    script:
        "../scripts/keep_best.py"
