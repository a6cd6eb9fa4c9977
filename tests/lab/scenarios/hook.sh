#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# libvirt's hook, installed as its README says: vmnumad hears of guests with the
# strangest names, and no guest waits or dies because of the hook, whatever
# vmnumad and libvirtd do meanwhile.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"

hook=/etc/libvirt/hooks/qemu.d/50-vmnumad
strange=$'-x it\'s a "guest"; $(reboot) --help'

# hook_must_be_quick NAME: it ends with 0, within a second, without a word.
hook_must_be_quick() {
	local start out
	start=$(date +%s%N)
	out=$("$hook" "$1" started begin - 2>&1 </dev/null) || fail "the hook ended with $?"
	start=$((($(date +%s%N) - start) / 1000000))
	note "the hook took $start ms"
	[ -z "$out" ] || fail "the hook says: $out"
	[ "$start" -lt 1500 ] || fail 'the hook holds libvirt up'
}

hears_of() {
	vmnumad_has_said "hook: $1 of $strange"
}

install -D -m 0755 "$LAB_DIR/../../contrib/libvirt-hooks/qemu" "$hook"
install "$BUILD/vmnumad/vmnumactl" /usr/local/bin/vmnumactl
start_libvirtd

note 'without vmnumad'
hook_must_be_quick web
small_guest web
xml=$(<"$LAB_OUT/web.xml")
escaped=$(sed 's/&/\&amp;/g; s/"/\&quot;/g' <<<"$strange")
printf '%s\n' "${xml/"<name>web</name>"/"<name>$escaped</name>"}" >"$LAB_OUT/web.xml"
guest_start web
guest_wait_ready web

note 'with vmnumad'
start_vmnumad --verbose
hook_must_be_quick web
for name in '--help' "it's" 'a  "b' '*' $'new\nline' ''; do
	hook_must_be_quick "$name"
done
wait_until 60 vmnumad_has_said 'hook: started begin of a  "b' || fail 'the hook is not heard'
wait_vmnumad_knows "$strange"
expect 0 moved vmnumactl rebalance --to 1 -- "$strange"

note 'libvirtd is restarted'
stop_libvirtd
start_libvirtd
wait_until 60 hears_of 'reconnect begin' || fail 'the hook does not tell of the restart'
virsh -q list | grep -qF -- "$strange" || fail 'the guest did not outlive the restart'

note 'vmnumad stands still'
kill -STOP "$VMNUMAD_PID"
hook_must_be_quick web
kill -CONT "$VMNUMAD_PID"

note 'the guest ends'
virsh -q destroy --domain "$strange"
wait_until 60 hears_of 'stopped end' || fail 'the hook does not tell of the end'
! vmnumactl show -- "$strange" || fail 'the ended guest is still known'
stop_vmnumad
