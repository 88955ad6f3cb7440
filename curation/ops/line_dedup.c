/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/ops/line_dedup.h"

#include <string.h>

#include "common/base/check.h"
#include "curation/text/hash.h"
#include "curation/text/lines.h"
#include "curation/text/unicode.h"

bool line_dedup_is(const char *step)
{
    return strcmp(step, "line-dedup") == 0;
}

static const struct step_value *value_of(const struct curation_use *use, const char *name)
{
    for (size_t i = 0; i < use->step->params_count; i++) {
        if (strcmp(use->step->params[i].name, name) == 0) {
            return &use->values[i];
        }
    }
    CHECK(false && "a parameter of line-dedup");
    return NULL;
}

void line_dedup_init(struct line_dedup *dedup, const struct curation_use *use)
{
    *dedup = (struct line_dedup){0};
    const char *normalize = value_of(use, "normalize")->text;
    dedup->lower = strcmp(normalize, "strip-lower") == 0;
    dedup->strip = dedup->lower || strcmp(normalize, "strip") == 0;
    dedup->chars_min = (uint32_t)value_of(use, "min_chars")->number;
    hash_set_init(&dedup->seen);
    str_init(&dedup->key, SIZE_MAX / 4);
}

void line_dedup_done(struct line_dedup *dedup)
{
    hash_set_done(&dedup->seen);
    str_done(&dedup->key);
}

/* True when the line has not been seen, and now has. */
static bool is_new(struct line_dedup *dedup, const char *line, size_t length)
{
    if (dedup->lower) {
        str_clear(&dedup->key);
        unicode_lower(line, length, &dedup->key);
        line = dedup->key.data;
        length = dedup->key.length;
    }
    return hash_set_add(&dedup->seen, hash_bytes(line, length));
}

bool line_dedup_apply(
    struct line_dedup *dedup, const char *text, size_t length, struct str *out)
{
    bool something = false;
    bool first = true;
    size_t start = 0;
    while (start <= length) {
        const char *lf = start < length ? memchr(text + start, '\n', length - start) : NULL;
        size_t end = lf ? (size_t)(lf - text) : length;
        struct span line = text_strip(text, start, end);
        size_t chars = utf8_count(text + line.start, line.bytes);
        bool is_short = chars < dedup->chars_min;
        const char *key = dedup->strip ? text + line.start : text + start;
        size_t key_length = dedup->strip ? line.bytes : end - start;
        if (is_short || is_new(dedup, key, key_length)) {
            if (!first) {
                str_append_char(out, '\n');
            }
            str_append_bytes(out, text + start, end - start);
            first = false;
            something = something || line.bytes > 0;
        }
        start = end + 1;
    }
    return something;
}
