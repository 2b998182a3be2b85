//! Twenty policies, for what is asked about many.

use warden_tests::parts;
use warden_tests::scene::ROLES;

/// How many.
pub const BUNDLES: u8 = 20;

const TENANT: &str = include_str!("../../policies/tenant/golden/tenant.toml");
const GUARDRAILS: &str = include_str!("../../policies/guardrails/golden/guardrails.toml");

/// The files of all of them: of each its wasm in this version, by a section that says nothing,
/// and its data with this number in a comment.
pub fn files(version: u8, comment: u8) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..BUNDLES).flat_map(move |number| {
        let (policy, data) = match number % 4 {
            0 => ("tenant", TENANT),
            1 => ("guardrails", GUARDRAILS),
            _ => ("rbac", ROLES),
        };
        let mut wasm = parts::policy(policy);
        // A custom section named "v" of two bytes.
        wasm.extend([0, 4, 1, b'v', version, number]);
        let data = format!("# {comment}\n{data}").into_bytes();
        [
            (format!("p{number:02}.wasm"), wasm),
            (format!("p{number:02}.toml"), data),
        ]
    })
}
