"""The command that runs an experiment again with some settings changed."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rerun:
    """How an experiment was run, which a command that runs it again repeats."""

    options: Sequence[str] = ()
    """Configuration options of that command, as `--configfile my.yaml`; `--config` comes last."""
    crossed: Mapping[str, int] = field(default_factory=dict)
    """How many seeds of each stream are combined, which then count instead of replicates."""

    def command(self, settings: Mapping[str, str]) -> str:
        """Return the command with these settings in place of the experiment's.

        Args:
            settings: by key, as YAML.

        Returns:
            Words quoted for a shell.
        """
        kept = [word for word in self.options if word.partition("=")[0] not in settings]
        flag = [] if "--config" in kept else ["--config"]
        changed = [f"{key}={value}" for key, value in settings.items()]
        return shlex.join(["snakemake", "--cores", "all", *kept, *flag, *changed])

    def with_replicates(self, replicates: int) -> str:
        """Return the command that trains so many replicates."""
        return self.command(self._replicates(replicates))

    def with_models_compared(self, replicates: int) -> str:
        """Return the command that compares the representations of so many replicates' models.

        Random models are compared with those of the next replicate: one more is trained.
        """
        compared = {"representations": f"{{replicates: {replicates}}}"}
        return self.command(compared | self._replicates(replicates + 1))

    def _replicates(self, replicates: int) -> dict[str, str]:
        """Return the setting; of an experiment that varies one stream alone, that stream's."""
        if not self.crossed:
            return {"replicates": str(replicates)}
        stream = max(self.crossed, key=lambda each: self.crossed[each])
        return {"crossed": f"{{{stream}: {replicates}}}"}


PLAIN = Rerun()
"""Of the default experiment, without options."""
