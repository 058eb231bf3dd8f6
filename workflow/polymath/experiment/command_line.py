"""Which experiment a command is about: the options that Snakemake takes, and what they mean."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from polymath.experiment.config import Experiment, load_experiment
from polymath.experiment.config_files import locate_paths, merge_configs, read_config
from polymath.experiment.paths import ResultPaths
from polymath.util.errors import PolymathError

DEFAULT_FILE = Path("config.yaml")
DEFAULT_RESULTS = "results"
UNKNOWN_FILE = "ITS_CONFIGURATION.yaml"
END_OF_SCALAR = "\n...\n"  # which YAML writes after a lone one


def add_experiment_options(parser: argparse.ArgumentParser) -> None:
    """Let a command be about the same experiments as Snakemake, by the same options."""
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as for snakemake")
    parser.add_argument("--replace-workflow-config", action="store_true", help="as for snakemake")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake"
    )
    parser.add_argument(
        "--results", type=Path, help="folder of the results; default: as the configuration states"
    )


def as_setting(key: str, value: object) -> str:
    """Return a setting as `--config` takes it: the value in YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return f"{key}={text.removesuffix(END_OF_SCALAR).strip()}"


def _folder_setting(folder: Path) -> str:
    """Return the setting of a folder, whose name may read as a number or hold signs of YAML."""
    try:
        is_text = isinstance(yaml.safe_load(str(folder)), str)
    except yaml.YAMLError:
        is_text = True  # quoted below
    return as_setting("results", str(folder) if is_text else f"./{folder}")


@dataclass(frozen=True)
class ExperimentOptions:
    """The options of `add_experiment_options`, as given."""

    files: tuple[Path, ...]
    alone: bool
    """Whether config.yaml does not count."""
    settings: tuple[str, ...]
    folder: Path | None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "ExperimentOptions":
        """Return the options of a command's arguments."""
        return cls(
            tuple(arguments.configfile),
            arguments.replace_workflow_config,
            tuple(arguments.config),
            arguments.results,
        )

    @property
    def words(self) -> list[str]:
        """The options as words of a command for Snakemake, `--config` last.

        A folder alone does not tell the configuration that filled it: the reader is to name that.
        """
        files = [str(path) for path in self.files]
        if self.folder is not None and not files:
            files = [UNKNOWN_FILE]
        words = ["--configfile", *files] if files else []
        words += ["--replace-workflow-config"] if self.alone else []
        settings = [*self.settings]
        if self.folder is not None:
            settings = [word for word in settings if not word.startswith("results=")]
            settings.append(_folder_setting(self.folder))
        return words + (["--config", *settings] if settings else [])

    def experiment(self, resources: Path) -> Experiment:
        """Return the experiment that Snakemake would run with the same options.

        Args:
            resources: folder of the catalogues.

        Raises:
            PolymathError: naming the file or key, and what is wrong.
        """
        merged = self._merged_files
        config = merge_configs(locate_paths(self._read(merged), merged), self._settings())
        if self.folder is not None:
            config["results"] = str(self.folder)
        return load_experiment(config, resources)

    @property
    def results(self) -> ResultPaths:
        """The folder of the results, whether the rest of the configuration is right or not."""
        if self.folder is not None:
            return ResultPaths.of(self.folder)
        merged = [path for path in self._merged_files if path != DEFAULT_FILE or path.exists()]
        config = merge_configs(self._read(merged), self._settings())
        return ResultPaths.of(str(config.get("results", DEFAULT_RESULTS)))

    @property
    def _merged_files(self) -> list[Path]:
        return [*([] if self.alone else [DEFAULT_FILE]), *self.files]

    def _read(self, files: list[Path]) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for path in files:
            config = merge_configs(config, read_config(path))
        return config

    def _settings(self) -> Mapping[str, Any]:
        settings = {}
        for setting in self.settings:
            key, equals, value = setting.partition("=")
            if not (key and equals and value):
                raise PolymathError(f"--config {setting}: write it as KEY=VALUE")
            try:
                settings[key] = yaml.safe_load(value)
            except yaml.YAMLError:
                raise PolymathError(f"--config {setting}: the value is not valid YAML") from None
        return settings
