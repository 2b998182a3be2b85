//! What holds of directories holds of a real domain controller: whom it lets in, by which
//! of his names, with which groups, for how long, and over nothing but TLS.

use std::time::Duration;

use warden_tests::domain_controller::{
    BASE, DOMAIN, DomainController, DomainControllerBuilder, Group, SERVICE, User, user_dn,
};
use warden_tests::scene::authenticator;
use warden_tests::slapd::password_of;
use warden_tests::{Authority, Claims, Connection, Leaf, Line, Scene, eventually, on_both_lines};

use crate::ldap::{QUIET, WRONG, password_file};

on_both_lines!(
    whom_a_domain_finds_has_all_his_groups_whatever_they_and_he_are_called,
    who_is_bound_by_a_name_of_a_domains_own_is_found_without_a_doubt,
    why_a_domain_refuses_stands_in_the_log_alone,
    a_domain_that_takes_no_password_in_clear_judges_nobody_and_the_log_says_what_to_do,
    a_domain_proves_who_it_is_before_a_password_is_sent,
    live_sessions_follow_a_domain,
    a_domain_says_who_of_those_others_prove_may_be_let_in,
    an_account_in_more_groups_than_come_at_once_has_them_all_or_is_refused,
);

/// The reply to whoever has groups that cannot be taken.
const GROUPS: &str = "WRONGPASS the token's claims are not accepted here.";

/// The reply where nothing was decided.
const UNDECIDED: &str = "TRYAGAIN";

const SEARCHED: &str = "auth_mode = 'search+bind'\n";
const BY_DOMAIN: &str = "bind_dn_prefix = 'CORP\\'\n";
const BY_PRINCIPAL: &str = "bind_dn_prefix = ''\nbind_dn_suffix = '@corp.example.com'\n";

/// As docs/ldap-groups.md has them.
const IN_CHAIN: &str = "from = 'search'\nnested = 'in-chain'\nname = 'sAMAccountName'\n\
    filter = '(&(groupType:1.2.840.113556.1.4.803:=2147483648)(member:1.2.840.113556.1.4.1941:={dn}))'\n";

const ROLES: &str = "[roles.writer]\nmembers = ['group:corp/editors']\n\
    rules = ['+set', '~reports:*']\n\
    [roles.reader]\nmembers = ['group:corp/readers']\nrules = ['+get', '~reports:*']\n";

/// A domain, and a server that asks it.
struct Asked {
    scene: Scene,
    controller: DomainController,
    authority: Authority,
}

impl Asked {
    fn start(line: Line, described: &DomainControllerBuilder, lines: &str) -> Self {
        let authority = Authority::new("ca");
        let controller = described.start(&authority);
        let scene = scene(line, &file(&controller.tls_url(), &authority, lines));
        Self {
            scene,
            controller,
            authority,
        }
    }

    /// Another file, in force at once.
    fn replace(&self, lines: &str) {
        let file = file(&self.controller.tls_url(), &self.authority, lines);
        self.scene.authenticators.replace("10-corp.toml", file);
        self.scene.reload_after(|| {});
    }

    fn log_in(&self, name: &str) -> Connection {
        log_in(&self.scene, name)
    }

    #[track_caller]
    fn expect_refused(&self, name: &str, reply: &str) {
        self.scene.expect_refused(name, &password_of(name), reply);
    }
}

fn scene(line: Line, file: &str) -> Scene {
    Scene::builder(line)
        .module_args(["rejection_seconds", "0", "log_level", "verbose"])
        .config([("loglevel", "verbose")])
        .roles(ROLES)
        .authenticator_file(file)
        .start()
}

/// The file of a domain that judges passwords; `lines` may end in a table.
fn file(url: &str, authority: &Authority, lines: &str) -> String {
    settings(url, authority, lines) + "[throttle]\nexempt = ['127.0.0.0/8']\n"
}

