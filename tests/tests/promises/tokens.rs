//! Only a sound token of a configured issuer is accepted; each broken one is
//! broken in one way and told why only when its signature verified.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use warden_tests::hostile_provider::{Answer, Hostile};
use warden_tests::issuer::key_set;
use warden_tests::{
    Algorithm, Authority, Claims, Issuer, Line, Scene, SigningKey, on_both_lines, unix_now,
};

on_both_lines!(
    every_kind_of_key_signs_accepted_tokens,
    a_forged_token_is_refused,
    a_tampered_token_is_refused,
    no_spelling_of_none_is_accepted,
    a_public_key_is_no_shared_secret,
    an_algorithm_at_odds_with_its_key_is_refused,
    an_unknown_key_id_is_refused,
    another_issuers_token_is_refused,
    a_token_for_another_audience_is_refused_and_told_so,
    a_token_before_its_time_is_refused_and_told_so,
    an_expired_token_is_refused_and_told_so,
    a_forged_token_is_told_nothing_about_its_claims,
    mandatory_claims_may_not_be_missing,
    times_of_a_wrong_kind_are_never_read_as_absent,
    doubled_claims_are_refused,
    keys_offered_in_the_header_are_never_used,
    critical_headers_nobody_knows_are_refused,
    a_key_file_and_a_secret_file_serve_as_keys,
    what_is_no_token_is_refused,
);

const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

fn every_kind_of_key_signs_accepted_tokens(line: Line) {
    let keys: Vec<SigningKey> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| !algorithm.is_hmac())
        .map(|algorithm| SigningKey::generate(algorithm, &algorithm.name()))
        .collect();
    let scene = Scene::start_with_keys(line, &keys);
    for key in &keys {
        let issuer = scene.issuer.with_key(key.clone());
        let mut client = scene.server.connect();
        let reply = client.auth("alice", &issuer.token(&Claims::of("alice")));
        assert!(reply.is_ok(), "{}: {reply}", key.id());
        let reply = scene
            .server
            .connect()
            .auth("alice", &issuer.forged(&Claims::of("alice")));
        assert!(reply.is_error(WRONG), "{}: {reply}", key.id());
    }
}

