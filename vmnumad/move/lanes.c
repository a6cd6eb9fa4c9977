/* SPDX-License-Identifier: Apache-2.0 */
/* The lanes of a job; see lanes.h. Called by job.c with the job's lock held. */
#include "move/lanes.h"

#include "addr.h"

#define NS_PER_S 1000000000.0

/* What a job begins with. In the lab three were the best of one to four for
 * a guest under full load: 2.6, 1.5, 1.0 and 0.8 to 1.3 s. */
#define LANES_FIRST 3

/* What is measured at a time: so many calls of each lane, that one more or less
 * at the ends does not decide; and so many bytes, as small calls have most of
 * their time from elsewhere. */
#define CALLS_PER_LANE 4
#define STRETCH_BYTES  (256 * MIB)

/* One more lane is worth its CPU when it adds so much. */
#define GROWTH 1.15

/* The first calls with a number of lanes still overlap with those before, and
 * the very first ones are short, while the pace learns. */
static void begin_stretch(struct lanes *lanes, unsigned int now)
{
	lanes->now = now;
	lanes->run_up = now + 1;
	lanes->calls = 0;
	lanes->bytes = 0;
	lanes->busy_ns = 0;
}

void lanes_init(struct lanes *lanes, unsigned int max, bool tries)
{
	*lanes =
		(struct lanes) { .max = max, .is_settled = !tries || max == 1 };
	begin_stretch(lanes, max < LANES_FIRST ? max : LANES_FIRST);
}

static void settle_at(struct lanes *lanes, unsigned int now)
{
	lanes->now = now;
	lanes->is_settled = true;
}

/* The number stays what the next ones are compared with. */
static void try_next(struct lanes *lanes, double bytes_per_s)
{
	lanes->bytes_per_s = bytes_per_s;
	if (lanes->now == (lanes->is_shrinking ? 1 : lanes->max))
		settle_at(lanes, lanes->now);
	else
		begin_stretch(lanes, lanes->is_shrinking ? lanes->now - 1
							 : lanes->now + 1);
}

/* One more lane was of no use. */
static void turn_round(struct lanes *lanes)
{
	unsigned int before = lanes->now - 1;

	if (lanes->has_grown || before == 1) {
		settle_at(lanes, before);
		return;
	}
	lanes->is_shrinking = true;
	begin_stretch(lanes, before - 1);
}

/* The stretch is over. Once settled nothing is tried again: what changes in the
 * course of a job is noise more often than not. */
static void judge(struct lanes *lanes)
{
	double bytes_per_s = (double)lanes->bytes * NS_PER_S /
			     (double)u64_max(lanes->busy_ns, 1);

	if (lanes->bytes_per_s == 0) {
		lanes->is_shrinking = lanes->now == lanes->max;
		try_next(lanes, bytes_per_s);
	} else if (lanes->is_shrinking) {
		if (bytes_per_s * GROWTH > lanes->bytes_per_s)
			try_next(lanes, bytes_per_s);
		else
			settle_at(lanes, lanes->now + 1);
	} else if (bytes_per_s >= lanes->bytes_per_s * GROWTH) {
		lanes->has_grown = true;
		try_next(lanes, bytes_per_s);
	} else {
		turn_round(lanes);
	}
}

void lanes_begin_call(struct lanes *lanes, uint64_t now_ns)
{
	if (lanes->in_flight++ == 0)
		lanes->busy_since_ns = now_ns;
}

void lanes_end_call(struct lanes *lanes, uint64_t moved_bytes, uint64_t now_ns)
{
	uint64_t busy_ns = now_ns - u64_min(now_ns, lanes->busy_since_ns);

	lanes->in_flight--;
	lanes->busy_since_ns = now_ns;
	if (lanes->is_settled)
		return;
	if (lanes->run_up > 0) {
		lanes->run_up--;
		return;
	}
	lanes->calls++;
	lanes->bytes += moved_bytes;
	lanes->busy_ns += busy_ns;
	if (lanes->calls >= CALLS_PER_LANE * lanes->now &&
	    lanes->bytes >= STRETCH_BYTES)
		judge(lanes);
}
