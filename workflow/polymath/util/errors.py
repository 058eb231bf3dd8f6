"""Errors that a user can fix, and the suggestions in them."""

import difflib
from collections.abc import Iterable


class PolymathError(Exception):
    """A mistake in the user's input; the message names the place and the remedy."""


class PreemptedError(Exception):
    """The job received a stop signal; its progress is saved."""


def suggest(wrong: str, valid: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest valid name, else the list of valid names."""
    names = sorted(valid)
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "valid: " + (", ".join(names) if names else "none")
