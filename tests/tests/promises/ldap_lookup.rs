//! What a directory knows of those whom tokens and certificates prove, on a real one.

use serde_json::json;
use warden_tests::hostile_provider::{Answer, Hostile};
use warden_tests::scene::authenticator;
use warden_tests::slapd::{BASE, Group, SERVICE, Slapd, SlapdBuilder, User, password_of, user_dn};
use warden_tests::{
    Authority, Claims, Connection, Leaf, Line, Reply, Scene, eventually, on_both_lines, parts,
};

use crate::ldap::{QUIET, by_bind, password_file, people};

on_both_lines!(
    a_directory_knows_the_groups_of_whom_a_token_proves,
    a_directory_knows_the_groups_of_whom_a_certificate_names,
    a_directory_knows_the_groups_of_whom_a_plugin_vouches_for,
    a_directory_knows_the_groups_of_whom_a_service_knows,
    a_directory_that_looks_up_takes_no_credential,
    whom_the_directory_does_not_know_in_good_standing_is_refused,
    without_the_directory_nobody_has_fewer_groups,
    the_name_that_is_looked_up_may_be_a_claim,
    the_directory_says_how_long_its_answers_are_remembered,
    a_file_that_names_no_such_directory_is_at_fault_whatever_their_order,
);

/// The reply to whoever has no account that may be used.
const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

/// Who is an editor in the directory writes, who is one by token reads.
pub(crate) const ROLES: &str = "[roles.writer]\nmembers = ['group:dir/editors']\n\
    rules = ['+set', '~reports:*']\n\
    [roles.reader]\nmembers = ['group:corp/analysts', 'group:dir/readers', 'user:corp/alice']\n\
    rules = ['+get', '~reports:*']\n";

/// The lines of a directory that looks people up.
pub(crate) fn by_lookup(url: &str, password_file: &str) -> String {
    format!(
        "type = 'ldap'\nid = 'dir'\nservers = ['{url}']\nauth_mode = 'lookup'\nsearch_base = '{BASE}'\n\
         search_bind_dn = '{SERVICE}'\nsearch_bind_passwd_file = '{password_file}'\n{QUIET}"
    )
}

pub(crate) fn groups_base() -> String {
    format!("[groups]\nbase = 'ou=groups,{BASE}'\n")
}

/// A real directory, and a server that asks it about whom tokens prove.
pub(crate) struct Proved {
    pub(crate) scene: Scene,
    pub(crate) slapd: Slapd,
    pub(crate) authority: Authority,
}

impl Proved {
    /// `token` are lines of the tokens' authenticator, `directory` of the directory's.
    pub(crate) fn start(
        line: Line,
        described: &SlapdBuilder,
        token: &str,
        directory: &str,
    ) -> Self {
        let authority = Authority::new("ca");
        let slapd = described.start(&authority);
        let scene = Scene::builder(line)
            .module_args(["rejection_seconds", "0"])
            .roles(ROLES)
            .start();
        let proved = Self {
            scene,
            slapd,
            authority,
        };
        let errors = proved.replace(token, Some(directory));
        assert!(errors.is_empty(), "{errors:?}");
        proved
    }

    /// Other files, in force at once; answers what is wrong with them.
    pub(crate) fn replace(&self, token: &str, directory: Option<&str>) -> Vec<String> {
        let scene = &self.scene;
        let head = authenticator(&scene.issuer, &scene.keys.file_text("corp.jwks"));
        let head = head + "groups_from = 'dir'\n" + token;
        scene.authenticators.replace("10-corp.toml", head);
        match directory {
            Some(lines) => {
                let file = by_lookup(&self.slapd.url(), &password_file(&self.authority)) + lines;
                scene.authenticators.replace("20-dir.toml", file);
            }
            None => scene.authenticators.remove("20-dir.toml"),
        }
        reload(scene)
    }
}

fn reload(scene: &Scene) -> Vec<String> {
    let reply = scene.server.admin().call(["WARDEN.RELOAD"]);
    reply.field("authenticators").field("errors").texts()
}

