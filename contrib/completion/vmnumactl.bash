# SPDX-License-Identifier: Apache-2.0
# bash completion for vmnumactl(1)

_vmnumactl_list() {
	vmnumactl "$@" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_vmnumactl() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs='list show rebalance make-room follow explain events jobs
		job cancel pause resume adopt release hook'
	local verb='' i
	local IFS=$' \t\n'

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket) ((i++)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	if [[ $prev == --socket ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	if [[ -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$verbs --socket --json --help --version" -- "$cur")
		return
	fi
	local words='--help --json'
	case $verb in
	list) words+=' --nodes' ;;
	adopt)
		case $prev in
		--pid) words=$(pgrep -f '(qemu-system|(^|/)kvm )') ;;
		--qmp)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		--name) return ;;
		*) words+=' --pid --qmp --name' ;;
		esac
		;;
	release) words+=" $(_vmnumactl_list list)" ;;
	show) words+=" --map $(_vmnumactl_list list)" ;;
	explain) words+=" $(_vmnumactl_list list)" ;;
	events) words+=' --follow' ;;
	rebalance)
		case $prev in
		--to) words=$(_vmnumactl_list list --nodes) ;;
		--cell | --max-stall | --rate) return ;;
		*) words+=" --to --cell --rehome --dry-run --no-wait --hurry
			--max-stall --rate $(_vmnumactl_list list)" ;;
		esac
		;;
	make-room)
		if ((COMP_CWORD == i + 1)); then
			words+=" $(_vmnumactl_list list --nodes)"
		elif [[ $prev == --hugepages ]]; then
			words=2M
		else
			words+=' --hugepages --dry-run --no-wait --hurry'
		fi
		;;
	follow)
		if ((COMP_CWORD > i + 1)); then
			words='auto pin observe off default'
		else
			words+=" $(_vmnumactl_list list)"
		fi
		;;
	job | cancel | pause | resume) words+=" $(_vmnumactl_list jobs)" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _vmnumactl vmnumactl
