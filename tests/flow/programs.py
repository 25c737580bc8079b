"""Where the built programs are, and how a test starts and ends one of them."""
import os
import signal
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HERALD_BUILD", SOURCE / "build" / "dev")).resolve()


def program(name):
    path = BUILD / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built (HERALD_BUILD names the build folder)")
    return str(path)


def wait_until(condition, what, seconds=15.0):
    """The value of condition() as soon as it is true; fails after the limit, naming what was waited for."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def end_process(process, number=signal.SIGTERM, seconds=15):
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
