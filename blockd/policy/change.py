"""Whether a change is within the guard's limits, or was confirmed by somebody.

What differs is `difference`'s business, which numbers are too large `limits`'. Pure.
"""

from datetime import date

import msgspec

from blockd.config import GuardSection
from blockd.errors import ChangeError
from blockd.policy.difference import Difference
from blockd.policy.limits import beyond
from blockd.policy.record import Acceptance


def objection(difference: Difference, limits: GuardSection, today: date) -> ChangeError | None:
    """Return the error of a change that is beyond the guard's limits; None: it is within."""
    found = [excess.sentence for excess in beyond(difference.names, difference.prefixes, limits)]
    if not found:
        return None
    digest = difference.digest(today)
    return ChangeError(
        f"the change {'; it '.join(found)}; nothing was changed. `blockd diff` shows it; if it"
        f" is meant, `blockd compile --accept {digest}` confirms exactly this change",
        digest=digest,
        beyond=found,
    )


def confirmed(
    difference: Difference, limits: GuardSection, today: date, accept: Acceptance | None
) -> Acceptance | None:
    """Return what to record of a confirmation; raises ChangeError where one is missing."""
    objected = objection(difference, limits, today)
    if accept is None:
        if objected is not None:
            raise objected
        return None
    digest = difference.digest(today)
    if accept.digest.lower() != digest:
        said = f": it {'; it '.join(objected.beyond)}" if objected else ""
        raise ChangeError(
            f"{accept.digest!r} is not the change that the lists make now, which is"
            f" {digest}{said}; nothing was changed. Look at `blockd diff` again",
            digest=digest,
            beyond=objected.beyond if objected else (),
        )
    return msgspec.structs.replace(
        accept, digest=digest, beyond=objected.beyond if objected else ()
    )
