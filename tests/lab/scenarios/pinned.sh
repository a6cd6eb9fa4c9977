#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# Memory that another process holds for long, as a device would, stays, and all
# else moves: the receipt names exactly the held pages, and they cost a few calls
# more and no more. Once nobody holds them they move too. One guest has one such
# page, the other three.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

# hold NAME COUNT: see hold.c; the offsets are in $LAB_OUT/NAME.held, its
# process is in $holder.
hold() {
	"$LAB_GUEST_DIR/hold" "$(guest_pid "$1")" "$2" >"$LAB_OUT/$1.held" &
	holder=$!
	wait_until 60 test -s "$LAB_OUT/$1.held" || fail "no page of $1 is held"
	note "$1: held at $(tr '\n' ' ' <"$LAB_OUT/$1.held")"
}

# move NAME NODE STATUS: the receipt is in $LAB_OUT/NAME.json.
move() {
	local status=0
	vmnumactl --json rebalance "$1" --to "$2" --hurry >"$LAB_OUT/$1.json" || status=$?
	[ "$status" = "$3" ] || fail "$1: status $status: $(cat "$LAB_OUT/$1.json")"
	job_must_add_up "$(says "$1" .job)"
	note "$1 to node $2: $(says "$1" '"\(.result), \(.bytes_moved) bytes in \(.seconds) s, \(.calls) calls"')"
}

# says NAME FILTER: of its last receipt.
says() {
	json "$2" <"$LAB_OUT/$1.json"
}

# must_have_left_the_held NAME CALLS: CALLS are those of the same move when
# nothing was held.
must_have_left_the_held() {
	local held
	held=$(wc -l <"$LAB_OUT/$1.held")
	[ "$(says "$1" .result)" = partial ] || fail "$1: it is $(says "$1" .result)"
	[ "$(says "$1" '[.residue[] | select(.class != "absent") | [.class, .bytes]] | tostring')" = "[[\"pinned\",$((held * 4096))]]" ] ||
		fail "$1: something else was left: $(says "$1" '.residue | tostring')"
	[ "$(says "$1" '.residue[] | select(.class == "pinned") | .ranges[] | "\(.gpa) \(.size)"')" = "$(sort -n "$LAB_OUT/$1.held" | sed 's/$/ 4096/')" ] ||
		fail "$1: other pages are named: $(says "$1" '.residue | tostring')"
	note "$1: $(guest_node_bytes "$1" | tr '\n' ' ')"
	[ "$(guest_bytes_on "$1" 1)" = $((held * 4096)) ] ||
		fail "$1: $(guest_bytes_on "$1" 1) bytes are on node 1"
	[ "$(says "$1" .calls)" -le $(($2 + 20)) ] ||
		fail "$1: $(says "$1" .calls) calls, where $2 do when nothing is held"
}

# move_both NODE STATUS: at once.
move_both() {
	local other
	move one "$1" "$2" &
	other=$!
	move three "$1" "$2"
	wait $other || fail 'the move of one'
}

start_libvirtd
small_guest one backing=memfd
small_guest three backing=memfd mem=288
guests_start one three
start_vmnumad
wait_vmnumad_knows one three
probe_wait_lines one 8 # by then the guests have what they need
probe_wait_lines three 8
vmnumactl show one | grep -A 3 REGION

note 'nothing is held'
move_both 1 0
one_calls=$(says one .calls)
three_calls=$(says three .calls)

note 'pages are held'
hold one 1
one_holder=$holder
hold three 3
three_holder=$holder
move_both 0 3 # where their vCPUs are: memory that is new comes there too
must_have_left_the_held one "$one_calls"
must_have_left_the_held three "$three_calls"
vmnumactl job "$(says three .job)" || true
probe_must_be_right one
probe_must_be_right three

note 'and held no more'
kill "$one_holder" "$three_holder"
wait "$one_holder" "$three_holder" || true
for name in one three; do
	move $name 0 0
	[ "$(guest_bytes_on $name 1)" = 0 ] ||
		fail "$name: $(guest_bytes_on $name 1) bytes are still on node 1"
	probe_must_be_right $name
done
stop_vmnumad
