import gc
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError

from polymath.experiment import stage_versions as versions
from polymath.experiment.representation_contrasts import expand_comparisons
from polymath.experiment.conditions import NONE, Condition, expand_conditions
from polymath.experiment.config import WITHOUT_EFFECT, load_experiment
from polymath.util.errors import PolymathError
from polymath.planning.cost import Estimator
from polymath.util.gpus import count_gpus, describe_gpus
from polymath.experiment.sources import ConfiguredSource, MadeSource, PretrainSource
from polymath.experiment.lineage import (
    OWN_TOKENIZER,
    lineage_of,
    spelling_of,
    tokenizer_of,
)
from polymath.planning.slurm_executor_patch import keep_unanswered_jobs
from polymath.data.fetch.local import list_path, require_own_files
from polymath.util.run_times import describe_run

BEGAN = time.time()
RESOURCES = Path(workflow.basedir) / "resources"

try:
    EXPERIMENT = load_experiment(config, RESOURCES)
    CONDITIONS = expand_conditions(EXPERIMENT)
    COMPARISONS = (
        expand_comparisons(EXPERIMENT, CONDITIONS) if EXPERIMENT.representations else []
    )
    require_own_files(EXPERIMENT)
except PolymathError as error:
    raise WorkflowError(str(error)) from None

ESTIMATOR = Estimator(EXPERIMENT)

# A plan is millions of objects that live to its end: to look for garbage among them as often as
# Python does costs time and finds none.
gc.set_threshold(200_000, 20, 100)


def hang_up(number, frame):
    """Take a lost terminal for a Ctrl-C, once: jobs save, and no lock is left."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)


if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup
    signal.signal(signal.SIGHUP, hang_up)

# Snakemake loads its executors before it reads this.
if "snakemake_executor_plugin_slurm" in sys.modules:
    keep_unanswered_jobs(sys.modules["snakemake_executor_plugin_slurm"].Executor)

# Where everything lies: one name for each kind of file.
RESULTS = EXPERIMENT.results
LOGS = f"{RESULTS}/logs"
MANIFEST = f"{RESULTS}/{{kind}}/{{name}}/manifest.json"
RAW_MANIFEST = f"{RESULTS}/raw/{{task}}/manifest.json"
MODEL_MANIFEST = f"{RESULTS}/models/{{model}}/manifest.json"
RECORDS = f"{RESULTS}/records/{{task}}.parquet"
CARD = f"{RESULTS}/cards/{{task}}"
TOKENS = f"{RESULTS}/tokens/task={{task}}/tokenizer={{tokenizer}}"
VOCABULARY = f"{RESULTS}/vocabulary/task={{task}}/model={{model}}/mapping={{mapping}}"
PATTERN = Condition(*(f"{{{field}}}" for field in Condition.__dataclass_fields__))
RUNS = f"{RESULTS}/runs"
RUN = f"{RUNS}/{PATTERN.path}"
RUN_LOG = PATTERN.log
COMPARISON = (
    f"{RESULTS}/representations/task={{task}}/model={{model}}/mapping={{mapping}}"
)
PROBE = (
    f"{RESULTS}/probes/task={{task}}/model={{model}}/init={{init}}/mapping={{mapping}}"
)
MATRIX = f"{RESULTS}/matrix"
EVIDENCE = f"{RESULTS}/evidence"
CLAIMS = f"{RESULTS}/claims"
FIGURES = f"{RESULTS}/figures"


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
    kind="raw|models",


onstart:
    if workflow.local_exec:
        try:
            asked = workflow.global_resources.get("gpu")
            logger.info(
                describe_gpus(
                    count_gpus(),
                    asked and asked.value,
                    workflow.cores,
                    EXPERIMENT.conditions_per_gpu,
                )
            )
        except PolymathError as error:
            raise WorkflowError(str(error)) from None


def say_how_long():
    """Say, and return, what share of the run's wall time was training; None if none was."""
    trained = [
        Path(path).parent for path in of_every_condition("curves.parquet", TRAINED)
    ]
    models = [Path(f"{RESULTS}/models/{model}") for model in PRETRAINED]
    line = describe_run([*trained, *models], BEGAN, time.time())
    if line is not None:
        logger.info(line)
    return line


