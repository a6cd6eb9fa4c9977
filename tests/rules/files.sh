# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
#
# What the rules share: which files are ours. Sourced with $root set to the
# source root. Builds, caches and git's own files are none of ours.

# our_files [FIND-EXPRESSION...]: paths relative to the root, sorted.
our_files() {
	(
		cd "$root" || exit
		find . \( -name .git -o -name 'build*' -type d \) -prune -o \
			-type f \( "${@:--true}" \) -print
	) | sed 's|^\./||' | LC_ALL=C sort
}

our_code() {
	our_files -name '*.c' -o -name '*.h'
}

# A rule that looked at nothing has proved nothing.
need_files() {
	if [ ! -s "$1" ]; then
		echo "no file to look at below $root"
		exit 1
	fi
}
