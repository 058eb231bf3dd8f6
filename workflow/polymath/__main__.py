"""Commands beside the workflow: python -m polymath {schema,plan,summary,publish,tensorboard}."""

import argparse
import sys
from pathlib import Path

from polymath.errors import PolymathError
from polymath.pages import dataset_page
from polymath.reference import config_reference, config_schema

ROOT = Path(__file__).parents[2]
DEVICE = "cpu-2-cores"
GENERATED = {
    ROOT / "workflow/schemas/config.schema.json": config_schema,
    ROOT / "resources/docs/configuration.md": config_reference,
    ROOT / "resources/docs/datasets.md": lambda: dataset_page(ROOT / "resources/datasets.yaml"),
}


def print_summary(results: Path) -> None:
    """Print the matrix as a table and name the files to open."""
    from polymath.aggregate import to_summary
    from polymath.files import read_table

    print(to_summary(read_table(results / "matrix.parquet")))
    print("\nOpen next:")
    for name, what in (
        ("matrix.md", "the matrix, one row a condition (also .csv and .parquet)"),
        ("figures/matrix.png", "the matrix as a figure (also .svg)"),
        ("figures/curves.png", "learning curves (also .svg)"),
        ("cards/", "a data card for each task: counts, lengths, what was left out"),
        ("snakemake-report.html", "everything in one page, with how it was made"),
        ("runs/", "predictions, curves and scores of every condition"),
    ):
        if (results / name).exists():
            print(f"  {results / name!s:<36} {what}")


def print_plan(files: list[Path], alone: bool, device: str | None) -> None:
    """Print what an experiment will cost."""
    from polymath.config import load_experiment, merge_configs, read_config
    from polymath.plan import Plan, benchmark_speed, describe_plan

    config = {} if alone else read_config(Path("config.yaml"))
    for path in files:
        config = merge_configs(config, read_config(path))
    plan = Plan(load_experiment(config, ROOT / "resources"))
    speed = None if device else plan.measured_speed()
    for line in describe_plan(
        plan, speed or benchmark_speed(device or DEVICE, ROOT / "resources/benchmarks")
    ):
        print(line)


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m polymath", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "schema", help="write the configuration's schema and reference, and the page of data sets"
    )
    plan = commands.add_parser("plan", help="say what an experiment will cost, and spend nothing")
    plan.add_argument("--configfile", type=Path, nargs="+", default=[], help="as for snakemake")
    plan.add_argument("--replace-workflow-config", action="store_true", help="as for snakemake")
    plan.add_argument(
        "--device",
        help="a measurement in resources/benchmarks, by name; default: the speed of the runs in "
        f"the results, and {DEVICE} where there are none",
    )
    summary = commands.add_parser("summary", help="print the matrix and name the files to open")
    publish = commands.add_parser("publish", help="keep a run's results in the repository")
    publish.add_argument("--name", default="default", help="of the run, as in the README")
    events = commands.add_parser("tensorboard", help="write the learning curves as event files")
    for command in (summary, publish, events):
        command.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    if arguments.command == "schema":
        for path, make in GENERATED.items():
            path.write_text(make(), encoding="utf-8")
    elif arguments.command == "plan":
        try:
            alone = arguments.replace_workflow_config
            print_plan(arguments.configfile, alone, arguments.device)
        except PolymathError as error:
            sys.exit(f"ERROR: {error}")
    elif arguments.command == "summary":
        print_summary(arguments.results)
    elif arguments.command == "tensorboard":
        from polymath.tensorboard import write_events

        folder = arguments.results / "tensorboard"
        count = write_events(arguments.results, folder)
        print(f"{count} replicates; to look at them: tensorboard --logdir {folder}")
    else:
        from polymath.publish import publish as keep

        folder = ROOT / "resources/results" / arguments.name
        keep(arguments.results, arguments.name, folder, ROOT / "README.md")


if __name__ == "__main__":
    main()
