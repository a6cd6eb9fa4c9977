/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of qmp/query.c: QEMU's captured answers, and answers that lie. */
#include "qmp/query.h"

#include <errno.h>
#include <string.h>

#include "data.h"

static struct qmp_value *value_of(const char *json)
{
	char *line = xasprintf("{\"return\":%s}", json);
	struct qmp_value *value = NULL;

	ck_assert_msg(!qmp_reply_parse(line, strlen(line), &value, NULL), "%s",
		      json);
	free(line);
	return value;
}

static struct qmp_value *value_of_file(const char *name)
{
	struct qmp_value *value;
	size_t len;
	char *text = read_data(name, &len);

	ck_assert_int_eq(qmp_reply_parse(text, len, &value, NULL), 0);
	free(text);
	return value;
}

START_TEST(captured_versions_are_read)
{
	static const struct {
		const char *file;
		struct qmp_version version;
	} t[] = {
		{ "qemu72-pc-devices-query-version.json", { 7, 2, 22 } },
		{ "qemu100-pc-devices-query-version.json", { 10, 0, 2 } },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value = value_of_file(t[i].file);
		struct qmp_version v;

		ck_assert_int_eq(qmp_parse_version(value, &v, NULL), 0);
		ck_assert_uint_eq(v.major, t[i].version.major);
		ck_assert_uint_eq(v.minor, t[i].version.minor);
		ck_assert_uint_eq(v.micro, t[i].version.micro);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(run_states_are_grouped_by_what_matters_to_us)
{
	static const struct {
		const char *json;
		int rc;
		enum qmp_run_state state;
	} t[] = {
		{ "{\"status\":\"running\",\"running\":true}", 0, QMP_RUNNING },
		{ "{\"status\":\"paused\",\"running\":false}", 0, QMP_PAUSED },
		{ "{\"status\":\"inmigrate\",\"running\":false}", 0,
		  QMP_INCOMING },
		{ "{\"status\":\"finish-migrate\",\"running\":false}", 0,
		  QMP_LEAVING },
		{ "{\"status\":\"save-vm\",\"running\":false}", 0, QMP_SAVING },
		{ "{\"status\":\"suspended\",\"running\":false}", 0,
		  QMP_STOPPED },
		{ "{\"status\":\"not-yet-invented\",\"running\":false}", 0,
		  QMP_STOPPED },
		{ "{\"status\":\"paused\",\"running\":true}", -EBADMSG, 0 },
		{ "{\"status\":\"running\",\"running\":false}", -EBADMSG, 0 },
		{ "{\"status\":\"running\"}", -EBADMSG, 0 },
		{ "{\"status\":1,\"running\":true}", -EBADMSG, 0 },
		{ "{\"status\":\"running\",\"running\":1}", -EBADMSG, 0 },
		{ "[]", -EBADMSG, 0 },
		{ "null", -EBADMSG, 0 },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value = value_of(t[i].json);
		struct qmp_status status;

		ck_assert_msg(qmp_parse_status(value, &status, NULL) == t[i].rc,
			      "%s", t[i].json);
		if (!t[i].rc)
			ck_assert_int_eq(status.state, t[i].state);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(captured_states_before_the_start_are_paused)
{
	static const char *const files[] = {
		"qemu72-pc-devices-query-status.json",
		"qemu100-pc-devices-query-status.json",
		"qemu72-none-query-status.json",
	};

	for (size_t i = 0; i < COUNT(files); i++) {
		struct qmp_value *value = value_of_file(files[i]);
		struct qmp_status status;

		ck_assert_int_eq(qmp_parse_status(value, &status, NULL), 0);
		ck_assert_int_eq(status.state, QMP_PAUSED);
		ck_assert_str_eq(status.name, "prelaunch");
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(captured_vcpus_have_threads_and_cells)
{
	struct qmp_value *value =
		value_of_file("qemu72-pc-2node-query-cpus-fast.json");
	struct qmp_cpus cpus;

	ck_assert_int_eq(qmp_parse_cpus(value, &cpus, NULL), 0);
	ck_assert_uint_eq(cpus.n, 4);
	for (unsigned int i = 0; i < cpus.n; i++) {
		ck_assert_uint_eq(cpus.cpus[i].index, i);
		ck_assert_int_gt(cpus.cpus[i].tid, 0);
		ck_assert_int_eq(cpus.cpus[i].cell, i / 2);
	}
	qmp_cpus_finish(&cpus);
	qmp_value_free(value);

	value = value_of_file("qemu72-virt-2node-query-cpus-fast.json");
	ck_assert_int_eq(qmp_parse_cpus(value, &cpus, NULL), 0);
	ck_assert_uint_eq(cpus.n, 2);
	ck_assert_int_eq(cpus.cpus[1].cell, 1);
	qmp_cpus_finish(&cpus);
	qmp_value_free(value);

	value = value_of_file("qemu72-none-query-cpus-fast.json");
	ck_assert_int_eq(qmp_parse_cpus(value, &cpus, NULL), 0);
	ck_assert_uint_eq(cpus.n, 0);
	qmp_cpus_finish(&cpus);
	qmp_value_free(value);
}
END_TEST

START_TEST(vcpus_with_implausible_numbers_are_refused)
{
	static const struct {
		const char *json;
		int rc;
	} t[] = {
		{ "[{\"cpu-index\":0,\"thread-id\":10}]", 0 },
		{ "[{\"cpu-index\":0,\"thread-id\":10,\"props\":{}}]", 0 },
		{ "[{\"cpu-index\":0,\"thread-id\":9},"
		  "{\"cpu-index\":1,\"thread-id\":9}]",
		  0 },
		{ "[{\"cpu-index\":0,\"thread-id\":9},"
		  "{\"cpu-index\":0,\"thread-id\":8}]",
		  -EBADMSG },
		{ "[{\"cpu-index\":4096,\"thread-id\":10}]", -EBADMSG },
		{ "[{\"cpu-index\":-1,\"thread-id\":10}]", -EBADMSG },
		{ "[{\"cpu-index\":0,\"thread-id\":0}]", -EBADMSG },
		{ "[{\"cpu-index\":0,\"thread-id\":-1}]", -EBADMSG },
		{ "[{\"cpu-index\":0,\"thread-id\":4294967297}]", -EBADMSG },
		{ "[{\"cpu-index\":0,\"thread-id\":1.5}]", -EBADMSG },
		{ "[{\"cpu-index\":0}]", -EBADMSG },
		{ "[{\"cpu-index\":0,\"thread-id\":1,"
		  "\"props\":{\"node-id\":128}}]",
		  -EBADMSG },
		{ "[{\"cpu-index\":0,\"thread-id\":1,"
		  "\"props\":{\"node-id\":\"0\"}}]",
		  -EBADMSG },
		{ "[null]", -EBADMSG },
		{ "[[]]", -EBADMSG },
		{ "{}", -EBADMSG },
		{ "\"x\"", -EBADMSG },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value = value_of(t[i].json);
		struct qmp_cpus cpus = { 0 };
		struct why why = { "" };

		ck_assert_msg(qmp_parse_cpus(value, &cpus, &why) == t[i].rc,
			      "%s", t[i].json);
		ck_assert_int_eq(*why.text != '\0', t[i].rc != 0);
		qmp_cpus_finish(&cpus);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(a_list_of_over_4096_elements_is_refused)
{
	char *json = xcalloc(1, 3 * 4097 + 3);
	struct qmp_value *value;
	struct qmp_cpus cpus;
	struct qmp_memdevs memdevs;
	struct qmp_memory_devices devices;
	struct why why;

	strcpy(json, "[{}");
	for (size_t i = 0; i < 4096; i++)
		memcpy(json + 3 + 3 * i, ",{}", 3);
	strcpy(json + 3 + 3 * 4096, "]");
	value = value_of(json);
	ck_assert_int_eq(qmp_parse_cpus(value, &cpus, &why), -EBADMSG);
	ck_assert(strstr(why.text, "too many") != NULL);
	ck_assert_int_eq(qmp_parse_memdevs(value, &memdevs, &why), -EBADMSG);
	ck_assert(strstr(why.text, "too many") != NULL);
	ck_assert_int_eq(qmp_parse_memory_devices(value, &devices, &why),
			 -EBADMSG);
	ck_assert(strstr(why.text, "too many") != NULL);
	qmp_value_free(value);
	free(json);
}
END_TEST

START_TEST(captured_memory_devices_are_read)
{
	static const char *const files[] = {
		"qemu72-pc-devices-query-memory-devices.json",
		"qemu100-pc-devices-query-memory-devices.json",
	};

	for (size_t i = 0; i < COUNT(files); i++) {
		struct qmp_value *value = value_of_file(files[i]);
		struct qmp_memory_devices list;
		const struct qmp_memory_device *d;

		ck_assert_int_eq(qmp_parse_memory_devices(value, &list, NULL),
				 0);
		ck_assert_uint_eq(list.n, 3);
		d = list.devices;
		ck_assert_int_eq(d[0].kind, QMP_DIMM);
		ck_assert_str_eq(d[0].id, "dimm0");
		ck_assert_str_eq(d[0].memdev, "memdimm0");
		ck_assert_uint_eq(d[0].start.v, 6 * GIB);
		ck_assert_uint_eq(d[0].size_bytes, 256 * MIB);
		ck_assert_uint_eq(d[0].max_bytes, 256 * MIB);
		ck_assert_int_eq(d[0].cell, 1);
		ck_assert_int_eq(d[1].kind, QMP_NVDIMM);
		ck_assert_int_eq(d[2].kind, QMP_VIRTIO_MEM);
		ck_assert_uint_eq(d[2].start.v, 0x198000000);
		ck_assert_uint_eq(d[2].size_bytes, 0);
		ck_assert_uint_eq(d[2].max_bytes, GIB);
		ck_assert_int_eq(d[2].cell, 0);
		qmp_memory_devices_finish(&list);
		qmp_value_free(value);
	}
}
END_TEST

#define DEVICE(type, data) "[{\"type\":\"" type "\",\"data\":{" data "}}]"

START_TEST(memory_devices_with_implausible_places_are_refused)
{
	static const struct {
		const char *json;
		int rc;
	} t[] = {
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":4096,"
				 "\"size\":4096"),
		  0 },
		{ DEVICE("virtio-pmem", "\"memdev\":\"/objects/m\","
					"\"memaddr\":4096,\"size\":4096"),
		  0 },
		{ DEVICE("hv-balloon", "\"max-size\":-3"), 0 },
		{ "[{\"type\":\"dimm\"}]", -EBADMSG },
		{ DEVICE("dimm", "\"addr\":4096,\"size\":4096"), -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"/objects/\",\"addr\":4096,"
				 "\"size\":4096"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":4096,\"size\":0"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":4097,"
				 "\"size\":4096"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":4096,"
				 "\"size\":4095"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":4096,"
				 "\"size\":1125899906842624"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\","
				 "\"addr\":4503599627370496,\"size\":4096"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":"
				 "18446744073709547520,\"size\":8192"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"addr\":-4096,"
				 "\"size\":4096"),
		  -EBADMSG },
		{ DEVICE("dimm", "\"memdev\":\"m\",\"memaddr\":4096,"
				 "\"size\":4096"),
		  -EBADMSG },
		{ DEVICE("virtio-mem", "\"memdev\":\"m\",\"memaddr\":4096,"
				       "\"size\":8192,\"max-size\":4096"),
		  -EBADMSG },
		{ DEVICE("virtio-mem", "\"memdev\":\"m\",\"memaddr\":4096,"
				       "\"size\":0"),
		  -EBADMSG },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value = value_of(t[i].json);
		struct qmp_memory_devices devices = { 0 };

		ck_assert_msg(qmp_parse_memory_devices(value, &devices, NULL) ==
				      t[i].rc,
			      "%s", t[i].json);
		qmp_memory_devices_finish(&devices);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(captured_backends_are_read)
{
	struct qmp_value *value =
		value_of_file("qemu72-pc-devices-query-memdev.json");
	struct qmp_memdevs list;

	ck_assert_int_eq(qmp_parse_memdevs(value, &list, NULL), 0);
	ck_assert_uint_eq(list.n, 5);
	ck_assert_str_eq(list.memdevs[1].id, "ram-node1");
	ck_assert_uint_eq(list.memdevs[1].size_bytes, 2560 * MIB);
	ck_assert(list.memdevs[1].is_shared);
	ck_assert(!list.memdevs[0].is_shared);
	ck_assert(node_mask_is_empty(list.memdevs[0].host_nodes));
	ck_assert_str_eq(list.memdevs[0].policy, "default");
	qmp_memdevs_finish(&list);
	qmp_value_free(value);

	value = value_of_file("qemu72-q35-bind-query-memdev.json");
	ck_assert_int_eq(qmp_parse_memdevs(value, &list, NULL), 0);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_uint_eq(list.memdevs[0].host_nodes.bits, 1);
	ck_assert_str_eq(list.memdevs[0].policy, "bind");
	qmp_memdevs_finish(&list);
	qmp_value_free(value);
}
END_TEST

START_TEST(backends_with_implausible_numbers_are_refused)
{
	static const struct {
		const char *json;
		int rc;
	} t[] = {
		{ "[{\"size\":0,\"host-nodes\":[],\"policy\":\"default\"}]",
		  0 },
		{ "[{\"size\":1,\"host-nodes\":[63],\"policy\":\"bind\"}]", 0 },
		{ "[{\"size\":1,\"host-nodes\":[64],\"policy\":\"bind\"}]",
		  -EBADMSG },
		{ "[{\"size\":1,\"host-nodes\":[-1],\"policy\":\"bind\"}]",
		  -EBADMSG },
		{ "[{\"size\":1,\"host-nodes\":\"0\",\"policy\":\"bind\"}]",
		  -EBADMSG },
		{ "[{\"size\":1,\"host-nodes\":[],\"policy\":0}]", -EBADMSG },
		{ "[{\"size\":-1,\"host-nodes\":[],\"policy\":\"bind\"}]",
		  -EBADMSG },
		{ "[{\"size\":1,\"host-nodes\":[],\"policy\":\"bind\","
		  "\"share\":1}]",
		  -EBADMSG },
		{ "[{\"size\":1,\"host-nodes\":[],\"policy\":\"bind\","
		  "\"id\":\"a\\u0007\"}]",
		  -EBADMSG },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value = value_of(t[i].json);
		struct qmp_memdevs memdevs = { 0 };

		ck_assert_msg(qmp_parse_memdevs(value, &memdevs, NULL) ==
				      t[i].rc,
			      "%s", t[i].json);
		qmp_memdevs_finish(&memdevs);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(a_migration_is_active_unless_known_to_have_ended)
{
	static const struct {
		const char *json;
		int rc;
		enum qmp_migration migration;
	} t[] = {
		{ "{}", 0, QMP_MIGRATION_NONE },
		{ "{\"status\":\"none\"}", 0, QMP_MIGRATION_NONE },
		{ "{\"status\":\"completed\"}", 0, QMP_MIGRATION_NONE },
		{ "{\"status\":\"cancelled\"}", 0, QMP_MIGRATION_NONE },
		{ "{\"status\":\"failed\"}", 0, QMP_MIGRATION_NONE },
		{ "{\"status\":\"setup\"}", 0, QMP_MIGRATION_ACTIVE },
		{ "{\"status\":\"active\"}", 0, QMP_MIGRATION_ACTIVE },
		{ "{\"status\":\"cancelling\"}", 0, QMP_MIGRATION_ACTIVE },
		{ "{\"status\":\"new-in-qemu-11\"}", 0, QMP_MIGRATION_ACTIVE },
		{ "{\"status\":\"postcopy-paused\"}", 0,
		  QMP_MIGRATION_POSTCOPY },
		{ "{\"status\":3}", -EBADMSG, 0 },
		{ "[]", -EBADMSG, 0 },
		{ "null", -EBADMSG, 0 },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value = value_of(t[i].json);
		enum qmp_migration migration;

		ck_assert_msg(qmp_parse_migration(value, &migration, NULL) ==
				      t[i].rc,
			      "%s", t[i].json);
		if (!t[i].rc)
			ck_assert_int_eq(migration, t[i].migration);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(a_human_answer_is_plain_text)
{
	struct qmp_value *value = value_of("\"two\\r\\nlines\"");
	const char *text;
	size_t len;

	ck_assert_int_eq(qmp_parse_hmp(value, &text, &len, NULL), 0);
	ck_assert_str_eq(text, "two\r\nlines");
	ck_assert_uint_eq(len, 10);
	qmp_value_free(value);
	value = value_of("\"a\\u0000b\"");
	ck_assert_int_eq(qmp_parse_hmp(value, &text, &len, NULL), -EBADMSG);
	qmp_value_free(value);
	ck_assert_int_eq(qmp_parse_hmp(NULL, &text, &len, NULL), -EBADMSG);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("query");
	Suite *suite = suite_create("qmp/query");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, captured_versions_are_read);
	tcase_add_test(cases, run_states_are_grouped_by_what_matters_to_us);
	tcase_add_test(cases, captured_states_before_the_start_are_paused);
	tcase_add_test(cases, captured_vcpus_have_threads_and_cells);
	tcase_add_test(cases, vcpus_with_implausible_numbers_are_refused);
	tcase_add_test(cases, a_list_of_over_4096_elements_is_refused);
	tcase_add_test(cases, captured_memory_devices_are_read);
	tcase_add_test(cases,
		       memory_devices_with_implausible_places_are_refused);
	tcase_add_test(cases, captured_backends_are_read);
	tcase_add_test(cases, backends_with_implausible_numbers_are_refused);
	tcase_add_test(cases, a_migration_is_active_unless_known_to_have_ended);
	tcase_add_test(cases, a_human_answer_is_plain_text);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
