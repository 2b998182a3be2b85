//! `WARDEN.POLICIES`: what decides, and why a newer set was not taken; with `PREVIEW`, what
//! another set would mean for who is connected.

use warden_policy::{Bundle, SignedManifest, SnapshotState};

use super::preview;
use crate::ffi::{
    Answer, ArgumentKind, CommandArgument, CommandHandler, CommandSpec, Context, Reply,
};
use crate::shared::Shared;

/// The command.
pub(super) struct Policies;

impl CommandHandler for Policies {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.policies",
        flags: c"readonly admin allow-loading allow-stale",
        categories: c"admin dangerous slow",
        arity: -1,
        summary: c"Returns the policies in force, or what a candidate would mean for who is connected.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of policies; of a preview of sessions, evaluated outside the main thread",
        arguments: &[&[
            CommandArgument::option(c"PREVIEW", c"name", ArgumentKind::Text),
            CommandArgument::option(c"COUNT", c"count", ArgumentKind::Integer),
        ]],
        secrets: &[],
    };

    fn run(_ctx: &Context<'_>, arguments: &[&[u8]]) -> Result<Answer, String> {
        let shared = super::shared()?;
        if !arguments.is_empty() {
            return preview::begin(shared, arguments);
        }
        let errors = shared.policy_errors.load_full();
        let generation = shared.generation.load_full();
        let warnings = generation.as_ref().map(|generation| generation.warnings());
        let bundles = generation.as_ref().map(|generation| {
            let bundles = generation.bundles().iter();
            bundles
                .map(|bundle| describe(bundle, generation.tests_of(bundle.name())))
                .collect()
        });
        Ok(Answer::Now(super::map([
            ("status", Reply::text(crate::info::policy_status(&shared))),
            (
                "generation",
                generation
                    .as_ref()
                    .map_or(Reply::Null, |generation| super::number(generation.number())),
            ),
            ("errors", super::texts(errors.iter())),
            ("warnings", super::texts(warnings.iter().flatten())),
            (
                "manifest",
                generation
                    .as_ref()
                    .and_then(|generation| generation.signed())
                    .map_or(Reply::Null, |signed| describe_signed(signed, &shared)),
            ),
            ("policies", Reply::Array(bundles.unwrap_or_default())),
        ])))
    }
}

/// What was signed, and by whom.
fn describe_signed(signed: &SignedManifest, shared: &Shared) -> Reply {
    let manifest = signed.manifest();
    super::map([
        ("revision", super::number(manifest.revision())),
        ("key", Reply::text(signed.key().id().to_string())),
        (
            "trusted",
            Reply::text(super::yes_or_no(shared.trusts(signed))),
        ),
        ("digest", Reply::text(signed.digest().to_string())),
        ("created", super::optional(manifest.created())),
        ("files", super::number(manifest.files().len() as u64)),
    ])
}

fn describe(bundle: &Bundle, tests: usize) -> Reply {
    let statistics = bundle.statistics();
    super::map([
        ("name", Reply::text(bundle.name())),
        ("title", Reply::text(bundle.title())),
        ("version", Reply::text(bundle.version())),
        ("summary", Reply::text(bundle.summary())),
        ("digest", Reply::text(bundle.digest().to_string())),
        ("wasm", Reply::text(bundle.wasm_digest().to_string())),
        ("files", super::texts(bundle.files().map(|file| file.name))),
        ("tests", super::number(tests as u64)),
        ("snapshot", Reply::text(snapshot(bundle.snapshot()))),
        ("evaluations", super::number(statistics.evaluations())),
        ("failures", super::number(statistics.failures())),
    ])
}

fn snapshot(state: SnapshotState<'_>) -> String {
    match state {
        SnapshotState::Pending => "pending".to_owned(),
        SnapshotState::Taken => "taken".to_owned(),
        SnapshotState::Impossible(why) => format!("impossible: {why}"),
    }
}
