//! Keeps the library mapped after MODULE UNLOAD: thread-local destructors and late callbacks of the server may still run.

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rerun-if-changed=build.rs");
}
