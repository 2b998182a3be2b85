//! `warden policy eval` tells without a server what `WARDEN.EXPLAIN` tells on one: the
//! same verdicts, dropped rules, rules and table, for the same token and for a
//! principal made up to be like it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use warden_tests::provider::{BASIC, Provider, Token};
use warden_tests::scene::ROLES;
use warden_tests::slapd::{Slapd, password_of};
use warden_tests::{Authority, Claims, Line, Reply, Scene, on_both_lines, parts};

use crate::ldap::by_bind;

on_both_lines!(
    offline_and_online_tell_the_same_of_a_token,
    offline_and_online_tell_the_same_under_restrictions,
    offline_and_online_tell_the_same_of_a_made_up_principal,
    offline_and_online_ask_whoever_must_be_asked,
    offline_no_policy_answers_for_a_user_of_the_acl,
);

const CEILING: &str = "~reports:* ~queue:* &news.* -@dangerous";

/// Seconds that may lie between the two answers on a busy machine.
const BETWEEN: i64 = 30;

/// Fields that are not of the question: the server's version, and its count of generations.
const APART: [&str; 2] = ["server", "generation"];

/// A scene with rules for everybody, some of which a server cannot say in full.
fn scene(line: Line, ceiling: &str) -> Scene {
    let roles = ROLES.replace(
        "\"+@read\", \"~reports:*\"",
        "\"+@read\", \"+late.read\", \"~reports:*\", \"~secrets:*\"",
    );
    let roles = roles
        + "[roles.many]\nmembers = [\"group:corp/many\"]\nrules = [\"+@all\", \"-@admin\", \"%R~*\", \"&*\"]\n\
           [roles.first]\nmembers = [\"group:corp/first\"]\nrules = [\"+get\", \"~reports:*\", \"db=0\"]\n";
    Scene::builder(line)
        .roles(&roles)
        .module_args(["ceiling", ceiling])
        .start()
}

fn explain(scene: &Scene, token: &str) -> Reply {
    scene
        .server
        .admin()
        .call(["WARDEN.EXPLAIN", "token", token])
}

/// Runs `warden policy eval --json`; its answer, and whether it was yes.
fn eval(scene: &Scene, line: Line, more: &[&str], input: &str) -> (Value, bool) {
    let output = run(scene, line, more, input);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let told = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text:?}"));
    (told, output.status.success())
}

