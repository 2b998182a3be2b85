//! Generated from `sdk/wit/plugin.wit`: the plugin world as plain data, its export
//! macro, and the import of the log. Nothing is written by hand here.

#![allow(missing_docs, unreachable_pub, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit/plugin.wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "warden_plugin::__private::bindings",
    additional_derives: [Clone, PartialEq],
});
