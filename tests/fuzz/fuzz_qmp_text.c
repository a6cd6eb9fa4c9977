/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The human monitor's texts. What is accepted must keep the promises of text.h:
 * sorted, not overlapping, not empty.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "qmp/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct qmp_ramblocks blocks;
	struct qmp_ranges ranges;
	struct qmp_gpa2hva answer;
	struct why why;

	if (!qmp_text_mtree(text, size, &ranges, &why)) {
		uint64_t end = 0;

		for (size_t i = 0; i < ranges.n; i++) {
			assert(ranges.ranges[i].start.v >= end);
			assert(ranges.ranges[i].size_bytes);
			end = ranges.ranges[i].start.v +
			      ranges.ranges[i].size_bytes;
		}
		assert(end <= QMP_GPA_END);
		qmp_ranges_finish(&ranges);
	}
	if (!qmp_text_ramblock(text, size, &blocks, &why)) {
		for (size_t i = 1; i < blocks.n; i++)
			assert(blocks.blocks[i].offset >=
			       blocks.blocks[i - 1].offset +
				       blocks.blocks[i - 1].total_bytes);
		qmp_ramblocks_finish(&blocks);
	}
	if (!qmp_text_gpa2hva(text, size, (struct gpa) { 0x1000 }, &answer,
			      &why))
		assert((answer.mapped == QMP_MAPPED) == (answer.hva.v != 0));
	return 0;
}
