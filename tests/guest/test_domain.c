/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/domain.c: what real domain XML texts of tests/data/domain/ and pieces
 * put into a minimal one are read as, and that hostile texts are refused with
 * words, without a hang.
 */
#include "guest/domain.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define HEAD                                                                   \
	"<domain type='kvm' id='7'><name>g</name>"                             \
	"<uuid>5171F5F5-2352-4904-8719-ad9202c0eb0e</uuid>"
#define MINIMAL HEAD "<memory unit='KiB'>1048576</memory><vcpu>4</vcpu>"
#define TAIL    "</domain>"

static struct domain_info parse_ok(const char *text)
{
	struct domain_info info;
	struct why why = { "" };
	int err = domain_parse(text, strlen(text), &info, &why);

	ck_assert_msg(err == 0, "%d: %s", err, why.text);
	return info;
}

static struct domain_info parse_piece(const char *piece)
{
	autofree char *text = xasprintf("%s%s%s", MINIMAL, piece, TAIL);

	return parse_ok(text);
}

static struct domain_info parse_file(const char *name)
{
	autofree char *path = xasprintf("%s/domain/%s", TEST_DATA, name);
	static char text[65536];
	FILE *file = fopen(path, "r");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return parse_ok(text);
}

START_TEST(guest_without_numa_has_one_cell_with_everything)
{
	struct domain_info info = parse_file("qemu-plain.xml");

	ck_assert_str_eq(info.name, "plain");
	ck_assert_str_eq(info.uuid.text,
			 "99a42d16-2cb7-46cf-9e95-97d51e53efc4");
	ck_assert_int_eq(info.type, DOMAIN_QEMU);
	ck_assert_int_eq(info.id, 1);
	ck_assert_str_eq(info.machine, "pc-i440fx-7.2");
	ck_assert_str_eq(info.arch, "x86_64");
	ck_assert_uint_eq(info.n_cells, 1);
	ck_assert(!info.has_vnuma);
	ck_assert_uint_eq(info.cells[0].size_bytes, 64 * MIB);
	ck_assert_uint_eq(info.vcpus_max, 2);
	ck_assert_uint_eq(info.vcpus_now, 2);
	ck_assert_uint_eq(info.vcpu_cells[0], 0);
	ck_assert_uint_eq(info.vcpu_cells[1], 0);
	ck_assert_int_eq(info.source, DOMAIN_ANON);
	ck_assert(info.is_merged);
	ck_assert_int_eq(domain_cell_tune(&info, 0)->mode, DOMAIN_TUNE_NONE);
	ck_assert_str_eq(info.confidential, "");
	ck_assert_str_eq(info.pinned_by, "");
	ck_assert(!info.policy.has_follow && !info.policy.has_rehome);
	domain_finish(&info);
}
END_TEST

START_TEST(cells_backing_and_devices_of_a_live_guest_are_read)
{
	struct domain_info info = parse_file("qemu-vnuma-devices.xml");

	ck_assert(info.has_vnuma);
	ck_assert_uint_eq(info.n_cells, 2);
	ck_assert_uint_eq(info.memory_bytes, 896 * MIB);
	ck_assert_uint_eq(info.current_bytes, 384 * MIB);
	ck_assert_uint_eq(info.cells[1].size_bytes, 128 * MIB);
	ck_assert_uint_eq(info.vcpus_max, 4);
	ck_assert_uint_eq(info.vcpus_now, 3);
	ck_assert_uint_eq(info.vcpu_cells[1], 0);
	ck_assert_uint_eq(info.vcpu_cells[2], 1);
	ck_assert_int_eq(info.source, DOMAIN_MEMFD);
	ck_assert(!info.is_merged);
	ck_assert(info.cells[0].is_shared);
	ck_assert(!info.cells[1].is_shared);
	ck_assert_uint_eq(info.n_memories, 2);
	ck_assert_str_eq(info.memories[0].model, "dimm");
	ck_assert_str_eq(info.memories[0].alias, "dimm0");
	ck_assert_int_eq(info.memories[0].cell, 1);
	ck_assert_uint_eq(info.memories[0].current_bytes, 128 * MIB);
	ck_assert_str_eq(info.memories[1].model, "virtio-mem");
	ck_assert_uint_eq(info.memories[1].size_bytes, 512 * MIB);
	ck_assert_uint_eq(info.memories[1].current_bytes, 0);
	ck_assert_int_eq(domain_cell_tune(&info, 0)->mode,
			 DOMAIN_TUNE_PREFERRED);
	ck_assert_int_eq(domain_cell_tune(&info, 1)->mode, DOMAIN_TUNE_STRICT);
	domain_finish(&info);
}
END_TEST

