#!/usr/bin/python3
"""The daemon links neither libcurl nor libesmtp and never calls dlopen: nobody else's client code in the address
space that promises to lose nothing.  And no object file of the core keeps a mutable variable at file scope."""
import re

from sources import Tree, expect, main, run

FORBIDDEN_LIBRARIES = re.compile(r"\blib(curl|esmtp)[.-]")
FORBIDDEN_SYMBOLS = re.compile(r"\bU ((?:dlopen|dlmopen|dlsym|curl_\w+|smtp_\w+)(?:@\S+)?)$", re.M)
# name ... section size symbol, of what is written at run time; .data.rel.ro is constant after the loader.
OBJECT = re.compile(r"^\S+ .{7} (\.data|\.bss|\.data\.[^r]\S*|\.data\.rel|\.data\.rel\.local)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")
# event.c owns the one sink that everybody's events go to.
MAY_KEEP = {"herald_telemetry"}


def findings_of_program(program, label):
    findings = []
    for line in run(["ldd", str(program)]).stdout.splitlines():
        if FORBIDDEN_LIBRARIES.search(line):
            findings.append(f"{label}: links {line.split()[0]}")
    for symbol in FORBIDDEN_SYMBOLS.findall(run(["nm", "-D", str(program)]).stdout):
        findings.append(f"{label}: calls {symbol}")
    return findings


def findings_of_library(library):
    findings = []
    member = ""
    for line in run(["objdump", "-t", str(library)]).stdout.splitlines():
        if ": " in line and "file format" in line:
            member = line.split(":")[0]
        match = OBJECT.match(line)
        if match and int(match.group(2), 16) > 0 and " O " in line and not match.group(3).startswith((".", "__")):
            findings.append(f"{library.name}({member}): {match.group(3)} is a mutable variable at file scope")
    return findings


def check(_source, build):
    program = build / "bin" / "heraldd"
    libraries = sorted(build.glob("core/*/libherald_*.a"))
    is_instrumented = any(b"libasan" in (build / "CMakeCache.txt").read_bytes() or f"HERALD_{kind}:BOOL=ON" in (build / "CMakeCache.txt").read_text()
                          for kind in ("ASAN", "TSAN", "COVERAGE")) if (build / "CMakeCache.txt").exists() else False
    findings = []
    if not is_instrumented:  # a sanitizer's own variables are not ours
        for library in libraries:
            if library.stem.removeprefix("lib") not in MAY_KEEP:
                findings += findings_of_library(library)
    if not program.exists():
        if findings:
            return findings
        print("there is no heraldd in this build yet")
        return None
    return findings + findings_of_program(program, "bin/heraldd")


def selftest(_source, _build):
    source = {
        "bad.c": "#include <dlfcn.h>\nint main(void) { return dlopen(\"x\", 1) != 0; }\n",
        "curl.c": "extern int curl_global_init(long);\nint main(void) { return curl_global_init(0); }\n",
        "good.c": "int main(void) { return 0; }\n",
        "room.c": "static int counter;\nstatic const char *const names[] = {\"a\", \"b\"};\nint count(int i);\nint count(int i) { return ++counter + names[i][0]; }\n",
        "pure.c": "static const char *const names[] = {\"a\", \"b\"};\nint count(int i);\nint count(int i) { return names[i][0]; }\n",
    }
    with Tree(source) as root:
        for name, libraries in (("bad", []), ("curl", ["-Wl,--no-as-needed", "-lcurl"]), ("good", [])):
            result = run(["gcc", "-o", str(root / name), str(root / f"{name}.c"), *libraries])
            expect(f"{name}.c builds: {result.stderr}", result.returncode == 0)
        expect("dlopen is found", any("dlopen" in f for f in findings_of_program(root / "bad", "bad")))
        curl = findings_of_program(root / "curl", "curl")
        expect("libcurl is found", any("links libcurl" in f for f in curl) and any("calls curl_global_init" in f for f in curl))
        expect("a clean program is clean", findings_of_program(root / "good", "good") == [])
        for name in ("room", "pure"):
            run(["gcc", "-fPIC", "-c", "-o", str(root / f"{name}.o"), str(root / f"{name}.c")])
            run(["ar", "rcs", str(root / f"lib{name}.a"), str(root / f"{name}.o")])
        expect("a mutable variable is found", ["counter" in f for f in findings_of_library(root / "libroom.a")] == [True])
        expect("constants are none", findings_of_library(root / "libpure.a") == [])


if __name__ == "__main__":
    main(check, selftest)
