"""The public suffixes that the guard knows."""

import pytest

from blockd.watchlist import examine


@pytest.fixture(scope="session")
def suffixes():
    return examine.public_suffixes()
