"""Where a list is published, and with which keys it is signed: values of the configuration.

What is fetched and what a signature proves is the business of `fetch` and `minisign`. Pure.
"""

from typing import Self
from urllib.parse import urlsplit

from blockd import names, prefixes
from blockd.errors import NameFormError, PrefixFormError, SignatureError
from blockd.minisign.keys import PublicKey
from blockd.values import TextValue, plain_text


class Url(TextValue):
    """Where a list is fetched from: `https://lists.example/blocked.txt`."""

    __slots__ = ("host", "port", "target", "text")

    def __init__(self, text: str, host: str, port: int, target: str) -> None:
        self.text = text
        self.host = host
        """A name in A-labels, or an address without brackets."""
        self.port = port
        self.target = target
        """Path and query, as a request has them."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form; only https, and nothing that would have to be kept secret."""
        text = plain_text(value)
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ValueError(f"{text!r} is no URL: write other signs than ASCII as %XX")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ValueError(f"{text!r} is no URL: {error}") from None
        if parts.scheme != "https" or not host:
            raise ValueError(f"{text!r}: a list is fetched from https://HOST/PATH only")
        if "@" in parts.netloc:
            raise ValueError(f"{text!r} holds a user name; a URL is shown to everybody")
        if parts.fragment:
            raise ValueError(f"{text!r}: no server hears of what stands after `#`; remove it")
        try:
            host = str(prefixes.parse(host)).partition("/")[0]
        except PrefixFormError:
            try:
                host = names.to_text(names.parse(host))
            except NameFormError as error:
                raise ValueError(f"{text!r}: {error}") from None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(text, host, port or 443, target)

    def __str__(self) -> str:
        """Return the text as it was written."""
        return self.text


class PublicKeys(TextValue):
    """Pinned keys of minisign's: one text `RW...`, or several in an array."""

    __slots__ = ("keys",)

    def __init__(self, *keys: PublicKey) -> None:
        self.keys = keys

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read one key or several."""
        texts = value if isinstance(value, list) else [value]
        try:
            keys = [PublicKey.parse(plain_text(text)) for text in texts]
        except SignatureError as error:
            raise ValueError(str(error)) from None
        if len({key.number for key in keys}) < len(keys):
            raise ValueError("two keys have the same number; keep one of them")
        return cls(*keys)

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.keys)

    def __str__(self) -> str:
        """Return the keys, parted by blanks."""
        return " ".join(map(str, self.keys))
