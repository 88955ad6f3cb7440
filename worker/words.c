/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/words.h"

#include <string.h>

#include "common/base/str.h"

struct words words_split(char *line)
{
    struct words words = {.count = 0};
    char *at = line + strspn(line, " \t\n");
    while (*at != '\0' && words.count < WORDS_MAX) {
        words.items[words.count++] = at;
        at += strcspn(at, " \t\n");
        if (*at != '\0') {
            *at++ = '\0';
        }
        at += strspn(at, " \t\n");
    }
    return words;
}

bool words_are(const struct words *words, const char *verb, size_t count)
{
    return words->count == count && strcmp(words->items[0], verb) == 0;
}

bool words_number(const struct words *words, size_t index, uint64_t *ret_number)
{
    return index < words->count && str_to_u64(words->items[index], ret_number);
}
