#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Moves one running guest from node to node and back, by each method in turn,
# and writes down what the guest felt and how far the memory had come at any
# time. A scenario of the lab (tests/lab/README.md), run by scripts/bench, which
# makes figures of what is left in $LAB_OUT/runs. It judges nothing.
#
# BENCH_GUEST     thp, 4k, memfd or hugetlb: what the guest's memory is made of
# BENCH_VCPUS     its vCPUs, each with a probe thread at full load
# BENCH_METHODS   "ours ours-N ours-hurry ours-collapse migratepages numatune", each a move of a guest
#                 whose vCPUs were pinned to the target before (N: a share), and
#                 "ours-follow balancing numad": what follows a pin by itself
# BENCH_ROUNDS    times that each method is taken, in turn
# BENCH_CONTROL_S seconds before each move in which nothing moves
# BENCH_WATCH_S   seconds that what follows by itself is given
# BENCH_STEADY_S  seconds that the probe is given to become steady before that
# BENCH_LIMIT_S   seconds that a move may take
# BENCH_TRACE     yes: vmnumad writes its --trace
#
# The emulator sometimes loses a guest under full load (tests/lab/README.md). Then
# the run is thrown away, its method written to $LAB_OUT/fallen, and it is taken
# again with a new guest.
#
# A run leaves NN-METHOD/{run,where,touches}: "KEY VALUE" lines, the watching of
# where.c, and "TIME TOUCHES GAP_MS LENGTH_MS" for each line of the probe. All
# times are milliseconds since 1970 on the emulated host's clock.

set -eu

# shellcheck source=../lab/lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=methods.sh
. "$(dirname "$0")/methods.sh"

guest=bench
work=/run/lab-bench
at_node=0
tick_fd=

# The guest writes five lines a second; they stay in memory while it runs.
guest_serial() {
	printf '%s/%s.serial' "$work" "$1"
}

probe_lines() {
	grep -c '^probe t=' "$(guest_serial "$guest")" || true
}

guest_lives() {
	local lines
	lines=$(probe_lines)
	rest 1
	virsh -q domstate "$guest" 2>/dev/null | grep -q running &&
		[ "$(probe_lines)" -gt "$lines" ]
}

keep_logs() {
	cp "$(guest_serial "$guest")" "$LAB_OUT/" 2>/dev/null || true
}

now_ms() {
	local us=${EPOCHREALTIME/[.,]/}
	printf -v "$1" '%s' "${us%???}"
}

# Sleeps without starting a process, which would cost the guest time.
rest() {
	read -r -t "$1" -u "$tick_fd" || true
}

# This machine's /dev has no fd/, so named pipes do.
open_pipes() {
	mkfifo "$work/tick" "$work/lines"
	exec {tick_fd}<>"$work/tick"
}

start_guest() {
	local keys=(backing=anon)
	case $BENCH_GUEST in
	thp) set_thp always ;;
	4k) set_thp never ;;
	memfd) keys=(backing=memfd) ;;
	hugetlb)
		keys=(hugepages=2048)
		reserve_hugepages 0 560
		reserve_hugepages 1 560
		;;
	*) fail "BENCH_GUEST is $BENCH_GUEST" ;;
	esac
	guest_define "$guest" mem=1024 vcpus="$BENCH_VCPUS" pin=0 \
		numatune=restrictive:0-1 "${keys[@]}" probe=probe.period_ms=200
	guest_start "$guest"
	guest_wait_ready "$guest" 150
	# else its threads would hinder moves in one direction only
	virsh -q emulatorpin "$guest" "$LAB_GUEST_CPUS" --live
	guest_is_on "$guest" 0 || fail 'the guest does not begin on node 0'
}

