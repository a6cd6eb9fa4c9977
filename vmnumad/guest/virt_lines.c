/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of idle connections under a mutex; see virt_lines.h. No libvirt call
 * is made with the mutex held.
 */
#include "guest/virt_lines.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "guest/virt_link.h"
#include "xalloc.h"

/* Connections kept for the next call: as many as calls run side by side. */
#define IDLE_MAX 4

struct virt_lines {
	pthread_mutex_t lock; /* guards all below but uri */
	unsigned int refs; /* freed with the last one */
	char *uri; /* owned, NULL for the default */
	bool is_open; /* lines may be taken */
	bool is_read_only; /* of new ones */
	unsigned int generation; /* counts virt_lines_open() */
	virConnectPtr idle[IDLE_MAX]; /* filled up to n_idle, owned */
	unsigned int n_idle; /* of them */
};

struct virt_lines *virt_lines_create(const char *uri)
{
	struct virt_lines *lines = xcalloc(1, sizeof(*lines));

	pthread_mutex_init(&lines->lock, NULL);
	lines->refs = 1;
	lines->uri = uri ? xstrdup(uri) : NULL;
	return lines;
}

struct virt_lines *virt_lines_ref(struct virt_lines *lines)
{
	pthread_mutex_lock(&lines->lock);
	lines->refs++;
	pthread_mutex_unlock(&lines->lock);
	return lines;
}

void virt_lines_unref(struct virt_lines *lines)
{
	unsigned int refs;

	if (!lines)
		return;
	pthread_mutex_lock(&lines->lock);
	refs = --lines->refs;
	pthread_mutex_unlock(&lines->lock);
	if (refs)
		return;
	virt_lines_drop(lines);
	pthread_mutex_destroy(&lines->lock);
	free(lines->uri);
	free(lines);
}

void virt_lines_open(struct virt_lines *lines, bool is_read_only)
{
	pthread_mutex_lock(&lines->lock);
	lines->is_open = true;
	lines->is_read_only = is_read_only;
	lines->generation++;
	pthread_mutex_unlock(&lines->lock);
}

void virt_lines_close(struct virt_lines *lines)
{
	pthread_mutex_lock(&lines->lock);
	lines->is_open = false;
	pthread_mutex_unlock(&lines->lock);
}

static virConnectPtr pop_idle(struct virt_lines *lines)
{
	virConnectPtr conn = NULL;

	pthread_mutex_lock(&lines->lock);
	if (lines->n_idle)
		conn = lines->idle[--lines->n_idle];
	pthread_mutex_unlock(&lines->lock);
	return conn;
}

void virt_lines_drop(struct virt_lines *lines)
{
	virConnectPtr conn;

	while ((conn = pop_idle(lines)))
		virConnectClose(conn);
}

int virt_line_take(struct virt_lines *lines, struct virt_line *ret_line,
		   struct why *why)
{
	struct virt_line line;
	bool is_read_only;
	bool is_open;
	int err;

	pthread_mutex_lock(&lines->lock);
	is_open = lines->is_open;
	is_read_only = lines->is_read_only;
	line.generation = lines->generation;
	pthread_mutex_unlock(&lines->lock);
	if (!is_open) {
		why_set(why, "libvirt is not connected");
		return -ECONNRESET;
	}
	while ((line.conn = pop_idle(lines))) {
		if (virConnectIsAlive(line.conn) == 1)
			break;
		virConnectClose(line.conn);
	}
	if (!line.conn) {
		err = virt_connect(lines->uri, &is_read_only, &line.conn, why);
		if (err)
			return err;
	}
	*ret_line = line;
	return 0;
}

void virt_line_give(struct virt_lines *lines, const struct virt_line *line)
{
	bool is_alive = virConnectIsAlive(line->conn) == 1;
	bool is_kept;

	pthread_mutex_lock(&lines->lock);
	is_kept = is_alive && lines->is_open &&
		  line->generation == lines->generation &&
		  lines->n_idle < IDLE_MAX;
	if (is_kept)
		lines->idle[lines->n_idle++] = line->conn;
	pthread_mutex_unlock(&lines->lock);
	if (!is_kept)
		virConnectClose(line->conn);
}
