//! Decisions start from a policy that has read its data, each from a copy of its own.

use super::*;
use crate::snapshot::SnapshotState;

/// What keeps the state of a policy from being read out.
pub(super) const TABLE: &str = r#"(table $spare 1 funcref)
    (func (export "unused") (table.set $spare (i32.const 0) (ref.null func)))"#;

/// Traps unless `configure` ran before, and unless nobody was asked about twice before:
/// once is the evaluation that a snapshot is taken after.
fn counting() -> Guest {
    Guest {
        fields: r#"(global $configured (mut i32) (i32.const 0)) (global $asked (mut i32) (i32.const 0))"#.into(),
        configure: "(global.set $configured (i32.const 7)) (i32.store (i32.const 400000) (i32.const 7))".into(),
        ..Guest::evaluating(
            "(if (i32.ne (global.get $configured) (i32.const 7)) (then (unreachable))) \
             (if (i32.ne (i32.load (i32.const 400000)) (i32.const 7)) (then (unreachable))) \
             (global.set $asked (i32.add (global.get $asked) (i32.const 1))) \
             (if (i32.gt_u (global.get $asked) (i32.const 2)) (then (unreachable))) \
             (i32.store (i32.const 300000) (i32.add (i32.load (i32.const 300000)) (i32.const 1))) \
             (if (i32.gt_u (i32.load (i32.const 300000)) (i32.const 2)) (then (unreachable)))",
        )
    }
}

fn state(generation: &Generation) -> SnapshotState<'_> {
    generation.bundles()[0].snapshot()
}

fn snapshot(scene: &Scene, guest: &Guest) -> Arc<Generation> {
    scene.put("p.wasm", guest.wasm());
    let generation = scene.load(None).unwrap();
    assert_eq!(state(&generation), SnapshotState::Pending);
    assert!(generation.take_snapshot().is_some());
    assert!(generation.take_snapshot().is_none());
    generation
}

/// Asks about so many principals, so that nothing is remembered.
fn decide_all(generation: &Generation, principals: usize) -> Result<(), Reason> {
    for number in 0..principals {
        let mut principal = alice().get().clone();
        principal.groups = vec![format!("corp/{number}")];
        let principal = Arc::new(Verified::attest(principal));
        let request = generation.project(&principal, &ClientFacts::default(), now(0));
        generation.decide(&request, now(0))?;
    }
    Ok(())
}

#[test]
fn a_decision_starts_from_a_copy_that_no_other_has_touched() {
    let scene = Scene::new();
    let generation = snapshot(&scene, &counting());
    assert_eq!(state(&generation), SnapshotState::Taken);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| decide_all(&generation, 200).unwrap());
        }
    });
    assert_eq!(generation.bundles()[0].statistics().failures(), 0);
}

#[test]
fn what_a_policy_wrote_anywhere_in_its_memory_is_gone_for_the_next_decision() {
    let scene = Scene::new();
    // Beyond the bytes that are cleared by hand, in pages it had and in some it asked for.
    let dirty = "(local.set 1 (i32.const 65536)) \
         (block $end (loop $next \
           (br_if $end (i32.gt_u (local.get 1) (i32.const 520000))) \
           (if (i32.load (local.get 1)) (then (unreachable))) \
           (if (i32.ne (global.get $next) (i32.const 0)) \
             (then (i32.store (local.get 1) (i32.const -1)))) \
           (local.set 1 (i32.add (local.get 1) (i32.const 4096))) \
           (br $next))) \
         (if (i32.ne (memory.size) (i32.const 8)) (then (unreachable))) \
         (if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then (unreachable))) \
         (if (i32.load (i32.const 780000)) (then (unreachable))) \
         (i32.store (i32.const 780000) (i32.const -1))";
    let guest = Guest::evaluating(&format!("(local i32) {dirty}"));
    // Asked about nobody it traps at once: what it wrote then would be found.
    let generation = snapshot(&scene, &guest);
    decide_all(&generation, 50).unwrap_err();

    let guest = Guest {
        victim: Some("alice".into()),
        ..guest
    };
    let generation = snapshot(&scene, &guest);
    assert_eq!(state(&generation), SnapshotState::Taken);
    decide_all(&generation, 200).unwrap();
}

