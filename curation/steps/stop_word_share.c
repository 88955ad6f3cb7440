/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Share of words by white space that are, in ASCII lower case and without marks around them,
 * one of the function words below. Running English has about 0.4, tables of names, code and
 * most other languages near 0. Other than `stop-words` it does not grow with the length of the
 * page.
 */
#include <string.h>

#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

#define WORD_MAX 8

/* Sorted by length, then by bytes. */
static const char *const function_words[] = {
    "a",        "i",                                                                     //
    "am",       "an",       "as",      "at",      "be",      "by",      "do",      "he", //
    "if",       "in",       "is",      "it",      "me",      "my",      "no",      "of", //
    "on",       "or",       "so",      "to",      "up",      "us",      "we",            //
    "all",      "and",      "any",     "are",     "but",     "can",     "did",     "for",
    "had", //
    "has",      "her",      "him",     "his",     "how",     "its",     "may",     "nor",
    "not", //
    "off",      "our",      "out",     "own",     "she",     "the",     "too",     "was",
    "who",                         //
    "why",      "yet",      "you", //
    "been",     "both",     "does",    "down",    "each",    "from",    "have",    "here",
    "into", //
    "just",     "many",     "more",    "most",    "much",    "must",    "once",    "only",
    "over", //
    "same",     "some",     "such",    "than",    "that",    "them",    "then",    "they",
    "this",                                                                                //
    "upon",     "very",     "were",    "what",    "when",    "will",    "with",    "your", //
    "about",    "above",    "after",   "again",   "being",   "below",   "could",   "every",
    "might", //
    "other",    "shall",    "since",   "their",   "there",   "these",   "those",   "under",
    "until",                                                                       //
    "where",    "which",    "while",   "whose",   "would",                         //
    "around",   "before",   "during",  "either",  "itself",  "should",  "though",  //
    "against",  "another",  "because", "between", "further", "himself", "neither", //
    "nothing",  "through",  "whether", "without",                                  //
    "although", "yourself",                                                        //
};

static int compare_words(const char *a, size_t a_length, const char *b)
{
    size_t b_length = strlen(b);
    if (a_length != b_length) {
        return a_length < b_length ? -1 : 1;
    }
    return memcmp(a, b, a_length);
}

static bool is_function_word(const char *word, size_t length)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(function_words);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_words(word, length, function_words[middle]);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

static bool is_ascii_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

/* Lower-cases the word into `out` without the ASCII marks around it; 0 when it cannot be one.
 */
static size_t bare_word(const char *text, const struct span *word, char out[WORD_MAX])
{
    const char *start = text + word->start;
    const char *end = start + word->bytes;
    while (start < end && !is_ascii_letter(*start) && (unsigned char)*start < 0x80) {
        start++;
    }
    while (end > start && !is_ascii_letter(end[-1]) && (unsigned char)end[-1] < 0x80) {
        end--;
    }
    size_t length = (size_t)(end - start);
    if (length > WORD_MAX) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_ascii_letter(start[i])) {
            return 0;
        }
        out[i] = (char)(start[i] | 0x20);
    }
    return length;
}

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    size_t length = 0;
    const char *text = features_text(features, &length);
    const struct spans *words = features_split_words(features);
    uint32_t hits = 0;
    for (size_t i = 0; i < words->count; i++) {
        char word[WORD_MAX];
        size_t bytes = bare_word(text, &words->items[i], word);
        hits += bytes > 0 && is_function_word(word, bytes);
    }
    row[0].f32 = share_of(hits, (uint32_t)words->count);
    row[1].u32 = hits;
    row[2].u32 = (uint32_t)words->count;
}

static const struct curation_column columns[] = {
    {"share", COLUMN_F32},
    {"function_words", COLUMN_U32},
    {"words", COLUMN_U32},
};

const struct curation_step step_stop_word_share = {
    .name = "stop-word-share",
    .profile = "",
    .profile_default = true,
    .version = 1,
    .yields = STEP_MEASURE,
    .about = "share of words that are common English function words",
    .columns = columns,
    .columns_count = ARRAY_LEN(columns),
    .measure = measure,
};
