"""Errors, named by whose fault they are; each carries the exit status of the command line.

An error's message is a whole sentence for the operator: what happened, where, what to do.
Where a raise gives no text, the class's docstring is the message. Parsing problems of single
entries are not errors but `watchlist.model.Issue`s; they become a `ListError` only when a
source is refused because of them.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class BlockdError(Exception):
    """Something went wrong."""

    exit_status: ClassVar[int] = 2

    def __str__(self) -> str:
        """Return the given sentence, or the docstring as the default one."""
        return super().__str__() or (self.__doc__ or "").strip().splitlines()[0]


class ConfigError(BlockdError):
    """The configuration cannot be used."""


class UsageError(BlockdError):
    """The command cannot be carried out as it was given."""


class RefusedError(BlockdError):
    """The lists were refused; nothing was changed."""

    def __init__(self, sentence: str = "", issues: Sequence[Any] = (), *, brief: str = "") -> None:
        """Carry the issues (`watchlist.model.Issue`) that led to the refusal.

        And, where the sentence quotes some of them, the same without, for who has seen them.
        """
        super().__init__(*([sentence] if sentence else []))
        self.issues = tuple(issues)
        self.brief = brief or str(self)


class ListError(RefusedError):
    """A list has errors; nothing was changed."""

    exit_status = 1


class GuardError(RefusedError):
    """A guard refused the list; nothing was changed."""

    exit_status = 3


class ChangeError(GuardError):
    """The change is beyond a limit of the guard; nothing was changed."""

    def __init__(
        self,
        sentence: str = "",
        issues: Sequence[Any] = (),
        *,
        digest: str = "",
        beyond: Sequence[str] = (),
    ) -> None:
        """Carry the change's digest, by which it can be confirmed, and each limit's sentence."""
        super().__init__(sentence, issues)
        self.digest = digest
        self.beyond = tuple(beyond)


class StoreError(BlockdError):
    """The policy store cannot be used."""


class BusyError(StoreError):
    """Another process is at work there; try again later."""


class NoPolicyError(StoreError):
    """No generation has been committed yet: run `blockd compile`."""


class UpstreamError(BlockdError):
    """No upstream resolver can be used."""


class UnreachableError(BlockdError):
    """A daemon or the kernel cannot be reached."""

    exit_status = 4


class AbsentError(UnreachableError):
    """A daemon does not run."""


class KernelError(UnreachableError):
    """The kernel refused."""


class FormError(BlockdError):
    """A DNS message is malformed (the peer's fault)."""


class NameFormError(BlockdError, ValueError):
    """Text is not a domain name."""


class PrefixFormError(BlockdError, ValueError):
    """Text is not an address or prefix."""


class RecordFormError(BlockdError, ValueError):
    """Text is not a resource record."""


class SignatureError(BlockdError, ValueError):
    """A signature or a key cannot be used."""


class FetchError(BlockdError):
    """A list could not be fetched."""

    exit_status = 1

    def __init__(self, sentence: str = "", *, transient: bool = False, after: int = 0) -> None:
        """Say whether asking again soon may help, and how many seconds later the server wants."""
        super().__init__(*([sentence] if sentence else []))
        self.transient = transient
        self.after = after
