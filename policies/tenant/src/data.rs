//! The data file.
//!
//! In: files as the host read them. Out: the policy, or every problem. Never a
//! part of the bounds.

use serde::Deserialize;
use warden_sdk::{File, Member, is_claim_pointer};

use crate::Tenant;
use crate::bound::{Bound, Kind};
use crate::error::{Fault, MISSING, Problem};

/// Bounds of one list: with the most tenants a claim may name they stay within
/// what the host takes in one restriction.
const MAX_BOUNDS: usize = 16;
/// Members of one list.
const MAX_MEMBERS: usize = 1000;

/// The shape of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    claim: String,
    keys: Vec<String>,
    channels: Vec<String>,
    applies_to: Option<Vec<String>>,
    exempt: Option<Vec<String>>,
}

/// Reads the one `*.toml` file.
///
/// # Errors
/// All problems; one is enough to refuse all of the data.
pub(crate) fn read(files: &[File]) -> Result<Tenant, Vec<Problem>> {
    warden_sdk::data::single(files, MISSING, |raw: Raw| check(&raw))
}

/// Checks the values; on failure every fault with its key.
fn check(raw: &Raw) -> Result<Tenant, Vec<(String, Fault)>> {
    let mut faults = Vec::new();
    if !is_claim_pointer(&raw.claim) {
        let text = raw.claim.clone();
        faults.push(("claim".to_owned(), Fault::Claim { text }));
    }
    let keys = |text: &String| Bound::parse(text, Kind::Keys);
    let keys = warden_sdk::data::list(&raw.keys, "keys", MAX_BOUNDS, keys, &mut faults);
    let channels = |text: &String| Bound::parse(text, Kind::Channels);
    let channels =
        warden_sdk::data::list(&raw.channels, "channels", MAX_BOUNDS, channels, &mut faults);
    // Where a rule was refused the lists no longer run side by side.
    if faults.is_empty() {
        apart(&raw.keys, &keys, "keys", &mut faults);
        apart(&raw.channels, &channels, "channels", &mut faults);
    }
    let all = || keys.iter().chain(&channels);
    if faults.is_empty() && !all().any(Bound::names_tenant) {
        faults.push(("keys".to_owned(), Fault::NoPlaceholder));
    }
    let mut members = |list: &Option<Vec<String>>, key: &str| {
        let list = list.as_deref();
        warden_sdk::data::optional_list(
            list,
            key,
            MAX_MEMBERS,
            |t| Member::parse_qualified(t).map_err(Fault::from),
            &mut faults,
        )
    };
    let applies_to = members(&raw.applies_to, "applies_to");
    let exempt = members(&raw.exempt, "exempt").unwrap_or_default();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Tenant {
        claim: raw.claim.clone(),
        keys,
        channels,
        applies_to,
        exempt,
    })
}

/// Adds a fault for each rule that may meet one before it.
fn apart(texts: &[String], rules: &[Bound], key: &str, faults: &mut Vec<(String, Fault)>) {
    let both = || texts.iter().zip(rules);
    for (index, (text, rule)) in both().enumerate() {
        let mut earlier = both().take(index);
        if let Some((other, _)) = earlier.find(|(_, earlier)| rule.may_meet(earlier)) {
            let (text, other) = (text.clone(), other.clone());
            faults.push((format!("{key}[{index}]"), Fault::Meets { text, other }));
        }
    }
}

#[cfg(test)]
mod tests;
