/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 through OpenSSL's EVP: the only hash that identifies anything. 32 bytes, printed as
 * 64 lower-case hex digits. */
#ifndef ASSAY_BASE_DIGEST_H
#define ASSAY_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX   65 /* 64 digits and a NUL */

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

struct digester {
    void *context; /* EVP_MD_CTX */
};

void digester_init(struct digester *digester);
void digester_add(struct digester *digester, const void *data, size_t length);
struct digest digester_end(
    struct digester *digester);                /* value so far; the digester starts anew */
void digester_done(struct digester *digester); /* usable with CLEANUP */

struct digest digest_of(const void *data, size_t length);
/* Of two texts end to end. */
struct digest digest_of_pair(
    const void *first, size_t first_length, const void *second, size_t second_length);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest);
int digest_compare(const void *a, const void *b); /* memcmp order, for qsort */
char *digest_to_hex(const struct digest *digest, char buffer[DIGEST_HEX]);
bool digest_from_hex(const char *text, struct digest *ret_digest); /* exactly 64 hex digits */

#endif
