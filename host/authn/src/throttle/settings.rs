//! The `[throttle]` table, checked.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use warden_settings::{Section, quoted};

use super::buckets::Rate;

/// What stands for clients of a Unix socket, here and as a client's address.
const UNIX: &str = "unix";

/// Checked settings.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) rate: Rate,
    networks: Vec<IpNet>,
    unix: bool,
}

impl Settings {
    /// Takes `[throttle]` out of a file.
    pub(super) fn read(file: &mut Section) -> Self {
        let mut table = file.section("throttle");
        let failures = table.whole("failures", 10, 1..=1000);
        let seconds = table.whole("seconds", 60, 1..=3600);
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let mut settings = Self {
            rate: Rate::new(failures, Duration::from_secs(seconds)),
            networks: Vec::new(),
            unix: false,
        };
        for text in table.strings("exempt").unwrap_or_default() {
            match parse(&text) {
                Some(network) => settings.networks.push(network),
                None if text == UNIX => settings.unix = true,
                None => table.fault(
                    "exempt",
                    format!("{} is neither a network nor {UNIX:?}", quoted(&text)),
                ),
            }
        }
        file.close(table);
        settings
    }

    /// Whether clients of this address are never held back.
    pub(super) fn exempts(&self, address: &str) -> bool {
        match address.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                self.networks.iter().any(|net| net.contains(&address))
            }
            Err(_) => self.unix && address == UNIX,
        }
    }
}

/// `ADDRESS` or `NETWORK/LENGTH` without bits beyond its length: `10.0.0.1/8` is more
/// likely a slip than a wish to exempt all of `10.0.0.0/8`.
fn parse(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.into());
    }
    let network: IpNet = text.parse().ok()?;
    (network.trunc() == network).then_some(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(lines: &str) -> (Settings, Vec<String>) {
        let mut file = Section::parse(format!("[throttle]\n{lines}").as_bytes()).unwrap();
        let settings = Settings::read(&mut file);
        let faults = file.finish().into_iter();
        let faults = faults.map(|fault| fault.in_file("f".as_ref()).to_string());
        (settings, faults.collect())
    }

    #[test]
    fn every_bad_value_is_named_with_its_key() {
        for (line, key) in [
            ("failures = 0", "throttle.failures"),
            ("failures = 1001", "throttle.failures"),
            ("seconds = 0", "throttle.seconds"),
            ("seconds = 3601", "throttle.seconds"),
            ("exempt = []", "throttle.exempt"),
            ("exempt = ['10.0.0.1/8']", "throttle.exempt"),
            ("exempt = ['10.0.0.0/33']", "throttle.exempt"),
            ("exempt = ['localhost']", "throttle.exempt"),
            ("names = 1", "throttle.names"),
        ] {
            let (_, faults) = settings(line);
            assert_eq!(faults.len(), 1, "{line}");
            assert!(faults[0].contains(key), "{faults:?}");
        }
        let good = "failures = 1000\nseconds = 3600\nexempt = ['0.0.0.0/0', '::/0', 'unix']";
        assert_eq!(settings(good).1, Vec::<String>::new());
    }

    #[test]
    fn an_address_is_exempt_with_its_network_however_it_is_written() {
        let (settings, faults) =
            settings("exempt = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', 'unix']");
        assert!(faults.is_empty());
        for exempt in [
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "192.0.2.7",
            "2001:db8::1",
            "unix",
        ] {
            assert!(settings.exempts(exempt), "{exempt}");
        }
        for other in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::a00:1", "?", ""] {
            assert!(!settings.exempts(other), "{other}");
        }
    }
}
