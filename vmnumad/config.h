/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an administrator can set: built-in defaults, /etc/vmnumad/vmnumad.conf,
 * drop-ins beside it in vmnumad.conf.d/, in this order. Few keys, each with a
 * default that is right for most; an unknown key or a bad value is an error
 * with file and line. vmnumad.conf(5) describes each key.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "policy/policy.h"
#include "snapshot.h"
#include "why.h"

#define CONFIG_PATH_DEFAULT "/etc/vmnumad/vmnumad.conf"
#define CONFIG_GUESTS_MAX   1024

/* Are small pages made huge ones before they are moved? */
enum collapse {
	COLLAPSE_AUTO, /* unless THP are off, or KSM has merged pages */
	COLLAPSE_YES,
	COLLAPSE_NO,
};

/* One [guest NAME] section. */
struct config_guest {
	char *name; /* libvirt's name of the guest, owned */
	bool has_follow; /* follow was given */
	enum guest_mode follow; /* its value */
	bool has_rehome; /* rehome was given */
	bool is_rehome; /* its value */
	char *qmp_path; /* qmp: a QMP socket of our own, owned or NULL */
};

struct config {
	char *uri; /* [daemon] connect, owned; NULL libvirt's default */
	bool is_read_only; /* [daemon] read_only: ask libvirt for no more */
	char *socket_path; /* [daemon] socket, owned */
	char *hook_path; /* [daemon] hook_socket, owned */
	char *journal_path; /* [daemon] journal, owned */
	enum log_level log_level; /* [daemon] log */
	bool is_passthrough; /* [monitor] passthrough: libvirt's monitor may
			      * be used (taints the domain once) */
	enum guest_mode follow; /* [follow] mode, for guests without own */
	bool follows_inferred; /* [follow] inferred: automatic moves by a map
				* that no monitor has confirmed */
	uint64_t sample_ns; /* [follow] sample_ms */
	uint64_t stall_ns; /* [move] max_stall_ms: how long a call lasts */
	unsigned int duty; /* [move] share: percent of time in calls, here in
			    * thousandths; 0 as pace.h has it */
	uint64_t rate_bytes_per_s; /* [move] rate, 0 no bound */
	uint64_t reserve_bytes; /* [move] reserve: kept free on targets */
	unsigned int n_movers; /* [move] threads */
	unsigned int calls_per_s; /* [move] calls_per_second */
	uint64_t room_wait_ns; /* [move] room_wait_s */
	enum collapse collapse; /* [move] collapse */
	bool grows_pools; /* [move] grow_pools: huge pages of a pool may take
			   * ordinary memory of the target */
	struct policy_config policy; /* [follow] dwell_s, cooldown_s, … */
	struct config_guest *guests; /* owned */
	size_t n_guests; /* length of guests */
};

/* Built-in defaults; config_finish() ends it. */
void config_init(struct config *config);
void config_finish(struct config *config);

/*
 * Read path and its drop-ins over what config holds. A missing file is an error
 * only with must_exist. -EINVAL and a why with file and line on the first thing
 * that is wrong; config is then to be finished, not used.
 */
int config_load(struct config *config, const char *path, bool must_exist,
		struct why *why);

/* The section of a guest, NULL without one. */
const struct config_guest *config_find_guest(const struct config *config,
					     const char *name);

/* "auto", "pin", "observe", "off", and back (-EINVAL). */
const char *guest_mode_text(enum guest_mode mode);
int guest_mode_parse(const char *text, enum guest_mode *ret_mode);

#endif
