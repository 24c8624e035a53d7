"""The package, built once for all that look at it."""

import pytest

from tests import debian


@pytest.fixture(scope="session")
def package():
    with debian.package() as built:
        yield built
