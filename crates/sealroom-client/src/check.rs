//! Verifying: is this enclave what I think it is? Pure: what is known comes in, a verdict comes out.

use crate::seen::{self, AllSeen, Seen};
use sealroom_advisories::Advisories;
use sealroom_attest::{Check, Group, Judgement, Outcome, Rule, Verdict};
use sealroom_protocol::{
    Base64, Challenge, CodeFile, ComputationId, Digest, Email, Evidence, JailLevel, JailPart, Lock,
    LogPolicy, Manifest, ParticipantId, Policy, PublicKey, Role, Suite, api,
    code::code_digest,
    manifest::{CanonicalManifest, ParticipantPart},
};

mod channel;
pub mod packages;

/// What a participant knows, and what it accepts.
#[derive(Debug)]
pub struct Expectation<'a> {
    /// The computation that was asked about.
    pub computation: ComputationId,
    /// The participant's address.
    pub email: &'a Email,
    /// The roles and keys that it has joined with.
    pub keys: Vec<(Role, PublicKey)>,
    /// The key that it takes part with elsewhere: the 2022 client's.
    pub public_key: Option<PublicKey>,
    /// What it created, if it is the owner.
    pub created: Option<&'a api::NewComputation>,
    /// The code that it pushed, if it is the code provider.
    pub pushed_code: Option<&'a [CodeFile]>,
    /// The digest of the code that it was told, if it was.
    pub code_digest: Option<Digest>,
    /// The packages that it pushed with its code, if it is the code provider and there are any.
    pub pushed_lock: Option<&'a Lock>,
    /// Known vulnerabilities, if it has imported any.
    pub advisories: Option<&'a Advisories>,
    /// The manifest that it looked at before, if it did.
    pub verified: Option<Digest>,
    /// The widest limits that it agrees to.
    pub bounds: &'a Policy,
    /// Whether a computation that protects nothing will do.
    pub allow_dev_mode: bool,
    /// The least jail that will do.
    pub require_jail: JailLevel,
    /// What came of asking the enclave for evidence made now.
    pub fresh: Fresh,
    /// What vouches for its evidence; empty to use what came with it.
    pub endorsements: &'a [Base64],
    /// What evidence it accepts.
    pub attestation: sealroom_attest::Policy,
    /// The newest state of the manufacturers' that was relied on.
    pub seen: AllSeen,
    /// Seconds since 1970.
    pub now: u64,
}

/// What came of asking the enclave for evidence made now.
#[derive(Debug)]
pub enum Fresh {
    /// It was not asked.
    NotAsked,
    /// There is no answer, and why.
    Silent(String),
    /// Its answer.
    Answered(Challenge, Evidence),
    /// What the enclave itself, asked where it listens, has said; or why it has not.
    Direct(sealroom_channel::Address, Result<sealroom_channel::Heard, String>),
}

/// A finished verification.
#[derive(Debug)]
pub struct Verification {
    /// What it came to.
    pub verdict: Verdict,
    /// The manifest, if there is one.
    pub manifest: Option<CanonicalManifest>,
    /// The state of the manufacturer's that it rests on, by family of platforms.
    pub rests_on: Option<(String, Seen)>,
}

