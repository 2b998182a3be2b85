//! What a directory knows of an account is what policies see of it, or the account is
//! refused: on a real directory, on one that acts as a domain controller, and on one that
//! lies.

use warden_tests::hostile_directory::{ActiveDirectory, Answer, Operation};
use warden_tests::ldap::Entry;
use warden_tests::slapd::{
    BASE, Group, Slapd, SlapdBuilder, User, crowd_name, group_dn, password_of, user_dn,
};
use warden_tests::{
    Authority, Connection, HostileDirectory, Line, Scene, on_both_lines, parts, unix_now,
};

use crate::ldap::{QUIET, WRONG, by_bind, by_search, password_file, people};

on_both_lines!(
    groups_of_a_directory_grant_what_policies_say,
    every_way_finds_the_same_groups,
    too_many_groups_are_refused_rather_than_cut,
    a_group_elsewhere_is_no_group,
    accounts_that_the_directory_shows_as_disabled_are_refused,
    a_domain_controller_follows_groups_of_groups,
    who_binds_by_another_name_than_the_entrys_is_found_without_a_doubt,
    groups_that_come_in_ranges_are_read_to_the_end,
    a_directory_that_lies_about_groups_decides_nothing,
    groups_are_asked_of_another_server_where_one_fails,
    a_group_is_called_as_the_settings_say,
    chosen_attributes_are_claims_of_policies,
    an_accounts_end_that_lies_ahead_ends_the_session,
    among_ten_thousand_people_everybody_has_his_own_groups,
    ten_thousand_groups_are_all_taken_or_none,
);

/// The reply to whoever has groups that cannot be taken.
const GROUPS: &str = "WRONGPASS the token's claims are not accepted here.";

/// The reply to whoever is known, and nothing more.
const NO_GRANT: &str = "WRONGPASS no policy grants access.";

/// The reply where nothing was decided.
const UNDECIDED: &str = "TRYAGAIN";

/// Users bind as `DOMAIN\user`.
const BY_DOMAIN: &str = "bind_dn_prefix = 'EXAMPLE\\'\n";

fn groups_base() -> String {
    format!("[groups]\nbase = 'ou=groups,{BASE}'\n")
}

struct Asked {
    scene: Scene,
    slapd: Slapd,
    _authority: Authority,
}

impl Asked {
    /// A real directory, asked by search and bind.
    fn start(line: Line, described: &SlapdBuilder, lines: &str) -> Self {
        let authority = Authority::new("ca");
        let slapd = described.start(&authority);
        let file = by_search(&slapd.url(), &password_file(&authority)) + QUIET + lines;
        Self {
            scene: scene(line, &file),
            slapd,
            _authority: authority,
        }
    }
}

fn scene(line: Line, file: &str) -> Scene {
    let file = format!("cache_seconds = 0\n{file}[throttle]\nexempt = ['127.0.0.0/8']\n");
    Scene::builder(line)
        .module_args(["rejection_seconds", "0"])
        .authenticator_file(&file)
        .start()
}

fn log_in(scene: &Scene, name: &str) -> Connection {
    let mut client = scene.server.connect();
    client.auth(name, &password_of(name)).expect_ok();
    client
}

/// The groups that policies see.
fn groups(scene: &Scene, name: &str) -> Vec<String> {
    let mut client = log_in(scene, name);
    client.run("WARDEN.WHOAMI").field("groups").texts()
}

/// alice is in `dev`, that in `staff`, that in `all`, that in `dev`; and in `ops`.
fn nested() -> SlapdBuilder {
    people().groups([
        Group::new("dev").user("alice").group("all"),
        Group::new("ops").user("alice"),
        Group::new("staff").group("dev"),
        Group::new("all").group("staff"),
        Group::new("other").user("bob"),
    ])
}

