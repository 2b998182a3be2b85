/* The policy as the host calls it: the functions of the contract, in its order.
 *
 * In: the host's calls. Out: the author's answers. A call out of order is a refusal, never a
 * guess. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool is_configured;

void *warden_allocate(size_t count, size_t bytes) {
    return calloc(count, bytes);
}

void *warden_grow(void *array, size_t count, size_t bytes) {
    /* Twice as many each time: the array is full when its length is a power of two. */
    if ((count & (count - 1)) != 0) {
        return array;
    }
    size_t room = count == 0 ? 1 : 2 * count;
    void *grown = warden_allocate(room, bytes);
    if (count > 0) {
        memcpy(grown, array, count * bytes);
    }
    return grown;
}

bool warden_file_text(const warden_file *file, warden_string *text) {
    warden_string bytes = {file->bytes.ptr, file->bytes.len};
    if (!warden_is_utf8(bytes)) {
        return false;
    }
    *text = bytes;
    return true;
}

void warden_log(warden_level level, warden_string message) {
    static const warden_policy_log_level_t levels[] = {
        [WARDEN_DEBUG] = WARDEN_POLICY_LOG_LEVEL_DEBUG,
        [WARDEN_INFO] = WARDEN_POLICY_LOG_LEVEL_INFO,
        [WARDEN_WARNING] = WARDEN_POLICY_LOG_LEVEL_WARNING,
        [WARDEN_ERROR] = WARDEN_POLICY_LOG_LEVEL_ERROR,
    };
    warden_policy_log_write(levels[level], &message);
}

void warden_describe_as(warden_description *description, warden_string name,
                        warden_string version, warden_string summary) {
    description->name = name;
    description->version = version;
    description->summary = summary;
}

void warden_describe_claim(warden_description *description, warden_string pointer) {
    warden_policy_list_string_t *pointers = &description->claims.val.pointers;
    description->claims.tag = WARDEN_POLICY_TYPES_CLAIM_SELECTION_POINTERS;
    pointers->ptr = warden_grow(pointers->ptr, pointers->len, sizeof *pointers->ptr);
    pointers->ptr[pointers->len++] = pointer;
}

void warden_describe_input(warden_description *description, warden_policy_types_input_t input) {
    description->inputs.ptr =
        warden_grow(description->inputs.ptr, description->inputs.len, sizeof *description->inputs.ptr);
    description->inputs.ptr[description->inputs.len++] = input;
}

void exports_warden_policy_describe(warden_description *description) {
    memset(description, 0, sizeof *description);
    description->claims.tag = WARDEN_POLICY_TYPES_CLAIM_SELECTION_NONE;
    warden_describe(description);
}

bool exports_warden_policy_configure(warden_policy_list_file_t *files, warden_string *error) {
    if (is_configured) {
        *error = WARDEN_TEXT("configure was called twice");
        return false;
    }
    *error = WARDEN_TEXT("the data was refused, and no reason was given");
    is_configured = warden_configure(files->ptr, files->len, error);
    return is_configured;
}

void exports_warden_policy_evaluate(warden_request *request, warden_verdict *verdict) {
    memset(verdict, 0, sizeof *verdict);
    if (!is_configured) {
        warden_deny_internally(verdict, WARDEN_TEXT("evaluate was called before configure"));
        return;
    }
    warden_evaluate(request, verdict);
}

/* Without an author's own there is nothing to tell apart. */
__attribute__((weak)) void warden_labels(warden_known_labels *labels) {
    (void)labels;
}

void exports_warden_policy_labels(warden_known_labels *labels) {
    memset(labels, 0, sizeof *labels);
    if (is_configured) {
        warden_labels(labels);
    }
}
