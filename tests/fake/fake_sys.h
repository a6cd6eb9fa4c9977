/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in memory behind sys.h, for tests of everything that looks at or moves
 * a guest: files, processes, memory made of folios, nodes with limited room, a
 * clock that only moves when calls are made. pages_move() behaves as the
 * kernel's does, bad habits included (see fake_move.c). Tests set a scene with
 * the functions below, script faults, hook in before a call, and read the
 * counters afterwards.
 *
 * All functions may be called from any thread and from within a hook. Mistakes
 * of a test (unknown pid, overlapping regions) end it with assert().
 */
#ifndef FAKE_SYS_H
#define FAKE_SYS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "node.h"
#include "sys.h"

struct fake_sys;

/* Which kernel's move_pages(2) to be. */
enum fake_kernel {
	FAKE_LINUX_6_1, /* Debian 12: holes are EFAULT, a THP without room on
			 * the target ends the call with ENOMEM */
	FAKE_LINUX_6_12, /* holes are ENOENT, a THP without room is split */
};

/* One call of struct sys_ops. */
enum fake_op {
	FAKE_READ_FILE,
	FAKE_WRITE_FILE,
	FAKE_OPEN_FILE,
	FAKE_READ_FD,
	FAKE_EACH_ENTRY,
	FAKE_READ_LINK,
	FAKE_OPEN_PROCESS,
	FAKE_IS_ALIVE,
	FAKE_BACKING,
	FAKE_PAGES_WHERE,
	FAKE_PAGES_MOVE,
	FAKE_OPEN_PAGEMAP,
	FAKE_PAGEMAP_SCAN,
	FAKE_PAGEMAP_READ,
	FAKE_PAGE_FLAGS,
	FAKE_COLLAPSE,
	FAKE_SIT,
	FAKE_OPS, /* how many */
};

/* What a region is. */
enum fake_backing {
	FAKE_ANON, /* private anonymous: no file behind it */
	FAKE_SHMEM, /* memfd, /dev/shm or shared anonymous */
	FAKE_HUGETLB, /* hugetlbfs or hugetlb memfd */
	FAKE_DISK, /* a file on a disk file system */
	FAKE_DEVICE, /* VM_IO or VM_PFNMAP: never migratable, EFAULT */
};

#define FAKE_ALWAYS UINT_MAX

/* The kernel's unit of memory: what is moved whole. */
struct fake_folio {
	uint64_t hva; /* first byte, aligned to bytes */
	uint64_t bytes; /* 4 KiB, 64 KiB (mTHP), 2 MiB or 1 GiB */
	int node; /* where it is; NODE_NONE: not present (hole); a number
		   * above all nodes is reported as it is and never moves */
	unsigned busy_calls; /* so many more isolations say EBUSY */
	unsigned pin_calls; /* so many more migrations fail (r > 0);
			     * FAKE_ALWAYS: a long-term pin */
	bool is_hugetlb; /* from a hugetlb pool */
	bool is_shared; /* mapped by another process: needs MOVE_ALL */
	bool is_ksm; /* merged with others: needs MOVE_ALL */
	bool is_zero; /* the zero page: EFAULT */
	bool is_swapped; /* not present, but not a hole: ENOENT always */
	bool is_isolated; /* fake's own: in the run being collected */
	bool pmd_split; /* large, but mapped by 4 KiB entries */
};

/* One node. */
struct fake_node {
	bool has_memory; /* else ENODEV */
	bool has_no_cpus; /* nobody can run on it: ENODEV */
	uint64_t total_bytes; /* for the test's own sums */
	uint64_t free_bytes; /* allocations fail below folio size */
	uint64_t free_2m_blocks; /* each within free_bytes; a THP takes one */
	uint64_t pool_2m; /* hugetlb pages of 2 MiB, in use and free */
	uint64_t pool_2m_free; /* free ones */
	uint64_t pool_2m_surplus; /* of those in use: lent, not of the pool */
	uint64_t pool_1g; /* the same for 1 GiB */
	uint64_t pool_1g_free; /* free ones */
};

/* What calls cost on the virtual clock. */
struct fake_cost {
	uint64_t call_ns; /* every call of sys_ops but close_fd and now_ns */
	uint64_t address_ns; /* every address of pages_where, pages_move */
	uint64_t mib_ns; /* every MiB that pages_move copies */
};

/* What was asked of the host so far. */
struct fake_books {
	uint64_t calls[FAKE_OPS]; /* by operation */
	uint64_t where_pages; /* addresses asked about */
	uint64_t move_pages; /* addresses passed to pages_move */
	uint64_t move_all_calls; /* pages_move calls with all */
	struct seat seat; /* what sit said last that was obeyed; of all
			   * threads together, SEAT_ANY at first */
	uint64_t seated_calls; /* pages_move calls made on their target */
	uint64_t away_calls; /* pages_move calls made off their target */
	uint64_t in_place_calls; /* pages_move calls made on one CPU */
	uint64_t moved_folios; /* folios that changed their node */
	uint64_t moved_bytes; /* bytes of those */
	uint64_t failed_folios; /* failed migrations (each disturbs a guest) */
	uint64_t thp_splits; /* as thp_migration_split of /proc/vmstat */
	uint64_t collapsed; /* blocks made huge by collapse */
};