fn groups_of_a_directory_grant_what_policies_say(line: Line) {
    let described = people().group(Group::new("editors").user("bob"));
    let asked = Asked::start(line, &described, &groups_base());
    log_in(&asked.scene, "bob")
        .run("SET reports:1 x")
        .expect_ok();
    log_in(&asked.scene, "alice")
        .run("SET reports:1 x")
        .expect_error("NOPERM");
    asked.slapd.join("editors", &user_dn("alice"));
    asked.slapd.leave("editors", &user_dn("bob"));
    log_in(&asked.scene, "alice")
        .run("SET reports:1 x")
        .expect_ok();
    asked
        .scene
        .expect_refused("bob", &password_of("bob"), NO_GRANT);
}

fn every_way_finds_the_same_groups(line: Line) {
    let own = ["corp/dev", "corp/ops"];
    let all = ["corp/all", "corp/dev", "corp/ops", "corp/staff"];
    for (way, expected) in [
        ("", &own[..]),
        ("nested = 'walk'\n", &all),
        ("from = 'search'\n", &own),
        ("from = 'search'\nnested = 'walk'\nname = 'cn'\n", &all),
        (
            "from = 'search'\nscope = 'one'\nfilter = '(&(objectClass=groupOfNames)(member={dn}))'\n",
            &own,
        ),
    ] {
        let asked = Asked::start(line, &nested(), &(groups_base() + way));
        assert_eq!(groups(&asked.scene, "alice"), expected, "{way}");
    }
    // Without a search for the account: its name is made of the given one.
    let authority = Authority::new("ca");
    let slapd = nested().anonymous_search().start(&authority);
    let scene = scene(
        line,
        &(by_bind(&slapd.url()) + QUIET + &groups_base() + "nested = 'walk'\n"),
    );
    assert_eq!(groups(&scene, "alice"), all);
}

fn too_many_groups_are_refused_rather_than_cut(line: Line) {
    let many = (0..1001).map(|n| Group::new(&format!("g{n}")).user("bob"));
    let described = nested().groups(many);
    for way in ["", "from = 'search'\n"] {
        let asked = Asked::start(line, &described, &(groups_base() + way));
        // With `other` there are 1002.
        asked
            .scene
            .expect_refused("bob", &password_of("bob"), GROUPS);
        let log = asked.scene.server.log();
        assert!(log.contains("groups.most_groups = 1000"), "{log}");
        assert_eq!(groups(&asked.scene, "alice").len(), 2);
    }
    let deep = groups_base() + "nested = 'walk'\ndepth = 1\n";
    let asked = Asked::start(line, &described, &deep);
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), GROUPS);
    let log = asked.scene.server.log();
    assert!(log.contains("groups.depth = 1"), "{log}");
    // The directory's own limit is no end of a search.
    let limited = described.size_limit(500);
    let asked = Asked::start(line, &limited, &(groups_base() + "from = 'search'\n"));
    asked
        .scene
        .expect_refused("bob", &password_of("bob"), UNDECIDED);
}

fn a_group_elsewhere_is_no_group(line: Line) {
    // Somebody may add entries among people.
    let fake = Entry::new(&format!("cn=editors,ou=people,{BASE}"))
        .with("objectClass", "groupOfNames")
        .with("cn", "editors")
        .with("member", user_dn("alice"));
    for way in ["", "from = 'search'\n"] {
        let described = nested().group(Group::new("editors").user("bob"));
        let asked = Asked::start(line, &described, &(groups_base() + way));
        // By the overlay it is one of memberOf, too.
        asked.slapd.add(&fake);
        assert_eq!(groups(&asked.scene, "alice"), ["corp/dev", "corp/ops"]);
        log_in(&asked.scene, "alice")
            .run("SET reports:1 x")
            .expect_error("NOPERM");
    }
    let everywhere = format!("[groups]\nbase = '{BASE}'\n");
    let asked = Asked::start(line, &nested(), &everywhere);
    asked.slapd.add(&fake);
    assert!(groups(&asked.scene, "alice").contains(&"corp/editors".to_owned()));
}

