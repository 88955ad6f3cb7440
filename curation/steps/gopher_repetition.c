/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gopher's repetition rules as DCLM's massive_web_repetition_filters has them: lines and
 * paragraphs by count, then by characters, then n-grams of 2 to 10 words. Counts of all are
 * kept, so that any threshold can be looked at later.
 */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

#define NGRAM_FIRST 2
#define NGRAM_LAST  10

enum {
    SKIP_PARAGRAPH = 0,
    MAX_LINES,
    MAX_PARAGRAPHS,
    MAX_LINE_CHARS,
    MAX_PARAGRAPH_CHARS,
    MAX_NGRAM, /* and 8 more */
};

enum {
    COLUMN_WORST = 0,
    COLUMN_LINES,
    COLUMN_LINES_REPEATED,
    COLUMN_LINE_CHARS,
    COLUMN_LINE_CHARS_REPEATED,
    COLUMN_PARAGRAPHS,
    COLUMN_PARAGRAPHS_REPEATED,
    COLUMN_PARAGRAPH_CHARS,
    COLUMN_PARAGRAPH_CHARS_REPEATED,
    COLUMN_WORD_CHARS,
    COLUMN_NGRAM, /* and 8 more */
};

static void put_repeats(const struct repeats *repeats, union cell *cells)
{
    cells[0].u32 = repeats->pieces;
    cells[1].u32 = repeats->pieces_repeated;
    cells[2].u32 = repeats->chars;
    cells[3].u32 = repeats->chars_repeated;
}

/* What part of a pair of columns is, 0 where there is nothing to divide by. */
static double fraction(const union cell *row, size_t part, size_t whole)
{
    return row[whole].u32 == 0 ? 0 : (double)row[part].u32 / row[whole].u32;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static float worst_of(const union cell *row)
{
    if (row[COLUMN_LINES].u32 == 0) {
        return NAN;
    }
    double worst = 0;
    if (row[COLUMN_LINES].u32 > 1) {
        worst = larger(worst, fraction(row, COLUMN_LINES_REPEATED, COLUMN_LINES));
        worst = larger(worst, fraction(row, COLUMN_LINE_CHARS_REPEATED, COLUMN_LINE_CHARS));
    }
    if (row[COLUMN_PARAGRAPHS].u32 > 1) {
        worst = larger(worst, fraction(row, COLUMN_PARAGRAPHS_REPEATED, COLUMN_PARAGRAPHS));
        worst = larger(
            worst, fraction(row, COLUMN_PARAGRAPH_CHARS_REPEATED, COLUMN_PARAGRAPH_CHARS));
    }
    for (size_t n = NGRAM_FIRST; n <= NGRAM_LAST; n++) {
        worst = larger(worst, fraction(row, COLUMN_NGRAM + n - NGRAM_FIRST, COLUMN_WORD_CHARS));
    }
    return (float)worst;
}

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    put_repeats(features_line_repeats(features), &row[COLUMN_LINES]);
    put_repeats(features_paragraph_repeats(features), &row[COLUMN_PARAGRAPHS]);
    row[COLUMN_WORD_CHARS].u32 = features_uniseg_chars(features);
    for (unsigned n = NGRAM_FIRST; n <= NGRAM_LAST; n++) {
        const struct ngram_repeats *repeats = features_ngrams(features, n);
        row[COLUMN_NGRAM + n - NGRAM_FIRST].u32 =
            n < 5 ? repeats->top_chars : repeats->covered_chars;
    }
    row[COLUMN_WORST].f32 = worst_of(row);
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    bool paragraphs = !params[SKIP_PARAGRAPH].boolean && row[COLUMN_PARAGRAPHS].u32 > 1;
    bool lines = row[COLUMN_LINES].u32 > 1;
    if (row[COLUMN_LINES].u32 == 0) {
        return 1;
    }
    if (lines
        && fraction(row, COLUMN_LINES_REPEATED, COLUMN_LINES) > params[MAX_LINES].number) {
        return 2;
    }
    if (paragraphs
        && fraction(row, COLUMN_PARAGRAPHS_REPEATED, COLUMN_PARAGRAPHS)
               > params[MAX_PARAGRAPHS].number) {
        return 3;
    }
    if (lines
        && fraction(row, COLUMN_LINE_CHARS_REPEATED, COLUMN_LINE_CHARS)
               > params[MAX_LINE_CHARS].number) {
        return 4;
    }
    if (paragraphs
        && fraction(row, COLUMN_PARAGRAPH_CHARS_REPEATED, COLUMN_PARAGRAPH_CHARS)
               > params[MAX_PARAGRAPH_CHARS].number) {
        return 5;
    }
    for (uint32_t i = 0; i <= NGRAM_LAST - NGRAM_FIRST; i++) {
        if (row[COLUMN_NGRAM + i].u32 > 0
            && fraction(row, COLUMN_NGRAM + i, COLUMN_WORD_CHARS)
                   > params[MAX_NGRAM + i].number) {
            return 6 + i;
        }
    }
    return 0;
}

