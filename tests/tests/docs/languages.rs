//! docs/policies/javascript.md and python.md: their commands do what they say. They build
//! components of megabytes and compile them for a minute, so `make test-full` does it.

use crate::readme::play;

#[test]
#[ignore = "builds and compiles for minutes"]
fn a_policy_in_javascript_is_built_and_dropped_into_a_server_as_written() {
    play("docs/policies/javascript.md");
}

#[test]
#[ignore = "builds and compiles for minutes"]
fn a_policy_in_python_is_built_and_dropped_into_a_server_as_written() {
    play("docs/policies/python.md");
}
