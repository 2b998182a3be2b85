//! The server every storm is unleashed on, and what it says about its main thread.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use warden_tests::server::info_fields;
use warden_tests::{
    Algorithm, Claims, Connection, Issuer, Line, Scene, SceneBuilder, SigningKey, unix_now,
};

use super::crowd::{scatter, strangers};
use crate::count;
use crate::pairs::threads;

/// Sessions that most parts ask for; fewer where the system grants fewer files.
const SESSIONS: usize = 20_000;

/// Files that client and server need besides their connections.
const OTHER_FILES: usize = 100;

/// Everybody is a reader; channels are there so that they can be taken away.
pub const ROLES: &str = r#"
[roles.reader]
members = ["group:corp/analysts"]
rules = ["+@read", "+subscribe", "~reports:*", "&news.*"]
"#;

/// Raises this process's limit of open files as far as the system allows, and says
/// how many sessions fit into it. A server started later inherits it.
pub fn sessions_that_fit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = u64::try_from(SESSIONS + OTHER_FILES).unwrap_or(u64::MAX);
    let limit = getrlimit(Resource::Nofile);
    let higher = Rlimit {
        current: Some(wanted),
        maximum: Some(limit.maximum.map_or(wanted, |maximum| maximum.max(wanted))),
    };
    if setrlimit(Resource::Nofile, higher).is_err() {
        // Not ours to raise: as much as is granted.
        let granted = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, granted).expect("a process may raise its soft limit");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    SESSIONS.min(files.saturating_sub(OTHER_FILES))
}

/// A server with room for all of them, and an issuer whose tokens are quickly made.
pub fn scene(line: Line) -> Scene {
    scene_with(line, &[])
}

/// The same with further load arguments.
pub fn scene_with(line: Line, arguments: &[&str]) -> Scene {
    let mut all = vec!["max_pending", "100000", "auth_timeout_ms", "60000"];
    all.extend(arguments);
    start(
        builder(line)
            .authenticator_lines("leeway_seconds = 0\n")
            .module_args(all),
    )
}

/// Such a server in the making, every setting of the module at its default.
pub fn builder(line: Line) -> SceneBuilder {
    let issuer = Issuer::new(
        Issuer::corp().url(),
        SigningKey::generate(Algorithm::ES256, "storm"),
    );
    let clients = (sessions_that_fit() + OTHER_FILES / 2).to_string();
    Scene::builder(line)
        .issuer(issuer)
        .roles(ROLES)
        .config([("maxclients", clients.as_str()), ("tcp-backlog", "4096")])
        .server(warden_tests::ServerBuilder::protected_configs)
}

/// Connections that a server has had before anything is asked.
const HAD_BEFORE: usize = 5_000;

/// Starts it, its main thread first among all that runs. It has had many clients before, all at
/// once: Linux holds up a process of several threads for 5 to 11 ms (`perf trace`) whenever its table of open
/// files grows, at the 256th, 512th … 4096th (`expand_files` waits for all processors), which
/// is nobody's question here.
pub fn start(builder: SceneBuilder) -> Scene {
    let scene = builder.start();
    favour(&scene);
    let many = HAD_BEFORE.min(sessions_that_fit());
    let crowd = strangers(scene.server.address(), many);
    let mut main = MainThread::watch(&scene);
    main.wait_until("all have come", |main| main.clients() >= count(many));
    scatter(crowd);
    main.wait_until("all are gone", |main| main.clients() < 1.0);
    scene
}

/// Lets the server's main thread run before whatever else this machine does: what is measured
/// is how long it is busy, not how long it waits for a processor.
fn favour(scene: &Scene) {
    if let Some(main) = pid_of(scene) {
        first_of_all(main);
    }
}

/// Lets a thread run before others, as a real-time thread where there is `chrt` and at nice -10
/// otherwise. Where neither is allowed the figures are those of the machine as it is.
pub(super) fn first_of_all(thread: Pid) {
    let number = thread.as_raw_pid().to_string();
    let real_time = Command::new("chrt")
        .args(["--fifo", "--pid", "1", &number])
        .stderr(Stdio::null())
        .status();
    if !real_time.is_ok_and(|status| status.success()) {
        let _ = rustix::process::setpriority_process(Some(thread), -10);
    }
}