#define CUT(text, value, words)                                                     \
    {                                                                               \
        .name = (text), .type = "real", .role = STEP_ROLE_CUT, .fallback = (value), \
        .min = "0", .help = (words)                                                 \
    }
#define TOP "largest fraction of characters in the most common n-gram"
#define ALL "largest fraction of characters in repeated n-grams"

static const struct curation_param params[] = {
    [SKIP_PARAGRAPH] =
        {.name = "skip_paragraph",
         .type = "bool",
         .role = STEP_ROLE_CUT,
         .fallback = "false",
         .help = "leave the two paragraph rules out"},
    [MAX_LINES] = CUT("max_lines", "0.3", "largest fraction of repeated lines"),
    [MAX_PARAGRAPHS] = CUT("max_paragraphs", "0.3", "largest fraction of repeated paragraphs"),
    [MAX_LINE_CHARS] =
        CUT("max_line_chars", "0.2", "largest fraction of characters in repeated lines"),
    [MAX_PARAGRAPH_CHARS] = CUT(
        "max_paragraph_chars", "0.2", "largest fraction of characters in repeated paragraphs"),
    [MAX_NGRAM] = CUT("max_top_2gram", "0.2", TOP),
    CUT("max_top_3gram", "0.18", TOP),
    CUT("max_top_4gram", "0.16", TOP),
    CUT("max_dup_5gram", "0.15", ALL),
    CUT("max_dup_6gram", "0.14", ALL),
    CUT("max_dup_7gram", "0.13", ALL),
    CUT("max_dup_8gram", "0.12", ALL),
    CUT("max_dup_9gram", "0.11", ALL),
    CUT("max_dup_10gram", "0.1", ALL),
};

static const struct curation_column columns[] = {
    [COLUMN_WORST] = {"worst", COLUMN_F32},
    [COLUMN_LINES] = {"lines", COLUMN_U32},
    [COLUMN_LINES_REPEATED] = {"lines_repeated", COLUMN_U32},
    [COLUMN_LINE_CHARS] = {"line_chars", COLUMN_U32},
    [COLUMN_LINE_CHARS_REPEATED] = {"line_chars_repeated", COLUMN_U32},
    [COLUMN_PARAGRAPHS] = {"paragraphs", COLUMN_U32},
    [COLUMN_PARAGRAPHS_REPEATED] = {"paragraphs_repeated", COLUMN_U32},
    [COLUMN_PARAGRAPH_CHARS] = {"paragraph_chars", COLUMN_U32},
    [COLUMN_PARAGRAPH_CHARS_REPEATED] = {"paragraph_chars_repeated", COLUMN_U32},
    [COLUMN_WORD_CHARS] = {"word_chars", COLUMN_U32},
    [COLUMN_NGRAM] = {"top_2gram", COLUMN_U32},
    {"top_3gram", COLUMN_U32},
    {"top_4gram", COLUMN_U32},
    {"dup_5gram", COLUMN_U32},
    {"dup_6gram", COLUMN_U32},
    {"dup_7gram", COLUMN_U32},
    {"dup_8gram", COLUMN_U32},
    {"dup_9gram", COLUMN_U32},
    {"dup_10gram", COLUMN_U32},
};

static const char *const rules[] = {
    "no text",
    "repeated lines",
    "repeated paragraphs",
    "characters in repeated lines",
    "characters in repeated paragraphs",
    "most common 2-gram",
    "most common 3-gram",
    "most common 4-gram",
    "repeated 5-grams",
    "repeated 6-grams",
    "repeated 7-grams",
    "repeated 8-grams",
    "repeated 9-grams",
    "repeated 10-grams",
};

const struct curation_step step_gopher_repetition = {
    .name = "gopher-repetition",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "Gopher's repetition rules (massive web) with the values that DCLM uses",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