START_TEST(hugepages_numatune_and_policy_are_read)
{
	struct domain_info info = parse_file("test-hugepages-strict.xml");

	ck_assert_int_eq(info.type, DOMAIN_OTHER);
	ck_assert(!info.cells[0].is_hugetlb);
	ck_assert(info.cells[1].is_hugetlb);
	ck_assert_uint_eq(info.cells[1].huge_bytes, 2 * MIB);
	ck_assert(info.cells[1].is_shared);
	ck_assert(info.is_locked);
	ck_assert_int_eq(info.tune.mode, DOMAIN_TUNE_STRICT);
	ck_assert_uint_eq(info.tune.nodes.bits, 3);
	ck_assert_int_eq(info.cells[1].tune.mode, DOMAIN_TUNE_PREFERRED);
	ck_assert_uint_eq(info.cells[1].tune.nodes.bits, 2);
	ck_assert(info.policy.has_follow);
	ck_assert_int_eq(info.policy.follow, MODE_PIN);
	ck_assert(info.policy.has_rehome && info.policy.is_rehome);
	ck_assert_str_eq(info.policy.wrong.text, "");
	domain_finish(&info);
}
END_TEST

START_TEST(guest_of_the_test_driver_is_read)
{
	struct domain_info info = parse_file("test-default.xml");

	ck_assert_str_eq(info.name, "test");
	ck_assert_uint_eq(info.memory_bytes, 8 * GIB);
	ck_assert_uint_eq(info.current_bytes, 2 * GIB);
	ck_assert_str_eq(info.machine, "");
	domain_finish(&info);
}
END_TEST

START_TEST(hugepages_without_a_size_mean_the_hosts_default)
{
	struct domain_info info =
		parse_piece("<memoryBacking><hugepages/></memoryBacking>");

	ck_assert(info.cells[0].is_hugetlb);
	ck_assert_uint_eq(info.cells[0].huge_bytes, 0);
	domain_finish(&info);
}
END_TEST

START_TEST(page_without_nodeset_is_for_cells_that_none_names)
{
	struct domain_info info =
		parse_piece("<cpu><numa><cell id='0' cpus='0' memory='1'/>"
			    "<cell id='1' cpus='1' memory='1'/>"
			    "<cell id='2' cpus='2' memory='1'/></numa></cpu>"
			    "<memoryBacking><hugepages>"
			    "<page size='4' unit='KiB' nodeset='2'/>"
			    "<page size='1' unit='GiB' nodeset='1'/>"
			    "<page size='2048' unit='KiB'/>"
			    "</hugepages></memoryBacking>");

	ck_assert_uint_eq(info.cells[0].huge_bytes, 2 * MIB);
	ck_assert_uint_eq(info.cells[1].huge_bytes, GIB);
	ck_assert(!info.cells[2].is_hugetlb);
	domain_finish(&info);
}
END_TEST

START_TEST(cells_are_found_by_id_and_unclaimed_vcpus_go_to_cell_0)
{
	struct domain_info info = parse_piece(
		"<cpu><numa><cell id='1' cpus='1,3' memory='2' unit='MiB'/>"
		"<cell id='0' cpus='0' memory='1' unit='MiB'/></numa></cpu>");

	ck_assert_uint_eq(info.cells[0].size_bytes, MIB);
	ck_assert_uint_eq(info.cells[1].size_bytes, 2 * MIB);
	ck_assert_uint_eq(info.vcpu_cells[1], 1);
	ck_assert_uint_eq(info.vcpu_cells[2], 0);
	ck_assert_uint_eq(info.vcpu_cells[3], 1);
	domain_finish(&info);
}
END_TEST

START_TEST(uuid_is_lower_case_and_a_guest_that_is_off_has_no_id)
{
	struct domain_info info = parse_ok(
		"<domain type='kvm'><name>a&lt;b \xc3\xa9</name>"
		"<uuid>5171F5F5-2352-4904-8719-AD9202C0EB0E</uuid>"
		"<memory unit='b'>4096</memory><vcpu>1</vcpu></domain>");

	ck_assert_str_eq(info.uuid.text,
			 "5171f5f5-2352-4904-8719-ad9202c0eb0e");
	ck_assert_str_eq(info.name, "a<b \xc3\xa9");
	ck_assert_int_eq(info.id, -1);
	ck_assert_int_eq(info.type, DOMAIN_KVM);
	ck_assert_uint_eq(info.memory_bytes, 4096);
	domain_finish(&info);
}
END_TEST

