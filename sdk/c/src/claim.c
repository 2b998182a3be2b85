/* Claims: found, and read where they are JSON strings.
 *
 * In: JSON text the host has read before (RFC 8259). Out: the string it means. Whatever is
 * not one string, whole, in UTF-8, is no value. */
#include "internal.h"

bool warden_claim_json(const warden_request *request, warden_string pointer,
                       warden_string *json) {
    for (size_t at = 0; at < request->claims.len; at++) {
        if (warden_equal(request->claims.ptr[at].pointer, pointer)) {
            *json = request->claims.ptr[at].json;
            return true;
        }
    }
    return false;
}

/* The four hexadecimal digits at the beginning of `text`. */
static bool hexadecimal(warden_string text, uint32_t *code) {
    if (text.len < 4) {
        return false;
    }
    *code = 0;
    for (size_t at = 0; at < 4; at++) {
        uint8_t byte = text.ptr[at];
        uint8_t lower = byte | 0x20;
        if (byte >= '0' && byte <= '9') {
            *code = *code << 4 | (uint32_t)(byte - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            *code = *code << 4 | (uint32_t)(lower - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

/* Takes what follows `\u` off `rest`; of a pair of surrogates both. */
static bool take_code(warden_string *rest, uint32_t *code) {
    if (!hexadecimal(*rest, code) || (*code >= 0xdc00 && *code <= 0xdfff)) {
        return false;
    }
    *rest = text_behind(*rest, 4);
    if (*code < 0xd800 || *code > 0xdbff) {
        return true;
    }
    uint32_t low;
    if (!warden_starts_with(*rest, WARDEN_TEXT("\\u")) ||
        !hexadecimal(text_behind(*rest, 2), &low) || low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *rest = text_behind(*rest, 6);
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Takes what follows a backslash off `rest`. */
static bool take_escape(warden_string *rest, uint32_t *code) {
    if (rest->len == 0) {
        return false;
    }
    uint8_t kind = rest->ptr[0];
    *rest = text_behind(*rest, 1);
    switch (kind) {
    case '"':
    case '\\':
    case '/':
        *code = kind;
        return true;
    case 'b':
        *code = '\b';
        return true;
    case 'f':
        *code = '\f';
        return true;
    case 'n':
        *code = '\n';
        return true;
    case 'r':
        *code = '\r';
        return true;
    case 't':
        *code = '\t';
        return true;
    case 'u':
        return take_code(rest, code);
    default:
        return false;
    }
}

static bool string_of_json(warden_string json, warden_string *value) {
    if (json.len < 2 || json.ptr[0] != '"' || json.ptr[json.len - 1] != '"') {
        return false;
    }
    warden_string rest = {json.ptr + 1, json.len - 2};
    /* No escape is shorter than what it means. */
    uint8_t *text = warden_allocate(rest.len, 1);
    uint8_t *end = text;
    while (rest.len > 0) {
        character next;
        if (!character_first(rest, &next) || next.code < 0x20 || next.code == '"') {
            return false;
        }
        rest = text_behind(rest, next.bytes);
        if (next.code == '\\' && !take_escape(&rest, &next.code)) {
            return false;
        }
        end = character_write(end, next.code);
    }
    *value = (warden_string){text, (size_t)(end - text)};
    return true;
}

bool warden_claim_string(const warden_request *request, warden_string pointer,
                         warden_string *value) {
    warden_string json;
    return warden_claim_json(request, pointer, &json) && string_of_json(json, value);
}