/// alice writes, bob does not.
pub(crate) fn editors() -> SlapdBuilder {
    people().group(Group::new("editors").user("alice"))
}

fn groups(client: &mut Connection) -> Vec<String> {
    client.run("WARDEN.WHOAMI").field("groups").texts()
}

fn of(name: &str, id: u32) -> Claims {
    Claims::of(name).id(id)
}

fn a_directory_knows_the_groups_of_whom_a_token_proves(line: Line) {
    let described = people().group(Group::new("editors").user("alice").user("bob"));
    let lines = format!("attributes = ['uid', 'mail']\n{}", groups_base());
    let proved = Proved::start(line, &described, "", &lines);
    let mut client = proved.scene.log_in("alice");
    assert_eq!(client.user(), "corp/alice");
    assert_eq!(groups(&mut client), ["dir/editors"]);
    client.run("SET reports:1 x").expect_ok();
    // The token's own groups stay its own: nobody makes himself one of the directory's.
    let claims = of("bob", 1).groups(&["analysts", "editors", "dir/readers"]);
    let mut client = proved.scene.log_in_with(&claims);
    assert_eq!(
        groups(&mut client),
        [
            "corp/analysts",
            "corp/dir/readers",
            "corp/editors",
            "dir/editors"
        ]
    );
    client.run("GET reports:1").expect_text("x");
    proved.slapd.leave("editors", &user_dn("bob"));
    let claims = of("bob", 2).groups(&["editors", "dir/editors"]);
    proved
        .scene
        .attempt(&claims)
        .expect_error("WRONGPASS no policy grants access.");
}

fn a_directory_knows_the_groups_of_whom_a_certificate_names(line: Line) {
    let authority = Authority::new("ca");
    let slapd = editors().start(&authority);
    let file = "type = 'certificate'\nid = 'certs'\nidentity = [{ from = 'cn' }]\n\
                groups_from = 'dir'\n";
    let scene = Scene::builder(line)
        .server(|server| server.tls(&authority))
        .roles(ROLES)
        .start();
    scene.authenticators.replace("10-corp.toml", file);
    let directory = by_lookup(&slapd.url(), &password_file(&authority)) + &groups_base();
    scene.authenticators.replace("05-dir.toml", directory);
    assert_eq!(reload(&scene), [""; 0]);
    let log_in = |name: &str| -> (Connection, Reply) {
        let identity = authority.issue(&Leaf::client(name));
        let mut client = scene.server.connect_tls(Some(&identity));
        let reply = client.auth("certificate", "");
        (client, reply)
    };
    let (mut client, reply) = log_in("alice");
    reply.expect_ok();
    assert_eq!(client.user(), "certs/alice");
    client.run("SET reports:1 x").expect_ok();
    let (_, reply) = log_in("stranger");
    reply.expect_error(WRONG);
}

fn a_directory_knows_the_groups_of_whom_a_plugin_vouches_for(line: Line) {
    let authority = Authority::new("ca");
    let slapd = editors().start(&authority);
    let scene = Scene::builder(line).roles(ROLES).start();
    // key_one, of somebody the directory knows, and key_two, of somebody it does not.
    let list = "[[key]]\nname = 'alice'\ngroups = ['analysts']\n\
        sha256 = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'\n\
        [[key]]\nname = 'stranger'\ngroups = ['editors']\n\
        sha256 = '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3'\n";
    scene.keys.replace_secret("api-keys.toml", list);
    let file = format!(
        "type = 'plugin'\nid = 'keys'\ncomponent = '{}'\ntoken_prefix = 'key_'\n\
         groups_from = 'dir'\n[property_files]\nkeys = '../keys/api-keys.toml'\n",
        parts::plugin("api-keys").display()
    );
    scene.authenticators.replace("10-corp.toml", file);
    let directory = by_lookup(&slapd.url(), &password_file(&authority)) + &groups_base();
    scene.authenticators.replace("20-dir.toml", directory);
    eventually("the plugin is started", || {
        reload(&scene).is_empty().then_some(())
    });
    let mut client = scene.server.connect();
    client.auth_alone("key_one").expect_ok();
    assert_eq!(client.user(), "keys/alice");
    assert_eq!(groups(&mut client), ["dir/editors", "keys/analysts"]);
    client.run("SET reports:1 x").expect_ok();
    scene.expect_refused("token", "key_two", WRONG);
}

