/* Walking along a line of text. Each function is given where it stands and where the line ends, and
 * returns where it then stands: as far as what it is named for goes, which may be nothing. */
#ifndef PLANESCHED_TRACE_TEXT_H
#define PLANESCHED_TRACE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "planesched/compiler.h"

PS_INLINE int ps_text_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

PS_INLINE int ps_text_is_hex(char c)
{
    return ps_text_is_digit(c) || (c >= 'a' && c <= 'f');
}

PS_INLINE int ps_text_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

PS_INLINE int ps_text_is_word(char c)
{
    return ps_text_is_digit(c) || ps_text_is_letter(c) || c == '_';
}

/* Blanks, tabs, and what a text may have that was written elsewhere: CRLF. */
PS_INLINE int ps_text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

PS_INLINE const char *ps_text_blanks(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

PS_INLINE const char *ps_text_spaces(const char *at, const char *end)
{
    while (at < end && ps_text_is_space(*at))
        at++;
    return at;
}

PS_INLINE const char *ps_text_token(const char *at, const char *end)
{
    while (at < end && !ps_text_is_space(*at))
        at++;
    return at;
}

PS_INLINE const char *ps_text_digits(const char *at, const char *end)
{
    while (at < end && ps_text_is_digit(*at))
        at++;
    return at;
}

PS_INLINE int ps_text_here(const char *at, const char *end, char c)
{
    return at < end && *at == c;
}

/* After at least one blank, or NULL. */
PS_INLINE const char *ps_text_some_blanks(const char *at, const char *end)
{
    return ps_text_here(at, end, ' ') ? ps_text_blanks(at + 1, end) : NULL;
}

/* After this word, or NULL where it does not stand. */
#define PS_TEXT_AFTER(at, end, word) ps_text_after(at, end, word, sizeof(word) - 1)
PS_INLINE const char *ps_text_after(const char *at, const char *end, const char *word,
                                    size_t length)
{
    if ((size_t)(end - at) < length || memcmp(at, word, length) != 0)
        return NULL;
    return at + length;
}

/* The digits of a number that has 1 to `most` of them, or NULL; 18 always have room. */
PS_INLINE const char *ps_text_number(const char *at, const char *end, int most, uint64_t *number)
{
    uint64_t value = 0;
    const char *const from = at;
    for (; at < end && ps_text_is_digit(*at) && at - from < most; at++)
        value = value * 10u + (uint64_t)(*at - '0');
    *number = value;
    return at == from || (at < end && ps_text_is_digit(*at)) ? NULL : at;
}

/* The same with hexadecimal digits, at most 16. */
PS_INLINE const char *ps_text_hex(const char *at, const char *end, int most, uint64_t *number)
{
    uint64_t value = 0;
    const char *const from = at;
    for (; at < end && ps_text_is_hex(*at) && at - from < most; at++)
        value = value << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    *number = value;
    return at == from || (at < end && ps_text_is_hex(*at)) ? NULL : at;
}

PS_INLINE int ps_text_equals(const char *at, const char *end, const char *word, size_t length)
{
    return (size_t)(end - at) == length && memcmp(at, word, length) == 0;
}

/* Whether a word stands anywhere. */
PS_INLINE int ps_text_has(const char *at, const char *end, const char *word, size_t length)
{
    while ((size_t)(end - at) >= length) {
        at = (const char *)memchr(at, word[0], (size_t)(end - at) - length + 1);
        if (!at)
            return 0;
        if (memcmp(at, word, length) == 0)
            return 1;
        at++;
    }
    return 0;
}

#endif
