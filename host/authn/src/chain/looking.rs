//! What directories know of those whom authenticators proved.
//!
//! In comes a principal, or the proofs of one person's live sessions; out goes the same
//! with what its directory says now. Directories are found by their ids in this generation
//! of the chain, whatever the order of their files. Never: a principal whose directory
//! could not be asked.

use std::sync::Arc;

use warden_core::{Account, AuthenticatorId, Clock, Now, Principal, Reason, Verified};

use super::entry::Entry;
use super::{Chain, Slot};
use crate::accounts::{self, Accounts, ProvedBy, Source, Wanted};
use crate::asking::{refused, unavailable};
use crate::authenticator::Outcome;

impl Chain {
    /// What a principal's directory says, where its authenticator names one.
    ///
    /// # Errors
    /// The refusal; of the kind `Unavailable` when it could not be asked.
    pub(super) async fn complete(
        &self,
        entry: &Entry,
        principal: Principal,
        now: Now,
    ) -> Result<Principal, Reason> {
        let Some(source) = &entry.source else {
            return Ok(principal);
        };
        let (directory, accounts) = named(&self.slots, source).map_err(unavailable)?;
        let name = source.name_of(&principal)?;
        let wanted = Wanted {
            name: &name,
            proved: ProvedBy::Another,
        };
        let said = accounts.look_up(wanted, now).await;
        let terms = accounts.terms();
        let joined =
            said.map(|said| accounts::described(&principal, directory.id(), terms, &name, &said));
        directory.count(&match &joined {
            Ok(_) => Outcome::Verified(()),
            Err(reason) => Outcome::against(reason.clone()),
        });
        joined
    }

    /// Whom each of these proofs is of now; `None` where nothing is different. They are of
    /// one person, with equal accounts but for the ends of the proofs.
    ///
    /// # Errors
    /// As [`Chain::look_again`].
    pub(super) async fn looked_up_again(
        &self,
        proofs: &[Arc<Verified<Principal>>],
        clock: &dyn Clock,
    ) -> Result<Vec<Option<Principal>>, Reason> {
        let Some((first, account)) = proofs
            .first()
            .and_then(|first| Some((first.get(), first.get().account.as_ref()?)))
        else {
            return Ok(proofs.iter().map(|_| None).collect());
        };
        let (directory, accounts, proved) = self.directory_of(first, account)?;
        let wanted = Wanted {
            name: &account.name,
            proved,
        };
        let said = accounts.look_up(wanted, clock.now()).await?;
        let terms = accounts.terms();
        if terms.refresh.is_some() && said.identity != account.identity {
            return Err(refused("the account is another one that has its name"));
        }
        let renew = |proof: &Arc<Verified<Principal>>| {
            let old = proof.get();
            let mut new = accounts::described(old, directory, terms, &account.name, &said);
            // This says how the chain is, not what the directory says.
            new.sole_authenticator = old.sole_authenticator;
            (new != *old).then_some(new)
        };
        Ok(proofs.iter().map(renew).collect())
    }

    /// Who is asked about a principal's account, and what proved the principal.
    ///
    /// # Errors
    /// When its authenticator would not ask there any more.
    fn directory_of(
        &self,
        principal: &Principal,
        account: &Account,
    ) -> Result<(&AuthenticatorId, &dyn Accounts, ProvedBy), Reason> {
        let changed = || refused("its authenticator has no groups from this directory any more");
        let entry = find(&self.slots, &principal.authenticator).ok_or_else(changed)?;
        if principal.authenticator == account.directory {
            let accounts = entry.authenticator.accounts();
            let accounts = accounts.filter(|accounts| !accounts.terms().serves_others);
            return Ok((
                entry.id(),
                accounts.ok_or_else(changed)?,
                ProvedBy::Password,
            ));
        }
        let source = entry.source.as_ref();
        let source = source.filter(|source| source.directory == account.directory);
        let (directory, accounts) =
            named(&self.slots, source.ok_or_else(changed)?).map_err(unavailable)?;
        Ok((directory.id(), accounts, ProvedBy::Another))
    }
}

/// Why the directory that an authenticator names cannot be asked; `None` when it can, or
/// none is named.
pub(super) fn fault(entry: &Entry, slots: &[Slot]) -> Option<String> {
    let source = entry.source.as_ref()?;
    if source.directory == *entry.id() {
        return Some("names itself".to_owned());
    }
    named(slots, source).err()
}

/// The directory that an authenticator names.
///
/// # Errors
/// Words for the operator, when it cannot be asked.
fn named<'a>(slots: &'a [Slot], source: &Source) -> Result<(&'a Entry, &'a dyn Accounts), String> {
    let id = source.directory.as_str();
    let entry =
        find(slots, &source.directory).ok_or_else(|| format!("{id:?} is no authenticator"))?;
    let accounts = entry.authenticator.accounts();
    accounts
        .filter(|accounts| accounts.terms().serves_others)
        .map(|accounts| (entry, accounts))
        .ok_or_else(|| format!("{id:?} is not of type ldap with auth_mode = \"lookup\""))
}

fn find<'a>(slots: &'a [Slot], id: &AuthenticatorId) -> Option<&'a Entry> {
    slots
        .iter()
        .map(|slot| slot.entry.as_ref())
        .find(|entry| entry.id() == id)
}
