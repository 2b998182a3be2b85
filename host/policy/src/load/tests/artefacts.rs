//! A compiled policy is kept for the next start, and trusted only when it is certainly ours.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::artefact::KEPT;
use crate::bundle::directory::MAX_BUNDLES;
use crate::snapshot::SnapshotState;

#[test]
fn an_artefact_spares_compiling_at_the_next_start() {
    let scene = Scene::with_state();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    scene.load(None).unwrap();
    assert_eq!(scene.engine.compilations(), 1);

    let again = Scene {
        engine: engine(Some(scene.root.path().join("state"))),
        ..scene
    };
    decide(&again.load(None).unwrap()).unwrap();
    assert_eq!(again.engine.compilations(), 0);
}

#[test]
fn twenty_policies_and_their_snapshots_are_loaded_without_compiling_and_share_what_stays() {
    let scene = Scene::with_state();
    for number in 0..20 {
        let guest = Guest {
            title: format!("policy {number}"),
            ..Guest::granting(&GETTER)
        };
        scene.put(&format!("p{number}.wasm"), guest.wasm());
    }
    let first = scene.load(None).unwrap();
    while first.take_snapshot().is_some() {}
    let compiled = scene.engine.compilations();
    assert_eq!(compiled, 60, "each, each to be read out, each snapshot");

    let again = Scene {
        engine: engine(Some(scene.root.path().join("state"))),
        ..scene
    };
    let generation = again.load(None).unwrap();
    let taken = |bundle: &Arc<Bundle>| bundle.snapshot() == SnapshotState::Taken;
    assert!(generation.bundles().iter().all(taken));
    assert_eq!(again.engine.compilations(), 0);
    decide(&generation).unwrap();

    // Of the next generation only what changed is made anew.
    again.put("p7.toml", "x = 1");
    let next = again.load(Some(&generation)).unwrap();
    let pairs = || generation.bundles().iter().zip(next.bundles());
    assert_eq!(pairs().filter(|(a, b)| Arc::ptr_eq(a, b)).count(), 19);
    assert_eq!(again.engine.compilations(), 0);
}

#[test]
fn what_policies_in_force_were_compiled_to_is_not_pushed_out_by_others() {
    const { assert!(KEPT >= 2 * 3 * MAX_BUNDLES) };
    let scene = Scene::with_state();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    let generation = scene.load(None).unwrap();
    while generation.take_snapshot().is_some() {}
    let artefacts = scene.root.path().join("state/artefacts");
    let names = || {
        let files = std::fs::read_dir(&artefacts).unwrap();
        let names = files.map(|file| file.unwrap().file_name());
        names.collect::<BTreeSet<_>>()
    };
    let ours = names();
    assert_eq!(ours.len(), 3);
    let aged = |name: &std::ffi::OsStr, seconds| {
        let mut options = std::fs::File::options();
        let file = options.append(true).create(true);
        let file = file.open(artefacts.join(name)).unwrap();
        let then = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(then).unwrap();
    };
    ours.iter().for_each(|name| aged(name, 1));
    for number in 0..KEPT {
        aged(format!("other{number}").as_ref(), 1_000_000);
    }

    // Another policy, beside the one in force.
    scene.put("q.wasm", Guest::granting(&["+set", "~q"]).wasm());
    scene.load(Some(&generation)).unwrap();
    let kept = names();
    assert_eq!(kept.len(), KEPT);
    assert!(ours.is_subset(&kept), "{:?}", ours.difference(&kept));
}

#[test]
fn an_artefact_that_was_changed_or_opened_to_others_is_compiled_again() {
    let scene = Scene::with_state();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    scene.load(None).unwrap();
    let artefacts = scene.root.path().join("state/artefacts");
    let artefact = std::fs::read_dir(&artefacts)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();

    let mut bytes = std::fs::read(&artefact).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&artefact, bytes).unwrap();
    let generation = scene.load(None).unwrap();
    assert_eq!(scene.engine.compilations(), 2);
    assert!(
        generation.warnings()[0].contains("not written by this node"),
        "{:?}",
        generation.warnings()
    );

    assert!(
        scene.load(None).unwrap().warnings().is_empty(),
        "it was made again"
    );
    assert_eq!(scene.engine.compilations(), 2);

    for (path, mode) in [(&artefact, 0o666), (&artefacts, 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let before = scene.engine.compilations();
        assert!(!scene.load(None).unwrap().warnings().is_empty());
        assert_eq!(scene.engine.compilations(), before + 1);
    }
}

#[test]
fn an_artefact_of_another_node_is_not_loaded() {
    let (one, other) = (Scene::with_state(), Scene::with_state());
    for scene in [&one, &other] {
        scene.put("p.wasm", Guest::granting(&GETTER).wasm());
        scene.load(None).unwrap();
    }
    let artefact = |scene: &Scene| {
        let artefacts = scene.root.path().join("state/artefacts");
        std::fs::read_dir(artefacts)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
    };
    std::fs::copy(artefact(&one), artefact(&other)).unwrap();
    other.load(None).unwrap();
    assert_eq!(other.engine.compilations(), 2);
}
