/* SPDX-License-Identifier: Apache-2.0 */
/* The lanes of a job; see lanes.h. Called by job.c with the job's lock held. */
#include "move/lanes.h"

#include "addr.h"

#define NS_PER_S 1000000000.0

/* What is measured at a time: so many calls of each lane, that one more or less
 * at the ends does not decide; and so many bytes, as small calls have most of
 * their time from elsewhere. */
#define CALLS_PER_LANE 4
#define STRETCH_BYTES  (256 * MIB)

/* One more lane is worth its CPU when it adds so much. */
#define GROWTH 1.15

/* The first calls with a number of lanes still overlap with the one before, and
 * the very first ones are short, while the pace learns. */
static void begin_stretch(struct lanes *lanes)
{
	lanes->run_up = lanes->now + 1;
	lanes->calls = 0;
	lanes->bytes = 0;
}

void lanes_init(struct lanes *lanes, unsigned int max)
{
	*lanes = (struct lanes) { .max = max, .now = 1 };
	lanes->is_settled = max == 1;
	begin_stretch(lanes);
}

/* The stretch is over. After one lane too many nothing is tried again: what
 * changes in the course of a job is noise more often than not. */
static void judge(struct lanes *lanes, uint64_t took_ns)
{
	double bytes_per_s =
		(double)lanes->bytes * NS_PER_S / (double)u64_max(took_ns, 1);

	if (bytes_per_s < lanes->fewer_bytes_per_s * GROWTH) {
		lanes->now--;
		lanes->is_settled = true;
		return;
	}
	if (lanes->now == lanes->max) {
		lanes->is_settled = true;
		return;
	}
	lanes->fewer_bytes_per_s = bytes_per_s;
	lanes->now++;
	begin_stretch(lanes);
}

void lanes_note_call(struct lanes *lanes, uint64_t moved_bytes, uint64_t now_ns)
{
	if (lanes->is_settled)
		return;
	if (lanes->run_up > 0) {
		lanes->run_up--;
		lanes->since_ns = now_ns;
		return;
	}
	lanes->calls++;
	lanes->bytes += moved_bytes;
	if (lanes->calls >= CALLS_PER_LANE * lanes->now &&
	    lanes->bytes >= STRETCH_BYTES)
		judge(lanes, now_ns - lanes->since_ns);
}

void lanes_break(struct lanes *lanes)
{
	begin_stretch(lanes);
}