static const struct {
	const char *piece; /* put into a minimal domain */
	const char *pinned_by; /* what is then read */
	const char *shared_with;
	const char *confidential;
} device_cases[] = {
	{ "<launchSecurity type='sev'><policy>3</policy></launchSecurity>", "",
	  "", "sev" },
	{ "<launchSecurity type='sev-snp' kernelHashes='yes'>"
	  "<policy>0x00030000</policy><cbitpos>51</cbitpos>"
	  "<reducedPhysBits>1</reducedPhysBits></launchSecurity>",
	  "", "", "sev-snp" },
	{ "<launchSecurity type='tdx'/>", "", "", "tdx" },
	{ "<launchSecurity type='s390-pv'/>", "", "", "s390-pv" },
	{ "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
	  "<q:arg value='-machine'/>"
	  "<q:arg value='confidential-guest-support=tdx0'/>"
	  "</q:commandline>",
	  "", "", "confidential" },
	{ "<devices><hostdev mode='subsystem' type='usb'/></devices>", "", "",
	  "" },
	{ "<devices><hostdev mode='subsystem' type='usb'/>"
	  "<hostdev mode='subsystem' type='pci' managed='yes'/></devices>",
	  "hostdev pci", "", "" },
	{ "<devices><hostdev type='mdev'/></devices>", "hostdev mdev", "", "" },
	{ "<devices><interface type='hostdev'/></devices>", "interface hostdev",
	  "", "" },
	{ "<devices><interface type='vdpa'/></devices>", "interface vdpa", "",
	  "" },
	{ "<devices><disk type='nvme'/></devices>", "disk nvme", "", "" },
	{ "<devices><interface type='bridge'/><interface type='vhostuser'/>"
	  "</devices>",
	  "", "interface vhostuser", "" },
	{ "<devices><filesystem type='mount'><driver type='virtiofs'/>"
	  "</filesystem></devices>",
	  "", "filesystem virtiofs", "" },
	{ "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
	  "<q:arg value='-device'/><q:arg value='vfio-pci,host=1'/>"
	  "</q:commandline>",
	  "vfio on the command line", "", "" },
};

START_TEST(device_that_keeps_memory_in_place_is_seen)
{
	struct domain_info info = parse_piece(device_cases[_i].piece);

	ck_assert_str_eq(info.pinned_by, device_cases[_i].pinned_by);
	ck_assert_str_eq(info.shared_with, device_cases[_i].shared_with);
	ck_assert_str_eq(info.confidential, device_cases[_i].confidential);
	domain_finish(&info);
}
END_TEST

static const struct {
	const char *element; /* in <metadata>; v is our namespace */
	bool has_follow;
	enum guest_mode follow;
	bool has_rehome;
	bool is_rehome;
	const char *wrong; /* part of the words, "" for none */
} policy_cases[] = {
	{ "<v:policy follow='auto'/>", true, MODE_AUTO, false, false, "" },
	{ "<v:policy follow='observe'/>", true, MODE_OBSERVE, false, false,
	  "" },
	{ "<v:policy follow='off' rehome='no'/>", true, MODE_OFF, true, false,
	  "" },
	{ "<v:policy rehome='yes'/>", false, MODE_AUTO, true, true, "" },
	{ "<v:policy/>", false, MODE_AUTO, false, false, "" },
	{ "<v:policy follow='Auto'/>", false, MODE_AUTO, false, false,
	  "follow='Auto'" },
	{ "<v:policy rehome='yes' follow=''/>", false, MODE_AUTO, false, false,
	  "follow=''" },
	{ "<v:policy folow='off'/>", false, MODE_AUTO, false, false,
	  "folow='off'" },
	{ "<v:polizy follow='off'/>", false, MODE_AUTO, false, false,
	  "<polizy>" },
	{ "<policy xmlns='urn:vmnumad:policy:1' follow='pin'/>", true, MODE_PIN,
	  false, false, "" },
	{ "<policy follow='off'/>", false, MODE_AUTO, false, false, "" },
	{ "<o:policy xmlns:o='urn:other' follow='off'/>", false, MODE_AUTO,
	  false, false, "" },
	{ "<o:x xmlns:o='urn:o'><v:policy follow='off'/></o:x>", false,
	  MODE_AUTO, false, false, "" },
};

