//! `WARDEN.POLICIES`: what decides, and why a newer set was not taken.

use warden_policy::{Bundle, SignedManifest, SnapshotState};

use crate::ffi::{Answer, CommandHandler, CommandSpec, Context, Reply};
use crate::shared::Shared;

/// The command.
pub(super) struct Policies;

impl CommandHandler for Policies {
    const SPEC: CommandSpec = CommandSpec {
        name: c"warden.policies",
        flags: c"readonly admin allow-loading allow-stale",
        categories: c"admin dangerous slow",
        arity: 1,
        summary: c"Returns the policies in force and the errors of the last attempt to load them.",
        since: super::SINCE,
        complexity: c"O(N) with N the number of policies",
        arguments: &[],
        secrets: &[],
    };

    fn run(_ctx: &Context<'_>, _arguments: &[&[u8]]) -> Result<Answer, String> {
        let shared = super::shared()?;
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
        ("trusted", Reply::text(shared.trusts(signed))),
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
