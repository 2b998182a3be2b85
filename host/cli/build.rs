//! Has this crate built again when a file comes to, or goes from, what it carries: the macro
//! that takes the files in sees only those that were there before.

fn main() {
    println!("cargo::rerun-if-changed=templates");
    for part in ["c", "guest", "rules", "rust", "wit"] {
        println!("cargo::rerun-if-changed=../../sdk/{part}");
    }
}