START_TEST(policy_counts_wholly_or_not_at_all)
{
	autofree char *piece =
		xasprintf("<metadata xmlns:v='%s'>%s</metadata>",
			  DOMAIN_POLICY_URI, policy_cases[_i].element);
	struct domain_info info = parse_piece(piece);
	const struct domain_policy *p = &info.policy;

	ck_assert_int_eq(p->has_follow, policy_cases[_i].has_follow);
	ck_assert_int_eq(p->follow, policy_cases[_i].follow);
	ck_assert_int_eq(p->has_rehome, policy_cases[_i].has_rehome);
	ck_assert_int_eq(p->is_rehome, policy_cases[_i].is_rehome);
	if (*policy_cases[_i].wrong)
		ck_assert_ptr_nonnull(
			strstr(p->wrong.text, policy_cases[_i].wrong));
	else
		ck_assert_str_eq(p->wrong.text, "");
	domain_finish(&info);
}
END_TEST

static const struct {
	const char *text; /* the whole text */
	const char *why; /* part of the words */
} bad_texts[] = {
	{ "", "malformed" },
	{ "domain", "malformed" },
	{ "<domain>", "malformed" },
	{ "<domstatus/>", "root is <domstatus>" },
	{ "<domain/>", "<uuid>" },
	{ "<domain><uuid>5171f5f5</uuid></domain>", "<uuid>" },
	{ "<domain><uuid>5171f5f5-2352-4904-8719-ad9202c0eb0e0</uuid></domain>",
	  "<uuid>" },
	{ "<domain><uuid>5171f5f5-2352-4904-8719-ad9202c0eb0e</uuid></domain>",
	  "<name>" },
	{ HEAD TAIL, "<memory>" },
	{ HEAD "<memory>1</memory>" TAIL, "<vcpu>" },
	{ HEAD "<memory>x</memory><vcpu>1</vcpu>" TAIL, "memory is 'x'" },
	{ HEAD "<memory>-1</memory><vcpu>1</vcpu>" TAIL, "memory is '-1'" },
	{ HEAD "<memory unit='EiB'>99</memory><vcpu>1</vcpu>" TAIL, "no size" },
	{ HEAD "<memory unit='cows'>9</memory><vcpu>1</vcpu>" TAIL, "no size" },
	{ HEAD "<memory>99999999999999999999999</memory><vcpu>1</vcpu>" TAIL,
	  "memory is '9999" },
	{ HEAD "<memory>1</memory><vcpu>0</vcpu>" TAIL, "<vcpu>" },
	{ HEAD "<memory>1</memory><vcpu>4097</vcpu>" TAIL, "vcpu is '4097'" },
	{ HEAD "<memory>1</memory><vcpu current='3'>2</vcpu>" TAIL,
	  "current is '3'" },
	{ "<!DOCTYPE domain []>" MINIMAL TAIL, "document type" },
	{ "<!DOCTYPE domain [<!ENTITY a 'b'>]>" MINIMAL TAIL, "document type" },
	{ "<!DOCTYPE d SYSTEM 'http://127.0.0.1/x'>" MINIMAL TAIL,
	  "document type" },
	{ MINIMAL "&lol;" TAIL, "malformed" },
	{ MINIMAL "<cpu><numa><cell id='0' cpus='0-1' memory='1'/>"
		  "<cell id='0' cpus='2' memory='1'/></numa></cpu>" TAIL,
	  "cell 0 occurs twice" },
	{ MINIMAL "<cpu><numa><cell id='5' memory='1'/></numa></cpu>" TAIL,
	  "id is '5'" },
	{ MINIMAL "<cpu><numa><cell cpus='0-1' memory='1'/>"
		  "<cell cpus='1-2' memory='1'/></numa></cpu>" TAIL,
	  "vCPU 1 is in two cells" },
	{ MINIMAL "<cpu><numa><cell cpus='0-4' memory='1'/></numa></cpu>" TAIL,
	  "cpus is '0-4'" },
	{ MINIMAL "<cpu><numa><cell cpus='3-1' memory='1'/></numa></cpu>" TAIL,
	  "cpus is '3-1'" },
	{ MINIMAL "<cpu><numa><cell cpus='1,' memory='1'/></numa></cpu>" TAIL,
	  "cpus is '1,'" },
	{ MINIMAL "<cpu><numa><cell memory='-1'/></numa></cpu>" TAIL,
	  "memory is '-1'" },
	{ MINIMAL
	  "<numatune><memory mode='tight' nodeset='0'/></numatune>" TAIL,
	  "'tight'" },
	{ MINIMAL
	  "<numatune><memory mode='strict' nodeset='64'/></numatune>" TAIL,
	  "nodeset is '64'" },
	{ MINIMAL "<numatune><memnode cellid='1' mode='strict' nodeset='0'/>"
		  "</numatune>" TAIL,
	  "cellid is '1'" },
	{ MINIMAL
	  "<numatune><memnode mode='strict' nodeset='0'/></numatune>" TAIL,
	  "no cellid" },
	{ MINIMAL "<devices><memory model='dimm'><target><node>1</node>"
		  "</target></memory></devices>" TAIL,
	  "node is '1'" },
};

