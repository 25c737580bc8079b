#!/usr/bin/python3
"""Who may look at whom.

Reads every #include of every floor against the table, and then proves that the build refuses what the table
forbids: with the very flags that a floor is compiled with, each header of each forbidden floor must not be found.
"""
import json
import re
import shlex

from sources import Tree, c_files, expect, line_of, main, run, without_comments

# What a floor may include beside itself and the border (herald/*).  telemetry stands beside base, for those that
# have something to tell; the pure and the lowest floors return what they know instead.
TABLE = {
    "base": set(),
    "telemetry": {"base"},
    "model": {"base"},
    "config": {"base"},
    "wire": {"base", "model"},
    "route": {"base", "model"},
    "store": {"base", "model", "config", "telemetry"},
    "channel": {"base", "model", "config", "wire", "telemetry"},
    "host": {"base", "model", "wire", "config"},  # of model only words.h: a SEND carries them encoded
    "intake": {"base", "model", "route", "store", "telemetry"},
    "clerk": {"base", "model", "route", "store", "intake", "telemetry"},
    "dispatch": {"base", "model", "route", "store", "channel", "telemetry", "config", "wire"},
    "http": {"base", "model", "config", "store", "channel", "intake", "route", "telemetry"},
    "cli": {"base"},
}

# Libraries, and who may know them.  A library that is not here (jansson, libcrypto, libc) is everybody's.
LIBRARIES = {
    "curl/": {"host", "plugins", "cli"},
    "libesmtp.h": {"plugins"},
    "dlfcn.h": {"host"},
    "microhttpd.h": {"http", "sandbox"},
    "sqlite3.h": {"store"},
    "yaml.h": {"config"},
}

# A floor's own vows.
NEVER_INCLUDED = {
    "route": {"time.h", "sys/time.h", "pthread.h", "threads.h", "stdatomic.h", "base/queue.h"},
    "wire": {"sys/socket.h", "netinet/in.h", "sys/un.h", "poll.h", "sys/epoll.h"},
}
NEVER_CALLED = {"route": re.compile(r"\b(clock_(?:wall|mono)\w*|clock_gettime|time|random|getrandom|rand)\s*\(")}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)


def floor_of(path, root):
    parts = path.relative_to(root).parts
    if parts[0] == "core":
        return parts[1] if len(parts) > 2 else "mains"
    return parts[0]


def fault_of_include(target, floor, path, root):
    head = target.split("/")[0]
    if ".." in target.split("/"):
        return "walks up the tree; name the door instead"
    if head in TABLE and "/" in target:
        if target.endswith("/private.h") and head != floor:
            return "private.h is for its own folder"
        if floor in TABLE and head != floor and head not in TABLE[floor]:
            return f"{floor} may not look at {head}"
        if floor in ("plugins", "kit", "include"):
            return f"{floor} knows herald/* only, not the core"
    for library, known_by in LIBRARIES.items():
        if (target.startswith(library) or target == library) and floor not in known_by and floor not in ("tests", "examples"):
            return f"{library} is known by {', '.join(sorted(known_by))}, not by {floor}"
    if target in NEVER_INCLUDED.get(floor, ()):
        return f"{floor} vowed never to know {target}"
    return None


def findings_in_sources(root):
    findings = []
    for path in c_files(root, ("include", "kit", "core", "sandbox", "plugins")):
        floor = floor_of(path, root)
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            fault = fault_of_include(match.group(1) or match.group(2), floor, path, root)
            if fault:
                findings.append(f"{path.relative_to(root)}:{line_of(text, match.start())}: {fault}")
        if floor in NEVER_CALLED:
            bare = without_comments(text)
            for match in NEVER_CALLED[floor].finditer(bare):
                findings.append(f"{path.relative_to(root)}:{line_of(bare, match.start())}: {floor} takes clock and dice "
                                f"as arguments and never calls {match.group(1)}")
        if floor not in TABLE and floor not in ("mains", "include", "kit", "sandbox", "plugins"):
            findings.append(f"{path.relative_to(root)}: core/{floor} is not in the table of floors")
    return findings


