/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/digest.h"

#include <openssl/evp.h>
#include <string.h>

#include "common/base/check.h"

/* OpenSSL fails here only for want of memory or of the algorithm, and nothing works without it:
 * hence the CHECKs. */

void digester_init(struct digester *digester)
{
    digester->context = EVP_MD_CTX_new();
    CHECK(digester->context);
    CHECK(EVP_DigestInit_ex(digester->context, EVP_sha256(), NULL) == 1);
}

void digester_add(struct digester *digester, const void *data, size_t length)
{
    if (length > 0) {
        CHECK(EVP_DigestUpdate(digester->context, data, length) == 1);
    }
}

struct digest digester_end(struct digester *digester)
{
    struct digest digest;
    unsigned length = 0;
    CHECK(EVP_DigestFinal_ex(digester->context, digest.bytes, &length) == 1);
    CHECK(length == DIGEST_BYTES);
    CHECK(EVP_DigestInit_ex(digester->context, NULL, NULL) == 1);
    return digest;
}

void digester_done(struct digester *digester)
{
    EVP_MD_CTX_free(digester->context);
    digester->context = NULL;
}

struct digest digest_of(const void *data, size_t length)
{
    struct digester digester CLEANUP(digester_done);
    digester_init(&digester);
    digester_add(&digester, data, length);
    return digester_end(&digester);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
    static const struct digest zero;
    return digest_equal(digest, &zero);
}

int digest_compare(const void *a, const void *b)
{
    const struct digest *left = a;
    const struct digest *right = b;
    return memcmp(left->bytes, right->bytes, DIGEST_BYTES);
}

char *digest_to_hex(const struct digest *digest, char buffer[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        buffer[2 * i] = digits[digest->bytes[i] >> 4];
        buffer[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    buffer[DIGEST_HEX - 1] = '\0';
    return buffer;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

bool digest_from_hex(const char *text, struct digest *ret_digest)
{
    if (strlen(text) != DIGEST_HEX - 1) {
        return false;
    }
    struct digest digest;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        digest.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *ret_digest = digest;
    return true;
}