fn settings(url: &str, authority: &Authority, lines: &str) -> String {
    format!(
        "type = 'ldap'\nservers = ['{url}']\ntls_ca_cert_path = '{}'\ncache_seconds = 0\n\
         search_base = '{BASE}'\n\
         search_filter = '(&(objectClass=user)(!(objectClass=computer)))'\n\
         search_attribute = 'sAMAccountName'\nsearch_dn_attribute = 'distinguishedName'\n\
         search_bind_dn = '{SERVICE}'\nsearch_bind_passwd_file = '{}'\n{QUIET}{lines}",
        authority.ca_file().display(),
        password_file(authority),
    )
}

fn groups_base() -> String {
    format!("[groups]\nbase = 'OU=Groups,{BASE}'\n")
}

fn log_in(scene: &Scene, name: &str) -> Connection {
    let mut client = scene.server.connect();
    client.auth(name, &password_of(name)).expect_ok();
    assert_eq!(client.user(), format!("corp/{name}"));
    client
}

fn groups(client: &mut Connection) -> Vec<String> {
    client.run("WARDEN.WHOAMI").field("groups").texts()
}

fn writes(client: &mut Connection) -> bool {
    client.run("SET reports:1 x").is_ok()
}

fn reads(client: &mut Connection) -> bool {
    !client.run("GET reports:1").is_error("NOPERM")
}

fn closes(client: &mut Connection) {
    assert!(client.closes_within(Duration::from_secs(30)));
}

/// Alice, whose entry is named otherwise than her account.
fn alice() -> User {
    User::new("alice").common_name("Smith, Alice \\ (dev) *")
}

/// alice is in `readers` and `Ops, night (eu)`, that in `staff`, that in `all`; and on a
/// list for mail.
fn nested() -> DomainControllerBuilder {
    let alice = alice();
    DomainController::builder()
        .user(alice.clone())
        .users(["bob"])
        .groups([
            Group::new("readers").member(&alice.dn()),
            Group::new("Ops, night (eu)").member(&alice.dn()),
            Group::new("staff").group("Ops, night (eu)"),
            Group::new("all").group("staff"),
            Group::new("list").distribution().member(&alice.dn()),
            Group::new("editors").user("bob"),
        ])
}

fn whom_a_domain_finds_has_all_his_groups_whatever_they_and_he_are_called(line: Line) {
    let all = [
        "corp/Ops%20night%20%28eu%29",
        "corp/all",
        "corp/readers",
        "corp/staff",
    ];
    for (way, expected) in [
        (
            "",
            &["corp/Ops,%20night%20%28eu%29", "corp/list", "corp/readers"][..],
        ),
        (
            "nested = 'walk'\n",
            &[
                "corp/Ops,%20night%20%28eu%29",
                "corp/all",
                "corp/list",
                "corp/readers",
                "corp/staff",
            ],
        ),
        (IN_CHAIN, &all),
    ] {
        let lines = format!("{SEARCHED}attributes = ['cn']\n{}{way}", groups_base());
        let asked = Asked::start(line, &nested(), &lines);
        // Elsewhere than below the base, as is her primary group.
        asked.controller.change(&format!(
            "dn: CN=Remote Desktop Users,CN=Builtin,{BASE}\nchangetype: modify\n\
             add: member\nmember: {}\n",
            alice().dn()
        ));
        let mut client = asked.log_in("alice");
        assert_eq!(groups(&mut client), expected, "{way}");
        assert!(reads(&mut client) && !writes(&mut client));
        assert!(writes(&mut asked.log_in("bob")));
        // Only as the entry spells it, and by this name alone.
        for other in ["ALICE", "alice@corp.example.com", "CORP\\alice"] {
            asked
                .scene
                .expect_refused(other, &password_of("alice"), WRONG);
        }
        asked.scene.expect_refused("alice", "wrong", WRONG);
    }
    // Where all groups count, the primary group is a member's in no way.
    for way in ["", IN_CHAIN] {
        let lines = format!("{SEARCHED}[groups]\nbase = '{BASE}'\n{way}");
        let asked = Asked::start(line, &nested(), &lines);
        let groups = groups(&mut asked.log_in("alice"));
        let is_primary = |group: &String| group.contains("Domain");
        assert!(
            groups.len() > 2 && !groups.iter().any(is_primary),
            "{groups:?}"
        );
    }
}