fn accounts_that_the_directory_shows_as_disabled_are_refused(line: Line) {
    let described = people().user(User::new("carol").disabled());
    // The directory itself takes the password.
    for (lines, reply) in [("", WRONG), ("check_account = false\n", NO_GRANT)] {
        let asked = Asked::start(line, &described, lines);
        asked
            .scene
            .expect_refused("carol", &password_of("carol"), reply);
    }
    let asked = Asked::start(line, &described, &groups_base());
    asked
        .scene
        .expect_refused("carol", &password_of("carol"), WRONG);
    let log = asked.scene.server.log();
    assert!(log.contains("userAccountControl"), "{log}");
    asked
        .slapd
        .replace(&user_dn("carol"), "userAccountControl", &["512"]);
    asked
        .scene
        .expect_refused("carol", &password_of("carol"), NO_GRANT);
    asked
        .slapd
        .replace(&user_dn("alice"), "userAccountControl", &["514"]);
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), WRONG);
}

/// The lines of a domain.
fn by_domain(directory: &HostileDirectory, domain: &ActiveDirectory, lines: &str) -> String {
    let base = domain.base();
    format!(
        "type = 'ldap'\nservers = ['{}']\nsearch_base = '{base}'\nsearch_attribute = 'sAMAccountName'\nsearch_dn_attribute = 'distinguishedName'\n{QUIET}\
         search_bind_dn = 'service@example.org'\n{lines}[groups]\nbase = 'OU=Groups,{base}'\n",
        directory.url()
    )
}

fn domain() -> ActiveDirectory {
    ActiveDirectory::new("example.org", "EXAMPLE")
        .user("service", warden_tests::slapd::SERVICE_PASSWORD)
        .user("alice", &password_of("alice"))
        .user("bob", &password_of("bob"))
}

/// A domain controller, and a server that asks it.
fn in_domain(
    line: Line,
    domain: ActiveDirectory,
    bind: &str,
    lines: &str,
) -> (HostileDirectory, Scene, Authority) {
    let authority = Authority::new("ca");
    let directory = HostileDirectory::start();
    let file = password_file(&authority);
    let file = by_domain(
        &directory,
        &domain,
        &format!("{bind}search_bind_passwd_file = '{file}'\n"),
    ) + lines;
    directory.act_as(domain);
    let scene = scene(line, &file);
    (directory, scene, authority)
}

fn a_domain_controller_follows_groups_of_groups(line: Line) {
    let described = || {
        let domain = domain();
        let [alice, dev, staff] = [
            domain.user_dn("alice"),
            domain.group_dn("dev"),
            domain.group_dn("staff"),
        ];
        domain
            .group("dev", [&alice])
            .group("staff", [&dev])
            .group("all", [&staff])
    };
    for (way, expected) in [
        ("", &["corp/dev"][..]),
        ("nested = 'walk'\n", &["corp/all", "corp/dev", "corp/staff"]),
        (
            "from = 'search'\nnested = 'in-chain'\nname = 'sAMAccountName'\n",
            &["corp/all", "corp/dev", "corp/staff"],
        ),
    ] {
        let (directory, scene, _authority) = in_domain(line, described(), BY_DOMAIN, way);
        assert_eq!(groups(&scene, "alice"), expected, "{way}");
        let binds = directory.binds();
        assert!(
            binds.contains(&("EXAMPLE\\alice".to_owned(), password_of("alice"))),
            "{binds:?}"
        );
    }
}

