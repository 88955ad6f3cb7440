/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local measure pass on one core, for bench_curate.py:
 *
 *     assay-bench-curate make FILE MB [SEED]     writes MB of text as JSONL (.zst)
 *     assay-bench-curate sample OUT BYTES FILE... writes the first documents, about BYTES of
 * text assay-bench-curate run ROUNDS FILE...      one JSON line a round: bytes of text, and
 * seconds of processor time to read, and to read and measure
 *
 * The text is made up, but repeats itself about as web pages do: words by Zipf's law, lines of
 * prose, lists and headings, some lines that stand on every page.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "curation/io/reader.h"
#include "curation/io/writer.h"
#include "curation/steps/features.h"
#include "curation/steps/step.h"

#define VOCABULARY 20000
#define STEPS_MAX  16

/* --- Text --- */

struct maker {
    struct rng rng;
    char words[VOCABULARY][16];
    double sums[VOCABULARY]; /* of the words' weights, for a draw by bisection */
};

static void make_word(struct rng *rng, char *word, size_t rank)
{
    static const char vowels[] = "aeiou";
    static const char consonants[] = "bcdfghjklmnprstvwz";
    size_t length = 2 + rng_below(rng, rank < 100 ? 3 : 9);
    for (size_t i = 0; i < length; i++) {
        const char *letters = (i + rank) % 2 == 0 ? vowels : consonants;
        word[i] = letters[rng_below(rng, strlen(letters))];
    }
    word[length] = '\0';
}

static struct maker *maker_create(uint64_t seed)
{
    static const char *const frequent[] = {
        "the", "of", "and", "to", "in", "that", "with", "be"};
    struct maker *maker = xcalloc(sizeof(*maker));
    double sum = 0;
    rng_init(&maker->rng, seed);
    for (size_t i = 0; i < VOCABULARY; i++) {
        make_word(&maker->rng, maker->words[i], i);
        if (i < ARRAY_LEN(frequent)) {
            memcpy(maker->words[i], frequent[i], strlen(frequent[i]) + 1);
        }
        sum += 1.0 / ((double)i + 2.7);
        maker->sums[i] = sum;
    }
    return maker;
}

static const char *draw_word(struct maker *maker)
{
    double place = rng_unit(&maker->rng) * maker->sums[VOCABULARY - 1];
    size_t low = 0;
    size_t high = VOCABULARY - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (maker->sums[middle] < place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return maker->words[low];
}

static void append_words(struct maker *maker, uint64_t count, struct str *text)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t mark = rng_below(&maker->rng, 40);
        str_append(text, i == 0 ? "" : mark == 0 ? ", " : mark == 1 ? " \xE2\x80\x94 " : " ");
        if (rng_below(&maker->rng, 60) == 0) {
            str_appendf(text, "%" PRIu64, rng_below(&maker->rng, 3000));
        } else {
            str_append(text, draw_word(maker));
        }
    }
}

static void append_line(struct maker *maker, struct str *text)
{
    switch (rng_below(&maker->rng, 8)) {
    case 0:
        str_append(text, "- ");
        append_words(maker, 2 + rng_below(&maker->rng, 6), text);
        break;
    case 1:
        str_append(text, "Home | About | Contact");
        break;
    case 2:
        append_words(maker, 1 + rng_below(&maker->rng, 5), text);
        break;
    default:
        append_words(maker, 12 + rng_below(&maker->rng, 60), text);
        str_append(text, ".");
        break;
    }
    str_append(text, rng_below(&maker->rng, 4) == 0 ? "\n\n" : "\n");
}

static bool make_corpus(const char *path, uint64_t bytes, uint64_t seed, struct err *err)
{
    struct maker *maker CLEANUP(free_cleanup) = maker_create(seed);
    struct writer *writer CLEANUP(writer_cleanup) = NULL;
    struct str text CLEANUP(str_done);
    struct str line CLEANUP(str_done);
    str_init(&text, LIMIT_DOCUMENT_BYTES);
    str_init(&line, LIMIT_DOCUMENT_BYTES);
    if (!writer_open(path, &writer, err)) {
        return false;
    }
    for (uint64_t done = 0; done < bytes; done += text.length) {
        str_clear(&text);
        str_clear(&line);
        for (uint64_t lines = 4 + rng_below(&maker->rng, 40); lines > 0; lines--) {
            append_line(maker, &text);
        }
        str_appendf(&line, "{\"url\":\"http://example.org/%" PRIu64 "\",\"text\":", done);
        str_append_json(&line, text.data, text.length);
        str_append(&line, "}");
        if (!writer_line(writer, line.data, line.length, err)) {
            return false;
        }
    }
    return writer_close(TAKE(writer), err);
}

