/* SPDX-License-Identifier: Apache-2.0 */
/* Guests for verbs; see guest_of.h. */
#include "serve/guest_of.h"

#include <stdlib.h>

#include "daemon.h"
#include "guest/adopt.h"
#include "guest/inspect.h"
#include "serve/control.h"
#include "serve/params.h"
#include "xalloc.h"

#define EXIT_USAGE 2

struct guest *guest_of_call(struct daemon *daemon, struct control_call *call,
			    struct json_object *params)
{
	struct guest *guest;
	const char *name;
	struct why why;

	if (params_need_string(params, "guest", &name, &why) < 0) {
		control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
		return NULL;
	}
	guest = daemon_find_guest(daemon, name);
	if (guest)
		return guest;
	if (daemon->is_virt_up)
		why_set(&why,
			"no running guest is called \"%.100s\"; \"vmnumactl "
			"list\" shows those that are",
			name);
	else
		why_set(&why,
			"no running guest is known as \"%.60s\", and libvirt "
			"cannot be reached: %.100s",
			name, daemon->virt_why.text);
	control_fail(call, RPC_FAILED, 1, why.text);
	return NULL;
}

/* A look under way. */
struct look {
	struct daemon *daemon; /* borrowed: outlives the loop */
	struct control_call *call; /* to be answered */
	guest_looked_fn *fn; /* what to do then */
	void *arg; /* with what */
};

static void on_looked(void *arg, struct inspection *i)
{
	struct look *look = arg;
	struct guest *guest = daemon_find_guest(look->daemon, i->uuid.text);

	if (guest && i->measure.cells) {
		guest_take_measure(guest, i);
		adopt_take_state(guest, i);
		look->fn(look->daemon, look->call, guest, i, look->arg);
	} else {
		free(look->arg);
		control_fail(look->call, RPC_FAILED, 1,
			     "the guest has ended, or its memory may not be "
			     "looked at");
	}
	inspect_destroy(i);
	free(look);
}

void guest_look(struct daemon *daemon, struct control_call *call,
		struct guest *guest, struct measure_ask ask,
		guest_looked_fn *fn, void *arg)
{
	struct inspection *i;
	struct look *look;

	if (!guest->built.map) {
		fn(daemon, call, guest, NULL, arg);
		return;
	}
	look = xcalloc(1, sizeof(*look));
	*look = (struct look) {
		.daemon = daemon, .call = call, .fn = fn, .arg = arg
	};
	i = inspect_create(&daemon->sys, &guest->uuid);
	i->ask = ask;
	i->ask.round = guest->measure_rounds++;
	i->map = guest_map_ref(guest->built.map);
	adopt_ask_state(guest, i);
	i->done = on_looked;
	i->arg = look;
	if (identity_dup(&daemon->sys, &guest->identity, &i->known) == 0 &&
	    inspect_start(i, daemon->look_pool) == 0)
		return;
	on_looked(look, i); /* says what is wrong */
}