onsuccess:
    line = say_how_long()
    if line is not None:  # for `python -m polymath summary`
        Path(f"{LOGS}/run.txt").write_text(f"{line}\n")


onerror:
    say_how_long()


# On a cluster these run where Snakemake runs: each takes seconds, and fetching needs a network,
# which compute nodes often lack. On one machine this changes nothing.
localrules:
    all,
    fetch_files,
    configure_model,
    prepare_records,
    tokenize_records,
    map_vocabulary,
    evaluate,
    write_evidence,
    judge_claims,
    collect_representations,
    collect_probes,
    plot_matrix,
    plot_curves,
    plot_card,
    plot_forest,
    plot_speed,
    plot_fractions,
    plot_rates,
    plot_variance,
    plot_layers,
    plot_depth,
    plot_heatmap,
    plot_probes,
    write_paper_tables,
    write_report,


# Jobs that can use several cores take these many; Snakemake gives fewer if it has fewer.
SEVERAL_CORES = min(len(os.sched_getaffinity(0)), 8)


def dataset_of(wildcards):
    """The catalogue entry of a job's task."""
    return EXPERIMENT.datasets[wildcards.task]


def as_json(part):
    """A typed value as the text that rules pass in their params, defaults left out, so that a
    key that is added to Polymath makes nothing stale."""
    return part.model_dump_json(exclude_defaults=True) if part is not None else "null"


# Made once: a large matrix asks for them thousands of times.
RECIPES = {name: as_json(recipe) for name, recipe in EXPERIMENT.recipes.items()}
CROSSED = json.dumps(EXPERIMENT.crossed, sort_keys=True)


# Those that are trained: baselines have no learning curve and leave no model.
TRAINED = [condition for condition in CONDITIONS if not condition.is_baseline]


# Those that choose among several learning rates.
TUNED = [
    condition
    for condition in TRAINED
    if len(EXPERIMENT.recipes[condition.recipe].rates) > 1
]
# The experiment crosses streams of seeds, so that their parts can be told apart.
IS_CROSSED = any(levels > 1 for levels in EXPERIMENT.crossed.values())


# Pictures that say something of this experiment.
EVIDENCE_FIGURES = [
    "forest",
    "speed",
    *(["fractions"] if len(EXPERIMENT.fractions) > 1 else []),
    *(["rates"] if TUNED else []),
    *(["variance"] if IS_CROSSED else []),
]


# Models by how they come to be: one rule each.
CONFIGURED = [
    name
    for name, entry in EXPERIMENT.checkpoints.items()
    if isinstance(entry.source, ConfiguredSource)
]
PRETRAINED = [
    name
    for name, entry in EXPERIMENT.checkpoints.items()
    if isinstance(entry.source, PretrainSource)
]
FETCHED = [
    name
    for name, entry in EXPERIMENT.checkpoints.items()
    if not isinstance(entry.source, MadeSource)
]


# What comparisons need to know of the models.
LINEAGE = lineage_of(EXPERIMENT).model_dump_json()


def exactly(names):
    """A pattern for a wildcard that is one of these names; of none, one that nothing fits."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"


def entry_of(wildcards):
    """The catalogue entry of a data set or model."""
    entries = EXPERIMENT.datasets if wildcards.kind == "raw" else EXPERIMENT.checkpoints
    return entries[wildcards.name]


def own_files(wildcards):
    """The user's own files: a change in them makes what follows stale."""
    source = entry_of(wildcards).source
    if source.kind != "path":
        return []
    return [str(path) for path in list_path(source)]


