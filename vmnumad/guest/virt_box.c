/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue under a mutex, an eventfd, and the thread of libvirt's event loop; see
 * virt_box.h.
 */
#include "guest/virt_box.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "guest/virt_call.h"
#include "xalloc.h"

/* A loop that is held up for a second while a thousand guests start and stop
 * loses nothing; above this a new list is cheaper than the events. */
#define LETTERS_MAX 16384

#define TIMER_NONE (-1)

struct virt_box {
	pthread_mutex_t lock; /* guards all below but fd */
	int fd; /* eventfd, semaphore of "letters wait" */
	unsigned int refs; /* freed with the last one */
	unsigned int n_hooks; /* callbacks that libvirt holds */
	bool is_ending; /* the receiver has gone */
	bool is_cut; /* letters were dropped */
	int timer; /* libvirt timer that wakes the thread */
	struct virt_letter *first; /* oldest letter, owned */
	struct virt_letter **last; /* where the next one goes */
	size_t n_letters; /* waiting */
};

struct virt_box *virt_box_create(void)
{
	struct virt_box *box = xcalloc(1, sizeof(*box));

	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->fd < 0) {
		free(box);
		return NULL;
	}
	pthread_mutex_init(&box->lock, NULL);
	box->refs = 1;
	box->timer = TIMER_NONE;
	box->last = &box->first;
	return box;
}

struct virt_box *virt_box_ref(struct virt_box *box)
{
	pthread_mutex_lock(&box->lock);
	box->refs++;
	pthread_mutex_unlock(&box->lock);
	return box;
}

static void free_letters(struct virt_letter *letter)
{
	struct virt_letter *next;

	for (; letter; letter = next) {
		next = letter->next;
		free(letter);
	}
}

void virt_box_unref(struct virt_box *box)
{
	unsigned int refs;

	if (!box)
		return;
	pthread_mutex_lock(&box->lock);
	refs = --box->refs;
	pthread_mutex_unlock(&box->lock);
	if (refs)
		return;
	free_letters(box->first);
	close(box->fd);
	pthread_mutex_destroy(&box->lock);
	free(box);
}

static bool may_thread_end(struct virt_box *box)
{
	bool may_end;

	pthread_mutex_lock(&box->lock);
	may_end = box->is_ending && box->n_hooks == 0;
	pthread_mutex_unlock(&box->lock);
	return may_end;
}

static void on_timer(int timer, void *arg)
{
	virEventUpdateTimeout(timer, -1);
}

/* virEventRunDefaultImpl() blocks until something happens in libvirt; an error
 * of it would make a loop without rest, and none is known to pass by itself. */
static void *event_thread(void *arg)
{
	struct virt_box *box = arg;

	while (!may_thread_end(box)) {
		if (virEventRunDefaultImpl() < 0)
			break;
	}
	virEventRemoveTimeout(box->timer);
	virEventRunDefaultImpl(); /* frees the timer */
	virt_box_unref(box);
	return NULL;
}

int virt_box_run(struct virt_box *box)
{
	int err;

	if (virEventRegisterDefaultImpl() < 0)
		return -EIO;
	box->timer = virEventAddTimeout(-1, on_timer, NULL, NULL);
	if (box->timer < 0)
		return -EIO;
	virt_box_ref(box);
	err = call_thread_start("virt-events", event_thread, box);
	if (err) {
		virEventRemoveTimeout(box->timer);
		box->timer = TIMER_NONE;
		virt_box_unref(box);
	}
	return err;
}

static void wake_thread(struct virt_box *box)
{
	if (box->timer != TIMER_NONE)
		virEventUpdateTimeout(box->timer, 0);
}

void virt_box_end(struct virt_box *box)
{
	pthread_mutex_lock(&box->lock);
	box->is_ending = true;
	pthread_mutex_unlock(&box->lock);
	virt_box_clear(box);
	wake_thread(box);
}

void virt_box_hook(struct virt_box *box)
{
	pthread_mutex_lock(&box->lock);
	box->refs++;
	box->n_hooks++;
	pthread_mutex_unlock(&box->lock);
}

void virt_box_unhook(struct virt_box *box)
{
	bool is_last;

	pthread_mutex_lock(&box->lock);
	box->n_hooks--;
	is_last = box->is_ending && box->n_hooks == 0;
	pthread_mutex_unlock(&box->lock);
	if (is_last)
		wake_thread(box);
	virt_box_unref(box);
}

static void wake_loop(struct virt_box *box)
{
	const uint64_t one = 1;

	/* fails only when the counter is full, and then the loop wakes too */
	if (write(box->fd, &one, sizeof(one)) < 0)
		return;
}

void virt_box_put(struct virt_box *box, const struct virt_letter *letter)
{
	struct virt_letter *copy = xcalloc(1, sizeof(*copy));

	*copy = *letter;
	copy->next = NULL;
	pthread_mutex_lock(&box->lock);
	if (box->is_ending) {
		free(copy);
	} else if (box->n_letters >= LETTERS_MAX && !letter->is_close) {
		box->is_cut = true;
		free(copy);
	} else {
		*box->last = copy;
		box->last = &copy->next;
		box->n_letters++;
		wake_loop(box);
	}
	pthread_mutex_unlock(&box->lock);
}

int virt_box_fd(const struct virt_box *box)
{
	return box->fd;
}

struct virt_letter *virt_box_take(struct virt_box *box, unsigned int max,
				  bool *ret_is_cut)
{
	struct virt_letter *letters;
	struct virt_letter **end;
	uint64_t count;

	pthread_mutex_lock(&box->lock);
	letters = box->first;
	for (end = &box->first; *end && max; max--) {
		end = &(*end)->next;
		box->n_letters--;
	}
	box->first = *end;
	if (!box->first)
		box->last = &box->first;
	*end = NULL;
	*ret_is_cut = box->is_cut;
	box->is_cut = false;
	if (!box->first && read(box->fd, &count, sizeof(count)) < 0)
		count = 0; /* nothing was to be read: as wanted */
	pthread_mutex_unlock(&box->lock);
	return letters;
}

void virt_box_clear(struct virt_box *box)
{
	bool is_cut;

	free_letters(virt_box_take(box, UINT32_MAX, &is_cut));
}
