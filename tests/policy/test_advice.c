/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reverse advice and texts: tests of policy/advice.c and policy/text.c.
 */
#include <string.h>

#include "policy/policy.h"

#include "suite.h"
#include "world.h"

START_TEST(each_vcpu_is_sent_to_the_memory_of_its_cell)
{
	struct world *w = world_create(4, 64 * GIB, 1, 2, 4);
	struct advice_vcpu rows[4];
	struct advice advice = { .vcpus = rows, .cap_vcpus = 4 };

	world_put(w, 0, 0, 2, 3 * GIB);
	world_put(w, 0, 0, 0, 1 * GIB);
	world_put(w, 0, 1, 1, 2 * GIB);
	world_pin(w, 0, 3, node_mask_of(1));
	policy_advice(&w->s, 0, &advice);
	ck_assert_uint_eq(advice.n_vcpus, 4);
	ck_assert_int_eq(rows[0].node, 2);
	ck_assert_int_eq(rows[1].node, 2);
	ck_assert_int_eq(rows[2].node, 1);
	ck_assert(!rows[2].is_there);
	ck_assert_int_eq(rows[3].vcpu, 3);
	ck_assert_int_eq(rows[3].cell, 1);
	ck_assert(rows[3].is_there);
	world_destroy(w);
}
END_TEST

START_TEST(memory_on_a_node_without_cpus_means_the_nearest_with_some)
{
	struct world *w = world_create(3, 64 * GIB, 1, 1, 1);
	struct advice_vcpu rows[1];
	struct advice advice = { .vcpus = rows, .cap_vcpus = 1 };

	world_put(w, 0, 0, 2, GIB);
	w->s.nodes[2].has_cpu = false;
	w->s.nodes[2].distance[0] = 24;
	w->s.nodes[2].distance[1] = 14;
	policy_advice(&w->s, 0, &advice);
	ck_assert_int_eq(rows[0].node, 1);
	world_destroy(w);
}
END_TEST

START_TEST(an_unmeasured_cell_follows_the_guest_and_nothing_gives_nothing)
{
	struct world *w = world_create(2, 64 * GIB, 1, 2, 2);
	struct advice_vcpu rows[1];
	struct advice advice = { .vcpus = rows, .cap_vcpus = 1 };

	policy_advice(&w->s, 0, &advice);
	ck_assert_uint_eq(advice.n_vcpus, 0);
	policy_advice(&w->s, 9, &advice);
	ck_assert_uint_eq(advice.n_vcpus, 0);
	world_put(w, 0, 1, 1, GIB);
	policy_advice(&w->s, 0, &advice);
	/* one row fits */
	ck_assert_uint_eq(advice.n_vcpus, 1);
	ck_assert_int_eq(rows[0].node, 1);
	world_destroy(w);
}
END_TEST

START_TEST(every_reason_gate_and_refusal_has_its_sentence)
{
	for (int i = 0; i < REASON_COUNT; i++)
		ck_assert_uint_gt(strlen(reason_text((enum reason)i)), 10);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		ck_assert_uint_gt(strlen(refusal_text((enum refusal)i)), 10);
	for (unsigned int g = GATE_NO_MAP; g <= GATE_DENIED; g *= 2)
		ck_assert_str_ne(gate_text(g), "unknown gate");
	ck_assert_str_eq(gate_text(0), "unknown gate");
	ck_assert_str_eq(reason_text((enum reason)999), "unknown reason");
	ck_assert_str_eq(refusal_text((enum refusal) - 1), "unknown refusal");
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		each_vcpu_is_sent_to_the_memory_of_its_cell,
		memory_on_a_node_without_cpus_means_the_nearest_with_some,
		an_unmeasured_cell_follows_the_guest_and_nothing_gives_nothing,
		every_reason_gate_and_refusal_has_its_sentence,
	};

	return suite_run("advice", tests, ARRAY_LEN(tests));
}
