#!/usr/bin/python3
"""Words that mean unfinished work, calls that nobody here makes, names that say nothing.

  * no marks of unfinished work in code
  * no calls that cannot be bounded or checked; memory by malloc only in core/base, kit, plugins
  * no file or folder called after nothing in particular
  * life-cycle verbs are new/free, init/done, clear, take and no synonyms of them
  * structs are not typedef'ed
"""
import re

from sources import Tree, c_files, expect, line_of, main, without_comments

# Put together here, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "st" + "ub(?:bed|s)?", "not " + "implemented",
                                           "place" + "holder", "for " + "now", "dum" + "my")) + r")\b")
CODE_SUFFIXES = {".c", ".h", ".py", ".sh", ".cmake", ".yaml", ".mjs"}
CODE_FOLDERS = ("include", "kit", "core", "sandbox", "plugins", "tests", "tools", "cmake", "conf.d", "examples")

BANNED_CALLS = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|ctime|asctime|atoi|atol|atoll|atof|rand|srand|"
                          r"system|popen|sleep|usleep|gets|alloca|mktemp|tmpnam|signal|setjmp|longjmp|assert)\s*\(")
MEMORY_CALLS = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf)\s*\(")
# cli ends what jansson and scandir allocated: a short life of its own, linked into no other program
MEMORY_FOLDERS = ("core/base/", "core/cli/", "kit/", "plugins/", "tests/", "examples/")

EMPTY_NAMES = re.compile(r"^(?:.*[_-])?(util|utils|utility|utilities|common|misc|manager|helper|helpers)$")
NEVER_SUFFIXES = re.compile(r"\b(\w+_(?:destroy|fini|dispose|deinit|cleanup|finalize))\s*\(")
MAYBE_SUFFIXES = re.compile(r"\b(\w+)_(delete|release)\s*\(\s*struct \1 \*\w*\s*\)")
TYPEDEF = re.compile(r"^\s*typedef\s+(?:struct|union)\b", re.M)
UNIT_TYPES = "include/herald/option.h"  # the types that an option's value may have, told apart by _Generic
# Other people's functions that carry such a name.
FOREIGN = re.compile(r"^(?:pthread|sem|mtx|cnd|thrd|curl|MHD|sqlite3|EVP|yaml|posix|OSSL|BIO|X509|SSL|_cmocka)_")
# cmocka and libc give names in C; tests may stop the clock of others.
TEST_CALLS_ALLOWED = {"signal", "system", "popen"}


def code_files(root):
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            is_script = path.is_file() and path.suffix == "" and path.parts[-2] == "tools"
            if path.is_file() and (path.suffix in CODE_SUFFIXES or is_script) and "frozen" not in path.parts:
                yield path


def findings_of_words(root):
    findings = []
    for path in code_files(root):
        text = path.read_text(errors="replace")
        for match in UNFINISHED.finditer(text):
            findings.append(f"{path.relative_to(root)}:{line_of(text, match.start())}: says \"{match.group(1)}\"")
    return findings


def findings_of_calls(root):
    findings = []
    for path in c_files(root):
        name = str(path.relative_to(root))
        text = without_comments(path.read_text())

        def add(match, fault):
            findings.append(f"{name}:{line_of(text, match.start())}: {fault}")

        for match in BANNED_CALLS.finditer(text):
            if not (name.startswith("tests/") and match.group(1) in TEST_CALLS_ALLOWED):
                add(match, f"calls {match.group(1)}")
        if not name.startswith(MEMORY_FOLDERS):
            for match in MEMORY_CALLS.finditer(text):
                add(match, f"calls {match.group(1)}: memory comes from an arena, a builder or a base type")
        if name != UNIT_TYPES:
            for match in TYPEDEF.finditer(text):
                add(match, "a struct is typedef'ed")
        for match in NEVER_SUFFIXES.finditer(text):
            if not FOREIGN.match(match.group(1)):
                add(match, f"{match.group(1)}: life-cycle verbs are new/free, init/done, clear, take")
        for match in MAYBE_SUFFIXES.finditer(text):  # as a domain verb it is fine: HTTP deletes, leases are released
            noun = match.group(1)
            if not FOREIGN.match(noun + "_") and re.search(rf"\b{noun}_(?:new|init)\s*\(", text):
                add(match, f"{noun}_{match.group(2)} beside {noun}_new or _init: life-cycle verbs are new/free, init/done, clear, take")
    return findings


def findings_of_names(root):
    findings = []
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if "__pycache__" not in path.parts and EMPTY_NAMES.match(path.name.split(".")[0].lower()):
                findings.append(f"{path.relative_to(root)}: a name that says nothing: name the noun it is about")
    return findings


def check(source, _build):
    return findings_of_words(source) + findings_of_calls(source) + findings_of_names(source)


def selftest(_source, _build):
    bad = {
        "core/base/a.c": "/* TO" "DO: more */\n",
        "core/base/b.c": "void f(char *p) { strcpy(p, \"x\"); }\n",
        "core/route/c.c": "void *f(void) { return malloc(3); }\n",
        "core/base/string_utils.c": "int x;\n",
        "core/common/d.c": "int x;\n",
        "core/base/e.c": "void queue_destroy(struct queue *queue)\n{\n}\n",
        "core/base/f.c": "struct map *map_new(void);\nvoid map_delete(struct map *map)\n{\n}\n",
        "core/base/g.h": "typedef struct thing thing;\n",
        "tools/h": "#!/bin/sh\n# good enough for " "now\n",
    }
    with Tree(bad) as root:
        found = "\n".join(check(root, None))
        for name in bad:
            expect(f"{name} is found", (name if "common" not in name else "core/common") in found)
    good = {
        "core/route/a.c": "/* strcpy( and malloc( in words */\nconst char *text = \"free(x)\";\nvoid g(struct x *x) { x->free(x); pthread_mutex_destroy(0); }\n",
        "core/base/b.c": "void *f(void) { return malloc(3); }\n",
        "core/store/c.c": "void store_release(struct lease *lease);\n",
        "core/http/d.c": "void recipients_delete(struct request *request);\n",
    }
    with Tree(good) as root:
        found = check(root, None)
        expect(f"what is allowed is not reported: {found}", not found)


if __name__ == "__main__":
    main(check, selftest)
