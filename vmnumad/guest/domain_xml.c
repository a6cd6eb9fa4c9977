/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps over a libxml2 tree that trust nothing in it; see domain_xml.h. No
 * element has a meaning here.
 */
#include "guest/domain_xml.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#define ATTRIBUTES_MAX 2048

/* A document type is the door to entities, and libvirt never writes one. */
static void on_document_type(void *ctx, const xmlChar *name,
			     const xmlChar *external_id,
			     const xmlChar *system_id)
{
	xmlStopParser(ctx);
}

/*
 * libxml2 (seen in 2.9.14) compares each attribute of an element with all
 * others, so an element with very many of them would hold us for minutes. An
 * attribute takes an equals sign and cannot hold a raw '<'.
 */
static bool has_short_elements(const char *text, size_t len)
{
	size_t n_equals = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '<')
			n_equals = 0;
		else if (text[i] == '=' && ++n_equals > ATTRIBUTES_MAX)
			return false;
	}
	return true;
}

static void why_not_xml(xmlParserCtxt *ctxt, struct why *why)
{
	const xmlError *error = xmlCtxtGetLastError(ctxt);
	const char *text = error && error->message ? error->message : "";

	why_set(why, "domain XML is malformed in line %d: %.*s",
		error ? error->line : 0, (int)strcspn(text, "\n"), text);
}

int xml_parse(const char *text, size_t len, xmlDoc **ret_doc, struct why *why)
{
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR |
			    XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
	xmlParserCtxt *ctxt;
	xmlDoc *doc;
	int err = 0;

	if (len > INT_MAX || !has_short_elements(text, len)) {
		why_set(why, "domain XML has an element of over %d attributes",
			ATTRIBUTES_MAX);
		return -EINVAL;
	}
	ctxt = xmlNewParserCtxt();
	if (!ctxt)
		abort();
	ctxt->sax->internalSubset = on_document_type;
	doc = xmlCtxtReadMemory(ctxt, text, (int)len, NULL, NULL, options);
	if (ctxt->disableSAX && ctxt->errNo == XML_ERR_USER_STOP) {
		why_set(why, "domain XML has a document type, which libvirt "
			     "never writes");
		err = -EINVAL;
	} else if (!doc || !xmlDocGetRootElement(doc)) {
		why_not_xml(ctxt, why);
		err = -EINVAL;
	}
	xmlFreeParserCtxt(ctxt);
	if (err)
		xmlFreeDoc(doc);
	else
		*ret_doc = doc;
	return err;
}

static const xmlNode *find_from(const xmlNode *node, const xmlChar *name)
{
	for (; node; node = node->next) {
		if (node->type == XML_ELEMENT_NODE && !node->ns &&
		    xmlStrEqual(node->name, name))
			return node;
	}
	return NULL;
}

const xmlNode *xml_child(const xmlNode *parent, const char *name)
{
	return parent ? find_from(parent->children, BAD_CAST name) : NULL;
}

const xmlNode *xml_next(const xmlNode *node)
{
	return find_from(node->next, node->name);
}

char *xml_attr(const xmlNode *node, const char *name)
{
	return node ? (char *)xmlGetNoNsProp(node, BAD_CAST name) : NULL;
}

bool xml_attr_is(const xmlNode *node, const char *name, const char *value)
{
	char *text = xml_attr(node, name);
	bool is_equal = text && strcmp(text, value) == 0;

	xmlFree(text);
	return is_equal;
}

void xml_attr_copy(const xmlNode *node, const char *name, char *buf,
		   size_t size)
{
	char *text = xml_attr(node, name);

	snprintf(buf, size, "%s", text ? text : "");
	xmlFree(text);
}

