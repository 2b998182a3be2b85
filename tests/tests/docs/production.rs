//! docs/policies/production.md: from nothing to a signed, tested, previewed policy on a
//! live server, and back, as written.

use crate::readme::play;

#[test]
fn the_way_into_production_works_as_written() {
    play("docs/policies/production.md");
}
