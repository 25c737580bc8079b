#!/bin/sh
# Every field and value of ABI 1.0 is where and what it was: layout.sh FROZEN TODAY
set -eu
work=$(mktemp -d "${TMPDIR:-/tmp}/herald-abi.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$1" | LC_ALL=C sort >"$work/frozen"
"$2" | LC_ALL=C sort >"$work/today"
moved=$(LC_ALL=C comm -23 "$work/frozen" "$work/today")
if [ -n "$moved" ]; then
	printf 'what plugins of 1.0 rely on has moved:\n%s\n' "$moved"
	exit 1
fi
echo "$(wc -l <"$work/frozen") facts of ABI 1.0 hold"
