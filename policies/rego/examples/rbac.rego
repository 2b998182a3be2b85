# Groups hold roles, roles hold grants: both are data.
package warden

roles contains role if {
    some group in input.principal.groups
    some role in data.bindings[group]
}

# The token may name roles of its own; those that nobody knows grant nothing.
roles contains role if some role in input.principal.claims.realm.roles

default suspended := false

suspended := input.principal.claims.suspended

verdict.grants contains data.roles[role].rules if some role in roles

bounds := [seconds | some role in roles; seconds := data.roles[role].seconds]

verdict.session_seconds := min(bounds) if count(bounds) > 0

verdict.denial := "your account is suspended" if suspended

verdict.denial := "not you" if input.principal.name == "mallory"
