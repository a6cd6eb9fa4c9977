/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws guest-physical memory as blocks, each coloured by the node that holds
 * most of it. Used by show.c.
 */
#ifndef CTL_MAP_H
#define CTL_MAP_H

#include <stdbool.h>

struct json_object;

/* guest's "map" member; says so when there is none. Colours on a terminal,
 * digits elsewhere. */
void map_print(struct json_object *guest);

#endif
