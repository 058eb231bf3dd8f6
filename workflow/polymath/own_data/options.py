"""The options of the commands `new` and `check`."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Asked:
    """Columns that the user names; None where the file decides."""

    sequence: tuple[str, ...] | None = None
    label: str | tuple[str, ...] | None = None
    split: str | None = None
    group: str | None = None
    label_separator: str | None = None
    """Between the labels of a row; empty: each row has one label."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of labels that the user names."""
        return (self.label,) if isinstance(self.label, str) else self.label or ()


def add_new_options(parser: argparse.ArgumentParser) -> None:
    """Let a user name the files, and what they do not tell by themselves."""
    parser.add_argument("path", type=Path, help="the file, or the folder (read recursively)")
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "metavar": "COLUMN"}
    parser.add_argument("--sequence", **several, help="one, or the two of a pair")
    parser.add_argument("--label", **several, help="one, or several of 0 and 1 (multi-label)")
    parser.add_argument(
        "--label-separator",
        metavar="TEXT",
        help="between the labels of a row (multi-label); '' if each row has one label",
    )
    for role in ("split", "group"):
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
    label = arguments.label
    if label is not None:
        label = label[0] if len(label) == 1 else tuple(label)
    return Asked(columns, label, arguments.split, arguments.group, arguments.label_separator)
