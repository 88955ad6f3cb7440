/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over a corpus without libFuzzer: replay DIR-OR-FILE ... An empty corpus is
 * an error. */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs_count;

static int replay_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type != FTW_F) {
        return 0;
    }
    FILE *file = fopen(path, "rbe");
    size_t size = (size_t)st->st_size;
    uint8_t *data = calloc(size + 1, 1);
    if (!file || !data || fread(data, 1, size, file) != size) {
        (void)fprintf(stderr, "%s: cannot read\n", path);
        exit(1);
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs_count++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], replay_file, 16, FTW_PHYS) != 0) {
            (void)fprintf(stderr, "%s: cannot walk\n", argv[i]);
            return 1;
        }
    }
    (void)printf("%zu inputs\n", inputs_count);
    return inputs_count > 0 ? 0 : 1;
}
