/* SPDX-License-Identifier: Apache-2.0 */
/* Captured files. See tree.h. */
#include "tree.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

#define FILE_MAX (256 * KIB)

char *tree_read(const char *name, size_t *ret_len)
{
	autofree char *path = xasprintf("%s/%s", DATA_DIR, name);
	char *text = xcalloc(1, FILE_MAX);
	FILE *file = fopen(path, "rb");
	size_t len;

	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	len = fread(text, 1, FILE_MAX - 1, file);
	ck_assert_msg(feof(file), "%s is too long", path);
	fclose(file);
	if (ret_len)
		*ret_len = len;
	return text;
}

/* path is below DATA_DIR/host and begins with a slash, or is empty. */
static void load_dir(struct fake_sys *fake, const char *host, const char *path)
{
	autofree char *dir = xasprintf("%s/%s%s", DATA_DIR, host, path);
	DIR *d = opendir(dir);
	struct dirent *entry;

	ck_assert_msg(d != NULL, "%s cannot be opened", dir);
	while ((entry = readdir(d)) != NULL) {
		autofree char *child = xasprintf("%s/%s", path, entry->d_name);
		autofree char *name = xasprintf("%s%s", host, child);
		autofree char *text = NULL;

		if (entry->d_name[0] == '.')
			continue;
		if (entry->d_type == DT_DIR) {
			load_dir(fake, host, child);
			continue;
		}
		text = tree_read(name, NULL);
		fake_file(fake, child, text);
	}
	closedir(d);
}

void tree_load(struct fake_sys *fake, const char *host)
{
	load_dir(fake, host, "");
}
