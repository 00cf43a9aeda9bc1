//! A computation in which everybody does anything: accounts, keys, and steps that become commands.

use crate::{
    command::{Command, Create},
    decide::{RejectionKind, create, decide},
    event::{Actor, DataFile, EnclaveId, Event, Record},
    state::{State, replay},
};
use proptest::prelude::*;
use sealroom_protocol::{
    Base64, CodeFile, ComputationId, Destruction, Digest, Email, Envelope, Evidence, EvidenceKind,
    IdentityKeys, InventoryEntry, JailPart, KeyRelease, Lock, Manifest, ParticipantId, Policy,
    PublicKey, Receipt, Release, Role, Suite, Timestamp,
    manifest::{ComputationPart, EnvironmentPart, ParticipantPart, RuntimePart, VERSION},
    package::{LOCK_VERSION, LockedPackage, Requester, Variables},
    receipt::{Basis, RunStatus},
    release::{Recipient, SodiumRelease},
    statement::Predicate as _,
};
use sealroom_seal::{
    FileKey, PreSharedKey,
    release::{OpeningKey, ReleasedKeys, SealingKey},
    sign::SigningKey,
    sodium::SealedKey,
};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;
/// Accounts; `both` is a data provider and the result consumer, `stranger` is nothing.
pub(super) const ACCOUNTS: [&str; 5] =
    ["owner@x.org", "code@x.org", "data@x.org", "both@x.org", "stranger@x.org"];

pub(super) fn email(n: usize) -> Email {
    ACCOUNTS[n % ACCOUNTS.len()].parse().unwrap()
}

pub(super) fn key_of(account: usize, role: Role) -> SigningKey {
    let mut seed = [7; 32];
    (seed[0], seed[1]) = ((account % ACCOUNTS.len()) as u8, role as u8);
    SigningKey::from_seed(&seed)
}

/// One of the data providers still has the 2022 client.
pub(super) fn suite_of(account: usize) -> Suite {
    if account % ACCOUNTS.len() == 2 { Suite::Sodium } else { Suite::Hybrid }
}

pub(super) fn enclave(n: usize) -> EnclaveId {
    EnclaveId(Uuid::from_u128(n as u128 % 3))
}

pub(super) fn sealing_key() -> SealingKey {
    OpeningKey::from_seed(&[9; 32]).unwrap().public()
}

pub(super) fn file(n: usize) -> DataFile {
    let name = format!("{}.csv", n % 3).parse().unwrap();
    DataFile { name, size: 100, sha256: Digest::of(&[n as u8 % 4]) }
}

/// A computation with its log, and the secrets of the enclaves that took part.
pub(super) struct World {
    pub(super) state: State,
    pub(super) log: Vec<Record>,
    /// The signature key of each identity that was published, by its public half.
    pub(super) identities: BTreeMap<PublicKey, SigningKey>,
}

impl World {
    pub(super) fn new(max_runs: u32) -> Self {
        let wanted = Create {
            name: "test".to_owned(),
            code_provider: email(1),
            data_providers: vec![email(2), email(3)],
            result_consumers: vec![email(3)],
            dev_mode: false,
            policy: Policy { max_runs, ..Policy::default() },
        };
        let actor = Actor::Account(email(0));
        let created = create(ComputationId::random(), &email(0), wanted).unwrap().remove(0);
        let log = vec![Record::chain(None, NOW, actor, created)];
        Self { state: replay(&log).unwrap(), log, identities: BTreeMap::new() }
    }

    pub(super) fn send(&mut self, actor: &Actor, command: Command) -> Result<usize, RejectionKind> {
        let events = decide(&self.state, actor, command, NOW).map_err(|r| r.kind)?;
        let records = self.state.append(NOW, actor, events).expect("decided events can be folded");
        self.log.extend(records.clone());
        Ok(records.len())
    }

    pub(super) fn manifest(&self, variant: usize) -> String {
        let participants = self.state.participants.iter().filter_map(|p| {
            let (public_key, suite, _) = p.registered?;
            Some(ParticipantPart { role: p.id.role, email: p.email.clone(), suite, public_key })
        });
        Manifest {
            version: VERSION.to_owned(),
            computation: ComputationPart {
                uuid: if variant == 9 { ComputationId::random() } else { self.state.computation },
                name: self.state.name.clone(),
                owner: self.state.owner.clone(),
                created_at: NOW,
                dev_mode: false,
            },
            participants: participants.collect(),
            code: self.state.code.as_ref().map_or(vec![], |code| code.files.clone()),
            environment: EnvironmentPart {
                profile: format!("variant-{}", variant % 2).parse().unwrap(),
                python: "3.11.7".to_owned(),
                platform: "linux_x86_64".to_owned(),
                variables: Variables::new(),
                lock_sha256: EnvironmentPart::digest_of(&[]),
                packages: vec![],
            },
            policy: self.state.policy.clone(),
            runtime: RuntimePart {
                enclave: "0".to_owned(),
                attester: EvidenceKind::Simulated,
                jail: JailPart::of(vec![]),
            },
        }
        .canonical()
        .text()
        .to_owned()
    }

