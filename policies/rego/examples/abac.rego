# A pet shop's keys by title, tenure, region and where somebody is.
package access

claims := input.principal.claims

default inside := false

inside if startswith(input.client.address, data.network)

# Owners do everything from inside.
grants contains ["+@read", "+@write", "-@dangerous", "~pets:*"] if {
    claims.title == "owner"
    inside
}

# Employees read; after ten years they write. A claim is somebody's text: its wildcards are none.
region := warden.literal(claims.region)

grants contains ["+@read", "-@dangerous", sprintf("~pets:{%s}:*", [region])] if claims.title == "employee"

grants contains ["+set", sprintf("~pets:{%s}:*", [region])] if {
    claims.title == "employee"
    claims.tenure + 2 >= 10
}

# A customer's teams listen to their own news.
grants contains ["+subscribe", sprintf("&news.%s", [warden.literal(team)])] if {
    claims.title == "customer"
    some team in claims.teams
}

grants contains ["+get", "~prices:*"] if {
    "corp/traders" in input.principal.groups
    regex.match(`^[a-b]`, input.principal.name)
}

restrictions contains {"denials": ["-@write"], "channels": []} if not inside

answer := {"grants": grants, "restrictions": restrictions}
