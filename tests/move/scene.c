/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that is moved. See scene.h. */
#include "scene.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

/* What a test may take: steps, and virtual time. */
#define STEPS_MAX   200000
#define RUN_NS_MAX  (3600 * NS_PER_S)
#define FILE_LENGTH 4096

static void write_pool_file(struct scene *s, int node, unsigned int page_kib,
			    const char *file, uint64_t pages)
{
	char path[128], text[32];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/hugepages/"
		 "hugepages-%ukB/%s",
		 node, page_kib, file);
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)pages);
	fake_file(s->fake, path, text);
}

static void write_node_files(struct scene *s, int node)
{
	const struct fake_node *n = s->nodes[node];
	char path[128], text[256];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo",
		 node);
	snprintf(text, sizeof(text),
		 "Node %d MemTotal: %llu kB\n"
		 "Node %d MemFree: %llu kB\n",
		 node, (unsigned long long)(n->total_bytes / KIB), node,
		 (unsigned long long)(n->free_bytes / KIB));
	fake_file(s->fake, path, text);
	write_pool_file(s, node, 2048, "nr_hugepages", n->pool_2m);
	write_pool_file(s, node, 2048, "free_hugepages", n->pool_2m_free);
	write_pool_file(s, node, 2048, "surplus_hugepages", n->pool_2m_surplus);
	write_pool_file(s, node, 1048576, "nr_hugepages", n->pool_1g);
	write_pool_file(s, node, 1048576, "free_hugepages", n->pool_1g_free);
}

/* The host's files say what the host is like at this moment. */
static void write_files(struct scene *s)
{
	char buddies[FILE_LENGTH] = "", zones[FILE_LENGTH] = "", text[64];
	size_t n_buddies = 0, n_zones = 0;

	for (int node = 0; node < SCENE_NODES; node++) {
		const struct fake_node *n = s->nodes[node];
		uint64_t small = n->free_bytes / PAGE_4K_BYTES -
				 n->free_2m_blocks * PAGES_PER_2M;

		write_node_files(s, node);
		n_buddies += (size_t)snprintf(
			buddies + n_buddies, sizeof(buddies) - n_buddies,
			"Node %d, zone   Normal %llu 0 0 0 0 0 0 0 0 %llu 0\n",
			node, (unsigned long long)small,
			(unsigned long long)n->free_2m_blocks);
		n_zones += (size_t)snprintf(
			zones + n_zones, sizeof(zones) - n_zones,
			"Node %d, zone   Normal\n  pages free     1\n"
			"        min      0\n        low      0\n"
			"        high     0\n",
			node);
	}
	fake_file(s->fake, "/proc/buddyinfo", buddies);
	fake_file(s->fake, "/proc/zoneinfo", zones);
	snprintf(text, sizeof(text), "thp_migration_split %llu\n",
		 (unsigned long long)fake_books(s->fake).thp_splits);
	fake_file(s->fake, "/proc/vmstat", text);
}

static void on_op(void *arg, struct fake_sys *fake, enum fake_op op, pid_t pid)
{
	struct scene *s = arg;

	if (s->on_op)
		s->on_op(s, op);
	if (op == FAKE_READ_FILE)
		write_files(s);
}

/* Does a page of page_bytes at hva reach into the map? */
static bool is_in_map(const struct scene *s, uint64_t hva)
{
	for (size_t i = 0; i < s->map->n_regions; i++) {
		const struct region *r = &s->map->regions[i];

		if (hva >= addr_down(r->hva.v, r->page_bytes) &&
		    hva < r->hva.v + r->size_bytes)
			return true;
	}
	return false;
}

/* Not even a look at what is not the guest's. */
static int watch_pages_where(void *self, pid_t pid, const struct hva *pages,
			     size_t n, int *status)
{
	struct scene *s = self;
	const struct sys *in = &s->pass.inner;

	for (size_t i = 0; i < n; i++)
		if (!is_in_map(s, pages[i].v))
			ck_abort_msg("%#llx is not in the map",
				     (unsigned long long)pages[i].v);
	return in->ops->pages_where(in->self, pid, pages, n, status);
}

static int watch_pages_move(void *self, pid_t pid, const struct hva *pages,
			    const int *nodes, size_t n, bool all, int *status)
{
	struct scene *s = self;

	ck_assert_int_eq(pid, PID);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, CALL_FOLIOS_MAX);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(nodes[i], nodes[0]);
		ck_assert_int_eq(status[i], PAGE_STATUS_UNWRITTEN);
		if (!is_in_map(s, pages[i].v))
			ck_abort_msg("%#llx is not in the map",
				     (unsigned long long)pages[i].v);
	}
	atomic_fetch_add(&s->late_moves, s->is_dead ? 1 : 0);
	atomic_fetch_add(&s->n_calls, 1);
	if (s->on_move)
		s->on_move(s, FAKE_PAGES_MOVE);
	return s->pass.inner.ops->pages_move(s->pass.inner.self, pid, pages,
					     nodes, n, all, status);
}

