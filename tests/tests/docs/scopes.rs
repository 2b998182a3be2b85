//! docs/policies/scopes.md: its examples are data the policy takes and mean what is
//! said, and the messages it lists are those the policy gives.

use warden_tests::{Claims, Line, Scene, eventually, parts};

use crate::markdown::{blocks, code, document, table};

/// A server with scopes alone.
fn scene(data: &str) -> Scene {
    let scene = Scene::start(Line::V9_1);
    scene.reload_after(|| {
        scene.policies.replace("scopes.toml", data);
        scene
            .policies
            .replace("scopes.wasm", parts::policy("scopes"));
    });
    scene
}

/// A token of somebody without roles.
fn token(scope: &str) -> Claims {
    Claims::of("zoe").set("scope", scope).set("tenant", "acme")
}

#[test]
fn the_first_example_means_what_is_said() {
    let text = document("docs/policies/scopes.md");
    let scene = scene(&blocks(&text, "toml")[0]);
    scene.server.admin().run("SET orders:acme:1 x").expect_ok();
    let mut reader = scene.log_in_with(&token("valkey.read:cache:menu:*"));
    assert!(reader.run("GET cache:menu:1").is_nil());
    reader.run("GET cache:x").expect_error("NOPERM");
    reader.run("SET cache:menu:1 x").expect_error("NOPERM");
    reader.run("SCAN 0").expect_error("NOPERM");
    let mut all = scene.log_in_with(&token("openid valkey.read:*"));
    all.run("GET orders:acme:1").expect_text("x");
    assert!(all.run("GET cache:x").is_nil());
    all.run("GET orders:beta:1").expect_error("NOPERM");
    let mut writer = scene.log_in_with(&token("valkey.write:cache:*"));
    assert_eq!(writer.run("INCR cache:n").number(), 1);
    writer.run("FLUSHALL").expect_error("NOPERM");
    let mut clerk = scene.log_in_with(&token("api://shop/Clerk"));
    clerk.run("XADD orders:acme:inbox * a 1").text();
    clerk.run("GET orders:acme:1").expect_text("x");
    clerk
        .run("XADD orders:beta:inbox * a 1")
        .expect_error("NOPERM");
    scene
        .attempt(&token("valkey.write:orders:acme:1"))
        .expect_error("WRONGPASS a scope of your token is beyond what is allowed here");
    scene
        .attempt(&token("openid profile"))
        .expect_error("WRONGPASS no policy grants access");
}

#[test]
fn the_second_example_means_what_is_said() {
    let example = &blocks(&document("docs/policies/scopes.md"), "toml")[1];
    let scene = scene(example);
    let scope = "openid subscribe:news.* subscribe:user.zoe.* session";
    let mut zoe = scene.log_in_with(&token(scope).set("client_id", "till"));
    assert_eq!(zoe.run("HSET session:till:zoe a 1").number(), 1);
    zoe.run("HSET session:till:ann a 1").expect_error("NOPERM");
    zoe.run("PUBLISH news.eu x").expect_error("NOPERM");
    assert_eq!(zoe.run("PSUBSCRIBE news.*").items().len(), 3);
    let mut speaker = scene.log_in_with(&token("publish:news.eu"));
    assert_eq!(speaker.run("PUBLISH news.eu x").number(), 1);
    speaker.run("PUBLISH news.us x").expect_error("NOPERM");
    scene
        .attempt(&token("subscribe:user.ann.*"))
        .expect_error("WRONGPASS a scope of your token is beyond");
    scene
        .attempt(&token("session"))
        .expect_error("WRONGPASS your scopes need a claim");
}

const READ: &str =
    "prefix = ''\n[patterns.read]\nrules = ['+get', '~{pattern}']\nwithin = ['a*']\n";

/// Data that deserves each of the documented messages.
fn mistakes() -> [String; 12] {
    let scope = |rules: &str| {
        format!(
            "prefix = ''\n[scopes.a]\nrules = ['+get', {rules}]\n[claims]\ntenant = '/tenant'\n"
        )
    };
    let alias = |line: &str| format!("{READ}[aliases]\n{line}\n");
    [
        String::new(),
        "prefix = ''\n".to_owned(),
        READ.replace("{pattern}", "x"),
        READ.replace("{pattern}", "{pattern}:x"),
        READ.replace("'a*'", ""),
        scope("'~{tennant}:*'"),
        scope("'~{tenant}*'"),
        alias("x = ['write:a']"),
        alias("x = ['read:b']"),
        scope("'~{tenant}'").replace("'/tenant'", "'tenant'"),
        scope("'~x'"),
        alias("'read:a' = ['read:a']"),
    ]
}

#[test]
fn the_documented_messages_are_those_the_policy_gives() {
    let text = document("docs/policies/scopes.md");
    let messages = table(&text, "message", 2);
    let mistakes = mistakes();
    assert_eq!(messages.len(), mistakes.len());
    let scene = Scene::start(Line::V9_1);
    scene
        .policies
        .replace("scopes.wasm", parts::policy("scopes"));
    for (row, mistake) in messages.iter().zip(mistakes) {
        let message = code(&row[0]).expect("a message");
        if !mistake.is_empty() {
            scene.policies.replace("scopes.toml", mistake);
        }
        eventually(&format!("the error says {message:?}"), || {
            first_error(&scene)?.contains(message).then_some(())
        });
        // The last good generation stays, and it had no scopes.
        scene.attempt(&Claims::of("alice")).expect_ok();
    }
}

#[test]
fn a_refused_client_reads_one_of_the_documented_texts() {
    let text = document("docs/policies/scopes.md");
    let texts = table(&text, "the client reads", 2);
    let scene = scene(&blocks(&text, "toml")[0]);
    let refused = ["valkey.reed:x", "valkey.write:x", "valkey.orders.submit"];
    for (row, scope) in texts.iter().zip(refused) {
        let told = format!("WRONGPASS {}", code(&row[0]).expect("a text"));
        let claims = Claims::of("zoe").set("scope", scope);
        scene.attempt(&claims).expect_error(&told);
    }
    // The last takes 65 scopes.
    let many: String = (0..65)
        .map(|n| format!("[scopes.s{n}]\nrules = ['+get', '~x']\n"))
        .collect();
    scene.next_generation(|| {
        scene
            .policies
            .replace("scopes.toml", format!("prefix = ''\n{many}"));
    });
    let all: Vec<String> = (0..65).map(|n| format!("s{n}")).collect();
    let told = format!("WRONGPASS {}", code(&texts[3][0]).expect("a text"));
    let claims = Claims::of("zoe").set("scope", all.join(" "));
    scene.attempt(&claims).expect_error(&told);
}

fn first_error(scene: &Scene) -> Option<String> {
    let errors = scene.policies_state().field("errors").items();
    Some(errors.first()?.text())
}
