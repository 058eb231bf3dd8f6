"""Commands beside the workflow; `python -m polymath --help` lists them."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from polymath.experiment.command_line import ExperimentOptions, add_experiment_options
from polymath.experiment.paths import ResultPaths
from polymath.own_data.options import add_check_options, add_new_options, asked_in
from polymath.training.predict_command import add_predict_options, run_prediction
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.remedies import remedy_for

if TYPE_CHECKING:
    import pandas as pd

    from polymath.planning.plan import Plan

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "resources/benchmarks"


def print_summary(results: ResultPaths, options: Sequence[str] = ()) -> None:
    """Print the matrix, the files to open, and at the end the answer in words.

    Args:
        options: configuration options of the command, as Snakemake takes them.
    """
    from polymath.reporting.matrix import summarise_matrix
    from polymath.util.storage import read_table

    matrix = read_table(results.matrix())
    print(summarise_matrix(matrix))
    if results.run_times.exists():
        print(
            f"\nLast run with training: {results.run_times.read_text('utf-8', 'replace').strip()}"
        )
    print("\nOpen next:")
    for path, content in (
        (results.report, "everything on one page: answer, figures, methods, limits"),
        (results.claims("md"), "the verdict on each claim, with its rule"),
        (results.matrix("md"), "the matrix, one row per condition (also .csv and .parquet)"),
        (results.figure("matrix", "png"), "the matrix as a figure (also .svg)"),
        (results.figure("forest", "png"), "differences between arms, with both uncertainties"),
        (results.figure("curves", "png"), "learning curves (also .svg)"),
        (results.card().parent, "one data card per task: counts, lengths, what was left out"),
        (results.table().parent, "tables for a paper, in LaTeX and Markdown"),
        (results.snakemake_report, "how every file was made, with the figures"),
        (results.runs, "predictions and learning curves of every condition"),
    ):
        if path.exists():
            print(f"  {path!s:<36} {content}")
    next_step = None
    if results.evidence("families").exists() and results.claims().exists():
        next_step = print_answers(results, matrix, options)
    if results.evidence("effective_data").exists():
        print_effective_data(results)
    if next_step is not None:
        for line in filter(None, [describe_environment(), next_step]):
            print(line)


def describe_environment() -> str:
    """Return how a shell finds the commands that are printed; empty where it does already."""
    activate = Path(sys.prefix) / "bin/activate"
    if os.environ.get("VIRTUAL_ENV") == sys.prefix or not activate.is_file():
        return ""
    shown = os.path.relpath(activate) if activate.is_relative_to(Path.cwd()) else str(activate)
    return f"Where snakemake is not found, first: {shlex.join(['.', shown])}"


def print_answers(results: ResultPaths, matrix: "pd.DataFrame", options: Sequence[str]) -> str:
    """Print the answer in words; return the next command, empty if there is none."""
    from polymath.evaluation.tables import CONDITION_COLUMNS
    from polymath.experiment.conditions import Condition
    from polymath.reporting.answer import answer_in_words, print_answer
    from polymath.reporting.next_step import describe_next_step
    from polymath.reporting.rerun import Rerun
    from polymath.reporting.spent import minutes_of_training, seconds_of_training
    from polymath.reporting.task_answer import count_records
    from polymath.util.storage import read_json, read_table, read_with_metadata

    rows = matrix[[*CONDITION_COLUMNS]].itertuples(index=False)
    seconds = seconds_of_training((Condition(*row) for row in rows), results)
    cards = [path for path in map(results.card, matrix["task"].unique()) if path.exists()]
    claims, metadata = read_with_metadata(results.claims())
    runs = int((matrix["n"] + matrix["diverged"]).max())
    rerun = Rerun(options, metadata.get("crossed", {}), runs)
    answer = answer_in_words(
        read_table(results.evidence("families")),
        claims,
        matrix,
        minutes_of_training(seconds),
        rerun,
        count_records(map(read_json, cards)),
    )
    print("\nThe answer:", *print_answer(answer), sep="\n")
    return describe_next_step(claims, matrix, rerun, str(results.root))


def print_effective_data(results: ResultPaths) -> None:
    """Print what pre-training is worth in data, one line per comparison."""
    from polymath.reporting.effective_data import describe_effective_data
    from polymath.util.storage import read_table

    lines = describe_effective_data(read_table(results.evidence("effective_data")))
    print("\nWhat pre-training is worth in data:", *lines, sep="\n")


def read_plan(options: ExperimentOptions) -> "Plan":
    """Return the plan of the experiment that Snakemake would run with the same options."""
    from polymath.data.fetch.local import absent_manifests, changed_sources, problems_of_own_files
    from polymath.experiment.requests import Requests
    from polymath.planning.plan import Plan
    from polymath.planning.stale import Comparison

    experiment = options.experiment(ROOT / "resources")
    if any(problems_of_own_files(experiment)):  # which `plan` names; there is nothing to compare
        return Plan(experiment)
    requests = Requests(experiment)
    return Plan(experiment, changed_sources(requests), Comparison(absent_manifests(requests)))


def print_plan(plan: "Plan", device: str | None, options: list[str]) -> None:
    """Print the expected cost of an experiment, and its power where there are results.

    Args:
        options: configuration options of the command, as Snakemake takes them.
    """
    from polymath.data.fetch.local import problems_of_own_files
    from polymath.planning.plan import benchmark_speed, describe_plan, measured_processor

    for problem in problems_of_own_files(plan.experiment):
        print(f"missing: {problem}")
    speed = None if device else plan.measured_speed()
    measured = device or measured_processor()
    for line in describe_plan(plan, speed or benchmark_speed(measured, BENCHMARKS)):
        print(line)
    if plan.paths.claims().exists():
        from polymath.reporting.power import describe_power
        from polymath.reporting.rerun import Rerun
        from polymath.util.storage import read_table

        crossed = {str(stream): levels for stream, levels in plan.experiment.crossed.items()}
        rerun = Rerun(options, crossed, plan.experiment.runs)
        for line in describe_power(read_table(plan.paths.claims()), rerun):
            print(line)


def print_failures(plan: "Plan") -> int:
    """Print failed and pending conditions with the end of their logs; return the line count."""
    from polymath.planning.failures import describe_failures

    lines = list(describe_failures(plan))
    print("\n".join(lines) if lines else "every condition is done")
    return len(lines)


def draft_configuration(arguments: argparse.Namespace) -> None:
    """Write the configuration of a user's own data; print why it is so, its cost and what next."""
    from polymath.own_data.draft import draft_task, name_of
    from polymath.own_data.yaml_text import write_yaml
    from polymath.planning.plan import describe_plan, machine_speed, measured_processor
    from polymath.training.devices import measure_product

    output = arguments.output or Path(f"{name_of(arguments.path)}.yaml")
    if output.exists():
        raise PolymathError(f"{output} exists already: name another file by --output")
    draft = draft_task(arguments.path, output, asked_in(arguments), arguments.sheet)
    print(*draft.facts, sep="\n")
    write_yaml(draft, output)
    plan = read_plan(ExperimentOptions((output,), alone=True, settings=(), folder=None))
    speed = machine_speed(measure_product(), measured_processor(), BENCHMARKS)
    print(f"\nwritten: {output}; its cost:")
    for line in describe_plan(plan, speed, listed=0):
        print(f"  {line}")
    check = ["python", "-m", "polymath", "check", str(output)]
    run = ["snakemake", "--cores", "all", "--configfile", str(output), "--replace-workflow-config"]
    print("\nNext:", *(f"  {shlex.join(command)}" for command in (check, run)), sep="\n")


