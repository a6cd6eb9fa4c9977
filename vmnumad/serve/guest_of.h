/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several verbs need of a guest: find the one a call names, and look at
 * its memory anew before answering.
 */
#ifndef SERVE_GUEST_OF_H
#define SERVE_GUEST_OF_H

#include "move/measure.h"

struct control_call;
struct daemon;
struct guest;
struct inspection;
struct json_object;

/* The guest that params' "guest" names by name or uuid. NULL: the call was
 * answered with an error. */
struct guest *guest_of_call(struct daemon *daemon, struct control_call *call,
			    struct json_object *params);

/* In the loop. looked is NULL when the guest has no map to look by; its counts
 * are the guest's already. Must answer the call (or keep it). */
typedef void guest_looked_fn(struct daemon *daemon, struct control_call *call,
			     struct guest *guest, struct inspection *looked,
			     void *arg);

/* Count where its memory lies now, then fn; ask.round is set here. A guest that
 * ends meanwhile answers the call with an error; then fn is not called and
 * free() is called on arg. */
void guest_look(struct daemon *daemon, struct control_call *call,
		struct guest *guest, struct measure_ask ask,
		guest_looked_fn *fn, void *arg);

#endif
