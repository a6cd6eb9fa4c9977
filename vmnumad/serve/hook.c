/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The datagram socket of the libvirt hook. The file's mode lets only root send;
 * the kernel's word on the sender (SCM_CREDENTIALS of unix(7)) is checked as
 * well, for a socket that somebody opened up by hand.
 */
#include "serve/hook.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "loop.h"
#include "serve/peer.h"
#include "serve/socket.h"
#include "xalloc.h"

/* Datagrams taken in one round of the loop. */
#define READ_AT_ONCE 16

struct hook {
	struct socket_file file; /* owned */
	struct loop_fd *watch; /* owned */
	void (*fn)(void *arg, const struct hook_word *word); /* receiver */
	void *arg; /* borrowed; for fn */
};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Copies the word that text begins with. Its length, 0 when there is none or it
 * does not end with a blank. */
static size_t word_take(const char *text, size_t len, char *buf, size_t size)
{
	size_t n = 0;

	while (n < len && is_word_char(text[n]))
		n++;
	if (n == 0 || n >= size || n == len || text[n] != ' ')
		return 0;
	memcpy(buf, text, n);
	buf[n] = '\0';
	return n;
}

static bool has_controls(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

int hook_parse(const char *text, size_t len, struct hook_word *ret_word)
{
	struct hook_word word;
	size_t op_len;
	size_t at;

	if (len > HOOK_TEXT_MAX)
		return -EINVAL;
	op_len = word_take(text, len, word.op, sizeof(word.op));
	if (!op_len)
		return -EINVAL;
	at = op_len + 1;
	op_len = word_take(text + at, len - at, word.subop, sizeof(word.subop));
	if (!op_len)
		return -EINVAL;
	at += op_len + 1;
	if (at == len || has_controls(text + at, len - at))
		return -EINVAL;
	memcpy(word.name, text + at, len - at);
	word.name[len - at] = '\0';
	*ret_word = word;
	return 0;
}

static bool is_from_root(struct msghdr *message)
{
	struct cmsghdr *part = CMSG_FIRSTHDR(message);
	struct ucred cred;

	if (!part || part->cmsg_level != SOL_SOCKET ||
	    part->cmsg_type != SCM_CREDENTIALS ||
	    part->cmsg_len != CMSG_LEN(sizeof(cred)))
		return false;
	memcpy(&cred, CMSG_DATA(part), sizeof(cred));
	return peer_uid_is_root(cred.uid);
}

/* Length of the next datagram that is to be trusted, 0 for one that is not,
 * -errno when there is none. */
static ssize_t datagram_read(int fd, char *buf, size_t size)
{
	union {
		char space[CMSG_SPACE(sizeof(struct ucred))]; /* room */
		struct cmsghdr align; /* for its alignment only */
	} control;
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    !is_from_root(&message))
		return 0;
	return n;
}

static void on_readable(void *arg, unsigned int events)
{
	struct hook *hook = arg;
	char text[HOOK_TEXT_MAX];
	struct hook_word word;

	for (int i = 0; i < READ_AT_ONCE; i++) {
		ssize_t n = datagram_read(hook->file.fd, text, sizeof(text));

		if (n < 0)
			return;
		if (hook_parse(text, (size_t)n, &word) == 0)
			hook->fn(hook->arg, &word);
	}
}

int hook_create(struct loop *loop, const char *path,
		void (*fn)(void *arg, const struct hook_word *word), void *arg,
		struct hook **ret_hook, struct why *why)
{
	struct socket_want want = {
		.path = path, .type = SOCK_DGRAM, .mode = 0600, .gid = (gid_t)-1
	};
	struct hook *hook = xcalloc(1, sizeof(*hook));
	int on = 1;
	int rc = socket_file_open(&want, &hook->file, why);

	if (!rc && setsockopt(hook->file.fd, SOL_SOCKET, SO_PASSCRED, &on,
			      sizeof(on))) {
		rc = -errno;
		why_set(why, "%s: SO_PASSCRED: %s", path, strerror(-rc));
		socket_file_close(&hook->file);
	}
	if (rc) {
		free(hook);
		return rc;
	}
	hook->fn = fn;
	hook->arg = arg;
	hook->watch =
		loop_fd_add(loop, hook->file.fd, LOOP_READ, on_readable, hook);
	*ret_hook = hook;
	return 0;
}

void hook_destroy(struct hook *hook)
{
	if (!hook)
		return;
	loop_fd_remove(hook->watch);
	socket_file_close(&hook->file);
	free(hook);
}
