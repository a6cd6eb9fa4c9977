#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12 --stack debian,backports
#
# virtio-mem, grown and shrunk while vmnumad runs. QEMU's policy puts what is new
# on the wrong node; it comes home by itself. QEMU and libvirt of backports map the
# device by parts of 1 GiB that come and go (dynamicMemslots), so that the map has
# to follow the size; the older ones map it whole.

set -eu

# shellcheck source=../lib.sh
. "$LAB_DIR/lib.sh"
# shellcheck source=../plug.sh
. "$LAB_DIR/plug.sh"

follows_no_more_than() {
	[ "$(probe_last web follow)" -le $(($1 << 20)) ]
}

# has_size MIB: so much is plugged, as the guest has it.
has_size() {
	virsh qemu-monitor-command web '{"execute":"query-memory-devices"}' |
		grep -q "\"size\":$(($1 << 20))[,}]"
}

# In MiB: the device, what of it is plugged at first and when it is grown, and what
# QEMU maps of it then ("mapped", "all"). The guest fills so much of it.
size=512 plugged=128 grown=384 mapped=512 all=512 percent=60 attribute=
if [ "$LAB_STACK" = backports ]; then
	size=3072 plugged=384 grown=1152 mapped=1024 all=2048 percent=20
	attribute=" dynamicMemslots='yes'"
fi

# second_part: bytes on each node in the part of the device that comes as it grows.
second_part() {
	local hva
	hva=$(regions 'select(.block == "memvirtiomem0").hva')
	"$LAB_GUEST_DIR/where" --range "$(printf '0x%x' $((hva + (mapped << 20))))" \
		$(((all - mapped) << 20)) "$(guest_pid web)" | tr '\n' ' '
}

start_libvirtd
# Shuffled, the guest's free memory is used in all parts of the device at once.
guest_define web mem=512 cells=2 pin=0 numatune=preferred:1 maxmem=4096 \
	probe="probe.busy=20 probe.pages=12000 probe.follow=$percent memhp_default_state=online_movable page_alloc.shuffle=1"
guest_modules web virtio_mem
guests_start web
start_vmnumad_with <<-END
	[follow]
	cooldown_s = 1
	ram_per_hour = 1000
END
wait_vmnumad_knows web
wait_until 180 is_home || fail 'the guest does not come home'

note 'virtio-mem comes'
plug <<-END
	<memory model='virtio-mem'>
	  <target$attribute>
	    <size unit='MiB'>$size</size><node>0</node><block unit='MiB'>2</block>
	    <requested unit='MiB'>$plugged</requested>
	  </target>
	</memory>
END
must_be_mapped memvirtiomem0 memaddr $((mapped << 20)) 0
must_come_home $((plugged * percent / 120)) memvirtiomem0
note 'grows'
virsh -q update-memory-device web --alias virtiomem0 --requested-size ${grown}MiB --live
must_come_home $((grown * percent / 120)) memvirtiomem0
has_size $grown || fail 'the guest has not taken all'
must_be_mapped memvirtiomem0 memaddr $((all << 20)) 0
[ "$all" = "$mapped" ] || note "in the second part: $(second_part)"
note 'and shrinks'
virsh -q update-memory-device web --alias virtiomem0 --requested-size ${plugged}MiB --live
wait_until 90 has_size $plugged || fail 'the guest keeps its memory'
wait_until 60 follows_no_more_than $((plugged * percent * 13 / 1000)) || fail 'the probe keeps its memory'
must_be_mapped memvirtiomem0 memaddr $((mapped << 20)) 0
must_come_home $((plugged * percent / 120)) memvirtiomem0
vmnumactl show web
vmnumactl jobs
probe_must_be_right web
stop_vmnumad
