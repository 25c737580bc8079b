#!/bin/sh
# A plugin author's day: install the border, build the example against it in a place of its own, by CMake and by
# pkg-config, and hold the result to the contract with the installed herald-channel.
#	out_of_tree.sh SOURCE BUILD [CFLAGS]
set -eu
source=$1 build=$2 flags=${3-}
work=$(mktemp -d "${TMPDIR:-/tmp}/herald-out-of-tree.XXXXXX")
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --component border --prefix "$work/prefix" >"$work/install.log"
cp -R "$source/examples/webhook" "$work/webhook" # nothing of our tree is in reach

cmake -S "$work/webhook" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_INSTALL_PREFIX="$work/prefix" \
	-DCMAKE_C_FLAGS="-Wall -Wextra -Werror $flags" >"$work/configure.log"
cmake --build "$work/build" >"$work/build.log"
cmake --install "$work/build" >>"$work/install.log"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name herald.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086 # words are meant to be split
cc -std=gnu11 -shared -fPIC -fvisibility=hidden $flags $(pkg-config --cflags herald) \
	-o "$work/by_hand.so" "$work/webhook/webhook.c" $(pkg-config --libs --static herald)

installed=$(find "$work/prefix" -name example_webhook.so)
for plugin in "$installed" "$work/by_hand.so"; do
	"$work/prefix/bin/herald-channel" --describe "$plugin"
	"$work/prefix/bin/herald-channel" --check "$plugin" --option url=https://example.org/hook
done

# The border is C11 and nothing else, for every header alone.
for header in "$work"/prefix/include/herald/*.h; do
	printf '#include <herald/%s>\n' "$(basename "$header")" >"$work/alone.c"
	cc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$work/prefix/include" -fsyntax-only "$work/alone.c"
done
echo "built out of tree and kept the contract"
