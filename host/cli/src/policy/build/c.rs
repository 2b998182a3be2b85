//! A policy in C: compiled by clang, linked by LLVM's linker for WebAssembly.
//!
//! In: a project with `src/*.c` and the SDK under `sdk/c/`, which says with what flags. Out:
//! the bytes of a core module that carries the contract as its metadata.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::project::{Project, SDK, sources};
use super::{made, tool};
use crate::error::Error;

/// Builds it.
///
/// # Errors
/// When the SDK or a tool is missing, or a tool fails.
pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    let sdk = project.root.join(SDK).join("c");
    if !sdk.join("include/warden.h").is_file() {
        return Err(Error::Project(format!(
            "there is no SDK in {}: copy it from where this program was built, or from a project \
             of `warden policy new --language c`",
            sdk.display()
        )));
    }
    let objects = project.root.join("target/c");
    fs::create_dir_all(&objects).map_err(Error::file(&objects))?;
    let mut linked = Vec::new();
    let parts = [
        ("sdk", sdk.join("src")),
        ("contract", sdk.join("generated")),
        ("policy", project.root.join("src")),
    ];
    for (part, directory) in parts {
        for source in sources(&directory)? {
            let stem = source.file_stem().unwrap_or_default().to_string_lossy();
            let object = objects.join(format!("{part}-{stem}.o"));
            compile(&sdk, &source, &object)?;
            linked.push(object);
        }
    }
    linked.push(sdk.join("generated/warden_policy_component_type.o"));
    let wasm = objects.join(format!("{}.wasm", project.name));
    link(&sdk, &linked, &wasm)?;
    made(&wasm)
}

fn compile(sdk: &Path, source: &Path, object: &Path) -> Result<(), Error> {
    let mut clang = Command::new("clang");
    clang.arg(flags(&sdk.join("compile.flags")));
    clang.arg("-isystem").arg(sdk.join("libc"));
    clang.arg("-I").arg(sdk.join("include"));
    clang.arg("-I").arg(sdk.join("generated"));
    clang.arg("-c").arg(source).arg("-o").arg(object);
    tool::run(&mut clang, tool::LLVM).map(drop)
}

fn link(sdk: &Path, objects: &[PathBuf], wasm: &Path) -> Result<(), Error> {
    let mut linker = linker()?;
    linker.arg(flags(&sdk.join("link.flags")));
    linker.args(objects).arg("-o").arg(wasm);
    tool::run(&mut linker, tool::LLVM).map(drop)
}

/// A file of flags, as both tools take it.
fn flags(file: &Path) -> String {
    format!("@{}", file.display())
}

/// The system's linker, or the one that comes with Rust.
fn linker() -> Result<Command, Error> {
    if let Some(linker) = tool::on_path("wasm-ld") {
        return Ok(Command::new(linker));
    }
    let of_rust = tool::asked("rustc", &["--print", "target-libdir"])
        .and_then(|library| Some(Path::new(&library).parent()?.join("bin/rust-lld")))
        .filter(|linker| linker.is_file());
    let linker =
        of_rust.ok_or_else(|| Error::Project(format!("wasm-ld is not on PATH: {}", tool::LLVM)))?;
    let mut command = Command::new(linker);
    command.args(["-flavor", "wasm"]);
    Ok(command)
}
