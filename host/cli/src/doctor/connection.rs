//! From the command line to a connection that has logged in.
//!
//! The password comes from a file or the environment, never from an argument,
//! which everybody on the machine could read. No message holds it.

use std::fs;
use std::net::{ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use redis::{Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, TlsCertificates};

use super::server::Server;
use crate::error::Error;
use crate::password;

/// How long connecting, and each answer, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the password stands when there is no file of it.
const VARIABLE: &str = "WARDEN_PASSWORD";

/// Which server, and who we are there.
#[derive(Args)]
pub(crate) struct Destination {
    /// Host name or address of the server.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port of the server.
    #[arg(long, value_name = "PORT", default_value_t = 6379)]
    port: u16,
    /// Unix socket of the server, instead of host and port.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port", "tls"])]
    socket: Option<PathBuf>,
    /// Name of the user to log in as; `default` when only a password is given.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// File with the password; without it the environment variable
    /// WARDEN_PASSWORD is used, and without either nobody logs in.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Connect by TLS; the server's certificate must be for HOST.
    #[arg(long)]
    tls: bool,
    /// Certificates to trust (PEM), instead of the system's.
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,
    /// Our own certificate (PEM), for servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "tls", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of our certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls", requires = "cert")]
    key: Option<PathBuf>,
}

/// Connects and logs in.
///
/// # Errors
/// All with exit status 2: nothing was found out about the server.
pub(crate) fn open(arguments: &Destination) -> Result<Server, Error> {
    let password = password::given(arguments.password_file.as_deref(), VARIABLE)?;
    if arguments.user.is_some() && password.is_none() {
        return Err(Error::Usage(format!(
            "--user needs a password: give --password-file, or set {VARIABLE}"
        )));
    }
    let place = shown(arguments);
    let connection = client(arguments)?
        .get_connection_with_timeout(PATIENCE)
        .and_then(|connection| {
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            Ok(connection)
        })
        .map_err(|error| Error::Server(format!("cannot connect to {place}: {error}")))?;
    let mut server = Server::new(connection, place, is_here(arguments));
    if let Some(password) = password {
        let user = arguments.user.as_deref().unwrap_or("default");
        server.log_in(user, &password)?;
    }
    Ok(server)
}

fn client(arguments: &Destination) -> Result<Client, Error> {
    let client = match (&arguments.socket, arguments.tls) {
        (Some(path), _) => plain(ConnectionAddr::Unix(path.clone())),
        (None, false) => plain(ConnectionAddr::Tcp(arguments.host.clone(), arguments.port)),
        (None, true) => return tls_client(arguments),
    };
    client.map_err(|error| Error::Usage(error.to_string()))
}

/// Nothing is sent before we say so: no library name ahead of our own log-in.
fn plain(address: ConnectionAddr) -> redis::RedisResult<Client> {
    let info = address.into_connection_info()?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Client::open(info.set_redis_settings(settings))
}

fn tls_client(arguments: &Destination) -> Result<Client, Error> {
    // The only one there is; a second call has nothing to change.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root_cert = arguments.ca.as_deref().map(read).transpose()?;
    let client_tls = match (&arguments.cert, &arguments.key) {
        (Some(certificate), Some(key)) => Some(ClientTlsConfig {
            client_cert: read(certificate)?,
            client_key: read(key)?,
        }),
        _ => None,
    };
    let address = ConnectionAddr::TcpTls {
        host: arguments.host.clone(),
        port: arguments.port,
        insecure: false,
        tls_params: None,
    };
    let certificates = TlsCertificates {
        client_tls,
        root_cert,
    };
    address
        .into_connection_info()
        .map(|info| {
            let settings = info.redis_settings().clone().set_skip_set_lib_name();
            info.set_redis_settings(settings)
        })
        .and_then(|info| Client::build_with_tls(info, certificates))
        .map_err(|error| Error::Usage(format!("--ca, --cert or --key: {error}")))
}

/// A file that was named on the command line: without it, nothing can be said.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::Usage(format!("{path:?}: {error}")))
}

fn shown(arguments: &Destination) -> String {
    match &arguments.socket {
        Some(path) => format!("{path:?}"),
        None => format!("{}:{}", arguments.host, arguments.port),
    }
}

/// Whether the address is one of this machine's: only such a one can be bound.
fn is_here(arguments: &Destination) -> bool {
    if arguments.socket.is_some() {
        return true;
    }
    let Ok(mut addresses) = (arguments.host.as_str(), 0).to_socket_addrs() else {
        return false;
    };
    addresses.all(|address| address.ip().is_loopback() || UdpSocket::bind(address).is_ok())
}
