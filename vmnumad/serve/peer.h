/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a Unix socket, and what that user may do. The
 * kernel says who (SO_PEERCRED, SO_PEERGROUPS of unix(7)); two groups of the
 * host say what. Used by control.c and hook.c.
 */
#ifndef SERVE_PEER_H
#define SERVE_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#define PEER_READ_GROUP  "vmnumad"
#define PEER_ADMIN_GROUP "vmnumad-admin"

/* One caller, as it was when it connected. */
struct peer {
	pid_t pid; /* 0 when it is in another pid namespace */
	uid_t uid; /* user */
	bool can_read; /* may ask */
	bool can_change; /* may change what happens to guests */
	bool is_root; /* root, or the user the daemon itself runs as */
};

/* The groups that give rights. */
struct peer_groups {
	bool has_read; /* read_gid is set */
	gid_t read_gid; /* PEER_READ_GROUP */
	bool has_admin; /* admin_gid is set */
	gid_t admin_gid; /* PEER_ADMIN_GROUP */
};

/* Looks the groups up; a group that does not exist gives nobody rights. May
 * block (name service): for start-up only. */
void peer_groups_find(struct peer_groups *ret_groups);

/* fd is a connected Unix stream socket. -errno when the kernel does not tell;
 * a caller with more than 65536 groups is refused with -E2BIG. */
int peer_of(int fd, const struct peer_groups *groups, struct peer *ret_peer);

/* True for root and for the daemon's own user. */
bool peer_uid_is_root(uid_t uid);

#endif
