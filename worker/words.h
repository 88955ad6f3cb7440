/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of words separated by blanks, as the shim and the daemon speak and as /proc writes. */
#ifndef ASSAY_WORKER_WORDS_H
#define ASSAY_WORKER_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORDS_MAX = 8,
};

struct words {
    const char *items[WORDS_MAX]; /* into the line, which is cut up */
    size_t count;
};

/* Words beyond WORDS_MAX are left out. */
struct words words_split(char *line);
/* True when the line is `verb` and `count - 1` further words. */
bool words_are(const struct words *words, const char *verb, size_t count);
/* Word `index` as a number. */
bool words_number(const struct words *words, size_t index, uint64_t *ret_number);

#endif
