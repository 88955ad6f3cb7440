/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DCLM's repetition_filter, one granularity at a time. Lines and paragraphs: all copies of what
 * is there more than once, by characters or pieces; a single piece is kept, none is dropped.
 * n-grams of UAX #29 words: the characters of the most frequent one with all its copies, or of
 * all words that stand in a repeated one; too few words are kept.
 */
#include <string.h>

#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    GRANULARITY = 0,
    N,
    NGRAM_CHAR_RATIO,
    COUNT_CHARACTERS,
    IGNORE_CASE,
    MAX_FRACTION,
};

enum {
    COLUMN_FRACTION = 0,
    COLUMN_REPEATED,
    COLUMN_TOTAL,
    COLUMN_PIECES,
};

static bool is_ngram(const struct step_value *params)
{
    return strcmp(params[GRANULARITY].text, "ngram") == 0;
}

static bool check(const struct step_value *params, struct err *err)
{
    double n = params[N].number;
    bool automatic = strcmp(params[NGRAM_CHAR_RATIO].text, "auto") == 0;
    if (n < 1 || n > NGRAM_MAX) {
        return err_set(err, ERR_INPUT, "parameter 'n' must be from 1 to %d", NGRAM_MAX);
    }
    if (is_ngram(params) && automatic && (n < 2 || n > 10)) {
        err_set(err, ERR_INPUT, "parameter 'n' is %g, and no ngram_char_ratio is given", n);
        return err_hint(err, "name most_common or all; there is a usual one for 2 to 10 only");
    }
    return true;
}

static void measure_ngrams(
    const struct step_value *params, struct features *features, union cell *row)
{
    const char *ratio = params[NGRAM_CHAR_RATIO].text;
    unsigned n = (unsigned)params[N].number;
    bool all = strcmp(ratio, "all") == 0 || (strcmp(ratio, "auto") == 0 && n >= 5);
    const struct ngram_repeats *repeats = features_ngrams(features, n);
    row[COLUMN_REPEATED].u32 = all ? repeats->covered_chars : repeats->top_chars;
    row[COLUMN_TOTAL].u32 = features_uniseg_chars(features);
    row[COLUMN_PIECES].u32 = repeats->ngrams;
}

static void measure_pieces(
    const struct step_value *params, struct features *features, union cell *row)
{
    bool lines = strcmp(params[GRANULARITY].text, "line") == 0;
    const struct repeats *repeats =
        lines ? features_line_repeats(features) : features_paragraph_repeats(features);
    bool chars = params[COUNT_CHARACTERS].boolean;
    row[COLUMN_REPEATED].u32 = chars ? repeats->chars_repeated : repeats->pieces_repeated;
    row[COLUMN_TOTAL].u32 = chars ? repeats->chars : repeats->pieces;
    row[COLUMN_PIECES].u32 = repeats->pieces;
}

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    size_t length = 0;
    (void)features_text(features, &length);
    struct features *seen = params[IGNORE_CASE].boolean ? features_lowered(features) : features;
    if (is_ngram(params)) {
        measure_ngrams(params, seen, row);
        /* Text without words is kept, no text is not: the total tells the two apart. */
        if (row[COLUMN_TOTAL].u32 == 0 && length > 0) {
            row[COLUMN_TOTAL].u32 = 1;
        }
    } else {
        measure_pieces(params, seen, row);
    }
    row[COLUMN_FRACTION].f32 = share_of(row[COLUMN_REPEATED].u32, row[COLUMN_TOTAL].u32);
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    if (row[COLUMN_TOTAL].u32 == 0) {
        return 1;
    }
    bool single = !is_ngram(params) && row[COLUMN_PIECES].u32 == 1;
    if (single || !params[MAX_FRACTION].set || row[COLUMN_REPEATED].u32 == 0) {
        return 0;
    }
    double fraction = (double)row[COLUMN_REPEATED].u32 / row[COLUMN_TOTAL].u32;
    return fraction > params[MAX_FRACTION].number ? 2 : 0;
}

static const struct curation_param params[] = {
    [GRANULARITY] =
        {.name = "granularity",
         .type = "string",
         .role = STEP_ROLE_MEASURE,
         .fallback = "\"line\"",
         .choices = "[\"line\",\"paragraph\",\"ngram\"]",
         .help = "what is looked for twice"},
    [N] =
        {.name = "n",
         .type = "int",
         .role = STEP_ROLE_MEASURE,
         .fallback = "2",
         .min = "1",
         .max = "64",
         .help = "words of an n-gram"},
    [NGRAM_CHAR_RATIO] =
        {.name = "ngram_char_ratio",
         .type = "string",
         .role = STEP_ROLE_MEASURE,
         .fallback = "\"auto\"",
         .choices = "[\"auto\",\"most_common\",\"all\"]",
         .help = "characters of the most common n-gram or of all repeated ones; auto: "
                 "most_common for n from 2 to 4, all from 5 to 10"},
    [COUNT_CHARACTERS] =
        {.name = "count_characters",
         .type = "bool",
         .role = STEP_ROLE_MEASURE,
         .fallback = "true",
         .help = "lines and paragraphs: count characters, not pieces"},
    [IGNORE_CASE] =
        {.name = "ignore_case",
         .type = "bool",
         .role = STEP_ROLE_MEASURE,
         .fallback = "false",
         .help = "lower-case the text first"},
    [MAX_FRACTION] =
        {.name = "max_fraction",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .help = "largest repeated fraction to keep"},
};

static const struct curation_column columns[] = {
    [COLUMN_FRACTION] = {"fraction", COLUMN_F32},
    [COLUMN_REPEATED] = {"repeated", COLUMN_U32},
    [COLUMN_TOTAL] = {"total", COLUMN_U32},
    [COLUMN_PIECES] = {"pieces", COLUMN_U32},
};

static const char *const rules[] = {"no text", "repetition"};

const struct curation_step step_repetition = {
    .name = "repetition",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "fraction of a page in repeated lines, paragraphs or n-grams",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .check = check,
    .measure = measure,
    .verdict = verdict,
};
