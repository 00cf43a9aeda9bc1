//! What a receipt says, held against the manifest and the participants' releases.

use sealroom_attest::{Check, Group};
use sealroom_protocol::{
    Digest, Dossier, InventoryEntry, Manifest, ParticipantId, Receipt, Release, Role,
    manifest::{CanonicalManifest, ParticipantPart},
    receipt::{Basis, Input, RunStatus, in_order},
    release::Expected,
    statement::Predicate as _,
};
use sealroom_seal::Hashed;
use std::{
    collections::BTreeSet,
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// What to do about a file whose parts do not belong together.
const ALTERED: &str = "do not rely on it; parts of different runs were put together, or made up";

/// Passed or failed, with the same code.
fn either(
    group: Group,
    code: &'static str,
    good: bool,
    passed: impl Into<String>,
    failed: impl Into<String>,
) -> Check {
    if good {
        Check::passed(group, code, passed)
    } else {
        Check::failed(group, code, failed, ALTERED)
    }
}

/// What can be seen of a manifest alone.
pub(super) fn check_manifest(manifest: &Manifest) -> Vec<Check> {
    let part = &manifest.computation;
    let text = format!("it is `{}`, {}", part.name, part.uuid);
    let mut checks = vec![Check::passed(Group::Computation, "computation", text)];
    if part.dev_mode {
        let text = "DEVELOPMENT MODE: this computation protected nothing";
        let hint = "rely on no secrecy of code and data";
        checks.push(Check::failed(Group::Computation, "dev-mode", text, hint).warned());
    }
    checks.push(either(
        Group::Packages,
        "packages",
        manifest.environment.is_consistent(),
        format!("{} packages, as the lock has them", manifest.environment.packages.len()),
        "the list of packages is not that of the lock",
    ));
    checks
}

/// Everything about the run.
pub(super) fn check(
    dossier: &Dossier,
    canonical: &CanonicalManifest,
    receipt: &Receipt,
) -> Vec<Check> {
    let manifest = canonical.manifest();
    let mut checks = vec![check_ours(canonical, receipt)];
    checks.extend(check_basis(dossier, manifest, receipt));
    checks.push(check_times(receipt));
    checks.push(check_number(manifest, receipt));
    checks.extend(check_releases(dossier, canonical, receipt));
    checks.extend(check_inputs(dossier, manifest, receipt));
    checks.push(check_outputs(manifest, receipt));
    checks
}

fn check_ours(canonical: &CanonicalManifest, receipt: &Receipt) -> Check {
    let ours = receipt.manifest == canonical.digest()
        && receipt.computation == canonical.manifest().computation.uuid;
    either(
        Group::Run,
        "receipt-manifest",
        ours,
        format!("the identity signed the receipt of run {}, under this manifest", receipt.run),
        format!(
            "the receipt is of manifest {} and computation {}, the file has manifest {}",
            receipt.manifest,
            receipt.computation,
            canonical.digest()
        ),
    )
}

fn check_basis(dossier: &Dossier, manifest: &Manifest, receipt: &Receipt) -> Vec<Check> {
    let (said, found) = (receipt.basis, Basis::of(manifest, &dossier.identity.evidence));
    let part = |group, code, what: &str, said: Digest, found: Digest| {
        let passed = format!("{what} of the receipt is the file's, {found}");
        let failed = format!("the receipt says {what} {said}, the file has {found}");
        either(group, code, said == found, passed, failed)
    };
    vec![
        part(Group::Code, "receipt-code", "the code", said.code, found.code),
        part(Group::Packages, "receipt-lock", "the package lock", said.lock, found.lock),
        part(Group::Limits, "receipt-policy", "the policy in force", said.policy, found.policy),
        part(Group::Identity, "receipt-evidence", "the evidence", said.evidence, found.evidence),
    ]
}

fn check_times(receipt: &Receipt) -> Check {
    let Receipt { published_at, started_at, ended_at, .. } = receipt;
    either(
        Group::Run,
        "times",
        published_at <= started_at && started_at <= ended_at,
        format!("it ran from {started_at} to {ended_at}, by the host's clock"),
        format!(
            "its times contradict each other: identity {published_at}, start {started_at}, end {ended_at}"
        ),
    )
}

fn check_number(manifest: &Manifest, receipt: &Receipt) -> Check {
    let (policy, nth) = (&manifest.policy, receipt.run_of_identity);
    let in_time = policy.expires_at.is_none_or(|end| receipt.started_at < end);
    let (most, good) =
        (policy.max_runs, (1..=policy.max_runs).contains(&nth) && nth <= receipt.run);
    let text = format!("it was run {nth} of the {most} that were agreed to");
    if in_time {
        return either(Group::Limits, "run-number", good, &text, &text);
    }
    let late = "it began after the computation had expired";
    Check::failed(Group::Limits, "expired", late, ALTERED)
}

fn name((id, part): (ParticipantId, &ParticipantPart)) -> String {
    format!("{id} {}", part.email)
}

fn check_releases(
    dossier: &Dossier,
    canonical: &CanonicalManifest,
    receipt: &Receipt,
) -> Vec<Check> {
    let participants: Vec<_> = canonical.manifest().participants().collect();
    let failed = |code, text: String| Check::failed(Group::Approvals, code, text, ALTERED);
    if receipt.releases.is_empty() {
        let nothing = receipt.status != RunStatus::Succeeded
            && receipt.inputs.is_empty()
            && receipt.results.is_empty()
            && receipt.logs.is_empty()
            && dossier.releases.is_empty();
        return vec![either(
            Group::Approvals,
            "release-none",
            nothing,
            "no key was opened for it, and nothing else",
            "the receipt names no releases, but the run read or wrote something",
        )];
    }
    if receipt.releases.len() != participants.len() {
        let (named, all) = (receipt.releases.len(), participants.len());
        let text = format!("the receipt names {named} releases, there are {all} participants");
        return vec![failed("release-missing", text)];
    }
    let mut checks = Vec::new();
    for (at, (wanted, participant)) in receipt.releases.iter().zip(&participants).enumerate() {
        let (id, part) = *participant;
        let who = name(*participant);
        let is_wanted = |release: &&Release| release.digest() == *wanted;
        let in_place = dossier.releases.get(at);
        let expected = Expected {
            computation: canonical.manifest().computation.uuid,
            role: id.role,
            participant: &part.public_key,
            manifest: canonical.digest(),
            identity: &dossier.identity.keys.signing,
        };
        checks.push(match in_place.filter(is_wanted) {
            Some(release) => match release.clone().check(part.suite, &expected) {
                Ok(_) if part.suite.binds_places() => {
                    let text = format!("{who} released its key to this identity for this manifest");
                    Check::passed(Group::Approvals, "release", text)
                }
                Ok(_) => {
                    let text = format!(
                        "{who} released its key for this computation; its suite `{}` names no manifest",
                        part.suite
                    );
                    let hint = "rely on no more of it than docs/verify.md says of that suite";
                    Check::failed(Group::Approvals, "suite-unbound", text, hint).warned()
                }
                Err(refusal) => failed("release-refused", format!("{who}: {refusal}")),
            },
            None if dossier.releases.iter().any(|release| is_wanted(&release)) => {
                let text = format!("{who}: its release is not in its place in the file");
                failed("release-order", text)
            }
            None if dossier.releases.len() < participants.len() => {
                failed("release-missing", format!("{who}: its release is not in the file"))
            }
            None => {
                let refusal = in_place.map(|other| other.clone().check(part.suite, &expected));
                let why = match refusal {
                    Some(Err(refusal)) => refusal.to_string(),
                    _ => "another release than the one that was opened is in the file".to_owned(),
                };
                failed("release-other", format!("{who}: {why}"))
            }
        });
    }
    if dossier.releases.len() > participants.len() {
        let text = "the file has more releases than there are participants".to_owned();
        checks.push(failed("release-surplus", text));
    }
    checks
}

fn shown(input: Option<&Input>) -> String {
    match input {
        Some(Input { provider, file }) => format!("`{}` of data provider {provider}", file.name),
        None => "nothing".to_owned(),
    }
}

fn check_inputs(dossier: &Dossier, manifest: &Manifest, receipt: &Receipt) -> Vec<Check> {
    let mut signed: Vec<(u16, &[InventoryEntry])> = Vec::new();
    for release in &dossier.releases {
        let Release::Hybrid(release) = release else { continue };
        let mine = |(id, part): &(ParticipantId, &ParticipantPart)| {
            let signs = id.role == Role::DataProvider && part.suite.binds_places();
            signs && part.public_key == release.participant
        };
        let provider = manifest.participants().find(mine);
        signed.extend(provider.map(|(id, _)| (id.index, release.inventory.as_slice())));
    }
    // Those whose suite has no room for a list.
    let unsigned: BTreeSet<u16> = manifest
        .participants()
        .filter(|(id, part)| id.role == Role::DataProvider && !part.suite.binds_places())
        .map(|(id, _)| id.index)
        .collect();
    let expected = in_order(signed);
    let mut read = receipt.inputs.iter().filter(|input| !unsigned.contains(&input.provider));
    // A run that failed may have read a part.
    let all = receipt.status == RunStatus::Succeeded;
    let mut wanted = expected.iter();
    let difference = loop {
        match (read.next(), wanted.next()) {
            (None, None) => break None,
            (None, Some(_)) if !all => break None,
            (one, other) if one == other => {}
            (one, other) => break Some((shown(one), shown(other))),
        }
    };
    let time = |input: &Input| (input.file.uploaded_at, input.provider);
    let sorted = receipt.inputs.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1]));
    let mut checks = vec![match difference {
        Some((read, wanted)) => {
            let text = format!("it read {read} where the providers' lists have {wanted}");
            Check::failed(Group::Run, "inputs-differ", text, ALTERED)
        }
        None if !sorted => {
            let text = "it read its inputs in another order than the times of their lists";
            Check::failed(Group::Run, "inputs-differ", text, ALTERED)
        }
        None => {
            let (count, part) = (receipt.inputs.len(), if all { "" } else { " so far as it came" });
            let text = format!("it read {count} inputs, as the providers listed them{part}");
            Check::passed(Group::Run, "inputs", text)
        }
    }];
    for provider in unsigned {
        let text = format!(
            "which inputs data provider {provider} gave is the server's word: its suite has no list"
        );
        let hint = "rely on no more of it than docs/verify.md says of that suite";
        checks.push(Check::failed(Group::Run, "inputs-unsigned", text, hint).warned());
    }
    checks
}

