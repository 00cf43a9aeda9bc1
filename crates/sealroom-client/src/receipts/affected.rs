//! Which archived runs a broken platform touches.

use super::{Acceptance, Checked, judge, verify};
use sealroom_attest::{Judgement, Outcome, policy::TcbStatus};
use sealroom_protocol::{
    Base64, ComputationId, Dossier, Email, EvidenceKind, PublicKey, Role, Timestamp,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// What has become known: any of these touches a run.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// Advisories, upper case.
    pub advisories: BTreeSet<String>,
    /// Platforms by PPID, PIID or chip id, lower case hexadecimal.
    pub platforms: BTreeSet<String>,
    /// Intel's families of platforms by FMSPC, lower case hexadecimal.
    pub fmspcs: BTreeSet<String>,
}

/// Newer collateral.
#[derive(Clone, Debug)]
pub struct Newer {
    /// For which evidence.
    pub kind: EvidenceKind,
    /// Its items.
    pub endorsements: Vec<Base64>,
}

/// The state of a platform, as it was known at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Known {
    /// In Intel's words; none for AMD, who publishes none.
    pub status: Option<String>,
    /// Open advisories.
    pub advisories: Vec<String>,
}

/// What newer collateral says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Now {
    /// The platform's state.
    #[serde(flatten)]
    pub known: Known,
    /// Why the evidence would be refused now; empty if it would not.
    pub refused: Vec<String>,
}

/// Somebody whose code or data a run had opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// As what.
    pub role: Role,
    /// Its address, by the manifest.
    pub email: Email,
    /// Its signature key.
    pub public_key: PublicKey,
}

/// A run, and what is known of the platform that it was on.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The computation.
    pub computation: ComputationId,
    /// The owner's name for it.
    pub name: String,
    /// Its number.
    pub run: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// The kind of evidence.
    pub kind: EvidenceKind,
    /// Names of the platform.
    pub platforms: Vec<String>,
    /// Intel's family of platforms.
    pub fmspc: Option<String>,
    /// As it was known when the run began.
    pub then: Known,
    /// As it is known now, if there was collateral for this platform.
    pub now: Option<Now>,
    /// Why it is touched; empty if it is not.
    pub because: Vec<String>,
    /// The code provider and the data providers.
    pub providers: Vec<Touched>,
}

/// What came of looking at one file.
#[derive(Clone, Debug)]
pub enum Looked {
    /// The run; touched if it says why.
    Run(Box<Entry>),
    /// Nothing can be said of it: it does not check out. The reasons.
    Unverified(Vec<String>),
}

fn text(judgement: &Judgement, name: &str) -> Option<String> {
    judgement.fields.get(name).and_then(|value| value.as_str()).map(str::to_owned)
}

fn known(judgement: &Judgement) -> Known {
    let advisories = judgement.fields.get("advisories").and_then(|value| value.as_array());
    let advisories = advisories.into_iter().flatten().filter_map(|value| value.as_str());
    Known {
        status: text(judgement, "tcb_status"),
        advisories: advisories.map(str::to_uppercase).collect(),
    }
}

/// Looks at one run. Its platform may have been in any state then: somebody's policy has accepted it. `accepted` is for now.
#[must_use]
pub fn look(
    dossier: &Dossier,
    sought: &Sought,
    newer: &[Newer],
    accepted: &Acceptance<'_>,
    now: u64,
) -> Looked {
    let any = TcbStatus::ACCEPTABLE.into_iter().collect();
    let lenient =
        Acceptance { policy: None, statuses: &any, allow_simulated: true, roots: accepted.roots };
    let Checked { verdict, manifest, receipt, then } = verify(dossier, &lenient);
    let (true, Some(canonical), Some(receipt), Some(then)) =
        (verdict.is_trusted(), manifest, receipt, then)
    else {
        return Looked::Unverified(verdict.failures().map(|check| check.text.clone()).collect());
    };
    let kind = dossier.identity.evidence.kind;
    let judged: Vec<Judgement> = newer
        .iter()
        .filter(|newer| newer.kind == kind)
        .map(|newer| judge(dossier, &canonical, accepted, &newer.endorsements, now))
        .filter(is_of_platform)
        .collect();
    // Several may be of this platform: the newest counts.
    let judged = judged.into_iter().max_by_key(|judgement| judgement.issued);
    let now = judged.map(|judgement| Now {
        known: known(&judgement),
        refused: judgement.verdict.failures().map(|check| check.text.clone()).collect(),
    });
    let manifest = canonical.manifest();
    let providers = manifest.participants().filter(|(id, _)| id.role != Role::ResultConsumer);
    let touched = |(id, part): (sealroom_protocol::ParticipantId, &_)| {
        let part: &sealroom_protocol::manifest::ParticipantPart = part;
        Touched { role: id.role, email: part.email.clone(), public_key: part.public_key }
    };
    let mut entry = Entry {
        computation: receipt.computation,
        name: manifest.computation.name.clone(),
        run: receipt.run,
        started_at: receipt.started_at,
        kind,
        platforms: then.platforms.clone(),
        fmspc: text(&then, "fmspc"),
        then: known(&then),
        now,
        because: vec![],
        providers: providers.map(touched).collect(),
    };
    entry.because = because(&entry, sought);
    Looked::Run(Box::new(entry))
}