/// The server's process, and so its main thread.
fn pid_of(scene: &Scene) -> Option<Pid> {
    let number = i32::try_from(scene.server.pid()).ok();
    number.and_then(Pid::from_raw)
}

/// The server's main thread alone on one processor, and whatever else there is on the others:
/// the server's other threads, and those that this one begins. Until it is dropped.
pub struct Apart {
    before: CpuSet,
}

impl Apart {
    /// None where there is one processor only.
    pub fn of(scene: &Scene) -> Option<Self> {
        let before = sched_getaffinity(None).expect("a thread runs somewhere");
        let first = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu))?;
        let (mut alone, mut others) = (CpuSet::new(), before);
        alone.set(first);
        others.unset(first);
        if others.count() == 0 {
            return None;
        }
        let main = pid_of(scene).expect("a process has a number");
        for thread in threads(scene.server.pid()) {
            let number = thread
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            let thread = number.and_then(Pid::from_raw);
            // One that has just ended is gone.
            let _ = sched_setaffinity(thread, &others);
        }
        sched_setaffinity(Some(main), &alone).expect("the main thread can be moved");
        sched_setaffinity(None, &others).expect("this thread can be moved");
        Some(Self { before })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        sched_setaffinity(None, &self.before).expect("this thread can be moved");
    }
}

/// `count` different tokens of `principals` principals, in turn; they end at `until`
/// (Unix seconds), or in an hour.
pub fn tokens(scene: &Scene, count: usize, principals: usize, until: Option<u64>) -> Vec<String> {
    let until = until.unwrap_or_else(|| unix_now() + 3600);
    (0..count)
        .map(|number| {
            let claims = Claims::of(&format!("user{}", number % principals))
                .groups(&["analysts"])
                .set("exp", until)
                .set("jti", number.to_string());
            scene.issuer.token(&claims)
        })
        .collect()
}

/// The main thread, from a moment on.
pub struct MainThread {
    admin: Connection,
    before: BTreeMap<String, String>,
}

/// What the main thread went through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stalls {
    /// The longest turn of the server's event loop: commands, our slices, and the
    /// freeing of clients that a slice has closed.
    pub longest_turn_us: f64,
    /// Our slices longer than one millisecond.
    pub over_1ms: f64,
    /// Our slices longer than two milliseconds.
    pub over_2ms: f64,
    /// Our longest slice of the last ten to twenty seconds.
    pub longest_slice_us: f64,
}

impl MainThread {
    /// Looks from now on.
    pub fn watch(scene: &Scene) -> Self {
        let mut admin = scene.server.admin();
        admin.run("CONFIG RESETSTAT").expect_ok();
        let before = fields(&mut admin, "warden");
        Self { admin, before }
    }

    /// A field of INFO's section `warden` now; 0 where the module is gone.
    pub fn warden(&mut self, field: &str) -> f64 {
        number(&fields(&mut self.admin, "warden"), field)
    }

    /// Connections now, without the one that asks.
    pub fn clients(&mut self) -> f64 {
        number(&fields(&mut self.admin, "clients"), "connected_clients") - 1.0
    }

    /// Waits until something holds, asking every few milliseconds.
    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        for _ in 0..12_000 {
            if holds(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("within a minute: {what}");
    }

    /// What it went through since [`Self::watch`].
    pub fn stalls(&mut self) -> Stalls {
        let turns = fields(&mut self.admin, "debug");
        let after = fields(&mut self.admin, "warden");
        let since = |field| number(&after, field) - number(&self.before, field);
        Stalls {
            longest_turn_us: number(&turns, "eventloop_duration_max"),
            over_1ms: since("warden_slices_over_1ms"),
            over_2ms: since("warden_slices_over_2ms"),
            longest_slice_us: number(&after, "warden_longest_recent_slice_us"),
        }
    }
}

fn fields(admin: &mut Connection, section: &str) -> BTreeMap<String, String> {
    info_fields(&admin.call(["INFO", section]).text())
}

fn number(fields: &BTreeMap<String, String>, name: &str) -> f64 {
    fields
        .get(name)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0)
}