/// Checks a published identity against what the participant knows.
#[must_use]
pub fn verify(identity: &api::Identity, expected: &Expectation<'_>) -> Verification {
    let canonical = match CanonicalManifest::parse(&identity.manifest) {
        Ok(canonical) => canonical,
        Err(error) => {
            let hint = "do not approve; the server or the enclave has a fault";
            let failed =
                Check::failed(Group::Computation, "manifest-unreadable", error.to_string(), hint);
            return Verification { verdict: vec![failed].into(), manifest: None, rests_on: None };
        }
    };
    let manifest = canonical.manifest();
    let mut checks =
        vec![check_computation(manifest, expected), check_dev_mode(manifest, expected)];
    checks
        .extend(expected.keys.iter().map(|key| check_participant(manifest, expected.email, *key)));
    checks.extend(expected.public_key.map(|key| check_public_key(manifest, expected.email, key)));
    let known = expected.created.is_some() || expected.public_key.is_some();
    if expected.keys.is_empty() && !known {
        let hint = "join first with `sealroom join`";
        let text = "you have joined with no key from this profile";
        checks.push(Check::failed(Group::Computation, "not-joined", text, hint));
    }
    checks.extend(expected.created.map(|created| check_roster(manifest, created)));
    checks.extend(expected.verified.map(|seen| check_unchanged(seen, canonical.digest())));
    checks.push(check_code(manifest, expected));
    checks.extend(packages::check(manifest, expected));
    let suites = manifest.participants();
    checks.extend(suites.filter_map(|(id, part)| check_suite(id, part, expected.bounds)));
    checks.push(check_limits(manifest, expected));
    checks.push(check_jail(manifest, expected));
    // The digest is computed here, from the text that was checked: nobody's word for it counts.
    checks.push(check_sealing_key(identity));
    checks.push(check_shown_key(identity));
    let judge = |evidence: &Evidence, challenge: &[u8]| {
        let report_data = identity.keys.report_data(&canonical.digest(), challenge);
        let mut judged = sealroom_attest::verify(&sealroom_attest::Request {
            evidence,
            endorsements: expected.endorsements,
            report_data: Some(&report_data),
            measure: sealroom_attest::Measure::Policy(&expected.attestation),
            now: expected.now,
            roots: &sealroom_attest::Roots::pinned(),
        });
        judged.verdict.checks.insert(0, check_kind(manifest, evidence));
        judged
    };
    let published = judge(&identity.evidence, &[]);
    checks.extend(match &expected.fresh {
        Fresh::Direct(address, heard) => {
            let here = (&canonical.digest(), &identity.keys);
            channel::check(address, heard, here, &published, judge)
        }
        fresh => check_fresh(fresh, &published, judge),
    });
    checks.extend(seen::check(&published, &expected.seen));
    let rests_on = seen::of(&published);
    checks.extend(published.verdict.checks);
    Verification { verdict: checks.into(), manifest: Some(canonical), rests_on }
}

/// The manifest says what vouches for the enclave; everybody approves that.
fn check_kind(manifest: &Manifest, evidence: &Evidence) -> Check {
    let (rule, said, found) = (Rule::EvidenceKind, manifest.runtime.attester, evidence.kind);
    if said == found {
        let text = format!("the evidence is of kind `{found}`, as the manifest says");
        return Check::passed(rule.group(), rule.code(), text);
    }
    let text = format!("the evidence is of kind `{found}`, the manifest says `{said}`");
    Check::failed(rule.group(), rule.code(), text, rule.hint())
}

/// Evidence made for a challenge has to pass by itself, and to come from where the published evidence does.
fn check_fresh(
    fresh: &Fresh,
    published: &Judgement,
    judge: impl Fn(&Evidence, &[u8]) -> Judgement,
) -> Vec<Check> {
    let rule = Rule::Challenge;
    match fresh {
        Fresh::NotAsked => {
            let text = "the enclave was not asked for evidence made now: it may be gone";
            vec![Check::failed(rule.group(), rule.code(), text, rule.hint()).warned()]
        }
        Fresh::Silent(why) => {
            let text = format!("the enclave gives no evidence for a challenge: {why}");
            vec![Check::failed(rule.group(), rule.code(), text, rule.hint())]
        }
        Fresh::Direct(..) => vec![],
        Fresh::Answered(challenge, evidence) => {
            let answer = judge(evidence, challenge.as_bytes());
            let mut checks: Vec<Check> = answer.verdict.failures().cloned().collect();
            // What fails alike in both is told once.
            checks.retain(|check| !published.verdict.checks.contains(check));
            for check in &mut checks {
                check.text = format!("in its answer to a challenge: {}", check.text);
            }
            if answer.platforms != published.platforms {
                let text =
                    "it answers a challenge from another machine than the published evidence names";
                let rule = Rule::Composition;
                checks.push(Check::failed(rule.group(), rule.code(), text, rule.hint()));
            }
            let mut bound = answer.verdict.checks.iter();
            let bound =
                bound.any(|c| c.code == Rule::ReportData.code() && c.outcome == Outcome::Passed);
            checks.push(if bound && checks.is_empty() {
                let text = format!(
                    "the enclave lives: it has answered the challenge {challenge} just now"
                );
                Check::passed(rule.group(), rule.code(), text)
            } else {
                let text = format!("the challenge {challenge} has no answer that is accepted");
                Check::failed(rule.group(), rule.code(), text, rule.hint())
            });
            checks
        }
    }
}

