"""Commands beside the workflow; `python -m polymath --help` lists them."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polymath.experiment.paths import ResultPaths
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.remedies import remedy_for

if TYPE_CHECKING:
    from polymath.planning.plan import Plan

ROOT = Path(__file__).parents[2]
DEVICE = "cpu-2-cores"


def print_summary(results: ResultPaths) -> None:
    """Print the matrix, the files to open, and at the end the answer in words."""
    from polymath.reporting.answer import answer_in_words, print_answer
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
        (results.claims("md"), "the verdict on each of the paper's claims, with its rule"),
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
    families, claims = results.evidence("families"), results.claims()
    if families.exists() and claims.exists():
        answer = answer_in_words(read_table(families), read_table(claims), matrix)
        print("\nThe answer:", *print_answer(answer), sep="\n")


def read_plan(files: list[Path], alone: bool) -> "Plan":
    """Return the plan of the experiment that Snakemake would run with the same options."""
    from polymath.experiment.config import load_experiment
    from polymath.experiment.config_files import locate_paths, merge_configs, read_config
    from polymath.planning.plan import Plan

    merged = [*([] if alone else [Path("config.yaml")]), *files]
    config: dict[str, Any] = {}
    for path in merged:
        config = merge_configs(config, read_config(path))
    return Plan(load_experiment(locate_paths(config, merged), ROOT / "resources"))


def print_plan(plan: "Plan", device: str | None, options: list[str]) -> None:
    """Print the expected cost of an experiment, and its power where there are results.

    Args:
        options: configuration options of the command, as Snakemake takes them.
    """
    from polymath.planning.plan import benchmark_speed, describe_plan

    speed = None if device else plan.measured_speed()
    for line in describe_plan(
        plan, speed or benchmark_speed(device or DEVICE, ROOT / "resources/benchmarks")
    ):
        print(line)
    if plan.paths.claims().exists():
        from polymath.reporting.power import describe_power
        from polymath.util.storage import read_table

        for line in describe_power(read_table(plan.paths.claims()), options):
            print(line)


def print_failures(plan: "Plan") -> int:
    """Print failed and pending conditions with the end of their logs; return the line count."""
    from polymath.planning.failures import describe_failures

    lines = list(describe_failures(plan))
    print("\n".join(lines) if lines else "every condition is done")
    return len(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m polymath", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser(
        "plan", help="print the expected cost of an experiment, and its power so far"
    )
    failed = commands.add_parser(
        "failed", help="list failed and pending conditions, with the end of their logs"
    )
    for command in (plan, failed):
        command.add_argument(
            "--configfile", type=Path, nargs="+", default=[], help="as for snakemake"
        )
        command.add_argument(
            "--replace-workflow-config", action="store_true", help="as for snakemake"
        )
    plan.add_argument(
        "--device",
        help="name of a measurement in resources/benchmarks; default: the speed of the runs in "
        f"the results, or of {DEVICE} without any",
    )
    summary = commands.add_parser(
        "summary", help="print the verdicts and the matrix, and list the files to open"
    )
    publish = commands.add_parser(
        "publish", help="keep a run's results in the repository; `make docs` then shows them"
    )
    publish.add_argument("--name", default="default", help="of the run, as in resources/results")
    publish.add_argument("--report", action="store_true", help="keep report.html as well")
    events = commands.add_parser("tensorboard", help="write the learning curves as event files")
    for command in (summary, publish, events):
        command.add_argument("--results", type=Path, default=Path("results"))
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
    except Exception as error:
        if remedy := remedy_for(error):
            sys.exit(f"ERROR: {error or type(error).__name__}: {remedy}")
        raise


def _run(arguments: argparse.Namespace) -> None:
    """Run one command."""
    if arguments.command in ("plan", "failed"):
        experiment = read_plan(arguments.configfile, arguments.replace_workflow_config)
        if arguments.command == "failed":
            sys.exit(1 if print_failures(experiment) else 0)
        files = [str(path) for path in arguments.configfile]
        options = ["--configfile", *files] if files else []
        options += ["--replace-workflow-config"] if arguments.replace_workflow_config else []
        print_plan(experiment, arguments.device, options)
        return
    results = ResultPaths(arguments.results)
    _require_results(results)
    if arguments.command == "summary":
        print_summary(results)
    elif arguments.command == "tensorboard":
        from polymath.reporting.tensorboard import write_events

        count = write_events(results, results.tensorboard)
        print(
            f"{count} replicates written; show them with: tensorboard --logdir "
            f"{results.tensorboard}"
        )
    else:
        from polymath.reporting.publish import publish as keep

        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", arguments.name):
            raise PolymathError(
                f"--name {arguments.name}: a folder's name of letters, digits, '.', '-' and '_'"
            )
        keep(results, ROOT / "resources/results" / arguments.name, arguments.report)


def _require_results(results: ResultPaths) -> None:
    if not results.matrix().is_file():
        raise PolymathError(
            f"{results.matrix()} does not exist: run the experiment to its end first, or name its "
            "folder by --results"
        )


if __name__ == "__main__":
    main()
