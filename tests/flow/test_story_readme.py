"""What README tells people to type works as it stands there, and says what README says it would."""
import os
import re
import subprocess

import pytest

from programs import SOURCE, program
from real_daemon import CLIENT, RealDaemon
from sandbox import Sandbox

USE_IT = re.search(r"^## Use it\n(.*?)^## ", (SOURCE / "README.md").read_text(), re.S | re.M).group(1)
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", USE_IT, re.S | re.M)
COMMANDS = [text for kind, text in BLOCKS if kind == ""]
(FORETOLD,) = [text for kind, text in BLOCKS if kind == "text"]


def typed(daemon, script, **more):
    folder = os.path.dirname(program("herald"))
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HERALD_SOCKET": str(daemon.socket_path), **more}
    done = subprocess.run(["bash", "-euc", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def daemon(tmp_path):
    sandbox = Sandbox(tmp_path, "--client", CLIENT)
    daemon = RealDaemon(sandbox.http_host, {"relay_host": "127.0.0.1", "port": sandbox.smtp_port, "security": "none"})
    yield daemon
    daemon.close()
    assert sandbox.close() == 0


def test_the_commands_of_use_it_work_as_they_stand(daemon):
    lines, request = COMMANDS
    said = typed(daemon, lines.replace("ntf_...", '"$(herald notifications --json | grep -o "ntf_[0-9A-Z]*")"'))
    assert "ada is stored" in said
    instant = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]*Z")
    assert instant.sub("T", FORETOLD) in instant.sub("T", said)
    answer = typed(daemon, request.replace("127.0.0.1:8470", f"127.0.0.1:{daemon.port}"), HERALD_KEY=daemon.key("send"))
    sent = re.search(r'"id": ?"(ntf_[0-9A-Z]+)"', answer).group(1)
    (delivery,) = daemon.api.settled(sent)["deliveries"]
    assert (delivery["recipient"], delivery["channel"], delivery["state"]) == ("ada", "email", "sent")


def test_prefs_set_takes_categories_with_dots_in_their_names(daemon):
    typed(daemon, """echo '{}' | herald recipients put bob
                     herald prefs set bob categories.order.shipped.channels.sms=false categories.order.shipped.channels.email=true \\
                                          categories.order.shipped.strategy=first categories.sale.now=false channels.bot=false""")
    chosen = daemon.api.get("/v1/recipients/bob/preferences").json
    assert chosen["categories"] == {"order.shipped": {"channels": {"sms": False, "email": True}, "strategy": "first"}, "sale.now": False}
    assert chosen["channels"] == {"bot": False}
