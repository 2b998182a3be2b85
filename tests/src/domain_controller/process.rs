//! What a controller is started with: its files, and its process in the root that is made
//! for it.
//!
//! In: a directory within that root, the ports to take. Out: Samba, of whose services only
//! LDAP runs, on 127.0.0.1 alone; it ends when the test process has ended.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::geteuid;
use tempfile::TempDir;

use super::content::{DOMAIN, SHORT_DOMAIN};
use crate::authority::{Authority, Identity};
use crate::{native, parts};

pub(super) const LOG_FILE: &str = "samba.log";

/// A directory that the server, too, can see.
pub(super) fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("domain-")
        .tempdir_in(parts::domain_controller().join("root/tmp"))
        .expect("the root of the domain controller can be written")
}

/// Everything a server needs, but for its ports.
pub(super) fn lay_out(path: &Path, authority: &Authority, identity: &Identity) {
    let empty = parts::domain_controller().join("domain/private");
    copy(&empty, &path.join("private"));
    fs::write(path.join("ca.pem"), authority.ca_pem()).expect("the authority can be written");
    identity.write(&path.join("tls.pem"), &path.join("tls-key.pem"));
    fs::write(path.join("smb.conf"), config(&inner(path))).expect("smb.conf can be written");
}

/// A path within the root as the server sees it.
fn inner(path: &Path) -> String {
    let root = parts::domain_controller().join("root");
    let inner = path.strip_prefix(root).expect("it lies in the root");
    format!("/{}", inner.display())
}

/// The names are those of tests/domain-controller/provision.py.
fn config(at: &str) -> String {
    let lines = [
        "netbios name = DC".to_owned(),
        format!("workgroup = {SHORT_DOMAIN}"),
        format!("realm = {}", DOMAIN.to_uppercase()),
        "server role = active directory domain controller".to_owned(),
        // Of all that such a server does, this.
        "server services = ldap".to_owned(),
        "dcerpc endpoint servers =".to_owned(),
        "interfaces = 127.0.0.1".to_owned(),
        "bind interfaces only = yes".to_owned(),
        format!("private dir = {at}/private"),
        format!("lock directory = {at}"),
        format!("pid directory = {at}"),
        format!("cache directory = {at}/cache"),
        format!("state directory = {at}/state"),
        format!("ncalrpc dir = {at}/ncalrpc"),
        format!("tls cafile = {at}/ca.pem"),
        format!("tls certfile = {at}/tls.pem"),
        format!("tls keyfile = {at}/tls-key.pem"),
        "log level = 1".to_owned(),
    ];
    format!("[global]\n{}\n", lines.join("\n"))
}

/// Starts it with these in place of its fixed ports.
pub(super) fn spawn(path: &Path, ports: &[(u16, SocketAddr)]) -> Child {
    let shim = path.join("ports.so");
    fs::copy(native::ports_shim(), &shim).expect("the shim can be copied");
    let ports = ports
        .iter()
        .map(|(fixed, taken)| format!("{fixed}={}", taken.port()));
    let ports = ports.collect::<Vec<_>>().join(" ");
    let output = File::create(path.join(LOG_FILE)).expect("the log can be created");
    // As scripts/domain-controller does it, too.
    let mut command = if geteuid().is_root() {
        Command::new("chroot")
    } else {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "chroot"]);
        command
    };
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .arg(parts::domain_controller().join("root"))
        .arg("/usr/bin/env")
        .arg(format!("LD_PRELOAD={}", inner(&shim)))
        .arg(format!("WARDEN_TEST_PORTS={ports}"))
        .args(["/usr/sbin/samba", "--model=single", "--debug-stdout"])
        .arg(format!("--configfile={}/smb.conf", inner(path)))
        // So it stays in the foreground, and ends when this process has ended.
        .arg("--interactive")
        .stdin(Stdio::piped())
        .stdout(output.try_clone().expect("the log can be shared"))
        .stderr(output)
        .spawn()
        .expect("chroot and unshare run; coreutils and util-linux have them")
}

/// Copies a directory and all in it.
fn copy(from: &Path, to: &Path) {
    let entries = fs::read_dir(from).expect("the empty domain can be read");
    fs::create_dir(to).expect("the domain can be created");
    // Samba wants some of them private.
    let permissions = fs::metadata(from)
        .expect("it can be asked for")
        .permissions();
    fs::set_permissions(to, permissions).expect("they are ours");
    for entry in entries {
        let entry = entry.expect("the empty domain can be read");
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("an entry has a kind");
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).expect("the domain can be copied");
        }
    }
}
