#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Guests that libvirt does not manage: a QEMU started by hand is adopted through
# its monitor and its memory follows vCPUs that taskset pins, a DIMM that is plugged
# in too, but not while it is paused or somebody else holds its monitor; one without
# a monitor is inferred and moves on request only. What is no guest is refused, and
# why. A restart of the daemon keeps both, release and the end of the process end
# it.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

guest_pid() {
	cat "$LAB_OUT/$1.pid"
}

# options_of NAME OPTIONS: of QEMU, a word on each line.
options_of() {
	tr -s ' \t\n' '\n' <<<"$2" >"$LAB_OUT/$1.options"
}

guest_start() {
	local options
	mapfile -t options <"$LAB_OUT/$1.options"
	taskset -c "$(node_cpus 0)" qemu-system-x86_64 -daemonize \
		-pidfile "$LAB_OUT/$1.pid" -nodefaults -no-user-config -display none \
		-machine pc,accel=kvm -cpu host -smp 2 \
		-kernel "$LAB_KERNEL_DIR/vmlinuz" -initrd "$LAB_GUEST_DIR/initramfs" \
		-append 'console=ttyS0 loglevel=4 panic=-1 mitigations=off numa_balancing=disable memhp_default_state=offline probe.busy=20 probe.pages=12000' \
		-serial "file:$(guest_serial "$1")" "${options[@]}"
}

guest_stop() {
	kill -KILL "$(guest_pid "$1")"
}

# pin_by_hand NAME NODE: as somebody without libvirt does.
pin_by_hand() {
	local comm
	for comm in /proc/"$(guest_pid "$1")"/task/*/comm; do
		if grep -q '^CPU .*/KVM' "$comm"; then
			taskset -c -p "$(node_cpus "$2")" "$(basename "$(dirname "$comm")")" >/dev/null
		fi
	done
}

# qmp COMMAND [ARGUMENTS]: said to hand on a monitor of our own.
qmp() {
	local answers=0 line
	coproc socat - UNIX-CONNECT:/run/hand.test
	printf '%s\n' '{"execute":"qmp_capabilities"}' \
		"{\"execute\":\"$1\",\"arguments\":${2:-{\}}}" >&"${COPROC[1]}"
	while [ "$answers" -lt 2 ]; do
		read -rt 30 -u "${COPROC[0]}" line || fail "QEMU does not answer $1"
		case $line in
		*'"error"'*) fail "QEMU says $line" ;;
		*'"return"'*) answers=$((answers + 1)) ;;
		esac
	done
	kill "$COPROC_PID"
	wait "$COPROC_PID" || true
}

# hand_has STATE REGIONS: of its DIMM.
hand_has() {
	[ "$(vmnumactl --json show hand |
		json '.guests[0] | "\(.state) \([.regions[] | select(.block == "d0") | "\(.size) in \(.cell)"] | join(","))"')" = "$1 $2" ]
}

