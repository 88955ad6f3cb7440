/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/counters.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

void counter_books_done(struct counter_books *books)
{
    free(books->items);
    *books = (struct counter_books){0};
}

struct counter_book *counter_books_find(const struct counter_books *books, const char *name)
{
    for (size_t i = 0; i < books->count; i++) {
        if (books->items[i].name == name || strcmp(books->items[i].name, name) == 0) {
            return &books->items[i];
        }
    }
    return NULL;
}

static struct counter_book *book_of(struct counter_books *books, const char *name)
{
    struct counter_book *book = counter_books_find(books, name);
    if (book != NULL) {
        return book;
    }
    if (books->count == books->capacity) {
        books->capacity = books->capacity == 0 ? 4 : 2 * books->capacity;
        books->items = xrealloc(books->items, books->capacity * sizeof(*books->items));
    }
    books->items[books->count] = (struct counter_book){.name = name};
    return &books->items[books->count++];
}

void counter_books_offer(struct counter_books *books, const struct counters *offered)
{
    size_t kept = 0;
    for (size_t i = 0; i < books->count; i++) {
        books->items[i].total = 0;
        if (books->items[i].used > 0) {
            books->items[kept++] = books->items[i];
        }
    }
    books->count = kept;
    for (size_t i = 0; offered != NULL && i < offered->count; i++) {
        book_of(books, offered->items[i].name)->total = offered->items[i].amount;
    }
}

void counter_books_take(struct counter_books *books, const struct counter *counter)
{
    book_of(books, counter->name)->used += counter->amount;
}

void counter_books_give(struct counter_books *books, const struct counter *counter)
{
    struct counter_book *book = counter_books_find(books, counter->name);
    CHECK(book != NULL);
    CHECK(book->used >= counter->amount);
    book->used -= counter->amount;
    if (book->used == 0 && book->total == 0) {
        *book = books->items[--books->count];
    }
}

bool counter_books_are_over(const struct counter_books *books)
{
    for (size_t i = 0; i < books->count; i++) {
        if (books->items[i].used > books->items[i].total) {
            return true;
        }
    }
    return false;
}

static bool covers(const struct counter_books *a, const struct counter_books *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct counter_book *book = counter_books_find(a, b->items[i].name);
        if ((book == NULL ? 0 : book->used) != b->items[i].used) {
            return false;
        }
    }
    return true;
}

bool counter_books_agree(const struct counter_books *a, const struct counter_books *b)
{
    return covers(a, b) && covers(b, a);
}
