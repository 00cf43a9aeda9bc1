//! Which layers the jail around a run has on the enclave's machine, and what that comes to.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How much of the jail holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JailLevel {
    /// Landlock and seccomp, without which no code is run at all. The code shares the machine's processes, and
    /// its memory is bounded for each process alone.
    Minimum,
    /// Namespaces and a root of its own keep the code away from the network and everything else there is.
    Walled,
    /// All layers, those that bound shared memory, processes and processor time included.
    Full,
}

/// Without one of these, code could reach something outside.
const WALLS: [&str; 5] =
    ["mount-namespace", "network-namespace", "pid-namespace", "private-root", "seccomp"];
/// What makes a walled jail a full one.
const REST: [&str; 7] = [
    "cgroup-namespace",
    "cpu-cgroup",
    "ipc-namespace",
    "memory-cgroup",
    "pids-cgroup",
    "rlimits",
    "uts-namespace",
];
/// The run is not who the enclave is: either will do.
const IDENTITY: [&str; 2] = ["uid-drop", "user-namespace"];
const LANDLOCK: &str = "landlock";

/// The jail as the enclave found it on its machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JailPart {
    /// What it comes to.
    pub level: JailLevel,
    /// The layers that hold, sorted by name.
    pub layers: Vec<String>,
    /// Those of a full jail that do not, sorted by name.
    pub missing: Vec<String>,
}

impl JailPart {
    /// Judges a list of layers.
    #[must_use]
    pub fn of(mut layers: Vec<String>) -> Self {
        layers.sort();
        let has = |name: &str| layers.iter().any(|layer| layer == name);
        let lacks = |names: &[&str]| -> Vec<String> {
            names.iter().filter(|name| !has(name)).map(|name| (*name).to_owned()).collect()
        };
        // Its name ends with the version that the kernel has.
        let landlock = layers.iter().any(|layer| layer.starts_with(LANDLOCK));
        let mut missing = lacks(&WALLS);
        missing.extend((!landlock).then(|| LANDLOCK.to_owned()));
        let walled = missing.is_empty();
        missing.extend(lacks(&REST));
        if !IDENTITY.iter().any(|name| has(name)) {
            missing.push(IDENTITY.join(" or "));
        }
        missing.sort();
        let level = match (walled, missing.is_empty()) {
            (true, true) => JailLevel::Full,
            (true, false) => JailLevel::Walled,
            (false, _) => JailLevel::Minimum,
        };
        Self { level, layers, missing }
    }
}

impl fmt::Display for JailLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minimum => "minimum",
            Self::Walled => "walled",
            Self::Full => "full",
        })
    }
}

/// Not a level.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level of the jail: `minimum`, `walled` or `full`")]
pub struct ParseJailLevelError(String);

impl FromStr for JailLevel {
    type Err = ParseJailLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Minimum, Self::Walled, Self::Full]
            .into_iter()
            .find(|level| level.to_string() == text)
            .ok_or_else(|| ParseJailLevelError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Vec<String> {
        let layers = WALLS.iter().chain(&REST).chain(&IDENTITY[..1]).chain(&["landlock-abi-7"]);
        layers.map(|layer| (*layer).to_owned()).collect()
    }

    #[test]
    fn each_missing_layer_is_named_and_lowers_the_level() {
        assert_eq!(JailPart::of(full()).level, JailLevel::Full);
        assert!(JailPart::of(full()).missing.is_empty());
        for layer in full() {
            let others: Vec<String> = full().into_iter().filter(|other| *other != layer).collect();
            let jail = JailPart::of(others);
            let wall = WALLS.contains(&layer.as_str()) || layer.starts_with(LANDLOCK);
            let level = if wall { JailLevel::Minimum } else { JailLevel::Walled };
            assert_eq!((jail.level, jail.missing.len()), (level, 1), "{layer}");
        }
    }

    #[test]
    fn either_identity_will_do_and_further_layers_change_nothing() {
        let mut layers: Vec<String> =
            full().into_iter().filter(|layer| layer != "uid-drop").collect();
        layers.extend(["user-namespace".to_owned(), "time-namespace".to_owned()]);
        let jail = JailPart::of(layers);
        assert_eq!(jail.level, JailLevel::Full);
        assert!(jail.layers.is_sorted());
    }

    #[test]
    fn levels_are_ordered_and_have_names() {
        assert!(JailLevel::Minimum < JailLevel::Walled && JailLevel::Walled < JailLevel::Full);
        assert_eq!("walled".parse(), Ok(JailLevel::Walled));
        assert!("strong".parse::<JailLevel>().is_err());
    }
}