fn check_outputs(manifest: &Manifest, receipt: &Receipt) -> Check {
    let is_there = |id| manifest.participant(id).is_some();
    let consumer = |index| is_there(ParticipantId { role: Role::ResultConsumer, index });
    let readers: Vec<ParticipantId> = manifest.log_readers().map(|(id, _)| id).collect();
    let (results, logs) = (receipt.results.len(), receipt.logs.len());
    let problem = if receipt.status != RunStatus::Succeeded && results > 0 {
        Some("it failed and has results")
    } else if receipt.results.iter().any(|result| !consumer(result.consumer)) {
        Some("a result is for somebody who is no consumer of this computation")
    } else if receipt.logs.iter().any(|log| !readers.contains(&log.reader)) {
        Some("a log is for somebody to whom the manifest grants none")
    } else {
        None
    };
    let text = match &receipt.status {
        RunStatus::Succeeded => format!("it wrote {results} sealed results, and {logs} logs"),
        RunStatus::Failed { .. } => format!("it failed, without a result and with {logs} logs"),
    };
    either(Group::Run, "outputs", problem.is_none(), text, problem.unwrap_or_default())
}

/// Compares sealed results on this machine with those that the receipt names. In `folder` they have the names of the
/// receipt's subjects: `consumers/0/runs/1/index`.
///
/// # Errors
/// Those of reading a file that is there.
pub fn check_results(receipt: &Receipt, folder: &Path) -> io::Result<Vec<Check>> {
    let subjects = receipt.subjects();
    let mut known: BTreeSet<PathBuf> = BTreeSet::new();
    let (mut checks, mut missing) = (Vec::new(), 0_usize);
    for (subject, result) in subjects.iter().zip(&receipt.results) {
        let path = folder.join(subject.name());
        known.insert(path.clone());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut hashed = Hashed::new(file);
        io::copy(&mut hashed, &mut io::sink())?;
        let (_, size, sha256) = hashed.finish();
        let name = subject.name();
        checks.push(either(
            Group::Run,
            "result",
            (size, sha256) == (result.size, result.sha256),
            format!("`{name}` is the result that the run wrote"),
            format!("`{name}` has SHA-256 {sha256}, the receipt names {}", result.sha256),
        ));
    }
    if checks.is_empty() {
        let text = format!("`{}` has no sealed result of this run", folder.display());
        let hint =
            "fetch them with `sealroom receipt get ID/N --results DIR`, as a result consumer";
        checks.push(Check::failed(Group::Run, "results-missing", text, hint));
    } else if missing > 0 {
        let text = format!("{missing} further results are not in `{}`", folder.display());
        checks.push(Check::failed(Group::Run, "results-missing", text, "").warned());
    }
    for stranger in strangers(receipt, folder, &known)? {
        let text = format!("`{}` is no result of this run", stranger.display());
        checks.push(Check::failed(Group::Run, "result-other", text, ALTERED));
    }
    Ok(checks)
}

/// Files where results of this run belong, which it did not write.
fn strangers(
    receipt: &Receipt,
    folder: &Path,
    known: &BTreeSet<PathBuf>,
) -> io::Result<Vec<PathBuf>> {
    let consumers: BTreeSet<u16> = receipt.results.iter().map(|result| result.consumer).collect();
    let mut found = Vec::new();
    for consumer in consumers {
        let of_run = folder.join(format!("consumers/{consumer}/runs/{}", receipt.run));
        let entries = match of_run.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if !known.contains(&path) {
                found.push(path);
            }
        }
    }
    Ok(found)
}