fn a_directory_knows_the_groups_of_whom_a_service_knows(line: Line) {
    let authority = Authority::new("ca");
    let slapd = editors().start(&authority);
    let service = Hostile::start(&authority);
    service.answer_by("/check", |request| {
        let text = request.text();
        let name = text.strip_prefix("u=").expect("a form of one");
        Answer::json(json!({ "sub": name, "groups": ["analysts"] }))
    });
    let file = format!(
        "type = 'userinfo'\nurl = '{}'\nusers = ['*']\ngroups_from = 'dir'\n\
         [request.form]\nu = '{{user}}'\n[request.headers]\nx-password = '{{credential}}'\n\
         [endpoint]\nca_file = '{}'\n",
        service.url("/check"),
        authority.ca_file().display()
    );
    let scene = Scene::builder(line).roles(ROLES).start();
    scene.authenticators.replace("10-corp.toml", file);
    let directory = by_lookup(&slapd.url(), &password_file(&authority)) + &groups_base();
    scene.authenticators.replace("20-dir.toml", directory);
    assert_eq!(reload(&scene), [""; 0]);
    let mut client = scene.server.connect();
    client.auth("alice", "any").expect_ok();
    assert_eq!(client.user(), "corp/alice");
    assert_eq!(groups(&mut client), ["corp/analysts", "dir/editors"]);
    client.run("SET reports:1 x").expect_ok();
    scene.expect_refused("stranger", "any", WRONG);
}

fn a_directory_that_looks_up_takes_no_credential(line: Line) {
    let proved = Proved::start(line, &editors(), "", &groups_base());
    let binds = proved.slapd.counters().binds;
    for name in ["alice", "dir/alice"] {
        proved
            .scene
            .expect_refused(name, &password_of("alice"), "WRONGPASS");
    }
    assert_eq!(proved.slapd.counters().binds, binds);
    for key in [
        "users = ['a*']\n",
        "not_users = ['a*']\n",
        "lifetime_seconds = 60\n",
    ] {
        let errors = proved.replace("", Some(&(key.to_owned() + &groups_base())));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let name = key.split(' ').next().unwrap();
        assert!(
            errors[0].contains("20-dir.toml") && errors[0].contains(name),
            "{errors:?}"
        );
    }
}

fn whom_the_directory_does_not_know_in_good_standing_is_refused(line: Line) {
    let described = editors()
        .user(User::new("carol").disabled())
        .user(User::new("twin"))
        .user(User::new("twin").unit("services"));
    let proved = Proved::start(line, &described, "", &groups_base());
    for name in ["carol", "twin", "stranger", "ALICE", "*", "alice)(uid=*"] {
        proved.scene.attempt(&of(name, 1)).expect_error(WRONG);
    }
    let log = proved.scene.server.log();
    for why in [
        "userAccountControl",
        "several entries have the name",
        "no entry has the name",
        "does not spell the name",
    ] {
        assert!(log.contains(why), "{why}: {log}");
    }
    proved
        .slapd
        .replace(&user_dn("alice"), "userAccountControl", &["514"]);
    proved.scene.attempt(&of("alice", 2)).expect_error(WRONG);
}

fn without_the_directory_nobody_has_fewer_groups(line: Line) {
    let proved = Proved::start(line, &editors(), "", &groups_base());
    proved.slapd.stop();
    // By name alone she might read.
    proved
        .scene
        .attempt(&of("alice", 1))
        .expect_error("TRYAGAIN");
    proved.slapd.start_again();
    eventually("the directory is asked again", || {
        proved.scene.attempt(&of("alice", 1)).is_ok().then_some(())
    });
    let dir = &proved.scene.authenticators_state()[1];
    assert!(dir.field("verified").number() >= 1, "{dir}");
}