    /// A release by `account` for the identity that stands, or for the one before (`stale`).
    pub(super) fn release(&self, account: usize, role: Role, stale: bool) -> Release {
        let signer = key_of(account, role);
        if suite_of(account) == Suite::Sodium {
            // Whom the box is for, nobody but an identity can tell.
            let boxed = [u8::from(stale); 112];
            let signed = [self.state.computation.as_bytes().as_slice(), &boxed].concat();
            let sealed = [signer.sign(&signed).as_bytes().as_slice(), &boxed].concat();
            let sealed_key = SealedKey::try_from(sealed.as_slice()).unwrap();
            return Release::Sodium(SodiumRelease { role, sealed_key });
        }
        let published: Vec<_> = self
            .log
            .iter()
            .filter_map(|record| match &record.event {
                Event::IdentityPublished { manifest, keys, .. } => Some((manifest, keys)),
                _ => None,
            })
            .collect();
        let at = published.len().saturating_sub(1 + usize::from(stale));
        let stranger = SigningKey::from_seed(&[3; 32]).public();
        let (manifest, identity) = published.get(at).map_or_else(
            || (Digest::of(b"none"), stranger),
            |(manifest, keys)| (Digest::of(manifest.as_bytes()), keys.signing),
        );
        let files = self.state.participant_of(&email(account), role).map(|p| p.files.clone());
        let entry = |(file, _): (DataFile, _)| InventoryEntry {
            name: file.name,
            size: file.size,
            sha256: file.sha256,
            uploaded_at: 1,
        };
        let to = Recipient {
            computation: self.state.computation,
            manifest,
            identity: &identity,
            sealing: &sealing_key(),
        };
        let keys = ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(&[1; 32]),
            file_key: FileKey::from_bytes(&[2; 32]),
        };
        let inventory = match role {
            Role::DataProvider => files.unwrap_or_default().into_iter().map(entry).collect(),
            _ => vec![],
        };
        Release::Hybrid(KeyRelease::seal(&to, role, &signer, &keys, inventory).unwrap())
    }

    pub(super) fn receipt(&self, run: u32, success: bool) -> Envelope {
        let identity = self.state.running().map(|run| &run.identity);
        let stranger = SigningKey::from_seed(&[3; 32]);
        let key = identity.and_then(|i| self.identities.get(&i.keys.signing)).unwrap_or(&stranger);
        let failed = RunStatus::Failed { reason: "exit code 3".to_owned(), exit_code: Some(3) };
        let manifest = identity.map_or(Digest::of(b""), |identity| identity.digest);
        Receipt {
            computation: self.state.computation,
            manifest,
            basis: Basis { code: manifest, lock: manifest, policy: manifest, evidence: manifest },
            run,
            run_of_identity: run,
            releases: vec![],
            published_at: NOW,
            started_at: NOW,
            ended_at: NOW,
            status: if success { RunStatus::Succeeded } else { failed },
            sbom: None,
            inputs: vec![],
            results: vec![],
            logs: vec![],
        }
        .sign(key)
    }

    /// A record of destruction: of what was taken back, or of something else (`wrong`).
    pub(super) fn destruction(&self, participant: ParticipantId, wrong: bool) -> Envelope {
        let identity = self.state.identity.as_ref();
        let stranger = SigningKey::from_seed(&[3; 32]);
        let key = identity.and_then(|i| self.identities.get(&i.keys.signing)).unwrap_or(&stranger);
        let owed = self.state.participant(participant).map(|p| p.taken_back.clone());
        Destruction {
            computation: self.state.computation,
            manifest: identity.map_or(Digest::of(b""), |identity| identity.digest),
            participant,
            public_key: stranger.public(),
            releases: owed.filter(|_| !wrong).unwrap_or_else(|| vec![Digest::of(b"another")]),
            at: NOW,
            ended_run: None,
            earlier_results: vec![],
        }
        .sign(key)
    }

    /// Plays one step; what it turns into depends on what there is.
    pub(super) fn play(&mut self, step: &Step) {
        let Step { who, what, n } = *step;
        let role = Role::ALL[n % 3];
        let public_key = key_of(who, role).public();
        let run = self.state.runs.len() as u32 + (n % 7 == 0) as u32;
        let mut identity = None;
        let (account, machine) = (Actor::Account(email(who)), Actor::Enclave(enclave(who)));
        let (actor, command) = match what {
            0..=3 => (account, Command::Register { role, public_key, suite: suite_of(who) }),
            4 | 5 => (account, upload_code(n)),
            6 => (account, Command::ResetCode),
            7..=9 => (account, Command::UploadData { file: file(n) }),
            10 => (account, Command::ResetData),
            11..=13 => (account, Command::DataDone),
            14..=19 => {
                (account, Command::Provision { release: self.release(who, role, n % 8 == 7) })
            }
            20 => (account, Command::Revoke { role, releases: vec![] }),
            21 => (account, Command::RequestRun),
            22..=24 => {
                let mut seed = [5; 32];
                seed[..8].copy_from_slice(&(self.log.len() as u64).to_be_bytes());
                let key = SigningKey::from_seed(&seed);
                let keys = IdentityKeys {
                    signing: key.public(),
                    sealing: Base64(sealing_key().to_bytes()),
                };
                identity = Some(key);
                let (kind, quote) = (EvidenceKind::Simulated, Base64(vec![]));
                let evidence = Evidence { kind, quote, endorsements: vec![] };
                let manifest = self.manifest(n % 10);
                (machine, Command::PublishIdentity { manifest, keys, evidence })
            }
            25..=28 => (machine, Command::StartRun),
            29 | 30 => {
                let (receipt, keys_refused) = (self.receipt(run, n % 2 == 0), n % 5 == 0);
                (machine, Command::FinishRun { run, receipt, keys_refused })
            }
            31 => (Actor::Server, Command::LoseEnclave { enclave: enclave(n) }),
            32 if n % 16 == 0 => (account, Command::Archive),
            33 if n % 8 == 0 => (account, Command::Remove),
            // Callers of the wrong sort.
            34 => (account, Command::StartRun),
            37 | 38 => {
                let participant = ParticipantId { role, index: (n % 2) as u16 };
                let known = self.state.participant(participant).and_then(|p| p.untried());
                let stale = Digest::of(b"another release");
                let known = known.map_or(stale, |known| known.release.digest());
                let release = if n % 5 == 0 { stale } else { known };
                (machine, Command::JudgeKey { participant, release, opens: n % 3 != 0 })
            }
            39 => (account, Command::FetchResult { run }),
            41 => (machine, Command::RefuseEnvironment { reason: "no\u{1b}".to_owned() }),
            40 => {
                let participant = ParticipantId { role, index: (n % 2) as u16 };
                let record = self.destruction(participant, n % 5 == 0);
                (machine, Command::RecordDestruction { participant, record })
            }
            35 => (machine, Command::DataDone),
            _ => (Actor::Server, Command::RequestRun),
        };
        let once = self.send(&actor, command.clone());
        if let (Ok(1..), Some(key)) = (once, identity) {
            self.identities.insert(key.public(), key);
        }
        let harmless = matches!(
            command,
            Command::Register { .. }
                | Command::DataDone
                | Command::Provision { .. }
                | Command::JudgeKey { .. }
                | Command::RefuseEnvironment { .. }
                | Command::FetchResult { .. }
                | Command::RecordDestruction { .. }
                | Command::Revoke { .. }
        );
        if harmless && once.is_ok() {
            assert_eq!(self.send(&actor, command), Ok(0), "a repeated step changes nothing");
        }
    }
}