fn run(scene: &Scene, line: Line, more: &[&str], input: &str) -> Output {
    let state = parts::shared_state();
    let mut child = Command::new(parts::cli())
        .args(["policy", "eval", "--json", "--server", line.number()])
        .args(["--address", "127.0.0.1", "--dir"])
        .arg(scene.policies.path())
        .arg("--state-dir")
        .arg(state)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command line runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn eval_token(scene: &Scene, line: Line, ceiling: &str, token: &str) -> Value {
    let authenticators = scene.authenticators.path().display().to_string();
    let more = [
        "--token",
        "-",
        "--authenticators",
        &authenticators,
        "--ceiling",
        ceiling,
    ];
    let (told, is_yes) = eval(scene, line, &more, token);
    assert_eq!(is_yes, told["outcome"] == "granted");
    told
}

/// A reason without the seconds since a token ended: they pass between the two answers.
fn timeless(text: &str) -> String {
    match text.strip_prefix("the token expired ") {
        Some(since) => since
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .to_owned(),
        None => text.to_owned(),
    }
}

/// Panics unless the reply says what the document says.
#[track_caller]
fn expect_same(document: &Value, reply: &Reply, path: &str) {
    match document {
        Value::Null => assert!(reply.is_nil(), "{path}: offline null, online {reply}"),
        Value::Bool(yes) => {
            let text = reply.as_text().unwrap_or_else(|| format!("{reply}"));
            let words = if *yes { ["1", "true"] } else { ["0", "false"] };
            assert!(
                words.iter().any(|word| text.contains(word)),
                "{path}: {yes}, online {text}"
            );
        }
        // A policy says for how long its answer holds: seconds pass between the two.
        Value::Number(number) if path.ends_with(".valid_until") => {
            let apart = reply.number() - number.as_i64().expect("seconds");
            assert!((0..BETWEEN).contains(&apart), "{path}: {apart} s apart");
        }
        Value::Number(number) => assert_eq!(number.as_i64(), Some(reply.number()), "{path}"),
        Value::String(text) => assert_eq!(timeless(text), timeless(&reply.text()), "{path}"),
        Value::Array(values) => {
            let items = reply.items();
            assert_eq!(values.len(), items.len(), "{path}: {document} and {reply}");
            for (place, (value, item)) in values.iter().zip(&items).enumerate() {
                expect_same(value, item, &format!("{path}[{place}]"));
            }
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.retain(|name| !APART.contains(&name.as_str()));
            let online = reply.fields();
            let mut others: Vec<&String> = online.iter().map(|(name, _)| name).collect();
            others.retain(|name| !APART.contains(&name.as_str()));
            names.sort();
            others.sort();
            assert_eq!(names, others, "{path}");
            for name in names {
                expect_same(&fields[name], &reply.field(name), &format!("{path}.{name}"));
            }
        }
    }
}

/// Everybody these tests ask about.
fn people() -> Vec<Claims> {
    vec![
        Claims::of("alice"),
        Claims::of("bob").groups(&["analysts"]).scope("cache.read"),
        Claims::of("ed").groups(&["analysts", "editors", "listeners"]),
        Claims::of("queue").groups(&["consumers", "watchers"]),
        Claims::of("many").groups(&["many"]),
        Claims::of("first").groups(&["first"]),
        Claims::of("mallory"),
        Claims::of("late").expired_for(9000),
    ]
}

fn offline_and_online_tell_the_same_of_a_token(line: Line) {
    for ceiling in ["", CEILING] {
        let scene = scene(line, ceiling);
        let forged = scene.issuer.forged(&Claims::of("alice"));
        let tokens = people()
            .into_iter()
            .map(|claims| scene.issuer.token(&claims));
        let mut granted = 0;
        for token in tokens.chain([forged]) {
            let (offline, online) = (
                eval_token(&scene, line, ceiling, &token),
                explain(&scene, &token),
            );
            expect_same(&offline, &online, "");
            granted += usize::from(offline["outcome"] == "granted");
        }
        assert!(granted >= 4, "{granted} of them are granted anything");
    }
}

fn offline_and_online_tell_the_same_under_restrictions(line: Line) {
    let scene = scene(line, "");
    scene.reload_after(|| {
        scene.policies.replace(
            "guardrails.toml",
            "[[rules]]\nname = \"here\"\naddresses = [\"127.0.0.0/8\"]\ndenials = [\"-keys\", \"-@scripting\"]\n\
             [[rules]]\nname = \"not-ed\"\nmembers = [\"user:corp/ed\"]\ndeny_login = \"not today\"\n",
        );
        scene.policies.replace(
            "tenant.toml",
            "claim = \"/tenant\"\nkeys = [\"~reports:{tenant}:*\"]\nchannels = []\nexempt = [\"user:corp/bob\"]\n",
        );
        scene.policies.replace("guardrails.wasm", parts::policy("guardrails"));
        scene.policies.replace("tenant.wasm", parts::policy("tenant"));
    });
    for claims in people() {
        let token = scene.issuer.token(&claims.set("tenant", "acme"));
        expect_same(
            &eval_token(&scene, line, "", &token),
            &explain(&scene, &token),
            "",
        );
    }
    let token = scene.token("alice");
    let told = eval_token(&scene, line, "", &token);
    assert_eq!(told["outcome"], "refused", "alice has no tenant: {told}");
    expect_same(&told, &explain(&scene, &token), "");
}

fn offline_and_online_tell_the_same_of_a_made_up_principal(line: Line) {
    let scene = scene(line, CEILING);
    for claims in people() {
        let online = explain(&scene, &scene.issuer.token(&claims));
        if online.field("user").is_nil() {
            continue;
        }
        let principal = json!({
            "user": online.field("user").text(),
            "groups": online.field("groups").texts(),
            "scopes": online.field("scopes").texts(),
            "expires": online.field("expires").number(),
        });
        let more = ["--principal", "-", "--ceiling", CEILING];
        let (offline, _) = eval(&scene, line, &more, &principal.to_string());
        expect_same(&offline, &online, "");
    }
}

fn offline_and_online_ask_whoever_must_be_asked(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let scene = scene(line, CEILING);
    scene.keys.replace_secret("client.secret", BASIC.secret);
    let file = format!(
        "type = 'introspection'\nissuer = '{}'\nclient_id = '{}'\nclient_secret_file = '../keys/client.secret'\n\
         audience = ['valkey']\n[endpoint]\nca_file = '{}'\n",
        provider.issuer(),
        BASIC.id,
        authority.ca_file().display(),
    );
    scene.authenticators.replace("10-corp.toml", file);
    scene.server.admin().call(["WARDEN.RELOAD"]);
    let token = provider.mint(&Token::opaque("bob").groups(&["analysts"]));
    let offline = eval_token(&scene, line, CEILING, &token);
    assert_eq!(offline["outcome"], "granted");
    assert_eq!(offline["user"], "corp/bob");
    expect_same(&offline, &explain(&scene, &token), "bob");
    let offline = eval_token(&scene, line, CEILING, "no-such-token");
    expect_same(&offline, &explain(&scene, "no-such-token"), "nobody");
}

/// It says so rather than what policies would grant somebody else of that name.
fn offline_no_policy_answers_for_a_user_of_the_acl(line: Line) {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().users(["alice"]).start(&authority);
    let scene = scene(line, "");
    let ask = |lines: &str, password: &str| {
        let file = by_bind(&slapd.url()) + lines;
        scene.authenticators.replace("10-corp.toml", file);
        let authenticators = scene.authenticators.path().display().to_string();
        let more = [
            "--token",
            "-",
            "--authenticators",
            &authenticators,
            "--user",
            "alice",
        ];
        let output = run(&scene, line, &more, password);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).expect("UTF-8");
        assert!(!told.contains(password), "{told}");
        (output.status.code(), told)
    };
    let attach = "attach = 'acl-user'\n";
    let (code, told) = ask(attach, &password_of("alice"));
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("no policy is asked: the session becomes the user alice"),
        "{told}"
    );
    // Only who has proved to be somebody becomes anybody.
    let (code, told) = ask(attach, "guess");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("WRONGPASS invalid"), "{told}");
    let (code, told) = ask("", &password_of("alice"));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("corp/alice"), "{told}");
}
