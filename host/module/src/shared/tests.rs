//! Generations come into force one after the other.

use crossbeam_channel::unbounded;
use warden_policy::Generation;

use crate::network::Network;

use super::*;

fn shared(directory: &std::path::Path) -> Shared {
    let mut settings = Settings::defaults();
    settings.state_dir = Some(directory.join("state"));
    let channels = Channels {
        policy_loads: unbounded().0,
        authenticator_loads: unbounded().0,
        sink_loads: unbounded().0,
        plugin_errands: unbounded().0,
        preview_errands: unbounded().0,
        ticks: unbounded().0,
        snapshot_wishes: unbounded().0,
    };
    let server = Server::of_release("9.1").expect("a known release");
    let (network, _) = Network::new().expect("an event queue");
    Shared::new(settings, server, channels, network.handle()).expect("all that a load needs")
}

fn in_force(shared: &Shared) -> Arc<Generation> {
    shared
        .generation
        .load_full()
        .expect("something is in force")
}

/// While policies were being compiled those in force may have been decided anew, and
/// have taken the number of the new ones: sessions are only decided again for a number
/// that is higher than the one they were decided under.
#[test]
fn no_two_generations_in_force_have_one_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let policies = directory.path().join("policies");
    std::fs::create_dir(&policies).expect("a directory of policies");
    let shared = shared(directory.path());
    let first = shared
        .engine
        .load(&policies, shared.frame(), None, shared.now());
    let first = first.expect("an empty directory is a generation");
    shared.publish(Some(Arc::clone(&first)));
    assert_eq!(in_force(&shared).number(), 1);

    let compiled = Arc::new(first.reframed(shared.frame(), first.number()));
    shared.publish(None);
    let meanwhile = in_force(&shared).number();
    assert_eq!(compiled.number(), meanwhile, "both follow the first");
    shared.publish(Some(compiled));
    assert!(in_force(&shared).number() > meanwhile);

    let next = in_force(&shared);
    let number = next.number();
    let next = Arc::new(next.reframed(shared.frame(), number));
    shared.publish(Some(Arc::clone(&next)));
    assert!(
        Arc::ptr_eq(&next, &in_force(&shared)),
        "as it is, where it can be"
    );
}
