/* Text: compared, divided, joined.
 *
 * In: UTF-8 with its length. Out: parts of it, or new text. */
#include <string.h>

#include "internal.h"

bool warden_equal(warden_string left, warden_string right) {
    return left.len == right.len && memcmp(left.ptr, right.ptr, left.len) == 0;
}

bool warden_starts_with(warden_string text, warden_string beginning) {
    return text.len >= beginning.len && memcmp(text.ptr, beginning.ptr, beginning.len) == 0;
}

bool warden_ends_with(warden_string text, warden_string ending) {
    return text.len >= ending.len &&
           warden_starts_with(text_behind(text, text.len - ending.len), ending);
}

bool warden_find(warden_string text, warden_string part, size_t *at) {
    for (size_t place = 0; place + part.len <= text.len; place++) {
        if (warden_starts_with(text_behind(text, place), part)) {
            *at = place;
            return true;
        }
    }
    return false;
}

warden_string warden_slice(warden_string text, size_t from, size_t to) {
    size_t end = to < text.len ? to : text.len;
    size_t start = from < end ? from : end;
    return (warden_string){text.ptr + start, end - start};
}

warden_string text_behind(warden_string text, size_t count) {
    return (warden_string){text.ptr + count, text.len - count};
}

bool text_find(warden_string text, uint8_t byte, size_t *at) {
    for (size_t place = 0; place < text.len; place++) {
        if (text.ptr[place] == byte) {
            *at = place;
            return true;
        }
    }
    return false;
}

warden_string warden_join(const warden_string *parts, size_t count) {
    size_t length = 0;
    for (size_t part = 0; part < count; part++) {
        length += parts[part].len;
    }
    warden_string joined = {warden_allocate(length, 1), 0};
    for (size_t part = 0; part < count; part++) {
        memcpy(joined.ptr + joined.len, parts[part].ptr, parts[part].len);
        joined.len += parts[part].len;
    }
    return joined;
}

warden_string warden_decimal(uint64_t number) {
    /* 2^64 has twenty digits. */
    uint8_t digits[20];
    size_t first = sizeof digits;
    do {
        first--;
        digits[first] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return warden_join(&(warden_string){digits + first, sizeof digits - first}, 1);
}

bool warden_next_line(warden_string *rest, warden_string *line) {
    if (rest->len == 0) {
        return false;
    }
    size_t end;
    if (text_find(*rest, '\n', &end)) {
        *line = (warden_string){rest->ptr, end};
        *rest = text_behind(*rest, end + 1);
    } else {
        *line = *rest;
        *rest = text_behind(*rest, rest->len);
    }
    if (line->len > 0 && line->ptr[line->len - 1] == '\r') {
        line->len--;
    }
    return true;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

bool warden_next_word(warden_string *rest, warden_string *word) {
    size_t start = 0;
    while (start < rest->len && is_blank(rest->ptr[start])) {
        start++;
    }
    size_t end = start;
    while (end < rest->len && !is_blank(rest->ptr[end])) {
        end++;
    }
    *word = (warden_string){rest->ptr + start, end - start};
    *rest = text_behind(*rest, end);
    return word->len > 0;
}

bool warden_is_utf8(warden_string bytes) {
    while (bytes.len > 0) {
        character first;
        if (!character_first(bytes, &first)) {
            return false;
        }
        bytes = text_behind(bytes, first.bytes);
    }
    return true;
}

/* How many bytes a character has that begins with this one; 0 for one that begins none. */
static size_t length_of(uint8_t lead) {
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 3;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

bool character_first(warden_string text, character *first) {
    /* The smallest code that needs so many bytes: a smaller one has a shorter form. */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = text.ptr[0];
    size_t bytes = length_of(lead);
    if (bytes == 0 || bytes > text.len) {
        return false;
    }
    uint32_t code = bytes == 1 ? lead : lead & (0x7fu >> bytes);
    for (size_t at = 1; at < bytes; at++) {
        if ((text.ptr[at] & 0xc0) != 0x80) {
            return false;
        }
        code = code << 6 | (text.ptr[at] & 0x3f);
    }
    if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return false;
    }
    *first = (character){code, bytes};
    return true;
}

uint8_t *character_write(uint8_t *to, uint32_t code) {
    if (code < 0x80) {
        *to++ = (uint8_t)code;
    } else if (code < 0x800) {
        *to++ = (uint8_t)(0xc0 | code >> 6);
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (uint8_t)(0xe0 | code >> 12);
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | code >> 18);
        *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return to;
}