/* Digits only: strtoull() alone would take signs and wrap negative numbers. */
static int parse_number(const char *text, uint64_t max, const char **ret_end,
			uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || value > max)
		return -EINVAL;
	*ret_end = end;
	*ret_value = value;
	return 0;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static int whole_number(const xmlNode *node, const char *what, const char *text,
			uint64_t max, uint64_t *ret_value, struct why *why)
{
	uint64_t value;
	const char *end;

	if (parse_number(text, max, &end, &value) || !is_blank(end)) {
		why_set(why,
			"domain XML line %ld: %s is '%.40s', not a number "
			"from 0 to %llu",
			xmlGetLineNo(node), what, text,
			(unsigned long long)max);
		return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

int xml_attr_number(const xmlNode *node, const char *name, uint64_t max,
		    uint64_t *ret_value, struct why *why)
{
	char *text = xml_attr(node, name);
	int err = 0;

	if (text)
		err = whole_number(node, name, text, max, ret_value, why);
	xmlFree(text);
	return err;
}

int xml_number(const xmlNode *node, uint64_t max, uint64_t *ret_value,
	       struct why *why)
{
	char *text = (char *)xmlNodeGetContent(node);
	int err = whole_number(node, (const char *)node->name, text ? text : "",
			       max, ret_value, why);

	xmlFree(text);
	return err;
}

/* The units of libvirt's formatdomain page; case does not matter there. */
static uint64_t unit_bytes(const char *unit)
{
	static const char letters[] = "kmgtpe";
	uint64_t bytes = 1;
	const char *at;
	uint64_t step;

	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "bytes"))
		return 1;
	at = *unit ? strchr(letters, tolower((unsigned char)*unit)) : NULL;
	if (!at)
		return 0;
	if (unit[1] == '\0' || !strcasecmp(unit + 1, "ib"))
		step = 1024;
	else if (!strcasecmp(unit + 1, "b"))
		step = 1000;
	else
		return 0;
	for (long i = 0; i <= at - letters; i++)
		bytes *= step;
	return bytes;
}

static int scale(const xmlNode *node, uint64_t value, uint64_t *ret_bytes,
		 struct why *why)
{
	char unit[16];
	uint64_t bytes;

	xml_attr_copy(node, "unit", unit, sizeof(unit));
	bytes = unit_bytes(*unit ? unit : "KiB");
	if (!bytes || __builtin_mul_overflow(value, bytes, &bytes)) {
		why_set(why,
			"domain XML line %ld: %llu '%s' is no size in bytes",
			xmlGetLineNo(node), (unsigned long long)value, unit);
		return -EINVAL;
	}
	*ret_bytes = bytes;
	return 0;
}

int xml_size(const xmlNode *node, uint64_t *ret_bytes, struct why *why)
{
	uint64_t value;
	int err = xml_number(node, UINT64_MAX, &value, why);

	return err ? err : scale(node, value, ret_bytes, why);
}

int xml_attr_size(const xmlNode *node, const char *name, uint64_t *ret_bytes,
		  struct why *why)
{
	uint64_t value = 0;
	int err = xml_attr_number(node, name, UINT64_MAX, &value, why);

	return err ? err : scale(node, value, ret_bytes, why);
}

/* One "N" or "N-M" of a list. */
static int parse_range(const char **text, uint64_t *bits, size_t n_bits)
{
	uint64_t first;
	uint64_t last;
	int err = parse_number(*text, n_bits - 1, text, &first);

	last = first;
	if (!err && **text == '-')
		err = parse_number(*text + 1, n_bits - 1, text, &last);
	if (err || last < first)
		return -EINVAL;
	for (uint64_t i = first; i <= last; i++)
		bits[i / 64] |= 1ull << (i % 64);
	return 0;
}

static int parse_list(const char *text, uint64_t *bits, size_t n_bits)
{
	while (!parse_range(&text, bits, n_bits)) {
		if (is_blank(text))
			return 0;
		if (*text++ != ',')
			break;
	}
	return -EINVAL;
}

int xml_attr_list(const xmlNode *node, const char *name, uint64_t *bits,
		  size_t n_bits, struct why *why)
{
	char *text = xml_attr(node, name);
	int err = 0;

	if (text && !is_blank(text))
		err = parse_list(text, bits, n_bits);
	if (err)
		why_set(why,
			"domain XML line %ld: %s is '%.40s', not a list of "
			"numbers below %zu",
			xmlGetLineNo(node), name, text, n_bits);
	xmlFree(text);
	return err;
}
