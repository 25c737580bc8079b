import pytest

from daemon import Daemon
from programs import BUILD
from sandbox import Sandbox

KINDS = str(BUILD / "tests" / "plugins")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes longer than 20 seconds; left out under the sanitizers")


@pytest.fixture
def sandbox(tmp_path):
    one = Sandbox(tmp_path)
    yield one
    assert one.close() == 0


def of_kind(kind, **settings):
    """A channel that is the loopback plugin in the clothes of another kind (tests/flow/kinds)."""
    return {"plugin": f"flow_{kind}", "plugin_dir": KINDS, **settings}


def people_channels():
    return {"mail": of_kind("email"), "sms": of_kind("sms"), "teams": of_kind("bot"), "loopback": {}}


@pytest.fixture(scope="module")
def house():
    """One daemon for the tests of a file, with a channel of each kind; each test uses names of its own."""
    daemon = Daemon(people_channels())
    yield daemon
    daemon.close()


@pytest.fixture
def start():
    """start(channels, settings): a daemon that is this test's alone."""
    daemons = []

    def begin(channels=None, settings=None, **more):
        daemons.append(Daemon(channels if channels is not None else people_channels(), settings, **more))
        return daemons[-1]

    yield begin
    for daemon in daemons:
        daemon.close()


@pytest.fixture
def api(house):
    """The admin socket of the file's daemon, with category `news` there."""
    client = house.api
    if client.get("/v1/categories/news").status == 404:
        client.category()
    return client


@pytest.fixture
def name(request):
    """A name that no other test uses: for recipients, categories, keys."""
    import re
    return re.sub("[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