fn a_forged_token_is_refused(line: Line) {
    let scene = Scene::start(line);
    scene.expect_refused("alice", &scene.issuer.forged(&Claims::of("alice")), WRONG);
    scene.expect_refused("token", &scene.issuer.forged(&Claims::of("alice")), WRONG);
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn a_tampered_token_is_refused(line: Line) {
    let scene = Scene::start(line);
    let more = Claims::of("alice").groups(&["editors"]);
    scene.expect_refused(
        "alice",
        &scene.issuer.tampered(&Claims::of("alice"), &more),
        WRONG,
    );
    let sound = scene.token("alice");
    for cut in [1, 10, 200] {
        scene.expect_refused("alice", &sound[..sound.len() - cut], WRONG);
    }
    for longer in [
        format!("{sound}A"),
        format!("{sound}="),
        format!("{sound}."),
        format!("{sound}.x"),
        format!(" {sound}"),
    ] {
        scene.expect_refused("alice", &longer, WRONG);
    }
}

fn no_spelling_of_none_is_accepted(line: Line) {
    let scene = Scene::start(line);
    for spelling in ["none", "None", "NONE", "nOnE", "", "null"] {
        let token = scene.issuer.unsigned(spelling, &Claims::of("alice"));
        scene.expect_refused("alice", &token, WRONG);
        scene.expect_refused("alice", &format!("{token}AAAA"), WRONG);
    }
}

fn a_public_key_is_no_shared_secret(line: Line) {
    let scene = Scene::start(line);
    scene.expect_refused(
        "alice",
        &scene.issuer.signed_with_public_key(&Claims::of("alice")),
        WRONG,
    );
}

fn an_algorithm_at_odds_with_its_key_is_refused(line: Line) {
    let bound = SigningKey::generate(Algorithm::RS256, "bound");
    let ec = SigningKey::generate(Algorithm::ES256, "ec");
    let scene = Scene::start_with_keys(line, &[bound.clone(), ec.clone()]);
    // The key's own `alg` is RS256.
    let other = scene
        .issuer
        .with_key(bound.with_algorithm(Algorithm::RS512));
    scene.expect_refused("alice", &other.token(&Claims::of("alice")), WRONG);
    // An EC signature under the id of the RSA key.
    let crossed = scene.issuer.with_key(ec.with_id("bound"));
    scene.expect_refused("alice", &crossed.token(&Claims::of("alice")), WRONG);
    // The header says one algorithm, the signature is by another.
    let issuer = scene.issuer.with_key(bound);
    let lying = issuer.token_with_header(
        &json!({ "alg": "PS256", "kid": "bound" }),
        &Claims::of("alice"),
    );
    scene.expect_refused("alice", &lying, WRONG);
    scene
        .server
        .connect()
        .auth("alice", &issuer.token(&Claims::of("alice")))
        .expect_ok();
}

fn an_unknown_key_id_is_refused(line: Line) {
    let scene = Scene::start(line);
    let unknown = scene
        .issuer
        .with_key(scene.issuer.key().with_id("no-such-key"));
    scene.expect_refused("alice", &unknown.token(&Claims::of("alice")), WRONG);
}

fn another_issuers_token_is_refused(line: Line) {
    let scene = Scene::start(line);
    for url in [
        "https://idp.example.com/realms/test",
        "https://idp.example.com/realms/prod/",
        "",
        "HTTPS://IDP.EXAMPLE.COM/realms/prod",
    ] {
        let other = Issuer::new(url, scene.issuer.key().clone());
        scene.expect_refused("alice", &other.token(&Claims::of("alice")), "WRONGPASS");
    }
    scene
        .attempt(&Claims::of("alice").without("iss"))
        .expect_error("WRONGPASS");
    scene
        .attempt(&Claims::of("alice").set("iss", json!([scene.issuer.url()])))
        .expect_error("WRONGPASS");
}

fn a_token_for_another_audience_is_refused_and_told_so(line: Line) {
    let scene = Scene::start(line);
    for audience in [json!("other"), json!(["a", "b"]), json!("valkey ")] {
        scene
            .attempt(&Claims::of("alice").set("aud", audience))
            .expect_error("WRONGPASS the token is for another audience.");
    }
    scene
        .attempt(&Claims::of("alice").set("aud", json!(["other", "valkey"])))
        .expect_ok();
}

fn a_token_before_its_time_is_refused_and_told_so(line: Line) {
    let scene = Scene::start(line);
    scene
        .attempt(&Claims::of("alice").set("nbf", unix_now() + 3600))
        .expect_error("WRONGPASS the token is not yet valid.");
    scene
        .attempt(&Claims::of("alice").set("nbf", unix_now() - 1))
        .expect_ok();
}

fn an_expired_token_is_refused_and_told_so(line: Line) {
    let scene = Scene::start(line);
    scene
        .attempt(&Claims::of("alice").expired_for(7200))
        .expect_error("WRONGPASS the token has expired.");
    scene
        .attempt(&Claims::of("alice").set("exp", 0))
        .expect_error("WRONGPASS");
}

fn a_forged_token_is_told_nothing_about_its_claims(line: Line) {
    let scene = Scene::start(line);
    for claims in [
        Claims::of("alice").expired_for(7200),
        Claims::of("alice").set("aud", "other"),
        Claims::of("alice").set("nbf", unix_now() + 3600),
        Claims::of("mallory"),
    ] {
        scene.expect_refused("token", &scene.issuer.forged(&claims), WRONG);
    }
}

fn mandatory_claims_may_not_be_missing(line: Line) {
    let scene = Scene::start(line);
    for claim in ["exp", "aud", "iss", "sub"] {
        scene
            .attempt(&Claims::of("alice").without(claim))
            .expect_error("WRONGPASS");
    }
}

fn times_of_a_wrong_kind_are_never_read_as_absent(line: Line) {
    let scene = Scene::start(line);
    let wrong = [
        json!("1999999999"),
        json!(-1),
        json!(1e300),
        json!(null),
        json!([1_999_999_999]),
        json!({}),
        json!(true),
    ];
    for claim in ["exp", "nbf", "iat"] {
        for value in &wrong {
            let reply = scene.attempt(&Claims::of("alice").set(claim, value.clone()));
            assert!(reply.is_error("WRONGPASS"), "{claim} = {value}: {reply}");
        }
    }
    // Beyond 64 bits; serde_json cannot hold it, so the text is written by hand.
    let soon = unix_now() + 300;
    for text in ["18446744073709551616", "99999999999999999999999999"] {
        let payload = format!(
            "{{\"iss\":\"{}\",\"aud\":\"valkey\",\"sub\":\"alice\",\"exp\":{soon},\"nbf\":{text}}}",
            scene.issuer.url()
        );
        scene.expect_refused("alice", &scene.issuer.token_of_text(&payload), "WRONGPASS");
    }
}

fn doubled_claims_are_refused(line: Line) {
    let scene = Scene::start(line);
    let soon = unix_now() + 300;
    let past = unix_now() - 3000;
    let url = scene.issuer.url();
    let payloads = [
        format!(
            "{{\"iss\":\"{url}\",\"aud\":\"valkey\",\"sub\":\"alice\",\"exp\":{past},\"exp\":{soon}}}"
        ),
        format!(
            "{{\"iss\":\"{url}\",\"aud\":\"valkey\",\"sub\":\"alice\",\"exp\":{soon},\"exp\":{past}}}"
        ),
        format!(
            "{{\"iss\":\"{url}\",\"aud\":\"valkey\",\"sub\":\"bob\",\"sub\":\"alice\",\"exp\":{soon}}}"
        ),
    ];
    for payload in payloads {
        scene.expect_refused("token", &scene.issuer.token_of_text(&payload), "WRONGPASS");
    }
    let single =
        format!("{{\"iss\":\"{url}\",\"aud\":\"valkey\",\"sub\":\"alice\",\"exp\":{soon}}}");
    scene
        .server
        .connect()
        .auth("token", &scene.issuer.token_of_text(&single))
        .expect_ok();
}

fn keys_offered_in_the_header_are_never_used(line: Line) {
    let scene = Scene::start(line);
    let theirs = scene
        .issuer
        .with_key(SigningKey::generate(Algorithm::ES256, "theirs"));
    // It would tell the key to whoever asked.
    let place = Hostile::start_plain();
    place.answer("/keys", Answer::json(theirs.key_set()));
    let certificate = Authority::new("theirs").client("theirs");
    let certificate = STANDARD.encode(certificate.certificate_der());
    for (name, value) in [
        ("jwk", theirs.key().jwk()),
        ("jku", json!(place.url("/keys"))),
        ("x5u", json!(place.url("/keys"))),
        ("x5c", json!([certificate])),
    ] {
        for id in ["theirs", scene.issuer.key().id()] {
            let mut header = theirs.header();
            header["kid"] = json!(id);
            header[name] = value.clone();
            let token = theirs.token_with_header(&header, &Claims::of("alice"));
            scene.expect_refused("alice", &token, WRONG);
        }
    }
    assert_eq!(place.connections(), 0);
}

fn critical_headers_nobody_knows_are_refused(line: Line) {
    let scene = Scene::start(line);
    for critical in [json!(["exp"]), json!(["b64"]), json!([]), json!("x")] {
        let mut header = scene.issuer.header();
        header["crit"] = critical;
        scene.expect_refused(
            "alice",
            &scene
                .issuer
                .token_with_header(&header, &Claims::of("alice")),
            "WRONGPASS",
        );
    }
}

fn a_key_file_and_a_secret_file_serve_as_keys(line: Line) {
    let scene = Scene::start(line);
    let pem = Issuer::new(
        "https://pem.example.org",
        SigningKey::generate(Algorithm::ES384, "any"),
    );
    let shared = Issuer::new(
        "https://shared.example.org",
        SigningKey::generate(Algorithm::HS256, "any"),
    );
    scene.keys.replace("pem.pem", pem.key().public_pem());
    scene
        .keys
        .replace_secret("shared.key", shared.key().secret());
    let file = |issuer: &Issuer, key: &str| {
        format!(
            "type = \"jwt\"\nissuer = \"{}\"\naudience = [\"valkey\"]\n{key}\n",
            issuer.url()
        )
    };
    let key = format!("key_file = \"{}\"", scene.keys.file_text("pem.pem"));
    scene
        .authenticators
        .replace("20-pem.toml", file(&pem, &key));
    let key = format!(
        "algorithms = [\"HS256\"]\nsecret_file = \"{}\"",
        scene.keys.file_text("shared.key")
    );
    scene
        .authenticators
        .replace("30-shared.toml", file(&shared, &key));
    scene.policies.replace(
        "rbac.toml",
        "[roles.reader]\nmembers = [\"user:pem/alice\", \"user:shared/alice\"]\nrules = [\"+get\", \"~*\"]\n",
    );
    for issuer in [&pem, &shared] {
        let mut id = 0;
        warden_tests::eventually("the key is in force", || {
            id += 1;
            let token = issuer.token(&Claims::of("alice").id(id));
            scene
                .server
                .connect()
                .auth("token", &token)
                .is_ok()
                .then_some(())
        });
        scene.expect_refused("alice", &issuer.forged(&Claims::of("alice")), WRONG);
    }
}

fn what_is_no_token_is_refused(line: Line) {
    let scene = Scene::start(line);
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "eyJ.eyJ.x",
        "e30.e30.",
        "e30.e30.e30",
        "eyJhbGciOiJSUzI1NiJ9..",
        "{}.{}.{}",
    ] {
        scene.expect_refused("alice", text, "WRONGPASS");
        scene.expect_refused("token", text, "WRONGPASS");
    }
    let not_json = scene.issuer.token_of_text("not json");
    scene.expect_refused("alice", &not_json, "WRONGPASS");
    scene.expect_refused("alice", &scene.issuer.token_of_text("[]"), "WRONGPASS");
    // The other forms of RFC 7515 §7.2, and five parts as of an encrypted token.
    let sound = scene.token("alice");
    let [header, payload, signature] = sound.split('.').collect::<Vec<_>>().try_into().unwrap();
    let flat = json!({ "protected": header, "payload": payload, "signature": signature });
    let general = json!({
        "payload": payload, "signatures": [{ "protected": header, "signature": signature }],
    });
    for text in [
        flat.to_string(),
        general.to_string(),
        format!("{header}..{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}=.{payload}.{signature}"),
    ] {
        scene.expect_refused("token", &text, "WRONGPASS");
    }
    scene.server.connect().auth("token", &sound).expect_ok();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    scene.expect_refused("alice", &scene.issuer.token_of_text(&deep), "WRONGPASS");
    scene.server.expect_healthy();
    assert_eq!(key_set([scene.issuer.key()]).matches("kid").count(), 1);
}