START_TEST(bad_text_is_refused_with_words)
{
	const char *text = bad_texts[_i].text;
	struct domain_info info;
	struct why why = { "" };

	ck_assert_int_eq(domain_parse(text, strlen(text), &info, &why),
			 -EINVAL);
	ck_assert_msg(strstr(why.text, bad_texts[_i].why), "said: %s",
		      why.text);
	ck_assert_int_eq(domain_parse(text, strlen(text), &info, NULL),
			 -EINVAL);
}
END_TEST

/* n times piece between MINIMAL and TAIL. */
static char *repeat(const char *before, const char *piece, size_t n,
		    const char *after)
{
	size_t len = strlen(piece);
	char *text = xcalloc(1, strlen(before) + n * len + strlen(after) + 1);
	char *at = stpcpy(text, before);

	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, piece);
	stpcpy(at, after);
	return text;
}

static int parse_and_drop(const char *text, size_t len)
{
	struct domain_info info;
	struct why why = { "" };
	int err = domain_parse(text, len, &info, &why);

	if (!err)
		domain_finish(&info);
	else
		ck_assert_str_ne(why.text, "");
	return err;
}

START_TEST(text_over_the_limit_is_refused_unread)
{
	ck_assert_int_eq(parse_and_drop("", DOMAIN_XML_MAX_BYTES + 1), -E2BIG);
}
END_TEST

START_TEST(deep_nesting_and_crowds_of_elements_end_soon)
{
	static const char cell[] = "<cell cpus='0' memory='1'/>";
	static const char page[] = "<page size='4' nodeset='0'/>";
	autofree char *deep = repeat(MINIMAL, "<a>", 100000, TAIL);
	autofree char *cells =
		repeat(MINIMAL "<cpu><numa>", cell, 129, "</numa></cpu>" TAIL);
	autofree char *pages =
		repeat(MINIMAL "<memoryBacking><hugepages>", page, 100000,
		       "</hugepages></memoryBacking>" TAIL);
	autofree char *memories = repeat(MINIMAL "<devices>", "<memory/>", 257,
					 "</devices>" TAIL);
	autofree char *attributes =
		repeat(MINIMAL "<a", " a=''", 500000, "/>" TAIL);

	ck_assert_int_eq(parse_and_drop(deep, strlen(deep)), -EINVAL);
	ck_assert_int_eq(parse_and_drop(cells, strlen(cells)), -EINVAL);
	ck_assert_int_eq(parse_and_drop(pages, strlen(pages)), 0);
	ck_assert_int_eq(parse_and_drop(memories, strlen(memories)), -EINVAL);
	ck_assert_int_eq(parse_and_drop(attributes, strlen(attributes)),
			 -EINVAL);
}
END_TEST

START_TEST(every_cut_text_is_refused)
{
	static const char text[] = MINIMAL TAIL;

	for (size_t len = 0; len < sizeof(text) - 2; len++)
		ck_assert_int_eq(parse_and_drop(text, len), -EINVAL);
	ck_assert_int_eq(parse_and_drop(text, sizeof(text) - 1), 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("domain");
	TCase *tc = tcase_create("domain");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, guest_without_numa_has_one_cell_with_everything);
	tcase_add_test(tc, cells_backing_and_devices_of_a_live_guest_are_read);
	tcase_add_test(tc, hugepages_numatune_and_policy_are_read);
	tcase_add_test(tc, guest_of_the_test_driver_is_read);
	tcase_add_test(tc, hugepages_without_a_size_mean_the_hosts_default);
	tcase_add_test(tc, page_without_nodeset_is_for_cells_that_none_names);
	tcase_add_test(tc,
		       cells_are_found_by_id_and_unclaimed_vcpus_go_to_cell_0);
	tcase_add_test(tc,
		       uuid_is_lower_case_and_a_guest_that_is_off_has_no_id);
	tcase_add_loop_test(tc, device_that_keeps_memory_in_place_is_seen, 0,
			    COUNT(device_cases));
	tcase_add_loop_test(tc, policy_counts_wholly_or_not_at_all, 0,
			    COUNT(policy_cases));
	tcase_add_loop_test(tc, bad_text_is_refused_with_words, 0,
			    COUNT(bad_texts));
	tcase_add_test(tc, text_over_the_limit_is_refused_unread);
	tcase_add_test(tc, deep_nesting_and_crowds_of_elements_end_soon);
	tcase_add_test(tc, every_cut_text_is_refused);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
