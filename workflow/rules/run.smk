# What a run makes, and what it logs when it starts and ends.

import time

from polymath.data.fetch.local import absent_manifests, changed_sources
from polymath.experiment.requests import Request
from polymath.planning.run_times import describe_run
from polymath.planning.snakemake_process import (
    choose_jobs_when_one_ends,
    freeze_config,
    make_again,
    undo_future_dates,
)
from polymath.planning.stale import Comparison
from polymath.util.gpus import count_gpus, describe_gpus

BEGAN = time.time()
LOGGED = 5  # results whose staleness is explained


def all_results():
    """Every file that the experiment asks for, each condition's own included: a deleted one is
    made again."""
    asked = [file for files in PREDICTIONS.values() for file in files]
    if EXPERIMENT.keep_models:
        asked += [PATHS.kept_models(condition) for condition in TRAINED]
    asked += BEST
    asked += [PATHS.report]
    asked += [PATHS.figure(name, "png") for name in EVIDENCE_FIGURES]
    asked += [PATHS.card(task, "png") for task in EXPERIMENT.tasks]
    asked += [PATHS.figure("probes", "png")] if PROBED else []
    asked += [PATHS.collected("similarity")] if STUDIES else []
    for name in ("layers.png", "depth.png"):
        asked += all_representations(name)
    return asked


def analysis_requests():
    """The tables of probes and representations, as the experiment asks for them."""
    for probed, condition in PROBED.items():
        asked = {
            "job": probing_job(probed),
            "code_version": versions.PROBES,
        }
        yield Request(PATHS.probes(*probed), asked, REQUESTS.training_inputs(condition))
    if PROBED:
        yield collected_request(
            "probes", probes=[PATHS.probes(*each) for each in PROBED]
        )
    for compared, study in STUDY_OF.items():
        asked = {"job": study_job(study), "code_version": versions.REPRESENTATIONS}
        inputs = {
            "tokens": PATHS.tokens(
                study.text.task, tokenizer_of(EXPERIMENT, *compared)
            ),
            "vocabularies": vocabularies_of(study),
            "models": models_of(study),
        }
        for name in ("similarity", "heads"):
            path = PATHS.representations(f"{name}.parquet", *compared)
            yield Request(path, asked, inputs)
    if STUDY_OF:
        tables = {
            name: all_representations(f"{name}.parquet")
            for name in ("similarity", "heads")
        }
        for name in tables:
            yield collected_request(name, **tables)


def collected_request(name, **tables):
    """The table of all jobs of an analysis, made from theirs."""
    version = versions.PROBES if name == "probes" else versions.REPRESENTATIONS
    return Request(PATHS.collected(name), {"code_version": version}, tables)


def find_stale():
    """Each result that exists, but is damaged or not what the experiment asks for, and why."""
    yield from changed_sources(REQUESTS)
    comparison = Comparison(absent_manifests(REQUESTS))
    yield from comparison.find_stale(REQUESTS.all(CONDITIONS))
    yield from comparison.find_stale(analysis_requests())


def remake_stale():
    """Have stale results made again, and log why."""
    stale = dict(find_stale())
    make_again(stale)
    for path, reason in list(stale.items())[:LOGGED]:
        logger.warning(f"{path} will be made again: {reason}")
    if len(stale) > LOGGED:
        logger.warning(f"and {len(stale) - LOGGED} more results")


if workflow.is_main_process:
    remake_stale()


def log_run_times():
    """Log, and return, how much of the run was training; None if nothing was trained."""
    jobs = [PATHS.benchmark("finetune", *c.columns.values()) for c in TRAINED]
    jobs += [PATHS.benchmark("pretrain", model) for model in PRETRAINED_MODELS]
    line = describe_run(jobs, BEGAN, time.time())
    if line is not None:
        logger.info(line)
    return line


onstart:
    choose_jobs_when_one_ends(workflow)
    if workflow.is_main_process:
        undo_future_dates(PATHS.root, BEGAN)
    if workflow.is_main_process and not workflow.local_exec:
        freeze_config(workflow, as_param(EXPERIMENT), PATHS.configurations)
    if workflow.local_exec:
        asked = workflow.global_resources.get("gpu")
        try:
            gpus = asked and asked.value
            shared = RUNTIME.conditions_per_gpu
            logger.info(describe_gpus(count_gpus(), gpus, workflow.cores, shared))
        except PolymathError as error:
            raise WorkflowError(str(error)) from None


onsuccess:
    line = log_run_times()
    if line is not None:  # for `python -m polymath summary`
        PATHS.run_times.write_text(f"{line}\n")


onerror:
    log_run_times()
