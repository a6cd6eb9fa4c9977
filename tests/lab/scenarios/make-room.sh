#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Room for a guest to come: of two guests with memory on node 0, the one that is
# not at home there gives first, and the other one no more than is asked for;
# both are held where they were put, though one is in mode auto. Room in the pool
# of huge pages comes from a third one, page by page. What cannot be had is
# refused and moves nothing.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

mib=$((1 << 20))

# make_room FILTER [ARGUMENT]...: of the answer, whatever the status.
make_room() {
	{ vmnumactl --json make-room 0 "${@:2}" || true; } | json "$1"
}

# between LOW VALUE HIGH, in MiB; VALUE in bytes.
between() {
	[ $(($2 / mib)) -ge "$1" ] && [ $(($2 / mib)) -le "$3" ]
}

givers() {
	make_room '[.moves[] | .guest + " " + .effect] | join(", ")' "$1" --dry-run
}

# The job that make-room has done for a guest, in $job; it says so.
made_room() {
	job=$(vmnumactl --json jobs | json "[.jobs[] | select(.guest == \"$1\")] | max_by(.job) | .job")
	vmnumactl job "$job" || fail "the job of $1 ended with status $?"
	[ "$(job_says "$job" '.bytes_left')" = 0 ] || fail "job $job has left something"
	[ "$(job_says "$job" '.bytes_moved - .bytes_planned | . >= 0 and . < 2097152')" = true ] ||
		fail "planned and moved differ: $(job_says "$job" '{bytes_planned, bytes_moved} | tostring')"
	job_must_add_up "$job"
}

pool_free() {
	cat "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/free_hugepages"
}

# Without surplus pages.
pool_pages() {
	local dir=/sys/devices/system/node/node$1/hugepages/hugepages-2048kB
	echo $(($(cat "$dir/nr_hugepages") - $(cat "$dir/surplus_hugepages")))
}

start_libvirtd
reserve_hugepages 0 140
reserve_hugepages 1 64
small_guest near
small_guest far pin= numatune=preferred:0
small_guest pool hugepages=2048
guests_start near far pool
guest_pin far 1
start_vmnumad_with <<-END
	[follow]
	mode = observe
	cooldown_s = 1
	[guest near]
	follow = auto
END
wait_vmnumad_knows near far pool
for guest in near far pool; do
	guest_is_on "$guest" 0 || fail "$guest does not begin on node 0"
done

free=$(make_room .bytes_free_before 1 --dry-run)
far=$(guest_bytes_on far 0)
some=$((free + 60 * mib))
more=$((free + far + 40 * mib))

note 'dry run'
vmnumactl make-room 0 "$some" --dry-run
vmnumactl make-room 0 "$more" --dry-run
[ "$(givers "$some")" = 'far comes home' ] || fail "others would give: $(givers "$some")"
[ "$(givers "$more")" = 'far comes home, near leaves home' ] || fail "others would give: $(givers "$more")"
vmnumactl follow far off
[ "$(givers "$some")" = 'near leaves home' ] || fail 'a guest in mode off would give'
vmnumactl follow far observe
guest_is_on far 0 || fail 'a dry run has moved memory'

note 'refused'
expect 4 'could be moved' vmnumactl make-room 0 1T
vmnumactl --json events | json '.events[] | select(.kind == "refused") | .reason' |
	grep -q 'could be moved' || fail 'no event tells of the refusal'
expect 2 'offline' vmnumactl make-room 7 1G
guest_is_on far 0 || fail 'a refusal has moved memory'

note 'what is not at home goes first'
before=$(node_free_mib 0)
vmnumactl make-room 0 "$some" || fail "make-room ended with status $?"
after=$(node_free_mib 0)
made_room far
moved=$(guest_bytes_on far 1)
note "far has $((moved / mib)) MiB on node 1; free on node 0: $before MiB, then $after MiB"
between 50 "$moved" 80 || fail "$((moved / mib)) MiB of far are on node 1"
[ $((after - before)) -ge 45 ] || fail "only $((after - before)) MiB more are free on node 0"
guest_is_on near 0 || fail 'the guest at home was moved as well'

