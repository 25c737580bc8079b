"""A write or a sync that fails, once or for ever, at one point after another: the file stays whole, nothing that was
answered is lost, a failed sync ends the process with 70, and a full disk does not."""
import os
import shutil
import sqlite3
import subprocess

import pytest

PROGRAM = os.path.join(os.environ["HERALD_BUILD"], "tests", "contract_store_order")
OK, UNCERTAIN_WRITE, IO = "0", "8", "9"  # enum herald_code

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def run(data, inject):
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=pwrite64,fdatasync", "-e", inject, PROGRAM,
               data, "80"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    said = [line.split()[1:] for line in done.stdout.splitlines()]
    return done.returncode, [id for id, code in said if code == OK], {code for _, code in said if code != OK}


@pytest.mark.parametrize("again", ["", "+"], ids=["once", "for-ever"])
@pytest.mark.parametrize("call,error,refused,codes", [
    ("pwrite64", "EIO", UNCERTAIN_WRITE, {0, 1, 70}),
    ("pwrite64", "ENOSPC", IO, {0, 1}),
    ("fdatasync", "EIO", UNCERTAIN_WRITE, {0, 1, 70}),
    ("fdatasync", "ENOSPC", UNCERTAIN_WRITE, {0, 1, 70}),
])
def test_no_failing_call_loses_what_was_answered(tmp_path, call, error, refused, codes, again):
    hits = 0
    for when in (1, 3, 8, 21, 55):  # the count is each thread's own
        data = str(tmp_path / f"data-{when}")
        run(data, "inject=pwrite64:error=EIO:when=60000")
        code, answered, others = run(data, f"inject={call}:error={error}:when={when}{again}")
        where = f"{call} {error} at {when}{again}"
        assert code in codes, where
        assert others <= {refused}, where
        hits += bool(others)
        with sqlite3.connect(os.path.join(data, "herald.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", where
            there = {str(row[0]) for row in db.execute("SELECT id FROM notification")}
        assert set(answered) <= there, where
        code, answered, others = run(data, "inject=pwrite64:error=EIO:when=60000")  # the next daemon
        assert code == 0 and len(answered) == 80 and not others, where
    assert hits > 0, "no fault hit a commit"