#[test]
fn a_policy_whose_state_cannot_be_read_out_is_configured_for_each_decision() {
    let scene = Scene::new();
    let guest = Guest {
        fields: format!("{TABLE} {}", counting().fields),
        ..counting()
    };
    let generation = snapshot(&scene, &guest);
    let SnapshotState::Impossible(why) = state(&generation) else {
        panic!("{:?}", state(&generation));
    };
    assert!(why.contains("table.set"), "{why}");
    decide_all(&generation, 20).unwrap();
}

#[test]
fn a_policy_that_fails_when_asked_about_nobody_has_a_snapshot_from_before() {
    let scene = Scene::new();
    let guest = Guest {
        fields: "(global $asked (mut i32) (i32.const 0))".into(),
        ..Guest::evaluating(
            "(if (global.get $asked) (then (unreachable))) (global.set $asked (i32.const 1)) \
             (if (i32.eq (i32.load8_u (i32.load (local.get 0))) (i32.const 110)) (then (unreachable)))",
        )
    };
    let generation = snapshot(&scene, &guest);
    assert_eq!(state(&generation), SnapshotState::Taken);
    decide_all(&generation, 20).unwrap();
}

#[test]
fn a_snapshot_is_kept_for_the_next_start_and_made_anew_for_other_data() {
    let scene = Scene::with_state();
    snapshot(&scene, &counting());
    // The policy, the same made to be read out, the snapshot.
    assert_eq!(scene.engine.compilations(), 3);

    let again = Scene {
        engine: engine(Some(scene.root.path().join("state"))),
        ..scene
    };
    let generation = again.load(None).unwrap();
    assert_eq!(state(&generation), SnapshotState::Taken);
    assert_eq!(again.engine.compilations(), 0);
    decide_all(&generation, 5).unwrap();

    again.put("p.toml", "x = 1");
    let next = again.load(Some(&generation)).unwrap();
    assert_eq!(state(&next), SnapshotState::Pending);
    assert_eq!(again.engine.compilations(), 0);
    next.take_snapshot().unwrap();
    assert_eq!(state(&next), SnapshotState::Taken);
    assert_eq!(again.engine.compilations(), 1, "the snapshot alone");
    decide_all(&next, 5).unwrap();
}

/// Has 400 KiB that are not zero, and needs them to stay as they are.
fn large() -> Guest {
    Guest {
        configure: "(memory.fill (i32.const 90000) (i32.const 7) (i32.const 409600))".into(),
        ..Guest::evaluating(
            "(if (i32.ne (i32.load8_u (i32.const 400001)) (i32.const 7)) (then (unreachable))) \
             (if (i32.ne (i32.load8_u (i32.const 100001)) (i32.const 7)) (then (unreachable))) \
             (if (i32.load8_u (i32.const 510000)) (then (unreachable))) \
             (if (i32.ne (i32.load8_u (i32.load (local.get 0))) (i32.const 110)) \
               (then (memory.fill (i32.const 95000) (i32.const 1) (i32.const 420000))))",
        )
    }
}

/// What the snapshot of a generation's one policy was compiled for.
fn engine_of(scene: &Scene, generation: &Generation) -> wasmtime::Engine {
    assert_eq!(state(generation), SnapshotState::Taken);
    let machine = &scene.engine.machine;
    let snapshot = &generation.bundles()[0].snapshot;
    let policy = snapshot.policy(machine, machine.limits());
    policy.expect("there is room").engine().clone()
}

