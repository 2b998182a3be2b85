//! From a bundle's files to a bundle that can evaluate.
//!
//! Lift, compile or take the artefact, check the imports and the contract, and in a
//! scratch instance run `configure` and then `describe`. Happens on the loader's
//! thread; a previous bundle with the same wasm spares all but these two.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::bindings::policy::PolicyPre;
use crate::bindings::policy::warden::policy::types as wit;
use crate::budget;
use crate::bundle::files::Contents;
use crate::bundle::{Bundle, Description, LoadTimes};
use crate::component::component;
use crate::contract::{Contract, POLICY};
use crate::engine::{Engine, Machine};
use crate::error::{Fault, LONGEST_REFUSAL, gist, gist_within};
use crate::instance::{Instance, link};
use crate::log::Ear;
use crate::outline;
use crate::request::Inputs;
use crate::sandbox::Guest;
use crate::snapshot::Snapshot;

/// Longest name, version, summary and claim pointer a policy may give.
pub(crate) const MAX_TEXT_BYTES: usize = 512;
/// Most claims a policy may name; it can also name all.
pub(crate) const MAX_POINTERS: usize = 256;

/// Prepares a bundle. Warnings are what works but should be looked at.
///
/// # Errors
/// When the bundle cannot be part of a generation.
pub(crate) fn prepare(
    engine: &Engine,
    name: &str,
    contents: Contents,
    previous: Option<&Arc<Bundle>>,
    ear: Ear,
    warnings: &mut Vec<String>,
) -> Result<Arc<Bundle>, Fault> {
    let machine = &*engine.machine;
    let name: Arc<str> = name.into();
    let reusable = previous.filter(|p| {
        p.wasm == contents.wasm_digest && machine.has_room(p.component.engine(), machine.limits())
    });
    let mut load_times = LoadTimes::default();
    let component = match reusable {
        Some(previous) => previous.component.clone(),
        None => timed(&mut load_times.compile, || {
            policy(machine, &contents, warnings)
        })?,
    };
    let named = (&name, &component);
    let (used, description) = configure(machine, named, &contents.data, ear, &mut load_times)?;
    let bundle = Bundle {
        name,
        wasm: contents.wasm_digest,
        wasm_bytes: contents.wasm.len(),
        digest: contents.digest,
        description,
        component,
        files: contents.data,
        snapshot: Snapshot::pending(contents.wasm),
        statistics: previous
            .map(|p| Arc::clone(&p.statistics))
            .unwrap_or_default(),
        load_times,
    };
    bundle.snapshot.recall(machine, &bundle);
    let limits = machine.limits();
    if used > limits.cpu {
        bundle.snapshot.take(machine, &bundle);
        if bundle.snapshot.policy(machine, limits).is_none() {
            let limit = limits.cpu;
            return Err(Fault::Slow { used, limit });
        }
    }
    Ok(Arc::new(bundle))
}

fn timed<T>(took: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = budget::now();
    let done = work();
    *took = budget::now().saturating_sub(started);
    done
}

fn policy(
    machine: &Machine,
    contents: &Contents,
    warnings: &mut Vec<String>,
) -> Result<PolicyPre<Guest>, Fault> {
    let wasm = (contents.wasm.as_slice(), &contents.wasm_digest);
    let on = |engine| {
        let mut warnings = Vec::new();
        component(machine, engine, wasm, &POLICY, link, &mut warnings)
            .map(|instance| (instance, warnings))
    };
    let placed = machine.place_for(contents.wasm.len());
    let placed = placed.filter(|_| outline::fits_a_place(&contents.wasm));
    let placed = placed.and_then(|places| on(places).ok());
    let (instance, more) = placed.map_or_else(|| on(&machine.wasm), Ok)?;
    warnings.extend(more);
    PolicyPre::new(instance).map_err(|e| POLICY.broken(gist(&format!("{e:#}"))))
}