fn who_is_bound_by_a_name_of_a_domains_own_is_found_without_a_doubt(line: Line) {
    // His name for a bind by `user@domain` is another than that of his account.
    let dave = User::new("dave").principal_name("david@corp.example.com");
    let described = nested().user(dave);
    let all = [
        "corp/Ops%20night%20%28eu%29",
        "corp/all",
        "corp/readers",
        "corp/staff",
    ];
    for (mode, names_of_dave) in [
        (BY_DOMAIN, &["dave"][..]),
        (BY_PRINCIPAL, &["dave", "david"]),
    ] {
        let lines = format!("{mode}{}{IN_CHAIN}", groups_base());
        let asked = Asked::start(line, &described, &lines);
        asked.controller.join("editors", &user_dn("dave"));
        assert_eq!(groups(&mut asked.log_in("alice")), all, "{mode}");
        // Nobody tells how a name is spelt: another principal, and the same entry.
        let mut client = asked.scene.server.connect();
        client.auth("ALICE", &password_of("alice")).expect_ok();
        assert_eq!(client.user(), "corp/ALICE");
        assert_eq!(groups(&mut client), all, "{mode}");
        for (name, password) in [("alice", "wrong"), ("bob", &password_of("alice"))] {
            asked.scene.expect_refused(name, password, WRONG);
        }
        for name in names_of_dave {
            let mut client = asked.scene.server.connect();
            client.auth(name, &password_of("dave")).expect_ok();
            assert_eq!(groups(&mut client), ["corp/editors"], "{mode}");
        }
    }
    // Where clients give the whole name, a domain takes more for one than is one.
    let lines = format!("bind_dn_prefix = ''\n{}", groups_base());
    let asked = Asked::start(line, &described, &lines);
    let whole = format!("alice@{DOMAIN}");
    let mut client = asked.scene.server.connect();
    client.auth(&whole, &password_of("alice")).expect_ok();
    assert_eq!(client.user(), format!("corp/{whole}"));
    assert!(reads(&mut client));
    let canonical = format!("{DOMAIN}/People/bob");
    let client = asked.controller.client().trusting(&asked.authority);
    let client = client.binding(&canonical, &password_of("bob"));
    client.search(BASE, "(cn=bob)", &["cn"]).expect_success();
    for other in [user_dn("bob").as_str(), &canonical, "CORP\\bob", "bob"] {
        asked
            .scene
            .expect_refused(other, &password_of("bob"), WRONG);
    }
}

fn why_a_domain_refuses_stands_in_the_log_alone(line: Line) {
    let described = DomainController::builder()
        .users(["alice", "frank"])
        .user(User::new("bob").disabled())
        .user(User::new("carol").expired())
        .user(User::new("dave").must_change_password());
    for mode in [SEARCHED, BY_DOMAIN] {
        let asked = Asked::start(line, &described, &(mode.to_owned() + &groups_base()));
        asked.controller.replace(BASE, "lockoutThreshold", "2");
        for _ in 0..3 {
            asked.scene.expect_refused("frank", "guess", WRONG);
        }
        for (name, why) in [
            ("bob", "the account is disabled"),
            ("carol", "the account has expired"),
            ("dave", "the password must be changed first"),
            ("frank", "the account is locked"),
        ] {
            asked.expect_refused(name, WRONG);
            let log = asked.scene.server.log();
            assert!(log.contains(why), "{name}: {log}");
            assert!(!log.contains(&password_of(name)), "{log}");
        }
        asked.scene.expect_refused("alice", "wrong", WRONG);
        let log = asked.scene.server.log();
        assert!(log.contains("the password is wrong"), "{log}");
        asked.controller.enable("bob");
        asked.scene.expect_refused(
            "bob",
            &password_of("bob"),
            "WRONGPASS no policy grants access.",
        );
    }
}

