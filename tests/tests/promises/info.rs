//! Names of INFO's fields, in one place: tests ask by these.

pub(crate) const STATUS: &str = "warden_status";
pub(crate) const SESSIONS: &str = "warden_sessions";
pub(crate) const CLASSES: &str = "warden_classes";
pub(crate) const GENERATION: &str = "warden_generation";
pub(crate) const VERIFICATIONS: &str = "warden_verifications";
pub(crate) const CACHE_HITS: &str = "warden_cache_hits";
pub(crate) const CACHE_MISSES: &str = "warden_cache_misses";
pub(crate) const PENDING: &str = "warden_pending";
pub(crate) const REFUSALS: &str = "warden_refused";
pub(crate) const THROTTLED: &str = "warden_throttled";
pub(crate) const POLICY_ERROR: &str = "warden_policy_error";
pub(crate) const AUTHENTICATOR_ERROR: &str = "warden_authenticator_error";
pub(crate) const POLICY_MANIFEST: &str = "warden_policy_manifest";
