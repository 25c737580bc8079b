import pytest

from sandbox import Sandbox


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes longer than 20 seconds; left out under the sanitizers")


@pytest.fixture
def sandbox(tmp_path):
    one = Sandbox(tmp_path)
    yield one
    assert one.close() == 0
