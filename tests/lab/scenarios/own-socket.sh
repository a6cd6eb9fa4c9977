#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12 --stack debian,backports
#
# Ways to a guest's monitor. Through libvirt the guest is marked as tainted,
# once. With passthrough = no it is not: then a guest without a QMP socket of
# ours is left alone and says why, and one with a socket is moved through that;
# so it is with a connection that may only read. That guest is only
# observed: it is asked to leave its vCPUs, and a daemon that starts anew would
# bring it back.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

socket=/run/own.qmp

# Times that libvirt has noted a use of the guest's monitor past itself.
taints() {
	grep -c "name='$1'.*tainted: custom-monitor" "$LAB_OUT/libvirtd.log" || true
}

# vmnumad_says_of GUEST TEXT: as the reason why there is no map.
vmnumad_says_of() {
	vmnumactl explain "$1" | grep -qF -- "$2"
}

start_vmnumad_without_passthrough() {
	start_vmnumad_with <<-END
		[monitor]
		passthrough = no
		[guest own]
		qmp = $socket
		follow = observe
	END
}

start_libvirtd
small_guest plain
small_guest own qemu="-qmp unix:$socket,server=on,wait=off"
guests_start plain own

note 'passthrough = no'
start_vmnumad_without_passthrough
wait_vmnumad_knows own
wait_until 60 vmnumad_says_of plain 'passthrough = no' || fail 'it is not said why plain has no map'
expect 4 'passthrough = no' vmnumactl rebalance plain --to 1
guest_is_on plain 0 || fail 'plain was moved'
expect 0 moved vmnumactl rebalance own --to 1
guest_is_on own 1 || fail 'own was not moved'
counts_must_agree own
[ "$(taints plain)$(taints own)" = 00 ] || fail 'a guest was tainted'
stop_vmnumad

note "another client holds the guest's socket"
hold_monitor "$socket"
start_vmnumad_without_passthrough
wait_until 90 vmnumad_says_of own "$socket" || fail "it is not said that the socket is held: $(vmnumactl explain own)"
vmnumactl explain own
expect 4 "$socket" vmnumactl rebalance own --to 0
kill "$MONITOR_HOLDER"
wait_until 120 vmnumad_knows own || fail 'the socket is not tried again'
stop_vmnumad

note 'read_only = yes'
start_vmnumad_with <<-END
	[daemon]
	read_only = yes
	[guest own]
	qmp = $socket
	follow = observe
END
wait_vmnumad_knows own
wait_until 60 vmnumad_says_of plain read-only || fail 'it is not said why plain has no map'
vmnumad_has_said 'for reading only' || fail 'the connection is not read-only'
[ "$(vmnumactl --json show plain | json '.guests[0].vcpus[0].node')" = 0 ] || fail 'the place of the vCPU is not shown'
expect 4 read-only vmnumactl rebalance plain --to 1
expect 0 moved vmnumactl rebalance own --to 0
guest_is_on own 0 || fail 'own was not moved'
[ "$(taints plain)$(taints own)" = 00 ] || fail 'a guest was tainted'
stop_vmnumad

note 'passthrough = yes'
start_vmnumad
wait_vmnumad_knows plain own
stop_vmnumad
start_vmnumad
wait_vmnumad_knows plain own
[ "$(taints plain)" = 1 ] || fail "plain was tainted $(taints plain) times"
expect 0 moved vmnumactl rebalance plain --to 1
probe_must_be_right plain
probe_must_be_right own
stop_vmnumad
