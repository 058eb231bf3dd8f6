# What several stages need: the experiment, its conditions, and what rules say of them alike.

import os
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from polymath.data.fetch.local import require_own_files, require_results_folder
from polymath.experiment import stage_versions as versions
from polymath.experiment.command_line import as_setting
from polymath.experiment.conditions import (
    NONE,
    Condition,
    describe_default_mappings,
    expand_conditions,
)
from polymath.experiment.config import load_experiment
from polymath.experiment.config_files import locate_paths
from polymath.experiment.ignored_keys import ignored_keys
from polymath.experiment.lineage import tokenizer_of
from polymath.experiment.paths import FROZEN_FOLDER, PATTERN, ResultPaths
from polymath.experiment.published import published_scores
from polymath.experiment.representation_studies import find_studies
from polymath.experiment.requests import EVIDENCE_VERSIONS, Requests, as_param
from polymath.planning.cost import Estimator
from polymath.planning.snakemake_lock import guard_locks
from polymath.planning.snakemake_process import prepare_process, use_frozen_config
from polymath.util.errors import PolymathError
from polymath.util.runtime import read_runtime

prepare_process()

# The catalogues beside our own Snakefile, also where another Snakefile imports it.
CATALOGUES = [
    Path(workflow.source_path(f"../../resources/{name}.yaml"))
    for name in ("datasets", "models", "published")
]

try:
    if not workflow.is_main_process:
        use_frozen_config(workflow, config, FROZEN_FOLDER)
    # Files of the command line override the workflow's own.
    GIVEN = list(workflow.overwrite_configfiles)
    OWN = [file for file in workflow.configfiles if file not in GIVEN]
    EXPERIMENT = load_experiment(
        locate_paths(config, [Path(file) for file in [*OWN, *GIVEN]]),
        CATALOGUES[0].parent,
    )
    CONDITIONS = expand_conditions(EXPERIMENT)
    # Of the catalogue's tasks: a user's task may share a name with one of them.
    PUBLISHED = published_scores(
        CATALOGUES[2], {*EXPERIMENT.tasks} - {*config.get("datasets", {})}
    )
    STUDIES = find_studies(EXPERIMENT, CONDITIONS) if EXPERIMENT.representations else []
    require_own_files(EXPERIMENT)
    require_results_folder(ResultPaths.of(EXPERIMENT.results))
    RUNTIME = read_runtime()
except PolymathError as error:
    raise WorkflowError(str(error)) from None

# The configuration's options of the command, for the commands that the report names.
OPTIONS = ["--configfile", *map(os.path.relpath, GIVEN)] if GIVEN else []
OPTIONS += [] if OWN else ["--replace-workflow-config"]
SETTINGS = [
    as_setting(*item) for item in sorted(workflow.config_settings.config.items())
]
OPTIONS += ["--config", *SETTINGS] if SETTINGS else []

# Another workflow that imports this one may run beside Snakemakes that hold no guard.
if workflow.is_main_process and workflow.modifier.is_main_snakefile():
    guard_locks(EXPERIMENT.results)

if workflow.is_main_process and EXPERIMENT.mappings is None:
    logger.info(f"NOTE: {describe_default_mappings(EXPERIMENT)}")

if workflow.is_main_process:
    for line in ignored_keys(EXPERIMENT):
        logger.warning(f"NOTE: {line}")

REQUESTS = Requests(EXPERIMENT)
PATHS = REQUESTS.paths
COST = Estimator(EXPERIMENT)


# Only for `--software-deployment-method apptainer`; otherwise jobs run in the environment
# that Snakemake itself runs in. Built from envs/polymath.def.
container: "envs/polymath.sif"


wildcard_constraints:
    task="[a-z0-9][a-z0-9._-]*",
    model="[a-z0-9][a-z0-9._-]*",
    tokenizer="[a-z0-9][a-z0-9._-]*",
    init="[a-z0-9-]+",
    mapping="[a-z]+",
    fraction=r"[0-9.e-]+",
    recipe="[a-z0-9][a-z0-9._+-]*",


# Jobs that can use several cores take these many; Snakemake gives fewer if it has fewer.
SEVERAL_CORES = min(len(os.sched_getaffinity(0)), 8)
# A job that received a stop signal fails, and resumes from its checkpoint when it is retried; one
# that had too little memory or time asks for more. A job on a cluster is retried by the process
# that submitted it, not in the job itself.
RETRIES = 2 if workflow.is_main_process else 0
# Baselines, and tests on shuffled input, have no learning curve and leave no model.
TRAINED = [condition for condition in CONDITIONS if condition.is_trained]
SCORES = [PATHS.scores(task) for task in EXPERIMENT.tasks]


def exactly(names):
    """A pattern for a wildcard that is one of these names; without any, one that matches none."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


def results_folder(wildcards):
    """The folder of all results, where stages find files that are not inputs of their jobs."""
    return EXPERIMENT.results


def scoring_job(wildcards):
    """By what a job's task is scored."""
    return REQUESTS.scoring_job(wildcards.task)


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
