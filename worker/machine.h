/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine has besides devices, and how it is built. */
#ifndef ASSAY_WORKER_MACHINE_H
#define ASSAY_WORKER_MACHINE_H

#include <stdint.h>

/* Memory that the system and our cgroup allow, less what others need. */
uint64_t machine_memory_bytes(void);
/* Cores that we may run on. */
uint32_t machine_cpus(void);

#endif
