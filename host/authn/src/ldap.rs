//! `type = "ldap"`: passwords that a directory judges, and what it knows of accounts.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the authenticator is on its way")
)]
mod groups;
