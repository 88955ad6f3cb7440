/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of named counters: how much of each is there and in use, on one worker or in the
 * cluster. A name that is held but no longer offered stays with total 0 until it is given back.
 * Few names (LIMIT_COUNTERS offered), so that looking through them is the fastest way. Names
 * are borrowed (core: from its pool of sets).
 */
#ifndef ASSAY_CORE_COUNTERS_H
#define ASSAY_CORE_COUNTERS_H

#include "common/grid/resources.h"

struct counter_book {
    const char *name;
    uint32_t total;
    uint64_t used; /* more than total only after the total fell */
};

struct counter_books {
    struct counter_book *items; /* heap */
    size_t count, capacity;
};

void counter_books_done(struct counter_books *books);
/* From now on this is what there is. */
void counter_books_offer(struct counter_books *books, const struct counters *offered);
struct counter_book *counter_books_find(const struct counter_books *books, const char *name);
void counter_books_take(struct counter_books *books, const struct counter *counter);
void counter_books_give(struct counter_books *books, const struct counter *counter);
bool counter_books_are_over(const struct counter_books *books);
/* The same is in use in both. */
bool counter_books_agree(const struct counter_books *a, const struct counter_books *b);

#endif