def own_weights(wildcards):
    """The user's own weights, in a changed configuration of another model."""
    weights = EXPERIMENT.checkpoints[wildcards.model].source.weights
    if weights is None or weights.kind != "path":
        return []
    return [str(path) for path in list_path(weights)]


def base_of(wildcards):
    """The model that another is made from."""
    source = EXPERIMENT.checkpoints[wildcards.model].source
    return MODEL_MANIFEST.format(model=source.base)


def workers_for(wildcards):
    """Rendering scores takes several cores, not all of a large machine; downloads take one."""
    renders = entry_of(wildcards).source.kind == "music21"
    return SEVERAL_CORES if renders else 1


def readers_for(wildcards):
    """Reading music takes a second for some files, of which there may be a thousand."""
    is_music = dataset_of(wildcards).reader.format == "midi"
    return SEVERAL_CORES if is_music else 1


def tokenizer_source(wildcards):
    """The model whose tokenizer is asked for, unless the task has its own alphabet."""
    if wildcards.tokenizer == OWN_TOKENIZER:
        return []
    return MODEL_MANIFEST.format(model=wildcards.tokenizer)


def alphabet_of(wildcards):
    """How sequences are cut into symbols, or spelled for a model's own tokenizer."""
    alphabet = dataset_of(wildcards).alphabet
    if wildcards.tokenizer == OWN_TOKENIZER or alphabet.kind == "model":
        return alphabet
    return spelling_of(EXPERIMENT, wildcards.tokenizer)


def tokens_of(wildcards, file="tokens.parquet"):
    """A file of the tokens that a task has under a model."""
    tokenizer = tokenizer_of(
        EXPERIMENT, wildcards.task, wildcards.model, wildcards.mapping
    )
    return f"{TOKENS}/{file}".format(task=wildcards.task, tokenizer=tokenizer)


def needs_of(wildcards):
    """What a condition's job takes of memory and time."""
    return ESTIMATOR.finetuning(Condition(**wildcards))


def pretraining_of(model):
    """How a pre-trained model comes to be."""
    return EXPERIMENT.checkpoints[model].source


def tokens_of_source(model):
    """The tokens that a model is pre-trained on."""
    source = pretraining_of(model)
    tokenizer = tokenizer_of(EXPERIMENT, source.task, source.base, source.mapping)
    return f"{TOKENS}/tokens.parquet".format(task=source.task, tokenizer=tokenizer)


def vocabulary_of_source(model):
    """The mapping that a model is pre-trained with."""
    source = pretraining_of(model)
    return f"{VOCABULARY}/vocabulary.parquet".format(
        task=source.task, model=source.base, mapping=source.mapping
    )


def symbols_of(wildcards):
    """The tokenizer.json of a task under a model."""
    return tokens_of(wildcards, "tokenizer.json")


def of_every_condition(file, conditions=CONDITIONS):
    """One file of each condition."""
    return [f"{RUNS}/{condition.path}/{file}" for condition in conditions]


# Made once, like the recipes: every task's job asks for its own.
PREDICTIONS = {
    task: of_every_condition(
        "predictions.parquet", [one for one in CONDITIONS if one.task == task]
    )
    for task in EXPERIMENT.tasks
}


def scores_of_every_task():
    """The scores, one file a task."""
    return expand(f"{RESULTS}/scores/{{task}}.parquet", task=EXPERIMENT.tasks)


def comparison_of(wildcards):
    """What a job compares."""
    named = (wildcards.task, wildcards.model, wildcards.mapping)
    return next(
        one
        for one in COMPARISONS
        if (one.text.task, one.text.model, one.text.mapping) == named
    )


def models_of(condition):
    """The folder of a condition's trained models; None unless they are trained and kept."""
    is_kept = EXPERIMENT.keep_models and condition in TRAINED
    return f"{RUNS}/{condition.path}/models" if is_kept else None


def kept_models(comparison):
    """The trained models to compare."""
    return [
        models_of(arm.condition) for arm in comparison.arms if models_of(arm.condition)
    ]


