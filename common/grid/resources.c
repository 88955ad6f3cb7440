/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grid/resources.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, as published by Fowler, Noll and Vo. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

bool resources_equal(const struct resources *a, const struct resources *b)
{
    return a->cpus_milli == b->cpus_milli && a->memory_bytes == b->memory_bytes
           && a->disk_bytes == b->disk_bytes && a->gpus_milli == b->gpus_milli
           && a->nodes == b->nodes && labels_equal(a->labels, b->labels)
           && counters_equal(a->counters, b->counters);
}

uint64_t resources_hash(const struct resources *resources)
{
    const uint64_t amounts[] = {
        resources->cpus_milli,
        resources->memory_bytes,
        resources->disk_bytes,
        resources->gpus_milli,
        resources->nodes,
        labels_hash(resources->labels),
        counters_hash(resources->counters),
    };
    return hash_bytes(HASH_START, amounts, sizeof(amounts));
}

static bool is_word(const char *name, const char *marks)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(name);
    if (length == 0 || length > LIMIT_NAME || strspn(name, letters) == 0) {
        return false;
    }
    for (size_t at = 0; at < length; at++) {
        if (strchr(letters, name[at]) == NULL && strchr(marks, name[at]) == NULL) {
            return false;
        }
    }
    return true;
}

/* --- Labels --- */

bool label_is_valid(const char *name)
{
    return is_word(name, "._:/=-");
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const struct labels *labels_make(struct arena *arena, const char *const *names, size_t count)
{
    if (count == 0) {
        return NULL;
    }
    struct labels *labels =
        arena_alloc(arena, sizeof(*labels) + count * sizeof(labels->names[0]));
    for (size_t i = 0; i < count; i++) {
        labels->names[i] = arena_strdup(arena, names[i]);
    }
    qsort(labels->names, count, sizeof(labels->names[0]), compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(labels->names[i], labels->names[labels->count - 1]) != 0) {
            labels->names[labels->count++] = labels->names[i];
        }
    }
    return labels;
}

const struct labels *labels_copy(struct arena *arena, const struct labels *labels)
{
    return labels == NULL ? NULL : labels_make(arena, labels->names, labels->count);
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
    if (a == b) {
        return true;
    }
    if (a == NULL || b == NULL || a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0) {
            return false;
        }
    }
    return true;
}

uint64_t labels_hash(const struct labels *labels)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        hash = hash_text(hash, labels->names[i]);
    }
    return hash;
}

const char *labels_missing(const struct labels *offered, const struct labels *wanted)
{
    if (wanted == NULL || wanted == offered) {
        return NULL;
    }
    size_t at = 0;
    for (size_t i = 0; i < wanted->count; i++) {
        int order = -1;
        while (offered != NULL && at < offered->count
               && (order = strcmp(offered->names[at], wanted->names[i])) < 0) {
            at++;
        }
        if (offered == NULL || at == offered->count || order != 0) {
            return wanted->names[i];
        }
    }
    return NULL;
}

/* --- NUMA --- */

const struct numa *numa_make(struct arena *arena, const struct numa_node *nodes, size_t count)
{
    if (count == 0) {
        return NULL;
    }
    struct numa *numa = arena_alloc(arena, sizeof(*numa) + count * sizeof(*nodes));
    numa->count = count;
    for (size_t i = 0; i < count; i++) {
        numa->nodes[i].cpus = nodes[i].cpus;
        numa->nodes[i].memory_bytes = nodes[i].memory_bytes;
        numa->nodes[i].devices = nodes[i].devices;
        memcpy(numa->nodes[i].distance, nodes[i].distance, sizeof(nodes[i].distance));
    }
    return numa;
}

bool numa_equal(const struct numa *a, const struct numa *b)
{
    if (a == b) {
        return true;
    }
    bool equal = a != NULL && b != NULL && a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        const struct numa_node *one = &a->nodes[i];
        const struct numa_node *other = &b->nodes[i];
        equal = one->cpus == other->cpus && one->memory_bytes == other->memory_bytes
                && one->devices == other->devices
                && memcmp(one->distance, other->distance, sizeof(one->distance)) == 0;
    }
    return equal;
}

