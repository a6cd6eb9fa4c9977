/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the daemon's Unix sockets in the file system without the well-known
 * holes: no symbolic link is followed, nothing but a dead socket is removed,
 * and the rights are right from the first moment on. Used by control.c, hook.c
 * and whoever else listens in /run/vmnumad.
 */
#ifndef SERVE_SOCKET_H
#define SERVE_SOCKET_H

#include <sys/types.h>

#include "why.h"

/* A socket of ours in the file system. */
struct socket_file {
	int fd; /* -1: none */
	char path[108]; /* where it is; the length is that of sun_path */
	dev_t dev; /* with ino: to remove ours and nobody else's */
	ino_t ino; /* see dev */
};

/* What the socket shall be. */
struct socket_want {
	const char *path; /* absolute; its folder is made (0750) if absent */
	int type; /* SOCK_STREAM (then listening) or SOCK_DGRAM */
	mode_t mode; /* permission bits: set before anybody can connect */
	gid_t gid; /* group of a folder that has to be made; -1: ours */
};

/* Non-blocking and close-on-exec. -EADDRINUSE: somebody answers there;
 * -EEXIST: something that is not a socket lies there; -ELOOP: its folder is a
 * symbolic link; -EACCES: its folder can be changed by other users;
 * -ENAMETOOLONG; or -errno of the system call that failed. */
int socket_file_open(const struct socket_want *want,
		     struct socket_file *ret_file, struct why *why);

/* Closes, and removes the socket from the file system if it is still ours.
 * Takes one whose fd is -1. */
void socket_file_close(struct socket_file *file);

#endif
