//! A service with a log of its own, asked as an auditor asks.

use serde_json::Value;
use titer::formats::note::Signer;

use super::audited::{ORIGIN, sealer, writer};
use super::service::Service;
use super::{Ending, day};

/// The key that approves.
pub fn approver() -> Signer {
    Signer::new("example.org/shop/lead", [3; 32]).unwrap()
}

/// A service with a log of its own.
pub struct Audit(pub Service);

impl Audit {
    pub fn of(modules: &[&str]) -> Self {
        let service = Service::of(modules);
        let keys = [sealer(), writer(), approver()].map(|key| key.public().to_string());
        let [sealer, writer, approver] = keys;
        let audit = format!(
            "default_branch = \"main\"\n[audit]\norigin = \"{ORIGIN}\"\nsealer = \"{sealer}\"\nwriters = [\"{writer}\"]\napprovers = [\"{approver}\"]\n"
        );
        service.repository.write("titer.toml", audit);
        service.repository.write(".gitattributes", ".titer/** -text\n");
        service.repository.git(&["branch", "-M", "main"]);
        service.commit(360, "policy");
        service.record();
        service.learn(&[], 360, 0);
        Self(service)
    }

    pub fn titer(&self, arguments: &[&str]) -> Ending {
        self.0.repository.titer(arguments)
    }

    /// The same with a private key at hand.
    pub fn with_key(&mut self, key: Option<&Signer>) {
        let name = "TITER_SIGNING_KEY".to_owned();
        match key {
            Some(key) => drop(self.0.repository.variables.insert(name, key.secret())),
            None => drop(self.0.repository.variables.remove(&name)),
        }
    }

    /// What a command says as JSON; it must work.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let done = self.titer(&[&["audit"], arguments, &["--json"]].concat());
        assert_eq!(done.code, Some(0), "{arguments:?}: {}{}", done.stdout, done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    pub fn seal(&mut self) -> Ending {
        self.with_key(Some(&sealer()));
        let done = self.titer(&["audit", "seal"]);
        self.with_key(None);
        done
    }

    pub fn sealed(&mut self) {
        let done = self.seal();
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    }
}
