//! Directories as orchestrators and people keep them: a mounted ConfigMap whose
//! link is swapped, files renamed, linked elsewhere, or changed where nobody tells.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use warden_tests::scene::{ROLES, authenticator};
use warden_tests::{
    Algorithm, Claims, Issuer, Line, Scene, SigningKey, eventually, on_both_lines, parts,
};

use crate::info;

on_both_lines!(
    a_mounted_policy_directory_follows_the_swap_of_its_link,
    a_mounted_authenticator_directory_follows_the_swap_of_its_link,
    a_mount_that_leads_nowhere_for_a_while_keeps_the_last_good_version,
    a_bundle_under_another_name_is_the_same_policy,
    a_data_file_linked_to_another_takes_effect,
);

/// A directory as Kubernetes mounts a ConfigMap: every file a link through `..data`
/// into a version's directory, and one rename from version to version.
struct Mount {
    path: PathBuf,
    version: u32,
}

impl Mount {
    /// The first version, in an existing directory that is watched already.
    fn fill(path: &Path, files: &[(&str, &[u8])]) -> Self {
        let mut mount = Self {
            path: path.to_owned(),
            version: 0,
        };
        mount.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), path.join(name)).unwrap();
        }
        mount
    }

    /// The next version; the one before is removed.
    fn swap(&mut self, files: &[(&str, &[u8])]) {
        let before = self.directory();
        self.version += 1;
        let next = self.directory();
        fs::create_dir(&next).unwrap();
        for (name, content) in files {
            fs::write(next.join(name), content).unwrap();
        }
        let aside = self.path.join("..data_tmp");
        symlink(next.file_name().unwrap(), &aside).unwrap();
        fs::rename(&aside, self.path.join("..data")).unwrap();
        if before.exists() {
            fs::remove_dir_all(&before).unwrap();
        }
    }

    fn directory(&self) -> PathBuf {
        self.path.join(format!("..2026_11_24_{}", self.version))
    }
}

/// [`ROLES`] with readers allowed to write.
fn generous() -> String {
    ROLES.replace(
        "rules = [\"+@read\", \"~reports:*\"]",
        "rules = [\"+@read\", \"+set\", \"~reports:*\"]",
    )
}

fn with_mounted_policies(line: Line, data: &str) -> (Scene, Mount) {
    let scene = Scene::builder(line).without_policy().start();
    scene.wait_for_generation(1);
    let wasm = parts::policy("rbac");
    let mut mount = None;
    scene.next_generation(|| {
        let files: [(&str, &[u8]); 2] = [("rbac.wasm", &wasm), ("rbac.toml", data.as_bytes())];
        mount = Some(Mount::fill(scene.policies.path(), &files));
    });
    (scene, mount.unwrap())
}

