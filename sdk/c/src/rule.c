/* One rule: is it a permission?
 *
 * In: text that an author or an operator wrote. Out: yes, or why not, in words for whoever
 * wrote it. The host reads every rule again and refuses what is none; asked here, while the
 * data is read, the operator is told the file and the line. The grammar is that of
 * sdk/rules/src/rule.rs, and a test holds both to the same answers. */
#include "internal.h"

/* Longest command, subcommand or category, in bytes. */
#define MAX_NAME_BYTES 64

/* Largest number of a database a server accepts. */
#define MAX_DATABASE 2147483647u

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_alphanumeric(uint8_t byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Whether this is the name of a command, a subcommand or a category. */
static bool is_name(warden_string text) {
    if (text.len == 0 || text.len > MAX_NAME_BYTES ||
        !(is_alphanumeric(text.ptr[0]) || text.ptr[0] == '_')) {
        return false;
    }
    for (size_t at = 0; at < text.len; at++) {
        uint8_t byte = text.ptr[at];
        if (!is_alphanumeric(byte) && byte != '.' && byte != '_' && byte != '-') {
            return false;
        }
    }
    return true;
}

/* What stands behind `+` or `-`. */
static bool check_commands(warden_string name, warden_string *why) {
    if (warden_starts_with(name, WARDEN_TEXT("@"))) {
        *why = WARDEN_TEXT("not a category; write +@category in letters, digits, '.', '_' and "
                           "'-', at most 64 bytes");
        return is_name(text_behind(name, 1));
    }
    *why = WARDEN_TEXT("not a command; write +command or +command|subcommand, in letters, "
                       "digits, '.', '_' and '-', each part at most 64 bytes");
    size_t bar;
    if (!text_find(name, '|', &bar)) {
        return is_name(name);
    }
    return is_name((warden_string){name.ptr, bar}) && is_name(text_behind(name, bar + 1));
}

static bool check_pattern(warden_string pattern, warden_string *why) {
    return pattern_has_characters(pattern, why) && pattern_is_glob(pattern, why);
}

static bool is_either(uint8_t byte, uint8_t lower, uint8_t upper) {
    return byte == lower || byte == upper;
}

/* What stands behind `%`. */
static bool check_access(warden_string rest, warden_string *why) {
    size_t tilde;
    bool known = text_find(rest, '~', &tilde);
    if (known && tilde == 1) {
        known = is_either(rest.ptr[0], 'r', 'R') || is_either(rest.ptr[0], 'w', 'W');
    } else if (known && tilde == 2) {
        bool reads = is_either(rest.ptr[0], 'r', 'R') || is_either(rest.ptr[1], 'r', 'R');
        bool writes = is_either(rest.ptr[0], 'w', 'W') || is_either(rest.ptr[1], 'w', 'W');
        known = reads && writes;
    } else {
        known = false;
    }
    if (!known) {
        *why = WARDEN_TEXT("no such access; write ~keys, %R~keys or %W~keys");
        return false;
    }
    return check_pattern(text_behind(rest, tilde + 1), why);
}

/* What stands behind `db=`: numbers with commas between them. */
static bool check_databases(warden_string list, warden_string *why) {
    *why = WARDEN_TEXT("not a list of databases; write db=0 or db=0,1,2 without spaces, or "
                       "alldbs");
    for (size_t at = 0;; at++) {
        size_t start = at;
        uint64_t number = 0;
        while (at < list.len && is_digit(list.ptr[at]) && number <= MAX_DATABASE) {
            number = 10 * number + (list.ptr[at] - '0');
            at++;
        }
        if (at == start || number > MAX_DATABASE) {
            return false;
        }
        if (at == list.len) {
            return true;
        }
        if (list.ptr[at] != ',') {
            return false;
        }
    }
}

/* Whether these are the same word, of lower-case letters, in any case. */
static bool is_word(warden_string text, warden_string word) {
    if (text.len != word.len) {
        return false;
    }
    for (size_t at = 0; at < text.len; at++) {
        uint8_t upper = (uint8_t)(word.ptr[at] - 'a' + 'A');
        if (!is_either(text.ptr[at], word.ptr[at], upper)) {
            return false;
        }
    }
    return true;
}

bool warden_rule_check(warden_string rule, warden_string *why) {
    if (rule.len == 0) {
        *why = WARDEN_TEXT("an empty rule");
        return false;
    }
    warden_string rest = text_behind(rule, 1);
    switch (rule.ptr[0]) {
    case '+':
    case '-':
        return check_commands(rest, why);
    case '~':
    case '&':
        return check_pattern(rest, why);
    case '%':
        return check_access(rest, why);
    default:
        break;
    }
    if (warden_starts_with(rule, WARDEN_TEXT("db="))) {
        return check_databases(text_behind(rule, 3), why);
    }
    *why = WARDEN_TEXT("not a permission; write one of +command, -command, +@category, "
                       "-@category, ~keys, %R~keys, %W~keys, &channels, db=0");
    return is_word(rule, WARDEN_TEXT("alldbs"));
}
