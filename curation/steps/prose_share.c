/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Share of a text's characters that stand in lines of prose: lines of at least `min_words`
 * words by white space that end in a sentence mark (. ! ? U+2026 or their wide forms), perhaps
 * with closing quotes or brackets behind it. White space between lines counts as not prose.
 */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"
#include "curation/text/unicode.h"

enum {
    MIN_WORDS = 0,
};

static bool is_sentence_mark(uint32_t point)
{
    return point == '.' || point == '!' || point == '?' || point == 0x2026 || point == 0x3002
           || point == 0xFF01 || point == 0xFF0E || point == 0xFF1F;
}

static bool is_closing(uint32_t point)
{
    return point == '"' || point == '\'' || point == ')' || point == ']' || point == 0xBB
           || point == 0x2019 || point == 0x201D || point == 0x203A;
}

static bool ends_sentence(const char *text, const struct span *line)
{
    size_t end = line->start + line->bytes;
    while (end > line->start) {
        size_t bytes = 0;
        uint32_t point = utf8_decode_before(text, end, &bytes);
        if (!is_closing(point)) {
            return is_sentence_mark(point);
        }
        end -= bytes;
    }
    return false;
}

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    size_t length = 0;
    const char *text = features_text(features, &length);
    const struct spans *lines = features_lines(features);
    const struct spans *words = features_split_words(features);
    uint32_t prose = 0;
    size_t word = 0;
    for (size_t i = 0; i < lines->count; i++) {
        /* Words and lines are both in order, and no word crosses a line. */
        const struct span *line = &lines->items[i];
        size_t first = word;
        while (word < words->count && words->items[word].start < line->start + line->bytes) {
            word++;
        }
        if ((double)(word - first) >= params[MIN_WORDS].number && ends_sentence(text, line)) {
            prose += line->chars;
        }
    }
    uint32_t chars = features_chars(features);
    row[0].f32 = share_of(prose, chars);
    row[1].u32 = prose;
    row[2].u32 = chars;
}

static const struct curation_param params[] = {
    [MIN_WORDS] =
        {.name = "min_words",
         .type = "int",
         .role = STEP_ROLE_MEASURE,
         .fallback = "10",
         .min = "1",
         .help = "words that a line of prose has at least"},
};

static const struct curation_column columns[] = {
    {"share", COLUMN_F32},
    {"prose_chars", COLUMN_U32},
    {"chars", COLUMN_U32},
};

const struct curation_step step_prose_share = {
    .name = "prose-share",
    .profile = "",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "share of the text in lines of prose: long lines that end like a sentence",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .measure = measure,
};
