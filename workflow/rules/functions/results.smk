# Functions and constants of the rules from predictions to the report.

from polymath.reporting.figures.registry import FIGURES, TABLE_CAPTIONS

PREDICTIONS = {
    task: [
        str(PATHS.predictions(condition))
        for condition in CONDITIONS
        if condition.task == task
    ]
    for task in EXPERIMENT.tasks
}
TABLES = REQUESTS.tables(CONDITIONS)


def predictions_of(wildcards):
    """The predictions of all conditions of a task."""
    return PREDICTIONS[wildcards.task]


def training_of(wildcards):
    """What each of these predictions must have been made from."""
    return [
        REQUESTS.training(condition)
        for condition in CONDITIONS
        if condition.task == wildcards.task
    ]


STUDY_OF = {
    (study.text.task, study.text.model, study.text.mapping): study for study in STUDIES
}


def study_of(wildcards):
    """The models that a job compares."""
    return STUDY_OF[wildcards.task, wildcards.model, wildcards.mapping]


def kept_models(condition):
    """The folder of a condition's trained models; None unless they are trained and kept."""
    is_kept = EXPERIMENT.keep_models and condition in TRAINED
    return str(PATHS.kept_models(condition)) if is_kept else None


def compared_trained_models(wildcards):
    """The trained models to compare."""
    folders = map(kept_models, study_of(wildcards).conditions)
    return [folder for folder in folders if folder]


def compared_models(wildcards):
    """The model of each condition before fine-tuning."""
    return models_of(study_of(wildcards))


def models_of(study):
    """The model of each of a study's conditions before fine-tuning."""
    return [REQUESTS.model_manifest(c.task, c.model) for c in study.conditions]


def compared_vocabularies(wildcards):
    """The mapping of each condition."""
    return vocabularies_of(study_of(wildcards))


def vocabularies_of(study):
    """The mapping of each of a study's conditions."""
    return [PATHS.vocabulary(c.task, c.model, c.mapping) for c in study.conditions]


def representations_job(wildcards):
    """What a study depends on beside its inputs."""
    return study_job(study_of(wildcards))


def study_job(study):
    """What the comparison of a study's models depends on beside its inputs."""
    compared = [
        {"condition": condition.columns, "kept": kept_models(condition)}
        for condition in study.conditions
    ]
    settings = as_param(EXPERIMENT.representations)
    return {
        **REQUESTS.training_job(study.text),
        "compared": compared,
        "settings": settings,
    }


def representations_needs(wildcards):
    """Memory and time of a study's job."""
    return COST.comparing(study_of(wildcards))


def all_representations(name):
    """One file of every study."""
    return [PATHS.representations(name, *study) for study in STUDY_OF]


# A model before training does not depend on fraction and recipe: the first condition stands for all.
PROBED = {}
for condition in TRAINED if EXPERIMENT.probes else ():
    key = (condition.task, condition.model, condition.init, condition.mapping)
    PROBED.setdefault(key, condition)


def probed_condition(wildcards):
    """A condition that starts from the model that a job probes."""
    return PROBED[tuple(wildcards)]


def probing_job(wildcards):
    """What probes depend on beside their inputs."""
    settings = as_param(EXPERIMENT.probes)
    return {**REQUESTS.training_job(probed_condition(wildcards)), "settings": settings}


def probing_needs(wildcards):
    """Memory and time of a job of probes."""
    return COST.probing(probed_condition(wildcards))


EVIDENCE_FIGURES = ["heatmap", "matrix", "forest", "speed"]
EVIDENCE_FIGURES += ["curves"] if TRAINED else []
EVIDENCE_FIGURES += ["fractions"] if TRAINED and len(EXPERIMENT.fractions) > 1 else []
EVIDENCE_FIGURES += (
    ["scatter"]
    if any(EXPERIMENT.datasets[task].type == "regression" for task in EXPERIMENT.tasks)
    else []
)
EVIDENCE_FIGURES += [
    name for name in ("effective_data", "rates", "variance") if name in TABLES
]


def in_report(path, name, category, **labels):
    """A file that Snakemake's report shows as well, with the captions of its job."""
    labels = {"figure": name, **labels}
    return report(
        path, caption="../report/figures.rst", category=category, labels=labels
    )


def figure_files(names, path, **labels):
    """Outputs of a job that draws these figures.

    Args:
        path: a function from a figure's name and format to its file.
        labels: of the job in Snakemake's report.
    """
    return {
        "svg": [
            in_report(path(name, "svg"), name, FIGURES[name].category, **labels)
            for name in names
        ],
        "png": [path(name, "png") for name in names],
        "csv": [path(name, "csv") for name in names],
    }


def figure_params(*names):
    """Parameters of a job that draws these figures."""

    def captions(wildcards):
        return {name: FIGURES[name].caption.format(**wildcards) for name in names}

    return {"captions": captions, "code_version": versions.FIGURES}


def reach_of(wildcards):
    """How many symbols of a task's records are read at most."""
    return EXPERIMENT.datasets[wildcards.task].reach


def card_path(name, kind):
    """A task's data card, drawn."""
    return PATHS.card(kind=kind)


def representation_path(name, kind):
    """A figure of one comparison of representations."""
    return PATHS.representations(f"{name}.{kind}")


# Tables that not every experiment has.
ANALYSES = {
    name: PATHS.evidence(name) for name in ("rates", "effective_data") if name in TABLES
}
ANALYSES |= {"similarity": PATHS.collected("similarity")} if STUDIES else {}
ANALYSES |= {"probes": PATHS.collected("probes")} if PROBED else {}


PAPER_TABLES = ["scores", "differences", "claims"]
PAPER_TABLES += [name for name in ("effective_data",) if name in TABLES]


def page_figures():
    """The figures of the page in its order: name, file and the wildcards of its job."""
    names = [*EVIDENCE_FIGURES, *(["probes"] if PROBED else [])]
    shown = [(name, PATHS.figure(name), {}) for name in names]
    for task in EXPERIMENT.tasks:
        shown.append(("card", PATHS.card(task, "svg"), {"task": task}))
    for name in ("layers", "depth"):
        for compared in STUDY_OF:
            wildcards = dict(zip(("task", "model", "mapping"), compared))
            svg = PATHS.representations(f"{name}.svg", *compared)
            shown.append((name, svg, wildcards))
    return [
        {"figure": name, "svg": str(svg), "wildcards": wildcards}
        for name, svg, wildcards in shown
    ]


PAGE_FIGURES = page_figures()
