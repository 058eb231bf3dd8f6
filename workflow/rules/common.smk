# What several stages need: the experiment, its conditions, and what rules say of them alike.

import os
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

from polymath.data.fetch.local import require_own_files
from polymath.experiment import stage_versions as versions
from polymath.experiment.conditions import NONE, Condition, expand_conditions
from polymath.experiment.config import load_experiment
from polymath.experiment.lineage import lineage_of, tokenizer_of
from polymath.experiment.paths import PATTERN, ResultPaths
from polymath.experiment.representation_studies import find_studies
from polymath.planning.cost import Estimator
from polymath.planning.snakemake_lock import guard_locks
from polymath.planning.snakemake_process import prepare_process
from polymath.util.errors import PolymathError
from polymath.util.runtime import read_runtime

prepare_process()

# The catalogues beside our own Snakefile, also where another Snakefile imports it.
CATALOGUES = [
    Path(workflow.source_path(f"../../resources/{name}.yaml"))
    for name in ("datasets", "models")
]

try:
    EXPERIMENT = load_experiment(config, CATALOGUES[0].parent)
    CONDITIONS = expand_conditions(EXPERIMENT)
    STUDIES = find_studies(EXPERIMENT, CONDITIONS) if EXPERIMENT.representations else []
    require_own_files(EXPERIMENT)
    RUNTIME = read_runtime()
except PolymathError as error:
    raise WorkflowError(str(error)) from None

# Another workflow that imports this one may run beside Snakemakes that hold no guard.
if workflow.is_main_process and workflow.modifier.is_main_snakefile():
    guard_locks(EXPERIMENT.results)

PATHS = ResultPaths.of(EXPERIMENT.results)
COST = Estimator(EXPERIMENT)


# Only for `--software-deployment-method apptainer`; otherwise jobs run in the environment
# that Snakemake itself runs in. Built from envs/polymath.def.
container: "envs/polymath.sif"


wildcard_constraints:
    task="[a-z0-9][a-z0-9._-]*",
    model="[a-z0-9][a-z0-9._-]*",
    tokenizer="[a-z0-9][a-z0-9._-]*",
    init="[a-z-]+",
    mapping="[a-z]+",
    fraction=r"[0-9.e-]+",
    recipe="[a-z0-9][a-z0-9._-]*",


# Jobs that can use several cores take these many; Snakemake gives fewer if it has fewer.
SEVERAL_CORES = min(len(os.sched_getaffinity(0)), 8)
# A job that received a stop signal fails, and resumes from its checkpoint when it is retried; one
# that had too little memory or time asks for more. A job on a cluster is retried by the process
# that submitted it, not in the job itself.
RETRIES = 2 if workflow.is_main_process else 0
# Baselines have no learning curve and leave no model.
TRAINED = [condition for condition in CONDITIONS if not condition.is_baseline]
LINEAGE = lineage_of(EXPERIMENT).model_dump()
SCORES = [PATHS.scores(task) for task in EXPERIMENT.tasks]


def exactly(names):
    """A pattern for a wildcard that is one of these names; without any, one that matches none."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


def as_param(value):
    """A typed value as a rule's parameter: without defaults, so that a key that is added to
    Polymath makes no result stale."""
    return value.model_dump(mode="json", exclude_defaults=True)


# Made once: a large matrix asks for them thousands of times.
RECIPES = {name: as_param(recipe) for name, recipe in EXPERIMENT.recipes.items()}
CROSSED = dict(sorted(EXPERIMENT.crossed.items()))
REPLICATION = {
    "seed": EXPERIMENT.seed,
    "replicates": EXPERIMENT.runs,
    **({"crossed": CROSSED} if CROSSED else {}),
}


def results_folder(wildcards):
    """The folder of all results, where stages find files that are not inputs of their jobs."""
    return EXPERIMENT.results


def headline_of(wildcards):
    """The headline metric of a job's task."""
    return EXPERIMENT.datasets[wildcards.task].headline


def training_job(condition):
    """All that a condition's replicates depend on beside their input files."""
    return {
        "condition": condition.columns,
        "recipe": RECIPES[condition.recipe],
        "metric": EXPERIMENT.datasets[condition.task].headline,
        **REPLICATION,
    }


def tokens_of(wildcards):
    """The tokens of a job's task as its model reads them."""
    return PATHS.tokens(wildcards.task, tokenizer_for(wildcards))


def tokenizer_for(wildcards):
    """The name of the tokenizer by which a job's model reads its task."""
    return tokenizer_of(EXPERIMENT, wildcards.task, wildcards.model, wildcards.mapping)


def asks(needs):
    """Resources of a job on a GPU: what its estimate needs, and more each time it is retried.

    Args:
        needs: a function from a job's wildcards to its estimated needs.
    """

    def mem_mb(wildcards, attempt):
        return needs(wildcards).mem_mb * attempt

    def runtime(wildcards, attempt):
        return needs(wildcards).minutes * attempt

    return {"gpu": 1, "mem_mb": mem_mb, "runtime": runtime}