def comparing_of(wildcards):
    """What a comparison's job takes of memory and time."""
    return ESTIMATOR.comparing(comparison_of(wildcards))


def describe_arms(comparison):
    """What is compared, as a rule passes it in its params."""
    arms = [
        {
            "role": arm.role,
            "condition": arm.condition.columns,
            "kept": models_of(arm.condition),
        }
        for arm in comparison.arms
    ]
    return json.dumps(arms, sort_keys=True)


def of_every_comparison(file):
    """One file of each comparison."""
    return [f"{COMPARISON}/{file}".format(**one.text.columns) for one in COMPARISONS]


# What is probed does not depend on fraction or recipe: the first condition stands for all.
PROBED = {}
for condition in TRAINED if EXPERIMENT.probes else ():
    key = (condition.task, condition.model, condition.init, condition.mapping)
    PROBED.setdefault(key, condition)


def probed_as(wildcards):
    """A condition that begins as a job's."""
    return PROBED[wildcards.task, wildcards.model, wildcards.init, wildcards.mapping]


def probing_of(wildcards):
    """What a job of probes takes of memory and time."""
    return ESTIMATOR.probing(probed_as(wildcards))


def probes_of_every_beginning():
    """The probes of each task, model, initialisation and mapping."""
    return [f"{PROBE}/probes.parquet".format(**one.columns) for one in PROBED.values()]


def card_of_every_task():
    """The data card of each task, as a picture."""
    return expand(f"{CARD}.png", task=EXPERIMENT.tasks)


def pictures():
    """The figures of the report, each with the name of its caption and the job's wildcards."""
    shown = ["heatmap", "matrix", *(["curves"] if TRAINED else []), *EVIDENCE_FIGURES]
    shown += ["probes"] if PROBED else []
    of_tasks = [{"task": task} for task in EXPERIMENT.tasks]
    of_pairs = [one.text.columns for one in COMPARISONS]
    return [
        *(picture(f"{FIGURES}/{name}.svg", name, {}) for name in shown),
        *(picture(f"{CARD}.svg", "card", task) for task in of_tasks),
        *(
            picture(f"{COMPARISON}/{name}.svg", name, pair)
            for name in ("layers", "depth")
            for pair in of_pairs
        ),
    ]


def picture(pattern, caption, wildcards):
    """A figure as a rule passes it in its params."""
    return {
        "svg": pattern.format(**wildcards),
        "caption": caption,
        "wildcards": wildcards,
    }


PICTURES = pictures()

# What the report shows: keys that no result depends on would only make it stale.
CONFIGURATION = {
    key: value for key, value in config.items() if key not in WITHOUT_EFFECT
}


def asked_for_in_report():
    """The tables of the report that not every experiment has."""
    return {
        **({"similarity": f"{RESULTS}/similarity.parquet"} if COMPARISONS else {}),
        **({"probes": f"{RESULTS}/probes.parquet"} if PROBED else {}),
        **({"rates": f"{EVIDENCE}/rates.parquet"} if TUNED else {}),
    }


def everything_asked_for():
    """All results, each condition's own included: deleting one makes it anew."""
    return [
        *of_every_condition("predictions.parquet"),
        *(of_every_condition("models", TRAINED) if EXPERIMENT.keep_models else ()),
        *card_of_every_task(),
        f"{MATRIX}.md",
        f"{CLAIMS}.md",
        f"{RESULTS}/report.html",
        f"{RESULTS}/tables/scores.md",
        *(f"{FIGURES}/{name}.png" for name in EVIDENCE_FIGURES),
        f"{FIGURES}/matrix.png",
        f"{FIGURES}/heatmap.png",
        *([f"{FIGURES}/curves.png"] if TRAINED else ()),
        *([f"{RESULTS}/similarity.parquet"] if COMPARISONS else ()),
        *([f"{FIGURES}/probes.png"] if PROBED else ()),
        *of_every_comparison("layers.png"),
        *of_every_comparison("depth.png"),
    ]
