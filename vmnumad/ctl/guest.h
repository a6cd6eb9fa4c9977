/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a guest object in words, for list, show and explain. All returned
 * texts are the caller's to free.
 */
#ifndef CTL_GUEST_H
#define CTL_GUEST_H

struct json_object;

/* "2 on 1", "1 on 0, 3 on 1", "-" without vCPUs; "?" is a node not known. */
char *guest_vcpus(struct json_object *guest);

/* Memory of all cells: "0: 12 MiB, 1: 1.0 GiB", "-" when none is known. */
char *guest_memory(struct json_object *guest);

/* The same for one object that has node_bytes. */
char *guest_node_bytes(struct json_object *object);

/* "node 1", "node 0 (50 %), node 1 (50 %)", "not known yet" from home[]. */
char *guest_home(struct json_object *cell);

/* "7", "-": the number of the guest's job. */
char *guest_job(struct json_object *guest);

/* A line that says why it is not known where the guest's memory lies, if so. */
void guest_print_problem(struct json_object *guest);

#endif
