#!/usr/bin/python3
"""Files that are one room, functions that fit on a screen.

A .c file has at most 700 lines, a header 200, a function 70 lines and a cognitive complexity of 25.  Complexity is
clang-tidy's count, for every file that the build compiles.
"""
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

from sources import Tree, c_files, expect, main, run

LINES_MAX = {".c": 700, ".h": 200}
FUNCTION_LINES_MAX = 70
COMPLEXITY_MAX = 25
COMPLEXITY_FOLDERS = ("kit", "core", "sandbox", "plugins")
COMPLEX = re.compile(r"^(\S+?):(\d+):\d+: (?:warning|error): function '(\w+)' has cognitive complexity of (\d+)", re.M)


def findings_of_lines(root):
    findings = []
    for path in c_files(root):
        lines = path.read_text().splitlines()
        name = path.relative_to(root)
        if len(lines) > LINES_MAX[path.suffix]:
            findings.append(f"{name}: {len(lines)} lines, {LINES_MAX[path.suffix]} at most: more than one room")
        opened, head = None, ""
        for number, line in enumerate(lines, 1):  # clang-format puts a function's braces in column 0
            if line == "{":
                opened = number
            elif line == "}" and opened:
                length = number - opened - 1
                if length > FUNCTION_LINES_MAX:
                    findings.append(f"{name}:{opened}: {length} lines, {FUNCTION_LINES_MAX} at most: {head.strip()}")
                opened = None
            elif line and not line[0].isspace():
                head = line
    return findings


def built_files(source, build):
    database = build / "compile_commands.json"
    if not database.exists():
        return []
    folders = tuple(f"{source}/{folder}/" for folder in COMPLEXITY_FOLDERS)
    return sorted({entry["file"] for entry in json.loads(database.read_text()) if entry["file"].startswith(folders)})


def findings_of_complexity(source, build):
    config = json.dumps({
        "Checks": "-*,readability-function-cognitive-complexity",
        "CheckOptions": [{"key": "readability-function-cognitive-complexity.Threshold", "value": COMPLEXITY_MAX},
                         {"key": "readability-function-cognitive-complexity.IgnoreMacros", "value": "true"}],
    })
    files = [path for path in built_files(source, build) if os.path.exists(path)]

    def one(path):
        # The build says whether it compiles; here only what was counted is of interest.
        return run(["clang-tidy", "--quiet", f"--config={config}", "-p", str(build), path]).stdout

    findings = set()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for output in pool.map(one, files):
            for path, line, function, complexity in COMPLEX.findall(output):
                findings.add(f"{os.path.relpath(path, source)}:{line}: {function} has a cognitive complexity of {complexity}, "
                             f"{COMPLEXITY_MAX} at most")
    return sorted(findings)


def check(source, build):
    return findings_of_lines(source) + findings_of_complexity(source, build)


def selftest(_source, _build):
    knot = "int knot(int a)\n{\n" + "".join("\tif (a) {\n\t\tfor (int i = 0; i < a; i++)\n\t\t\tif (i > 3)\n\t\t\t\ta--;\n\t}\n"
                                            for _ in range(5)) + "\treturn a;\n}\n"
    tree = {
        "core/base/long.c": "int x;\n" * 701,
        "core/base/edge.c": "int x;\n" * 700,
        "core/base/long.h": "\n" * 201,
        "core/base/scroll.c": "int f(void)\n{\n" + "\t;\n" * 71 + "}\n",
        "core/base/screen.c": "int f(void)\n{\n" + "\t;\n" * 70 + "}\n",
        "core/base/knot.c": knot,
    }
    with Tree(tree) as root:
        found = "\n".join(findings_of_lines(root))
        for name in ("long.c", "long.h", "scroll.c:2"):
            expect(f"{name} is over its budget", f"core/base/{name}" in found)
        for name in ("edge.c", "screen.c"):
            expect(f"{name} is within its budget", f"core/base/{name}" not in found)
        entry = {"directory": str(root), "file": str(root / "core/base/knot.c"), "command": "gcc -c core/base/knot.c"}
        (root / "compile_commands.json").write_text(json.dumps([entry]))
        expect("a knot is found", any("knot has a cognitive complexity" in f for f in findings_of_complexity(root, root)))


if __name__ == "__main__":
    main(check, selftest)
