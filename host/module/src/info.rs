//! `INFO warden`: numbers and states.
//!
//! The server also asks from crash reports, where memory may be damaged, and from
//! forked children, where no other thread lives: nothing here takes a lock or
//! waits, and a crash report gets numbers only.

use warden_audit::Entry;
use warden_authn::{AuthenticatorStatus, PoolStatus, ServerStatus};
use warden_core::Now;
use warden_policy::{Bundle, SignedManifest};

use crate::commands::yes_or_no;
use crate::ffi::{self, InfoContext, InfoHandler};
use crate::shared::Shared;

/// The section's writer.
pub(crate) struct Info;

impl InfoHandler for Info {
    fn info(info: &InfoContext<'_>) {
        if !info.section("") {
            return;
        }
        let Some(shared) = crate::state::shared() else {
            info.text("status", "unloaded");
            return;
        };
        if !info.is_crash_report() {
            texts(info, &shared);
        }
        numbers(info, &shared);
    }
}

/// `ok`; `stale` when a newer set of policies was not taken; `loading` before the
/// first; `none` when none could be taken and log-ins are refused; `empty` when
/// there are no policies, and nobody is granted anything; `draining` once an unload
/// has begun.
pub(crate) fn policy_status(shared: &Shared) -> &'static str {
    if shared.is_draining() {
        return "draining";
    }
    let has_errors = !shared.policy_errors.load().is_empty();
    match (shared.generation.load().as_ref(), has_errors) {
        (Some(_), true) => "stale",
        (Some(generation), false) if generation.bundles().is_empty() => "empty",
        (Some(_), false) => "ok",
        (None, true) => "none",
        (None, false) => "loading",
    }
}

fn texts(info: &InfoContext<'_>, shared: &Shared) {
    info.text("version", env!("CARGO_PKG_VERSION"));
    info.text("status", policy_status(shared));
    let first = |errors: &[String]| errors.first().cloned().unwrap_or_default();
    info.text("policy_error", &first(&shared.policy_errors.load()));
    info.text(
        "authenticator_error",
        &first(&shared.authenticator_errors.load()),
    );
    info.text("audit_error", &first(&shared.sink_errors.load()));
    for sink in &shared.trail.roster().sinks {
        info.text(&format!("audit_sink_{}", sink.name), &writing(sink));
    }
    let chain = shared.chain.load();
    let ids: Vec<&str> = chain
        .authenticators()
        .map(|authenticator| authenticator.id.as_str())
        .collect();
    info.text("authenticators", &ids.join(","));
    for status in chain.authenticators() {
        info.text(
            &format!("authenticator_{}", status.id),
            &health(&status, shared.now()),
        );
        for (number, server) in (1..).zip(&status.servers) {
            directory(info, &format!("directory_{}_{number}", status.id), server);
        }
    }
    if let Some(generation) = shared.generation.load().as_ref() {
        for bundle in generation.bundles() {
            info.text(&format!("policy_{}", bundle.name()), &work(bundle));
        }
        let names: Vec<&str> = generation
            .bundles()
            .iter()
            .map(|bundle| bundle.name())
            .collect();
        info.text("policies", &names.join(","));
        let signed = generation.signed().map(|signed| manifest(signed, shared));
        info.text("policy_manifest", &signed.unwrap_or_default());
    }
    let latencies = &shared.counters.latencies;
    for (name, latency) in [
        ("latency_usec_cached", &latencies.cached),
        ("latency_usec_waited", &latencies.waited),
        ("latency_usec_verification", &latencies.verification),
        ("latency_usec_decision", &latencies.decision),
    ] {
        info.text(name, &latency.text());
    }
}

/// As `type=jwt,status=ok,key_age_seconds=86400,waiting=0,verified=7,refused=1,unavailable=0,throttled=0,attach=policies`.
fn health(status: &AuthenticatorStatus<'_>, now: Now) -> String {
    let age = status
        .keys_changed
        .map(|at| now.wall.since(at).as_secs().to_string());
    format!(
        "type={},status={},key_age_seconds={},waiting={},verified={},refused={},unavailable={},throttled={},attach={}",
        status.method.as_str(),
        status.health(),
        age.unwrap_or_default(),
        status.waiting,
        status.verified,
        status.refused,
        status.unavailable,
        status.throttled,
        status.coexistence.attach.as_str(),
    )
}

