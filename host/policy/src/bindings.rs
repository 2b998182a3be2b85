//! What wasmtime generates from the contracts. Nothing by hand.

#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "generated code; its unsafe blocks are wasmtime's own"
)]

/// Of policies.
pub(crate) mod policy {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit/policy.wit",
        world: "policy",
    });
}

/// Of authenticator plugins.
pub(crate) mod plugin {
    wasmtime::component::bindgen!({
        path: "../../sdk/wit/plugin.wit",
        world: "plugin",
    });
}
