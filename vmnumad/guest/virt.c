/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection as a state machine in the loop: connect (events first, then the
 * list), deliver, lose it, wait, connect anew. Nothing here blocks: libvirt's
 * calls are made by the run_…() functions alone, on the pool. Events wait in
 * the box while a list is made, so that they follow it.
 */
#include "guest/virt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "guest/virt_box.h"
#include "guest/virt_inside.h"
#include "log.h"
#include "loop.h"
#include "task.h"
#include "xalloc.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   30000
#define CALL_MS        10000
#define NS_PER_MS      1000000ull

/* Events handled in one round of the loop. */
#define LETTERS_PER_ROUND 128

/* Libvirt prints to stderr without this; callers get the text by virt_errno().
 */
static void on_libvirt_error(void *arg, virErrorPtr error)
{
	log_debug("virt", "libvirt error %d: %s", error->code,
		  error->message ? error->message : "?");
}

static void run_task(void *arg)
{
	struct virt_task *task = arg;

	task->err =
		call_desk_run(task->desk, task->about, task->timeout_ms,
			      task->run, task->release, task->work, &task->why);
	if (task->err == -ETIMEDOUT)
		task->work = NULL;
}

static void unlink_task(struct virt_task *task)
{
	struct virt_task **at = &task->virt->tasks;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
}

static void finish_task(void *arg)
{
	struct virt_task *task = arg;

	if (task->virt) {
		unlink_task(task);
		task->finish(task->virt, task);
	}
	if (task->work)
		task->release(task->work);
	call_desk_unref(task->desk);
	free(task);
}

int virt_submit(struct virt *virt, struct virt_task *task)
{
	int err;

	task->virt = virt;
	task->desk = call_desk_ref(virt->desk);
	task->timeout_ms = virt->options.call_ms;
	err = task_submit(virt->pool, run_task, finish_task, task);
	if (err) {
		call_desk_unref(task->desk);
		return err;
	}
	task->next = virt->tasks;
	virt->tasks = task;
	return 0;
}

/* Opening and listing: one call, since the list must follow the events. */
struct link_work {
	char *uri; /* owned, NULL for the default */
	bool is_read_only; /* ask for no more */
	struct virt_box *box; /* a reference */
	uint64_t generation; /* of the new link */
	struct virt_lines *lines; /* relist, close: a reference */
	struct virt_link *link; /* open: the result, owned */
	struct virt_list list; /* result */
	int err; /* result */
	struct why why; /* its reason */
};

static void release_link_work(void *arg)
{
	struct link_work *work = arg;

	virt_link_close(work->link);
	virt_lines_unref(work->lines);
	virt_box_unref(work->box);
	free(work->list.uuids);
	free(work->uri);
	free(work);
}

static void run_open(void *arg)
{
	struct link_work *work = arg;

	work->err = virt_link_open(work->uri, work->is_read_only, work->box,
				   work->generation, &work->link, &work->why);
	if (!work->err)
		work->err = virt_link_list(work->link->conn, &work->list,
					   &work->why);
}

static void run_relist(void *arg)
{
	struct link_work *work = arg;
	struct virt_line line;

	work->err = virt_line_take(work->lines, &line, &work->why);
	if (work->err)
		return;
	work->err = virt_link_list(line.conn, &work->list, &work->why);
	virt_line_give(work->lines, &line);
}

static void run_close(void *arg)
{
	struct link_work *work = arg;

	virt_lines_drop(work->lines);
	virt_link_close(work->link);
	work->link = NULL;
}

static void finish_nothing(struct virt *virt, struct virt_task *task)
{
}

static void *close_thread(void *arg)
{
	release_link_work(arg);
	return NULL;
}

static void close_link(struct virt *virt)
{
	struct link_work *work = xcalloc(1, sizeof(*work));
	struct virt_task *task = xcalloc(1, sizeof(*task));

	virt_lines_close(virt->lines);
	work->lines = virt_lines_ref(virt->lines);
	work->link = virt->link;
	virt->link = NULL;
	task->run = run_close;
	task->release = release_link_work;
	task->work = work;
	task->finish = finish_nothing;
	snprintf(task->about, sizeof(task->about), "close %llu",
		 (unsigned long long)virt->generation);
	if (!virt_submit(virt, task))
		return;
	free(task);
	if (call_thread_start("virt-close", close_thread, work))
		log_warning("virt", "a connection to libvirt stays open: no "
				    "thread to close it");
}