/* The pools obey as the kernel's do. */
static int watch_write_file(void *self, const char *path, const char *text)
{
	struct scene *s = self;
	const struct sys *in = &s->pass.inner;
	int err = in->ops->write_file(in->self, path, text);
	int node, len = 0;

	if (err == 0 &&
	    sscanf(path,
		   "/sys/devices/system/node/node%d/hugepages/"
		   "hugepages-2048kB/nr_hugepages%n",
		   &node, &len) == 1 &&
	    len > 0) {
		fake_pool_resize(s->fake, node, strtoull(text, NULL, 10));
	}
	return err;
}

struct scene *scene_create(enum fake_kernel kernel)
{
	struct scene *s = xcalloc(1, sizeof(*s));

	s->fake = fake_sys_create(kernel);
	s->pass.inner = fake_sys_door(s->fake);
	s->ops = sys_pass_ops();
	s->ops.pages_move = watch_pages_move;
	s->ops.pages_where = watch_pages_where;
	s->ops.write_file = watch_write_file;
	s->sys = (struct sys) { .ops = &s->ops, .self = s };
	for (int node = 0; node < SCENE_NODES; node++)
		s->nodes[node] = fake_node(s->fake, node, 4 * GIB);
	fake_process(s->fake, PID);
	fake_file(s->fake, "/proc/kpageflags", "");
	for (int node = 0; node < SCENE_NODES; node++) {
		char path[64];

		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d/compact", node);
		fake_file(s->fake, path, "");
	}
	fake_hook(s->fake, on_op, s);
	fake_set_cost(s->fake, (struct fake_cost) { .call_ns = 2000,
						    .address_ns = 200,
						    .mib_ns = 100000 });
	write_files(s);
	s->cells[0].home = node_mask_of(1);
	s->routes[0] =
		(struct job_route) { .from = 0, .to = 1, .bytes = UINT64_MAX };
	s->spec = (struct job_spec) {
		.id = 1,
		.cells = s->cells,
		.n_cells = 1,
		.routes = s->routes,
		.n_routes = 1,
		.pace = pace_config_gentle(),
		.room_wait_ns = 10 * NS_PER_S,
	};
	for (int lane = 0; lane < SCENE_LANES; lane++)
		call_init(&s->calls[lane]);
	return s;
}

void scene_destroy(struct scene *s)
{
	job_destroy(s->job);
	guest_map_unref(s->map);
	for (int lane = 0; lane < SCENE_LANES; lane++)
		call_finish(&s->calls[lane]);
	ck_assert_uint_eq(fake_open_handles(s->fake), 0);
	fake_sys_destroy(s->fake);
	free(s);
}

void scene_region(struct scene *s, uint64_t gpa, uint64_t size_bytes,
		  uint64_t page_bytes, enum fake_backing backing, int cell)
{
	static const enum backing_kind kinds[] = {
		[FAKE_ANON] = BACKING_ANON,       [FAKE_SHMEM] = BACKING_MEMFD,
		[FAKE_HUGETLB] = BACKING_HUGETLB, [FAKE_DISK] = BACKING_FILE,
		[FAKE_DEVICE] = BACKING_ANON,
	};
	struct region *region = &s->regions[s->n_regions];

	ck_assert_uint_lt(s->n_regions,
			  sizeof(s->regions) / sizeof(*s->regions));
	*region = (struct region) {
		.gpa = { gpa },
		.size_bytes = size_bytes,
		.hva = { BASE + gpa },
		.page_bytes = page_bytes,
		.backing = kinds[backing],
		.is_shared = backing == FAKE_SHMEM,
		.cell = cell,
	};
	snprintf(region->block, sizeof(region->block), "ram%zu", s->n_regions);
	s->n_regions++;
}

void scene_memory(struct scene *s, uint64_t gpa, uint64_t size_bytes,
		  uint64_t folio_bytes, int node, enum fake_backing backing,
		  int cell)
{
	fake_region(s->fake, PID, BASE + gpa, size_bytes, folio_bytes, node,
		    backing);
	scene_region(s, gpa, size_bytes,
		     backing == FAKE_HUGETLB ? folio_bytes : PAGE_4K_BYTES,
		     backing, cell);
}

struct fake_folio *scene_folio(struct scene *s, uint64_t gpa)
{
	struct fake_folio *folio = fake_folio(s->fake, PID, BASE + gpa);

	ck_assert_ptr_nonnull(folio);
	return folio;
}

void scene_build_map(struct scene *s)
{
	struct why why;

	if (!s->map)
		ck_assert_int_eq(guest_map_build(s->regions, s->n_regions,
						 &s->map, &why),
				 0);
}

void scene_job(struct scene *s)
{
	scene_build_map(s);
	job_destroy(s->job);
	s->spec.map = s->map;
	s->spec.identity.pid = PID;
	ck_assert_int_eq(s->sys.ops->open_process(s->sys.self, PID,
						  &s->spec.identity.pidfd),
			 0);
	s->job = job_create(&s->spec, &s->sys);
	s->turn = JOB_GO_ON;
	s->steps = 0;
}

