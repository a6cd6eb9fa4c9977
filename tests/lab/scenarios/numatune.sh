#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 4 --kernel 6.12
#
# What numatune says of a guest's memory: preferred is followed, interleave left
# alone until ordered, restrictive re-homed by libvirt itself, memnode kept to cell
# by cell. A strict guest goes from nodes 0 and 1 to 2 and 3 in one go, also when
# vmnumad dies in the midst of it.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# explains NAME TEXT
explains() {
	vmnumactl explain "$1" | grep -qF -- "$2"
}

cpusets() {
	cat "/sys/fs/cgroup/machine/"*"-$1."*/{emulator,vcpu*}/cpuset.mems | sort -u | tr '\n' ' '
}

# The policies of guest memory, cell by cell for memnode.
policies() {
	grep -o ' \(bind\|prefer\|interleave\)[^ ]*:[0-9,-]*' "/proc/$(guest_pid "$1")/numa_maps" |
		sort -u | tr -d '\n'
}

# cell_is_on NAME CELL NODE: nearly all of the cell's memory, as vmnumad counts.
cell_is_on() {
	vmnumactl --json show "$1" | jq -e --argjson cell "$2" --arg node "$3" '
		.guests[0].cells[] | select(.id == $cell) | .node_bytes
		| .[$node] // 0 > 0.97 * ([.[]] | add)' >/dev/null
}

# memnodes NAME ELEMENT...: into the XML of a guest with numatune.
memnodes() {
	local name=$1
	shift
	sed -i "s|</numatune>|$*</numatune>|" "$LAB_OUT/$name.xml"
}

start_libvirtd
small_guest preferred numatune=preferred:0
small_guest spread numatune=interleave:0-1
small_guest limited numatune=restrictive:0
guest_define celled mem=384 vcpus=2 cells=2 numatune=strict:0-1 \
	probe='probe.busy=10 probe.pages=24000'
memnodes celled "<memnode cellid='0' mode='strict' nodeset='0'/>" \
	"<memnode cellid='1' mode='strict' nodeset='1'/>"
guests_start preferred spread limited celled
start_vmnumad
wait_vmnumad_knows preferred spread limited celled
for name in preferred spread limited celled; do
	note "$name: cpusets $(cpusets "$name"), policies$(policies "$name")"
done

note 'pinned elsewhere: only what may be moved follows'
guest_pin preferred 1
guest_pin spread 2
guest_pin limited 1
guest_pin celled 1
wait_until 60 guest_is_on preferred 1 || fail 'the memory of preferred does not follow'
wait_until 60 explains spread 'interleave spreads' || fail "spread: $(vmnumactl explain spread)"
wait_until 60 explains limited 'cpuset does not allow' || fail "limited: $(vmnumactl explain limited)"
wait_until 60 explains celled 'strict binds' || fail "celled: $(vmnumactl explain celled)"
explains celled 'virsh vcpupin' || fail 'explain gives no advice'
cell_is_on celled 0 0 || fail 'cell 0 left the node of its memnode'
cell_is_on celled 1 1 || fail 'cell 1 left the node of its memnode'
if guest_is_on spread 2 1 || guest_is_on limited 1 1; then
	fail 'a guest moved that was to stay'
fi

note 'ordered, spread memory is gathered'
expect 0 moved vmnumactl rebalance spread --to 2 --hurry
guest_is_on spread 2 || fail "only $(guest_share spread 2) % of spread"

note 'restrictive is re-homed through libvirt, whose XML says so afterwards'
expect 4 '--rehome' vmnumactl rebalance limited --to 3
expect 0 moved vmnumactl rebalance limited --to 3 --rehome --hurry
guest_is_on limited 3 99 || fail "only $(guest_share limited 3) % of limited"
[ "$(cpusets limited)" = '3 ' ] || fail "the cpusets of limited are $(cpusets limited)"
virsh numatune limited --live | grep -q 'nodeset *: 3$' || fail "libvirt says $(virsh numatune limited)"

