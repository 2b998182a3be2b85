/* What a policy answers: grants, restrictions, a refusal, bounds of time, labels.
 *
 * In: rules and values. Out: parts of a verdict. A grant of which a part was refused is not
 * given, a restriction of which a part was refused refuses the log-in: doubt never widens
 * rights. */
#include "internal.h"

/* --- Grants -------------------------------------------------------------------------- */

static void push(warden_policy_list_string_t *list, warden_string text) {
    list->ptr = warden_grow(list->ptr, list->len, sizeof *list->ptr);
    list->ptr[list->len++] = text;
}

/* What a rule about keys begins with. */
static warden_string access_text(warden_access access) {
    switch (access) {
    case WARDEN_READ:
        return WARDEN_TEXT("%R~");
    case WARDEN_WRITE:
        return WARDEN_TEXT("%W~");
    case WARDEN_READ_WRITE:
        return WARDEN_TEXT("~");
    }
    /* Nothing begins a rule like this: the host refuses it. */
    return WARDEN_TEXT("%~");
}

/* Adds the rule made of a beginning and a pattern, unless there is no pattern. */
static bool add(warden_grant *grant, bool good, warden_string before, warden_string pattern) {
    if (!good) {
        grant->refused = true;
        return false;
    }
    push(&grant->rules, WARDEN_JOIN(before, pattern));
    return true;
}

bool warden_grant_rule(warden_grant *grant, warden_string rule) {
    warden_string why;
    return add(grant, warden_rule_check(rule, &why), WARDEN_TEXT(""), rule);
}

bool warden_grant_key(warden_grant *grant, warden_access access, warden_string value) {
    warden_string pattern = {0};
    bool good = warden_pattern_literal(value, &pattern);
    return add(grant, good, access_text(access), pattern);
}

bool warden_grant_keys(warden_grant *grant, warden_access access, warden_string prefix) {
    warden_string pattern = {0};
    bool good = warden_pattern_prefix(prefix, &pattern);
    return add(grant, good, access_text(access), pattern);
}

bool warden_grant_channel(warden_grant *grant, warden_string value) {
    warden_string pattern = {0};
    bool good = warden_pattern_literal(value, &pattern);
    return add(grant, good, WARDEN_TEXT("&"), pattern);
}

bool warden_grant_channels(warden_grant *grant, warden_string prefix) {
    warden_string pattern = {0};
    bool good = warden_pattern_prefix(prefix, &pattern);
    return add(grant, good, WARDEN_TEXT("&"), pattern);
}

bool warden_grant_place(warden_grant *grant, warden_string before, warden_string value,
                        warden_string behind) {
    warden_string pattern = {0}, why;
    bool named = warden_starts_with(before, WARDEN_TEXT("~")) ||
                 warden_starts_with(before, WARDEN_TEXT("%")) ||
                 warden_starts_with(before, WARDEN_TEXT("&"));
    bool good = named && warden_pattern_place(before, value, behind, &pattern);
    warden_string rule = WARDEN_JOIN(before, pattern, behind);
    return add(grant, good && warden_rule_check(rule, &why), WARDEN_TEXT(""), rule);
}

bool warden_give(warden_verdict *verdict, const warden_grant *grant) {
    if (grant->refused || grant->rules.len == 0) {
        return false;
    }
    verdict->grants.ptr =
        warden_grow(verdict->grants.ptr, verdict->grants.len, sizeof *verdict->grants.ptr);
    verdict->grants.ptr[verdict->grants.len++].rules = grant->rules;
    return true;
}

/* --- Restrictions -------------------------------------------------------------------- */

/* Adds a database to the bound, or all of a list `0,1`. */
static void bound_databases(warden_restriction *restriction, warden_string list) {
    warden_policy_list_u32_t *bound = &restriction->restriction.databases.val;
    restriction->restriction.databases.is_some = true;
    for (size_t at = 0; at < list.len; at++) {
        uint32_t number = 0;
        for (; at < list.len && list.ptr[at] != ','; at++) {
            number = 10 * number + (uint32_t)(list.ptr[at] - '0');
        }
        bound->ptr = warden_grow(bound->ptr, bound->len, sizeof *bound->ptr);
        bound->ptr[bound->len++] = number;
    }
}

static bool refuse(warden_restriction *restriction) {
    restriction->refused = true;
    return false;
}