/* Called before a call takes effect; may change the host, and then the call
 * sees the change. pid is -1 where the call has none. */
typedef void fake_hook_fn(void *arg, struct fake_sys *fake, enum fake_op op,
			  pid_t pid);

struct fake_sys *fake_sys_create(enum fake_kernel kernel);
void fake_sys_destroy(struct fake_sys *fake);

/* The door; valid until fake_sys_destroy(). */
struct sys fake_sys_door(struct fake_sys *fake);

/* --- the scene: files ---------------------------------------------------- */

/* Create or replace a file. */
void fake_file(struct fake_sys *fake, const char *path, const char *text);
/* The same for content with NULs in it. */
void fake_file_bytes(struct fake_sys *fake, const char *path, const char *bytes,
		     size_t len);
/* Reading, opening and writing path fail with err (-EACCES) from now on. */
void fake_file_error(struct fake_sys *fake, const char *path, int err);
/* Remove a file; with a path that ends in "/", all files below it. */
void fake_file_remove(struct fake_sys *fake, const char *path);
/* What the file holds now (write_file changes it); NULL: no such file. */
const char *fake_file_text(struct fake_sys *fake, const char *path);

/* --- the scene: nodes and processes --------------------------------------- */

/* A node with memory; free_2m_blocks is as many as fit. Returns it for further
 * settings. */
struct fake_node *fake_node(struct fake_sys *fake, int node,
			    uint64_t free_bytes);

/* As if pages were written to nr_hugepages of the node's 2 MiB pool: it takes
 * free memory, or gives free pages up, and what is in use above is surplus. */
void fake_pool_resize(struct fake_sys *fake, int node, uint64_t pages);

/* A living process that may use all nodes. Its file /proc/PID/task/PID/stat says
 * what tells it from others. */
void fake_process(struct fake_sys *fake, pid_t pid);
/* It ends: a zombie first (EINVAL from moves), reaped later (ESRCH). Its files
 * below /proc/PID/ stay until it is reaped. */
void fake_process_exit(struct fake_sys *fake, pid_t pid);
void fake_process_reap(struct fake_sys *fake, pid_t pid);
/* The kernel gives its number to a new process, without memory; handles of the
 * old one stay dead. */
void fake_process_reuse(struct fake_sys *fake, pid_t pid);
/* It calls execve(2): same process, none of its memory, its stack elsewhere. */
void fake_process_exec(struct fake_sys *fake, pid_t pid);
/* Its cpuset: a target outside of it is errno EACCES. */
void fake_process_mems(struct fake_sys *fake, pid_t pid, struct node_mask mems);
/* The kernel refuses us this process (EPERM). */
void fake_process_deny(struct fake_sys *fake, pid_t pid, bool denied);

/* --- the scene: memory ----------------------------------------------------- */

/* A mapping of size_bytes at hva made of present folios of folio_bytes on node
 * (NODE_NONE: holes). The nodes' free memory is not changed: what
 * fake_node() was given is what is left. */
void fake_region(struct fake_sys *fake, pid_t pid, uint64_t hva,
		 uint64_t size_bytes, uint64_t folio_bytes, int node,
		 enum fake_backing backing);

/* The region that was made at hva is unmapped. */
void fake_unmap(struct fake_sys *fake, pid_t pid, uint64_t hva);

/* The folio that holds this byte, to look at or change; valid until the next
 * call that can split or collapse. NULL: not mapped. */
struct fake_folio *fake_folio(struct fake_sys *fake, pid_t pid, uint64_t hva);

/* Bytes of the process that are present on node. */
uint64_t fake_bytes_on(struct fake_sys *fake, pid_t pid, int node);

/* --- the scene: the rest ---------------------------------------------------- */

/* The nth call of op from now (1: the next one) does nothing and returns
 * result (-errno, or a positive count for pages_move). */
void fake_fault(struct fake_sys *fake, enum fake_op op, uint64_t nth,
		int result);

void fake_hook(struct fake_sys *fake, fake_hook_fn *hook, void *arg);
void fake_set_cost(struct fake_sys *fake, struct fake_cost cost);
void fake_advance_ns(struct fake_sys *fake, uint64_t ns);

/* PAGEMAP_SCAN exists (default on 6.12 only), otherwise ENOTTY. */
void fake_set_pagemap_scan(struct fake_sys *fake, bool exists);
/* open_pagemap and backing are allowed (default); otherwise EACCES, EPERM.
 * For page_flags a test makes the file /proc/kpageflags. */
void fake_set_pagemap_rights(struct fake_sys *fake, bool granted);
/* CAP_SYS_NICE, which MOVE_ALL takes (default: held). */
void fake_set_sys_nice(struct fake_sys *fake, bool held);
/* Our own cpuset (default: all): a target outside of it is errno ENOMEM. */
void fake_set_own_mems(struct fake_sys *fake, struct node_mask mems);
/* The kernel can make a 2 MiB block out of scattered free pages (default:
 * cannot). */
void fake_set_compaction(struct fake_sys *fake, bool works);

struct fake_books fake_books(struct fake_sys *fake);
/* Handles that were opened and not closed: 0 at the end of a test. */
size_t fake_open_handles(struct fake_sys *fake);

#endif
