# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The ways of moving that are compared, three functions each: NAME_prepare runs
# before the control window, NAME_go is what is measured, NAME_finish takes back
# what the method needed. Sourced by moves.sh, whose variables guest, from, to
# and run they use (run: the directory of this run).

: "${guest:=}" "${from:=}" "${to:=}" "${run:=}"

# True for what is set going by a pin and needs no command.
follows_by_itself() {
	case $1 in
	ours-follow | balancing | numad) return 0 ;;
	esac
	return 1
}

# bench_vmnumad MODE [LINE]: a daemon of its own for each run, so that the other
# methods never meet one, and with a journal of its own, so that it does not go on
# with a job that an earlier one was cut off in. LINE is one of its [move].
bench_vmnumad() {
	local options=()
	printf '[daemon]\njournal = %s\n[follow]\nmode = %s\n[move]\n%s\n' \
		"$run/journal" "$1" "${2-}" >"$run/vmnumad.conf"
	if [ "$BENCH_TRACE" = yes ]; then
		options+=(--trace "$run/trace")
	fi
	start_vmnumad --config "$run/vmnumad.conf" "${options[@]}"
	wait_until 30 vmnumad_knows "$guest" || fail 'vmnumad has no map of the guest'
}

method_ours_prepare() {
	guest_pin "$guest" "$to"
	bench_vmnumad observe
}

method_ours_go() {
	timeout "$BENCH_LIMIT_S" "$BUILD/vmnumad/vmnumactl" --json rebalance "$guest" --to "$to"
}

method_ours_finish() {
	stop_vmnumad
}

# ours-N: with that percentage of the time in calls, for pages of any size.
for share in 20 40 60 80 100; do
	eval "method_ours_${share}_prepare() {
		guest_pin \"\$guest\" \"\$to\"
		bench_vmnumad observe 'share = $share'
	}
	method_ours_${share}_go() { method_ours_go; }
	method_ours_${share}_finish() { method_ours_finish; }"
done

method_ours_hurry_prepare() {
	method_ours_prepare
}

method_ours_hurry_go() {
	timeout "$BENCH_LIMIT_S" "$BUILD/vmnumad/vmnumactl" --json rebalance "$guest" --to "$to" --hurry
}

method_ours_hurry_finish() {
	stop_vmnumad
}

method_ours_collapse_prepare() {
	guest_pin "$guest" "$to"
	bench_vmnumad observe 'collapse = yes'
}

method_ours_collapse_go() {
	method_ours_hurry_go
}

# The next method is to meet small pages again.
method_ours_collapse_finish() {
	stop_vmnumad
	awk -v pid="$(guest_pid "$guest")" -F '[- ]' '$3 ~ /^rw/ { printf "%d,0x%s,0x%s\n", pid, $1, $2 }' \
		"/proc/$(guest_pid "$guest")/maps" | while read -r range; do
		echo "$range" >/sys/kernel/debug/split_huge_pages || true
	done
}

method_migratepages_prepare() {
	guest_pin "$guest" "$to"
}

method_migratepages_go() {
	timeout "$BENCH_LIMIT_S" migratepages "$(guest_pid "$guest")" "$from" "$to"
}

method_migratepages_finish() {
	true
}

# The guest may use both nodes except in these runs: it is bound to the node
# that it lies on, which moves nothing, and then to the other one.
method_numatune_prepare() {
	guest_pin "$guest" "$to"
	virsh -q numatune "$guest" --nodeset "$from" --live
}

method_numatune_go() {
	timeout "$BENCH_LIMIT_S" virsh -q numatune "$guest" --nodeset "$to" --live
}

method_numatune_finish() {
	virsh -q numatune "$guest" --nodeset 0-1 --live
}

method_ours_follow_prepare() {
	bench_vmnumad auto
}

method_ours_follow_go() {
	guest_pin "$guest" "$to"
}

method_ours_follow_finish() {
	vmnumactl --json jobs
	stop_vmnumad
}

# The kernel's own balancing is on only from the pin on, so that its scanning is
# not part of the window it is compared with.
method_balancing_prepare() {
	true
}

method_balancing_go() {
	echo 1 >/proc/sys/kernel/numa_balancing
	guest_pin "$guest" "$to"
}

method_balancing_finish() {
	echo 0 >/proc/sys/kernel/numa_balancing
}

method_numad_prepare() {
	true
}

method_numad_go() {
	numad -i 5:5
	guest_pin "$guest" "$to"
}

numad_is_gone() {
	! pgrep -x numad
}

method_numad_finish() {
	numad -i 0 || true
	wait_until 15 numad_is_gone || pkill -9 -x numad || true
	cat /var/log/numad.log || true
}
