//! One authenticator that asks a scripted service.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::online::Online;
use super::web::{Answer, Web};
use super::{Directory, presented};
use crate::{Chain, ChainSettings, LoadReport, Outcome, Presented};

/// The service, the authenticator's directory, and who asks.
pub(crate) struct Asked {
    pub(crate) web: Web,
    pub(crate) directory: Directory,
    pub(crate) online: Online,
    chain: std::cell::OnceCell<Arc<Chain>>,
}

impl Asked {
    /// `file` with the service's address for `{url}`.
    pub(crate) fn new(file: &str) -> Self {
        let web = Web::start(|_| Answer::new(500, ""));
        let directory = Directory::new();
        let mut file = file.replace("{url}", &web.url(""));
        if !file.contains("[endpoint]") {
            file.push_str("[endpoint]\n");
        }
        let file = file.replace("[endpoint]\n", "[endpoint]\nallow_loopback_http = true\n");
        directory.write("10-corp.toml", file);
        Self {
            web,
            directory,
            online: Online::new(),
            chain: std::cell::OnceCell::new(),
        }
    }

    /// Whatever is asked, this is the answer.
    pub(crate) fn says(&self, answer: Answer) {
        self.web.answer(move |_| answer.clone());
    }

    fn load(&self) -> LoadReport {
        let path: PathBuf = self.directory.path("");
        Chain::load(
            &path,
            &ChainSettings::default(),
            &self.online.services,
            None,
        )
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.load().errors.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn chain(&self) -> &Arc<Chain> {
        self.chain.get_or_init(|| {
            let report = self.load();
            let errors: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
            assert_eq!(errors, Vec::<String>::new());
            report.chain
        })
    }

    pub(crate) fn ask(&self, user: &str, secret: &str) -> Outcome {
        self.ask_as(&presented(user, secret))
    }

    /// What a client of this address gets.
    pub(crate) fn ask_from(&self, address: &str, user: &str, secret: &str) -> Outcome {
        let mut presented = presented(user, secret);
        presented.client.address = Some(address.to_owned());
        self.ask_as(&presented)
    }

    /// What so many get who come at once, each with a token of its own.
    pub(crate) fn crowd(&self, count: usize) -> Vec<Outcome> {
        let mut crowd = JoinSet::new();
        for number in 0..count {
            let (chain, clock) = (Arc::clone(self.chain()), Arc::clone(&self.online.clock));
            let one = presented("token", format!("token-{number}"));
            let asking = async move { chain.authenticate(&one, clock.as_ref()).await };
            crowd.spawn_on(asking, self.online.runtime.handle());
        }
        self.online.wait(crowd.join_all())
    }

    fn ask_as(&self, presented: &Presented) -> Outcome {
        let clock = self.online.clock.as_ref();
        self.online
            .wait(self.chain().authenticate(presented, clock))
    }
}