/* The first documents of some shards, for a peer that reads plain JSONL. */
static bool sample_corpus(
    const char *out, uint64_t bytes, const char *const *paths, size_t count, struct err *err)
{
    const struct reader_options options = {0};
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(paths, count, &options);
    struct writer *writer CLEANUP(writer_cleanup) = NULL;
    const struct document *document = NULL;
    if (!writer_open(out, &writer, err)) {
        return false;
    }
    while (reader_counts(reader)->text_bytes < bytes) {
        if (!reader_next(reader, &document, err)) {
            return false;
        }
        if (document == NULL) {
            break;
        }
        if (document->present
            && !writer_line(writer, document->line, document->line_length, err)) {
            return false;
        }
    }
    return writer_close(TAKE(writer), err);
}

/* --- Rounds --- */

static const char *const measured_steps[] = {
    "document", "gopher-quality", "gopher-repetition", "stop-word-share", "prose-share"};

static double processor_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail with these arguments */
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6
           + (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

struct pass {
    struct arena *arena;
    struct features *features;
    struct curation_use uses[STEPS_MAX];
    size_t uses_count; /* 0: only read */
    uint64_t text_bytes;
    double sum; /* of first columns, so that nothing is optimised away */
};

static void measure(struct pass *pass, const struct document *document)
{
    features_set(pass->features, document->text, document->text_length);
    for (size_t i = 0; i < pass->uses_count; i++) {
        union cell row[STEP_COLUMNS_MAX];
        const struct curation_use *use = &pass->uses[i];
        use->step->measure(use->values, pass->features, row);
        double score = curation_use_score(use, row);
        pass->sum += isnan(score) ? 0 : score;
    }
}

static bool run_pass(
    struct pass *pass,
    const char *const *paths,
    size_t count,
    double *ret_seconds,
    struct err *err)
{
    const struct reader_options options = {.url_field = "url"};
    struct reader *reader CLEANUP(reader_cleanup) = reader_create(paths, count, &options);
    const struct document *document = NULL;
    double start = processor_seconds();
    while (reader_next(reader, &document, err)) {
        if (document == NULL) {
            *ret_seconds = processor_seconds() - start;
            pass->text_bytes = reader_counts(reader)->text_bytes;
            return true;
        }
        if (document->present && pass->uses_count > 0) {
            measure(pass, document);
        }
    }
    return false;
}

static bool run_rounds(uint64_t rounds, const char *const *paths, size_t count, struct err *err)
{
    struct arena *arena CLEANUP(arena_cleanup) = arena_create();
    struct features *features CLEANUP(features_cleanup) = features_create();
    struct pass read_only = {.arena = arena};
    struct pass all = {.arena = arena, .features = features};
    for (size_t i = 0; i < ARRAY_LEN(measured_steps); i++) {
        const struct curation_step *step = curation_step_find(measured_steps[i], NULL);
        if (!curation_use_bind(step, NULL, arena, &all.uses[all.uses_count++], err)) {
            return false;
        }
    }
    for (uint64_t round = 0; round < rounds; round++) {
        double read_seconds = 0;
        double all_seconds = 0;
        if (!run_pass(&read_only, paths, count, &read_seconds, err)
            || !run_pass(&all, paths, count, &all_seconds, err)) {
            return false;
        }
        printf(
            "{\"bytes\":%" PRIu64 ",\"read_s\":%.6f,\"measure_s\":%.6f}\n",
            all.text_bytes,
            read_seconds,
            all_seconds);
        (void)fflush(stdout); /* a closed pipe ends us anyway */
    }
    return true;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    uint64_t number = 0;
    uint64_t seed = 1;
    bool done = false;
    if (argc >= 4 && strcmp(argv[1], "make") == 0 && str_to_u64(argv[3], &number)
        && (argc == 4 || str_to_u64(argv[4], &seed))) {
        done = make_corpus(argv[2], number * 1000000, seed, &err);
    } else if (argc >= 5 && strcmp(argv[1], "sample") == 0 && str_to_u64(argv[3], &number)) {
        done = sample_corpus(
            argv[2], number, (const char *const *)argv + 4, (size_t)argc - 4, &err);
    } else if (argc >= 4 && strcmp(argv[1], "run") == 0 && str_to_u64(argv[2], &number)) {
        done = run_rounds(number, (const char *const *)argv + 3, (size_t)argc - 3, &err);
    } else {
        fprintf(
            stderr,
            "usage: assay-bench-curate make FILE MB [SEED] | sample OUT BYTES FILE... | "
            "run ROUNDS FILE...\n");
        return 2;
    }
    if (!done) {
        fprintf(stderr, "assay-bench-curate: %s\n", err.message);
        return 1;
    }
    return 0;
}
