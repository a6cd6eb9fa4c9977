/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal keeps comes back as it was; what is no journal is refused. */
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

struct place {
	char dir[64]; /* holds the journal */
	char path[80]; /* of the journal */
};

static void place_begin(struct place *p)
{
	strcpy(p->dir, P_tmpdir "/vmnumad-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/journal", p->dir);
}

static void place_end(struct place *p)
{
	unlink(p->path);
	ck_assert_int_eq(rmdir(p->dir), 0);
}

START_TEST(orders_and_adopted_guests_come_back)
{
	struct journal_record record = {
		.id = 7,
		.uuid = { "11111111-2222-3333-4444-555555555555" },
		.pid = 300,
		.start_ticks = 12345,
		.order = { .is_hurried = true,
			   .cells = { { .cell = 1, .to = { 2 } } },
			   .n_cells = 1 },
	};
	struct journal_adopted adopted[] = {
		{ 400, 777, "/run/a b.qmp", "my guest" },
		{ 401, 778, "", "qemu-401" },
	};
	struct journal out = { 9, &record, 1, adopted, N(adopted) };
	struct journal in;
	struct place place;
	struct why why;

	place_begin(&place);
	ck_assert_int_eq(journal_save(place.path, &out, &why), 0);
	ck_assert_int_eq(journal_load(place.path, &in, &why), 0);
	ck_assert_uint_eq(in.last_id, 9);
	ck_assert_uint_eq(in.n_records, 1);
	ck_assert(uuid_is_equal(&in.records[0].uuid, &record.uuid));
	ck_assert_int_eq(in.records[0].pid, 300);
	ck_assert(in.records[0].order.is_hurried);
	ck_assert_uint_eq(in.records[0].order.cells[0].to.bits, 2);
	ck_assert_uint_eq(in.n_adopted, 2);
	for (size_t i = 0; i < in.n_adopted; i++) {
		ck_assert_int_eq(in.adopted[i].pid, adopted[i].pid);
		ck_assert_uint_eq(in.adopted[i].start_ticks,
				  adopted[i].start_ticks);
		ck_assert_str_eq(in.adopted[i].qmp_path, adopted[i].qmp_path);
		ck_assert_str_eq(in.adopted[i].name, adopted[i].name);
	}
	journal_finish(&in);
	place_end(&place);
}
END_TEST

START_TEST(absent_journal_is_an_empty_one)
{
	struct journal in;
	struct place place;
	struct why why;

	place_begin(&place);
	ck_assert_int_eq(journal_load(place.path, &in, &why), 0);
	ck_assert_uint_eq(in.n_records + in.n_adopted, 0);
	place_end(&place);
}
END_TEST

static const char *const wrong[] = {
	"",
	"something else\n",
	"vmnumad journal 1 0\nnonsense\n",
	"vmnumad journal 1 0\nadopted\t\n",
	"vmnumad journal 1 0\nadopted\t400\t777\t/run/qmp\n",
	"vmnumad journal 1 0\nadopted\t400\t777\t/run/qmp\t\n",
	"vmnumad journal 1 0\nadopted\t-4\t777\t/run/qmp\tweb\n",
	"vmnumad journal 1 0\nadopted\t400\t0\t/run/qmp\tweb\n",
	"vmnumad journal 1 0\nadopted\t400\t777\t/run/qmp\tw\teb\n",
	"vmnumad journal 1 0\nadopted\t400\t777\t"
	"/0123456789012345678901234567890123456789012345678901234567890123456"
	"789012345678901234567890123456789012345678901234567890\tweb\n",
};

START_TEST(what_is_no_journal_is_refused)
{
	struct journal in;
	struct place place;
	struct why why;
	FILE *file;

	place_begin(&place);
	file = fopen(place.path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(wrong[_i], file);
	fclose(file);
	ck_assert_int_eq(journal_load(place.path, &in, &why), -EINVAL);
	ck_assert(strstr(why.text, place.path) != NULL);
	place_end(&place);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, orders_and_adopted_guests_come_back);
	tcase_add_test(tests, absent_journal_is_an_empty_one);
	tcase_add_loop_test(tests, what_is_no_journal_is_refused, 0, N(wrong));
}

int main(void)
{
	return run_tests("daemon: the journal", add_tests);
}