def print_check(options: ExperimentOptions) -> None:
    """Print what a configuration will read, and where it cannot answer."""
    from polymath.experiment.conditions import describe_default_mappings, expand_conditions
    from polymath.own_data.check import describe_check

    experiment = options.experiment(ROOT / "resources")
    expand_conditions(experiment)  # its errors come first, as in a run
    if mappings := describe_default_mappings(experiment):
        print(mappings)
    for line in describe_check(experiment):
        print(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m polymath", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_new_options(
        commands.add_parser("new", help="write the configuration of a file or folder of your own")
    )
    add_check_options(
        commands.add_parser(
            "check", help="read a configuration's data; warn where it cannot answer"
        )
    )
    about = {
        "plan": "print the expected cost of an experiment, and its power so far",
        "failed": "list failed and pending conditions, with the end of their logs",
        "summary": "print the verdicts and the matrix, and list the files to open",
        "predict": "predict new sequences with the models that were kept",
        "publish": "keep a run's results in the repository; `make docs` then shows them",
        "tensorboard": "write the learning curves as event files",
    }
    parsers = {name: commands.add_parser(name, help=text) for name, text in about.items()}
    for command in parsers.values():
        add_experiment_options(command)
    parsers["plan"].add_argument(
        "--device",
        help="name of a measurement in resources/benchmarks; default: the speed of the runs in "
        "the results, or of two cores of this processor's kind without any",
    )
    add_predict_options(parsers["predict"])
    parsers["publish"].add_argument("--name", help="of the run, as in resources/results")
    parsers["publish"].add_argument(
        "--report", action="store_true", help="keep report.html as well"
    )
    return parser


def main() -> None:
    """Run one command."""
    arguments = _parser().parse_args()
    try:
        _run(arguments)
    except DamagedError as error:
        sys.exit(f"ERROR: {error.problem}: delete {error.result} and run the experiment again")
    except PolymathError as error:
        sys.exit(f"ERROR: {error}")
    except BrokenPipeError:  # the reader, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if remedy := remedy_for(error):
            sys.exit(f"ERROR: {error or type(error).__name__}: {remedy}")
        raise


def _run(arguments: argparse.Namespace) -> None:
    """Run one command."""
    if arguments.command == "new":
        draft_configuration(arguments)
        return
    if arguments.command == "check":
        files, settings = tuple(arguments.file), tuple(arguments.config)
        print_check(ExperimentOptions(files, alone=True, settings=settings, folder=None))
        return
    options = ExperimentOptions.of(arguments)
    match arguments.command:
        case "plan":
            print_plan(read_plan(options), arguments.device, options.words)
        case "failed":
            sys.exit(1 if print_failures(read_plan(options)) else 0)
        case "predict":
            run_prediction(arguments, options.results)
        case "summary":
            print_summary(_require_results(options.results), options.words)
        case "tensorboard":
            print_events(_require_results(options.results))
        case "publish":
            _publish(_require_results(options.results), arguments.name, arguments.report)


def print_events(results: ResultPaths) -> None:
    """Write the learning curves as event files; print how to show them."""
    from polymath.reporting.tensorboard import write_events

    count = write_events(results, results.tensorboard)
    shown = shlex.join(["tensorboard", "--logdir", str(results.tensorboard)])
    print(f"{count} replicates written; show them with: {shown}")


def _publish(results: ResultPaths, name: str | None, with_report: bool) -> None:
    from polymath.reporting.publish import choose_folder, publish

    folder = choose_folder(results, ROOT / "resources/results", name)
    publish(results, folder, with_report)
    print(f"kept in {folder}")


def _require_results(results: ResultPaths) -> ResultPaths:
    if not results.matrix().is_file():
        raise PolymathError(
            f"{results.matrix()} does not exist: run the experiment to its end first, or name its "
            "folder by --results"
        )
    return results


if __name__ == "__main__":
    main()
