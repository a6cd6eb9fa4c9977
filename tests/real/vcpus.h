/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that look like a QEMU to who samples vCPUs: real threads of the real
 * kernel, named as QEMU names its vCPUs. For the benchmarks, and for tests of
 * what the fakes cannot tell.
 */
#ifndef TESTS_REAL_VCPUS_H
#define TESTS_REAL_VCPUS_H

#include <sys/types.h>

/* What each vCPU thread does once it has its name; vcpu is its number. It is
 * killed with its process, and need not return. */
typedef void vcpu_fn(unsigned int vcpu);

/* It sleeps. */
void vcpu_rest(unsigned int vcpu);

/* Start a process with threads "CPU 0/KVM", "CPU 1/KVM" and so on beside its
 * main thread. All have their names when this returns. Ends the program, with a
 * word, when the kernel gives no more threads. */
pid_t vcpus_start(unsigned int n_vcpus, vcpu_fn *fn);

/* Kill it and wait for its end. */
void vcpus_end(pid_t pid);

#endif
