"""What tests that compile again and again have in common."""

import pytest

from blockd.watchlist import examine


@pytest.fixture(scope="module")
def suffixes_are_read_once():
    """Read the public suffixes once for all compiles of a module."""
    suffixes = examine.public_suffixes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examine, "public_suffixes", lambda: suffixes)
        yield