uint64_t numa_hash(const struct numa *numa)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; numa != NULL && i < numa->count; i++) {
        const uint64_t amounts[] = {
            numa->nodes[i].cpus, numa->nodes[i].memory_bytes, numa->nodes[i].devices};
        hash = hash_bytes(hash, amounts, sizeof(amounts));
        hash = hash_bytes(hash, numa->nodes[i].distance, sizeof(numa->nodes[i].distance));
    }
    return hash;
}

/* --- Counters --- */

bool counter_is_valid(const char *name)
{
    return is_word(name, "._:/-");
}

static int compare_counters(const void *a, const void *b)
{
    return strcmp(((const struct counter *)a)->name, ((const struct counter *)b)->name);
}

const struct counters *counters_make(
    struct arena *arena, const struct counter *items, size_t count)
{
    struct counters *counters =
        arena_alloc(arena, sizeof(*counters) + count * sizeof(counters->items[0]));
    for (size_t i = 0; i < count; i++) {
        bool later = false;
        for (size_t j = i + 1; j < count; j++) {
            later = later || strcmp(items[i].name, items[j].name) == 0;
        }
        if (!later && items[i].amount > 0) {
            counters->items[counters->count++] =
                (struct counter){arena_strdup(arena, items[i].name), items[i].amount};
        }
    }
    qsort(counters->items, counters->count, sizeof(counters->items[0]), compare_counters);
    return counters->count == 0 ? NULL : counters;
}

const struct counters *counters_copy(struct arena *arena, const struct counters *counters)
{
    return counters == NULL ? NULL : counters_make(arena, counters->items, counters->count);
}

bool counters_equal(const struct counters *a, const struct counters *b)
{
    if (a == b) {
        return true;
    }
    if (a == NULL || b == NULL || a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].amount != b->items[i].amount
            || strcmp(a->items[i].name, b->items[i].name) != 0) {
            return false;
        }
    }
    return true;
}

uint64_t counters_hash(const struct counters *counters)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; counters != NULL && i < counters->count; i++) {
        hash = hash_text(hash, counters->items[i].name);
        hash = hash_bytes(hash, &counters->items[i].amount, sizeof(uint32_t));
    }
    return hash;
}

uint32_t counters_amount(const struct counters *counters, const char *name)
{
    for (size_t i = 0; counters != NULL && i < counters->count; i++) {
        if (strcmp(counters->items[i].name, name) == 0) {
            return counters->items[i].amount;
        }
    }
    return 0;
}

/* --- Texts --- */

bool labels_parse(
    const char *const *texts,
    size_t count,
    struct arena *arena,
    const struct labels **ret_labels,
    struct err *err)
{
    if (count > LIMIT_LABELS) {
        return err_set(
            err, ERR_LIMIT, "%zu labels, at most %d are allowed", count, LIMIT_LABELS);
    }
    for (size_t i = 0; i < count; i++) {
        if (!label_is_valid(texts[i])) {
            (void)err_set(err, ERR_INPUT, "'%s' is not a label", texts[i]);
            return err_hint(err, "expected a word as in a100, or zone=b");
        }
    }
    *ret_labels = labels_make(arena, texts, count);
    return true;
}

static bool parse_counter(
    const char *text, struct arena *arena, struct counter *ret_counter, struct err *err)
{
    const char *sign = strchr(text, '=');
    uint64_t amount = 0;
    char *name = arena_strndup(arena, text, sign ? (size_t)(sign - text) : strlen(text));
    if (!sign || !counter_is_valid(name) || !str_to_u64(sign + 1, &amount)
        || amount > LIMIT_COUNTER_AMOUNT) {
        (void)err_set(err, ERR_INPUT, "'%s' is not a counter", text);
        return err_hint(
            err,
            "expected a name and a number of at most %d, as in licence=2",
            LIMIT_COUNTER_AMOUNT);
    }
    *ret_counter = (struct counter){name, (uint32_t)amount};
    return true;
}

bool counters_parse(
    const char *const *texts,
    size_t count,
    struct arena *arena,
    const struct counters **ret_counters,
    struct err *err)
{
    if (count > LIMIT_COUNTERS) {
        return err_set(
            err, ERR_LIMIT, "%zu counters, at most %d are allowed", count, LIMIT_COUNTERS);
    }
    struct counter items[LIMIT_COUNTERS];
    for (size_t i = 0; i < count; i++) {
        if (!parse_counter(texts[i], arena, &items[i], err)) {
            return false;
        }
    }
    *ret_counters = counters_make(arena, items, count);
    return true;
}
