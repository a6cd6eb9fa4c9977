#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the parts of vmnumad cost on this machine, without a lab: runs the bench
# programs of a build and writes OUT/host.tsv, a line "NAME VALUE UNIT" with tabs
# for each figure. Called by scripts/bench: host.sh BUILD OUT

set -eu

build=$1
out=$2

run() {
	"$build/tests/$1" "${@:2}"
}

# Instructions of our own code, not of the host in memory nor of libc, by pages.
instructions() {
	local kind=$1 name=$2 pages=$3 counts=$out/callgrind.$1
	valgrind --tool=callgrind --callgrind-out-file="$counts" \
		"$build/tests/bench/bench_move" "$kind" >/dev/null 2>"$out/valgrind.log"
	callgrind_annotate --auto=no --threshold=100 "$counts" | tr -d ',' | awk -v name="$name" -v pages="$pages" '
		/vmnumad\/(move|host|guest)\/[a-z_]*\.c:/ { sum += $1 }
		END { printf "moving %s: our own instructions\t%.1f\tper page of 4 KiB\n", name, sum / pages }'
}

# The same of sampling, by vCPUs. The guests are no children of valgrind, which
# cannot run so many threads.
instructions_of_sampling() {
	local counts=$out/callgrind.sample bench=$build/tests/bench/bench_sample seen
	seen=$("$bench" guests 200 valgrind --tool=callgrind --toggle-collect=sampler_take \
		--callgrind-out-file="$counts" "$bench" samples 2>"$out/valgrind.log")
	awk -v seen="$seen" '/^(totals|summary):/ { sum = $2 }
		END { printf "sampling 1000 vCPUs of 200 guests: instructions outside of the kernel\t%.0f\ta vCPU and sample\n", sum / seen }' "$counts"
}

{
	run bench/bench_scan
	run bench/bench_sample
	instructions_of_sampling
	run bench/bench_move 2m
	run bench/bench_move 4k
	instructions 2m '2 MiB pages' 262144
	instructions 4k '4 KiB pages' 262144
	run policy/bench_policy | awk '
		/ us / { sub(/ +mean +/, "\t"); split($0, half, "\t"); split(half[2], word, " ")
			printf "deciding, 200 guests, 1000 vCPUs, 8 nodes: %s\t%s\tus\n", half[1], word[1] }'
} >"$out/host.tsv"
column -t -s "$(printf '\t')" <"$out/host.tsv"
