"""How far compressed files may grow: what a hostile one could fill a disk or the memory with."""

from collections.abc import Callable
from typing import IO

from polymath.util.errors import PolymathError

LARGEST = 20 * 10**9  # bytes
RATIO = 200  # to the compressed bytes: text shrinks to a tenth, rarely to a fiftieth
UNSUSPICIOUS = 10 * 10**6  # bytes that may come from any file
CHUNK = 1 << 18  # bytes read at a time


def _limits() -> str:
    return f"at most {LARGEST / 1e9:.0f} GB and {RATIO} times are extracted"


def largest_expansion(packed: int) -> int:
    """Return how many bytes may come from so many compressed ones."""
    return min(LARGEST, max(RATIO * packed, UNSUSPICIOUS))


def refuse_bomb(total: int, packed: int, title: str, remedy: str) -> None:
    """Refuse what states that it holds more bytes than may come from it.

    Args:
        total, packed: bytes expanded and compressed.
        title: what is compressed, for the message.

    Raises:
        PolymathError: with the limits.
    """
    if total > largest_expansion(packed):
        raise PolymathError(
            f"{title}: its members hold {total / 1e6:,.0f} MB, {total / max(packed, 1):,.0f} times "
            f"the archive, and {_limits()}: {remedy}"
        )


def copy_stated(content: IO[bytes], copy: IO[bytes], size: int, member: str) -> None:
    """Copy a member of an archive, and stop where it holds more than the archive states.

    Raises:
        PolymathError: naming the member.
    """
    written = 0
    while chunk := content.read(CHUNK):
        written += len(chunk)
        if written > size:
            raise PolymathError(
                f"{member} is larger than the archive says: damaged, or do not trust this archive"
            )
        copy.write(chunk)


def read_limited(read: Callable[[int], bytes], packed: int, title: str) -> bytes:
    """Read all of a compressed file whose expanded size is not known before.

    Args:
        read: returns so many of the expanded bytes, or fewer at their end.
        packed: the file's bytes.

    Raises:
        PolymathError: with the limits, as soon as one is exceeded.
    """
    limit = largest_expansion(packed)
    expanded = read(limit + 1)
    if len(expanded) > limit:
        raise PolymathError(
            f"{title}: it grows to more than {limit / 1e6:,.0f} MB, and {_limits()}: unpack it "
            "yourself if you trust it"
        )
    return expanded
