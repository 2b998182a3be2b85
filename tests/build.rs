//! Makes the bindings for C of the contract, in `OUT_DIR/c/`: `tests/c/bindings.rs` compares
//! those that are committed with them.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

const CONTRACT: &str = "../sdk/wit/policy.wit";

/// What the files are named like, and all names in them begin with. The world's own name
/// would overwrite an author's `policy.c`.
const NAME: &str = "warden_policy";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CONTRACT}");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(CONTRACT)?;
    let world = resolve.select_world(&[package], Some("policy"))?;
    let options = wit_bindgen_c::Opts {
        rename_world: Some(NAME.to_owned()),
        ..wit_bindgen_c::Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let place = PathBuf::from(env::var("OUT_DIR")?).join("c");
    fs::create_dir_all(&place)?;
    for (name, content) in files.iter() {
        fs::write(place.join(name), content)?;
    }
    Ok(())
}
