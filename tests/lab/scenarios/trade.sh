#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Trading places: two guests on nodes without room for a second one are pinned
# crosswise. Their memory changes places through the little that is free, a
# window at a time; both end local, the host reclaims nothing for it and its
# reserve stays free. The daemon's settings are the defaults.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

reserve_mib=128 # the default
left_free_mib=280

# A line "MIB MIB" twice a second: free on node 0, on node 1.
watch_free() {
	while sleep 0.5; do
		printf '%s %s\n' "$(node_free_mib 0)" "$(node_free_mib 1)"
	done >"$LAB_OUT/free"
}

lowest_free_mib() {
	tr ' ' '\n' <"$LAB_OUT/free" | sort -n | head -n 1
}

start_libvirtd
guest_define left mem=288 vcpus=1 pin=0 probe=probe.busy=20
guest_define right mem=304 vcpus=1 pin=1 probe=probe.busy=20
guests_start left right
start_vmnumad
wait_vmnumad_knows left right
for name in left right; do
	probe_wait_lines $name 8 # by then it has what it needs
	note "$name: $(guest_node_bytes $name | tr '\n' ' ')"
done
fill_node 0 $left_free_mib
fill_node 1 $left_free_mib
scanned=$(vmstat_count pgscan_direct)
splits=$(vmstat_count thp_migration_split)
watch_free &
watcher=$!

guest_pin left 1
guest_pin right 0
wait_until 240 guest_is_on left 1 || fail "only $(guest_share left 1) % of left arrived"
wait_until 120 guest_is_on right 0 || fail "only $(guest_share right 0) % of right arrived"
wait_until 60 no_job_is_running || fail 'a job does not end'
vmnumactl jobs
kill "$watcher"

for job in $(vmnumactl --json jobs | json '.jobs[].job'); do
	job_must_add_up "$job"
done
scanned=$(($(vmstat_count pgscan_direct) - scanned))
splits=$(($(vmstat_count thp_migration_split) - splits))
note "reclaim looked at $scanned pages, $splits huge pages were split, at least $(lowest_free_mib) MiB were free"
[ "$scanned" -le 1000 ] || fail "the host reclaims: it looked at $scanned pages"
[ "$splits" = 0 ] || fail "$splits huge pages were split"
[ "$(lowest_free_mib)" -ge $reserve_mib ] || fail 'the reserve was touched'
probe_must_be_right left
probe_must_be_right right
stop_vmnumad
