#!/usr/bin/python3
"""The map on the first page names every room.

core/heraldd.c opens with the map of the house, docs/architecture.md tells it at length: every .c file of core/ is
named in one of them, by its room's name beside its floor's, and neither names a room that is not there.
"""
import re

from sources import Tree, expect, main

HEAD = re.compile(r"\A\s*/\*.*?\*/", re.S)
PATH_LIKE = re.compile(r"\bcore/([a-z_]+)/([a-z0-9_]+)\.[ch]\b")


def map_text(root):
    text = ""
    first_page = root / "core" / "heraldd.c"
    if first_page.exists():
        head = HEAD.match(first_page.read_text())
        text += head.group(0) if head else ""
    long_form = root / "docs" / "architecture.md"
    if long_form.exists():
        text += long_form.read_text()
    return text


def check(source, _build):
    text = map_text(source)
    if not text:
        print("neither core/heraldd.c nor docs/architecture.md holds a map yet")
        return None
    words = set(re.findall(r"[a-z0-9_]+", text))
    findings = []
    for path in sorted((source / "core").rglob("*.c")):
        if path.stem not in words:
            findings.append(f"{path.relative_to(source)}: is not on the map (core/heraldd.c, docs/architecture.md)")
    for floor, room in sorted(set(PATH_LIKE.findall(text))):
        if not any((source / "core" / floor / (room + suffix)).exists() for suffix in (".c", ".h")):
            findings.append(f"core/{floor}/{room}: is on the map, but not in the house")
    return findings


def selftest(_source, _build):
    with Tree({"core/heraldd.c": "/* The map: base: arena text */\nint arena_is_not_all;\n", "core/base/arena.c": "", "core/base/queue.c": "",
               "docs/architecture.md": "see core/base/gone.c\n"}) as root:
        found = check(root, None)
        # heraldd.c does not name itself
        expect("a room that is not on the map", any(f.startswith("core/base/queue.c") for f in found))
        expect("a room that is on it", not any(f.startswith("core/base/arena.c") for f in found))
        expect("a room that is gone", any(f.startswith("core/base/gone") for f in found))


if __name__ == "__main__":
    main(check, selftest)
