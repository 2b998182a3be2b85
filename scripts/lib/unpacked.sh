# shellcheck shell=bash
# Debian's packages, fetched once and unpacked, never installed. Sourced by
# scripts/directory, scripts/minisign and scripts/rsyslog.
#
# In: of its caller the functions say, die and show, wanted (prints the names of the
# packages, and may fail when the lists do not know them) and lay_out (makes of
# $work/unpacked what is kept, in $staging); $cache_root and $goal. Out: the directory $goal.
#
# Never changes anything under /etc, never takes a package whose signature does not verify,
# never leaves a half-filled cache directory.

work=
staging=

# unpack_once WHAT OTHERWISE: what to say is being fetched, and what to do without apt.
unpack_once() {
    local what=$1 otherwise=$2
    { command -v apt-get && command -v dpkg-deb; } >/dev/null ||
        die "this machine has no apt-get. $otherwise"
    mkdir -p "$cache_root"
    # One fetcher; whoever waited finds the result and leaves.
    exec 9>"$goal.lock"
    flock -n 9 || {
        say "another process is fetching, waiting"
        flock 9
    }
    if [ -e "$goal" ]; then return; fi
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    work=$(mktemp -d "${TMPDIR:-/tmp}/valkey-warden.XXXXXX")
    # apt drops its privileges for downloads and must be able to walk in and write.
    chmod 755 "$work"
    mkdir "$work/files"
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then chown _apt "$work/files"; fi
    say "fetching $what (once)"
    fetch_packages
    unpack
}

clean_up() {
    [ -z "$work" ] || rm -rf -- "$work"
    [ -z "$staging" ] || rm -rf -- "$staging"
}

fetch_packages() {
    cd "$work/files"
    # Old lists name versions that are gone, and new containers have none at all.
    if ! download; then
        private_lists
        download || die "could not fetch Debian's packages; see above"
    fi
    unset APT_CONFIG
}

download() {
    local names
    names=$(wanted) || return 1
    # shellcheck disable=SC2086 # a list of plain names
    show apt-get download -q $names
}

# The machine's own sources and keys, with lists of our own.
private_lists() {
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then
        chown _apt "$work/lists/partial" "$work/cache/archives/partial"
    fi
    cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::Cache "$work/cache";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    export APT_CONFIG=$work/apt.conf
    show apt-get update -q
}

unpack() {
    local package
    for package in "$work"/files/*.deb; do
        show dpkg-deb -x "$package" "$work/unpacked"
    done
    # Beside its goal, so that the move is a rename.
    staging=$cache_root/.staging-$$-$(basename "$goal")
    rm -rf -- "$staging"
    mkdir -p "$staging"
    cd "$work/unpacked"
    lay_out
    (cd "$work/files" && printf '%s\n' *.deb) >"$staging/origin"
    mv -T -- "$staging" "$goal"
    say "kept in $goal: $(tr '\n' ' ' <"$goal/origin")"
}

# library_of PACKAGE BEGINNING: the library package it depends on, whose version must be
# the same.
library_of() {
    local library
    library=$(apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \($2[-.0-9a-z]*\)\$/\1/p" | sed -n 1p)
    [ -n "$library" ] || {
        say "no package $1 in the package lists"
        return 1
    }
    printf '%s' "$library"
}
