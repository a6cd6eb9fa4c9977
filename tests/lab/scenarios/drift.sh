#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A vCPU that may run everywhere and that the scheduler has taken to the other
# node: memory follows once it has stayed there, and not before. Then what the
# modes observe, pin and off leave alone, and a mode in the guest's metadata.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# drift NODE: what the scheduler might do by itself. The vCPU goes to a CPU there
# and may run everywhere again before vmnumad can see anything else.
drift() {
	kill -STOP "$VMNUMAD_PID"
	taskset -cp "$(node_cpus "$1")" "$tid" >/dev/null
	taskset -cp "$LAB_GUEST_CPUS" "$tid" >/dev/null
	kill -CONT "$VMNUMAD_PID"
}

# has_followed NODE: its memory, wherever the scheduler has taken the vCPU since;
# from there it drifts again.
has_followed() {
	local cpu
	guest_is_on web "$1" && return
	cpu=$(sed 's/.*) //' "/proc/$tid/stat" | cut -d ' ' -f 37)
	[ -e "/sys/devices/system/node/node$1/cpu$cpu" ] || drift "$1"
	return 1
}

explain_says() {
	vmnumactl explain web | grep -qiF -- "$1"
}

# must_stay NODE SECONDS
must_stay() {
	sleep "$2"
	guest_is_on web "$1" || fail "only $(guest_share web "$1") % have stayed on node $1"
	no_job_is_running || fail 'a job was started'
}

# event_says KIND REASON: there is such an event of the guest.
event_says() {
	vmnumactl --json events |
		json ".events[] | select(.kind == \"$1\" and .guest == \"web\") | .reason" |
		grep -qF -- "$2"
}

mode_is() {
	[ "$(vmnumactl --json list | json '.guests[0] | .mode + " by " + .mode_source')" = "$1" ]
}

# set_metadata ATTRIBUTES
set_metadata() {
	virsh -q metadata web --uri urn:vmnumad:policy:1 --key vmnumad \
		--set "<policy $1/>" --live >/dev/null
}

start_libvirtd
small_guest web pin= numatune=preferred:0 probe='probe.busy=60 probe.pages=12000'
guest_start web
guest_wait_ready web
start_vmnumad_with <<-END
	[follow]
	dwell_s = 6
	cooldown_s = 1
	ram_per_hour = 1000
END
wait_vmnumad_knows web
guest_is_on web 0 || fail "only $(guest_share web 0) % begin on node 0"
tid=$(vmnumactl --json list | json '.guests[0].vcpus[0].tid')

vmnumactl --json events --follow >"$LAB_OUT/followed" &
drift 1
wait_until 90 explain_says 'have not stayed' || fail "it is not explained: $(vmnumactl explain web)"
vmnumactl explain web
guest_is_on web 0 || fail 'the memory has moved before the dwell time was over'
wait_until 120 has_followed 1 || fail "only $(guest_share web 1) % have followed: $(vmnumactl explain web)"
wait_until 90 no_job_is_running || fail 'the job does not end'
vmnumactl --json jobs | json '.jobs[].reason' | grep 'have stayed' || fail 'the job has another reason'
vmnumactl events
event_says deferred 'have not stayed' || fail 'no event says that the move was put off'
for kind in plan start end; do
	event_says $kind 'have stayed' || fail "no event \"$kind\" with the reason of the move"
done
[ "$(grep -c '"kind":"deferred".*have not stayed' "$LAB_OUT/followed")" -le 2 ] ||
	fail 'a reason that stays the same is told again and again'
grep -q '"kind":"end"' "$LAB_OUT/followed" || fail 'events --follow does not tell the end of the job'

note 'observe'
expect 0 observe vmnumactl follow web observe
guest_pin web 0
wait_until 60 explain_says 'mode does not allow' || fail "it is not explained: $(vmnumactl explain web)"
must_stay 1 2

note 'pin: a pinned vCPU is followed, a drifting one is not'
vmnumactl follow web pin
wait_until 120 guest_is_on web 0 || fail 'a pin is not followed in mode pin'
wait_until 90 no_job_is_running || fail 'the job does not end'
virsh -q vcpupin web 0 "$LAB_GUEST_CPUS" --live >/dev/null
drift 1
wait_until 90 explain_says 'mode does not allow' || fail "it is not explained: $(vmnumactl explain web)"
must_stay 0 7

note 'off'
vmnumactl follow web off
guest_pin web 1
must_stay 0 3
explain_says 'mode does not allow' || fail "it is not explained: $(vmnumactl explain web)"
expect 4 'mode is off' vmnumactl rebalance web --to 1
event_says refused 'mode is off' || fail 'no event says that the order was refused'

note 'metadata'
set_metadata "follow='observe'"
vmnumactl follow web default
wait_until 60 mode_is 'observe by metadata' || fail 'the metadata is not read'
must_stay 0 2
set_metadata "follow='off'"
wait_until 60 mode_is 'off by metadata' || fail 'the metadata is not read again'
set_metadata "follow='sometimes'"
wait_until 60 vmnumad_has_said "follow='sometimes'" || fail 'bad metadata goes unsaid'
event_says refused "follow='sometimes'" || fail 'no event tells of bad metadata'
mode_is 'auto by default' || fail 'bad metadata changes the mode'
set_metadata "follow='auto'"
wait_until 120 guest_is_on web 1 || fail 'mode auto of the metadata moves nothing'
probe_must_be_right web
stop_vmnumad

note 'off for all guests, auto for one of them'
start_vmnumad_with <<-END
	[follow]
	mode = off
	[guest web]
	follow = auto
END
wait_vmnumad_knows web
mode_is 'auto by config' || fail 'the configuration has no effect'
stop_vmnumad