# The probe counts time since the guest's boot; both clocks run alike, so the
# smallest difference seen between a line's time and its coming is theirs.
measure_clock_offset() {
	local tail_pid fd line at ms lines=0
	tail -n 0 -f -s 0.02 "$(guest_serial "$guest")" >"$work/lines" &
	tail_pid=$!
	exec {fd}<"$work/lines"
	while [ "$lines" -lt 8 ] && read -r -t 10 -u "$fd" line; do
		now_ms ms
		[[ $line =~ ^probe\ t=.*at_ms=([0-9]+) ]] || continue
		at=$((ms - BASH_REMATCH[1]))
		lines=$((lines + 1))
		if [ -z "$offset" ] || [ "$at" -lt "$offset" ]; then
			offset=$at
		fi
	done
	kill "$tail_pid"
	wait "$tail_pid" || true
	exec {fd}<&-
	[ -n "$offset" ] || fail 'the probe does not speak'
}

# Five seconds of touches against the five before.
rate_is_steady() {
	grep '^probe t=.*at_ms=' "$(guest_serial "$guest")" | tail -n 50 |
		tr -d '\r' | sed 's/.* touches=\([0-9]*\) .*/\1/' | awk '
		{ sum[NR <= 25] += $1 }
		END {
			d = sum[0] - sum[1]
			exit NR < 50 || (d < 0 ? -d : d) > 0.04 * sum[1]
		}'
}

wait_until_steady() {
	local i
	for ((i = 0; i < BENCH_STEADY_S; i++)); do
		if rate_is_steady; then
			return 0
		fi
		rest 1
	done
	note 'the probe stays unsteady'
}

huge_kib() {
	awk '/^AnonHugePages:/ { print $2 }' "/proc/$(guest_pid "$guest")/smaps_rollup"
}

# Some ways of moving leave huge pages in pieces; khugepaged mends them, so that
# the next method meets the same guest.
mend_huge_pages() {
	local dir=/sys/kernel/mm/transparent_hugepage/khugepaged i
	[ "$(huge_kib)" -lt $((huge_at_start * 98 / 100)) ] || return 0
	echo 10 >"$dir/scan_sleep_millisecs"
	echo 65536 >"$dir/pages_to_scan"
	for ((i = 0; i < 20; i++)); do
		rest 1
		[ "$(huge_kib)" -lt $((huge_at_start * 98 / 100)) ] || break
	done
	echo 10000 >"$dir/scan_sleep_millisecs"
	echo 4096 >"$dir/pages_to_scan"
}

# Brings what a method has left behind, whichever method it was.
gather() {
	local i
	for ((i = 0; i < 6; i++)); do
		if guest_is_on "$guest" "$1" 99; then
			break
		fi
		migratepages "$(guest_pid "$guest")" $((1 - $1)) "$1" || true
	done
	at_node=$1
	mend_huge_pages
}

start_watching() {
	: >"$run/where"
	"$LAB_GUEST_DIR/where" --stride 2097152 --watch 100 \
		"$(guest_pid "$guest")" >>"$run/where" &
	watch_pid=$!
	exec {watch_fd}<"$run/where"
	watched=
}

stop_watching() {
	kill "$watch_pid" 2>/dev/null || true # it ends with the guest
	wait "$watch_pid" || true
	exec {watch_fd}<&-
}

