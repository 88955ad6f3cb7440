/* SPDX-License-Identifier: Apache-2.0 */
/* DCLM's page_length_filter: characters, words, lines or paragraphs within bounds, both ends
 * kept. */
#include <string.h>

#include "common/base/cleanup.h"
#include "curation/steps/features.h"
#include "curation/steps/table.h"
#include "curation/text/lines.h"

enum {
    LENGTH_TYPE = 0,
    MODEL,
    IGNORE_PUNCTUATION,
    IGNORE_WHITESPACE,
    REMOVE_EMPTY,
    MIN,
    MAX,
};

static uint32_t words_length(const struct step_value *params, struct features *features)
{
    enum word_model model = WORDS_FASTTEXT;
    (void)word_model_parse(params[MODEL].text, &model); /* a choice of the table */
    unsigned filter = params[IGNORE_PUNCTUATION].boolean ? WORDS_NO_PUNCTUATION : 0;
    filter |= params[IGNORE_WHITESPACE].boolean ? WORDS_NO_WHITESPACE : 0;
    return (uint32_t)features_words(features, model, filter)->count;
}

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    const char *type = params[LENGTH_TYPE].text;
    size_t length = 0;
    const char *text = features_text(features, &length);
    bool raw = !params[REMOVE_EMPTY].boolean;
    if (strcmp(type, "word") == 0) {
        row[0].u32 = words_length(params, features);
    } else if (strcmp(type, "line") == 0) {
        row[0].u32 =
            (uint32_t)(raw ? lines_count_raw(text, length) : features_lines(features)->count);
    } else if (strcmp(type, "paragraph") == 0) {
        row[0].u32 =
            (uint32_t)(raw ? paragraphs_count_raw(text, length) : features_paragraphs(features)->count);
    } else {
        row[0].u32 = features_chars(features);
    }
}

static uint32_t verdict(const struct step_value *params, const union cell *row)
{
    if (params[MIN].set && row[0].u32 < params[MIN].number) {
        return 1;
    }
    return params[MAX].set && row[0].u32 > params[MAX].number ? 2 : 0;
}

static const struct curation_param params[] = {
    [LENGTH_TYPE] =
        {.name = "length_type",
         .type = "string",
         .role = STEP_ROLE_MEASURE,
         .fallback = "\"char\"",
         .choices = "[\"char\",\"word\",\"line\",\"paragraph\"]",
         .help = "what is counted"},
    [MODEL] =
        {.name = "model",
         .type = "string",
         .role = STEP_ROLE_MEASURE,
         .fallback = "\"fasttext\"",
         .choices = "[\"fasttext\",\"split\",\"uniseg\"]",
         .help = "what a word is: between ASCII blanks, between Unicode white space, or by "
                 "UAX 29"},
    [IGNORE_PUNCTUATION] =
        {.name = "ignore_punctuation",
         .type = "bool",
         .role = STEP_ROLE_MEASURE,
         .fallback = "false",
         .help = "count only words that start with a letter or number"},
    [IGNORE_WHITESPACE] =
        {.name = "ignore_whitespace",
         .type = "bool",
         .role = STEP_ROLE_MEASURE,
         .fallback = "true",
         .help = "do not count blank words"},
    [REMOVE_EMPTY] =
        {.name = "remove_empty",
         .type = "bool",
         .role = STEP_ROLE_MEASURE,
         .fallback = "true",
         .help = "do not count blank lines or paragraphs"},
    [MIN] =
        {.name = "min",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .fallback = "1",
         .min = "0",
         .help = "shortest page to keep"},
    [MAX] =
        {.name = "max",
         .type = "real",
         .role = STEP_ROLE_CUT,
         .min = "0",
         .help = "longest page to keep"},
};

static const struct curation_column columns[] = {{"length", COLUMN_U32}};
static const char *const rules[] = {"too short", "too long"};

const struct curation_step step_page_length = {
    .name = "page-length",
    .profile = "dclm",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "length of a page in characters, words, lines or paragraphs",
    .params = params,
    .params_count = ARRAY_LEN(params),
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .rules = rules,
    .rules_count = ARRAY_LEN(rules),
    .measure = measure,
    .verdict = verdict,
};
