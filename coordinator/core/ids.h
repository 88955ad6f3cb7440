/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities inside the coordinator. Each is wrapped in a struct of its own, so that one cannot
 * be passed for another. Zero means none in all of them.
 */
#ifndef ASSAY_CORE_IDS_H
#define ASSAY_CORE_IDS_H

#include <stdint.h>

struct grid_id {
    uint32_t value;
};

/* grid << 32 | ordinal in the grid's lowered plan. */
struct task_id {
    uint64_t value;
};

/* The fence: never reused, orders the attempts of a task. */
struct attempt_id {
    uint64_t value;
};

/* A row of the worker table: one per (principal, name). */
struct worker_id {
    uint32_t value;
};

/* One connection of a worker, from its HELLO on. The shell numbers them and never reuses one
 * within a process; what arrives from, or is addressed to, a session that is not the worker's
 * newest is dropped. */
struct session_id {
    uint64_t value;
};

/* Whom a reply goes to: the shell's handle of a client's request. Zero: nobody waits. */
struct request_id {
    uint64_t value;
};

/* Chosen by the client, so that a submission sent twice makes one grid. */
struct submission_id {
    uint8_t bytes[16];
};

static inline struct task_id task_id_of(struct grid_id grid, uint32_t ordinal)
{
    return (struct task_id){(uint64_t)grid.value << 32 | ordinal};
}

static inline struct grid_id task_grid(struct task_id task)
{
    return (struct grid_id){(uint32_t)(task.value >> 32)};
}

static inline uint32_t task_ordinal(struct task_id task)
{
    return (uint32_t)task.value;
}

#endif
