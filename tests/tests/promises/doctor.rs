//! `warden doctor` names what is wrong with a server, and nothing that is not.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use warden_tests::hostile_provider::{Answer, Hostile};
use warden_tests::parts::{self, Line};
use warden_tests::ports::{free_address, free_port};
use warden_tests::provider::{BASIC, Behaviour, Provider};
use warden_tests::server::PATIENCE;
use warden_tests::slapd::{BASE, SERVICE, SERVICE_PASSWORD, Slapd};
use warden_tests::{
    ADMIN_PASSWORD, Authority, Directory, Issuer, Scene, Server, Signer, eventually, on_both_lines,
    unix_now,
};

on_both_lines!(
    a_server_set_up_well_has_neither_problem_nor_warning,
    each_thing_set_up_badly_is_named_and_nothing_else,
    a_server_without_warden_is_a_problem,
    rights_that_are_missing_are_said_to_be_missing,
    a_wrong_password_is_refused_and_not_shown,
    without_a_password_a_closed_server_is_not_looked_at,
    a_socket_will_do_for_an_address,
    tls_is_verified_by_the_named_certificates,
    names_of_users_cannot_command_the_terminal,
    providers_that_answer_in_time_are_well_and_get_no_credential,
    a_provider_on_whose_port_nobody_listens_is_a_problem,
    a_provider_that_never_answers_is_not_waited_for,
    a_providers_clock_is_held_against_leeway,
    servers_of_a_directory_that_let_the_service_account_in_are_well,
    a_server_of_a_directory_that_fails_is_named_with_what_to_do,
    passwords_that_go_to_a_directory_in_clear_are_a_warning,
);

/// A password nobody may see.
const CANARY: &str = "canary-hunter2-not-to-be-seen";

/// What one run came to.
struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Run {
    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// Names and what was seen, of checks with this result.
    #[track_caller]
    fn with_result(&self, result: &str) -> Vec<(String, String)> {
        let document: serde_json::Value =
            serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {}", self.out));
        let checks = document["checks"].as_array().expect("a list of checks");
        assert!(checks.len() > 15, "{document:#}");
        let text = |check: &serde_json::Value, member: &str| {
            check[member].as_str().expect("a text").to_owned()
        };
        for check in checks {
            assert!(["ok", "warning", "problem"].contains(&text(check, "result").as_str()));
            assert!(!text(check, "seen").is_empty() && !text(check, "why").is_empty());
        }
        let some = checks.iter().filter(|check| check["result"] == result);
        some.map(|check| (text(check, "name"), text(check, "seen")))
            .collect()
    }

    #[track_caller]
    fn names_with_result(&self, result: &str) -> BTreeSet<String> {
        self.with_result(result)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }
}

/// Runs it against the server's port, with a password in the environment.
fn doctor(server: &Server, arguments: &[&str], password: Option<&str>) -> Run {
    let port = server.address().port().to_string();
    doctor_at(&[&["--port", &port], arguments].concat(), password)
}

