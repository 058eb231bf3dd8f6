"""The command that runs an experiment again with some settings changed."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from polymath.experiment.command_line import as_setting


@dataclass(frozen=True)
class Rerun:
    """How an experiment was run, which a command that runs it again repeats."""

    options: Sequence[str] = ()
    """Configuration options of that command, as `--configfile my.yaml`; `--config` comes last."""
    crossed: Mapping[str, int] = field(default_factory=dict)
    """How many seeds of each stream are combined, which then count instead of replicates."""
    runs: int = 0
    """How many replicates there are."""

    def command(self, settings: Mapping[str, object]) -> str:
        """Return the command with these settings in place of the experiment's.

        Args:
            settings: by key; a mapping is merged into the one that the options give.

        Returns:
            Words quoted for a shell.
        """
        words, given = [*self.options], []
        if "--config" in words:
            place = words.index("--config")
            words, given = words[:place], words[place + 1 :]
        values = {key: value for key, _, value in (word.partition("=") for word in given)}
        kept = [word for word in given if word.partition("=")[0] not in settings]
        changed = [as_setting(key, _merged(values.get(key), settings[key])) for key in settings]
        return shlex.join(["snakemake", "--cores", "all", *words, "--config", *kept, *changed])

    def with_replicates(self, replicates: int) -> str:
        """Return the command that trains so many replicates."""
        return self.command(self._replicates(replicates))

    def with_models_compared(self, replicates: int) -> str:
        """Return the command that compares the representations of so many replicates' models.

        Random models are compared with those of the next replicate: one more is trained.
        """
        compared = {"representations": {"replicates": replicates}}
        return self.command(compared | self._replicates(max(replicates + 1, self.runs)))

    def _replicates(self, replicates: int) -> dict[str, object]:
        """Return the setting; of an experiment that varies one stream alone, that stream's."""
        if not self.crossed:
            return {"replicates": replicates}
        stream = max(self.crossed, key=lambda each: self.crossed[each])
        return {"crossed": {stream: replicates}}


def _merged(text: str | None, value: object) -> object:
    """Return a value; a mapping with what the present one, in YAML, has beside it."""
    given = yaml.safe_load(text) if text else None
    return {**given, **value} if isinstance(given, dict) and isinstance(value, dict) else value


PLAIN = Rerun()
"""Of the default experiment, without options."""
