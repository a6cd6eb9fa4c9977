# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What scenarios say in one line: start libvirt, define and pin guests, ask from
# outside where their memory lies, read what the probe inside them says, start
# vmnumad. Sourced by the scripts of scenarios/, which run as root inside the
# emulated host; never by the programs of the real machine (those source
# common.sh). README.md lists the functions.

set -eu

export LIBVIRT_DEFAULT_URI=qemu:///system

note() {
	printf '# %s\n' "$*"
}

fail() {
	printf 'failed: %s\n' "$*" >&2
	exit 1
}

# wait_until SECONDS COMMAND...: false if COMMAND has not succeeded by then: 60 or
# more, as an emulated host on a busy machine may stand for half of that.
wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			return 1
		fi
		sleep 0.2
	done
}

# --- the host

# The CPUs of a node on which guests may run; CPU 0 is none of them.
node_cpus() {
	seq -s , $(($1 * LAB_CPUS_PER_NODE + 1)) $((($1 + 1) * LAB_CPUS_PER_NODE))
}

# set_thp always|madvise|never, for guests started afterwards.
set_thp() {
	echo "$1" >/sys/kernel/mm/transparent_hugepage/enabled
}

# reserve_hugepages NODE COUNT [KIB]
reserve_hugepages() {
	local dir=/sys/devices/system/node/node$1/hugepages/hugepages-${3:-2048}kB
	echo "$2" >"$dir/nr_hugepages"
	[ "$(cat "$dir/nr_hugepages")" = "$2" ] ||
		fail "node $1 has no room for $2 huge pages"
}

node_free_mib() {
	awk '$3 == "MemFree:" { print int($4 / 1024) }' \
		"/sys/devices/system/node/node$1/meminfo"
}

# fill_node NODE MIB: a file in memory takes what is free there, but for MIB.
fill_node() {
	local mib
	mib=$(($(node_free_mib "$1") - $2))
	[ "$mib" -gt 0 ] || fail "node $1 has only $(node_free_mib "$1") MiB free"
	mount -o remount,size=95% /dev/shm
	numactl --membind="$1" fallocate -l "${mib}M" "$(mktemp "/dev/shm/fill$1.XXXX")"
}

empty_node() {
	rm -f "/dev/shm/fill$1."*
}

# vmstat_count NAME: a counter of the host's kernel, 0 if it has none such.
vmstat_count() {
	awk -v name="$1" '$1 == name { n = $2 } END { printf "%d\n", n }' /proc/vmstat
}

configure_libvirt() {
	cat >/etc/libvirt/qemu.conf <<-END
		security_driver = "none"
		user = "root"
		group = "root"
		namespaces = []
	END
	cat >/etc/libvirt/libvirtd.conf <<-END
		log_outputs = "3:file:$LAB_OUT/libvirtd.log"
	END
}

start_libvirtd() {
	configure_libvirt
	mkdir -p /run/dbus
	if [ ! -S /run/dbus/system_bus_socket ]; then
		dbus-daemon --system --fork
	fi
	pgrep -x virtlogd >/dev/null || virtlogd -d
	libvirtd -d
	wait_until 60 virsh -q list || fail 'libvirtd does not answer'
}

stop_libvirtd() {
	pkill -x libvirtd || true
	wait_until 60 libvirtd_is_gone || fail 'libvirtd does not end'
}

libvirtd_is_gone() {
	! pgrep -x libvirtd
}

# --- guests

guest_serial() {
	printf '%s/%s.serial' "$LAB_OUT" "$1"
}

# The vCPUs of cell $1 of $2 when $3 vCPUs are dealt out evenly: "2-3".
cell_vcpus() {
	printf '%d-%d' $(($1 * $3 / $2)) $((($1 + 1) * $3 / $2 - 1))
}

xml_cells() {
	local cell
	[ "$cells" -gt 0 ] || return 0
	printf '    <numa>\n'
	for ((cell = 0; cell < cells; cell++)); do
		printf "      <cell id='%d' cpus='%s' memory='%d' unit='MiB'/>\n" \
			"$cell" "$(cell_vcpus "$cell" "$cells" "$vcpus")" $((mem / cells))
	done
	printf '    </numa>\n'
}

xml_backing() {
	if [ -n "$hugepages" ]; then
		printf "  <memoryBacking><hugepages><page size='%s' unit='KiB'/></hugepages></memoryBacking>\n" \
			"$hugepages"
	elif [ "$backing" = memfd ]; then
		printf "  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>\n"
	fi
}