pub(super) fn upload_code(n: usize) -> Command {
    let sha256 = Digest::of(&[n as u8 % 2]);
    let file =
        |path: &str| CodeFile { path: path.parse().unwrap(), size: 1, sha256, sealed: false };
    let files = vec![file("requirements.txt"), file("run.py")];
    Command::UploadCode { files, archive: sha256, lock: (!n.is_multiple_of(3)).then(|| lock(n)) }
}

/// A lock for code `n`; with some of them something is wrong.
pub(super) fn lock(n: usize) -> Lock {
    let package = LockedPackage {
        name: "a".parse().unwrap(),
        version: "1".parse().unwrap(),
        file: if n % 16 == 5 { "a-1.zip" } else { "a-1-py3-none-any.whl" }.parse().unwrap(),
        size: 1,
        sha256: Digest::of(b"wheel"),
        via: [Requester::Code].into(),
    };
    Lock {
        version: LOCK_VERSION.to_owned(),
        runtime: if n % 16 == 7 { "focal" } else { "default" }.parse().unwrap(),
        python: "3.13".to_owned(),
        platform: "linux_x86_64".to_owned(),
        requirements: Digest::of(&[if n % 16 == 2 { 9 } else { n as u8 % 2 }]),
        packages: vec![package],
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) who: usize,
    pub(super) what: u8,
    pub(super) n: usize,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..5usize, 0..42u8, 0..64usize).prop_map(|(who, what, n)| Step { who, what, n });
    prop::collection::vec(step, 0..160)
}

/// The straight way to a finished run; each entry is one more step of it.
pub(super) fn prepared(world: &mut World, steps: usize) {
    let plan: [Step; 14] = [
        (1, 0, 0),
        (2, 0, 1),
        (3, 0, 1),
        (3, 0, 2), // register
        (1, 4, 0), // code
        (2, 7, 0),
        (3, 7, 1),
        (2, 11, 0),
        (3, 11, 0), // data, done
        (0, 22, 1), // identity
        (1, 14, 0),
        (2, 14, 1),
        (3, 14, 1),
        (3, 14, 2), // keys
    ]
    .map(|(who, what, n)| Step { who, what, n });
    plan[..steps].iter().for_each(|step| world.play(step));
}