/// The CPU time the policy took to read its data, and what it says of itself with them:
/// what it reads may be theirs to say.
fn configure(
    machine: &Machine,
    (name, component): (&Arc<str>, &PolicyPre<Guest>),
    files: &[wit::File],
    ear: Ear,
    took: &mut LoadTimes,
) -> Result<(Duration, Description), Fault> {
    let failed = |function| move |failure| Fault::Failed { function, failure };
    let limits = machine.load_limits();
    let mut instance = Instance::start(machine, Arc::clone(name), component, limits, ear)
        .map_err(failed("start"))?;
    timed(&mut took.configure, || instance.configure(files))
        .map_err(|failure| match shown(files) {
            Some(data) => Fault::Unread { data, failure },
            None => failed("configure")(failure),
        })?
        .map_err(|refusal| Fault::Data(gist_within(&refusal, LONGEST_REFUSAL)))?;
    let used = instance.budget().cpu();
    let said = timed(&mut took.describe, || instance.describe()).map_err(failed("describe"))?;
    let description = Description {
        title: text(&POLICY, &said.name, "name")?,
        version: text(&POLICY, &said.version, "version")?,
        summary: text(&POLICY, &said.summary, "summary")?,
        inputs: inputs(said.claims, &said.inputs)?,
    };
    Ok((used, description))
}

/// Data files by name and size, the largest first; `None` where there are none.
fn shown(files: &[wit::File]) -> Option<String> {
    let mut sizes: Vec<_> = files.iter().map(|f| (f.bytes.len(), &f.name)).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let named = sizes.iter().take(MAX_SHOWN_FILES);
    let named: Vec<_> = named
        .map(|(bytes, name)| format!("{name:?} of {bytes} bytes"))
        .collect();
    let more = match sizes.len().saturating_sub(MAX_SHOWN_FILES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| named.join(", ") + &more)
}

/// Data files that an error names.
const MAX_SHOWN_FILES: usize = 3;

/// A text of a description, as it may be shown.
///
/// # Errors
/// When it is longer than [`MAX_TEXT_BYTES`] or not one line.
pub(crate) fn text(contract: &Contract, text: &str, what: &str) -> Result<String, Fault> {
    if text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
        return Err(contract.broken(format!(
            "its {what} is over {MAX_TEXT_BYTES} bytes or holds control characters"
        )));
    }
    Ok(text.to_owned())
}

fn inputs(claims: wit::ClaimSelection, named: &[wit::Input]) -> Result<Inputs, Fault> {
    let (all_claims, pointers) = match claims {
        wit::ClaimSelection::None => (false, Vec::new()),
        wit::ClaimSelection::Pointers(pointers) => (false, pointers),
        wit::ClaimSelection::All => (true, Vec::new()),
    };
    if pointers.len() > MAX_POINTERS {
        return Err(POLICY.broken(format!("it names more than {MAX_POINTERS} claims")));
    }
    if let Some(bad) = pointers.iter().find(|p| !is_pointer(p)) {
        return Err(POLICY.broken(format!("{:?} is not a JSON Pointer to a claim", gist(bad))));
    }
    Ok(Inputs {
        all_claims,
        claims: pointers.into_iter().collect::<BTreeSet<_>>(),
        client_address: named.contains(&wit::Input::ClientAddress),
        client_tls: named.contains(&wit::Input::ClientTls),
        client_certificate: named.contains(&wit::Input::ClientCertificate),
        clock: named.contains(&wit::Input::Clock),
        server_role: named.contains(&wit::Input::ServerRole),
        server_version: named.contains(&wit::Input::ServerVersion),
    })
}

/// A pointer of RFC 6901 to something inside the claims; the whole is asked for with `all`.
pub fn is_pointer(pointer: &str) -> bool {
    let mut parts = pointer.split('~');
    let first = parts.next().unwrap_or_default();
    first.starts_with('/')
        && pointer.len() <= MAX_TEXT_BYTES
        && !pointer.chars().any(char::is_control)
        && parts.all(|part| part.starts_with(['0', '1']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_named_by_the_largest_of_its_files() {
        let file = |name: &str, bytes| wit::File {
            name: name.to_owned(),
            media_type: String::new(),
            bytes: vec![0; bytes],
        };
        assert_eq!(shown(&[]), None);
        let files = [file("a", 1), file("b\n", 30), file("c", 2), file("d", 0)];
        assert_eq!(
            shown(&files).unwrap(),
            "\"b\\n\" of 30 bytes, \"c\" of 2 bytes, \"a\" of 1 bytes and 1 more"
        );
        assert_eq!(shown(&files[3..]).unwrap(), "\"d\" of 0 bytes");
    }

    #[test]
    fn a_claim_is_named_by_a_json_pointer() {
        for good in [
            "/department",
            "/a~1b/c~0d",
            "/https:~1~1example.com~1roles/0",
            "/",
        ] {
            assert!(is_pointer(good), "{good:?}");
        }
        for bad in ["", "department", "/a~", "/a~2", "~1", "/a\n"] {
            assert!(!is_pointer(bad), "{bad:?}");
        }
    }
}
