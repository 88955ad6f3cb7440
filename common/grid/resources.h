/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of resources, shared by what a task asks for and what a worker offers: amounts
 * (cpus, memory, disk, gpus), named counters (licences, bandwidth tokens: so many may be in use
 * at a time) and labels (facts about a node, such as `a100` or `zone=b`: had or not). None of
 * them is ever part of a key (I6).
 *
 * Sets of labels and counters are immutable, sorted by the bytes of their names, without
 * repetition; NULL is the empty set. They live in the arena that they were made in.
 */
#ifndef ASSAY_GRID_RESOURCES_H
#define ASSAY_GRID_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/str.h"

struct labels {
    size_t count;
    const char *names[];
};

struct counter {
    const char *name;
    uint32_t amount; /* never 0 in a set */
};

struct counters {
    size_t count;
    struct counter items[];
};

struct resources {
    uint32_t cpus_milli;   /* 1000 = one core */
    uint64_t memory_bytes; /* 0 = not stated */
    uint64_t disk_bytes;
    uint32_t gpus_milli; /* 1000 = one device */
    uint32_t nodes;      /* > 1: a gang of so many ranks, each on a node that has all this */
    const struct labels *labels;
    const struct counters *counters;
};

bool resources_equal(const struct resources *a, const struct resources *b);
uint64_t resources_hash(const struct resources *resources);

/* --- Labels --- */

/* [A-Za-z0-9._:/=-], beginning with a letter or digit, at most LIMIT_NAME bytes. */
bool label_is_valid(const char *name);
const struct labels *labels_make(struct arena *arena, const char *const *names, size_t count);
const struct labels *labels_copy(struct arena *arena, const struct labels *labels);
bool labels_equal(const struct labels *a, const struct labels *b);
uint64_t labels_hash(const struct labels *labels);
/* The first of `wanted` that `offered` lacks, or NULL. O(sum of both). */
const char *labels_missing(const struct labels *offered, const struct labels *wanted);

/* --- NUMA --- */

/* A part of a node whose cpus, memory and devices are near each other. */
struct numa_node {
    uint32_t cpus;
    uint64_t memory_bytes;
    uint64_t devices;                    /* bit set of indexes */
    uint16_t distance[LIMIT_NUMA_NODES]; /* to node i, as the firmware says (10 = itself); 0:
                                            not known */
};

struct numa {
    size_t count;
    struct numa_node nodes[];
};

const struct numa *numa_make(
    struct arena *arena, const struct numa_node *nodes, size_t count); /* NULL when none */
bool numa_equal(const struct numa *a, const struct numa *b);
uint64_t numa_hash(const struct numa *numa);

/* --- Counters --- */

/* As a label, but without '=', which stands before the amount. */
bool counter_is_valid(const char *name);
/* Items of amount 0 are left out; of two with one name the later one counts. */
const struct counters *counters_make(
    struct arena *arena, const struct counter *items, size_t count);
const struct counters *counters_copy(struct arena *arena, const struct counters *counters);
bool counters_equal(const struct counters *a, const struct counters *b);
uint64_t counters_hash(const struct counters *counters);
uint32_t counters_amount(const struct counters *counters, const char *name); /* 0: not there */

/* --- As people write them in configurations and flags --- */

/* "a100", "zone=b". */
bool labels_parse(
    const char *const *texts,
    size_t count,
    struct arena *arena,
    const struct labels **ret_labels,
    struct err *err);
/* "licence=2". */
bool counters_parse(
    const char *const *texts,
    size_t count,
    struct arena *arena,
    const struct counters **ret_counters,
    struct err *err);

#endif
