/* What the files of the SDK share, and no policy needs. */
#ifndef WARDEN_INTERNAL_H
#define WARDEN_INTERNAL_H

#include "warden.h"

/* One character of UTF-8. */
typedef struct {
    uint32_t code;
    size_t bytes;
} character;

/* The character at the beginning of `text`, which is not empty. False when that is no
 * UTF-8: cut short, too long a form, half of a pair, beyond U+10FFFF. */
bool character_first(warden_string text, character *first);

/* Appends the character as UTF-8 to `to`, which has room; where the next one goes. */
uint8_t *character_write(uint8_t *to, uint32_t code);

/* Whether there is nothing but text without white space, control characters, quotes and
 * parentheses, of 1 to WARDEN_MAX_PATTERN_BYTES bytes. */
bool pattern_has_characters(warden_string text, warden_string *why);

/* Whether the glob ends what it begins: no lone backslash, no class without its bracket. */
bool pattern_is_glob(warden_string text, warden_string *why);

/* Whether the pattern is an exact name or `literal*`, as a bound must be. */
bool pattern_is_bound(warden_string pattern);

/* The text behind the first `count` bytes. */
warden_string text_behind(warden_string text, size_t count);

/* Where this byte first stands; false when nowhere. */
bool text_find(warden_string text, uint8_t byte, size_t *at);

#endif
