/* Each department works on its own keys.
 *
 * In: `__NAME__.txt`, whose lines say who comes in and with which commands, and the claim
 * `department` of whoever logs in. Out: these commands, on keys that begin with the
 * department's name and a colon. */
#include "warden.h"

/* One line of the data. */
typedef struct {
    warden_member member;
    warden_string *commands;
    size_t count;
} entry;

static entry *entries;
static size_t entry_count;

void warden_describe(warden_description *description) {
    warden_describe_as(description, WARDEN_TEXT("__NAME__"), WARDEN_TEXT("0.1.0"),
                       WARDEN_TEXT("Each department works on its own keys."));
    warden_describe_claim(description, WARDEN_TEXT("/department"));
}

/* Whether this is a rule about commands; keys come from the claim. */
static bool is_command(warden_string rule, warden_string *why) {
    if (!warden_rule_check(rule, why)) {
        return false;
    }
    *why = WARDEN_TEXT("no command: write +get, +@read or -del");
    return rule.ptr[0] == '+' || rule.ptr[0] == '-';
}

/* One line. False, with `why`, when it is wrong. */
static bool read_line(warden_string line, warden_string *why) {
    warden_string word;
    if (!warden_next_word(&line, &word) || warden_starts_with(word, WARDEN_TEXT("#"))) {
        return true;
    }
    entry read = {0};
    if (!warden_member_parse(word, &read.member, why)) {
        *why = WARDEN_JOIN(word, WARDEN_TEXT(" "), *why);
        return false;
    }
    while (warden_next_word(&line, &word)) {
        if (!is_command(word, why)) {
            *why = WARDEN_JOIN(word, WARDEN_TEXT(": "), *why);
            return false;
        }
        read.commands = warden_grow(read.commands, read.count, sizeof *read.commands);
        read.commands[read.count++] = word;
    }
    entries = warden_grow(entries, entry_count, sizeof *entries);
    entries[entry_count++] = read;
    return true;
}

/* What is in doubt is refused: the last good policies then stay in force, and the operator
 * reads these words. */
bool warden_configure(const warden_file *files, size_t count, warden_string *error) {
    warden_string rest, line, why;
    if (count != 1 || !warden_file_text(&files[0], &rest)) {
        *error = WARDEN_TEXT("needs its data file, __NAME__.txt in UTF-8, and no other");
        return false;
    }
    for (uint64_t number = 1; warden_next_line(&rest, &line); number++) {
        if (!read_line(line, &why)) {
            *error = WARDEN_JOIN(files[0].name, WARDEN_TEXT(" line "), warden_decimal(number),
                                 WARDEN_TEXT(": "), why);
            return false;
        }
    }
    return true;
}

void warden_evaluate(const warden_request *request, warden_verdict *verdict) {
    warden_string department;
    if (!warden_claim_string(request, WARDEN_TEXT("/department"), &department) ||
        department.len == 0) {
        return; /* no opinion: another policy may grant something */
    }
    for (size_t at = 0; at < entry_count; at++) {
        if (!warden_member_is(&entries[at].member, &request->principal)) {
            continue;
        }
        warden_grant grant = {0};
        for (size_t command = 0; command < entries[at].count; command++) {
            warden_grant_rule(&grant, entries[at].commands[command]);
        }
        /* A claim is outside text: what would be a wildcard in it is escaped, and what would
         * break out of the rule, or hold a colon and so live inside another department,
         * refuses the grant. */
        warden_grant_place(&grant, WARDEN_TEXT("~"), department, WARDEN_TEXT(":*"));
        warden_give(verdict, &grant);
    }
}