xml_pinning() {
	local vcpu cpus
	[ -n "$pin" ] || return 0
	cpus=$(node_cpus "$pin")
	printf '  <cputune>\n'
	for ((vcpu = 0; vcpu < vcpus; vcpu++)); do
		printf "    <vcpupin vcpu='%d' cpuset='%s'/>\n" "$vcpu" "$cpus"
	done
	printf "    <emulatorpin cpuset='%s'/>\n  </cputune>\n" "$cpus"
}

xml_numatune() {
	[ -n "$numatune" ] || return 0
	printf "  <numatune><memory mode='%s' nodeset='%s'/></numatune>\n" \
		"${numatune%%:*}" "${numatune#*:}"
}

xml_max_memory() {
	[ -n "$maxmem" ] || return 0
	printf "  <maxMemory slots='8' unit='MiB'>%s</maxMemory>\n" "$maxmem"
}

xml_qemu_arguments() {
	local word
	[ -n "$qemu" ] || return 0
	printf '  <qemu:commandline>\n'
	for word in $qemu; do
		printf "    <qemu:arg value='%s'/>\n" "$word"
	done
	printf '  </qemu:commandline>\n'
}

guest_xml() {
	cat <<-END
		<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
		  <name>$name</name>
		$(xml_max_memory)
		  <memory unit='MiB'>$mem</memory>
		$(xml_backing)
		  <vcpu>$vcpus</vcpu>
		$(xml_pinning)
		$(xml_numatune)
		  <os>
		    <type arch='x86_64' machine='$machine'>hvm</type>
		    <kernel>$LAB_KERNEL_DIR/vmlinuz</kernel>
		    <initrd>$LAB_GUEST_DIR/initramfs</initrd>
		    <cmdline>console=ttyS0 loglevel=4 panic=-1 mitigations=off numa_balancing=disable memhp_default_state=online $probe</cmdline>
		  </os>
		  <features><acpi/></features>
		  <cpu mode='host-passthrough'>
		$(xml_cells)
		  </cpu>
		  <on_reboot>destroy</on_reboot>
		  <on_crash>destroy</on_crash>
		  <devices>
		    <emulator>/usr/bin/qemu-system-x86_64</emulator>
		    <controller type='usb' model='none'/>
		    <serial type='file'><source path='$(guest_serial "$name")'/></serial>
		    <memballoon model='none'/>
		  </devices>
		$(xml_qemu_arguments)
		</domain>
	END
}

# guest_define NAME [KEY=VALUE]...: writes $LAB_OUT/NAME.xml.
#   mem=MiB (1024)  vcpus=N (2)  cells=N (1; 0 for no guest NUMA at all)
#   machine=pc|q35 (pc)  pin=NODE (all vCPUs and the emulator from the start)
#   backing=anon|memfd (anon)  hugepages=KIB (none)  numatune=MODE:NODES (none)
#   maxmem=MiB (none; room for memory hotplug)  probe="probe.idle …" (none)
#   qemu="ARGUMENT…" (none; more words for QEMU's command line)
guest_define() {
	local name=$1 mem=1024 vcpus=2 cells=1 machine=pc pin='' backing=anon
	local hugepages='' numatune='' maxmem='' probe='' qemu='' pair
	shift
	for pair in "$@"; do
		case ${pair%%=*} in
		mem | vcpus | cells | machine | pin | backing | hugepages | numatune | maxmem | probe | qemu)
			local "${pair%%=*}=${pair#*=}"
			;;
		*) fail "guest_define does not know $pair" ;;
		esac
	done
	guest_xml | grep -v '^$' >"$LAB_OUT/$name.xml"
}

# small_guest NAME [KEY=VALUE]...: one vCPU and some 120 MiB in use, on node 0:
# quickly started and quickly moved.
small_guest() {
	guest_define "$1" mem=256 vcpus=1 pin=0 \
		probe='probe.busy=20 probe.pages=12000' "${@:2}"
}

# Starts a defined guest; it is transient and leaves nothing in libvirt. One that
# libvirt cannot start in a minute is lost like one that does not boot.
guest_start() {
	timeout 60 virsh -q create "$LAB_OUT/$1.xml" >/dev/null && return
	note "guest $1 does not start; once more"
	timeout 30 virsh -q destroy "$1" >/dev/null 2>&1 || true
	timeout 60 virsh -q create "$LAB_OUT/$1.xml" >/dev/null ||
		fail "guest $1 does not start"
}

guest_stop() {
	virsh -q destroy "$1" >/dev/null
}

guest_is_ready() {
	grep -q 'probe ready' "$(guest_serial "$1")"
}

guest_is_ready_or_dead() {
	grep -qE 'probe ready|probe failed|Kernel panic' "$(guest_serial "$1")"
}

# guests_start NAME...: starts defined guests and waits until all are ready.
guests_start() {
	local name
	for name in "$@"; do
		guest_start "$name"
	done
	for name in "$@"; do
		guest_wait_ready "$name" 120
	done
}

