/* Patterns of keys and channels: glob text that cannot break out of its rule.
 *
 * In: glob text of an author, or a value (a claim, a name) to be escaped. Out: text without
 * white space, control characters, quotes or parentheses. A value that holds one is refused,
 * never repaired: two different values must not become one pattern. The rules are those of
 * sdk/rules/src/pattern.rs and places.rs, and a test holds both to the same answers. */
#include "internal.h"

static bool is_white_space(uint32_t code) {
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static bool has_length(warden_string text, warden_string *why) {
    if (text.len == 0) {
        *why = WARDEN_TEXT("the pattern is empty");
        return false;
    }
    if (text.len > WARDEN_MAX_PATTERN_BYTES) {
        *why = WARDEN_TEXT("the pattern is longer than 1024 bytes");
        return false;
    }
    return true;
}

bool pattern_has_characters(warden_string text, warden_string *why) {
    if (!has_length(text, why)) {
        return false;
    }
    while (text.len > 0) {
        character first;
        if (!character_first(text, &first)) {
            *why = WARDEN_TEXT("the pattern is not UTF-8");
            return false;
        }
        uint32_t code = first.code;
        if (is_white_space(code) || is_control(code) || code == '"' || code == '\'' ||
            code == '(' || code == ')') {
            *why = WARDEN_TEXT("white space, control characters, quotes and parentheses are "
                               "refused in a pattern");
            return false;
        }
        text = text_behind(text, first.bytes);
    }
    return true;
}

/* Reads past a class, from behind its `[`, exactly as the server reads it: a range takes
 * three bytes, even when the third is a bracket. False when it does not end. */
static bool skip_class(warden_string *rest) {
    if (rest->len > 0 && rest->ptr[0] == '^') {
        *rest = text_behind(*rest, 1);
    }
    while (rest->len > 0) {
        size_t taken = 1;
        if (rest->ptr[0] == '\\' && rest->len >= 2) {
            taken = 2;
        } else if (rest->ptr[0] == ']') {
            *rest = text_behind(*rest, 1);
            return true;
        } else if (rest->len >= 3 && rest->ptr[1] == '-') {
            taken = 3;
        }
        *rest = text_behind(*rest, taken);
    }
    return false;
}

bool pattern_is_glob(warden_string text, warden_string *why) {
    while (text.len > 0) {
        uint8_t first = text.ptr[0];
        text = text_behind(text, 1);
        if (first == '\\') {
            if (text.len == 0) {
                *why = WARDEN_TEXT("the pattern ends in a lone backslash; write \\\\ for a "
                                   "backslash");
                return false;
            }
            text = text_behind(text, 1);
        } else if (first == '[' && !skip_class(&text)) {
            *why = WARDEN_TEXT("the pattern holds a '[' without its ']'; write \\[ for a "
                               "bracket");
            return false;
        }
    }
    return true;
}

bool pattern_is_bound(warden_string pattern) {
    size_t at = 0;
    while (at < pattern.len) {
        uint8_t byte = pattern.ptr[at];
        if (byte == '*') {
            break;
        }
        if (byte == '?' || byte == '[') {
            return false;
        }
        at += byte == '\\' ? 2 : 1;
    }
    while (at < pattern.len && pattern.ptr[at] == '*') {
        at++;
    }
    return at >= pattern.len;
}

static bool is_glob_character(uint8_t byte) {
    return byte == '*' || byte == '?' || byte == '[' || byte == ']' || byte == '\\';
}

/* The value escaped, with `end` behind it. */
static bool escape(warden_string value, warden_string end, warden_string *pattern) {
    warden_string why;
    if (!pattern_has_characters(value, &why)) {
        return false;
    }
    /* At worst each byte is escaped. */
    warden_string text = {warden_allocate(2 * value.len + end.len, 1), 0};
    for (size_t at = 0; at < value.len; at++) {
        if (is_glob_character(value.ptr[at])) {
            text.ptr[text.len++] = '\\';
        }
        text.ptr[text.len++] = value.ptr[at];
    }
    for (size_t at = 0; at < end.len; at++) {
        text.ptr[text.len++] = end.ptr[at];
    }
    if (!has_length(text, &why)) {
        return false;
    }
    *pattern = text;
    return true;
}

bool warden_pattern_literal(warden_string value, warden_string *pattern) {
    return escape(value, WARDEN_TEXT(""), pattern);
}

bool warden_pattern_prefix(warden_string value, warden_string *pattern) {
    return escape(value, WARDEN_TEXT("*"), pattern);
}

/* Glob text on one side of a place. */
typedef struct {
    bool wild;
    bool begins_wild;
    bool ends_wild;
    /* The first and the last character, where these are no wildcards. */
    warden_string first;
    warden_string last;
} side;

/* Takes one element off `rest`, and tells what it stands for: nothing for a wildcard. False
 * when it does not end. */
static bool take_element(warden_string *rest, warden_string *stands_for) {
    uint8_t begin = rest->ptr[0];
    *stands_for = (warden_string){0};
    if (begin == '*' || begin == '?' || begin == '[') {
        *rest = text_behind(*rest, 1);
        return begin != '[' || skip_class(rest);
    }
    character one;
    if (begin == '\\') {
        *rest = text_behind(*rest, 1);
    }
    if (rest->len == 0 || !character_first(*rest, &one)) {
        return false;
    }
    *stands_for = (warden_string){rest->ptr, one.bytes};
    *rest = text_behind(*rest, one.bytes);
    return true;
}

static bool read_side(warden_string text, side *read) {
    *read = (side){0};
    for (bool begun = false; text.len > 0; begun = true) {
        if (!take_element(&text, &read->last)) {
            return false;
        }
        read->ends_wild = read->last.len == 0;
        read->wild = read->wild || read->ends_wild;
        if (!begun) {
            read->first = read->last;
            read->begins_wild = read->ends_wild;
        }
    }
    return true;
}

static bool holds(warden_string value, warden_string part) {
    size_t at;
    return part.len > 0 && warden_find(value, part, &at);
}

bool warden_pattern_place(warden_string before, warden_string value, warden_string behind,
                          warden_string *pattern) {
    side left, right;
    if (!read_side(before, &left) || !read_side(behind, &right)) {
        return false;
    }
    /* Where a value ends must be plain, and on one side of it all text is. */
    if (left.ends_wild || right.begins_wild || (left.wild && right.wild)) {
        return false;
    }
    if (holds(value, right.first) || (left.wild && holds(value, left.last))) {
        return false;
    }
    return warden_pattern_literal(value, pattern);
}
