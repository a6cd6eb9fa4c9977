#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A guest on pages of 4 KiB, and "collapse = yes": on its way to the other node
# most of it becomes huge pages, and it stays so on the way back. A job that is
# cancelled in the midst of that ends at once, within the call that it is at.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

huge_kib() {
	awk '/^AnonHugePages:/ { print $2 }' "/proc/$(guest_pid guest)/smaps_rollup"
}

# The guest's memory, in KiB.
guest_kib() {
	guest_node_bytes guest | awk '{ n += $2 } END { print int(n / 1024) }'
}

# all_must_go NODE: in a hurry, and most of it is in huge pages then.
all_must_go() {
	expect 0 '"done"' vmnumactl --json rebalance guest --to "$1" --hurry
	job=$(vmnumactl --json jobs | json '[.jobs[].job] | max')
	job_must_add_up "$job"
	guest_is_on guest "$1" 99 || fail "only $(guest_share guest "$1") % are on node $1"
	note "job $job: $(job_says "$job" '"\(.bytes_moved) bytes in \(.seconds) s, \(.calls) calls"'), $(huge_kib) of $(guest_kib) KiB are huge"
	[ "$(huge_kib)" -ge $(($(guest_kib) * 3 / 4)) ] || fail 'most of it is in small pages'
	probe_must_be_right guest
}

start_libvirtd
set_thp never
small_guest guest mem=512 probe='probe.busy=20 probe.pages=100000'
guests_start guest
start_vmnumad_with <<-END
	[move]
	collapse = yes
END
wait_vmnumad_knows guest
probe_wait_lines guest 8 # by then it has what it needs
[ "$(huge_kib)" = 0 ] || fail "$(huge_kib) KiB of it are huge from the start"

note 'cancelled in the midst'
vmnumactl --json rebalance guest --to 1 --hurry --no-wait >"$LAB_OUT/job.json"
job=$(json .job <"$LAB_OUT/job.json")
deadline=$((SECONDS + 60))
until [ "$(huge_kib)" -gt 0 ] || [ "$SECONDS" -ge "$deadline" ]; do :; done
vmnumactl cancel "$job" || fail "job $job: nothing is huge, or it is over: $(job_says "$job" .result)"
begun=$(job_says "$job" .calls)
wait_until 60 job_has_ended "$job" || fail "job $job does not end"
job_must_add_up "$job"
note "job $job: $(job_says "$job" '"\(.result), \(.bytes_moved) bytes in \(.calls) calls"'), $begun of them before; $(huge_kib) of $(guest_kib) KiB are huge"
job_is "$job" cancelled || fail "job $job is $(job_says "$job" .result)"
[ "$(($(job_says "$job" .calls) - begun))" -le 3 ] || fail "job $job went on after it was cancelled"
[ "$(huge_kib)" -gt 0 ] || fail 'nothing was made huge'
[ "$(huge_kib)" -le $(($(guest_kib) / 2)) ] || fail 'it was not in the midst'
probe_must_be_right guest

note 'all of it, and back'
all_must_go 1
all_must_go 0
stop_vmnumad
