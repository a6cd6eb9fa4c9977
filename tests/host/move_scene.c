/* SPDX-License-Identifier: Apache-2.0 */
/* A process to be moved. See move_scene.h. */
#include "move_scene.h"

#include "xalloc.h"

struct move_scene *move_scene_create(enum fake_kernel kernel)
{
	struct move_scene *s = xcalloc(1, sizeof(*s));

	s->fake = fake_sys_create(kernel);
	s->sys = fake_sys_door(s->fake);
	fake_node(s->fake, 0, GIB);
	fake_node(s->fake, 1, GIB);
	fake_process(s->fake, PID);
	return s;
}

void move_scene_destroy(struct move_scene *s)
{
	fake_sys_destroy(s->fake);
	free(s);
}

int move_scene_call(struct move_scene *s, size_t n, uint64_t step_bytes,
		    bool all)
{
	for (size_t i = 0; i < n; i++) {
		s->pages[i].v = BASE + i * step_bytes;
		s->nodes[i] = 1;
		s->status[i] = PAGE_STATUS_UNWRITTEN;
	}
	return s->sys.ops->pages_move(s->sys.self, PID, s->pages, s->nodes, n,
				      all, s->status);
}

size_t move_scene_unwritten(const struct move_scene *s, size_t first,
			    size_t end)
{
	size_t n = 0;

	for (size_t i = first; i < end; i++)
		n += s->status[i] == PAGE_STATUS_UNWRITTEN;
	return n;
}

struct fake_folio *move_scene_folio(struct move_scene *s, uint64_t offset_bytes)
{
	return fake_folio(s->fake, PID, BASE + offset_bytes);
}

void move_scene_4k(struct move_scene *s, size_t n)
{
	fake_region(s->fake, PID, BASE, n * 4 * KIB, 4 * KIB, 0, FAKE_ANON);
}
