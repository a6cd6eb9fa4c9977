/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights of a caller. They are taken once, when the connection is accepted: the
 * kernel gives the groups the caller had at connect(2), without asking any name
 * service, so nothing here can block the loop.
 */
#include "serve/peer.h"

#include <errno.h>
#include <grp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xalloc.h"

#define GROUP_TEXT_MAX (1024 * 1024)

/* Linux 4.13; older C library headers do not name it. */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static bool group_find(const char *name, gid_t *ret_gid)
{
	size_t size = 4096;
	char *buf = NULL;
	struct group group;
	struct group *found = NULL;
	int rc;

	do {
		buf = xreallocarray(buf, size, 1);
		rc = getgrnam_r(name, &group, buf, size, &found);
		size *= 4;
	} while (rc == ERANGE && size <= GROUP_TEXT_MAX);
	if (found)
		*ret_gid = found->gr_gid;
	free(buf);
	return found != NULL;
}

void peer_groups_find(struct peer_groups *ret_groups)
{
	memset(ret_groups, 0, sizeof(*ret_groups));
	ret_groups->has_read =
		group_find(PEER_READ_GROUP, &ret_groups->read_gid);
	ret_groups->has_admin =
		group_find(PEER_ADMIN_GROUP, &ret_groups->admin_gid);
}

static void group_apply(struct peer *peer, const struct peer_groups *groups,
			gid_t gid)
{
	if (groups->has_read && gid == groups->read_gid)
		peer->can_read = true;
	if (groups->has_admin && gid == groups->admin_gid) {
		peer->can_read = true;
		peer->can_change = true;
	}
}

static int groups_of(int fd, gid_t **ret_gids, size_t *ret_n)
{
	socklen_t len = 0;
	gid_t *gids;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0) {
		*ret_gids = NULL;
		*ret_n = 0;
		return 0;
	}
	if (errno != ERANGE)
		return -errno;
	if (len > 65536 * sizeof(gid_t))
		return -E2BIG;
	gids = xcalloc(1, len);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len)) {
		int rc = -errno;

		free(gids);
		return rc;
	}
	*ret_gids = gids;
	*ret_n = len / sizeof(gid_t);
	return 0;
}

int peer_of(int fd, const struct peer_groups *groups, struct peer *ret_peer)
{
	struct peer peer = { 0 };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *gids = NULL;
	size_t n = 0;
	int rc;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	rc = groups_of(fd, &gids, &n);
	if (rc)
		return rc;
	peer.pid = cred.pid;
	peer.uid = cred.uid;
	group_apply(&peer, groups, cred.gid);
	for (size_t i = 0; i < n; i++)
		group_apply(&peer, groups, gids[i]);
	free(gids);
	peer.is_root = peer_uid_is_root(cred.uid);
	if (peer.is_root) {
		peer.can_read = true;
		peer.can_change = true;
	}
	*ret_peer = peer;
	return 0;
}

bool peer_uid_is_root(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}
