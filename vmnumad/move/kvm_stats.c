/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's counters of one guest; see kvm_stats.h. */
#include "move/kvm_stats.h"

#include <stdio.h>
#include <string.h>

#include "host/node_text.h"

#define KVM_DIR "/sys/kernel/debug/kvm"

/* What take_folder() needs. */
struct finding {
	struct kvm_stats *stats; /* to be filled */
	char prefix[16]; /* "PID-", as the guest's folder begins */
};

/* sys_entry_fn: the first folder of the guest ends the walk. */
static int take_folder(void *arg, const char *name)
{
	struct finding *finding = arg;
	struct kvm_stats *stats = finding->stats;

	if (strncmp(name, finding->prefix, strlen(finding->prefix)) != 0 ||
	    strlen(name) >= sizeof(stats->folder))
		return 0;
	strcpy(stats->folder, name);
	stats->is_known = true;
	return 1;
}

void kvm_stats_find(struct kvm_stats *stats, const struct sys *sys, pid_t pid)
{
	struct finding finding = { .stats = stats };

	*stats = (struct kvm_stats) { .sys = *sys };
	snprintf(finding.prefix, sizeof(finding.prefix), "%d-", (int)pid);
	sys->ops->each_entry(sys->self, KVM_DIR, take_folder, &finding);
}

uint64_t kvm_stats_read(const struct kvm_stats *stats, const char *name)
{
	char path[128], text[32];
	uint64_t value;
	size_t len;

	if (!stats->is_known)
		return KVM_STAT_UNKNOWN;
	snprintf(path, sizeof(path), KVM_DIR "/%s/%.40s", stats->folder, name);
	if (stats->sys.ops->read_file(stats->sys.self, path, text, sizeof(text),
				      &len) < 0 ||
	    node_number_parse(text, &value) < 0)
		return KVM_STAT_UNKNOWN;
	return value;
}