/// Whether the collateral was about this platform at all.
fn is_of_platform(judgement: &Judgement) -> bool {
    const ELSEWHERE: [&str; 2] = ["collateral-platform", "tee-type"];
    let elsewhere = |code| ELSEWHERE.contains(&code);
    let mut checks = judgement.verdict.checks.iter();
    !checks.any(|check| check.outcome == Outcome::Failed && elsewhere(check.code))
}

fn because(entry: &Entry, sought: &Sought) -> Vec<String> {
    let mut because = Vec::new();
    for advisory in &sought.advisories {
        if entry.then.advisories.contains(advisory) {
            because.push(format!("{advisory} was open then"));
        } else if entry.now.as_ref().is_some_and(|now| now.known.advisories.contains(advisory)) {
            because.push(format!("{advisory} is known now"));
        }
    }
    let platforms = entry.platforms.iter().filter(|id| sought.platforms.contains(*id));
    because.extend(platforms.map(|id| format!("it ran on platform {id}")));
    let fmspc = entry.fmspc.iter().filter(|fmspc| sought.fmspcs.contains(*fmspc));
    because.extend(fmspc.map(|fmspc| format!("it ran on a platform of family {fmspc}")));
    let refused = entry.now.iter().flat_map(|now| &now.refused);
    because.extend(refused.map(|reason| format!("refused now: {reason}")));
    because
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> BTreeSet<String> {
        BTreeSet::from([text.to_owned()])
    }

    #[test]
    fn a_run_is_touched_by_what_was_known_then_and_by_what_is_known_now() {
        let known = |status: &str, advisories: &[&str]| Known {
            status: Some(status.to_owned()),
            advisories: advisories.iter().map(|id| (*id).to_owned()).collect(),
        };
        let mut entry = Entry {
            computation: ComputationId::random(),
            name: "a room".to_owned(),
            run: 1,
            started_at: Timestamp::UNIX_EPOCH,
            kind: EvidenceKind::Tdx,
            platforms: vec!["aa".to_owned(), "bb".to_owned()],
            fmspc: Some("cc".to_owned()),
            then: known("SWHardeningNeeded", &["INTEL-SA-00001"]),
            now: None,
            because: vec![],
            providers: vec![],
        };
        let advisory = |id| Sought { advisories: set(id), ..Sought::default() };
        assert_eq!(because(&entry, &Sought::default()), [""; 0]);
        assert_eq!(because(&entry, &advisory("INTEL-SA-00001")), ["INTEL-SA-00001 was open then"]);
        assert_eq!(because(&entry, &advisory("INTEL-SA-00002")), [""; 0]);
        let platform = Sought { platforms: set("bb"), ..Sought::default() };
        assert_eq!(because(&entry, &platform), ["it ran on platform bb"]);
        let fmspc = Sought { fmspcs: set("cc"), ..Sought::default() };
        assert_eq!(because(&entry, &fmspc), ["it ran on a platform of family cc"]);
        let elsewhere = Sought { platforms: set("cc"), fmspcs: set("aa"), ..Sought::default() };
        assert_eq!(because(&entry, &elsewhere), [""; 0]);
        let known = known("OutOfDate", &["INTEL-SA-00002"]);
        entry.now = Some(Now { known, refused: vec!["it is out of date".to_owned()] });
        let found = because(&entry, &advisory("INTEL-SA-00002"));
        assert_eq!(found, ["INTEL-SA-00002 is known now", "refused now: it is out of date"]);
    }
}