fn who_binds_by_another_name_than_the_entrys_is_found_without_a_doubt(line: Line) {
    let described = || {
        let alice = domain().user_dn("alice");
        domain().group("dev", [&alice])
    };
    let suffix = "bind_dn_prefix = ''\nbind_dn_suffix = '@example.org'\n";
    let (_directory, scene, _authority) = in_domain(line, described(), suffix, "");
    assert_eq!(groups(&scene, "alice"), ["corp/dev"]);
    // Somebody else is called so by another name: who was bound, nobody can tell.
    let (directory, scene, _authority) = in_domain(line, described(), suffix, "");
    let domain = described();
    let bob = domain.user_dn("bob");
    directory.answer_by(move |request| {
        let answer = domain.answer(request);
        match &request.operation {
            Operation::Search { base, .. } if *base == domain.base() => {
                answer.entry(Entry::new(&bob).with("userPrincipalName", "alice@example.org"))
            }
            _ => answer,
        }
    });
    scene.expect_refused("alice", &password_of("alice"), WRONG);
    let log = scene.server.log();
    assert!(
        log.contains("several entries could be the account's"),
        "{log}"
    );
    // A whole name may be that of a user of another domain.
    let (directory, scene, _authority) = in_domain(line, described(), "bind_dn_prefix = ''\n", "");
    scene.expect_refused("alice@example.org", &password_of("alice"), NO_GRANT);
    scene.expect_refused("EXAMPLE\\alice", &password_of("alice"), WRONG);
    let log = scene.server.log();
    assert!(log.contains("bind_dn_prefix"), "{log}");
    // A name alone may be anybody's who is shown so.
    directory.answer_searches(Answer::success().entry(alice()));
    scene.expect_refused("alice", &password_of("alice"), WRONG);
    let log = scene.server.log();
    assert!(log.contains("not for a name alone"), "{log}");
}

fn groups_that_come_in_ranges_are_read_to_the_end(line: Line) {
    let described = || {
        let alice = domain().user_dn("alice");
        (0..3200).fold(domain(), |domain, n| {
            domain.group(&format!("g{n}"), [&alice])
        })
    };
    let (_directory, scene, _authority) =
        in_domain(line, described(), BY_DOMAIN, "most_groups = 3200\n");
    assert_eq!(groups(&scene, "alice").len(), 3200);
    let (_directory, scene, _authority) =
        in_domain(line, described(), BY_DOMAIN, "most_groups = 3199\n");
    scene.expect_refused("alice", &password_of("alice"), GROUPS);
}

/// Alice, as a search for her or for her entry finds her.
fn alice() -> Entry {
    let dn = user_dn("alice");
    Entry::new(&dn)
        .with("uid", "alice")
        .with("entryDN", dn.as_str())
}

fn a_directory_that_lies_about_groups_decides_nothing(line: Line) {
    let authority = Authority::new("ca");
    let directory = HostileDirectory::start();
    let file = by_search(&directory.url(), &password_file(&authority)) + QUIET + &groups_base();
    let scene = scene(line, &file);
    let group = group_dn("a");
    let answered = |entry: Entry| directory.answer_searches(Answer::success().entry(entry));
    answered(alice().with("memberOf", group.as_str()));
    assert_eq!(groups(&scene, "alice"), ["corp/a"]);
    for entry in [
        // The same range for ever, one that begins late, and one that says more than it has.
        alice().with("memberOf;range=0-0", group.as_str()),
        alice().with("memberOf;range=5-*", group.as_str()),
        alice().with("memberOf;range=0-9", group.as_str()),
        // Two attributes of one name, and no name of a group.
        alice()
            .with("memberOf", group.as_str())
            .with("MEMBEROF", group_dn("b")),
        alice().with("memberOf", "editors"),
    ] {
        answered(entry);
        scene.expect_refused("alice", &password_of("alice"), UNDECIDED);
    }
    // Her entry is gone, or there are two, between the bind and the look.
    for answer in [
        Answer::success(),
        Answer::result(32, "no such object"),
        Answer::success().entry(alice()).entry(alice()),
    ] {
        directory.answer_by(move |request| match &request.operation {
            Operation::Search { base, .. } if *base == user_dn("alice") => answer.clone(),
            Operation::Search { .. } => Answer::success().entry(alice()),
            _ => Answer::success(),
        });
        scene.expect_refused("alice", &password_of("alice"), WRONG);
    }
}

