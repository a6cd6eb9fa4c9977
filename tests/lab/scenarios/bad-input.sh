#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# What is typed wrongly, or by somebody without the right to, gets a sentence and
# the exit status of the contract, and nothing is moved.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

vmnumad=$BUILD/vmnumad/vmnumad

# Lines "STATUS|ARGUMENTS|TEXT" for vmnumactl. ARGUMENTS are split at blanks.
check_table() {
	local status words text args
	while IFS='|' read -r status words text; do
		read -ra args <<<"$words"
		expect "$status" "$text" vmnumactl "${args[@]}"
	done
}

# check_config LINE TEXT: the file's second line is found wrong.
check_config() {
	printf '[follow]\n%s\n' "$1" >"$LAB_OUT/bad.conf"
	expect 2 "bad.conf:2: $2" "$vmnumad" --config "$LAB_OUT/bad.conf" --check-config
	expect 2 "bad.conf:2: $2" "$vmnumad" --config "$LAB_OUT/bad.conf"
}

# An account that may use the daemon by the groups given, and by nothing else.
as() {
	setpriv --reuid=65534 --regid=65534 --groups="$1" \
		"$BUILD/vmnumad/vmnumactl" "${@:2}"
}

expect 5 'vmnumad' vmnumactl list
expect 5 '"exit"' vmnumactl --json list
expect 0 '' vmnumactl hook -- web started begin
expect 5 '' vmnumactl --socket /etc list

start_libvirtd
small_guest web
guest_start web
groupadd -f vmnumad
groupadd -f vmnumad-admin
start_vmnumad
guest_wait_ready web
wait_vmnumad_knows web

check_table <<'END'
2||a verb is missing
2|frobnicate|unknown verb "frobnicate"
2|--frobnicate list|unknown option
2|list web|
2|show|
1|show nobody|no running guest is called "nobody"
1|rebalance nobody --to 1|no running guest is called "nobody"
2|rebalance|
2|rebalance web --to 7|nodes with memory are 0-1
2|rebalance web --to 64|
2|rebalance web --to x|"x"
2|rebalance web --to 1-0|
2|rebalance web --to -1|
2|rebalance web --to 1,|
2|rebalance web --cell 0=7|nodes with memory are 0-1
2|rebalance web --cell 5=1|no such cell; "vmnumactl show"
2|rebalance web --cell x=1|
2|rebalance web --to 1 --cell 0=1|exclude each other
2|rebalance web --rate fast|"fast"
2|rebalance web --rate -5|
2|rebalance web --rate 0|
2|rebalance web --rate 99999999999T|
2|rebalance web --max-stall 0|
2|rebalance web --max-stall 5s|
2|follow web sometimes|sometimes
2|job 0|
2|job x|
1|job 4711|there is no job 4711
1|cancel 4711|there is no job 4711
1|pause 4711|there is no job 4711
END

note 'words that the daemon itself has to refuse'
socket=/run/vmnumad/control.sock
ask() {
	socat -t 5 - "UNIX-CONNECT:$socket" <<<"$1"
}
expect 0 '-32700' ask 'this is not JSON'
expect 0 '-32601' ask '{"jsonrpc":"2.0","id":1,"method":"frobnicate","params":{}}'
expect 0 '-32602' ask '{"jsonrpc":"2.0","id":1,"method":"show","params":{"guest":7}}'
expect 0 '-32602' ask '{"jsonrpc":"2.0","id":1,"method":"rebalance","params":{"guest":"web","to":1}}'
expect 0 '-32602' ask '{"jsonrpc":"2.0","id":1,"method":"rebalance","params":{"guest":"web","force":true}}'
expect 0 '-32602' ask '{"jsonrpc":"2.0","id":1,"method":"rebalance","params":{"guest":"web","rate_bytes_per_s":1e99}}'
head -c 200000 /dev/zero | tr '\0' x | socat -t 5 - "UNIX-CONNECT:$socket" || true
expect 0 web vmnumactl list

note 'callers without the right to'
nobody=65534
reader=$(getent group vmnumad | cut -d: -f3)
admin=$(getent group vmnumad-admin | cut -d: -f3)
expect 1 vmnumad as $nobody list
expect 0 web as "$reader" list
expect 1 vmnumad-admin as "$reader" rebalance web --to 1
expect 1 vmnumad-admin as "$reader" follow web off
expect 1 '' as "$reader" cancel 1
# who may change must be in both groups, as the documentation says
expect 0 dry-run as "$reader,$admin" --json rebalance web --to 1 --dry-run

note 'a second daemon'
expect 1 'another vmnumad' "$vmnumad"
expect 0 web vmnumactl list

note 'configurations'
check_config 'frobnicate = yes' '[follow] has no key "frobnicate"'
check_config 'mode = sometimes' '"sometimes"'
check_config 'dwell_s = -1' '"-1"'
check_config 'host_per_hour = 7X' '"7X"'
expect 2 'no-such.conf' "$vmnumad" --config "$LAB_OUT/no-such.conf"
expect 2 '' "$vmnumad" --frobnicate
expect 0 sound "$vmnumad" --check-config

note 'nothing came of all this'
[ "$(vmnumactl --json jobs | json '.jobs | length')" = 0 ] || fail 'a job was started'
guest_is_on web 0 || fail 'memory was moved'
probe_must_be_right web
stop_vmnumad