fn check_computation(manifest: &Manifest, expected: &Expectation<'_>) -> Check {
    let found = manifest.computation.uuid;
    if found == expected.computation {
        let name = &manifest.computation.name;
        return Check::passed(
            Group::Computation,
            "computation",
            format!("it is `{name}`, {found}"),
        );
    }
    Check::failed(
        Group::Computation,
        "other-computation",
        format!("the manifest is of computation {found}"),
        "do not approve; the server shows another computation",
    )
}

fn check_dev_mode(manifest: &Manifest, expected: &Expectation<'_>) -> Check {
    if !manifest.computation.dev_mode {
        return Check::passed(Group::Computation, "not-dev-mode", "it is not in development mode");
    }
    let check = Check::failed(
        Group::Computation,
        "dev-mode",
        "DEVELOPMENT MODE: this computation protects nothing",
        "for trying things out with data that is not secret, add --allow-dev-mode",
    );
    if expected.allow_dev_mode { check.warned() } else { check }
}

fn check_participant(manifest: &Manifest, email: &Email, (role, key): (Role, PublicKey)) -> Check {
    let with_key: Vec<_> = manifest.participants.iter().filter(|p| p.public_key == key).collect();
    let native = |p: &&ParticipantPart| p.suite == Suite::Hybrid;
    let mine = |p: &&ParticipantPart| p.role == role && p.email == *email && native(p);
    if with_key.len() == 1 && with_key.iter().all(mine) {
        let text = format!("you are in it as {role}, with your key {}", short(&key));
        return Check::passed(Group::Computation, "participant", text);
    }
    Check::failed(
        Group::Computation,
        "participant-missing",
        format!("your key {} is not in it as that of {role} {email}", short(&key)),
        "do not approve; somebody else would take part in your place",
    )
}

fn check_public_key(manifest: &Manifest, email: &Email, key: PublicKey) -> Check {
    let with_key: Vec<_> = manifest.participants().filter(|(_, p)| p.public_key == key).collect();
    match with_key.as_slice() {
        [(id, part)] if part.email == *email => {
            let text =
                format!("you are in it as {id}, with the key {} of `{}`", short(&key), part.suite);
            Check::passed(Group::Computation, "participant", text)
        }
        _ => Check::failed(
            Group::Computation,
            "participant-missing",
            format!("the key {} is not in it as that of {email}", short(&key)),
            "do not release your key; somebody else would take part in your place",
        ),
    }
}

/// What a participant's formats can't protect.
fn check_suite(id: ParticipantId, part: &ParticipantPart, bounds: &Policy) -> Option<Check> {
    if part.suite.binds_places() {
        return None;
    }
    let problem = match id.role {
        Role::CodeProvider => "it signs no list of its files: they are the server's word",
        Role::DataProvider => {
            "it signs no list of its files: the server could leave some out, repeat or reorder them"
        }
        Role::ResultConsumer => "the server could give it the result of another run, or nothing",
    };
    let text = format!(
        "{id} {} uses the 2022 suite `{}`: {problem}; and its client gives what the safety words stand \
         for to whatever enclave the server shows it",
        part.email, part.suite
    );
    let hint = "ask the owner for a computation made with `sealroom new --suites hybrid`";
    let check = Check::failed(Group::Computation, "suite-unbound", text, hint);
    Some(if bounds.allows(part.suite) { check.warned() } else { check })
}