fn groups_are_asked_of_another_server_where_one_fails(line: Line) {
    let authority = Authority::new("ca");
    let first = HostileDirectory::start();
    let second = nested().start(&authority);
    let urls = format!("{}', '{}", first.url(), second.url());
    let file = by_search(&urls, &password_file(&authority)) + QUIET + &groups_base();
    let scene = scene(line, &(file + "nested = 'walk'\n"));
    // It hangs up when the groups are looked up, after it has shown who is in which.
    let shown = alice().with("memberOf", group_dn("editors"));
    first.answer_by(move |request| match &request.operation {
        Operation::Search { base, .. } if base.starts_with("ou=groups") => Answer::hang_up(),
        Operation::Search { .. } => Answer::success().entry(shown.clone()),
        _ => Answer::success(),
    });
    assert_eq!(
        groups(&scene, "alice"),
        ["corp/all", "corp/dev", "corp/ops", "corp/staff"]
    );
}

fn a_group_is_called_as_the_settings_say(line: Line) {
    let described = people()
        .group(Group::new("dev").user("alice"))
        .group(Group::new("ops").user("bob"))
        .group(Group::new("odd").user("bob"));
    let dn = format!("corp/{}", group_dn("dev"));
    for way in ["", "from = 'search'\n"] {
        let lines = groups_base() + way;
        let asked = Asked::start(line, &described, &(lines.clone() + "name = 'dn'\n"));
        assert_eq!(groups(&asked.scene, "alice"), [dn.as_str()], "{way}");
        // An attribute has one value, or the group cannot be named.
        let asked = Asked::start(line, &described, &(lines + "name = 'description'\n"));
        let alices = ["alice", &password_of("alice"), GROUPS];
        asked.scene.expect_refused(alices[0], alices[1], alices[2]);
        for values in [&["Developers", "Coders"][..], &["\u{7}"]] {
            asked.slapd.replace(&group_dn("dev"), "description", values);
            asked.scene.expect_refused(alices[0], alices[1], alices[2]);
        }
        let named = ["All who write code"];
        asked.slapd.replace(&group_dn("dev"), "description", &named);
        assert_eq!(
            groups(&asked.scene, "alice"),
            ["corp/All%20who%20write%20code"]
        );
    }
}

/// `tenant` takes from a claim whose keys somebody may touch.
fn chosen_attributes_are_claims_of_policies(line: Line) {
    let of = |name: &str| User::new(name).attribute("objectClass", "warden-test-tenant");
    let described = Slapd::builder()
        .global(
            "attributetype ( 1.3.6.1.4.1.4203.666.11.99.2 NAME 'tenant' EQUALITY caseExactMatch \
             SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
        )
        .global(
            "objectclass ( 1.3.6.1.4.1.4203.666.11.99.3 NAME 'warden-test-tenant' SUP top \
             AUXILIARY MAY tenant )",
        )
        .user(of("alice"))
        .user(of("carol").attribute("tenant", "rome"))
        .group(Group::new("editors").user("carol").user("alice"));
    let authority = Authority::new("ca");
    let slapd = described.start(&authority);
    let file = by_search(&slapd.url(), &password_file(&authority)) + QUIET;
    let lines = "attributes = ['tenant', 'mail']\ncache_seconds = 0\n";
    let scene = Scene::builder(line)
        .module_args(["rejection_seconds", "0"])
        .roles("[roles.all]\nmembers = ['group:corp/editors']\nrules = ['+@read', '~*']\n")
        .policy_file(
            "tenant.toml",
            "claim = '/tenant'\nkeys = ['~{tenant}:*']\nchannels = []\n",
        )
        .policy_file("tenant.wasm", parts::policy("tenant"))
        .authenticator_file(&(file + lines + &groups_base()))
        .start();
    let mut carol = log_in(&scene, "carol");
    assert!(carol.run("GET rome:1").is_nil());
    carol.run("GET paris:1").expect_error("NOPERM");
    let refused = || scene.expect_refused("alice", &password_of("alice"), "WRONGPASS");
    refused();
    slapd.replace(&user_dn("alice"), "tenant", &["paris"]);
    let mut alice = log_in(&scene, "alice");
    assert!(alice.run("GET paris:1").is_nil());
    alice.run("GET rome:1").expect_error("NOPERM");
    // What cannot be part of a key's pattern is no tenant.
    slapd.replace(&user_dn("alice"), "tenant", &["paris rome"]);
    refused();
}