guest_speaks() {
	grep -q 'probe' "$(guest_serial "$1")"
}

# Emulated CPUs sometimes lose a guest while its kernel boots: it stands still
# before the probe has said a word. Nothing that is tested has happened to it by
# then, so it is started again, twice at most.
guest_wait_boot() {
	local name=$1 tries
	for tries in 1 2; do
		if wait_until 60 guest_speaks "$name"; then
			return
		fi
		note "guest $name stands still while booting; start $((tries + 1))"
		guest_stop "$name" || true
		: >"$(guest_serial "$name")"
		guest_start "$name"
	done
}

# guest_wait_ready NAME [SECONDS]: until the probe has filled its memory.
guest_wait_ready() {
	local name=$1
	guest_wait_boot "$name"
	wait_until "${2:-90}" guest_is_ready_or_dead "$name" || true
	guest_is_ready "$name" || {
		tail -n 20 "$(guest_serial "$name")" >&2 || true
		fail "the probe of guest $name is not ready"
	}
}

# guest_pin NAME NODE: all its vCPUs to the CPUs of one node, live. By one virsh:
# each costs an emulated host a second of its guests' work.
guest_pin() {
	local cpus pins
	cpus=$(node_cpus "$2")
	pins=$(sed -n "s!^CPU \([0-9]*\)/KVM\$!vcpupin $1 \1 $cpus --live;!p" "/proc/$(guest_pid "$1")"/task/*/comm)
	virsh -q "$pins" >/dev/null
}

guest_pid() {
	cat "/run/libvirt/qemu/$1.pid"
}

# Lines "NODE BYTES", asked of the kernel from outside.
guest_node_bytes() {
	"$LAB_GUEST_DIR/where" "$(guest_pid "$1")"
}

# guest_bytes_on NAME NODE
guest_bytes_on() {
	guest_node_bytes "$1" | awk -v node="$2" '$1 == node { n = $2 } END { printf "%d\n", n }'
}

# guest_share NAME NODE: percent of the guest's memory that lies there.
guest_share() {
	guest_node_bytes "$1" | awk -v node="$2" '
		{ all += $2 }
		$1 == node { here = $2 }
		END { printf "%d\n", all ? 100 * here / all : 0 }'
}

# guest_is_on NAME NODE [PERCENT]: true if at least 97 % lie there.
guest_is_on() {
	[ "$(guest_share "$1" "$2")" -ge "${3:-97}" ]
}

# --- the probe's words

# The value of KEY in the newest complete line of the probe.
probe_last() {
	sed -n "s/^probe t=.* $2=\([0-9]*\).*\r\{0,1\}$/\1/p" "$(guest_serial "$1")" | tail -n 1
}

# Pages whose content was ever found wrong.
probe_wrong() {
	probe_last "$1" wrong
}

# probe_rate NAME [LINES]: touches a second over its last lines (3).
probe_rate() {
	grep '^probe t=.*ms=' "$(guest_serial "$1")" | tail -n "${2:-3}" | tr -d '\r' |
		awk '{
			for (i = 2; i <= NF; i++) {
				split($i, pair, "=")
				sum[pair[1]] += pair[2]
			}
		}
		END { printf "%d\n", sum["ms"] ? sum["touches"] * 1000 / sum["ms"] : 0 }'
}

probe_lines() {
	grep -c '^probe t=' "$(guest_serial "$1")" || true
}

probe_has_lines() {
	[ "$(probe_lines "$1")" -ge "$2" ]
}

# probe_wait_lines NAME N [SECONDS]: until it has said N more lines.
probe_wait_lines() {
	local want=$(($(probe_lines "$1") + $2))
	wait_until "${3:-60}" probe_has_lines "$1" "$want" ||
		fail "the probe of guest $1 has stopped speaking"
}

# Fails unless the probe still runs and never found a wrong page.
probe_must_be_right() {
	probe_wait_lines "$1" 2
	[ "$(probe_wrong "$1")" = 0 ] || fail "guest $1 found $(probe_wrong "$1") wrong pages"
}

# --- vmnumad

vmnumactl() {
	"$BUILD/vmnumad/vmnumactl" "$@"
}

vmnumad_answers() {
	vmnumactl list
}

# start_vmnumad [OPTION]...: needs --env BUILD=DIR; sets VMNUMAD_PID.
start_vmnumad() {
	[ -x "${BUILD:-}/vmnumad/vmnumad" ] ||
		fail 'vmnumad is not built: run the lab with --env BUILD=DIR'
	"$BUILD/vmnumad/vmnumad" "$@" >>"$LAB_OUT/vmnumad.log" 2>&1 &
	VMNUMAD_PID=$!
	export VMNUMAD_PID
	wait_until 60 vmnumad_answers || {
		tail -n 20 "$LAB_OUT/vmnumad.log" >&2
		fail 'vmnumad does not answer'
	}
}

# Ends it as an administrator does; fails if it does not end well.
stop_vmnumad() {
	kill -TERM "$VMNUMAD_PID"
	wait "$VMNUMAD_PID" || fail "vmnumad ended with status $?"
}

# start_vmnumad with a configuration, from standard input.
start_vmnumad_with() {
	cat >"$LAB_OUT/vmnumad.conf"
	start_vmnumad --config "$LAB_OUT/vmnumad.conf"
}

# hold_monitor SOCKET: as another client of a QEMU does that serves one only, until
# $MONITOR_HOLDER is killed.
hold_monitor() {
	socat -u "UNIX-CONNECT:$1" - >"$LAB_OUT/greeting" &
	MONITOR_HOLDER=$!
	export MONITOR_HOLDER
	wait_until 60 test -s "$LAB_OUT/greeting" || fail "$1 does not greet"
}

# vmnumad_has_said TEXT: in its log.
vmnumad_has_said() {
	grep -qF -- "$1" "$LAB_OUT/vmnumad.log"
}

# expect STATUS TEXT COMMAND...: the command ends with that status and its
# output holds the text.
expect() {
	local want=$1 text=$2 got=0 out
	shift 2
	out=$("$@" 2>&1) || got=$?
	note "$* -> $got: $(head -n 1 <<<"$out")"
	[ "$got" = "$want" ] || fail "it ended with $got, not $want: $out"
	[[ $out == *"$text"* ]] || fail "it does not say \"$text\": $out"
}

# json FILTER: what jq's filter finds in an answer of vmnumactl --json.
json() {
	jq -r "$1"
}

# True once the daemon has counted the guest's memory.
vmnumad_knows() {
	[ "$(vmnumactl --json show -- "$1" | json '.guests[0].cells | length')" -gt 0 ]
}

# wait_vmnumad_knows NAME...: until it has counted the memory of each.
wait_vmnumad_knows() {
	local name
	for name in "$@"; do
		wait_until 120 vmnumad_knows "$name" || fail "vmnumad has no map of $name"
	done
}

# rebalance_slowly NAME NODE BYTES_PER_S: starts a job, prints its number.
rebalance_slowly() {
	vmnumactl --json rebalance "$1" --to "$2" --rate "$3" --no-wait | json .job
}

# job_says JOB FILTER: what jq's filter finds in a job, whatever became of it.
job_says() {
	{ vmnumactl --json job "$1" || true; } | json "$2"
}

# job_is JOB RESULT
job_is() {
	[ "$(job_says "$1" .result)" = "$2" ]
}

job_has_ended() {
	! job_is "$1" running
}

job_has_moved_some() {
	[ "$(job_says "$1" .bytes_moved)" -gt $((8 << 20)) ]
}

# Waits until a job is in the midst of its work.
job_wait_midst() {
	wait_until 60 job_has_moved_some "$1" || fail "job $1 moves nothing"
	job_is "$1" running || fail "job $1 is too fast to be looked at"
}

# Every byte in the scope of an ended job is accounted for, once.
job_must_add_up() {
	[ "$(job_says "$1" '.bytes_moved + .bytes_already + ([.residue[].bytes] | add // 0) == .bytes_scope')" = true ] ||
		fail "the sums of job $1 are wrong: $(job_says "$1" '{bytes_scope, bytes_moved, bytes_already, residue} | tostring')"
}

no_job_is_running() {
	[ "$(vmnumactl --json jobs | json '[.jobs[] | select(.result == "running")] | length')" = 0 ]
}

# What vmnumad says of a node, in bytes.
vmnumad_bytes_on() {
	vmnumactl --json show "$1" |
		json "[.guests[0].cells[].node_bytes[\"$2\"] // 0] | add"
}

# Its counts and ours from outside differ by less than 1 % of what lies there
# (the guest goes on touching memory between the two).
counts_must_agree() {
	local node ours theirs
	for node in $(seq 0 $((LAB_NODES - 1))); do
		ours=$(guest_bytes_on "$1" "$node")
		theirs=$(vmnumad_bytes_on "$1" "$node")
		note "node $node: $theirs bytes by vmnumad, $ours counted from outside"
		awk -v a="$ours" -v b="$theirs" 'BEGIN { d = a > b ? a - b : b - a; exit d > 0.01 * a + 8 * 1048576 }' ||
			fail "vmnumad counts $theirs bytes on node $node, there are $ours"
	done
}
