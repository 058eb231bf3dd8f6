"""Keep passwords and tokens of addresses out of files, logs and messages.

An address names a secret as `${POLYMATH_SECRET_NAME}`; the environment variable's value is put in
when the address is opened, and nowhere else. Passwords of servers belong in ~/.netrc.
"""

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus, unquote

from polymath.util.errors import PolymathError

PREFIX = "POLYMATH_SECRET_"
PLACEHOLDER = re.compile(rf"\$\{{({PREFIX}\w+)\}}")
# The start of a secret query parameter, up to its value.
PARAMETER = re.compile(
    r"((?:^|[?&;#])[^=&;\s]*(?:token|secret|passw|pwd|signature|credential|api-?_?key|access-?_?key"
    r"|auth(?!or)|jwt|bearer|\bsig|\bsas(?==)|\bpass(?==)|\bpw(?==)|\bkey(?==))[^=&;\s]*=)"
    r"([^&;\s'\")]+)",
    re.IGNORECASE,
)
# To the last @ before the path: a password may have one itself. It may have a slash, too: then what
# follows the colon is no port.
USER = re.compile(r"(\w+://)(?:[^/\s]+|[^/\s\[\]]*:[^\d\s]\S*)@")
# What is left as it is where an address is quoted: by requests, by us, in a value.
UNQUOTED = ("!#$%&'()*+,/:;=?@[]~", "!#$&'()*+,/:;=?@[]~", "/", "")
USER_IN_ADDRESS = re.compile(r"\w+://(?:[^/?\s]+|[^/?\s\[\]]*:[^\d\s]\S*)@")


def has_secret(url: str) -> bool:
    """Whether an address holds a password or a token itself."""
    bare = PLACEHOLDER.sub("", url)
    written = (bare, unquote(bare))  # `tok%65n` is a token to a server
    return USER_IN_ADDRESS.match(bare) is not None or any(map(PARAMETER.search, written))


def fill_secrets(url: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the address to open, with the environment's secrets in it.

    Raises:
        PolymathError: naming a variable that is not set.
    """

    def value(match: re.Match[str]) -> str:
        if not environment.get(match[1]):
            raise PolymathError(f"{url}: the environment variable {match[1]} is not set: set it")
        return environment[match[1]]

    return PLACEHOLDER.sub(value, url)


def redact(text: object, environment: Mapping[str, str] = os.environ) -> str:
    """Return a message without the passwords and tokens of its addresses."""
    line = USER.sub(r"\1", str(text))
    for name, value in environment.items():
        if name.startswith(PREFIX) and value:
            for written in (value, *(quote(value, safe) for safe in UNQUOTED), quote_plus(value)):
                line = line.replace(written, f"${{{name}}}")
    return PARAMETER.sub(r"\1...", line)