note 'then part of what is at home'
vmnumactl make-room 0 "$more" || fail "make-room ended with status $?"
made_room near
moved=$(guest_bytes_on near 1)
note "near has $((moved / mib)) MiB on node 1"
guest_is_on far 1 90 || fail "only $(guest_share far 1) % of far have gone home"
between 20 "$moved" 70 || fail "$((moved / mib)) MiB of near are on node 1"

note 'it is held there, in mode auto'
sleep 3
between 20 "$(guest_bytes_on near 1)" 70 || fail 'near was moved back'
vmnumactl explain near | grep -q 'an administrator placed it' || fail "it is not explained: $(vmnumactl explain near)"

near_is_back() {
	guest_is_on near 0
}
note 'until that is taken back'
vmnumactl follow near default
wait_until 60 near_is_back || fail "near did not go home: $(vmnumactl explain near)"
wait_until 60 no_job_is_running || fail 'the job does not end'

note 'cancelled, it has left no more than was asked for'
free=$(make_room .bytes_free_before 1 --dry-run)
job=$(make_room '.jobs[0].job' $((free + 40 * mib)) --no-wait)
vmnumactl cancel "$job" || true # it may be done already
wait_until 60 job_has_ended "$job" || fail 'the job does not end'
note "$(job_says "$job" '{result, bytes_planned, bytes_moved, bytes_left} | tostring')"
job_must_add_up "$job"
[ "$(job_says "$job" '.bytes_left < .bytes_planned - .bytes_moved + 2097152')" = true ] ||
	fail "it has left $(job_says "$job" '.residue | tostring')"

note 'room in the pool'
[ "$(pool_free 0) $(pool_free 1)" = '12 64' ] || fail "the pools have $(pool_free 0) and $(pool_free 1) free pages"
expect 4 'not with pages of 1048576 KiB' vmnumactl make-room 0 1G --hugepages 1G
expect 4 'in its pool of 2 MiB pages at most: 24 MiB are' vmnumactl make-room 0 1G --hugepages 2M
expect 0 'would be moved' vmnumactl make-room 0 64M --hugepages 2M --dry-run
[ "$(pool_free 0)" = 12 ] || fail 'a dry run has moved pages of the pool'
vmnumactl make-room 0 64M --hugepages 2M || fail "make-room ended with status $?"
# the guest's first page lies in the legacy hole in part and counts as less
case "$(pool_free 0) $(pool_free 1)" in
'32 44' | '33 43') ;;
*) fail "the pools have $(pool_free 0) and $(pool_free 1) free pages now" ;;
esac
made_room pool
expect 0 'are free already' vmnumactl make-room 0 64M --hugepages 2M

note 'room in the pool, where the pool of the other node is full'
reserve_hugepages 1 $((64 - $(pool_free 1)))
there=$(pool_pages 1)
expect 4 'in its pool of 2 MiB pages at most' vmnumactl make-room 0 128M --hugepages 2M
sed -i '$a [move]\ngrow_pools = yes' "$LAB_OUT/vmnumad.conf"
kill -HUP "$VMNUMAD_PID"
wait_until 60 vmnumad_has_said 'read again' || fail 'it does not read its configuration again'
vmnumactl make-room 0 128M --hugepages 2M || fail "make-room ended with status $?"
made_room pool
note "the pools have $(pool_free 0) and $(pool_free 1) free pages, and $(pool_pages 0) and $(pool_pages 1) in all"
[ "$(pool_free 0)" -ge 64 ] || fail "node 0 has $(pool_free 0) free pages"
[ "$(pool_pages 0) $(pool_pages 1)" = "140 $there" ] || fail "the pools have $(pool_pages 0) and $(pool_pages 1) pages"

vmnumactl jobs
vmnumactl events
for guest in near far pool; do
	probe_must_be_right "$guest"
done
stop_vmnumad
