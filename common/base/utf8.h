/* SPDX-License-Identifier: Apache-2.0 */
/* Well-formedness of UTF-8, byte by byte as in table 3-7 of the Unicode standard. */
#ifndef ASSAY_BASE_UTF8_H
#define ASSAY_BASE_UTF8_H

#include <stddef.h>

/* Bytes (1 to 4) of the well-formed sequence that starts at `text`, or 0 when there is none.
 * `length` > 0. */
size_t utf8_sequence(const char *text, size_t length);
/* Bytes of the longest well-formed prefix. */
size_t utf8_prefix(const char *text, size_t length);

#endif
