"""Errors that a user can fix, and the suggestions in them."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

LISTED = 20  # names in a message, at most
LONGEST = 60  # characters of a name in a message


class PolymathError(Exception):
    """A mistake in the user's input; the message names the place and the remedy."""


class DamagedError(PolymathError):
    """A file of the results is not as it was written; its stage makes it again."""

    def __init__(self, path: Path, reason: str, made_with: Path | None = None) -> None:
        """Describe the damage.

        Args:
            made_with: the result that stands for the file in the workflow, as a manifest for the
                files that it lists; by default the file itself.
        """
        self.reason, self.problem = reason, f"{path} is damaged ({reason})"
        self.result = made_with or path
        super().__init__(f"{self.problem}: delete {self.result} and run the same command again")


class PreemptedError(Exception):
    """The job received a stop signal; its progress is saved."""


def first_line(error: BaseException) -> str:
    """Return the first line of what another library says of an error, or else its type."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def suggest(wrong: str, valid: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest valid name, else the list of valid names."""
    names = sorted(valid)
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if wrong.lower() in folded:
        close = [folded[wrong.lower()]]
    if close:
        return f"did you mean '{close[0]}'?"
    return "valid: " + (list_names(names) if names else "none")


def list_names(names: Sequence[str]) -> str:
    """Return names as a list for a message: at most LISTED, none longer than LONGEST."""
    shown = [name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in names[:LISTED]]
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(shown) + more