fn a_domain_that_takes_no_password_in_clear_judges_nobody_and_the_log_says_what_to_do(line: Line) {
    let authority = Authority::new("ca");
    let described = DomainController::builder()
        .users(["alice"])
        .group(Group::new("editors").user("alice"));
    let controller = described.start(&authority);
    for mode in [SEARCHED, BY_DOMAIN] {
        let lines = mode.to_owned() + &groups_base();
        let in_clear = file(&controller.url(), &authority, &lines);
        let in_clear = in_clear.replace("tls_ca_cert_path", "# tls_ca_cert_path");
        let scene = scene(line, &in_clear);
        scene.expect_refused("alice", &password_of("alice"), UNDECIDED);
        let log = scene.server.log();
        let advice = "strongerAuthRequired: it wants TLS, by ldaps:// in servers or use_starttls";
        assert!(log.contains(advice), "{log}");
        // The twin.
        let lines = format!("use_starttls = true\n{lines}");
        let with_tls = file(&controller.url(), &authority, &lines);
        scene.authenticators.replace("10-corp.toml", with_tls);
        scene.reload_after(|| {});
        assert!(writes(&mut log_in(&scene, "alice")));
    }
}

fn a_domain_proves_who_it_is_before_a_password_is_sent(line: Line) {
    let authority = Authority::new("ca");
    let stranger = Authority::new("ca");
    let described = DomainController::builder()
        .users(["alice"])
        .group(Group::new("editors").user("alice"));
    let elsewhere = authority.issue(&Leaf::server_elsewhere("dc.corp.example.com"));
    let expired = authority.issue(&Leaf::server().expired());
    let lines = SEARCHED.to_owned() + &groups_base();
    let ways = |controller: &DomainController, trusted: &Authority| {
        let start_tls = format!("use_starttls = true\n{lines}");
        let files = [
            file(&controller.tls_url(), trusted, &lines),
            file(&controller.url(), trusted, &start_tls),
        ];
        let by_name = files
            .each_ref()
            .map(|file| file.replace("://127.0.0.1", "://localhost"));
        [files, by_name].concat()
    };
    let controller = described.start(&authority);
    for file in ways(&controller, &authority) {
        assert!(writes(&mut log_in(&scene(line, &file), "alice")));
    }
    for file in ways(&controller, &stranger) {
        let scene = scene(line, &file);
        scene.expect_refused("alice", &password_of("alice"), UNDECIDED);
    }
    for identity in [elsewhere, expired] {
        let controller = described.clone().showing(identity).start(&authority);
        for file in ways(&controller, &authority) {
            let scene = scene(line, &file);
            scene.expect_refused("alice", &password_of("alice"), UNDECIDED);
        }
    }
}

fn live_sessions_follow_a_domain(line: Line) {
    let names = ["bob", "carol", "dave", "erin", "frank"];
    let editors = names
        .iter()
        .fold(Group::new("inner"), |group, name| group.user(name));
    let described = DomainController::builder().users(names).groups([
        editors,
        Group::new("editors").group("inner"),
        Group::new("readers").user("bob"),
    ]);
    let lines = format!("{SEARCHED}refresh_seconds = 1\n{}{IN_CHAIN}", groups_base());
    let asked = Asked::start(line, &described, &lines);
    let [mut bob, mut carol, mut dave, mut erin, mut frank] = names.map(|name| asked.log_in(name));
    assert!(writes(&mut bob) && reads(&mut bob));
    asked.controller.leave("inner", &user_dn("bob"));
    eventually("he writes no more", || (!writes(&mut bob)).then_some(()));
    assert!(reads(&mut bob));
    assert_eq!(groups(&mut bob), ["corp/readers"]);
    asked.controller.disable("carol");
    asked.controller.expire("dave");
    asked.controller.remove(&user_dn("erin"));
    for client in [&mut carol, &mut dave, &mut erin] {
        closes(client);
    }
    let log = asked.scene.server.log();
    let is_told = |name: &str, what: &str| log.contains(&format!("sessions of corp/{name} {what}"));
    for name in ["carol", "dave"] {
        let is_ended = is_told(name, "end, for their account was looked up again");
        assert!(is_ended, "{log}");
    }
    // Whoever is removed may be seen without groups first.
    let is_ended = is_told("erin", "end, for their account was looked up again");
    assert!(is_ended || is_told("erin", "are decided anew"), "{log}");
    // Another password and another common name change nothing for who has proved who he is.
    asked.controller.replace_password("frank", "another");
    let franks = User::new("frank").common_name("Miller, Frank");
    asked.controller.change(&format!(
        "dn: {}\nchangetype: modrdn\nnewrdn: CN=Miller\\, Frank\ndeleteoldrdn: 1\n",
        user_dn("frank")
    ));
    let looked = asked.scene.counter("warden_refreshes");
    eventually("looked up again", || {
        (asked.scene.counter("warden_refreshes") > looked + 2).then_some(())
    });
    assert!(writes(&mut frank));
    // Another account name does.
    let bobs = user_dn("bob");
    asked.controller.replace(&bobs, "sAMAccountName", "robert");
    closes(&mut bob);
    // A later account of the name is another.
    asked.controller.remove(&franks.dn());
    asked.controller.add(&User::new("frank"));
    asked.controller.join("editors", &user_dn("frank"));
    closes(&mut frank);
    assert!(writes(&mut asked.log_in("frank")));
}

