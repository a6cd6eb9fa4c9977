# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Words for scenarios with devices: drivers that a guest's kernel keeps in modules,
# and, in the guest "web", devices to plug in and where the memory of one lies.
# Sourced by them after lib.sh.

# guest_modules NAME MODULE...: a defined guest gets these modules of the kernel
# and those that they need; its probe loads them. Those that are built in cost
# nothing.
guest_modules() {
	local name=$1 root module path n=100
	root=$(mktemp -d /tmp/modules.XXXX)
	mkdir "$root/modules"
	shift
	for module in "$@"; do
		modprobe -d "$LAB_KERNEL_DIR" -S "$(uname -r)" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r path; do
			n=$((n + 1))
			xzcat -f "$path" >"$root/modules/$n.ko"
		done
	{
		cat "$LAB_GUEST_DIR/initramfs"
		(cd "$root" && find modules | cpio --quiet -o -H newc)
	} >"$root/initramfs"
	sed -i "s|$LAB_GUEST_DIR/initramfs|$root/initramfs|" "$LAB_OUT/$name.xml"
}

# regions FILTER: what jq's filter finds in each region that vmnumad knows.
regions() {
	vmnumactl --json show web | json ".guests[0].regions[] | $1"
}

# has_region BLOCK
has_region() {
	[ -n "$(regions "select(.block == \"$1\").gpa")" ]
}

lacks_region() {
	! has_region "$1"
}

# is_mapped BLOCK GPA BYTES CELL: as one region, and nowhere else.
is_mapped() {
	[ "$(regions "select(.block == \"$1\") | [.gpa, .size, .cell] | tostring")" = "[$2,$3,$4]" ]
}

# must_be_mapped BLOCK ADDRESS BYTES CELL: where QEMU has it, so much, and in its cell.
# ADDRESS is the word for it in query-memory-devices.
must_be_mapped() {
	local want
	want=$(virsh qemu-monitor-command web '{"execute":"query-memory-devices"}' |
		json ".return[].data | select(.memdev == \"/objects/$1\") | .$2")
	wait_until 60 is_mapped "$1" "$want" "$3" "$4" ||
		fail "$1 is at $want: $(regions tostring)"
}

# on_node PATTERN NODE: bytes there of the blocks with such names, counted from
# outside. QEMU keeps the memory of a DIMM for a while after it is gone, so the
# process as a whole cannot be counted.
on_node() {
	regions "select(.block | test(\"$1\")) | \"\(.hva) \(.size)\"" |
		while read -r hva size; do
			"$LAB_GUEST_DIR/where" --range "$hva" "$size" "$(guest_pid web)"
		done | awk -v node="$2" '$1 == node { n += $2 } END { printf "%d\n", n }'
}

is_home() {
	[ "$(on_node . 1)" -lt $(($(on_node . 0) / 32)) ]
}

# must_agree: what vmnumad says and what is counted, within 1 %.
must_agree() {
	local ours theirs
	ours=$(on_node . 0)
	theirs=$(vmnumad_bytes_on web 0)
	note "node 0: $theirs bytes by vmnumad, $ours counted from outside"
	awk -v a="$ours" -v b="$theirs" 'BEGIN { d = a > b ? a - b : b - a; exit d > 0.01 * a + 8 * 1048576 }' ||
		fail 'the counts differ'
}

follows() {
	[ "$(probe_last web follow)" -ge $(($1 << 20)) ]
}

# must_come_home MIB BLOCK: the guest uses so much more, of the block too, all of it
# on node 0.
must_come_home() {
	wait_until 90 follows "$1" || fail "the guest has filled $(probe_last web follow) bytes only"
	wait_until 180 is_home || fail "$(on_node . 1) bytes are on node 1: $(vmnumactl explain web)"
	wait_until 60 no_job_is_running || fail 'the job does not end'
	note "$2: $(on_node "$2" 0) bytes on node 0, $(on_node "$2" 1) on node 1"
	[ "$(on_node "$2" 0)" -ge $((24 << 20)) ] || fail "$2 is not used"
	must_agree
}

# plug: the device is on standard input.
plug() {
	cat >"$LAB_OUT/device.xml"
	virsh -q attach-device web "$LAB_OUT/device.xml" --live
}
