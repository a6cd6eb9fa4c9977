/* SPDX-License-Identifier: Apache-2.0 */
/* Files and handles of the fake host. See fake_sys.h. */
#include "fake_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

struct fake_file *fake_find_file(struct fake_sys *fake, const char *path)
{
	for (size_t i = 0; i < fake->n_files; i++)
		if (!strcmp(fake->files[i].path, path))
			return &fake->files[i];
	return NULL;
}

static void set_content(struct fake_file *file, const char *bytes, size_t len)
{
	free(file->text);
	file->text = xreallocarray(NULL, len + 1, 1);
	memcpy(file->text, bytes, len);
	file->text[len] = '\0';
	file->len = len;
}

static struct fake_file *find_or_add(struct fake_sys *fake, const char *path)
{
	struct fake_file *file = fake_find_file(fake, path);

	if (file)
		return file;
	fake->files = xreallocarray(fake->files, fake->n_files + 1,
				    sizeof(*fake->files));
	file = &fake->files[fake->n_files++];
	*file = (struct fake_file) { .path = xstrdup(path) };
	set_content(file, "", 0);
	return file;
}

void fake_file_bytes(struct fake_sys *fake, const char *path, const char *bytes,
		     size_t len)
{
	struct fake_file *file;

	fake_lock(fake);
	file = find_or_add(fake, path);
	set_content(file, bytes, len);
	file->err = 0;
	fake_unlock(fake);
}

void fake_file(struct fake_sys *fake, const char *path, const char *text)
{
	fake_file_bytes(fake, path, text, strlen(text));
}

void fake_file_error(struct fake_sys *fake, const char *path, int err)
{
	fake_lock(fake);
	find_or_add(fake, path)->err = err;
	fake_unlock(fake);
}

void fake_file_remove(struct fake_sys *fake, const char *path)
{
	size_t len = strlen(path);
	bool is_tree = len && path[len - 1] == '/';
	size_t kept = 0;

	fake_lock(fake);
	for (size_t i = 0; i < fake->n_files; i++) {
		struct fake_file *file = &fake->files[i];

		if (is_tree ? !strncmp(file->path, path, len)
			    : !strcmp(file->path, path)) {
			free(file->path);
			free(file->text);
		} else {
			fake->files[kept++] = *file;
		}
	}
	fake->n_files = kept;
	fake_unlock(fake);
}

const char *fake_file_text(struct fake_sys *fake, const char *path)
{
	struct fake_file *file;

	fake_lock(fake);
	file = fake_find_file(fake, path);
	fake_unlock(fake);
	return file ? file->text : NULL;
}

int fake_handle_open(struct fake_sys *fake, enum fake_handle_kind kind,
		     const char *path, size_t process)
{
	struct fake_handle handle = {
		.kind = kind,
		.path = path ? xstrdup(path) : NULL,
		.process = process,
	};

	fake->handles = xreallocarray(fake->handles, fake->n_handles + 1,
				      sizeof(*fake->handles));
	fake->handles[fake->n_handles] = handle;
	return FAKE_FIRST_FD + (int)fake->n_handles++;
}

struct fake_handle *fake_handle_find(struct fake_sys *fake, int fd,
				     enum fake_handle_kind kind)
{
	struct fake_handle *handle;

	if (fd < FAKE_FIRST_FD ||
	    (size_t)(fd - FAKE_FIRST_FD) >= fake->n_handles)
		return NULL;
	handle = &fake->handles[fd - FAKE_FIRST_FD];
	return handle->kind == kind ? handle : NULL;
}

size_t fake_open_handles(struct fake_sys *fake)
{
	size_t n = 0;

	fake_lock(fake);
	for (size_t i = 0; i < fake->n_handles; i++)
		n += fake->handles[i].kind != FAKE_CLOSED;
	fake_unlock(fake);
	return n;
}

static int copy_file(const struct fake_file *file, char *buf, size_t size,
		     size_t *ret_len)
{
	if (file->err)
		return file->err;
	if (file->len >= size)
		return -E2BIG;
	memcpy(buf, file->text, file->len + 1);
	*ret_len = file->len;
	return 0;
}

