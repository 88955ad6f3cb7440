/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
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

/* Making a context and finding the algorithm takes longer than a short text's digest, so each
 * thread keeps one. */
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void free_kept(void *context)
{
    EVP_MD_CTX_free(context);
}

static void make_key(void)
{
    CHECK(pthread_key_create(&kept_key, free_kept) == 0);
}

static EVP_MD_CTX *kept_context(void)
{
    CHECK(pthread_once(&kept_once, make_key) == 0);
    EVP_MD_CTX *context = pthread_getspecific(kept_key);
    if (!context) {
        struct digester digester;
        digester_init(&digester);
        context = digester.context;
        CHECK(pthread_setspecific(kept_key, context) == 0);
    }
    return context;
}

struct digest digest_of(const void *data, size_t length)
{
    return digest_of_pair(data, length, NULL, 0);
}

struct digest digest_of_pair(
    const void *first, size_t first_length, const void *second, size_t second_length)
{
    struct digester digester = {kept_context()};
    digester_add(&digester, first, first_length);
    digester_add(&digester, second, second_length);
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
