#!/usr/bin/python3
"""Count what tools/test ran.

A test is one cmocka test function, one pytest item, one other ctest entry, or one stage that runs no tests of
its own (a build, a format check).  What could not run counts as failed.  Prints what failed and was skipped,
then the line "N passed, N failed, N skipped", and exits 1 when something failed.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CMOCKA_RAN = re.compile(r"^\[==========\] (\d+) test\(s\) run\.", re.M)
CMOCKA_SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) test\(s\)", re.M)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \] (\S+)$", re.M)
CMOCKA_SKIPPED_NAME = re.compile(r"^\[  SKIPPED \] (\S+)$", re.M)

# A ctest entry that is a pytest run of its own closes with "3 passed, 1 skipped in 0.12s".
PYTEST_CLOSING = re.compile(r"^=* ?((?:\d+ (?:passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)(?:, )?)+) in [\d.]+s", re.M)
PYTEST_PART = re.compile(r"(\d+) (passed|failed|error|skipped|xfailed|xpassed)")
PYTEST_SKIPPED = re.compile(r"^SKIPPED \[\d+\] (.*)$", re.M)
PYTEST_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.M)


class Count:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    @property
    def total(self):
        return self.passed + len(self.failed) + len(self.skipped)


def count_pytest_output(output, status, name, count):
    """A pytest run inside a ctest entry.  False: it is none."""
    closings = PYTEST_CLOSING.findall(output)
    if not closings:
        return False
    parts = {kind: int(number) for number, kind in PYTEST_PART.findall(closings[-1])}
    failed = parts.get("failed", 0) + parts.get("error", 0)
    count.passed += parts.get("passed", 0) + parts.get("xfailed", 0)
    names = sorted(set(PYTEST_FAILED.findall(output)))
    count.failed += [f"{name}: {each}" for each in names] + [f"{name}: unnamed"] * (failed - len(names))
    reasons = PYTEST_SKIPPED.findall(output) or ["unnamed"]
    count.skipped += [f"{name}: {reasons[min(i, len(reasons) - 1)]}" for i in range(parts.get("skipped", 0))]
    if status == "fail" and not failed:
        count.failed.append(name)
    return True


def count_ctest_case(case, count, stage):
    name = f"{stage}: {case.get('name')}"
    status = case.get("status")
    output = case.findtext("system-out") or ""
    if status in ("run", "fail") and count_pytest_output(output, status, name, count):
        return
    ran = sum(int(number) for number in CMOCKA_RAN.findall(output))
    if status == "run" and ran:
        skipped_names = sorted(set(CMOCKA_SKIPPED_NAME.findall(output)))
        skipped = sum(int(number) for number in CMOCKA_SKIPPED.findall(output))
        count.passed += ran - skipped
        count.skipped += [f"{name}: {skipped_name}" for skipped_name in skipped_names]
        count.skipped += [f"{name}: unnamed"] * (skipped - len(skipped_names))
    elif status == "run":
        count.passed += 1
    elif status == "fail":
        failed_names = sorted(set(CMOCKA_FAILED.findall(output))) if ran else []
        skipped = sum(int(number) for number in CMOCKA_SKIPPED.findall(output))
        count.passed += max(0, ran - skipped - max(1, len(failed_names)))
        count.skipped += [f"{name}: {each}" for each in sorted(set(CMOCKA_SKIPPED_NAME.findall(output)))]
        count.failed += [f"{name}: {each}" for each in failed_names] or [name]
    elif case.find("skipped") is not None and "SKIP_" in (case.find("skipped").get("message") or ""):
        count.skipped.append(name)
    else:  # not run: no such program, a fixture that failed, disabled
        count.failed.append(f"{name} (did not run)")


def count_pytest_case(case, count, stage):
    name = f"{stage}: {case.get('classname')}.{case.get('name')}"
    if case.find("failure") is not None or case.find("error") is not None:
        count.failed.append(name)
    elif case.find("skipped") is not None:
        count.skipped.append(f"{name} ({(case.find('skipped').get('message') or '').splitlines()[0:1]})")
    else:
        count.passed += 1


def count_results(folder):
    count = Count()
    for row in (folder / "stages.tsv").read_text().splitlines():
        stage, status, _seconds = row.split("\t")
        own = Count()
        for suffix, count_case in ((".ctest.xml", count_ctest_case), (".pytest.xml", count_pytest_case)):
            path = folder / (stage + suffix)
            if path.exists():
                try:
                    for case in ElementTree.parse(path).iter("testcase"):
                        count_case(case, own, stage)
                except ElementTree.ParseError as error:
                    own.failed.append(f"{stage}: {path.name} cannot be read: {error}")
        if status != "0" and not own.failed:
            reason = {"124": "ran out of time", "137": "ran out of time", "unable": "could not run"}
            own.failed.append(f"{stage} ({reason.get(status, 'exit code ' + status)})")
        elif own.total == 0:
            own.passed += 1
        count.passed += own.passed
        count.failed += own.failed
        count.skipped += own.skipped
    return count


def main():
    count = count_results(Path(sys.argv[1]))
    for name in count.skipped:
        print(f"skipped  {name}")
    for name in count.failed:
        print(f"FAILED   {name}")
    print(f"{count.passed} passed, {len(count.failed)} failed, {len(count.skipped)} skipped")
    sys.exit(1 if count.failed else 0)


if __name__ == "__main__":
    main()
