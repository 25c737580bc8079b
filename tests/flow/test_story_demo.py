"""tools/demo at a terminal: it tells its story, stays up, survives a kill of its daemon, and Ctrl-C leaves nothing behind."""
import os
import pty
import re
import select
import signal
import tempfile
import time
from pathlib import Path

import pytest

from programs import BUILD, SOURCE, wait_until


class Terminal:
    """A program at a terminal of its own; what it wrote is in `text`."""

    def __init__(self, words, **environment):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir("/")
            os.environ.update(environment)
            os.execv(words[0], words)

    def read(self, seconds):
        """False when it has ended."""
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            self.text += data.decode(errors="replace")
            return bool(data)
        return True

    def await_text(self, text, seconds=120):
        end = time.monotonic() + seconds
        while text not in self.text:
            assert self.read(0.2) and time.monotonic() < end, f"no {text!r} in:\n{self.text}"

    def press(self, keys):
        os.write(self.fd, keys)

    def end(self, seconds=60):
        stop = time.monotonic() + seconds
        while self.read(0.2):
            assert time.monotonic() < stop, self.text
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def processes_that_name(folder):
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder) in line.read_text(errors="replace"):
                found.append(line.parent.name)
        except OSError:  # it has ended meanwhile
            pass
    return found


@pytest.fixture
def folder():
    # A short path: a socket's has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="flow-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def demo(folder):
    terminal = Terminal([str(SOURCE / "tools" / "demo")], HERALD_BUILD=str(BUILD.resolve()), TMPDIR=str(folder), TERM="xterm")
    yield terminal
    try:
        os.kill(terminal.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass


def test_the_demo_stays_up_until_ctrl_c_and_leaves_nothing_behind(demo, folder):
    demo.await_text("What arrives is shown here:")
    assert re.search(r"(\d+) of \1 arrived; missing 0, twice 0, not meant to arrive 0\.", demo.text)
    assert len(list(folder.iterdir())) == 1 and processes_that_name(folder)

    pid = int(re.findall(r"kill -9 (\d+) +#", demo.text)[-1])
    os.kill(pid, signal.SIGKILL)
    demo.await_text("(status 137) and was started again")

    demo.press(b"\x03")
    assert demo.end() == 0
    assert list(folder.iterdir()) == []
    wait_until(lambda: not processes_that_name(folder), "every process of the demo to be gone")