fn a_domain_says_who_of_those_others_prove_may_be_let_in(line: Line) {
    let authority = Authority::new("ca");
    let controller = DomainController::builder()
        .users(["alice", "frank"])
        .user(User::new("bob").disabled())
        .user(User::new("carol").expired())
        .group(
            ["alice", "bob", "carol", "frank"]
                .iter()
                .fold(Group::new("editors"), |group, name| group.user(name)),
        )
        .start(&authority);
    let scene = Scene::builder(line)
        .module_args(["rejection_seconds", "0"])
        .roles(&ROLES.replace("corp/", "dir/"))
        .start();
    let token = authenticator(&scene.issuer, &scene.keys.file_text("corp.jwks"));
    let lines = format!(
        "id = 'dir'\nauth_mode = 'lookup'\n{}{IN_CHAIN}",
        groups_base()
    );
    scene.authenticators.replace(
        "20-dir.toml",
        settings(&controller.tls_url(), &authority, &lines),
    );
    scene
        .authenticators
        .replace("10-corp.toml", token + "groups_from = 'dir'\n");
    scene.reload_after(|| {});
    let mut alice = scene.log_in("alice");
    assert_eq!(groups(&mut alice), ["dir/editors"]);
    assert!(writes(&mut alice));
    let again = |name: &str, id: u32| scene.attempt(&Claims::of(name).id(id));
    for name in ["bob", "carol", "nobody"] {
        again(name, 1).expect_error(WRONG);
    }
    // No password is judged: what locks an account for that counts here.
    again("frank", 1).expect_ok();
    controller.replace(BASE, "lockoutThreshold", "2");
    for _ in 0..2 {
        let client = controller.client().trusting(&authority);
        let guess = client.binding(&user_dn("frank"), "guess");
        guess.search(BASE, "(cn=frank)", &["cn"]).expect_code(49);
    }
    again("frank", 2).expect_error(WRONG);
    let log = scene.server.log();
    assert!(log.contains("msDS-User-Account-Control-Computed"), "{log}");
    controller.replace(&user_dn("frank"), "lockoutTime", "0");
    again("frank", 3).expect_ok();
}

/// As many as Active Directory gives of one attribute at once, and more.
fn an_account_in_more_groups_than_come_at_once_has_them_all_or_is_refused(line: Line) {
    const MANY: usize = 1600;
    let many = (1..MANY).map(|n| Group::new(&format!("g{n}")).user("alice"));
    let described = DomainController::builder()
        .users(["alice"])
        .group(Group::new("readers").user("alice"))
        .groups(many);
    let lines =
        |most: usize, way: &str| format!("{SEARCHED}{}most_groups = {most}\n{way}", groups_base());
    let asked = Asked::start(line, &described, &lines(MANY, ""));
    for way in ["", IN_CHAIN] {
        asked.replace(&lines(MANY, way));
        assert_eq!(groups(&mut asked.log_in("alice")).len(), MANY, "{way}");
        asked.replace(&lines(MANY - 1, way));
        asked.expect_refused("alice", GROUPS);
    }
}
