# A throw-away server with the module loaded: what `make demo` and `make run`
# have in common. Sourced, never run.
#
# In: the build in target/ (or CARGO_TARGET_DIR), or what WARDEN_CLI, WARDEN_MODULE and WARDEN_POLICIES
# name; a server from scripts/valkey. Out: a server on a free loopback port with
# its files in a temporary directory. Everything it starts is ended, and the
# directory removed, when the script ends for whatever reason.

playground_server_pid=""
playground_clients=()

# Ends the clients and the server, and removes the directory. Safe to call twice.
playground_end() {
    local client
    for client in ${playground_clients[@]+"${playground_clients[@]}"}; do
        kill "$client" 2>/dev/null || true
    done
    playground_clients=()
    if [ -n "$playground_server_pid" ]; then
        kill "$playground_server_pid" 2>/dev/null || true
        wait "$playground_server_pid" 2>/dev/null || true
        playground_server_pid=""
    fi
    [ -z "${playground_dir:-}" ] || rm -rf "$playground_dir"
}

# Sets root, target, warden, server, cli, playground_dir and fills the directories:
# keys/ (made by the first token), authenticators/, policies/.
playground_prepare() {
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    target=$(cd "$root" && realpath -m "${CARGO_TARGET_DIR:-target}")
    warden=${WARDEN_CLI:-$target/release/warden}
    module=${WARDEN_MODULE:-$target/release/libwarden.so}
    server=$("$root/scripts/valkey" 9.1)
    cli=$(dirname "$server")/valkey-cli
    [ -x "$cli" ] || cli=$(command -v valkey-cli) || cli=$(dirname "$("$root/scripts/valkey" 8.0)")/valkey-cli

    playground_dir=$(mktemp -d "${TMPDIR:-/tmp}/warden-playground.XXXXXX")
    trap playground_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir "$playground_dir/authenticators" "$playground_dir/policies"
    mint alice --group analysts >/dev/null

    cat >"$playground_dir/authenticators/10-corp.toml" <<TOML
type = "jwt"
issuer = "https://idp.example.com"
audience = ["valkey"]
jwks_file = "../keys/jwks.json"
leeway_seconds = 0
TOML
    cat >"$playground_dir/policies/rbac.toml" <<TOML
[roles.reader]
members = ["group:corp/analysts"]
rules = ["+@read", "~reports:*"]

[roles.writer]
members = ["group:corp/editors"]
rules = ["+@read", "+@write", "-flushall", "-flushdb", "~reports:*"]
TOML
    cp "${WARDEN_POLICIES:-$target/policies}/rbac.wasm" "$playground_dir/policies/"
}

# mint NAME [OPTION …]: a token of the throw-away issuer on standard output.
mint() {
    local name=$1
    shift
    "$warden" token mint --key-dir "$playground_dir/keys" \
        --issuer https://idp.example.com --audience valkey --subject "$name" "$@"
}

# playground_start [SERVER-OPTION …]: sets port and playground_server_pid, and
# waits until the policies are in force.
playground_start() {
    local attempt
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        "$server" --port "$port" --bind 127.0.0.1 --dir "$playground_dir" --save "" \
            --logfile "$playground_dir/server.log" "$@" \
            --loadmodule "$module" \
            policy_dir "$playground_dir/policies" \
            authenticator_dir "$playground_dir/authenticators" &
        playground_server_pid=$!
        if playground_wait; then
            return 0
        fi
        kill "$playground_server_pid" 2>/dev/null || true
        wait "$playground_server_pid" 2>/dev/null || true
        playground_server_pid=""
        grep -qs "Address already in use" "$playground_dir/server.log" || break
    done
    cat "$playground_dir/server.log" 2>/dev/null >&2 || true
    echo "the server did not come up (attempt $attempt)" >&2
    return 1
}

# Waits at most 60 seconds for the first generation of policies.
playground_wait() {
    local deadline=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$deadline" ]; do
        kill -0 "$playground_server_pid" 2>/dev/null || return 1
        case $("$cli" -p "$port" info warden 2>/dev/null | tr -d '\r' | grep '^warden_status:') in
            warden_status:ok) return 0 ;;
            warden_status:none) return 1 ;;
        esac
        sleep 0.1
    done
    return 1
}
