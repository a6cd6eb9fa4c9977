#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Guests of odd shape: without guest NUMA or with cells of unequal size, pc and
# q35, within the memory below 4 GiB and beyond it, and with a name that needs
# escaping everywhere. The map of each has the holes that QEMU's machine has, says
# of its pages what QEMU itself says; those with plain names are moved.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

odd="odd \"name\", it's <é> & 100 %"

# libvirt names the pid file of a guest with such a name otherwise.
guest_pid() {
	pgrep -f -- "-uuid $(virsh -q domuuid "$1")"
}

# resize NAME MIB...: other sizes for the cells of a defined guest.
resize() {
	local xml=$LAB_OUT/$1.xml cell=0 mib
	shift
	for mib; do
		sed -i "s/\(cell id='$cell' cpus='[0-9-]*' memory='\)[0-9]*/\1$mib/" "$xml"
		cell=$((cell + 1))
	done
}

# map_of NAME: "FROM-TO:CELL" for each region above 1 MiB, in MiB.
map_of() {
	vmnumactl --json show "$1" | json '[.guests[0].regions[] | select(.gpa >= 1048576) |
		"\(.gpa / 1048576)-\((.gpa + .size) / 1048576):\(.cell)"] | join(" ")'
}

# qemu_says NAME GPA: the address that QEMU itself gives for it.
qemu_says() {
	virsh qemu-monitor-command "$1" --hmp "gpa2hva $2" |
		sed -n 's/.*is 0x\([0-9a-f]*\).*/\1/p'
}

# The first and the last page of each region lie where QEMU says.
map_must_agree() {
	local gpa size hva offset regions=0
	while read -r gpa size hva; do
		for offset in 0 $((size - 4096)); do
			[ "$((16#$(qemu_says "$1" "$(printf '0x%x' $((gpa + offset)))")))" = $((hva + offset)) ] ||
				fail "$1: QEMU has guest address $((gpa + offset)) elsewhere"
		done
		regions=$((regions + 1))
	done <<<"$(vmnumactl --json show "$1" | json '.guests[0].regions[] | "\(.gpa) \(.size) \(.hva)"')"
	[ "$regions" -ge 2 ] || fail "$1 has only $regions regions"
}

# check NAME MIB MAP: its map, its counts and a move. 640 or 768 KiB of the first
# MiB are memory, as the firmware has set the rest.
check() {
	local bytes job
	note "$1: $(map_of "$1")"
	[ "$(map_of "$1")" = "$3" ] || fail "the map of $1 is not $3"
	bytes=$(vmnumactl --json show "$1" | json '[.guests[0].regions[].size] | add')
	[ $(($2 * 1048576 - bytes)) -le 393216 ] || fail "$1: only $bytes bytes are in the map"
	map_must_agree "$1"
	counts_must_agree "$1"
	vmnumactl --json rebalance "$1" --to 1 --hurry >"$LAB_OUT/job.json" || fail "$1: $(cat "$LAB_OUT/job.json")"
	job=$(json .job <"$LAB_OUT/job.json")
	job_must_add_up "$job"
	guest_is_on "$1" 1 99 || fail "only $(guest_share "$1" 1) % of $1 arrived"
}

start_libvirtd
probe='probe.busy=20 probe.pages=12000'
guest_define plain mem=256 vcpus=1 cells=0 machine=pc pin=0 probe="$probe"
guest_define uneven mem=512 vcpus=2 cells=2 machine=q35 pin=0 probe="$probe"
resize uneven 128 384
guest_define large mem=5120 vcpus=1 cells=0 machine=pc pin=0 probe="$probe"
guest_define odd mem=5120 vcpus=2 cells=2 machine=q35 pin=0 probe="$probe"
resize odd 1024 4096
sed -i 's|<name>odd</name>|<name>odd "name", it\&apos;s \&lt;é\&gt; \&amp; 100 %</name>|' "$LAB_OUT/odd.xml"
start_vmnumad

# look_at NAME MIB MAP: one at a time, since each takes much of the host.
look_at() {
	guests_start "$1"
	wait_vmnumad_knows "$1"
	check "$@"
	probe_must_be_right "$1"
	guest_stop "$1"
}

look_at plain 256 '1-256:0'
look_at uneven 512 '1-128:0 128-512:1'
look_at large 5120 '1-3072:0 4096-6144:0'

guest_start odd
wait_until 120 guest_is_ready odd || fail 'the probe of odd is not ready'
wait_vmnumad_knows "$odd"
check "$odd" 5120 '1-1024:0 1024-2048:1 4096-7168:1'

note 'the name is itself in all that is printed'
[ "$(vmnumactl --json list | jq --arg name "$odd" '[.guests[] | select(.name == $name)] | length')" = 1 ] ||
	fail "list has no guest $odd"
expect 0 "$odd" vmnumactl show "$odd"
expect 0 pin vmnumactl follow "$odd" pin
[ "$(vmnumactl --json show "$odd" | json '.guests[0].mode')" = pin ] || fail 'its mode is not pin'
virsh -q metadata "$odd" --uri urn:vmnumad:policy:1 --key vmnumad --set "<policy follow='observe'/>" --live >/dev/null
vmnumactl follow "$odd" default
mode_is_observe() {
	[ "$(vmnumactl --json show "$odd" | json '.guests[0] | .mode + .mode_source')" = observemetadata ]
}
wait_until 60 mode_is_observe || fail 'its metadata is not read'
probe_must_be_right odd
stop_vmnumad
