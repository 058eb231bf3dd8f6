"""The command line that benchmarks share: measure, print a table, keep the figures."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
T = TypeVar("T", int, Path)
Figures = dict[str, Any]


def measure_in_process(script: str, *words: str) -> Any:
    """Return what a benchmark measures in a process of its own, by its option `--measure`."""
    command = [sys.executable, script, "--measure", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def run(
    description: str,
    measure: Callable[[T], Figures],
    to_table: Callable[[Figures], str],
    option: str,
    default: T,
) -> None:
    """Run a benchmark with one option of its own, whose value is what it measures with."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(option, type=type(default), default=default, dest="value")
    run_with_options(parser, lambda arguments: measure(arguments.value), to_table)


def run_with_options(
    parser: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], Figures],
    to_table: Callable[[Figures], str],
) -> None:
    """Measure and print the table; or print the table of figures that were kept.

    Args:
        parser: with the benchmark's own options.
    """
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--show", type=Path, help="print the figures of such a file instead")
    arguments = parser.parse_args()
    if arguments.show:
        print(to_table(json.loads(arguments.show.read_text(encoding="utf-8"))))
        return
    figures = measure(arguments)
    print(to_table(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
