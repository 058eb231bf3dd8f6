"""The options of the commands `new` and `check`."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """Columns that the user names; None where the file decides."""

    sequence: tuple[str, ...] | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None


def add_new_options(parser: argparse.ArgumentParser) -> None:
    """Let a user name the files, and what they do not tell by themselves."""
    parser.add_argument("path", type=Path, help="the file, or the folder (read recursively)")
    parser.add_argument("--sequence", nargs="+", metavar="COLUMN", help="one, or the two of a pair")
    for role in ("label", "split", "group"):
        parser.add_argument(f"--{role}", metavar="COLUMN")
    parser.add_argument("--sheet", help="of an Excel file")
    parser.add_argument("--output", type=Path, help="configuration to write; default: NAME.yaml")


def add_check_options(parser: argparse.ArgumentParser) -> None:
    """Let a user name the configuration to check."""
    parser.add_argument("file", type=Path, nargs="+", help="configuration, without config.yaml")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake"
    )


def asked_in(arguments: argparse.Namespace) -> Asked:
    """Return the columns that the options name."""
    columns = tuple(arguments.sequence) if arguments.sequence else None
    return Asked(columns, arguments.label, arguments.split, arguments.group)