uint64_t scene_now_ns(struct scene *s)
{
	return s->sys.ops->now_ns(s->sys.self);
}

uint64_t scene_on(struct scene *s, int node)
{
	return fake_bytes_on(s->fake, PID, node);
}

/* Every byte is in exactly one place. */
static void check_partition(struct scene *s)
{
	const struct receipt *r = &s->receipt;
	uint64_t sum;

	job_receipt(s->job, &s->receipt);
	sum = r->moved_bytes + r->already_bytes;
	for (int i = 0; i < RESIDUE_COUNT; i++)
		sum += r->residue_bytes[i];
	ck_assert_msg(sum == r->scope_bytes,
		      "step %llu: the parts make %llu KiB of %llu KiB",
		      (unsigned long long)s->steps,
		      (unsigned long long)(sum / KIB),
		      (unsigned long long)(r->scope_bytes / KIB));
}

enum job_turn scene_step(struct scene *s, unsigned int lane)
{
	s->wake_ns = 0;
	s->turn = job_step(s->job, &s->calls[lane], &s->wake_ns);
	s->steps++;
	check_partition(s);
	ck_assert_msg(s->steps < STEPS_MAX, "the job does not end");
	ck_assert_uint_le(s->late_moves, s->spec.pace.lanes_max);
	return s->turn;
}

void scene_run(struct scene *s)
{
	uint64_t end_ns = scene_now_ns(s) + RUN_NS_MAX;

	while (scene_step(s, 0) != JOB_ENDED) {
		uint64_t now_ns = scene_now_ns(s);

		ck_assert_msg(now_ns < end_ns, "the job takes over an hour");
		if (s->turn != JOB_WAIT)
			continue;
		if (s->wake_ns == JOB_NEVER_NS)
			return;
		if (s->wake_ns > now_ns)
			fake_advance_ns(s->fake, s->wake_ns - now_ns);
	}
	ck_assert_int_ne(s->receipt.result, JOB_RUNNING);
	ck_assert_int_eq(s->receipt.phase, PHASE_ENDED);
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
}

void scene_move(struct scene *s)
{
	scene_job(s);
	scene_run(s);
	scene_check_end(s);
}

/* What the ledger holds of a class. */
static uint64_t ledger_bytes(const struct ledger *ledger, enum residue residue)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ledger->n_ranges; i++)
		if (ledger->ranges[i].residue == residue)
			bytes += ledger->ranges[i].size_bytes;
	return bytes;
}

void scene_check_end(struct scene *s)
{
	static const enum residue listed[] = {
		RESIDUE_BUSY,  RESIDUE_PINNED, RESIDUE_SHARED,
		RESIDUE_NOMEM, RESIDUE_CPUSET, RESIDUE_DENIED,
	};
	const struct ledger *ledger = job_ledger(s->job);
	struct cell_count cells[2];
	uint64_t after_bytes;

	ck_assert(s->receipt.result == JOB_DONE ||
		  s->receipt.result == JOB_PARTIAL);
	ck_assert_int_eq(s->receipt.result == JOB_DONE,
			 receipt_left_bytes(&s->receipt) == 0);
	for (size_t i = 0; i < sizeof(listed) / sizeof(*listed); i++)
		if (ledger->unlisted_bytes == 0)
			ck_assert_uint_eq(ledger_bytes(ledger, listed[i]),
					  s->receipt.residue_bytes[listed[i]]);
	ck_assert_uint_eq(ledger_bytes(ledger, RESIDUE_ABSENT), 0);
	job_cells(s->job, cells);
	for (int node = 0; node < SCENE_NODES; node++) {
		after_bytes = 0;
		for (size_t i = 0; i < s->spec.n_cells; i++)
			after_bytes += cells[i].after_bytes[node];
		ck_assert_uint_eq(after_bytes, scene_on(s, node));
	}
}

void scene_kill(struct scene *s)
{
	if (s->is_dead)
		return;
	s->is_dead = true;
	fake_process_exit(s->fake, PID);
	fake_process_reap(s->fake, PID);
}

void scene_check_residue(struct scene *s, ...)
{
	uint64_t want[RESIDUE_COUNT] = { 0 };
	int residue;
	va_list ap;

	va_start(ap, s);
	while ((residue = va_arg(ap, int)) != RESIDUE_COUNT)
		want[residue] = va_arg(ap, unsigned long long);
	va_end(ap);
	for (int i = 0; i < RESIDUE_COUNT; i++)
		ck_assert_msg(
			s->receipt.residue_bytes[i] == want[i],
			"%s: %llu KiB, not %llu KiB", residue_text(i),
			(unsigned long long)(s->receipt.residue_bytes[i] / KIB),
			(unsigned long long)(want[i] / KIB));
}
