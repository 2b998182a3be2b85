//! What wasmtime generates from the policy contract. Nothing by hand.

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

wasmtime::component::bindgen!({
    path: "../../sdk/wit/policy.wit",
    world: "policy",
});
