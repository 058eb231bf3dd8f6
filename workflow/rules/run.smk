# What a run makes, and what it logs when it starts and ends.

import time

from polymath.planning.run_times import describe_run
from polymath.util.gpus import count_gpus, describe_gpus

BEGAN = time.time()


def all_results():
    """Every file that the experiment asks for, each condition's own included: a deleted one is
    made again."""
    asked = [file for files in PREDICTIONS.values() for file in files]
    if EXPERIMENT.keep_models:
        asked += [PATHS.kept_models(condition) for condition in TRAINED]
    asked += [PATHS.report]
    asked += [PATHS.figure(name, "png") for name in EVIDENCE_FIGURES]
    asked += [PATHS.card(task, "png") for task in EXPERIMENT.tasks]
    asked += [PATHS.figure("probes", "png")] if PROBED else []
    asked += [PATHS.collected("similarity")] if STUDIES else []
    for name in ("layers.png", "depth.png"):
        asked += all_representations(name)
    return asked


def log_run_times():
    """Log, and return, how much of the run was training; None if nothing was trained."""
    jobs = [PATHS.benchmark("finetune", *c.columns.values()) for c in TRAINED]
    jobs += [PATHS.benchmark("pretrain", model) for model in PRETRAINED_MODELS]
    line = describe_run(jobs, BEGAN, time.time())
    if line is not None:
        logger.info(line)
    return line


onstart:
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
