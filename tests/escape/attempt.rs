//! One attempt as its file tells it, and the closed grammar of what may stop it.

use std::time::Duration;

use sealroom_sandbox::{Bound, Exit, Limits};
use serde::Deserialize;

use crate::common::Ran;
use crate::tier::Walls;

/// Signals by which the kernel ends what it does not let go on.
const SIGNALS: [(&str, i32); 4] = [("SIGABRT", 6), ("SIGKILL", 9), ("SIGSEGV", 11), ("SIGSYS", 31)];
const BOUNDS: [(&str, Bound); 5] = [
    ("channel", Bound::Channel),
    ("memory", Bound::Memory),
    ("processor time", Bound::ProcessorTime),
    ("results", Bound::Results),
    ("storage", Bound::Storage),
];

/// Far more than any attempt needs, on a busy machine too.
pub(crate) const USUAL_WALL: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    attempt: Vec<Attempt>,
}

/// An entry of a family's file. README.md beside this says what each field is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attempt {
    pub(crate) name: String,
    /// What it would gain.
    pub(crate) why: String,
    pub(crate) program: String,
    blocked: String,
    blocked_as_user: Option<String>,
    blocked_without_namespaces: Option<String>,
    /// A run before this one, which leaves something behind.
    pub(crate) before: Option<String>,
    pub(crate) twin: String,
    /// A layer of the jail without which there is nothing to try.
    needs: Option<String>,
    twin_needs: Option<String>,
    /// The only processor that has this.
    processor: Option<String>,
    /// Results that it may leave with the host, by name.
    #[serde(default)]
    pub(crate) results: Vec<String>,
    /// Whether the host takes longer than the run's time to store a piece of a result.
    #[serde(default)]
    pub(crate) slow_storage: bool,
    #[serde(default)]
    limits: Bounds,
}

/// Limits that an attempt needs to be other than usual.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    wall_ms: Option<u64>,
    memory_mib: Option<u64>,
    processes: Option<u32>,
    scratch_mib: Option<u64>,
    result_bytes: Option<u64>,
    result_count: Option<u32>,
    log_bytes: Option<u64>,
}

/// Reads a family.
pub(crate) fn parse(text: &str) -> Vec<Attempt> {
    let file: File = basic_toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    file.attempt
}

impl Attempt {
    /// Whether this machine and this jail have what it is about.
    pub(crate) fn applies(&self, layers: &[String]) -> bool {
        let processor = self.processor.as_deref();
        has(layers, self.needs.as_deref())
            && processor.is_none_or(|name| name == std::env::consts::ARCH)
    }

    pub(crate) fn twin_applies(&self, layers: &[String]) -> bool {
        has(layers, self.twin_needs.as_deref())
    }

    /// What must stop it.
    pub(crate) fn expected(&self, walls: Walls) -> Blocked<'_> {
        let user = self.blocked_as_user.as_ref().unwrap_or(&self.blocked);
        Blocked(match walls {
            Walls::Root => &self.blocked,
            Walls::User => user,
            Walls::WithoutNamespaces => self.blocked_without_namespaces.as_ref().unwrap_or(user),
        })
    }

    /// All expectations, whatever the walls.
    pub(crate) fn all_expected(&self) -> impl Iterator<Item = Blocked<'_>> {
        let others = [&self.blocked_as_user, &self.blocked_without_namespaces];
        let others = others.into_iter().flatten();
        std::iter::once(&self.blocked).chain(others).map(|text| Blocked(text))
    }

    pub(crate) fn limits(&self) -> Limits {
        let wanted = &self.limits;
        Limits {
            wall: wanted.wall_ms.map_or(USUAL_WALL, Duration::from_millis),
            memory_bytes: wanted.memory_mib.unwrap_or(512) << 20,
            processes: wanted.processes.unwrap_or(64),
            cpus: None,
            scratch_bytes: wanted.scratch_mib.unwrap_or(32) << 20,
            result_bytes: wanted.result_bytes.unwrap_or(1 << 20),
            result_count: wanted.result_count.unwrap_or(4),
            log_bytes: wanted.log_bytes.unwrap_or(64 << 10),
        }
    }
}

fn has(layers: &[String], wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| layers.iter().any(|layer| layer == wanted))
}

/// What must stop an attempt: one or several of the words of [`told`], between bars.
#[derive(Clone, Copy)]
pub(crate) struct Blocked<'a>(&'a str);

impl<'a> Blocked<'a> {
    /// Whether `ran` was stopped by it.
    pub(crate) fn explains(self, ran: &Ran) -> bool {
        let found = told(ran);
        self.ways().any(|way| {
            match way.strip_prefix("limit: ").and_then(|way| way.split_once(": ")) {
                Some((bound, words)) => {
                    found == format!("limit: {bound}")
                        && excess(ran).is_some_and(|e| e.contains(words))
                }
                None => way == found,
            }
        })
    }

    fn ways(self) -> impl Iterator<Item = &'a str> {
        self.0.split(" | ")
    }

    /// What in it is none of the words that there are.
    pub(crate) fn mistake(self) -> Option<String> {
        self.ways().find(|way| !is_word(way)).map(str::to_owned)
    }
}

impl std::fmt::Display for Blocked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

fn is_word(way: &str) -> bool {
    if let Some(limit) = way.strip_prefix("limit: ") {
        let bound = limit.split_once(": ").map_or(limit, |(bound, _)| bound);
        return BOUNDS.iter().any(|(name, _)| *name == bound);
    }
    if let Some(signal) = way.strip_prefix("killed by ") {
        return SIGNALS.iter().any(|(name, _)| *name == signal);
    }
    if let Some(exception) = way.strip_prefix("raises ") {
        return exception.ends_with("Error");
    }
    let errno =
        way.starts_with('E') && way.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    errno || matches!(way, "nothing" | "no trace" | "log cut" | "timed out")
}

/// How a run ended, in the words of the attempts' files; anything else as the host tells it.
pub(crate) fn told(ran: &Ran) -> String {
    let said = ran.log.lines().rev().find_map(|line| line.strip_prefix("outcome: "));
    match (&ran.outcome.exit, said) {
        (Exit::Code(0 | 3), Some(said)) => said.to_owned(),
        (Exit::Code(0), None) if ran.outcome.log_truncated => "log cut".to_owned(),
        (Exit::Code(0), None) => "no trace".to_owned(),
        (Exit::TimedOut, _) => "timed out".to_owned(),
        (Exit::Signal(number), _) => match SIGNALS.iter().find(|(_, known)| known == number) {
            Some((name, _)) => format!("killed by {name}"),
            None => format!("killed by signal {number}"),
        },
        (Exit::LimitExceeded(found), _) => match BOUNDS.iter().find(|(_, b)| *b == found.bound) {
            Some((name, _)) => format!("limit: {name}"),
            None => format!("{found:?}"),
        },
        (other, _) => format!("{other:?}"),
    }
}

/// What the host says of a limit.
pub(crate) fn excess(ran: &Ran) -> Option<&str> {
    match &ran.outcome.exit {
        Exit::LimitExceeded(found) => Some(&found.words),
        _ => None,
    }
}
