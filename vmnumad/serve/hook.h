/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Word from libvirt's hook script, by datagram: "OP SUBOP NAME". It only makes
 * the daemon look sooner; nothing depends on it. vmnumactl hook is the sender,
 * daemon.c the receiver.
 */
#ifndef SERVE_HOOK_H
#define SERVE_HOOK_H

#include <stddef.h>

#include "why.h"

struct hook;
struct loop;

/* Longest datagram. libvirt takes names of any length; a guest whose name does
 * not fit is found a little later, without the hook. */
#define HOOK_TEXT_MAX 512

/* What libvirt says: see its page "Hooks for specific system management". */
struct hook_word {
	char op[32]; /* "started", "reconnect", "release", … */
	char subop[32]; /* "begin", "end" */
	char name[HOOK_TEXT_MAX]; /* the guest's, any text without controls */
};

/* -EINVAL when text of len bytes is not OP SUBOP NAME. OP and SUBOP are lower
 * case letters, digits and dashes; NAME is the rest and may hold blanks. */
int hook_parse(const char *text, size_t len, struct hook_word *ret_word);

/* fn in the loop's thread for each valid datagram that root (or the daemon's
 * own user) sent. Errors are those of socket_file_open(). */
int hook_create(struct loop *loop, const char *path,
		void (*fn)(void *arg, const struct hook_word *word), void *arg,
		struct hook **ret_hook, struct why *why);

/* Takes NULL. Not from within fn. */
void hook_destroy(struct hook *hook);

#endif
