# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A private apt directory that knows this machine's Debian release and also its
# backports, so that newer packages can be downloaded without touching the
# machine's own sources. Sourced by fetch-kernel and fetch-stack, after
# common.sh. Nothing here installs a package.

# The release's name, "bookworm".
# shellcheck source=/dev/null
lab_codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
lab_backports=$lab_codename-backports
export lab_codename lab_backports
lab_apt_dir=${lab_cache:?source common.sh first}/apt

# Prints the machine's entries for its release in deb822 form, and after them
# the first that offers the release itself again with the suite alone changed
# to backports: whatever mirror, snapshot or key the machine uses is kept.
apt_deb822_entries() {
	local file
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] || continue
		grep -v '^#' "$file"
		printf '\n'
	done | awk -v release="$lab_codename" '
		BEGIN { RS = ""; FS = "\n" }
		/(^|\n)Types:[^\n]*deb/ && /(^|\n)Components:[^\n]*main/ &&
		$0 ~ "(^|\n)Suites:[^\n]*[ \t]" release "([-/ \t]|\n|$)" {
			print $0 "\n"
			if (derived == "" && $0 ~ "(^|\n)Suites:[^\n]*[ \t]" release "([ \t]|\n|$)") {
				derived = $0
				sub(/Suites:[^\n]*/, "Suites: " release "-backports", derived)
			}
		}
		END { if (derived != "") print derived }'
}

# The same for one-line entries.
apt_line_entries() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		awk -v release="$lab_codename" '
		$1 != "deb" || !/ main( |$)/ { next }
		{
			for (i = 2; i < NF && !($i ~ "^" release "([-/]|$)"); i++)
				;
			if (i == NF)
				next
			print
			if (derived == "" && $i == release) {
				$i = release "-backports"
				derived = $0
			}
		}
		END { if (derived != "") print derived }'
}

# apt-get and apt-cache bound to the private directory.
lab_apt() {
	local command=$1
	shift
	"$command" -q \
		-o Dir::Etc::sourcelist="$lab_apt_dir/sources.list" \
		-o Dir::Etc::sourceparts="$lab_apt_dir/sources.list.d" \
		-o Dir::State::lists="$lab_apt_dir/lists" \
		-o Dir::Cache="$lab_apt_dir/cache" \
		-o APT::Sandbox::User=root \
		-o APT::Get::List-Cleanup=0 \
		"$@"
}

# Writes the private directory and reads the lists; call it under a lock.
apt_prepare() {
	local log=$lab_apt_dir/update.log
	[ -n "$lab_codename" ] || die 'cannot tell the Debian release from /etc/os-release'
	mkdir -p "$lab_apt_dir/sources.list.d" "$lab_apt_dir/lists/partial" \
		"$lab_apt_dir/cache/archives/partial"
	apt_deb822_entries >"$lab_apt_dir/sources.list.d/lab.sources"
	apt_line_entries >"$lab_apt_dir/sources.list"
	grep -qs -e "$lab_backports" "$lab_apt_dir/sources.list.d/lab.sources" \
		"$lab_apt_dir/sources.list" ||
		die "the apt sources of this machine do not name $lab_codename"
	lab_apt apt-get update >"$log" 2>&1 || {
		cat "$log" >&2
		die 'reading the package lists failed'
	}
}
