//! The fuzz target's seeds (fuzz/seeds/bundle) are what their names say.
//!
//! They are bytes of the guests below. After a change of the contract, write them
//! anew: `WARDEN_WRITE_SEEDS=yes cargo test -p warden-policy seeds`.

use std::fs;
use std::path::Path;

use warden_hostile::PluginGuest;

use super::*;

/// Policies that load.
fn sound() -> Vec<(&'static str, Guest)> {
    let wasi =
        "(import \"wasi:random/random@0.2.0\" \"get-random-u64\" (func $random (result i64)))";
    let claims = vec!["/department".to_owned(), "/a~1b".to_owned()];
    vec![
        (
            "granting",
            Guest {
                denials: vec!["-@dangerous".into()],
                ..Guest::granting(&[
                    "+@read",
                    "+set",
                    "~tenant:*",
                    r"%R~a\\b",
                    "&tenant.*",
                    "db=0",
                ])
            },
        ),
        (
            "denying",
            Guest {
                denial: Some(("not today", "outside hours")),
                ..Guest::default()
            },
        ),
        (
            "reading-everything",
            Guest {
                claims,
                inputs: vec![0, 1, 2, 3, 4, 5],
                valid_for: Some(60),
                session_ttl: Some(600),
                ..Guest::granting(&GETTER)
            },
        ),
        (
            "with-wasi",
            Guest {
                imports: wasi.into(),
                wasi: true,
                ..Guest::granting(&GETTER)
            },
        ),
        (
            "with-schema",
            Guest {
                fields: r#"(@custom "warden:data-schema" "{\"type\": \"object\"}")"#.into(),
                ..Guest::granting(&GETTER)
            },
        ),
        ("looping", Guest::evaluating("(loop (br 0))")),
        ("trapping", Guest::evaluating("(unreachable)")),
        (
            "growing",
            Guest::evaluating("(drop (memory.grow (i32.const 100)))"),
        ),
        ("lying", Guest::evaluating("(return (i32.const -8))")),
        ("malformed-rule", Guest::granting(&["+get", "(+set)"])),
    ]
}

/// Policies that are refused.
fn unsound() -> Vec<(&'static str, Vec<u8>)> {
    let refusing = Guest {
        data_refusal: Some("p.toml: line 3: unknown role".into()),
        ..Guest::default()
    };
    let whole = Guest::granting(&GETTER).wasm();
    let component =
        "(component (import \"evil:net/socket@1.0.0\" (instance (export \"open\" (func)))))";
    let never_starts = Guest {
        fields: "(func $forever (loop (br 0))) (start $forever)".into(),
        ..Guest::default()
    };
    let circle = Guest {
        worlds: warden_hostile::CIRCLE,
        ..Guest::granting(&GETTER)
    };
    let two_lines = Guest {
        title: "two\nlines".into(),
        ..Guest::default()
    };
    let plugin = |authenticate: &str| PluginGuest {
        authenticate: authenticate.to_owned(),
        ..PluginGuest::default()
    };
    let telling = PluginGuest {
        imports: r#"(import "warden:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))"#
            .to_owned(),
        ..plugin(
            "(call $write (i32.const 1) (i32.load offset=12 (local.get 0)) (i32.load offset=16 (local.get 0)))",
        )
    };
    vec![
        ("refused-data", refusing.wasm()),
        ("refused-half", whole[..whole.len() / 2].to_vec()),
        ("refused-component", wat::parse_str(component).unwrap()),
        (
            "refused-empty-component",
            wat::parse_str("(component)").unwrap(),
        ),
        ("refused-circle", circle.wasm()),
        ("refused-start", never_starts.wasm()),
        ("refused-title", two_lines.wasm()),
        ("refused-text", b"(module)".to_vec()),
        // What vouches for somebody is no policy; the target starts it as a plugin, too.
        ("refused-plugin", PluginGuest::default().wasm()),
        ("refused-plugin-looping", plugin("(loop (br 0))").wasm()),
        (
            "refused-plugin-lying",
            plugin("(return (i32.const -8))").wasm(),
        ),
        ("refused-plugin-telling", telling.wasm()),
    ]
}

#[test]
fn the_seeds_of_the_fuzz_target_are_what_their_names_say() {
    let seeds = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fuzz/seeds/bundle"
    ));
    let write = std::env::var_os("WARDEN_WRITE_SEEDS").is_some();
    let scene = Scene::new();
    let guests = sound()
        .into_iter()
        .map(|(name, guest)| (name, guest.wasm(), true));
    let all = guests.chain(
        unsound()
            .into_iter()
            .map(|(name, wasm)| (name, wasm, false)),
    );
    for (name, wasm, loads) in all {
        scene.put("p.wasm", &wasm);
        assert_eq!(scene.load(None).is_ok(), loads, "{name}");
        if write {
            fs::write(seeds.join(name), &wasm).unwrap();
        }
        let kept = fs::read(seeds.join(name)).unwrap_or_default();
        assert!(
            kept == wasm,
            "fuzz/seeds/bundle/{name} is old: write the seeds anew"
        );
    }
}
