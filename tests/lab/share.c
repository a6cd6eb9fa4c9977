// SPDX-License-Identifier: Apache-2.0
/*
 * What the lab's probe does with a directory of the host that reaches its guest
 * by virtiofs: reads a number from the file "word" there, once a line. The
 * daemon that serves it (virtiofsd) maps the guest's memory and writes into it
 * what was read. Called by the reporting thread of probe.c.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "probe.h"

void share_begin(struct share *share, const char *tag)
{
	if (!*tag)
		return;
	mkdir("/share", 0755);
	if (mount(tag, "/share", "virtiofs", 0, NULL))
		die("the shared directory cannot be mounted");
	share->is_mounted = 1;
}

void share_step(struct share *share)
{
	char text[64];

	read_file("/share/word", text, sizeof(text));
	share->word = strtoull(text, NULL, 10);
}