def flags_by_floor(source, build):
    """One source's include flags for each floor that the build compiles."""
    flags = {}
    database = build / "compile_commands.json"
    if not database.exists():
        return flags
    for entry in json.loads(database.read_text()):
        parts = entry["file"].removeprefix(str(source) + "/").split("/")
        if len(parts) == 3 and parts[0] == "core" and parts[1] in TABLE and parts[1] not in flags:
            words = shlex.split(entry["command"])
            flags[parts[1]] = [word for word in words if word.startswith(("-I", "-D"))]
    return flags


def reachable(header, flags):
    """Does a one-line file that includes the header compile (as far as the preprocessor)?"""
    result = run(["gcc", "-std=gnu11", "-E", "-x", "c", "-o", "/dev/null", *flags, "-"], input=f'#include "{header}"\n')
    refused = f"{header}: No such file or directory" in result.stderr
    return result.returncode == 0 or not refused


def granted_by_doors(floor, source):
    """What the build must let a floor see: what it may look at, and whatever the doors of those speak of."""
    granted, open_doors = set(), set(TABLE[floor])
    while open_doors:
        other = open_doors.pop()
        granted.add(other)
        for path in (source / "core" / other).glob("*.h"):
            for quoted, _ in INCLUDE.findall(path.read_text()):
                head = quoted.split("/")[0]
                if head in TABLE and head not in granted and path.name != "private.h":
                    open_doors.add(head)
    return granted


def findings_in_build(source, build):
    findings = []
    headers = {floor: sorted(f"{floor}/{path.name}" for path in (source / "core" / floor).glob("*.h")) for floor in TABLE}
    for floor, flags in sorted(flags_by_floor(source, build).items()):
        own = headers[floor][:1]
        if own and not reachable(own[0], flags):
            findings.append(f"core/{floor}: its own door {own[0]} is not found, so a refusal would prove nothing")
        for other in sorted(set(TABLE) - granted_by_doors(floor, source) - {floor}):
            for header in headers[other]:
                if reachable(header, flags):
                    findings.append(f"core/{floor}/CMakeLists.txt: the build lets {floor} include {header}")
    return findings


def check(source, build):
    return findings_in_sources(source) + findings_in_build(source, build)


def selftest(source, build):
    bad = {
        "core/route/plan.c": '#include "store/store.h"\nlong now(void) { return clock_wall_ms(); }\n',
        "core/channel/supervisor.c": "#include <curl/curl.h>\n",
        "core/base/text.c": '#include "model/job.h"\n',
        "core/wire/frame.c": "#include <sys/socket.h>\n",
        "core/intake/accept.c": '#include "../channel/talk.h"\n#include "store/private.h"\n',
        "core/common/x.c": "int x;\n",
        "plugins/email/email.c": '#include "base/arena.h"\n',
        "core/http/server.c": '#include "dispatch/dispatcher.h"\n',
    }
    with Tree(bad) as root:
        found = findings_in_sources(root)
        for name in bad:
            expect(f"a forbidden include in {name} is found", any(finding.startswith(name) for finding in found))
        expect("both faults of route/plan.c are found", sum(finding.startswith("core/route/plan.c") for finding in found) == 2)
        expect("both faults of intake/accept.c are found", sum(finding.startswith("core/intake/accept.c") for finding in found) == 2)
    good = {
        "core/route/plan.c": '#include "model/job.h"\n#include "base/arena.h"\n/* #include "store/store.h" is not for us */\n',
        "core/heraldd.c": '#include "dispatch/dispatcher.h"\n#include "http/server.h"\n',
        "core/store/sqlite.c": "#include <sqlite3.h>\n",
    }
    with Tree(good) as root:
        expect("what is allowed is not reported", not [f for f in findings_in_sources(root) if "not for us" not in f])
    with Tree({"core/store/store.h": "int store;\n", "core/route/plan.c": "int plan;\n", "core/route/plan.h": "int p;\n",
               "doors/store/store/store.h": "int store;\n", "doors/route/route/plan.h": "int p;\n"}) as root:
        entry = {"directory": str(root), "file": str(root / "core/route/plan.c"), "command": f"gcc -I{root}/doors/route -c plan.c"}
        (root / "compile_commands.json").write_text(json.dumps([entry]))
        expect("a closed door is not reported", findings_in_build(root, root) == [])
        entry["command"] += f" -I{root}/doors/store"
        (root / "compile_commands.json").write_text(json.dumps([entry]))
        expect("an open door is reported", len(findings_in_build(root, root)) == 1)


if __name__ == "__main__":
    main(check, selftest)