/* The wait starts anew only after a connection that lasted: one that breaks at
 * once, again and again, must not be retried every second. */
static unsigned int next_retry_ms(struct virt *virt)
{
	uint64_t max_ns = virt->options.retry_max_ms * NS_PER_MS;
	unsigned int retry_ms = virt->retry_ms;

	if (virt->up_since_ns &&
	    loop_now_ns(virt->loop) - virt->up_since_ns >= max_ns)
		retry_ms = virt->options.retry_first_ms;
	virt->up_since_ns = 0;
	virt->retry_ms = retry_ms > virt->options.retry_max_ms / 2
				 ? virt->options.retry_max_ms
				 : retry_ms * 2;
	return retry_ms;
}

static void go_down(struct virt *virt, const struct why *why)
{
	unsigned int retry_ms = next_retry_ms(virt);

	virt->phase = VIRT_WAITING;
	loop_fd_set(virt->watch, 0);
	virt_box_clear(virt->box);
	if (virt->link)
		close_link(virt);
	loop_timer_set(virt->retry, retry_ms * NS_PER_MS);
	virt->handlers.on_down(virt->arg, why, retry_ms);
}

/* Events that came while the list was made wait in the box, so they follow
 * it: a guest that stopped meanwhile is LISTED, then STOPPED. */
static void deliver_list(struct virt *virt, const struct virt_list *list)
{
	struct virt_event event = { .kind = VIRT_LISTED };

	for (size_t i = 0; i < list->n && virt->phase == VIRT_UP; i++) {
		event.uuid = list->uuids[i];
		virt->handlers.on_event(virt->arg, &event);
	}
	if (virt->phase != VIRT_UP)
		return;
	virt->handlers.on_event(virt->arg,
				&(struct virt_event) { .kind = VIRT_LIST_END });
	if (virt->phase == VIRT_UP)
		loop_fd_set(virt->watch, LOOP_READ);
}

static void finish_open(struct virt *virt, struct virt_task *task)
{
	struct link_work *work = task->work;
	bool is_good = !task->err && !work->err;

	if (virt->phase != VIRT_CONNECTING)
		return;
	if (!is_good) {
		go_down(virt, task->err ? &task->why : &work->why);
		return;
	}
	virt->link = work->link;
	work->link = NULL;
	virt_lines_open(virt->lines, virt->link->is_read_only);
	virt->phase = VIRT_UP;
	virt->up_since_ns = loop_now_ns(virt->loop);
	virt->handlers.on_up(virt->arg);
	deliver_list(virt, &work->list);
}

static void finish_relist(struct virt *virt, struct virt_task *task)
{
	struct link_work *work = task->work;

	if (virt->phase != VIRT_RELISTING)
		return;
	if (task->err || work->err) {
		go_down(virt, task->err ? &task->why : &work->why);
		return;
	}
	virt->phase = VIRT_UP;
	deliver_list(virt, &work->list);
}

static int submit_link_work(struct virt *virt, call_fn *run,
			    virt_finish_fn *finish, const char *about,
			    struct link_work *work)
{
	struct virt_task *task = xcalloc(1, sizeof(*task));
	int err;

	task->run = run;
	task->release = release_link_work;
	task->work = work;
	task->finish = finish;
	snprintf(task->about, sizeof(task->about), "%s", about);
	err = virt_submit(virt, task);
	if (err)
		free(task);
	return err;
}

static void connect_now(void *arg)
{
	struct virt *virt = arg;
	struct link_work *work = xcalloc(1, sizeof(*work));
	struct why why;

	virt->phase = VIRT_CONNECTING;
	work->uri = virt->uri ? xstrdup(virt->uri) : NULL;
	work->is_read_only = virt->options.is_read_only;
	work->box = virt_box_ref(virt->box);
	work->generation = ++virt->generation;
	if (!submit_link_work(virt, run_open, finish_open, "connect", work))
		return;
	release_link_work(work);
	why_set(&why, "too many libvirt calls wait already");
	go_down(virt, &why);
}

