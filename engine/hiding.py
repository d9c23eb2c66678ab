"""No secret in what the process says: every text that strangers had a part in goes through here before it is shown.

A model's server may quote the key that it refuses, or the first half of it; an exception may hold whatever somebody put
into it. The process knows its own secrets, so it can look for them: each is replaced, together with whatever stands
behind its first letters without a space.
"""

import re
from collections.abc import Iterable

PREFIX_CHARS = 8
"""So many of a secret's letters give it away. Fewer are found in words that mean nothing; what has no more than that is
no secret, and is not looked for."""
HIDDEN = "(hidden)"

_hidden: set[str] = set()
_pattern: re.Pattern[str] | None = None


def hide(secrets: Iterable[str]) -> None:
    """From now on, keep these out of everything that is shown. They are the process's, so the process knows them."""
    global _pattern
    new = {secret for secret in secrets if len(secret) > PREFIX_CHARS} - _hidden
    if new:
        _hidden.update(new)
        prefixes = "|".join(sorted({re.escape(secret[:PREFIX_CHARS]) for secret in _hidden}))
        _pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{prefixes})[^\s\"'<>&,;]*")


def shown(text: str) -> str:
    """The text without any of the secrets."""
    return text if _pattern is None else _pattern.sub(HIDDEN, text)