fn doctor_at(arguments: &[&str], password: Option<&str>) -> Run {
    let mut command = Command::new(parts::cli());
    command
        .arg("doctor")
        .args(arguments)
        .env_remove("WARDEN_PASSWORD")
        .stdin(Stdio::null());
    if let Some(password) = password {
        command.env("WARDEN_PASSWORD", password);
    }
    let output = command.output().expect("the command line runs");
    Run {
        status: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Everything as the documentation wants it; the admin's connection stays, for
/// `default` is off afterwards.
fn well_set_up(line: Line) -> Scene {
    let scene = Scene::builder(line)
        .own_state()
        .module_args(["native_users", "breakglass"])
        .module_args(["ceiling", "-@dangerous -@admin"])
        .signed_by(&[&Signer::new()])
        .start();
    // Whatever the umask of this run.
    chmod(scene.policies.path(), 0o755);
    chmod(scene.authenticators.path(), 0o755);
    let mut admin = scene.server.admin();
    admin
        .call([
            "ACL",
            "SETUSER",
            "breakglass",
            "on",
            &format!(">{CANARY}"),
            "~*",
            "&*",
            "+@all",
        ])
        .expect_ok();
    admin.run("ACL SETUSER default off").expect_ok();
    scene
}

fn a_server_set_up_well_has_neither_problem_nor_warning(line: Line) {
    let scene = well_set_up(line);
    let run = doctor(
        &scene.server,
        &["--user", "breakglass", "--json"],
        Some(CANARY),
    )
    .expect(0);
    assert_eq!(run.names_with_result("problem"), names(&[]), "{}", run.out);
    assert_eq!(run.names_with_result("warning"), names(&[]), "{}", run.out);
    let run = doctor(&scene.server, &["--user", "breakglass"], Some(CANARY)).expect(0);
    assert!(
        run.out.contains(" checks: 0 problems, 0 warnings\n"),
        "{}",
        run.out
    );
    assert!(!run.out.contains('\x1b'), "colours are for terminals");
    assert!(
        !run.out.contains(CANARY) && run.err.is_empty(),
        "{}",
        run.err
    );
}

fn each_thing_set_up_badly_is_named_and_nothing_else(line: Line) {
    let scene = Scene::builder(line)
        .own_state()
        .server(|server| server.open().protected_configs())
        .config([
            ("enable-debug-command", "yes"),
            ("enable-module-command", "yes"),
        ])
        .config([
            ("hide-user-data-from-log", "no"),
            ("acl-pubsub-default", "allchannels"),
        ])
        .module_args(["native_users", "ghost token", "require_expiry", "no"])
        .start();
    let mut admin = scene.server.admin();
    admin.run("ACL SETUSER guest on nopass ~* +get").expect_ok();
    admin
        .run("ACL SETUSER corp/alice on >secret +get")
        .expect_ok();
    chmod(scene.policies.path(), 0o777);
    chmod(scene.authenticators.path(), 0o775);
    chmod(&scene.server.directory().join("warden"), 0o755);
    chmod(&scene.keys.file("corp.jwks"), 0o646);
    scene.policies.replace("rbac.toml", "= not TOML");
    scene
        .authenticators
        .replace("20-bad.toml", "type = \"carrier pigeon\"\n");
    scene.wait_for_info("warden_status", "stale");
    eventually("the authenticators' errors are known", || {
        let errors = scene
            .server
            .admin()
            .call(["WARDEN.AUTHENTICATORS"])
            .field("errors");
        (errors.items().len() >= 2).then_some(())
    });

    let run = doctor(&scene.server, &["--json"], None).expect(1);
    let expected = [
        "authenticator-dir",
        "authenticators",
        "debug-command",
        "default-user",
        "key-files",
        "module-command",
        "native-names",
        "native-users",
        "open-users",
        "policies",
        "policy-dir",
        "protected-configs",
        "require-expiry",
        "state-dir",
    ];
    assert_eq!(run.names_with_result("problem"), names(&expected));
    let expected = [
        "ceiling",
        "fallback",
        "log-redaction",
        "name-collisions",
        "new-users-channels",
        "policy-keys",
        // Of files in error nobody knows whom they mean.
        "directory-encryption",
        "directory-servers",
        "provider-clocks",
        "providers",
    ];
    assert_eq!(run.names_with_result("warning"), names(&expected));
    let run = doctor(&scene.server, &[], None).expect(1);
    assert!(
        run.out.contains("do:  ACL SETUSER default off"),
        "{}",
        run.out
    );
}

fn a_server_without_warden_is_a_problem(line: Line) {
    let server = Server::builder(line).start();
    let run = doctor(&server, &["--json"], Some(ADMIN_PASSWORD)).expect(1);
    assert_eq!(run.names_with_result("problem"), names(&["module"]));
}

fn rights_that_are_missing_are_said_to_be_missing(line: Line) {
    let scene = well_set_up(line);
    let mut breakglass = scene.server.connect();
    breakglass.auth("breakglass", CANARY).expect_ok();
    breakglass
        .run("ACL SETUSER poor on >poor +ping")
        .expect_ok();
    let run = doctor(&scene.server, &["--user", "poor", "--json"], Some("poor")).expect(0);
    assert_eq!(run.names_with_result("ok"), names(&[]), "unseen");
    for (name, seen) in run.with_result("warning") {
        assert!(seen.starts_with("not checked: "), "{name}: {seen}");
    }
    let seen = run.with_result("warning");
    let told = |text: &str| seen.iter().any(|(_, seen)| seen.contains(text));
    assert!(
        told("may not run CONFIG GET") && told("may not run ACL LIST"),
        "{seen:?}"
    );
    // One right more, one thing more is known.
    breakglass.run("ACL SETUSER poor +time").expect_ok();
    let run = doctor(&scene.server, &["--user", "poor", "--json"], Some("poor")).expect(0);
    assert_eq!(run.names_with_result("ok"), names(&["clock"]));
}

fn a_wrong_password_is_refused_and_not_shown(line: Line) {
    let scene = Scene::start(line);
    let file = scene.server.directory().join("password");
    fs::write(&file, format!("{CANARY}\n")).expect("the directory is ours");
    let file = file.display().to_string();
    for run in [
        doctor(&scene.server, &["--user", "default"], Some(CANARY)),
        doctor(&scene.server, &["--json", "--password-file", &file], None),
    ] {
        let run = run.expect(2);
        assert!(run.err.contains("WRONGPASS"), "{}", run.err);
        assert_eq!(run.out, "");
        assert!(!run.err.contains(CANARY), "{}", run.err);
    }
    fs::write(&file, format!("{ADMIN_PASSWORD}\r\n")).expect("the directory is ours");
    let run = doctor(&scene.server, &["--password-file", &file], Some(CANARY));
    assert_ne!(run.status, 2, "the file counts: {}", run.err);
}

fn without_a_password_a_closed_server_is_not_looked_at(line: Line) {
    let server = Server::builder(line).start();
    let run = doctor(&server, &[], None).expect(2);
    assert!(run.err.contains("wants a log-in"), "{}", run.err);
    assert_eq!(run.out, "");
    let run = doctor(&server, &["--user", "default"], None).expect(2);
    assert!(run.err.contains("--password-file"), "{}", run.err);
    server.stop();
    let run = doctor(&server, &[], Some(ADMIN_PASSWORD)).expect(2);
    assert!(run.err.contains("cannot connect"), "{}", run.err);
}

fn a_socket_will_do_for_an_address(line: Line) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("valkey.sock").display().to_string();
    let server = Server::builder(line)
        .config([("unixsocket", &socket)])
        .start();
    let arguments = ["--socket", &socket, "--json"];
    let run = doctor_at(&arguments, Some(ADMIN_PASSWORD)).expect(1);
    assert_eq!(run.names_with_result("problem"), names(&["module"]));
    drop(server);
    doctor_at(&arguments, Some(ADMIN_PASSWORD)).expect(2);
}

/// An authority with a certificate for this machine, and one nobody trusts.
fn certificates(directory: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(directory)
            .output()
            .expect("openssl runs: apt-get install openssl");
        assert!(output.status.success(), "{arguments}: {output:?}");
    };
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    for authority in ["ca", "other"] {
        openssl(&format!(
            "{new} -subj /CN={authority} -keyout {authority}.key -out {authority}.pem"
        ));
    }
    openssl(&format!(
        "{new} -subj /CN=server -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
         -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem"
    ));
}