fn the_name_that_is_looked_up_may_be_a_claim(line: Line) {
    let proved = Proved::start(
        line,
        &editors(),
        "groups_from_name = 'account'\n",
        &groups_base(),
    );
    let claims = of("0b1c", 1).set("account", "alice");
    let mut client = proved.scene.log_in_with(&claims);
    assert_eq!(client.user(), "corp/0b1c");
    client.run("SET reports:1 x").expect_ok();
    let claims = "WRONGPASS the token's claims are not accepted here.";
    proved.scene.attempt(&of("alice", 2)).expect_error(claims);
    let two = of("alice", 3).set("account", vec!["alice", "bob"]);
    proved.scene.attempt(&two).expect_error(claims);
}

fn the_directory_says_how_long_its_answers_are_remembered(line: Line) {
    let lines = "cache_seconds = 2\n".to_owned() + &groups_base();
    let proved = Proved::start(line, &editors(), "", &lines);
    let searches = || proved.slapd.counters().searches;
    let token = proved.scene.token("bob");
    let attempt = || proved.scene.server.connect().auth("token", &token);
    attempt().expect_error("WRONGPASS no policy");
    let before = searches();
    for _ in 0..10 {
        attempt().expect_error("WRONGPASS no policy");
    }
    assert!(searches() <= before + 4, "asked about once in a while");
    proved.slapd.join("editors", &user_dn("bob"));
    eventually("asked again", || attempt().is_ok().then_some(()));
}

fn a_file_that_names_no_such_directory_is_at_fault_whatever_their_order(line: Line) {
    let proved = Proved::start(line, &editors(), "", &groups_base());
    let (scene, url) = (&proved.scene, proved.slapd.url());
    proved.scene.attempt(&of("alice", 1)).expect_ok();
    // Gone, or of a kind that is not asked: nobody is let in without groups.
    let faults = proved.replace("", None);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].contains("10-corp.toml") && faults[0].contains("groups_from"),
        "{faults:?}"
    );
    scene.attempt(&of("alice", 2)).expect_error("TRYAGAIN");
    let binding = by_bind(&url) + "id = 'dir'\n";
    scene.authenticators.replace("20-dir.toml", &binding);
    let faults = reload(scene);
    assert!(faults[0].contains("lookup"), "{faults:?}");
    scene.attempt(&of("alice", 3)).expect_error("TRYAGAIN");
    // Back, before the one that names it and after.
    let directory = by_lookup(&url, &password_file(&proved.authority)) + &groups_base();
    scene.authenticators.remove("20-dir.toml");
    scene.authenticators.replace("05-dir.toml", &directory);
    assert_eq!(reload(scene), [""; 0]);
    scene.attempt(&of("alice", 4)).expect_ok();
    scene.authenticators.remove("05-dir.toml");
    scene.authenticators.replace("20-dir.toml", &directory);
    assert_eq!(reload(scene), [""; 0]);
    scene.attempt(&of("alice", 5)).expect_ok();
    // A directory whose file is broken is asked as before.
    scene
        .authenticators
        .replace("20-dir.toml", "type = 'ldap'\nid = 'dir'\n");
    let faults = reload(scene);
    assert!(
        faults.iter().all(|fault| fault.contains("20-dir.toml")),
        "{faults:?}"
    );
    scene.attempt(&of("alice", 6)).expect_ok();
    // Nor is a file that names itself, or nobody, in force: its last good version is.
    scene.authenticators.replace("20-dir.toml", &directory);
    assert_eq!(reload(scene), [""; 0]);
    let head = authenticator(&scene.issuer, &scene.keys.file_text("corp.jwks"));
    for name in ["corp", "other"] {
        let file = format!("{head}groups_from = '{name}'\n");
        scene.authenticators.replace("10-corp.toml", &file);
        let faults = reload(scene);
        assert!(faults[0].contains("groups_from"), "{faults:?}");
        let mut client = scene.log_in_with(&of("alice", 7));
        assert_eq!(groups(&mut client), ["dir/editors"]);
    }
}
