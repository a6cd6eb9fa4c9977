/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of events.c that daemon.c hangs into its parts; arg is the daemon
 * in all of them. */
#ifndef EVENTS_H
#define EVENTS_H

#include "guest/virt.h"

struct guest;
struct hook_word;

/* libvirt came, went, or tells something. */
const struct virt_handlers *events_virt_handlers(void);

/* Its map or its counts are new. */
void events_on_guest_known(void *arg, struct guest *guest);

/* virt_fetched_fn: libvirt's answer about one guest. */
void events_on_fetched(void *arg, const struct uuid *uuid, int err,
		       const struct virt_domain *domain, const struct why *why);

/* libvirt's hook script ran: look sooner. */
void events_on_hook(void *arg, const struct hook_word *word);

#endif
