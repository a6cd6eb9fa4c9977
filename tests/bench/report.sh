#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes of what was measured (OUT/raw, OUT/host.tsv) the figures OUT/bench.json,
# the pictures OUT/*.svg and *.png, and the page OUT/performance.md, and prints
# the tables. Called by scripts/bench: report.sh OUT KERNEL

set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$1
kernel=$2

# One line of JSON for each run.
all_runs() {
	local run
	for run in "$out"/raw/*/moves/runs/*/; do
		[ -s "$run/touches" ] || continue
		awk -f "$here/figures.awk" "$run/run" "$run/where" "$run/touches" |
			jq -c --arg dir "${run#"$out"/}" \
				'. + {shape: (if .vcpus == 1 then "throughput" else "guest" end), dir: $dir}'
	done
}

host_figures() {
	if [ -e "$out/host.tsv" ]; then
		jq -R 'split("\t") | {name: .[0], value: (.[1] | tonumber), unit: .[2]}' \
			<"$out/host.tsv"
	fi
}

machine() {
	local accel=none
	accel=$(sed -n 's/^export LAB_ACCEL=//p' "$out"/raw/*/.lab/env 2>/dev/null | tail -n 1)
	jq -n --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
		--arg cpus "$(nproc)" --arg accel "${accel//\'/}" --arg lab_kernel "$kernel" \
		--arg kernel "$(uname -r | cut -d. -f1,2)" --arg date "$(date -u +%F)" \
		--arg mib "$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)" \
		--arg qemu "$(qemu-system-x86_64 --version 2>/dev/null | sed -n '1s/.*version \([^ ]*\).*/\1/p')" \
		'{date: $date, cpu: $cpu, cpus: ($cpus | tonumber), memory_mib: ($mib | tonumber),
		  kernel: $kernel, lab_kernel: $lab_kernel, qemu: $qemu, accel: $accel}'
}

write_json() {
	all_runs | jq -s . >"$out/.runs.json"
	host_figures | jq -s . >"$out/.host.json"
	jq -f "$here/medians.jq" "$out/.runs.json" >"$out/.medians.json"
	machine | jq --slurpfile runs "$out/.runs.json" --slurpfile host "$out/.host.json" \
		--slurpfile medians "$out/.medians.json" \
		'{machine: ., medians: $medians[0], host: $host[0], runs: $runs[0]}' \
		>"$out/bench.json"
	rm "$out/.runs.json" "$out/.host.json" "$out/.medians.json"
}

# For each method the run whose lost work is the median: DIR METHOD TITLE START
# SECONDS USUAL, with tabs.
middle_runs() {
	jq -r --arg shape "$1" --arg guest "$2" --argjson follows "$3" '
		def follows: .method | IN("ours-follow", "balancing", "numad");
		def rank: {"ours": 1, "ours-hurry": 2, "ours-collapse": 3, "ours-follow": 1}[.] // 4;
		def called: {"ours": "vmnumad", "ours-hurry": "vmnumad --hurry",
			"ours-collapse": "vmnumad --hurry, collapse = yes",
			"numatune": "virsh numatune --live", "ours-follow": "vmnumad, automatic",
			"balancing": "kernel balancing"}[.] // .;
		[.runs[] | select(.shape == $shape and .guest == $guest and follows == $follows)]
		| group_by(.method) | sort_by(.[0].method | rank)[]
		| sort_by(.lost_s) | .[(length - 1) / 2 | floor]
		| [.dir, .method, "\(.method | called): \(.lost_s) s of work lost, worst second \(.worst_second * 100 | round) %",
			.start_ms, .moving_s, .touches_per_s] | @tsv' "$out/bench.json"
}

draw() {
	local shape=$1 guest=$2 name=$3 follows=$4 work dir method title start moving usual kind
	work=$(mktemp -d)
	while IFS=$'\t' read -r dir method title start moving usual; do
		awk -v start="$start" '{ printf "%.3f %.1f\n", ($1 - start) / 1000, $2 * 1000 / $4 }' \
			"$out/$dir/touches" >"$work/$method"
		printf '%s\t%s\t%s\t%s\n' "$work/$method" "$title" "$moving" "$usual"
	done < <(middle_runs "$shape" "$guest" "$follows") >"$work/list"
	if [ -s "$work/list" ]; then
		for kind in svg png; do
			gnuplot -e "list='$work/list'; out='$out/$name-$guest.$kind'; kind='$kind'" \
				-e "head='What a guest of 1 GiB gets done while its memory moves ($guest)'" \
				"$here/plot.gp"
		done
	fi
	rm -r "$work"
}

# Guests that the emulator lost, by what moved them.
say_fallen() {
	local lost
	lost=$(cat "$out"/raw/*/moves/fallen 2>/dev/null | sort | uniq -c |
		awk '{ printf "%s%s %d", sep, $2, $1; sep = ", " }')
	if [ -n "$lost" ]; then
		printf '\nGuests lost to the emulator, their runs taken again: %s.\n' "$lost"
	fi
}

picture_of() {
	if [ -e "$out/$1.png" ]; then
		printf '\n![%s](%s.png)\n' "$2" "$1"
	fi
}

has_runs() {
	[ "$(jq '.runs | length' "$out/bench.json")" -gt 0 ]
}

write_moves() {
	jq -r '.machine | "The NUMA host is emulated (`tests/lab`): Linux \(.lab_kernel), two nodes,
by \(if .accel == "tcg" then "software emulation" else "KVM" end). Its guests are run by QEMU \(.qemu) with KVM."' "$out/bench.json"
	cat "$here/method.md"
	printf '\n## Moving a running guest\n\n'
	jq -r -f "$here/tables.jq" "$out/bench.json"
	say_fallen
	picture_of moves-thp 'the guest during a move'
	picture_of follows-thp 'the guest after a pin'
}

write_page() {
	jq -r '.machine | "# How fast and how gentle\n
Measured on \(.date) by `scripts/bench` on a machine with \(.cpus) CPUs (\(.cpu)),
Linux \(.kernel)."' "$out/bench.json"
	if has_runs; then
		write_moves
	fi
	if [ -e "$out/host.tsv" ]; then
		printf '\n## What the parts cost\n\nOn the machine itself, without a lab.\n\n'
		jq -r '"| what | | |", "|---|---:|---|",
			(.host[] | "| \(.name) | \(.value) | \(.unit) |")' "$out/bench.json"
	fi
}

write_json
for guest in thp 4k memfd hugetlb; do
	draw guest "$guest" moves false
	draw guest "$guest" follows true
done
write_page >"$out/performance.md"
jq -r -f "$here/tables.jq" "$out/bench.json"
printf 'report: %s\n' "$out/performance.md"
