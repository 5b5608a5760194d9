"""The running service, started once for all tests that need it."""

from collections.abc import Iterator

import pytest

from tests.support.observability import ENVIRONMENT
from tests.support.service import Service, running


# Of the package: it ends with the last of these tests, and does not take the processor from those that come after.
@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole service with the demo models, in processes of its own."""
    yield from running(tmp_path_factory.mktemp("service"), environment=ENVIRONMENT)