fn tls_is_verified_by_the_named_certificates(line: Line) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    certificates(directory.path());
    let file = |name: &str| directory.path().join(name).display().to_string();
    let server = Server::builder(line)
        .config([
            ("tls-cert-file", file("server.pem")),
            ("tls-key-file", file("server.key")),
            ("tls-ca-cert-file", file("ca.pem")),
            ("tls-auth-clients", "yes".to_owned()),
        ])
        .start();
    // A port of its own, which this server finds itself.
    let tls_port = eventually("a port is free", || {
        let port = free_port().to_string();
        server.config_set("tls-port", &port).is_ok().then_some(port)
    });
    let run = |ca: &str, host: &str, more: &[&str]| {
        let ca = file(ca);
        let arguments = [
            "--host", host, "--port", &tls_port, "--tls", "--ca", &ca, "--json",
        ];
        doctor_at(&[&arguments, more].concat(), Some(ADMIN_PASSWORD))
    };
    let (certificate, key) = (file("server.pem"), file("server.key"));
    let ours = ["--cert", &certificate, "--key", &key];
    run("ca.pem", "127.0.0.1", &ours).expect(1);
    run("ca.pem", "127.0.0.1", &[]).expect(2);
    run("other.pem", "127.0.0.1", &ours).expect(2);
    let wrong_name = run("ca.pem", "localhost", &ours).expect(2);
    assert!(
        !wrong_name.err.contains(ADMIN_PASSWORD),
        "{}",
        wrong_name.err
    );
}