is_listed() {
	[ "$(vmnumactl --json list | json "[.guests[] | select(.name == \"$1\")] | length")" = 1 ]
}

is_not_listed() {
	! is_listed "$1"
}

explain_says() {
	vmnumactl explain "$1" | grep -qF -- "$2"
}

# is_deferred NAME REASON: it would have been moved but for that.
is_deferred() {
	vmnumactl --json events |
		jq -e --arg name "$1" --arg reason "$2" '.events[] |
			select(.kind == "deferred" and .guest == $name and .reason == $reason)'
}

adopted_as_before() {
	[ "$(vmnumactl --json list | json '[.guests[] | select(.adopted) | "\(.name) \(.pid) \(.inferred)"] | sort | join(", ")')" = \
		"bare $(guest_pid bare) true, hand $(guest_pid hand) false" ]
}

start_libvirtd
small_guest theirs
virsh -q create "$LAB_OUT/theirs.xml" >/dev/null
options_of hand '-name guest=hand,debug-threads=on -m 512,slots=1,maxmem=1G
	-qmp unix:/run/hand.qmp,server=on,wait=off -qmp unix:/run/hand.test,server=on,wait=off
	-object memory-backend-ram,id=m0,size=256M -object memory-backend-ram,id=m1,size=256M
	-numa node,nodeid=0,cpus=0,memdev=m0 -numa node,nodeid=1,cpus=1,memdev=m1'
options_of bare '-name guest=bare,debug-threads=on -m 256'
guests_start hand bare
start_vmnumad --verbose
wait_until 60 is_listed theirs || fail 'vmnumad does not know the guest of libvirt'

note 'what is no guest is refused'
sleep 1000 &
sleeper=$!
expect 4 'not called qemu-something' vmnumactl adopt --pid "$sleeper"
kill "$sleeper"
wait "$sleeper" || true
expect 4 'there is no process' vmnumactl adopt --pid "$sleeper"
expect 4 'is vmnumad itself' vmnumactl adopt --pid "$VMNUMAD_PID"
expect 4 'equally large memory' vmnumactl adopt --pid "$(guest_pid hand)"
expect 4 'libvirt manages process' vmnumactl adopt --pid "$(cat /run/libvirt/qemu/theirs.pid)"
expect 4 'was opened by process' vmnumactl adopt --pid "$(guest_pid bare)" --qmp /run/hand.qmp
expect 4 'is not a socket' vmnumactl adopt --pid "$(guest_pid bare)" --qmp /etc/passwd
expect 4 'called theirs' vmnumactl adopt --pid "$(guest_pid bare)" --name theirs
expect 4 'follow theirs off' vmnumactl release theirs
virsh -q destroy theirs
hold_monitor /run/hand.qmp
expect 4 'busy' vmnumactl adopt --pid "$(guest_pid hand)" --qmp /run/hand.qmp
kill "$MONITOR_HOLDER"

note 'through its monitor: memory follows taskset'
expect 0 'is adopted' vmnumactl adopt --pid "$(guest_pid hand)" --qmp /run/hand.qmp
expect 4 'adopted already' vmnumactl adopt --pid "$(guest_pid hand)" --name again
wait_vmnumad_knows hand
guest_is_on hand 0 || fail "only $(guest_share hand 0) % of the guest is on node 0"
hold_monitor /run/hand.qmp
wait_until 60 vmnumad_has_said 'its monitor does not say how it is' || fail 'it is not said that its monitor is held'
pin_by_hand hand 1
wait_until 60 is_deferred hand 'its monitor does not answer' ||
	fail "it is not said why it stays: $(vmnumactl explain hand)"
guest_is_on hand 0 || fail 'it was moved while it may have been migrated'
kill "$MONITOR_HOLDER"
wait_until 120 guest_is_on hand 1 ||
	fail "only $(guest_share hand 1) % of the memory followed the vCPUs"
wait_until 60 no_job_is_running || fail 'a job does not end'
vmnumactl list
vmnumactl show hand
[ "$(vmnumactl --json show hand | json '[.guests[0].cells[].id] | join(",")')" = 0,1 ] ||
	fail 'its cells are not known'
counts_must_agree hand

note 'a DIMM comes, on the wrong node'
qmp object-add '{"qom-type":"memory-backend-ram","id":"d0","size":134217728,"host-nodes":[0],"policy":"preferred","prealloc":true}'
qmp device_add '{"driver":"pc-dimm","id":"dimm0","memdev":"d0","node":1}'
wait_until 60 hand_has running '134217728 in 1' || fail 'its DIMM is not seen'
wait_until 60 guest_is_on hand 1 99 ||
	fail "only $(guest_share hand 1) % of the memory is on node 1"
counts_must_agree hand

note 'nothing moves while it is paused'
qmp stop
wait_until 60 hand_has paused '134217728 in 1' || fail 'it is not said that it is paused'
pin_by_hand hand 0
wait_until 60 explain_says hand paused || fail "it is not said why it stays: $(vmnumactl explain hand)"
sleep 4
guest_is_on hand 1 99 || fail 'it was moved while it was paused'
qmp cont
wait_until 90 guest_is_on hand 0 ||
	fail "only $(guest_share hand 0) % of the memory followed the vCPUs"
hand_has running '134217728 in 1' || fail 'it is not said that it runs'

note 'a DIMM that goes is gone'
qmp device_del '{"id":"dimm0"}'
wait_until 90 hand_has running '' || fail 'a DIMM that is gone is still in its map'
qmp object-del '{"id":"d0"}'

note 'without a monitor: on request only'
expect 0 'inferred' vmnumactl adopt --pid "$(guest_pid bare)"
wait_vmnumad_knows bare
pin_by_hand bare 1
wait_until 60 explain_says bare 'only inferred' || fail "it is not said why bare stays: $(vmnumactl explain bare)"
expect 4 'an adopted guest has none' vmnumactl rebalance bare --rehome
guest_is_on bare 0 || fail 'bare was moved'
expect 0 'moved' vmnumactl rebalance bare
guest_is_on bare 1 || fail "only $(guest_share bare 1) % of bare was moved"
counts_must_agree bare

note 'a restart keeps them'
stop_vmnumad
start_vmnumad --verbose
wait_until 60 adopted_as_before || fail "they are forgotten: $(vmnumactl list)"
wait_vmnumad_knows hand bare

note 'release cancels what is under way'
job=$(rebalance_slowly bare 0 20M)
job_wait_midst "$job"
expect 0 'released' vmnumactl release bare
job_is "$job" cancelled || fail "the job is $(job_says "$job" .result)"
is_not_listed bare || fail 'bare is still a guest'

note 'its end is seen'
probe_must_be_right hand
probe_must_be_right bare
guest_stop hand
wait_until 60 is_not_listed hand || fail 'hand is still a guest'
vmnumactl events
vmnumactl events | grep -qF 'its process has ended' || fail 'its end is not told'
stop_vmnumad
