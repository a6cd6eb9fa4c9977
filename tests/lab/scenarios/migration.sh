#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# A guest is migrated live to another host. Here that is a second libvirtd on the
# same machine, with directories, processes and a host name of its own, and with a
# vmnumad of its own. A job makes way for the migration, orders are refused, the
# source loses its guest in good order; where it lands its memory is left alone
# until it runs, and then comes home without an order.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

second=/run/second
uri="qemu+unix:///system?socket=$second/run/libvirt-sock"
export second

# there COMMAND...: on the second host.
there() {
	nsenter --target "$second_pid" --mount --pid --uts -- "$@"
}

there_ctl() {
	there "$BUILD/vmnumad/vmnumactl" "$@"
}

# The first process of the second host; it takes over orphans as such one does.
second_host() {
	local pair
	set -eu
	hostname second
	mkdir -p $second
	cp -a /etc/libvirt $second/etc
	mkdir -p $second/first
	mount --bind /run/libvirt $second/first
	for pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt \
		log:/var/log/libvirt vmnumad:/run/vmnumad state:/var/lib/vmnumad; do
		mkdir -p "$second/${pair%%:*}" "${pair#*:}"
		mount --bind "$second/${pair%%:*}" "${pair#*:}"
	done
	printf '%s\n' "log_outputs = \"3:file:$LAB_OUT/libvirtd-second.log\"" \
		'host_uuid = "00000000-0000-4000-8000-00000000000b"' \
		>/etc/libvirt/libvirtd.conf
	echo 'stdio_handler = "file"' >>/etc/libvirt/qemu.conf
	libvirtd -d -p /run/libvirt/libvirtd.pid
	sleep infinity &
	wait
}

start_second_host() {
	export -f second_host
	unshare --mount --pid --uts --fork --mount-proc \
		bash -c second_host >"$LAB_OUT/second.log" 2>&1 &
	wait_until 60 virsh -q -c "$uri" list || fail 'the second host has no libvirtd'
	second_pid=$(pgrep -P $!)
}

# libvirt counts guests, and names their cgroups by it: those of both hosts lie in
# the same tree here, so the second host counts on from 2.
let_second_host_count() {
	sed 's/<name>web</<name>one</; s/web\.serial/one.serial/' \
		"$LAB_OUT/web.xml" >"$LAB_OUT/one.xml"
	virsh -q -c "$uri" create --paused "$LAB_OUT/one.xml"
	virsh -q -c "$uri" destroy one
}

# The same guest there, but for its serial log, and with its vCPUs on node 1; QEMU
# itself, which receives its memory, is on node 0.
write_guest_there() {
	virsh dumpxml --migratable web | sed "
		s/web\.serial/web-there.serial/
		/<vcpupin/s/cpuset='[^']*'/cpuset='$(node_cpus 1)'/" >"$LAB_OUT/there.xml"
}

is_migrating() {
	virsh domjobinfo web | grep -q 'Outgoing migration'
}

# told CTL KIND TEXT REASON: an event of that kind says so.
told() {
	[ "$("$1" --json events | json "[.events[] | select(.kind == \"$2\"
		and (.text | contains(\"$3\")) and (.reason | contains(\"$4\")))] | length")" -gt 0 ]
}

there_gate() {
	there_ctl --json explain web | grep -qF "$1"
}

there_share() {
	there "$LAB_GUEST_DIR/where" "$(there cat /run/libvirt/qemu/web.pid)" |
		awk '{ all += $2 } $1 == 1 { here = $2 } END { print all ? int(100 * here / all) : 0 }'
}

is_home_there() {
	[ "$(there_share)" -ge 97 ]
}

has_left() {
	! virsh domstate web
}

is_not_listed() {
	[ "$(vmnumactl --json list | json '.guests | length')" = 0 ]
}

start_libvirtd
small_guest web
guest_start web
start_second_host
let_second_host_count
guest_wait_ready web
start_vmnumad
there "$BUILD/vmnumad/vmnumad" >"$LAB_OUT/vmnumad-there.log" 2>&1 &
wait_until 60 there_ctl list || fail 'vmnumad does not answer on the second host'
wait_vmnumad_knows web

note 'a job makes way for the migration'
job=$(rebalance_slowly web 1 4M)
job_wait_midst "$job"
write_guest_there
virsh -q migrate --live --xml "$LAB_OUT/there.xml" --bandwidth 6 web "$uri" \
	--migrateuri tcp:127.0.0.1:49200 >"$LAB_OUT/migrate.log" 2>&1 &
migrate=$!
wait_until 60 is_migrating || fail "it does not begin: $(cat "$LAB_OUT/migrate.log")"
wait_until 60 told vmnumactl deferred "job $job waits" 'live-migrated' ||
	fail 'the job does not make way'
moved=$(job_says "$job" .bytes_moved)
wait_until 60 there_gate 'live-migrated' || fail 'the second host does not see it land'
there_ctl list
[ "$(there_ctl --json jobs | json '.jobs | length')" = 0 ] || fail 'it is moved while it lands'
is_migrating || fail 'the migration was over too soon'
[ "$(job_says "$job" .bytes_moved)" = "$moved" ] || fail 'the job has moved more'
expect 0 '' vmnumactl cancel "$job"
wait_until 60 job_has_ended "$job" || fail 'a waiting job cannot be cancelled'
wait_until 60 told vmnumactl deferred 'cell 0' 'live-migrated' ||
	fail 'what it does by itself is not deferred'
expect 4 'live-migrated' vmnumactl rebalance web --to 1
virsh migrate-setspeed web 1000 || true

note 'the guest leaves'
wait "$migrate" || fail "the migration failed: $(cat "$LAB_OUT/migrate.log")"
wait_until 60 is_not_listed || fail 'the source still lists it'
told vmnumactl guest 'it is gone' '' || fail 'its leaving is no event'
expect 1 'no running guest' vmnumactl show web

note 'and lands'
wait_until 120 is_home_there || fail "only $(there_share) % came home where it landed"
there_ctl events
there_ctl jobs
told there_ctl plan '' 'pinned to other nodes' || fail 'it came home by other means'
last=$(grep '^probe t=' "$LAB_OUT/web-there.serial" | tail -n 1)
note "$last"
[[ $last == *'wrong=0'* ]] || fail 'its memory was harmed'

note 'and comes back'
virsh -q -c "$uri" dumpxml --migratable web | sed 's/web-there\.serial/web.serial/' >"$LAB_OUT/back.xml"
there virsh -q migrate --live --xml "$LAB_OUT/back.xml" web 'qemu+unix:///system?socket=/run/second/first/libvirt-sock' \
	--migrateuri tcp:127.0.0.1:49201 || fail 'it does not come back'
wait_vmnumad_knows web
wait_until 120 guest_is_on web 1 || fail "only $(guest_share web 1) % came home"
probe_must_be_right web
there pkill -x vmnumad
stop_vmnumad