# True once a line of the watcher says that 97 % lie on the node.
has_arrived() {
	local line word here=0 all=0
	while read -r -u "$watch_fd" line; do
		watched=$line
	done
	for word in ${watched#* }; do
		all=$((all + ${word#*:}))
		if [ "${word%%:*}" = "$1" ]; then
			here=${word#*:}
		fi
	done
	[ "$all" -gt 0 ] && [ $((here * 100)) -ge $((all * 97)) ]
}

wait_for_arrival() {
	local ms deadline=$((start + BENCH_WATCH_S * 1000))
	while ! has_arrived "$1"; do
		now_ms ms
		if [ "$ms" -ge "$deadline" ]; then
			return 0
		fi
		rest 0.2
	done
}

# Lines of the probe in the time of this run, by the host's clock.
write_touches() {
	tr -d '\r' <"$(guest_serial "$guest")" | sed -n \
		's/^probe t=[0-9]* touches=\([0-9]*\) longest_gap_ms=\([0-9]*\) .* ms=\([0-9]*\) at_ms=\([0-9]*\)$/\4 \1 \2 \3/p' |
		awk -v offset="$offset" -v from="$control" -v to="$end" '
		$1 + offset >= from - 1000 && $1 + offset <= to + 1000 {
			printf "%.0f %d %d %d\n", $1 + offset, $2, $3, $4
		}' >"$run/touches"
}

write_run() {
	cat >"$run/run" <<-END
		method $method
		round $round
		guest $BENCH_GUEST
		vcpus $BENCH_VCPUS
		cpus_per_node $LAB_CPUS_PER_NODE
		from $from
		to $to
		control $control
		start $start
		returned $returned
		end $end
		status $status
		wrong_bytes $(guest_bytes_on "$guest" "$from")
		right_bytes $(guest_bytes_on "$guest" "$to")
		huge_kib_before $huge_before
		huge_kib_after $(huge_kib)
	END
}

# control_seconds METHOD: what is watched for long is compared with as long a time,
# or the emulator's ups and downs would add up to a loss, or to a gain.
control_seconds() {
	if follows_by_itself "$1" && [ "$BENCH_WATCH_S" -gt "$BENCH_CONTROL_S" ]; then
		printf '%s' "$BENCH_WATCH_S"
	else
		printf '%s' "$BENCH_CONTROL_S"
	fi
}

# A method's functions stand in methods.sh: method_NAME_{prepare,go,finish}.
one_run() {
	local method=$1 words=method_${1//-/_} run status=0 from=$at_node
	local to=$((1 - at_node)) control start returned end huge_before
	fell=no
	run=$work/$(printf '%02d-%s' "$n_run" "$method")
	mkdir "$run"
	"${words}_prepare"
	huge_before=$(huge_kib)
	wait_until_steady
	measure_clock_offset
	start_watching
	now_ms control
	rest "$(control_seconds "$method")"
	now_ms start
	"${words}_go" >"$run/output" 2>&1 || status=$?
	now_ms returned
	if follows_by_itself "$method"; then
		wait_for_arrival "$to"
	fi
	rest 2
	now_ms end
	stop_watching
	if ! guest_lives; then
		fell=yes
		"${words}_finish" >>"$run/output" 2>&1 || true
		rm -r "$run"
		return
	fi
	write_run
	"${words}_finish" >>"$run/output" 2>&1
	write_touches
	note "$method, round $round: $((returned - start)) ms, status $status"
	mkdir -p "$LAB_OUT/runs"
	cp -r "$run" "$LAB_OUT/runs/"
	guest_pin "$guest" "$to"
	gather "$to"
}

new_guest() {
	virsh -q destroy "$guest" >/dev/null 2>&1 || true
	rm -f "$(guest_serial "$guest")"
	at_node=0
	offset=
	huge_at_start=0
	start_guest
	# Memory of a node that nobody has used is got by the emulator from its own
	# host at the first touch: that is not to be the first method's lot.
	gather 1
	gather 0
	huge_at_start=$(huge_kib)
	note "guest $BENCH_GUEST: $(guest_node_bytes "$guest" | tr '\n' ' '), huge pages $huge_at_start KiB"
}

# take METHOD: until the guest has lived through it.
take() {
	local tries
	for ((tries = 0; tries < 4; tries++)); do
		guest_lives || new_guest # it may fall afterwards, too
		one_run "$1"
		[ "$fell" = yes ] || return 0
		note "$1, round $round: the guest fell; once more with a new one"
		printf '%s\n' "$1" >>"$LAB_OUT/fallen"
		new_guest
	done
	fail "the guest falls each time: $1"
}

mkdir "$work"
trap keep_logs EXIT
open_pipes
start_libvirtd
new_guest
n_run=0
for ((round = 1; round <= BENCH_ROUNDS; round++)); do
	for name in $BENCH_METHODS; do
		n_run=$((n_run + 1))
		take "$name"
	done
done
probe_must_be_right "$guest"
