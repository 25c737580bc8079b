import pytest

from authority import Authority
from smtp_server import Server, Session


@pytest.fixture
def serve():
    servers = []

    def start(session=Session, **more):
        servers.append(Server(session, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))
