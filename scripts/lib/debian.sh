# shellcheck shell=bash
# Where Debian's archive lies and how to read one suite of it with apt, apart from
# the machine's own configuration. Sourced by scripts/valkey.
#
# In: /etc/apt and /etc/os-release, $WARDEN_DEBIAN_MIRROR; of its caller the
# functions say, show and bootstrap. Out: entries for apt, and APT_CONFIG set to a
# configuration in the directory the caller gives.
#
# Never writes outside that directory, never names a host, never takes over an option
# that would excuse a missing or bad signature.

readonly debian_keys=/usr/share/keyrings/debian-archive-keyring.gpg

debian_archive_is_known() {
    command -v apt-get >/dev/null || return 1
    source_entry deb sid | grep . >/dev/null
}

# One deb822 entry of the given type and suite. Everything else in it (where
# the archive lies, by which key it is signed) is taken over unchanged.
source_entry() {
    local type=$1 suite=$2
    if [ -n "${WARDEN_DEBIAN_MIRROR:-}" ]; then
        bootstrap debian-keys
        plain_entry "$type" "$suite" "$WARDEN_DEBIAN_MIRROR"
    elif [ "$(release_field ID)" = debian ]; then
        machine_entry "$type" "$suite"
    else
        bootstrap debian-keys debian-mirror
        plain_entry "$type" "$suite" "$(debootstrap_mirror)"
    fi
}

# Where the ordinary package debootstrap would install Debian from: its script for
# the suite says so, or else the program itself.
debootstrap_mirror() {
    {
        sed -n 's/^default_mirror[[:space:]]*//p' /usr/share/debootstrap/scripts/sid
        sed -n 's/^DEF_MIRROR="*\([^"]*\)"*$/\1/p' /usr/sbin/debootstrap
    } | sed -n 1p
}

release_field() {
    sed -n "s/^$1=\"*\([^\"]*\)\"*$/\1/p" /etc/os-release
}

plain_entry() {
    [ -n "$3" ] || return 0
    printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$1" "$3" "$2" "$debian_keys"
}

machine_entry() {
    local entry
    entry=$(entry_from_deb822 "$1" "$2")
    [ -n "$entry" ] || entry=$(entry_from_lists "$1" "$2")
    [ -z "$entry" ] || printf '%s\n' "$entry"
}

# Names under which the main archive (not its security or update suites) is
# listed. Others use such names too, but sign with keys of their own.
main_suites() {
    echo "$(release_field VERSION_CODENAME) stable oldstable testing unstable sid bullseye bookworm trixie forky"
}

# The first enabled stanza of the main archive, its types, suites and
# components replaced, and whatever would excuse a bad signature left out.
entry_from_deb822() {
    local file
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        awk -v type="$1" -v suite="$2" -v names="$(main_suites)" '
            function finish(   i, words, count) {
                wanted = enabled && uris != "" && (keys == "" || keys ~ /debian-archive/)
                count = split(suites, words, /[ \t]+/)
                for (i = 1; i <= count; i++) if (words[i] in main) named = 1
                if (wanted && named && (" " components " ") ~ /[ \t]main[ \t]/) {
                    printf "Types: %s\nSuites: %s\nComponents: main\n%s", type, suite, kept
                    found = 1
                    exit
                }
                suites = components = uris = kept = keys = field = ""; enabled = 1; named = 0
            }
            BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) main[list[i]] = 1; enabled = 1 }
            /^#/ { next }
            /^[ \t]*$/ { finish(); next }
            {
                continued = ($0 ~ /^[ \t]/)
                if (!continued) {
                    field = tolower(substr($0, 1, index($0, ":") - 1))
                    value = substr($0, index($0, ":") + 1)
                } else value = $0
                if (field == "suites") suites = suites " " value
                else if (field == "components") components = components " " value
                else if (field == "enabled") enabled = (value !~ /no|false|without|off|disable/)
                else if (field != "types" && field !~ /^(trusted|allow-)/) {
                    if (field == "uris") uris = uris value
                    if (field == "signed-by" && !continued) keys = value
                    kept = kept $0 "\n"
                }
            }
            END { if (!found) finish() }
        ' "$file" | grep . && return
    done
    return 0
}

# The same from the one-line form: deb [options] uri suite components.
entry_from_lists() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -r "$file" ] || continue
        awk -v type="$1" -v suite="$2" -v names="$(main_suites)" '
            BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) main[list[i]] = 1 }
            /^[ \t]*deb(-src)?[ \t]/ {
                options = ""
                line = $0
                sub(/#.*/, "", line)
                if (match(line, /\[[^]]*\]/)) {
                    options = substr(line, RSTART + 1, RLENGTH - 2)
                    line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
                }
                count = split(line, word, /[ \t]+/)
                first = (word[1] == "") ? 2 : 1
                if (!(word[first + 2] in main)) next
                if (options ~ /signed-by=/ && options !~ /debian-archive/) next
                for (i = first + 3; i <= count; i++) if (word[i] == "main") {
                    printf "Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n", type, word[first + 1], suite
                    if (match(options, /signed-by=[^ \t]+/)) {
                        keys = substr(options, RSTART + 10, RLENGTH - 10)
                        gsub(/,/, " ", keys)
                        print "Signed-By: " keys
                    }
                    exit
                }
            }
        ' "$file" | grep . && return
    done
    return 0
}

# private_apt TYPE SUITE DIRECTORY: sets APT_CONFIG to a configuration of our own
# with this one source, and fetches its index. Signatures are checked as the
# machine's own are. What is fetched later belongs into DIRECTORY/files.
private_apt() {
    local type=$1 suite=$2 root=$3
    mkdir -p "$root/sources" "$root/lists/partial" "$root/cache/archives/partial" "$root/files"
    source_entry "$type" "$suite" >"$root/sources/debian.sources"
    cat >"$root/apt.conf" <<CONF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$root/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$root/lists";
Dir::Cache "$root/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Get::AllowUnauthenticated "false";
CONF
    export APT_CONFIG=$root/apt.conf
    # apt fetches as this user when it may; otherwise as the one who runs it.
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then
        chown _apt "$root/files" "$root/lists/partial" "$root/cache/archives/partial"
    fi
    say "reading the index of $suite"
    show apt-get update -q -o APT::Update::Error-Mode=any
}
