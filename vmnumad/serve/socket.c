/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rights of a socket come from the umask at bind(2), never from a chmod
 * afterwards: in between anybody could connect. The folder is checked because
 * whoever can write to it could put another socket in the place of ours.
 */
#include "serve/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int address_make(const char *path, struct sockaddr_un *ret_addr,
			struct why *why)
{
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	if (path[0] != '/') {
		why_set(why, "%s: the path of a socket must begin with /",
			path);
		return -EINVAL;
	}
	if (strlen(path) >= sizeof(ret_addr->sun_path)) {
		why_set(why,
			"%.150s: the path of a socket has at most %zu "
			"characters",
			path, sizeof(ret_addr->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(ret_addr->sun_path, path);
	return 0;
}

static int folder_check(const char *folder, struct why *why)
{
	struct stat st;

	if (lstat(folder, &st)) {
		int rc = -errno;

		why_set(why, "%s: %s", folder, strerror(-rc));
		return rc;
	}
	if (S_ISLNK(st.st_mode)) {
		why_set(why, "%s is a symbolic link, which is not followed",
			folder);
		return -ELOOP;
	}
	if (!S_ISDIR(st.st_mode)) {
		why_set(why, "%s is not a folder", folder);
		return -ENOTDIR;
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH))) {
		why_set(why, "%s can be changed by other users", folder);
		return -EACCES;
	}
	return 0;
}

/* The set-group-ID bit gives the sockets made in the folder its group. */
static int folder_make(const char *path, gid_t gid, struct why *why)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	strcpy(folder, path);
	slash = strrchr(folder, '/');
	if (slash == folder)
		return 0;
	*slash = '\0';
	if (mkdir(folder, 0750) == 0) {
		int fd = open(folder, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && gid != (gid_t)-1 &&
		    fchown(fd, (uid_t)-1, gid) == 0)
			fchmod(fd, 02750);
		if (fd >= 0)
			close(fd);
	} else if (errno != EEXIST) {
		int rc = -errno;

		why_set(why, "cannot make the folder %s: %s", folder,
			strerror(-rc));
		return rc;
	}
	return folder_check(folder, why);
}

/* Removes a socket that nobody listens on any more. */
static int stale_remove(const struct sockaddr_un *addr, int type,
			struct why *why)
{
	struct stat st;
	int rc;
	int fd;

	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		why_set(why, "%s exists and is not a socket", addr->sun_path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	rc = rc ? errno : 0;
	close(fd);
	if (rc != ECONNREFUSED && rc != ENOENT) {
		why_set(why, "%s: another vmnumad is listening there",
			addr->sun_path);
		return -EADDRINUSE;
	}
	if (unlink(addr->sun_path) && errno != ENOENT)
		return -errno;
	return 0;
}

static int bind_with_mode(int fd, const struct sockaddr_un *addr, mode_t mode)
{
	mode_t old = umask(~mode & 0777);
	int rc = bind(fd, (const struct sockaddr *)addr, sizeof(*addr));

	rc = rc ? -errno : 0;
	umask(old);
	return rc;
}

static int socket_make(const struct sockaddr_un *addr,
		       const struct socket_want *want,
		       struct socket_file *ret_file)
{
	struct stat st;
	int fd;
	int rc;

	fd = socket(AF_UNIX, want->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = bind_with_mode(fd, addr, want->mode);
	if (!rc && want->type == SOCK_STREAM && listen(fd, BACKLOG))
		rc = -errno;
	if (!rc && lstat(addr->sun_path, &st))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	ret_file->fd = fd;
	ret_file->dev = st.st_dev;
	ret_file->ino = st.st_ino;
	strcpy(ret_file->path, addr->sun_path);
	return 0;
}

int socket_file_open(const struct socket_want *want,
		     struct socket_file *ret_file, struct why *why)
{
	struct sockaddr_un addr;
	int rc;

	rc = address_make(want->path, &addr, why);
	if (rc)
		return rc;
	rc = folder_make(addr.sun_path, want->gid, why);
	if (rc)
		return rc;
	why_set(why, "%s", "");
	rc = stale_remove(&addr, want->type, why);
	if (!rc)
		rc = socket_make(&addr, want, ret_file);
	if (rc && why && !why->text[0])
		why_set(why, "cannot listen on %s: %s", addr.sun_path,
			strerror(-rc));
	return rc;
}

void socket_file_close(struct socket_file *file)
{
	struct stat st;

	if (file->fd < 0)
		return;
	if (file->path[0] && lstat(file->path, &st) == 0 &&
	    st.st_dev == file->dev && st.st_ino == file->ino)
		unlink(file->path);
	close(file->fd);
	file->fd = -1;
}
