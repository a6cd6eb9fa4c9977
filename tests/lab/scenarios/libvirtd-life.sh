#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# libvirtd comes late, ends, dies, stands still and is upgraded; vmnumad ends and
# dies. Guests and jobs go on, vmnumactl answers, and afterwards all is found again.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../stack.sh
. "$LAB_DIR/stack.sh"

is_not_listed() {
	[ "$(vmnumactl --json list | json "[.guests[] | select(.name == \"$1\")] | length")" = 0 ]
}

times_connected() {
	grep -c 'connected to libvirt' "$LAB_OUT/vmnumad.log" || true
}

has_connected_again() {
	[ "$(times_connected)" -gt "$1" ]
}

# has_gone_on TIMES: with what was asked for before its end.
has_gone_on() {
	[ "$(grep -c 'went on after a restart' "$LAB_OUT/vmnumad.log")" = "$1" ]
}

# must_follow NODE: pins the guest there, live, and waits for its memory.
must_follow() {
	guest_pin web "$1"
	wait_until 120 guest_is_on web "$1" || fail "only $(guest_share web "$1") % followed to node $1"
	wait_until 90 no_job_is_running || fail 'a job does not end'
}

libvirt_version() {
	virsh version --daemon | sed -n 's/^Running against daemon: //p'
}

# What must be the same guest's before and after: who it is, and its receipts.
guest_and_receipts() {
	vmnumactl --json show web | json '.guests[0] | [.uuid, .pid, .mode, .mode_source]'
	vmnumactl --json jobs | json '.jobs[]'
}

mode_is() {
	[ "$(vmnumactl --json list | json '.guests[0] | .mode + " by " + .mode_source')" = "$1" ]
}

start_with_eager_config() {
	start_vmnumad_with <<-END
		[follow]
		ram_per_hour = 1000
		cooldown_s = 1
	END
}

note 'vmnumad first, libvirtd later'
start_with_eager_config
wait_until 60 vmnumad_has_said 'no connection to libvirt' || fail 'vmnumad does not say that it waits'
expect 1 'libvirt cannot be reached' vmnumactl show web
start_libvirtd
wait_until 90 has_connected_again 0 || fail 'vmnumad does not find libvirtd'

note 'a guest starts while connected'
small_guest web
guests_start web
wait_vmnumad_knows web

note 'libvirtd is restarted while the guest is moved'
before=$(times_connected)
job=$(rebalance_slowly web 1 6M)
job_wait_midst "$job"
stop_libvirtd
expect 0 web vmnumactl list
start_libvirtd
wait_until 120 job_is "$job" 'done' || fail "the job is $(job_says "$job" .result)"
wait_until 90 has_connected_again "$before" || fail 'vmnumad does not connect again'
must_follow 1
must_follow 0

note 'libvirtd is killed, and stands still'
before=$(times_connected)
pkill -KILL -x libvirtd
wait_until 60 libvirtd_is_gone
expect 0 web vmnumactl list
expect 0 moved vmnumactl rebalance web --to 1
start_libvirtd
wait_until 120 has_connected_again "$before" || fail 'vmnumad does not connect again'
pkill -STOP -x libvirtd
expect 0 web vmnumactl list
expect 0 moved vmnumactl rebalance web --to 0
pkill -CONT -x libvirtd
wait_until 120 virsh -q list || fail 'libvirtd has not come back'
must_follow 1

note 'vmnumad ends, then dies, while the guest is moved, and goes on each time'
job=$(rebalance_slowly web 0 6M)
job_wait_midst "$job"
stop_vmnumad
start_with_eager_config
wait_until 90 has_gone_on 1 || fail 'vmnumad does not go on after its end'
kill -KILL "$VMNUMAD_PID"
wait "$VMNUMAD_PID" || true
start_with_eager_config
wait_until 90 has_gone_on 2 || fail 'vmnumad does not go on after its death'
wait_until 120 guest_is_on web 0 || fail "only $(guest_share web 0) % is on node 0"
wait_until 90 no_job_is_running || fail 'the job does not end'
guest_pin web 0
probe_must_be_right web

note 'libvirtd is upgraded under the guest'
vmnumactl follow web pin
wait_until 90 no_job_is_running || fail 'a job does not end'
before=$(times_connected)
kept=$(guest_and_receipts)
older=$(libvirt_version)
stop_libvirtd
start_newer_libvirtd
note "$(libvirt_version) after $older"
[ "$(libvirt_version)" != "$older" ] || fail 'it is the same libvirtd'
wait_until 120 has_connected_again "$before" || fail 'vmnumad does not connect again'
[ "$(guest_and_receipts)" = "$kept" ] ||
	fail "it has lost what it knew: $kept became $(guest_and_receipts)"
must_follow 1
expect 0 moved vmnumactl rebalance web --to 0
virsh -q metadata web --uri urn:vmnumad:policy:1 --key vmnumad \
	--set "<policy follow='observe'/>" --live >/dev/null
vmnumactl follow web default
wait_until 60 mode_is 'observe by metadata' || fail 'the metadata is not read'
probe_must_be_right web

note 'the guest ends'
guest_stop web
wait_until 60 is_not_listed web || fail 'an ended guest is still listed'
stop_vmnumad
