//! What requests do not say although a directory reads it.
//!
//! A recorded request holds what the policies read that were asked then, and names it. What
//! other policies read is absent from it, and a claim that is absent is a claim nobody has:
//! the answer may be another than a server would give, and where both directories read it,
//! two wrong answers may be the same.

use warden_policy::Inputs;

use super::Request;
use crate::policy::reads::has_claim;
use crate::style::counted;

/// A line for each claim and input that is read and that requests do not say.
pub(super) fn warnings(requests: &[Request], before: &Inputs, after: &Inputs) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |what: &str, read: [bool; 2], lacks: &dyn Fn(&Request) -> bool| {
        let readers = match read {
            [false, false] => return,
            [true, false] => "only BEFORE reads: record requests with that directory",
            [false, true] => "only AFTER reads: record requests with that directory",
            [true, true] => "both directories read: record requests with one of them",
        };
        let lacking = requests.iter().filter(|request| lacks(request)).count();
        if lacking > 0 {
            warnings.push(format!(
                "{} without {what}, which {readers}, or name it in \"reads\" of those written by hand",
                counted(lacking, "request")
            ));
        }
    };
    let of_both = |read: fn(&Inputs) -> bool| [read(before), read(after)];
    // Nobody can tell from claims which of them were left out.
    let lacks = |request: &Request| !request.asked.says(|reads| reads.all_claims, false);
    warn("all claims", of_both(|inputs| inputs.all_claims), &lacks);
    for pointer in before.claims.union(&after.claims) {
        let read = [before, after].map(|inputs| inputs.claims.contains(pointer));
        let lacks = |request: &Request| {
            let has = request.asked.principal.claims.at(pointer).is_some();
            !request.asked.says(|reads| has_claim(reads, pointer), has)
        };
        warn(&format!("the claim {pointer}"), read, &lacks);
    }
    warn("address", of_both(|inputs| inputs.client_address), &|r| {
        let has = r.asked.address.is_some();
        !r.asked.says(|reads| reads.client_address, has)
    });
    warn("tls", of_both(|inputs| inputs.client_tls), &|r| {
        // Without TLS there are no certificates.
        let has = r.asked.tls.is_some() || r.asked.certificate.is_some();
        !r.asked.says(|reads| reads.client_tls, has)
    });
    let read = of_both(|inputs| inputs.client_certificate);
    warn("certificate", read, &|r| {
        let has = r.asked.certificate.is_some();
        !r.asked.says(|reads| reads.client_certificate, has)
    });
    warn("role", of_both(|inputs| inputs.server_role), &|r| {
        let has = r.asked.replica.is_some();
        !r.asked.says(|reads| reads.server_role, has)
    });
    warnings
}