fn names_of_users_cannot_command_the_terminal(line: Line) {
    let scene = well_set_up(line);
    let mut breakglass = scene.server.connect();
    breakglass.auth("breakglass", CANARY).expect_ok();
    let name = "a\x1b[2J\u{202e}ok";
    breakglass
        .call(["ACL", "SETUSER", name, "on", "nopass"])
        .expect_ok();
    let run = doctor(&scene.server, &["--user", "breakglass"], Some(CANARY)).expect(1);
    assert!(run.out.contains(r"a\u{1b}[2J"), "{}", run.out);
    assert!(
        !run.out.contains('\x1b') && !run.out.contains('\u{202e}'),
        "{:?}",
        run.out
    );
}

/// A file of keys that an issuer publishes.
fn published_keys(issuer: &str, authority: &Authority, lines: &str) -> String {
    let ca = authority.ca_file().display().to_string();
    format!(
        "type = 'jwt'\nissuer = '{issuer}'\naudience = ['valkey']\n{lines}[endpoint]\nca_file = '{ca}'\n"
    )
}

/// What was seen by a check that came to this.
#[track_caller]
fn seen(scene: &Scene, check: &str, result: &str) -> String {
    let run = doctor(&scene.server, &["--json"], Some(ADMIN_PASSWORD));
    let found = run
        .with_result(result)
        .into_iter()
        .find(|(name, _)| name == check);
    let (_, seen) = found.unwrap_or_else(|| panic!("{check} is not {result}: {}", run.out));
    seen
}

fn providers_that_answer_in_time_are_well_and_get_no_credential(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("client.secret", BASIC.secret);
    secrets.replace_secret("bearer", CANARY);
    let issuer = provider.issuer();
    let keys = published_keys(issuer, &authority, "");
    let endpoint = keys.split_once("[endpoint]").expect("a table").1;
    let scene = Scene::builder(line).authenticator_file(&keys).start();
    scene.authenticators.replace(
        "20-asked.toml",
        format!(
            "type = 'introspection'\nissuer = '{issuer}'\naudience = ['valkey']\nclient_id = '{}'\n\
             client_secret_file = '{}'\n[endpoint]{endpoint}bearer_token_file = '{}'\n",
            BASIC.id,
            secrets.file_text("client.secret"),
            secrets.file_text("bearer"),
        ),
    );
    scene.authenticators.replace(
        "30-me.toml",
        format!("type = 'userinfo'\nissuer = '{issuer}'\n[endpoint]{endpoint}"),
    );
    scene.authenticators.replace(
        "40-named.toml",
        format!("type = 'userinfo'\nurl = '{issuer}/me'\n[endpoint]{endpoint}"),
    );
    assert_eq!(
        seen(&scene, "providers", "ok"),
        "corp, asked, me; as the server finds: named"
    );
    assert_eq!(
        seen(&scene, "provider-clocks", "ok"),
        "as this machine's: corp, asked, me"
    );
    assert_eq!(
        provider.requests("/token/introspection") + provider.requests("/me"),
        0
    );
    provider.behave(Behaviour::Fail);
    let told = seen(&scene, "providers", "problem");
    assert_eq!(
        told.matches(" answered 503 Service Unavailable").count(),
        3,
        "{told}"
    );
}

