/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Share of words by white space that are, in ASCII lower case and without marks around them,
 * one of the function words below. Running English has about 0.4, tables of names, code and
 * most other languages near 0. Other than `stop-words` it does not grow with the length of the
 * page.
 */
#include "common/base/cleanup.h"
#include "curation/steps/counts.h"
#include "curation/steps/table.h"

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

static bool is_ascii_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

/* The word without the ASCII marks around it. */
static struct span bare_word(const char *text, const struct span *word)
{
    const char *start = text + word->start;
    const char *end = start + word->bytes;
    while (start < end && !is_ascii_letter(*start) && (unsigned char)*start < 0x80) {
        start++;
    }
    while (end > start && !is_ascii_letter(end[-1]) && (unsigned char)end[-1] < 0x80) {
        end--;
    }
    return (struct span){
        .start = (uint32_t)(start - text),
        .bytes = (uint32_t)(end - start),
    };
}

static void measure(const struct step_value *params, struct features *features, union cell *row)
{
    (void)params;
    size_t length = 0;
    const char *text = features_text(features, &length);
    const struct spans *words = features_split_words(features);
    const struct word_set *set =
        features_word_set(features, function_words, ARRAY_LEN(function_words));
    uint32_t hits = 0;
    for (size_t i = 0; i < words->count; i++) {
        struct span word = bare_word(text, &words->items[i]);
        hits += word_set_find(set, text + word.start, word.bytes) >= 0;
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
