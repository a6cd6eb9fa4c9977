#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lab: --nodes 2 --kernel 6.12
#
# virtio-mem, grown and shrunk while vmnumad runs. QEMU's policy puts what is new
# on the wrong node; it comes home by itself.

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

start_libvirtd
guest_define web mem=512 cells=2 pin=0 numatune=preferred:1 maxmem=4096 \
	probe='probe.busy=20 probe.pages=25000 probe.follow=60 memhp_default_state=online_movable'
guest_modules web virtio_mem
guests_start web
start_vmnumad_with <<-END
	[follow]
	cooldown_s = 1
	ram_per_hour = 1000
END
wait_vmnumad_knows web
wait_until 90 is_home || fail 'the guest does not come home'

note 'virtio-mem comes'
plug <<-END
	<memory model='virtio-mem'>
	  <target>
	    <size unit='MiB'>512</size><node>0</node><block unit='MiB'>2</block>
	    <requested unit='MiB'>128</requested>
	  </target>
	</memory>
END
must_be_mapped memvirtiomem0 memaddr $((512 << 20)) 0
must_come_home 64 memvirtiomem0
note 'grows'
virsh -q update-memory-device web --alias virtiomem0 --requested-size 384MiB --live
must_come_home 200 memvirtiomem0
has_size 384 || fail 'the guest has not taken all'
note 'and shrinks'
virsh -q update-memory-device web --alias virtiomem0 --requested-size 128MiB --live
wait_until 90 has_size 128 || fail 'the guest keeps its memory'
wait_until 30 follows_no_more_than 100 || fail 'the probe keeps its memory'
must_be_mapped memvirtiomem0 memaddr $((512 << 20)) 0
must_come_home 64 memvirtiomem0
vmnumactl show web
vmnumactl jobs
probe_must_be_right web
stop_vmnumad
