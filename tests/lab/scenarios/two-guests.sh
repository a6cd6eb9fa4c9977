#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Two guests move at once, in opposite directions: neither is taken for the
# other. One job is paused, resumed and let go on; the other is cancelled.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

job_is_paused() {
	[ "$(job_says "$1" .phase)" = paused ]
}

start_libvirtd
small_guest west
small_guest east pin=1 mem=288
guests_start west east
start_vmnumad
wait_vmnumad_knows west east

west=$(rebalance_slowly west 1 6M)
east=$(rebalance_slowly east 0 6M)
job_wait_midst "$west"
job_wait_midst "$east"
[ "$(vmnumactl --json jobs | json '[.jobs[] | select(.result == "running")] | length')" = 2 ] ||
	fail 'two jobs should be running'
vmnumactl jobs
expect 4 "job $west is moving this guest already" vmnumactl rebalance west --to 0

note 'pause one'
expect 0 '"running"' vmnumactl --json pause "$west"
wait_until 60 job_is_paused "$west" || fail "job $west does not pause"
moved=$(job_says "$west" .bytes_moved)

note 'cancel the other'
expect 0 '"cancelled"' vmnumactl --json cancel "$east"
[ "$(job_says "$east" .why)" = 'an administrator cancelled it' ] || fail 'it does not say why'
job_must_add_up "$east"
[ "$(job_says "$east" '.bytes_left <= .bytes_planned')" = true ] || fail 'more is left than was planned'
expect 1 'has ended (cancelled)' vmnumactl cancel "$east"
expect 1 'has ended (cancelled)' vmnumactl pause "$east"
expect 1 'cancelled' vmnumactl job "$east"
! guest_is_on east 0 90 || fail 'the cancelled job went on to its end'

note 'the paused one has not moved, and goes on'
sleep 2
[ "$(job_says "$west" .bytes_moved)" = "$moved" ] || fail 'a paused job moves memory'
expect 0 '"running"' vmnumactl --json resume "$west"
wait_until 120 job_has_ended "$west" || fail "job $west does not end after it was resumed"
job_is "$west" 'done' || fail "job $west is $(job_says "$west" .result)"
job_must_add_up "$west"
guest_is_on west 1 || fail "only $(guest_share west 1) % of west is on node 1"
counts_must_agree west
counts_must_agree east

note 'a paused job can be cancelled'
west=$(rebalance_slowly west 0 6M)
expect 0 "$west" vmnumactl pause "$west"
expect 0 'is cancelled' vmnumactl cancel "$west"

note 'both at once, at full speed, by two callers'
vmnumactl rebalance west --to 0 --hurry &
vmnumactl rebalance east --to 1 --hurry || fail "east: status $?"
wait $! || fail "west: status $?"
guest_is_on west 0 || fail "only $(guest_share west 0) % of west is on node 0"
guest_is_on east 1 || fail "only $(guest_share east 1) % of east is on node 1"
counts_must_agree west
counts_must_agree east
probe_must_be_right west
probe_must_be_right east
stop_vmnumad