fn a_provider_on_whose_port_nobody_listens_is_a_problem(line: Line) {
    let authority = Authority::new("ca");
    let address = free_address();
    let file = published_keys(&format!("https://{address}"), &authority, "");
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let told = seen(&scene, "providers", "problem");
    let expected = format!("corp: {address} cannot be reached: ");
    assert!(told.starts_with(&expected), "{told}");
    let told = seen(&scene, "provider-clocks", "warning");
    assert_eq!(told, "not checked: corp: no good answer");
    let run = doctor(&scene.server, &[], Some(ADMIN_PASSWORD)).expect(1);
    let advice = format!("do:  see that {address} can be reached from this machine");
    assert!(run.out.contains(&advice), "{}", run.out);

    // Somebody listens, whose certificate is of another authority.
    let provider = Provider::start(&Authority::new("other"));
    let file = published_keys(provider.issuer(), &authority, "");
    scene.authenticators.replace("10-corp.toml", file);
    let told = seen(&scene, "providers", "problem");
    assert!(told.contains("cannot be reached: "), "{told}");
    assert_eq!(provider.requests("/.well-known/openid-configuration"), 0);
}

fn a_provider_that_never_answers_is_not_waited_for(line: Line) {
    let authority = Authority::new("ca");
    let provider = Provider::start(&authority);
    provider.behave(Behaviour::Hold);
    let file = published_keys(provider.issuer(), &authority, "") + "timeout_ms = 5000\n";
    let scene = Scene::builder(line).authenticator_file(&file).start();
    for number in 2..20 {
        scene
            .authenticators
            .replace(&format!("{number}0-more{number}.toml"), &file);
    }
    let began = Instant::now();
    let told = seen(&scene, "providers", "problem");
    assert!(began.elapsed() < PATIENCE, "one after the other");
    assert_eq!(
        told.matches(" did not answer within 5000 ms").count(),
        19,
        "{told}"
    );
}

fn a_providers_clock_is_held_against_leeway(line: Line) {
    let authority = Authority::new("ca");
    let provider = Hostile::start(&authority);
    provider.answer("/jwks", Answer::json(Issuer::corp().key_set()));
    let discovery = Answer::json(provider.discovery());
    let ahead = |seconds: u64| {
        let date = http_date(unix_now() + seconds);
        let discovery = discovery.clone().header("Date", &date);
        provider.answer("/.well-known/openid-configuration", discovery);
    };
    let file = |lines: &str| published_keys(&provider.issuer(), &authority, lines);
    ahead(0);
    let scene = Scene::builder(line).authenticator_file(&file("")).start();
    seen(&scene, "provider-clocks", "ok");
    ahead(20);
    let told = seen(&scene, "provider-clocks", "warning");
    let expected = format!("corp: the clock of {} is ", provider.address());
    assert!(
        told.starts_with(&expected) && told.ends_with(" s ahead of this machine's"),
        "{told}"
    );
    let strict = file("leeway_seconds = 10\n");
    scene.authenticators.replace("10-corp.toml", strict);
    ahead(20);
    let told = seen(&scene, "provider-clocks", "problem");
    assert!(told.ends_with("and leeway_seconds is 10"), "{told}");
    assert_eq!(seen(&scene, "providers", "ok"), "corp");
}

/// An authenticator of a directory with these servers, that searches as the service account.
fn directory(urls: &[String], authority: &Authority, password: &str) -> String {
    let secrets = Directory::create(authority.directory().join("secrets"));
    secrets.replace_secret("service.password", password);
    format!(
        "type = 'ldap'\nservers = {urls:?}\nuse_starttls = true\ntls_ca_cert_path = '{}'\n\
         auth_mode = 'search+bind'\nsearch_base = '{BASE}'\nsearch_bind_dn = '{SERVICE}'\n\
         search_bind_passwd_file = '{}'\ntimeout_ldap_operation = 1\n",
        authority.ca_file().display(),
        secrets.file_text("service.password"),
    )
}