/// One server of a directory.
fn directory(info: &InfoContext<'_>, name: &str, server: &ServerStatus) {
    let text = format!(
        "host={},status={},ping_usec={}",
        server.host,
        if server.is_up { "up" } else { "down" },
        server
            .ping
            .map(|ping| ping.as_micros().to_string())
            .unwrap_or_default(),
    );
    info.text(name, &text);
    info.text(
        &format!("{name}_error"),
        server.error.as_deref().unwrap_or_default(),
    );
    for (kind, pool) in [("binds", &server.binds), ("searches", &server.searches)] {
        info.text(&format!("{name}_{kind}"), &connections(pool));
        info.text(&format!("{name}_latency_usec_{kind}"), &pool.latency_usec);
    }
}

/// As `connections=2,in_use=1,idle=1,waiting=0,answered=7,failed=0`; what is being changed
/// just now is left empty.
fn connections(pool: &PoolStatus) -> String {
    let maybe = |count: Option<usize>| count.map(|count| count.to_string()).unwrap_or_default();
    format!(
        "connections={},in_use={},idle={},waiting={},answered={},failed={}",
        pool.size,
        maybe(pool.in_use),
        maybe(pool.idle),
        maybe(pool.waiting),
        pool.answered,
        pool.failed,
    )
}

/// As `revision=7,key=E7620F1842B4E81F,trusted=yes,digest=840b…`.
fn manifest(signed: &SignedManifest, shared: &Shared) -> String {
    format!(
        "revision={},key={},trusted={},digest={}",
        signed.manifest().revision(),
        signed.key().id(),
        yes_or_no(shared.trusts(signed)),
        signed.digest(),
    )
}

/// As `type=file,state=ok,records=7,bytes=2100,dropped=0,buffered_bytes=0,lag_ms=3,events_per_second=7,last_error=`.
fn writing(sink: &Entry) -> String {
    let status = &sink.status;
    format!(
        "type={},state={},records={},bytes={},dropped={},buffered_bytes={},lag_ms={},events_per_second={},last_error={}",
        sink.kind,
        status.state(),
        status.records(),
        status.bytes(),
        sink.dropped(),
        sink.buffered_bytes(),
        status.lag().as_millis(),
        status.per_second(),
        // Commas end a field.
        status.last_error().replace(',', ";"),
    )
}

/// As `digest=840b…,evaluations=7,failures=0,usec=2100,longest_usec=900`.
fn work(bundle: &Bundle) -> String {
    let statistics = bundle.statistics();
    format!(
        "digest={},evaluations={},failures={},usec={},longest_usec={}",
        bundle.digest(),
        statistics.evaluations(),
        statistics.failures(),
        statistics.total().as_micros(),
        statistics.longest().as_micros(),
    )
}

fn numbers(info: &InfoContext<'_>, shared: &Shared) {
    let counters = &shared.counters;
    let slices = ffi::slices();
    let generation = shared
        .generation
        .load()
        .as_ref()
        .map_or(0, |generation| generation.number());
    for (name, value) in [
        ("generation", generation),
        ("failed_loads", counters.failed_loads.value()),
        ("sessions", counters.registry.sessions.value()),
        ("classes", counters.registry.classes.value()),
        ("admitted", counters.registry.admitted.value()),
        ("closed", counters.registry.closed.value()),
        ("expired", counters.registry.expired.value()),
        ("refused", counters.refused.value()),
        ("undecided", counters.undecided.value()),
        ("timed_out", counters.timed_out.value()),
        ("busy", counters.busy.value()),
        ("throttled", counters.throttled.value()),
        ("verifications", counters.verifications.value()),
        ("rechecks", counters.rechecks.value()),
        ("refreshes", counters.refreshes.value()),
        ("cache_hits", counters.cache_hits.value()),
        ("cache_misses", counters.cache_misses.value()),
        ("review_pending", u64::from(shared.reviews.is_pending())),
        ("last_review_us", shared.reviews.took_us()),
        ("longest_slice_us", slices.longest_us),
        ("longest_recent_slice_us", slices.longest_recent_us),
        ("slices_over_1ms", slices.over_1ms),
        ("slices_over_2ms", slices.over_2ms),
        ("panics", ffi::panics()),
        ("audit_enabled", u64::from(shared.trail.is_enabled())),
        ("audit_oversized", shared.trail.oversized()),
        ("memory_apart_bytes", ffi::apart_bytes() as u64),
    ] {
        info.number(name, value);
    }
    if let Some(rechecks) = shared.rechecks.count() {
        info.number(
            "recheck_pending",
            u64::try_from(rechecks).unwrap_or(u64::MAX),
        );
    }
    if let Some(people) = shared.refreshes.count() {
        let people = u64::try_from(people).unwrap_or(u64::MAX);
        info.number("refresh_pending", people);
    }
    let pending = shared.pending.count();
    info.number("pending", u64::try_from(pending).unwrap_or(u64::MAX));
}
