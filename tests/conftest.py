"""What tests of several folders share: the real programs in more than one version."""

from pathlib import Path

import pytest

from tests.binaries import current, find


@pytest.fixture(params=["stable", "current"])
def alertmanager_binary(request: pytest.FixtureRequest) -> Path:
    """Return each Alertmanager that we promise to work with: the machine's, and the newest."""
    if request.param == "current":
        return current("prometheus-alertmanager")
    return find("alertmanager", "prometheus-alertmanager")
