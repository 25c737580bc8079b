"""What the lints share: which files there are, C without its comments, and how a lint is run."""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NOTHING_TO_DO = 77
C_FOLDERS = ("include", "kit", "core", "sandbox", "plugins", "tests", "examples")

COMMENT_OR_TEXT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blanked(match):
    """Keep the line breaks, so that line numbers stay true."""
    text = match.group(0)
    keep = text[0] if text[0] in "\"'" else " "
    return keep + "".join("\n" if char == "\n" else " " for char in text[1:-1]) + keep


def without_comments(text):
    return COMMENT_OR_TEXT.sub(blanked, text)


def c_files(root, folders=C_FOLDERS, suffixes=(".c", ".h")):
    """Frozen plugins of tests/abi are history and nobody's to change."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "frozen" not in path.parts:
                yield path


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Tree:
    """A small source tree in a temporary folder, for the self-tests."""

    def __init__(self, files):
        self.files = files

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="herald-lint-")
        root = Path(self.folder.name)
        for name, text in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    def __exit__(self, *_):
        self.folder.cleanup()


def expect(what, is_true):
    """A self-test's assertion, on also under python -O."""
    if not is_true:
        print(f"self-test failed: {what}")
        sys.exit(1)


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def main(check, selftest):
    """check(source, build) returns findings, or None when there is nothing to look at; selftest(source, build) exits by itself when red."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("check", "selftest"))
    parser.add_argument("--source", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--build", type=Path)
    arguments = parser.parse_args()
    source = arguments.source.resolve()
    build = (arguments.build or source / "build" / "dev").resolve()
    if arguments.mode == "selftest":
        selftest(source, build)
        print("goes red when it should")
        return
    findings = check(source, build)
    if findings is None:
        sys.exit(NOTHING_TO_DO)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} found")
    sys.exit(1 if findings else 0)
