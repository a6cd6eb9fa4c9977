/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small steps over a libxml2 tree, for guest/domain*.c only: find a child, read
 * an attribute, turn texts into numbers, sizes and lists with every limit
 * checked. Knows nothing of what the elements mean.
 */
#ifndef GUEST_DOMAIN_XML_H
#define GUEST_DOMAIN_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "why.h"

/* Parse len bytes without network, entities or a document type; the caller
 * frees with xmlFreeDoc(). -EINVAL with the reason. */
int xml_parse(const char *text, size_t len, xmlDoc **ret_doc, struct why *why);

/* First child element with this name and no namespace; NULL if none. A NULL
 * parent has no children. */
const xmlNode *xml_child(const xmlNode *parent, const char *name);

/* Next sibling element with the same name and no namespace; NULL at the end. */
const xmlNode *xml_next(const xmlNode *node);

/* The value of an attribute, or NULL; freed by the caller with xmlFree(). */
char *xml_attr(const xmlNode *node, const char *name);

/* True when the attribute is there and equals value. */
bool xml_attr_is(const xmlNode *node, const char *name, const char *value);

/* Copies an attribute into buf, "" when it is absent, cut when too long. */
void xml_attr_copy(const xmlNode *node, const char *name, char *buf,
		   size_t size);

/* An attribute as a whole number from 0 to max. *ret_value keeps its value when
 * the attribute is absent. -EINVAL otherwise. */
int xml_attr_number(const xmlNode *node, const char *name, uint64_t max,
		    uint64_t *ret_value, struct why *why);

/* The text of an element as a whole number from 0 to max; -EINVAL otherwise. */
int xml_number(const xmlNode *node, uint64_t max, uint64_t *ret_value,
	       struct why *why);

/* The text of an element with its unit attribute (KiB without one), in bytes.
 * -EINVAL: no number, unknown unit, or more than 2^64 - 1 bytes. */
int xml_size(const xmlNode *node, uint64_t *ret_bytes, struct why *why);

/* A number kept in attribute name, with the unit attribute, in bytes. As
 * xml_size(). */
int xml_attr_size(const xmlNode *node, const char *name, uint64_t *ret_bytes,
		  struct why *why);

/* A list such as "0-3,8" in attribute name: sets those of n_bits bits. -EINVAL:
 * malformed or beyond n_bits. An absent or empty attribute sets none. */
int xml_attr_list(const xmlNode *node, const char *name, uint64_t *bits,
		  size_t n_bits, struct why *why);

#endif