int fake_op_read_file(void *self, const char *path, char *buf, size_t size,
		      size_t *ret_len)
{
	struct fake_sys *fake = self;
	struct fake_file *file;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_READ_FILE, -1, &ret)) {
		file = fake_find_file(fake, path);
		ret = file ? copy_file(file, buf, size, ret_len) : -ENOENT;
	}
	fake_unlock(fake);
	return ret;
}

int fake_op_write_file(void *self, const char *path, const char *text)
{
	struct fake_sys *fake = self;
	struct fake_file *file;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_WRITE_FILE, -1, &ret)) {
		file = fake_find_file(fake, path);
		ret = file ? file->err : -ENOENT;
		if (!ret)
			set_content(file, text, strlen(text));
	}
	fake_unlock(fake);
	return ret;
}

int fake_op_open_file(void *self, const char *path, int *ret_fd)
{
	struct fake_sys *fake = self;
	struct fake_file *file;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_OPEN_FILE, -1, &ret)) {
		file = fake_find_file(fake, path);
		ret = file ? file->err : -ENOENT;
		if (!ret)
			*ret_fd = fake_handle_open(fake, FAKE_FILE_HANDLE, path,
						   0);
	}
	fake_unlock(fake);
	return ret;
}

/* A file that is gone from /proc says ESRCH to those who hold it open. */
int fake_op_read_fd(void *self, int fd, char *buf, size_t size, size_t *ret_len)
{
	struct fake_sys *fake = self;
	struct fake_handle *handle;
	struct fake_file *file;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_READ_FD, -1, &ret)) {
		handle = fake_handle_find(fake, fd, FAKE_FILE_HANDLE);
		assert(handle);
		file = fake_find_file(fake, handle->path);
		ret = file ? copy_file(file, buf, size, ret_len) : -ESRCH;
	}
	fake_unlock(fake);
	return ret;
}

void fake_op_close_fd(void *self, int fd)
{
	struct fake_sys *fake = self;
	struct fake_handle *handle;

	fake_lock(fake);
	assert(fd >= FAKE_FIRST_FD &&
	       (size_t)(fd - FAKE_FIRST_FD) < fake->n_handles);
	handle = &fake->handles[fd - FAKE_FIRST_FD];
	assert(handle->kind != FAKE_CLOSED);
	free(handle->path);
	*handle = (struct fake_handle) { .kind = FAKE_CLOSED };
	fake_unlock(fake);
}

/* The name that path has in dir, in memory of the caller; NULL: not in dir. */
static char *name_in_dir(const char *path, const char *dir)
{
	size_t dir_len = strlen(dir);
	char *name;

	if (strncmp(path, dir, dir_len) || path[dir_len] != '/')
		return NULL;
	name = xstrdup(path + dir_len + 1);
	name[strcspn(name, "/")] = '\0';
	return name;
}

static bool is_listed(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* The names are taken first: fn may change the files. */
static size_t list_dir(struct fake_sys *fake, const char *dir, char ***ret)
{
	char **names = xcalloc(fake->n_files + 1, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < fake->n_files; i++) {
		char *name = name_in_dir(fake->files[i].path, dir);

		if (name && !is_listed(names, n, name))
			names[n++] = name;
		else
			free(name);
	}
	*ret = names;
	return n;
}

int fake_op_each_entry(void *self, const char *dir, sys_entry_fn *fn, void *arg)
{
	struct fake_sys *fake = self;
	char **names = NULL;
	size_t n = 0;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_EACH_ENTRY, -1, &ret)) {
		n = list_dir(fake, dir, &names);
		ret = n ? 0 : -ENOENT;
	}
	fake_unlock(fake);
	for (size_t i = 0; i < n; i++)
		if (fn(arg, names[i]))
			break;
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return ret;
}

/* A link is a file with what it says as its text. */
int fake_op_read_link(void *self, const char *path, char *buf, size_t size)
{
	struct fake_sys *fake = self;
	struct fake_file *file;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_READ_LINK, -1, &ret)) {
		file = fake_find_file(fake, path);
		ret = file ? file->err : -ENOENT;
		if (!ret)
			snprintf(buf, size, "%s", file->text);
	}
	fake_unlock(fake);
	return ret;
}
