/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds moves back: the bytes allowed in an hour, the cooldown after a
 * job, and the price that a move must repay. It does not know where memory
 * lies or should lie. Called by policy.c, placement.c and request.c.
 */
#include "policy/budget.h"

#include "addr.h"
#include "policy/affinity.h"

/* Until it is measured: while memory moves, a guest loses about a third of its
 * work (copying takes bandwidth and each page stops whoever touches it), and one
 * CPU copies. */
#define LOSS_WHILE_MOVING 0.3
#define CPUS_COPYING      1.0

/* Work lost to remote memory when all of it is one usual hop (distance 20)
 * away: published NUMA measurements range from a tenth to a half. */
#define LOSS_WHEN_FAR 0.25

/* Likewise: a vCPU that touches a page on its way waits for the copy of that
 * page: one thread copies about 8 GB/s, entering the kernel and flushing adds the
 * rest. */
#define STALL_BASE_MS      0.3
#define COPY_BYTES_PER_MS  8e6
#define PAGE_BYTES_ASSUMED (2 * MIB)

static uint64_t used_bytes(const struct policy_guest *m, uint64_t now_ns)
{
	uint64_t now_slot = now_ns / POLICY_SLOT_NS, sum = 0;

	for (uint64_t age = 0; age < POLICY_SLOTS && age <= m->slot; age++)
		if (m->slot - age + POLICY_SLOTS > now_slot)
			sum += m->slot_bytes[(m->slot - age) % POLICY_SLOTS];
	return sum;
}

uint64_t budget_left(const struct policy_config *cfg,
		     const struct snap_guest *guest, uint64_t now_ns)
{
	uint64_t cap, used;

	if (__builtin_mul_overflow(guest->ram_bytes, cfg->ram_per_hour, &cap))
		cap = UINT64_MAX;
	used = used_bytes(guest->memory, now_ns) + guest->memory->planned_bytes;
	return used < cap ? cap - used : 0;
}

uint64_t budget_host_left(const struct policy_config *cfg,
			  const struct snapshot *s)
{
	uint64_t used = 0;

	if (cfg->host_bytes_per_hour == 0)
		return UINT64_MAX;
	for (size_t i = 0; i < s->n_guests; i++)
		used += used_bytes(s->guests[i].memory, s->now_ns) +
			s->guests[i].memory->planned_bytes;
	return used < cfg->host_bytes_per_hour ? cfg->host_bytes_per_hour - used
					       : 0;
}

uint64_t budget_again_ns(const struct policy_guest *m, uint64_t now_ns)
{
	uint64_t now_slot = now_ns / POLICY_SLOT_NS;

	for (uint64_t age = POLICY_SLOTS; age-- > 0;) {
		uint64_t slot = m->slot - age;

		if (age <= m->slot && slot + POLICY_SLOTS > now_slot &&
		    m->slot_bytes[slot % POLICY_SLOTS] > 0)
			return (slot + POLICY_SLOTS) * POLICY_SLOT_NS;
	}
	return 0;
}

void budget_charge(struct policy_guest *m, uint64_t now_ns, uint64_t bytes)
{
	uint64_t slot = u64_max(now_ns / POLICY_SLOT_NS, m->slot);

	for (uint64_t i = 0; i < POLICY_SLOTS && m->slot + i < slot; i++)
		m->slot_bytes[(slot - i) % POLICY_SLOTS] = 0;
	m->slot = slot;
	m->slot_bytes[slot % POLICY_SLOTS] += bytes;
}

bool budget_is_cooling(const struct policy_cell *pc, struct node_mask to,
		       bool by_affinity, uint64_t now_ns)
{
	if (now_ns >= pc->cool_until_ns)
		return false;
	if (pc->is_futile)
		return true;
	if ((pc->last_to.bits & ~to.bits) == 0)
		return false;
	return pc->is_back || !by_affinity;
}

