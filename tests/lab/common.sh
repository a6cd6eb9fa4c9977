# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the programs of the lab that run on the real machine share: the cache
# outside the tree, its locks, and how they speak. Sourced by fetch-kernel,
# fetch-stack, make-guest and lab; never by scenarios (those source lib.sh).

set -eu

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_cache=${VMNUMAD_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vmnumad-lab}
export lab_dir lab_cache

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

need_command() {
	command -v "$1" >/dev/null || die "$1 is missing: run scripts/setup --lab"
}

# A key that changes whenever one of the named files does.
content_key() {
	sha256sum "$@" | sha256sum | cut -c1-16
}

# make_once DIR FUNCTION [ARG...]: runs FUNCTION with an empty directory as its
# first argument and renames it to DIR when it succeeds. Does nothing when DIR
# is there; two callers at once do the work once.
make_once() {
	local dir=$1 function=$2 work
	shift 2
	if [ -d "$dir" ]; then
		return 0
	fi
	mkdir -p "${dir%/*}"
	work=$dir.tmp
	(
		flock 9
		if [ ! -d "$dir" ]; then
			rm -rf "$work"
			mkdir "$work"
			"$function" "$work" "$@"
			mv "$work" "$dir"
		fi
	) 9>"$dir.lock"
}