note 'others come in between of a re-homing: theirs is the last word'
write_cpusets() {
	for file in "/sys/fs/cgroup/machine/"*"-$1."*/{emulator,vcpu*}/cpuset.mems; do
		echo "$2" >"$file"
	done
}
# meddle MEMS: in the midst of a re-homing of limited to node 1, in $job.
meddle() {
	job=$(vmnumactl --json rebalance limited --to 1 --rehome --rate 32M --no-wait | json .job)
	job_wait_midst "$job"
	[ "$(cpusets limited)" = '1,3 ' ] || fail "the cpusets of limited are $(cpusets limited)"
	write_cpusets limited "$1"
	wait_until 150 job_has_ended "$job" || fail 'the job does not end'
	vmnumactl job "$job" || true
	[ "$(job_says "$job" .result)" = partial ] || fail "the result is $(job_says "$job" .result)"
	[ "$(cpusets limited)" = "$1 " ] || fail "the cpusets of limited are $(cpusets limited)"
}
meddle 3
wait_until 60 guest_is_on limited 3 99 || fail "the kernel has left $(guest_share limited 3) % of limited on node 3"
meddle 1-3
guest_is_on limited 1 99 || fail "only $(guest_share limited 1) % of limited"
[ "$(job_says "$job" '.why')" = 'others have changed its cpuset meanwhile, and it stays as they wanted it' ] ||
	fail "it says $(job_says "$job" '.why')"
[ "$(vmnumactl --json events | json '[.events[] | select(.kind == "cpuset" and .guest == "limited") | .reason | split(";")[0]] | tostring')" = \
	'["from nodes 1,3 to nodes 3","from nodes 1,3 to nodes 1-3"]' ] || fail "$(vmnumactl events)"

note 'strict: an order that cpusets cannot follow is refused'
expect 4 'strict binds' vmnumactl rebalance celled --to 2-3
expect 4 'in their order' vmnumactl rebalance celled --cell 0=3 --cell 1=2 --rehome
[ "$(cpusets celled)" = '0-1 ' ] || fail "a refusal changed the cpusets to $(cpusets celled)"

note 'vmnumad dies in the midst: after its start it ends what it began'
job=$(vmnumactl --json rebalance celled --cell 0=2 --cell 1=3 --rehome --rate 16M --no-wait | json .job)
job_wait_midst "$job"
cp /var/lib/vmnumad/journal "$LAB_OUT/journal"
kill -KILL "$VMNUMAD_PID"
wait "$VMNUMAD_PID" 2>/dev/null || true
note "cpusets $(cpusets celled), policies$(policies celled)"
[ "$(cpusets celled)" = '0-3 ' ] || fail "the cpusets are $(cpusets celled) while memory is everywhere"
start_vmnumad
wait_until 60 vmnumad_has_said 'went on after a restart' || fail 'the re-homing is not taken up again'
celled_is_home() {
	[ "$(cpusets celled)" = '2-3 ' ]
}
wait_until 120 celled_is_home || fail "the cpusets of celled are $(cpusets celled)"
wait_until 60 no_job_is_running || fail 'a job does not end'
note "policies$(policies celled)"
[ "$(policies celled)" = ' bind:2 bind:3' ] || fail "the policies of celled are$(policies celled)"
cell_is_on celled 0 2 || fail 'cell 0 is not on node 2'
cell_is_on celled 1 3 || fail 'cell 1 is not on node 3'

note 'as if it had died when only the narrowing was left'
stop_vmnumad
for file in "/sys/fs/cgroup/machine/"*-celled.*/{emulator,vcpu*}/cpuset.mems; do
	echo 0-3 >"$file"
done
cp "$LAB_OUT/journal" /var/lib/vmnumad/journal
start_vmnumad
wait_until 60 celled_is_home || fail "the cpusets of celled stay $(cpusets celled)"
[ "$(policies celled)" = ' bind:2 bind:3' ] || fail "the policies of celled are$(policies celled)"
for name in preferred spread limited celled; do
	probe_must_be_right "$name"
done
stop_vmnumad
