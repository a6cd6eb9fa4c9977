/* SPDX-License-Identifier: Apache-2.0 */
/* The seats of a job's calls; see seats.h. Called by job.c with the job's lock
 * held. */
#include "move/seats.h"

/* Calls that are measured in each place, in turn with the other. */
#define CALLS 3

/* How much longer calls must take elsewhere, where they cost no vCPU's time; and
 * what is so clear that no more calls are measured. */
#define LONGER         1.2
#define CLEARLY_LONGER 1.6
#define CLEARLY_NOT    0.6

#define VCPUS_MAX 64u

/* The first call may overlap with one made in the other place. */
static void begin_stretch(struct seats *seats, bool is_in_place)
{
	seats->is_in_place = is_in_place;
	seats->run_up = 1;
	seats->calls = 0;
}

/* The first calls of all take longer, wherever they are made. */
static void begin_trial(struct seats *seats)
{
	seats->n = 0;
	begin_stretch(seats, true);
	seats->run_up = CALLS;
}

static void settle(struct seats *seats, bool is_in_place)
{
	seats->is_in_place = is_in_place;
	seats->is_settled = true;
}

void seats_init(struct seats *seats, unsigned int n_vcpus)
{
	*seats = (struct seats) {
		.n_vcpus = n_vcpus < VCPUS_MAX ? n_vcpus : VCPUS_MAX,
		.is_huge = true,
	};
	begin_trial(seats);
	if (n_vcpus < 2)
		settle(seats, false);
}

int seats_take(struct seats *seats, bool is_busy)
{
	if (!seats->is_in_place || !is_busy)
		return SEATS_ELSEWHERE;
	for (unsigned int i = 0; i < seats->n_vcpus; i++) {
		unsigned int vcpu = (seats->next + i) % seats->n_vcpus;

		if (seats->taken >> vcpu & 1)
			continue;
		seats->taken |= 1ull << vcpu;
		seats->next = vcpu + 1;
		return (int)vcpu;
	}
	return SEATS_ELSEWHERE;
}

void seats_refuse(struct seats *seats, int vcpu)
{
	seats->taken &= ~(1ull << vcpu);
	settle(seats, false);
}

/* Keep the n that are there, quickest first, and one more. */
static void add_call(double *ns, unsigned int n, double one)
{
	unsigned int i = n;

	for (; i > 0 && ns[i - 1] > one; i--)
		ns[i] = ns[i - 1];
	ns[i] = one;
}

/* The quicker half: what else goes on can only make a call longer. */
static double sum_quick(const double *ns, unsigned int n)
{
	double sum = 0;

	for (unsigned int i = 0; i < (n + 1) / 2; i++)
		sum += ns[i];
	return sum;
}

/* As many calls were measured in each place. */
static void judge(struct seats *seats)
{
	double longer = sum_quick(seats->elsewhere_ns, seats->n) /
			sum_quick(seats->in_place_ns, seats->n);

	if (longer > CLEARLY_LONGER || longer < CLEARLY_NOT ||
	    seats->n + CALLS > SEATS_CALLS_MAX)
		settle(seats, longer > LONGER);
	else
		begin_stretch(seats, true);
}

static void measure(struct seats *seats, double ns)
{
	if (seats->run_up > 0) {
		seats->run_up--;
		return;
	}
	add_call(seats->is_in_place ? seats->in_place_ns : seats->elsewhere_ns,
		 seats->n + seats->calls, ns);
	if (++seats->calls < CALLS)
		return;
	if (seats->is_in_place) {
		begin_stretch(seats, false);
		return;
	}
	seats->n += CALLS;
	judge(seats);
}

void seats_leave(struct seats *seats, int vcpu, bool is_busy, bool is_huge,
		 uint64_t moved_bytes, uint64_t took_ns)
{
	bool was_in_place = vcpu != SEATS_ELSEWHERE;

	if (was_in_place)
		seats->taken &= ~(1ull << vcpu);
	if (seats->is_settled || !is_busy || moved_bytes == 0 ||
	    was_in_place != seats->is_in_place)
		return;
	if (is_huge != seats->is_huge) { /* not to be compared */
		seats->is_huge = is_huge;
		begin_trial(seats);
	}
	measure(seats, (double)took_ns / (double)moved_bytes);
}