bool warden_restriction_rule(warden_restriction *restriction, warden_string rule) {
    warden_string why;
    size_t tilde;
    if (!warden_rule_check(rule, &why)) {
        return refuse(restriction);
    }
    if (rule.ptr[0] == '-') {
        push(&restriction->restriction.denials, rule);
        return true;
    }
    if (warden_starts_with(rule, WARDEN_TEXT("db="))) {
        bound_databases(restriction, text_behind(rule, 3));
        return true;
    }
    if (rule.ptr[0] == '&' && pattern_is_bound(text_behind(rule, 1))) {
        restriction->restriction.channels.is_some = true;
        push(&restriction->restriction.channels.val, rule);
        return true;
    }
    bool keys = rule.ptr[0] == '~' || rule.ptr[0] == '%';
    if (keys && text_find(rule, '~', &tilde) && pattern_is_bound(text_behind(rule, tilde + 1))) {
        restriction->restriction.keys.is_some = true;
        push(&restriction->restriction.keys.val, rule);
        return true;
    }
    return refuse(restriction);
}

bool warden_restriction_keys(warden_restriction *restriction, warden_access access,
                             warden_string prefix) {
    warden_string pattern;
    if (!warden_pattern_prefix(prefix, &pattern)) {
        return refuse(restriction);
    }
    return warden_restriction_rule(restriction, WARDEN_JOIN(access_text(access), pattern));
}

bool warden_restriction_channels(warden_restriction *restriction, warden_string prefix) {
    warden_string pattern;
    if (!warden_pattern_prefix(prefix, &pattern)) {
        return refuse(restriction);
    }
    return warden_restriction_rule(restriction, WARDEN_JOIN(WARDEN_TEXT("&"), pattern));
}

void warden_restriction_no_keys(warden_restriction *restriction) {
    restriction->restriction.keys.is_some = true;
    restriction->restriction.keys.val.len = 0;
}

void warden_restriction_no_channels(warden_restriction *restriction) {
    restriction->restriction.channels.is_some = true;
    restriction->restriction.channels.val.len = 0;
}

bool warden_restrict(warden_verdict *verdict, const warden_restriction *restriction) {
    if (restriction->refused) {
        warden_deny_internally(verdict, WARDEN_TEXT("a restriction could not be written"));
        return false;
    }
    verdict->restrictions.ptr = warden_grow(verdict->restrictions.ptr, verdict->restrictions.len,
                                            sizeof *verdict->restrictions.ptr);
    verdict->restrictions.ptr[verdict->restrictions.len++] = restriction->restriction;
    return true;
}

/* --- The rest ------------------------------------------------------------------------ */

void warden_deny(warden_verdict *verdict, warden_string public_words) {
    verdict->denial.is_some = true;
    verdict->denial.val.public_.is_some = true;
    verdict->denial.val.public_.val = public_words;
}

void warden_deny_internally(warden_verdict *verdict, warden_string internal_words) {
    verdict->denial.is_some = true;
    verdict->denial.val.internal.is_some = true;
    verdict->denial.val.internal.val = internal_words;
}

static void shorten(warden_policy_option_u64_t *bound, uint64_t seconds) {
    if (!bound->is_some || seconds < bound->val) {
        bound->is_some = true;
        bound->val = seconds;
    }
}

void warden_valid_for(warden_verdict *verdict, uint64_t seconds) {
    shorten(&verdict->valid_for, seconds);
}

void warden_session_ttl(warden_verdict *verdict, uint64_t seconds) {
    shorten(&verdict->session_ttl, seconds);
}

void warden_label_known(warden_known_labels *labels, warden_string key, warden_string value) {
    labels->ptr = warden_grow(labels->ptr, labels->len, sizeof *labels->ptr);
    labels->ptr[labels->len].f0 = key;
    labels->ptr[labels->len].f1 = value;
    labels->len++;
}

void warden_label(warden_verdict *verdict, warden_string key, warden_string value) {
    warden_label_known(&verdict->labels, key, value);
}

void warden_label_list(warden_verdict *verdict, warden_string key, const warden_string *names,
                       size_t count) {
    warden_string list = {0};
    for (size_t at = 0; at < count; at++) {
        if (list.len == 0) {
            list = names[at];
        } else if (list.len + 1 + names[at].len > WARDEN_MAX_LABEL_BYTES) {
            warden_label(verdict, key, list);
            list = names[at];
        } else {
            list = WARDEN_JOIN(list, WARDEN_TEXT(","), names[at]);
        }
    }
    if (list.len > 0) {
        warden_label(verdict, key, list);
    }
}
