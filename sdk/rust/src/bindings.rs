//! Generated from `sdk/wit/policy.wit`: the policy world as plain data, its export
//! macro, and the import of the log. Nothing is written by hand here.

#![allow(missing_docs, unreachable_pub, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit/policy.wit",
    world: "policy",
    pub_export_macro: true,
    export_macro_name: "export_policy",
    default_bindings_module: "warden_sdk::__private::bindings",
    additional_derives: [Clone, PartialEq],
});