int virt_relist(struct virt *virt)
{
	struct link_work *work;
	int err;

	if (virt->phase == VIRT_RELISTING)
		return -EALREADY;
	if (virt->phase != VIRT_UP)
		return -ENOTCONN;
	work = xcalloc(1, sizeof(*work));
	work->lines = virt_lines_ref(virt->lines);
	err = submit_link_work(virt, run_relist, finish_relist, "list", work);
	if (err) {
		release_link_work(work);
		return err;
	}
	virt->phase = VIRT_RELISTING;
	loop_fd_set(virt->watch, 0);
	return 0;
}

static void handle_letter(struct virt *virt, const struct virt_letter *letter)
{
	struct why why;

	if (letter->generation != virt->generation)
		return;
	if (!letter->is_close) {
		virt->handlers.on_event(virt->arg, &letter->event);
		return;
	}
	why_set(&why, "%s", letter->event.detail);
	go_down(virt, &why);
}

static void list_again(struct virt *virt)
{
	struct why why;

	if (!virt_relist(virt))
		return;
	why_set(&why, "libvirt's events came faster than they could be "
		      "handled");
	go_down(virt, &why);
}

/* A handler may stop us or ask for a new list. The letters of this round are
 * older than that list, so they may still be delivered before it. */
static void on_letters(void *arg, unsigned int events)
{
	struct virt *virt = arg;
	struct virt_letter *letter;
	struct virt_letter *next;
	bool is_cut;

	letter = virt_box_take(virt->box, LETTERS_PER_ROUND, &is_cut);
	for (; letter; letter = next) {
		next = letter->next;
		if (virt->link)
			handle_letter(virt, letter);
		free(letter);
	}
	if (is_cut && virt->phase == VIRT_UP)
		list_again(virt);
}

struct virt *virt_create(struct loop *loop, struct task_pool *pool,
			 const struct virt_options *options,
			 const struct virt_handlers *handlers, void *arg)
{
	struct virt *virt = xcalloc(1, sizeof(*virt));

	virt->loop = loop;
	virt->pool = pool;
	virt->handlers = *handlers;
	virt->arg = arg;
	virt->uri = options->uri ? xstrdup(options->uri) : NULL;
	virt->options = *options;
	virt->options.uri = NULL;
	if (!virt->options.retry_first_ms)
		virt->options.retry_first_ms = RETRY_FIRST_MS;
	if (!virt->options.retry_max_ms)
		virt->options.retry_max_ms = RETRY_MAX_MS;
	if (!virt->options.call_ms)
		virt->options.call_ms = CALL_MS;
	virt->retry_ms = virt->options.retry_first_ms;
	virt->retry = loop_timer_add(loop, connect_now, virt);
	virt->lines = virt_lines_create(options->uri);
	virt->desk = call_desk_create();
	return virt;
}

int virt_start(struct virt *virt, struct why *why)
{
	int err;

	virSetErrorFunc(NULL, on_libvirt_error);
	if (virInitialize() < 0) {
		why_set(why, "libvirt cannot be initialised");
		return -EIO;
	}
	virt->box = virt_box_create();
	if (!virt->box) {
		why_set(why, "no descriptor for libvirt's events");
		return -EMFILE;
	}
	err = virt_box_run(virt->box);
	if (err) {
		why_set(why, "libvirt's event loop cannot be started");
		return err;
	}
	virt->watch = loop_fd_add(virt->loop, virt_box_fd(virt->box), 0,
				  on_letters, virt);
	connect_now(virt);
	return 0;
}

void virt_stop(struct virt *virt)
{
	virt->phase = VIRT_ENDED;
	loop_timer_clear(virt->retry);
	if (virt->watch)
		loop_fd_set(virt->watch, 0);
	if (virt->link)
		close_link(virt);
}

void virt_destroy(struct virt *virt)
{
	if (!virt)
		return;
	virt_stop(virt);
	for (struct virt_task *t = virt->tasks; t; t = t->next)
		t->virt = NULL;
	loop_timer_remove(virt->retry);
	loop_fd_remove(virt->watch);
	if (virt->box)
		virt_box_end(virt->box);
	virt_box_unref(virt->box);
	virt_lines_unref(virt->lines);
	call_desk_unref(virt->desk);
	free(virt->uri);
	free(virt);
}

bool virt_is_up(const struct virt *virt)
{
	return virt->link != NULL;
}

bool virt_is_read_only(const struct virt *virt)
{
	return virt->link && virt->link->is_read_only;
}

size_t virt_calls_late(const struct virt *virt)
{
	return call_desk_late(virt->desk);
}
