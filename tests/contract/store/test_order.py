"""No answer before its sync: seen from outside, in the system calls of the store's process.

Every write of the log is followed by an fdatasync of the log before any "done" is said; a sync that takes 200 ms
makes every answer take at least as long; a sync that fails is answered as uncertain, ends the process with 70 and
is never tried again."""
import os
import re
import shutil
import subprocess

import pytest

PROGRAM = os.path.join(os.environ["HERALD_BUILD"], "tests", "contract_store_order")

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<at>[\d.]+) (?P<call>\w+)\((?P<rest>.*)$")
RESUMED = re.compile(r"^(?P<pid>\d+)\s+(?P<at>[\d.]+) <\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")


def trace(tmp_path, count, *options):
    log = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-y", "-ttt", "-o", str(log), "-e", "trace=pwrite64,fdatasync,write,openat",
               *options, PROGRAM, str(tmp_path / "data"), str(count)]
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)
    return done, log.read_text(errors="replace").splitlines()


def events(lines):
    """(what, at) in the order in which they took effect: a sync counts when it ended, an answer when it began."""
    for line in lines:
        called, resumed = CALL.match(line), RESUMED.match(line)
        match = called or resumed
        if match is None:
            continue
        call, rest, at = match["call"], match["rest"], float(match["at"])
        if call == "pwrite64" and called and "herald.db-wal" in rest:
            yield "log", at
        elif call == "fdatasync" and (resumed or "herald.db-wal" in rest) and "unfinished" not in rest:
            yield ("synced" if rest.rstrip().endswith("= 0") else "failed"), at
        elif call == "write" and called and '"done ' in rest:
            yield "answer", at


def test_no_answer_comes_before_the_sync_of_its_commit(tmp_path):
    done, lines = trace(tmp_path, 400)
    assert done.returncode == 0, done.stderr
    dirty, answers, syncs, early = False, 0, 0, 0
    for what, _ in events(lines):
        if what == "log":
            dirty = True
        elif what == "synced":
            dirty, syncs = False, syncs + 1
        elif what == "answer":
            answers += 1
            early += dirty
    assert answers == 400 and early == 0
    assert 0 < syncs < answers, "many answers share a sync"


def test_a_slow_sync_makes_every_answer_slow(tmp_path):
    done, lines = trace(tmp_path, 16, "-e", "inject=fdatasync:delay_enter=200000:when=1+")
    assert done.returncode == 0, done.stderr
    written, waits = None, []
    for what, at in events(lines):
        if what == "log" and written is None:
            written = at
        elif what == "answer" and written is not None:
            waits.append(at - written)  # the first answer behind a commit; the others come at once after it
            written = None
    assert waits and min(waits) >= 0.19, waits


def test_a_sync_that_fails_is_uncertain_fatal_and_never_tried_again(tmp_path):
    done, lines = trace(tmp_path, 400, "-e", "inject=fdatasync:error=EIO:when=20+")
    assert done.returncode == 70, done.stderr
    after = [what for what, _ in events(lines)]
    assert after.count("failed") == 1
    said = [line.split() for line in done.stdout.splitlines()]
    codes = {code for _, _, code in said}
    assert codes <= {"0", "8"} and "8" in codes  # HERALD_OK, HERALD_UNCERTAIN_WRITE
    uncertain = [i for i, line in enumerate(said) if line[2] == "8"]
    assert all(line[2] == "8" for line in said[uncertain[0]:])
