/* SPDX-License-Identifier: Apache-2.0 */
/* The quality rules of Gopher in the form that DCLM's RefinedWeb pipeline has them, in its
 * order and with its values. Each rule is also a step of its own. */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

enum {
    MIN_WORDS = 0,
    MAX_WORDS,
    MIN_WORD_LENGTH,
    MAX_WORD_LENGTH,
    MAX_SYMBOLS,
    MAX_BULLETS,
    MAX_ELLIPSES,
    MAX_NON_ALPHABETIC,
    MIN_STOP_WORDS,
};

enum {
    COLUMN_WORDS = 0, /* fastText words that start with a letter or number */
    COLUMN_SPLIT_WORDS,
    COLUMN_SPLIT_CHARS,
    COLUMN_NON_ALPHABETIC,
    COLUMN_SYMBOLS,
    COLUMN_STOP_WORDS,
    COLUMN_LINES,
    COLUMN_BULLETS,
    COLUMN_ELLIPSES,
};

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    size_t length = 0;
    const char *text = features_text(features, &length);
    struct word_counts words = count_words(features);
    row[COLUMN_WORDS].u32 = (uint32_t)words_fasttext_count(text, length);
    row[COLUMN_SPLIT_WORDS].u32 = words.words;
    row[COLUMN_SPLIT_CHARS].u32 = words.chars;
    row[COLUMN_NON_ALPHABETIC].u32 = words.non_alphabetic;
    row[COLUMN_SYMBOLS].u32 = count_symbols(features);
    row[COLUMN_STOP_WORDS].u32 = count_stop_words(features).all;
    row[COLUMN_LINES].u32 = (uint32_t)features_lines(features)->count;
    row[COLUMN_BULLETS].u32 = count_bullets(features);
    row[COLUMN_ELLIPSES].u32 = count_ellipses(features);
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    double split_words = row[COLUMN_SPLIT_WORDS].u32;
    double lines = row[COLUMN_LINES].u32;
    if (row[COLUMN_WORDS].u32 < params[MIN_WORDS].number) {
        return 1;
    }
    if (row[COLUMN_WORDS].u32 > params[MAX_WORDS].number) {
        return 2;
    }
    if (row[COLUMN_SPLIT_WORDS].u32 == 0) {
        return 3; /* the mean length of no words is outside any bounds */
    }
    double mean = row[COLUMN_SPLIT_CHARS].u32 / split_words;
    if (mean < params[MIN_WORD_LENGTH].number || mean > params[MAX_WORD_LENGTH].number) {
        return 3;
    }
    if (row[COLUMN_SYMBOLS].u32 / split_words > params[MAX_SYMBOLS].number) {
        return 4;
    }
    if (row[COLUMN_BULLETS].u32 > params[MAX_BULLETS].number * lines) {
        return 5;
    }
    if (row[COLUMN_ELLIPSES].u32 > params[MAX_ELLIPSES].number * lines) {
        return 6;
    }
    if (row[COLUMN_NON_ALPHABETIC].u32 / split_words > params[MAX_NON_ALPHABETIC].number) {
        return 7;
    }
    uint32_t stop_words = row[COLUMN_STOP_WORDS].u32;
    return stop_words == 0 || stop_words < params[MIN_STOP_WORDS].number ? 8 : 0;
}

#define CUT(text, value, words)                                                     \
    {                                                                               \
        .name = (text), .type = "real", .role = STEP_ROLE_CUT, .fallback = (value), \
        .min = "0", .help = (words)                                                 \
    }

static const struct curation_param params[] = {
    [MIN_WORDS] = CUT("min_words", "50", "fewest words to keep, punctuation not counted"),
    [MAX_WORDS] = CUT("max_words", "100000", "most words to keep, punctuation not counted"),
    [MIN_WORD_LENGTH] = CUT("min_word_length", "3", "shortest mean word to keep"),
    [MAX_WORD_LENGTH] = CUT("max_word_length", "10", "longest mean word to keep"),
    [MAX_SYMBOLS] = CUT("max_symbol_ratio", "0.1", "most hash marks and ellipses per word"),
    [MAX_BULLETS] = CUT("max_bullet_lines", "0.9", "largest share of lines with a bullet"),
    [MAX_ELLIPSES] =
        CUT("max_ellipsis_lines", "0.3", "largest share of lines that end in an ellipsis"),
    [MAX_NON_ALPHABETIC] =
        CUT("max_non_alphabetic", "0.2", "largest share of words without a letter"),
    [MIN_STOP_WORDS] =
        CUT("min_stop_words", "2", "fewest stop words; at least one is needed always"),
};

static const struct curation_column columns[] = {
    [COLUMN_WORDS] = {"words", COLUMN_U32},
    [COLUMN_SPLIT_WORDS] = {"split_words", COLUMN_U32},
    [COLUMN_SPLIT_CHARS] = {"split_chars", COLUMN_U32},
    [COLUMN_NON_ALPHABETIC] = {"non_alphabetic", COLUMN_U32},
    [COLUMN_SYMBOLS] = {"symbols", COLUMN_U32},
    [COLUMN_STOP_WORDS] = {"stop_words", COLUMN_U32},
    [COLUMN_LINES] = {"lines", COLUMN_U32},
    [COLUMN_BULLETS] = {"bullets", COLUMN_U32},
    [COLUMN_ELLIPSES] = {"ellipses", COLUMN_U32},
};

static const char *const rules[] = {
    "few words",
    "many words",
    "word length",
    "many symbols",
    "many bullets",
    "many ellipses",
    "few alphabetic words",
    "few stop words",
};

const struct curation_step step_gopher_quality = {
    .name = "gopher-quality",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "Gopher's quality rules with the values of DCLM's RefinedWeb pipeline",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
