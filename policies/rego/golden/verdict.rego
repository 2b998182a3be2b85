# Roles bound to groups in data, a place for each team of a claim, and who is kept out.
package warden

default inside := false

inside if net.cidr_contains("10.0.0.0/8", input.client.address)

verdict.grants contains data.roles[role] if {
    some group in input.principal.groups
    some role in data.bindings[group]
}

verdict.grants contains {"rules": ["+@read", "+@write", sprintf("~team:{%s}:*", [team])]} if {
    some name in input.principal.claims.teams
    team := warden.literal(name)
}

verdict.restrictions contains {"denials": ["-@dangerous", "-flushall"], "channels": []} if not inside

verdict.denial := {"public": "not from there", "internal": "admin from outside"} if {
    "corp/admins" in input.principal.groups
    not inside
}

verdict.session_seconds := 600 if "corp/admins" in input.principal.groups

verdict.labels := {"where": "inside"} if inside
