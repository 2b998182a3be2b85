//! Who wants what, as tables.

use super::*;

const PAYLOAD: Payload = Payload {
    disabled: false,
    max_bytes: 100,
};

fn interest(sinks: &[Wishes]) -> Interest {
    Interest::new(sinks.iter().enumerate().map(|(n, one)| (n, one, PAYLOAD)))
}

fn places(set: SinkSet) -> Vec<usize> {
    set.places().collect()
}

fn of(events: &[Category]) -> Wishes {
    Wishes {
        events: events.to_vec(),
        ..Wishes::default()
    }
}

fn commands(names: &[&str], prefixes: &[&str]) -> CommandList {
    let mut list = CommandList::default();
    for name in names {
        list.add(name).unwrap();
    }
    for prefix in prefixes {
        list.add_prefix(prefix).unwrap();
    }
    list
}

fn excluding(entries: &[&str]) -> Vec<Exclusion> {
    let parse = |entry: &&str| Exclusion::parse(entry).unwrap();
    entries.iter().map(parse).collect()
}

#[test]
fn a_command_goes_to_those_that_chose_its_category_or_itself_and_did_not_exclude_it() {
    let interest = interest(&[
        Wishes::default(),
        of(&[Category::Keys]),
        Wishes {
            commands: commands(&["flushall", "config"], &[]),
            ..of(&[Category::Auth])
        },
        Wishes {
            exclude_commands: commands(&["ping", "client"], &["!ft.*", "!flush*"]),
            ..Wishes::default()
        },
        of(&[]),
    ]);
    for (name, category, expected) in [
        ("get", Category::Keys, vec![0, 1, 3]),
        ("ping", Category::Other, vec![0]),
        ("client|list", Category::Other, vec![0]),
        ("ft.search", Category::Keys, vec![0, 1]),
        ("flushall", Category::Other, vec![0, 2]),
        ("config|set", Category::Config, vec![0, 2, 3]),
        ("acl|list", Category::Acl, vec![0, 3]),
        ("warden.kill", Category::Admin, vec![0, 3]),
    ] {
        let found = interest.of_command(name.as_bytes(), category);
        assert_eq!(places(found), expected, "{name}");
    }
    assert_eq!(places(interest.of_category(Category::Auth)), [0, 2, 3]);
    assert_eq!(places(interest.of_category(Category::Audit)), [0_usize; 0]);
}

#[test]
fn excluded_clients_are_wanted_by_nobody_but_those_that_always_want_config() {
    let interest = interest(&[
        Wishes::default(),
        Wishes {
            exclude: excluding(&["bob", "@10.0.0.0/8"]),
            ..Wishes::default()
        },
        Wishes {
            exclude: excluding(&["bob@10.0.0.1"]),
            always_audit_config: true,
            ..Wishes::default()
        },
        Wishes {
            ignore_internal_clients: false,
            ..Wishes::default()
        },
    ]);
    for (user, address, internal, sinks, config) in [
        ("eve", "192.0.2.1", false, vec![0, 1, 2, 3], vec![2]),
        ("bob", "192.0.2.1", false, vec![0, 2, 3], vec![2]),
        ("eve", "10.0.0.1", false, vec![0, 2, 3], vec![2]),
        ("bob", "10.0.0.1", false, vec![0, 3], vec![2]),
        ("eve", "", false, vec![0, 1, 2, 3], vec![2]),
        ("", "10.0.0.1", true, vec![3], vec![]),
    ] {
        let wants = interest.of_client(user.as_bytes(), address.parse().ok(), internal);
        assert_eq!(places(wants.sinks), sinks, "{user} {address}");
        assert_eq!(places(wants.config_sinks), config, "{user} {address}");
    }
    assert_eq!(places(interest.always_config()), [2]);
}

#[test]
fn nothing_is_heard_of_that_no_sink_wants() {
    let none = Subscriptions::default();
    let all = |wishes: Wishes| Wishes {
        successes: true,
        ..wishes
    };
    for (sinks, expected) in [
        (vec![], none),
        (vec![of(&[])], none),
        (vec![all(of(&[]))], none),
        (
            vec![of(&[Category::Connections])],
            Subscriptions {
                connections: true,
                ..none
            },
        ),
        (
            vec![all(of(&[
                Category::Auth,
                Category::Session,
                Category::Policy,
            ]))],
            Subscriptions {
                failures: true,
                auth: true,
                session: true,
                policy: true,
                ..none
            },
        ),
        (
            vec![of(&[Category::Keys])],
            Subscriptions {
                failures: true,
                ..none
            },
        ),
        // The one wants keys, the other whatever succeeds of what it wants, which is nothing.
        (
            vec![of(&[Category::Keys]), all(of(&[Category::Auth]))],
            Subscriptions {
                failures: true,
                auth: true,
                ..none
            },
        ),
        (
            vec![all(of(&[Category::Other]))],
            Subscriptions {
                failures: true,
                successes: true,
                ..none
            },
        ),
        (
            vec![of(&[Category::Config])],
            Subscriptions {
                failures: true,
                administration: true,
                settings: true,
                ..none
            },
        ),
        (
            vec![of(&[Category::Acl, Category::Admin])],
            Subscriptions {
                failures: true,
                administration: true,
                acl: true,
                ..none
            },
        ),
        (
            vec![Wishes {
                always_audit_config: true,
                ..of(&[])
            }],
            Subscriptions {
                failures: true,
                administration: true,
                settings: true,
                ..none
            },
        ),
        (
            vec![all(Wishes {
                commands: commands(&["flushall"], &[]),
                ..of(&[])
            })],
            Subscriptions {
                failures: true,
                administration: true,
                successes: true,
                settings: true,
                ..none
            },
        ),
    ] {
        assert_eq!(interest(&sinks).subscriptions(), expected, "{sinks:?}");
    }
}

#[test]
fn as_much_of_arguments_is_kept_as_the_most_curious_sink_shows() {
    let wishes = Wishes::default();
    let payload = |disabled, max_bytes| Payload {
        disabled,
        max_bytes,
    };
    for (sinks, expected) in [
        (vec![], 0),
        (vec![payload(false, 10), payload(false, 30)], 30),
        (vec![payload(false, 10), payload(true, 30)], 10),
        (vec![payload(true, 30)], 0),
    ] {
        let sinks = sinks.into_iter().enumerate();
        let interest = Interest::new(sinks.map(|(n, payload)| (n, &wishes, payload)));
        assert_eq!(interest.payload_max_bytes(), expected);
    }
}