void budget_look_again(struct policy_cell *pc, uint64_t wrong_bytes,
		       uint64_t slack_bytes)
{
	pc->wrong_bytes = wrong_bytes;
	if (pc->is_futile && wrong_bytes > pc->futile_bytes &&
	    wrong_bytes - pc->futile_bytes > slack_bytes)
		pc->is_futile = false;
}

void budget_cool(const struct policy_config *cfg, struct policy_cell *pc,
		 struct node_mask from, struct node_mask to, uint64_t end_ns,
		 bool is_futile)
{
	bool is_recent = pc->last_to.bits &&
			 end_ns - pc->last_end_ns < 2 * cfg->cooldown_max_ns;
	uint64_t cool_ns = cfg->cooldown_ns;
	bool is_reversal = is_recent && (to.bits & pc->last_from.bits) &&
			   (from.bits & pc->last_to.bits);

	/* going on with a return is no second one, and still a return */
	pc->is_back = is_reversal || (is_recent && pc->is_back &&
				      (pc->last_to.bits & ~to.bits) == 0);
	pc->is_futile = is_futile;
	pc->futile_bytes = pc->wrong_bytes;
	if (is_reversal || is_futile)
		pc->strikes++;
	else if (!is_recent)
		pc->strikes = 0;
	for (unsigned int i = 0;
	     i < pc->strikes && cool_ns < cfg->cooldown_max_ns; i++)
		cool_ns *= 2;
	pc->cool_until_ns = end_ns + u64_min(cool_ns, cfg->cooldown_max_ns);
	pc->last_from = from;
	pc->last_to = to;
	pc->last_end_ns = end_ns;
}

/* Bytes per second: the guest's own, else any guest's, else a guess. */
static double rate_of(const struct policy_config *cfg, const struct snapshot *s,
		      const struct snap_guest *guest)
{
	uint64_t rate = guest->cost.rate_bytes_per_s;

	if (rate == 0)
		rate = s->rate_bytes_per_s;
	if (rate == 0)
		rate = cfg->rate_bytes_per_s;
	return (double)u64_max(rate, PAGE_4K_BYTES);
}

static double stall_ms_of(const struct snap_guest *guest)
{
	uint64_t page =
		guest->page_bytes ? guest->page_bytes : PAGE_BYTES_ASSUMED;

	if (guest->cost.stall_ns)
		return (double)guest->cost.stall_ns / 1e6;
	return STALL_BASE_MS + (double)page / COPY_BYTES_PER_MS;
}

/* CPUs' worth of work that a second of moving costs. */
static double cost_of(const struct snap_guest *guest, double busy)
{
	const struct snap_cost *cost = &guest->cost;
	double copying = CPUS_COPYING, lost = LOSS_WHILE_MOVING;

	if (cost->copying)
		copying = (double)cost->copying / WEIGHT_WHOLE;
	if (cost->has_lost)
		lost = (double)cost->lost / WEIGHT_WHOLE;
	return copying + lost * busy;
}

void budget_price(const struct policy_config *cfg, const struct snapshot *s,
		  const struct snap_guest *guest, struct deal deal,
		  struct price *ret_price)
{
	double busy = (double)affinity_activity(cfg, guest->memory) / 1000;
	double resident = 0, cost, gain;

	*ret_price = (struct price) { 0 };
	if (deal.bytes == 0)
		return;
	for (size_t c = 0; c < guest->n_cells; c++)
		for (int n = 0; n < NODES_MAX; n++)
			resident += (double)guest->cells[c].node_bytes[n];
	ret_price->seconds = (double)deal.bytes / rate_of(cfg, s, guest);
	ret_price->stall_ms = stall_ms_of(guest);
	ret_price->is_measured =
		guest->cost.rate_bytes_per_s && guest->cost.stall_ns;
	cost = ret_price->seconds * cost_of(guest, busy);
	gain = resident > 0 ? busy * LOSS_WHEN_FAR * (double)deal.far_bytes /
				      resident
			    : 0;
	ret_price->payback_s = gain > 0 ? cost / gain : -1;
}
