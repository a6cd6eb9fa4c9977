#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job, for a person who watches: a guest's vCPUs are pinned from one
# node to the other, and its memory follows while the guest works on. Run by
# scripts/demo in the lab; no test (scenarios/follow.sh is).

set -eu

# shellcheck source=lib.sh
. "$LAB_DIR/lib.sh"

WIDTH=24

title() {
	printf '\n=== %s\n\n' "$*"
}

# Shows a command as it would be typed, and runs it.
shown() {
	printf '$ %s\n' "$*"
	"$@"
	printf '\n'
}

# bar PERCENT
bar() {
	local full=$((($1 * WIDTH + 50) / 100)) i text=
	for ((i = 0; i < WIDTH; i++)); do
		if [ "$i" -lt "$full" ]; then
			text+=█
		else
			text+=░
		fi
	done
	printf '%s %3d %%' "$text" "$1"
}

# Bytes of the guest on node 0, and in all, when it was last counted.
counted_bytes() {
	vmnumactl --json list |
		json '[.guests[0].cells[].node_bytes] |
			"\(map(."0" // 0) | add) \(map(add) | add)"'
}

# Percent of the guest's memory on node 0.
share_of_node_0() {
	counted_bytes | awk '{ printf "%d\n", $2 ? 100 * $1 / $2 + 0.5 : 0 }'
}

# A line every other second until all has moved and the last job has ended.
watch_it_move() {
	local begin=$SECONDS here
	while :; do
		here=$(share_of_node_0)
		printf '%4d s   node 0 %s   node 1 %s\n' $((SECONDS - begin)) \
			"$(bar "$here")" "$(bar $((100 - here)))"
		if [ "$here" -le 1 ] && no_job_is_running; then
			return
		fi
		[ $((SECONDS - begin)) -lt 700 ] || fail 'it takes too long'
		sleep 2
	done
}

title 'A host with two NUMA nodes'
printf 'Linux %s in an emulated machine, with KVM, %s.\n' "$(uname -r)" \
	'QEMU and libvirt of Debian'
start_libvirtd
guest_define web mem=512 vcpus=2 cells=2 pin=0 probe=probe.busy=20
printf '\nStarting the guest web: 2 vCPUs, 512 MiB, both pinned to node 0. Its program\n'
printf 'fills most of the memory, then reads, checks and rewrites it all the time.\n'
guest_start web
guest_wait_ready web
start_vmnumad
wait_until 60 vmnumad_knows web || fail 'vmnumad has no map of the guest'

title 'vCPUs and memory are together on node 0'
shown vmnumactl list
shown vmnumactl show web --map

title 'The administrator pins the vCPUs to node 1'
pinned_at=$(date +%s%N)
for vcpu in 0 1; do
	shown virsh vcpupin web "$vcpu" "$(node_cpus 1)" --live | grep .
done
printf '\nNothing else is typed. vmnumad hears of it from libvirt:\n\n'
watch_it_move
took=$((($(date +%s%N) - pinned_at) / 1000000000))

title 'Memory has followed'
shown vmnumactl list
shown vmnumactl jobs
shown vmnumactl show web --map

probe_must_be_right web
stop_vmnumad
moved=$(($(guest_bytes_on web 1) >> 20))
share=$(guest_share web 1)
gap=$(grep -ao 'longest_gap_ms=[0-9]*' "$(guest_serial web)" | sort -t= -k2n |
	tail -n 1 | cut -d= -f2)
cat <<END
In $took seconds vmnumad brought $moved MiB ($share % of the guest's memory, counted from
outside) to the node of its vCPUs, while the guest worked on: it checked its
pages all the time, found $(probe_wrong web) of them wrong, and never waited over $gap ms for one.
END
if [ "$LAB_ACCEL" = tcg ]; then
	printf '(This host is emulated in software: times say nothing of real hardware.)\n'
fi