fn a_mounted_policy_directory_follows_the_swap_of_its_link(line: Line) {
    let (scene, mut mount) = with_mounted_policies(line, ROLES);
    let wasm = parts::policy("rbac");
    let mut reader = scene.log_in("alice");
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    assert_eq!(scene.policies_state().field("policies").items().len(), 1);
    for _ in 0..2 {
        let data = generous();
        scene.next_generation(|| {
            mount.swap(&[("rbac.wasm", &wasm), ("rbac.toml", data.as_bytes())])
        });
        eventually("the reader may write", || {
            reader.run("SET reports:q1 x").is_ok().then_some(())
        });
        scene.next_generation(|| {
            mount.swap(&[("rbac.wasm", &wasm), ("rbac.toml", ROLES.as_bytes())])
        });
        eventually("the reader may no longer write", || {
            reader
                .run("SET reports:q1 x")
                .is_error("NOPERM")
                .then_some(())
        });
    }
    // A version with an error, and one whose file is gone.
    let before = scene.generation();
    mount.swap(&[("rbac.wasm", &wasm), ("rbac.toml", b"no toml [")]);
    eventually("the error shows", || {
        (!scene.info(info::POLICY_ERROR).is_empty()).then_some(())
    });
    mount.swap(&[("rbac.toml", ROLES.as_bytes())]);
    eventually("the missing file shows", || {
        scene
            .info(info::POLICY_ERROR)
            .contains("cannot be read")
            .then_some(())
    });
    assert_eq!(scene.generation(), before);
    assert!(reader.run("GET reports:q2").is_nil());
    mount.swap(&[("rbac.wasm", &wasm), ("rbac.toml", ROLES.as_bytes())]);
    scene.wait_for_info(info::POLICY_ERROR, "");
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

fn a_mounted_authenticator_directory_follows_the_swap_of_its_link(line: Line) {
    let scene = Scene::builder(line).without_authenticator().start();
    let directory = scene.authenticators.path();
    let keys = directory.join("corp.jwks").display().to_string();
    let file = authenticator(&scene.issuer, &keys);
    let key_set = scene.issuer.key_set();
    let mut mount = Mount::fill(
        directory,
        &[
            ("10-corp.toml", file.as_bytes()),
            ("corp.jwks", key_set.as_bytes()),
        ],
    );
    let mut id = 0;
    let mut accepted = |issuer: &Issuer| {
        id += 1;
        let token = issuer.token(&Claims::of("alice").id(id));
        scene.server.connect().auth("alice", &token).is_ok()
    };
    eventually("the mounted authenticator is in force", || {
        accepted(&scene.issuer).then_some(())
    });
    let rotated = scene
        .issuer
        .with_key(SigningKey::generate(Algorithm::RS256, "corp-2"));
    assert!(!accepted(&rotated));
    // Only the key file differs in the next version.
    mount.swap(&[
        ("10-corp.toml", file.as_bytes()),
        ("corp.jwks", rotated.key_set().as_bytes()),
    ]);
    eventually("the next version's key is in force", || {
        accepted(&rotated).then_some(())
    });
    assert!(
        !accepted(&scene.issuer),
        "the key of before is no longer trusted"
    );
    // And in the last one the authenticator is gone from the mount.
    let mut session = scene.server.connect();
    let token = rotated.token(&Claims::of("alice").id("session"));
    session.auth("alice", &token).expect_ok();
    mount.swap(&[("corp.jwks", rotated.key_set().as_bytes())]);
    fs::remove_file(directory.join("10-corp.toml")).unwrap();
    assert!(session.closes_within(warden_tests::server::PATIENCE));
    assert!(!accepted(&rotated));
}

fn a_mount_that_leads_nowhere_for_a_while_keeps_the_last_good_version(line: Line) {
    let (scene, mount) = with_mounted_policies(line, ROLES);
    let mut reader = scene.log_in("alice");
    let before = scene.generation();
    let link = mount.path.join("..data");
    fs::rename(&link, mount.path.join("..aside")).unwrap();
    eventually("the error shows", || {
        (!scene.info(info::POLICY_ERROR).is_empty()).then_some(())
    });
    assert_eq!(scene.generation(), before);
    assert!(reader.run("GET reports:q1").is_nil());
    scene
        .attempt(&Claims::of("alice").id("meanwhile"))
        .expect_ok();
    fs::rename(mount.path.join("..aside"), &link).unwrap();
    scene.wait_for_info(info::POLICY_ERROR, "");
    assert_eq!(scene.generation(), before, "nothing has changed");
}

fn a_bundle_under_another_name_is_the_same_policy(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let id = reader.id();
    scene.next_generation(|| {
        for end in ["wasm", "toml"] {
            let path = |name: &str| scene.policies.file(&format!("{name}.{end}"));
            fs::rename(path("rbac"), path("roles")).unwrap();
        }
    });
    let bundles = scene.policies_state().field("policies").items();
    assert_eq!(bundles.len(), 1);
    bundles[0].field("name").expect_text("roles");
    assert!(reader.run("GET reports:q1").is_nil());
    reader.run("SET reports:q1 x").expect_error("NOPERM");
    assert_eq!(reader.id(), id);
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

fn a_data_file_linked_to_another_takes_effect(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let directory = scene.policies.path();
    fs::create_dir(directory.join(".versions")).unwrap();
    fs::write(directory.join(".versions/a"), ROLES).unwrap();
    fs::write(directory.join(".versions/b"), generous()).unwrap();
    let link = |version: &str| {
        let aside = directory.join(".aside");
        symlink(Path::new(".versions").join(version), &aside).unwrap();
        fs::rename(&aside, directory.join("rbac.toml")).unwrap();
    };
    link("a");
    for (version, may) in [("b", true), ("a", false), ("b", true)] {
        scene.next_generation(|| link(version));
        eventually("the version linked to is in force", || {
            (reader.run("SET reports:q1 x").is_ok() == may).then_some(())
        });
    }
    // What the link leads to is written, the link is not.
    scene.next_generation(|| fs::write(directory.join(".versions/b"), ROLES).unwrap());
    eventually("the reader may no longer write", || {
        reader
            .run("SET reports:q1 x")
            .is_error("NOPERM")
            .then_some(())
    });
}

/// A file with a second name outside: changed through that, the directory's watcher
/// hears nothing.
fn what_the_system_does_not_report_is_noticed_within_ten_seconds(line: Line) {
    let scene = Scene::start(line);
    let mut reader = scene.log_in("alice");
    let mut id = 0;
    let rotated = scene
        .issuer
        .with_key(SigningKey::generate(Algorithm::RS256, "corp-2"));
    let mut accepted = |issuer: &Issuer| {
        id += 1;
        let token = issuer.token(&Claims::of("alice").id(id));
        scene.server.connect().auth("alice", &token).is_ok()
    };
    assert!(!accepted(&rotated));
    let outside = tempfile::tempdir_in(scene.policies.path().parent().unwrap()).unwrap();
    let second = |path: PathBuf| {
        let name = outside.path().join(path.file_name().unwrap());
        fs::hard_link(path, &name).unwrap();
        name
    };
    let data = second(scene.policies.file("rbac.toml"));
    let keys = second(scene.keys.file("corp.jwks"));
    // The second names themselves are changes the directories' watchers do hear of.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let start = std::time::Instant::now();
    fs::write(data, generous()).unwrap();
    fs::write(keys, rotated.key_set()).unwrap();
    eventually("both edits are in force", || {
        (reader.run("SET reports:q1 x").is_ok() && accepted(&rotated)).then_some(())
    });
    assert!(
        start.elapsed().as_secs() < 20,
        "late: {:?}",
        start.elapsed()
    );
}

fn a_directory_that_appears_later_is_taken_within_ten_seconds(line: Line) {
    let scene = Scene::start(line);
    let path = scene.policies.path().to_owned();
    let aside = path.with_file_name("aside");
    fs::rename(&path, &aside).unwrap();
    scene.server.restart();
    eventually("the missing directory shows", || {
        (!scene.info(info::POLICY_ERROR).is_empty()).then_some(())
    });
    scene
        .attempt(&Claims::of("alice"))
        .expect_error("TRYAGAIN no policies are in force.");
    let start = std::time::Instant::now();
    fs::rename(&aside, &path).unwrap();
    scene.wait_for_generation(1);
    assert!(
        start.elapsed().as_secs() < 20,
        "late: {:?}",
        start.elapsed()
    );
    scene.attempt(&Claims::of("alice").id("after")).expect_ok();
}

#[test]
#[ignore = "waits ten seconds for the look at what nobody reports"]
fn what_the_system_does_not_report_is_noticed_on_8_0() {
    what_the_system_does_not_report_is_noticed_within_ten_seconds(Line::V8_0);
}

#[test]
#[ignore = "waits ten seconds for the look at what nobody reports"]
fn what_the_system_does_not_report_is_noticed_on_9_1() {
    what_the_system_does_not_report_is_noticed_within_ten_seconds(Line::V9_1);
}

#[test]
#[ignore = "waits ten seconds for the look at what nobody reports"]
fn a_directory_that_appears_later_is_taken_on_8_0() {
    a_directory_that_appears_later_is_taken_within_ten_seconds(Line::V8_0);
}

#[test]
#[ignore = "waits ten seconds for the look at what nobody reports"]
fn a_directory_that_appears_later_is_taken_on_9_1() {
    a_directory_that_appears_later_is_taken_within_ten_seconds(Line::V9_1);
}