fn check_roster(manifest: &Manifest, created: &api::NewComputation) -> Check {
    let listed = |role| -> Vec<&Email> {
        manifest.participants.iter().filter(|p| p.role == role).map(|p| &p.email).collect()
    };
    let same = listed(Role::CodeProvider) == [&created.code_provider_email]
        && listed(Role::DataProvider) == created.data_providers_emails.iter().collect::<Vec<_>>()
        && listed(Role::ResultConsumer)
            == created.result_consumers_emails.iter().collect::<Vec<_>>()
        && manifest.policy == created.policy.clone().unwrap_or_default()
        && manifest.computation.dev_mode == created.dev_mode;
    if same {
        let text = "participants and limits are those that you named";
        return Check::passed(Group::Computation, "as-created", text);
    }
    Check::failed(
        Group::Computation,
        "not-as-created",
        "participants or limits are not those that you named",
        "do not approve; the server has changed what you created",
    )
}

fn check_code(manifest: &Manifest, expected: &Expectation<'_>) -> Check {
    let found = code_digest(&manifest.code);
    if let Some(pushed) = expected.pushed_code {
        let mut pushed = pushed.to_vec();
        pushed.sort_by(|a, b| a.path.cmp(&b.path));
        if pushed == manifest.code {
            let text = format!("the code is what you pushed: {} files, {found}", pushed.len());
            return Check::passed(Group::Code, "code-as-pushed", text);
        }
        return Check::failed(
            Group::Code,
            "code-differs",
            format!("the code is not what you pushed{}", first_difference(&pushed, &manifest.code)),
            "see who pushed last with `sealroom audit`; do not approve",
        );
    }
    match expected.code_digest {
        Some(wanted) if wanted == found => Check::passed(
            Group::Code,
            "code-as-told",
            format!("the code is the one you named: {found}"),
        ),
        Some(wanted) => Check::failed(
            Group::Code,
            "code-differs",
            format!("the code is {found}, you named {wanted}"),
            "ask the code provider which digest is right; do not approve",
        ),
        None if !code_is_signed(manifest) => unsigned_code(manifest, found, expected),
        None => {
            let sealed = manifest.code.iter().filter(|f| f.sealed).count();
            let text =
                format!("{} files, {sealed} sealed, code digest {found}", manifest.code.len());
            Check::passed(Group::Code, "code-noted", text)
        }
    }
}

/// Who has data at stake does not release its key to code that nobody answers for.
fn unsigned_code(manifest: &Manifest, found: Digest, expected: &Expectation<'_>) -> Check {
    let text = format!(
        "the code is the server's word, for its provider uses the 2022 suite: digest {found}"
    );
    let hint = "ask the code provider for the digest of its archive, which `sealroom code digest --archive \
                FILE` prints, and add it as --code-digest";
    let check = Check::failed(Group::Code, "code-unsigned", text, hint);
    let mine = |key: &PublicKey| {
        expected.public_key == Some(*key) || expected.keys.iter().any(|(_, known)| known == key)
    };
    let mut providers = manifest.participants.iter().filter(|p| p.role == Role::DataProvider);
    let at_stake = providers.any(|provider| mine(&provider.public_key));
    if at_stake { check } else { check.warned() }
}

/// Whether the code provider approves the manifest, and with it the digests of its files.
fn code_is_signed(manifest: &Manifest) -> bool {
    let mut providers = manifest.participants.iter().filter(|p| p.role == Role::CodeProvider);
    providers.all(|provider| provider.suite.binds_places())
}

fn check_unchanged(seen: Digest, found: Digest) -> Check {
    if seen == found {
        let text = "the manifest is the one that you looked at";
        return Check::passed(Group::Computation, "as-verified", text);
    }
    Check::failed(
        Group::Computation,
        "manifest-changed",
        format!("the manifest is not the one that you looked at, {seen}"),
        "look at what has changed with `sealroom verify`, then approve",
    )
}

fn check_jail(manifest: &Manifest, expected: &Expectation<'_>) -> Check {
    // Judged here, from the layers: the enclave's own judgement is for those who only read.
    let jail = JailPart::of(manifest.runtime.jail.layers.clone());
    if jail.level == JailLevel::Full {
        let text = format!("the jail is full: {} layers", jail.layers.len());
        return Check::passed(Group::Limits, "jail", text);
    }
    let lacks = jail.missing.join(", ");
    let means = match jail.level {
        JailLevel::Minimum => "the code may reach more than it should",
        _ => "the code is kept away from everything else, but could take more of the machine",
    };
    let check = Check::failed(
        Group::Limits,
        "jail-weak",
        format!("the jail is not full, it is `{}`: {means}; it lacks {lacks}", jail.level),
        "have the enclave run where it may make namespaces and cgroups; for code that you trust, say less \
         with --require-jail",
    );
    if jail.level >= expected.require_jail { check.warned() } else { check }
}

