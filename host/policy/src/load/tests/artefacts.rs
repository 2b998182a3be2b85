//! A compiled policy is kept for the next start, and trusted only when it is certainly ours.

use std::os::unix::fs::PermissionsExt;

use super::*;
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