fn an_accounts_end_that_lies_ahead_ends_the_session(line: Line) {
    const DAY: u64 = 86_400;
    let lines = "lifetime_seconds = 31536000\n".to_owned() + &groups_base();
    let described = people().group(Group::new("editors").user("alice"));
    let asked = Asked::start(line, &described, &lines);
    let until = |day: u64| {
        asked.slapd.change(&format!(
            "dn: {}\nchangetype: modify\nreplace: shadowExpire\nshadowExpire: {day}\n",
            user_dn("alice")
        ));
    };
    asked.slapd.change(&format!(
        "dn: {}\nchangetype: modify\nadd: objectClass\nobjectClass: shadowAccount\n",
        user_dn("alice")
    ));
    let today = unix_now() / DAY;
    let ends = || {
        let me = log_in(&asked.scene, "alice").whoami();
        me.field("expires").number().unsigned_abs()
    };
    assert!(ends() > (today + 300) * DAY);
    until(today + 9);
    assert_eq!(ends(), (today + 9) * DAY);
    until(today);
    asked
        .scene
        .expect_refused("alice", &password_of("alice"), WRONG);
    let log = asked.scene.server.log();
    assert!(log.contains("the account has expired"), "{log}");
}

fn among_ten_thousand_people_everybody_has_his_own_groups(line: Line) {
    const PEOPLE: usize = 10_000;
    let names = [0, 1, 4_999, 9_999].map(crowd_name);
    let everybody = (0..PEOPLE).fold(Group::new("everybody"), |group, number| {
        group.user(&crowd_name(number))
    });
    let [first, second, ..] = &names;
    let few = Group::new("few").user(first);
    // Groups of groups, and a loop.
    let above = Group::new("above").group("everybody").group("above");
    let described = Slapd::builder()
        .crowd(PEOPLE)
        .groups([everybody, few, above])
        .anonymous_search()
        .permissive();
    let authority = Authority::new("ca");
    let slapd = described.start(&authority);
    let found = by_search(&slapd.url(), &password_file(&authority)) + QUIET;
    let bound = by_bind(&slapd.url()) + QUIET;
    let roles = "[roles.all]\nmembers = ['group:corp/everybody']\nrules = ['+get', '~*']\n";
    for (file, way) in [
        (&bound, "nested = 'walk'\n"),
        (&found, "from = 'search'\nnested = 'walk'\n"),
    ] {
        let file = format!("cache_seconds = 0\n{file}{}{way}", groups_base());
        let scene = Scene::builder(line)
            .roles(roles)
            .authenticator_file(&file)
            .start();
        for name in &names {
            let all = ["corp/above", "corp/everybody", "corp/few"];
            let own = if name == first { &all[..] } else { &all[..2] };
            assert_eq!(groups(&scene, name), own, "{name}: {way}");
        }
        scene.expect_refused(first, &password_of(second), WRONG);
        scene.expect_refused("user10000", &password_of("user10000"), WRONG);
    }
}

fn ten_thousand_groups_are_all_taken_or_none(line: Line) {
    let authority = Authority::new("ca");
    let many = (0..10_000).map(|n| Group::new(&format!("g{n}")).user("alice").user("bob"));
    let one_more = Group::new("editors").user("bob");
    let slapd = people().groups(many).group(one_more).start(&authority);
    for way in ["", "from = 'search'\n"] {
        let file = by_search(&slapd.url(), &password_file(&authority))
            + QUIET
            + &groups_base()
            + "most_groups = 10000\n"
            + way;
        let scene = scene(line, &file);
        assert_eq!(groups(&scene, "alice").len(), 10_000, "{way}");
        scene.expect_refused("bob", &password_of("bob"), GROUPS);
        let log = scene.server.log();
        let words = ["groups.most_groups = 10000", "has more than 10000 values"];
        assert!(words.iter().any(|word| log.contains(word)), "{log}");
        scene.server.expect_healthy();
    }
}