fn first_difference(pushed: &[CodeFile], found: &[CodeFile]) -> String {
    let differs = pushed.iter().find(|file| !found.contains(file));
    match (differs, found.iter().find(|file| !pushed.contains(file))) {
        (Some(file), _) => format!(": `{}` is other or missing", file.path),
        (None, Some(file)) => format!(": `{}` is new", file.path),
        (None, None) => String::new(),
    }
}

fn check_limits(manifest: &Manifest, expected: &Expectation<'_>) -> Check {
    let mut policy = manifest.policy.clone();
    // Logs that only this participant can read are no concession of its own.
    let is_code_provider = expected.keys.iter().any(|(role, _)| *role == Role::CodeProvider);
    if is_code_provider && policy.logs == LogPolicy::CodeProvider {
        policy.logs = LogPolicy::None;
    }
    let wider = policy.wider_than(expected.bounds);
    if wider.is_empty() {
        return Check::passed(Group::Limits, "limits", "the limits are no wider than you allow");
    }
    Check::failed(
        Group::Limits,
        "limits-too-wide",
        wider.join("; "),
        "if you agree, widen `policy.json` in your profile; otherwise talk to the owner",
    )
}

fn check_sealing_key(identity: &api::Identity) -> Check {
    match identity.keys.sealing_key() {
        Ok(_) => Check::passed(Group::Identity, "keys", "the identity has well-formed keys"),
        Err(error) => {
            let hint = "do not approve; the enclave has a fault";
            Check::failed(Group::Identity, "bad-keys", error.to_string(), hint)
        }
    }
}

/// The 2022 client seals to a key that the server shows in a field of its own.
fn check_shown_key(identity: &api::Identity) -> Check {
    let (key, quote) = (identity.keys.signing, identity.evidence.quote.to_string());
    if identity.public_key == key.as_bytes() && identity.quote == quote {
        return Check::passed(
            Group::Identity,
            "identity-key",
            format!("the identity's key is {key}"),
        );
    }
    let text = "the server shows the 2022 client another key or quote than this identity's";
    let hint = "do not release a key; the server has a fault, or lies";
    Check::failed(Group::Identity, "other-identity-shown", text, hint)
}

fn short(key: &PublicKey) -> String {
    key.to_string().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(checks: Vec<Check>, platform: &str) -> Judgement {
        Judgement {
            verdict: checks.into(),
            fields: serde_json::Map::new(),
            platforms: vec![platform.to_owned()],
            issued: None,
            expires: None,
        }
    }

    #[test]
    fn an_answer_counts_only_if_it_is_bound_accepted_and_from_the_same_machine() {
        let rule = Rule::ReportData;
        let bound = || vec![Check::passed(rule.group(), rule.code(), "bound")];
        let unbound = || vec![Check::failed(rule.group(), rule.code(), "not bound", "")];
        let rows = [
            ("bound", bound(), bound(), "here", true),
            // Told once, in the published evidence; but this is no sign of life.
            ("both are for something else", unbound(), unbound(), "here", false),
            ("the answer is for something else", bound(), unbound(), "here", false),
            ("another machine", bound(), bound(), "there", false),
            ("nothing was looked at", bound(), vec![], "here", false),
        ];
        for (name, published, answer, platform, good) in rows {
            let kind = sealroom_protocol::EvidenceKind::Simulated;
            let evidence = Evidence { kind, quote: Base64(vec![]), endorsements: vec![] };
            let fresh = Fresh::Answered(Challenge::random(), evidence);
            let answer = judged(answer, platform);
            let checks = check_fresh(&fresh, &judged(published, "here"), |_, _| answer.clone());
            let last = checks.last().unwrap();
            assert_eq!(last.code, "challenge", "{name}");
            assert_eq!(last.outcome == Outcome::Passed, good, "{name}");
        }
    }
}
