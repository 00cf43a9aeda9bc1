//! The newest state of the manufacturers' that this profile has relied on: an older one is shown by somebody who wants
//! it believed.

use crate::{ClientError, Profile};
use sealroom_attest::{Check, Judgement, Rule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was seen of one family of platforms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Intel's evaluation data number; 0 where there is none.
    pub number: u64,
    /// When the newest part of it was issued, seconds since 1970.
    pub issued: u64,
}

/// By family: an FMSPC of Intel's.
pub type AllSeen = BTreeMap<String, Seen>;

/// What a judgement rests on, if it rests on a state that has a number.
#[must_use]
pub fn of(judgement: &Judgement) -> Option<(String, Seen)> {
    let family = judgement.fields.get("fmspc")?.as_str()?.to_owned();
    let number = judgement.fields.get("eval_data_number")?.as_u64()?;
    Some((family, Seen { number, issued: judgement.issued? }))
}

/// Compares with what was seen before. Collateral of the same number may be older by a while: services keep it for some
/// weeks, and each has its own.
#[must_use]
pub fn check(judgement: &Judgement, before: &AllSeen) -> Option<Check> {
    let (family, now) = of(judgement)?;
    let rule = Rule::NotRolledBack;
    let before = before.get(&family)?;
    let text = format!(
        "Intel's state of {family} has number {}, {} was seen before",
        now.number, before.number
    );
    Some(match now.number >= before.number {
        true => Check::passed(rule.group(), rule.code(), text),
        false => Check::failed(rule.group(), rule.code(), text, rule.hint()),
    })
}

const FILE: &str = "collateral-seen.json";

impl Profile {
    /// What this profile has relied on.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn seen_collateral(&self) -> Result<AllSeen, ClientError> {
        Ok(self.load(FILE)?.unwrap_or_default())
    }

    /// Remembers what a trusted judgement rests on.
    pub(crate) fn see_collateral(&self, family: String, seen: Seen) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        let mut all = self.seen_collateral()?;
        let newest = all.entry(family).or_default();
        if seen <= *newest {
            return Ok(());
        }
        *newest = seen;
        self.store(FILE, &serde_json::to_vec(&all).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(number: u64) -> Judgement {
        let fields = json!({ "fmspc": "00606a000000", "eval_data_number": number });
        Judgement {
            verdict: vec![].into(),
            fields: fields.as_object().unwrap().clone(),
            platforms: vec![],
            issued: Some(7),
            expires: None,
        }
    }

    #[test]
    fn an_older_state_than_one_that_was_relied_on_is_refused() {
        let profile_dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(&profile_dir.path().join("p"), None).unwrap();
        assert_eq!(check(&judged(17), &profile.seen_collateral().unwrap()), None);
        let (family, seen) = of(&judged(17)).unwrap();
        profile.see_collateral(family.clone(), seen).unwrap();
        let codes = |number| {
            let check = check(&judged(number), &profile.seen_collateral().unwrap()).unwrap();
            (check.code, check.outcome == sealroom_attest::Outcome::Passed)
        };
        assert_eq!(codes(17), ("not-rolled-back", true));
        assert_eq!(codes(18), ("not-rolled-back", true));
        assert_eq!(codes(16), ("not-rolled-back", false));
        // What is older is not remembered in its place.
        profile.see_collateral(family, Seen { number: 3, issued: 9 }).unwrap();
        assert_eq!(codes(16), ("not-rolled-back", false));
    }
}
