"""tools/tally.py: what did not pass is never counted as passed, and nothing is left out."""
import subprocess
import sys
from pathlib import Path

TALLY = Path(__file__).resolve().parents[3] / "tools" / "tally.py"


def ctest(*cases):
    return "<testsuite>" + "".join(cases) + "</testsuite>"


def case(name, status, output="", inner=""):
    return f'<testcase name="{name}" status="{status}">{inner}<system-out>{output}</system-out></testcase>'


def tally(folder, stages, **files):
    (folder / "stages.tsv").write_text("".join("\t".join(row) + "\n" for row in stages))
    for name, text in files.items():
        (folder / (name.replace("_", ".") + ".xml")).write_text(text)
    result = subprocess.run([sys.executable, TALLY, folder], capture_output=True, text=True, check=False)
    return result.stdout.splitlines()[-1], result.returncode, result.stdout


def test_a_stage_without_tests_of_its_own_is_one_test(tmp_path):
    assert tally(tmp_path, [("build", "0", "3")])[:2] == ("1 passed, 0 failed, 0 skipped", 0)


def test_a_stage_that_failed_or_could_not_run_or_had_no_time_is_a_failure(tmp_path):
    last, status, output = tally(tmp_path, [("build", "1", "3"), ("flow", "unable", "0"), ("demo", "124", "9")])
    assert (last, status) == ("0 passed, 3 failed, 0 skipped", 1)
    assert "ran out of time" in output and "could not run" in output


def test_a_failing_command_whose_report_shows_no_failure_is_a_failure_all_the_same(tmp_path):
    report = ctest(case("a", "run"))
    assert tally(tmp_path, [("unit", "8", "1")], unit_ctest=report)[0] == "1 passed, 1 failed, 0 skipped"


def test_each_cmocka_function_is_a_test(tmp_path):
    output = "[==========] 3 test(s) run.\n[  PASSED  ] 2 test(s).\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] later\n"
    last, _, text = tally(tmp_path, [("unit", "0", "1")], unit_ctest=ctest(case("unit.base.x", "run", output)))
    assert last == "2 passed, 0 failed, 1 skipped" and "later" in text


def test_failed_functions_are_named_and_the_others_counted(tmp_path):
    output = "[==========] 3 test(s) run.\n[  PASSED  ] 2 test(s).\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] promise\n"
    last, _, text = tally(tmp_path, [("unit", "8", "1")], unit_ctest=ctest(case("unit.base.x", "fail", output, "<failure/>")))
    assert last == "2 passed, 1 failed, 0 skipped" and "unit.base.x: promise" in text


def test_a_program_that_crashed_is_one_failure(tmp_path):
    report = ctest(case("unit.base.x", "fail", "[ RUN      ] a\n", "<failure/>"))
    assert tally(tmp_path, [("unit", "8", "1")], unit_ctest=report)[0] == "0 passed, 1 failed, 0 skipped"


def test_a_program_that_is_not_there_is_a_failure_and_a_declared_skip_is_a_skip(tmp_path):
    report = ctest(case("gone", "notrun", "", '<skipped message="Unable to find executable"/>'), case("off", "disabled"),
                   case("later", "notrun", "", '<skipped message="SKIP_RETURN_CODE=77"/>'))
    assert tally(tmp_path, [("unit", "0", "1")], unit_ctest=report)[0] == "0 passed, 2 failed, 1 skipped"


def test_pytest_items_are_counted_by_their_outcome(tmp_path):
    report = ('<testsuites><testsuite><testcase classname="c" name="a"/><testcase classname="c" name="b"><failure/></testcase>'
              '<testcase classname="c" name="d"><error/></testcase><testcase classname="c" name="e"><skipped message="why"/></testcase>'
              "</testsuite></testsuites>")
    assert tally(tmp_path, [("flow", "1", "1")], flow_pytest=report)[0] == "1 passed, 2 failed, 1 skipped"


def test_a_pytest_run_inside_a_ctest_entry_is_counted_by_its_items(tmp_path):
    output = "..s.F\nSKIPPED [1] test_x.py:3: needs ../shared\nFAILED test_x.py::test_promise - assert\n1 failed, 3 passed, 1 skipped in 0.12s\n"
    last, _, text = tally(tmp_path, [("unit", "8", "1")], unit_ctest=ctest(case("contract.x", "fail", output, "<failure/>")))
    assert last == "3 passed, 1 failed, 1 skipped" and "needs ../shared" in text and "test_promise" in text
    output = "=================== 117 passed in 6.24s ===================\n"
    assert tally(tmp_path, [("unit", "0", "1")], unit_ctest=ctest(case("contract.x", "run", output)))[0] == "117 passed, 0 failed, 0 skipped"


def test_a_report_that_was_cut_off_is_a_failure(tmp_path):
    assert tally(tmp_path, [("flow", "0", "1")], flow_pytest="<testsuites><testsui")[0] == "0 passed, 1 failed, 0 skipped"