#[test]
fn of_an_image_256_kib_are_copied_and_what_is_above_is_shared() {
    let scene = Scene::new();
    let generation = snapshot(&scene, &large());
    decide_all(&generation, 50).unwrap();
    let engine = engine_of(&scene, &generation);
    let metrics = engine.pooling_allocator_metrics().expect("it has places");
    assert_eq!(metrics.memories(), 0, "every decision has ended");
    assert_eq!(
        metrics.unused_warm_memories(),
        2,
        "the policy in one place, used again, and its snapshot in another"
    );
    assert_eq!(metrics.unused_memory_bytes_resident(), 2 * (256 << 10));
}

/// Whether the one policy of a generation has a place.
fn is_placed(generation: &Generation) -> bool {
    let engine = generation.bundles()[0].component.engine();
    engine.pooling_allocator_metrics().is_some()
}

#[test]
fn a_small_policy_has_a_place_unless_it_may_use_more_memory_than_one_has() {
    let scene = Scene::with_state();
    scene.put("p.wasm", Guest::granting(&GETTER).wasm());
    let placed = scene.load(None).unwrap();
    assert!(is_placed(&placed));
    decide_all(&placed, 20).unwrap();
    let limits = scene.engine.machine.limits();
    scene.engine.set_limits(Limits {
        memory_bytes: 1 << 30,
        ..limits
    });
    let fresh = scene.load(Some(&placed)).unwrap();
    assert!(!is_placed(&fresh));
    decide_all(&fresh, 20).unwrap();
    scene.engine.set_limits(limits);
    let same = scene.load(Some(&fresh)).unwrap();
    assert!(Arc::ptr_eq(&same, &fresh), "there it has room, too");
}

#[test]
fn what_does_not_fit_into_a_place_has_fresh_memory() {
    let scene = Scene::with_state();
    let guest = Guest {
        fields: "(table $spare 10000 funcref) (table $other 1 funcref) (table $third 1 funcref)"
            .into(),
        ..Guest::granting(&GETTER)
    };
    scene.put("p.wasm", guest.wasm());
    let generation = scene.load(None).unwrap();
    assert!(!is_placed(&generation));
    decide_all(&generation, 20).unwrap();
}

#[test]
fn without_a_place_a_small_image_is_copied_and_a_large_one_shared() {
    let scene = Scene::with_state();
    let limits = Limits {
        cpu: Duration::from_millis(50),
        memory_bytes: 1 << 30,
    };
    scene.engine.set_limits(limits);
    let machine = &scene.engine.machine;
    let [copied, shared] = [256 << 10, (256 << 10) + 1].map(|bytes| machine.snapshot_engine(bytes));
    assert!(!wasmtime::Engine::same(copied, shared));
    for (guest, expected) in [(Guest::granting(&GETTER), copied), (large(), shared)] {
        let generation = snapshot(&scene, &guest);
        decide_all(&generation, 50).unwrap();
        let engine = engine_of(&scene, &generation);
        assert!(wasmtime::Engine::same(&engine, expected));
        assert!(engine.pooling_allocator_metrics().is_none());
    }
    // The last one is found again at the next start.
    let state_dir = scene.root.path().join("state");
    let again = Scene {
        engine: engine(Some(state_dir)),
        ..scene
    };
    again.engine.set_limits(limits);
    assert_eq!(state(&again.load(None).unwrap()), SnapshotState::Taken);
    assert_eq!(again.engine.compilations(), 0);
}

#[test]
fn with_more_memory_than_a_snapshot_has_room_for_a_policy_is_configured_each_time() {
    let scene = Scene::new();
    let generation = snapshot(&scene, &counting());
    scene.engine.set_limits(Limits {
        cpu: Duration::from_millis(50),
        memory_bytes: 1 << 30,
    });
    decide_all(&generation, 20).unwrap();
}

/// The whole test once more, in a process that is granted too little address space.
#[test]
fn without_address_space_for_places_snapshots_have_fresh_memory() {
    let test = "snapshots::a_decision_starts_from_a_copy_that_no_other_has_touched";
    let run = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 8388608 && exec \"$0\" \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && told.contains("1 passed"), "{told}");
}
