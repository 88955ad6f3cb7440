/* SPDX-License-Identifier: Apache-2.0 */
#include "curation/text/masks.h"

#include <string.h>

#ifdef __SSE2__
#    include <emmintrin.h>

/* Bytes from `first` to `last`: shifted so that they are the largest ones as signed numbers. */
static __m128i in_range(__m128i bytes, int first, int last)
{
    __m128i shifted = _mm_add_epi8(bytes, _mm_set1_epi8((char)(127 - last)));
    return _mm_cmpgt_epi8(shifted, _mm_set1_epi8((char)(127 - (last - first) - 1)));
}

static uint64_t bits(__m128i set, size_t shift)
{
    return (uint64_t)(uint16_t)_mm_movemask_epi8(set) << shift;
}

static void load_all(const char *text, struct masks *masks)
{
    for (size_t at = 0; at < MASKS_BYTES; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + at));
        __m128i space = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
        __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        masks->blank |= bits(_mm_or_si128(space, in_range(bytes, '\t', '\r')), at);
        masks->separators |= bits(in_range(bytes, 0x1C, 0x1F), at);
        masks->nul |= bits(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()), at);
        masks->alpha |= bits(in_range(lower, 'a', 'z'), at);
        masks->digit |= bits(in_range(bytes, '0', '9'), at);
        masks->low_line |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('_')), at);
        masks->wide |= bits(bytes, at);
    }
}
#else
static void load_all(const char *text, struct masks *masks)
{
    for (size_t at = 0; at < MASKS_BYTES; at++) {
        unsigned char c = (unsigned char)text[at];
        uint64_t bit = UINT64_C(1) << at;
        masks->blank |= c == ' ' || (c >= '\t' && c <= '\r') ? bit : 0;
        masks->separators |= c >= 0x1C && c <= 0x1F ? bit : 0;
        masks->nul |= c == 0 ? bit : 0;
        masks->alpha |= (unsigned char)((c | 0x20) - 'a') < 26 ? bit : 0;
        masks->digit |= (unsigned char)(c - '0') < 10 ? bit : 0;
        masks->low_line |= c == '_' ? bit : 0;
        masks->wide |= c >= 0x80 ? bit : 0;
    }
}
#endif

void masks_load(const char *text, size_t length, struct masks *ret_masks)
{
    *ret_masks = (struct masks){0};
    if (length >= MASKS_BYTES) {
        load_all(text, ret_masks);
        return;
    }
    char padded[MASKS_BYTES];
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, text, length);
    load_all(padded, ret_masks);
}