fn servers_of_a_directory_that_let_the_service_account_in_are_well(line: Line) {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().users(["alice"]).start(&authority);
    // By TLS from the first byte, and by StartTLS.
    let urls = [slapd.tls_url(), slapd.url()];
    let file = directory(&urls, &authority, SERVICE_PASSWORD);
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let told = seen(&scene, "directory-servers", "ok");
    let [tls, starttls] = [slapd.tls_address(), slapd.address()];
    let expected = [format!("corp: {tls} in "), format!(" ms, {starttls} in ")];
    assert!(
        told.starts_with(&expected[0]) && told.contains(&expected[1]) && told.ends_with(" ms"),
        "{told}"
    );
    assert_eq!(seen(&scene, "directory-encryption", "ok"), "corp");
    assert_eq!(
        seen(&scene, "providers", "ok"),
        "no authenticator depends on anybody else"
    );
}

fn a_server_of_a_directory_that_fails_is_named_with_what_to_do(line: Line) {
    let authority = Authority::new("ca");
    let described = Slapd::builder().users(["alice"]);
    let [first, second] = [described.start(&authority), described.start(&authority)];
    let other = described.start(&Authority::new("other"));
    let urls = [first.tls_url(), second.tls_url()];
    let file = directory(&urls, &authority, SERVICE_PASSWORD);
    let scene = Scene::builder(line).authenticator_file(&file).start();
    let place = first.tls_address();

    first.kill();
    let told = seen(&scene, "directory-servers", "warning");
    let expected = format!("corp: {place} cannot be reached: ");
    assert!(
        told.starts_with(&expected) && told.ends_with("; others answer"),
        "{told}"
    );
    second.stall();
    let told = seen(&scene, "directory-servers", "problem");
    let silent = format!("corp: {} ", second.tls_address());
    assert!(told.contains(&expected) && told.contains(&silent), "{told}");
    let run = doctor(&scene.server, &[], Some(ADMIN_PASSWORD)).expect(1);
    let advice = format!("do:  see that {place} can be reached from this machine");
    assert!(run.out.contains(&advice), "{}", run.out);
    second.resume();
    first.start_amid_others();

    // Whose certificate is of another authority is nobody to give a password to.
    let mixed = [other.tls_url(), second.tls_url()];
    let file = directory(&mixed, &authority, SERVICE_PASSWORD);
    scene.authenticators.replace("10-corp.toml", file);
    let told = seen(&scene, "directory-servers", "warning");
    assert!(told.contains("invalid peer certificate"), "{told}");
    assert_eq!(other.counters().binds, 0);

    let file = directory(&urls, &authority, CANARY);
    scene.authenticators.replace("10-corp.toml", file);
    let told = seen(&scene, "directory-servers", "problem");
    let refused = "answered that it cannot: the bind of search_bind_dn ended with ";
    assert_eq!(told.matches(refused).count(), 2, "{told}");
    let run = doctor(&scene.server, &[], Some(ADMIN_PASSWORD)).expect(1);
    assert!(
        run.out
            .contains("do:  see that the directory has search_bind_dn"),
        "{}",
        run.out
    );
    assert!(!run.out.contains(CANARY), "{}", run.out);
}

fn passwords_that_go_to_a_directory_in_clear_are_a_warning(line: Line) {
    let authority = Authority::new("ca");
    let slapd = Slapd::builder().users(["alice"]).start(&authority);
    // What a name leads to is somebody else's to say.
    let place = format!("localhost:{}", slapd.address().port());
    let file = format!("type = 'ldap'\nservers = ['ldap://{place}']\n");
    let scene = Scene::builder(line).authenticator_file(&file).start();
    assert_eq!(
        seen(&scene, "directory-encryption", "warning"),
        format!("corp: passwords go to {place} in clear")
    );
    let told = seen(&scene, "directory-servers", "ok");
    assert!(told.starts_with(&format!("corp: {place} in ")), "{told}");
    let file = format!("type = 'ldap'\nservers = ['{}']\n", slapd.url());
    scene.authenticators.replace("10-corp.toml", file);
    assert_eq!(seen(&scene, "directory-encryption", "ok"), "corp");
}

/// A date as HTTP writes it (RFC 9110 §5.6.7).
fn http_date(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).expect("before the end of time");
    let date = OffsetDateTime::from_unix_timestamp(seconds).expect("a date");
    let text = date.format(&Rfc2822).expect("a date of these years");
    text.replace("+0000", "GMT")
}
