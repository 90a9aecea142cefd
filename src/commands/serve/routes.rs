//! Which request means what.

use crate::bridges::door::Head;
use crate::settings::serve::is_id;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// Something to be read.
    Page,
    /// An envelope, or a single event of Sentry's SDKs, for a project.
    Sentry { project: &'a str, kind: &'static str },
    /// A request of OpenTelemetry's: `traces`, `logs` or `metrics`.
    Otlp { kind: &'static str },
    /// A webhook: `sentry` or `pagerduty`.
    Hook { kind: &'static str },
    /// There is nothing here.
    Nothing,
    /// There is something here, but not for this.
    Otherwise,
}

impl<'a> Route<'a> {
    /// Of a request.
    pub(super) fn of(head: &'a Head) -> Self {
        let path = head.path.strip_suffix('/').unwrap_or(&head.path);
        let received = match path {
            "/v1/traces" => Self::Otlp { kind: "traces" },
            "/v1/logs" => Self::Otlp { kind: "logs" },
            "/v1/metrics" => Self::Otlp { kind: "metrics" },
            "/hooks/sentry" => Self::Hook { kind: "sentry" },
            "/hooks/pagerduty" => Self::Hook { kind: "pagerduty" },
            _ => Self::sentry(path),
        };
        match (head.method.as_str(), received) {
            ("GET" | "HEAD", Self::Nothing) => Self::Page,
            ("POST", received) => received,
            (_, Self::Nothing) => Self::Nothing,
            _ => Self::Otherwise,
        }
    }

    fn sentry(path: &'a str) -> Self {
        let Some((project, kind)) = path.strip_prefix("/api/").and_then(|rest| rest.split_once('/')) else {
            return Self::Nothing;
        };
        match kind {
            "envelope" if is_id(project) => Self::Sentry { project, kind: "envelope" },
            "store" if is_id(project) => Self::Sentry { project, kind: "store" },
            _ => Self::Nothing,
        }
    }

    /// The door that it belongs to, as it is counted.
    pub(super) fn door(self) -> &'static str {
        match self {
            Self::Sentry { .. } => "sentry",
            Self::Otlp { .. } => "otlp",
            Self::Hook { .. } => "webhook",
            Self::Page | Self::Nothing | Self::Otherwise => "page",
        }
    }
}

/// Whether a host, with or without a port, is this machine's own name for itself.
pub(super) fn is_own(host: &str) -> bool {
    let bare = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => return inside.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a page of the web that sends something comes from this machine.
pub(super) fn is_own_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, host)| is_own(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_its_own() {
        for own in ["localhost", "LOCALHOST:8127", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:8127"] {
            assert!(is_own(own), "{own}");
        }
        for other in
            ["", "example.org", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1:80", "[::2]:1", "[::1"]
        {
            assert!(!is_own(other), "{other}");
        }
        assert!(
            is_own_origin("http://localhost:3000") && !is_own_origin("null") && !is_own_origin("https://a.example")
        );
    }
}
