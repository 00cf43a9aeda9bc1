//! Laws of the life cycle, checked after every step of random histories.
//!
//! The checks read the event log alone, by rules written down here a second time, so that a mistake
//! in `decide` or `state` does not excuse itself.

use crate::{
    command::{Command, Create},
    decide::{RejectionKind, create, decide},
    event::{Actor, DataFile, EnclaveId, Event, Record, Withdrawal},
    state::{ChainError, State, replay},
};
use proptest::prelude::*;
use sealroom_protocol::{
    Base64, CodeFile, ComputationId, Digest, Email, Evidence, EvidenceKind, IdentityKeys,
    InventoryEntry, KeyRelease, Manifest, ParticipantId, Policy, PublicKey, Release, Role, Suite,
    Timestamp,
    api::Phase,
    manifest::{ComputationPart, EnvironmentPart, ParticipantPart, RuntimePart, VERSION},
    receipt::{Envelope, Receipt, RunStatus},
    release::{Recipient, SodiumRelease},
};
use sealroom_seal::{
    FileKey, PreSharedKey,
    release::{OpeningKey, ReleasedKeys, SealingKey},
    sign::SigningKey,
    sodium::SealedKey,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
/// Accounts; `both` is a data provider and the result consumer, `stranger` is nothing.
const ACCOUNTS: [&str; 5] =
    ["owner@x.org", "code@x.org", "data@x.org", "both@x.org", "stranger@x.org"];

fn email(n: usize) -> Email {
    ACCOUNTS[n % ACCOUNTS.len()].parse().unwrap()
}

fn key_of(account: usize, role: Role) -> SigningKey {
    let mut seed = [7; 32];
    (seed[0], seed[1]) = ((account % ACCOUNTS.len()) as u8, role as u8);
    SigningKey::from_seed(&seed)
}

/// One of the data providers still has the 2022 client.
fn suite_of(account: usize) -> Suite {
    if account % ACCOUNTS.len() == 2 { Suite::Sodium } else { Suite::Hybrid }
}

fn enclave(n: usize) -> EnclaveId {
    EnclaveId(Uuid::from_u128(n as u128 % 3))
}

fn sealing_key() -> SealingKey {
    OpeningKey::from_seed(&[9; 32]).unwrap().public()
}

fn file(n: usize) -> DataFile {
    let name = format!("{}.csv", n % 3).parse().unwrap();
    DataFile { name, size: 100, sha256: Digest::of(&[n as u8 % 4]) }
}

/// A computation with its log, and the secrets of the enclaves that took part.
struct World {
    state: State,
    log: Vec<Record>,
    /// The signature key of each identity that was published, by its public half.
    identities: BTreeMap<PublicKey, SigningKey>,
}

impl World {
    fn new(max_runs: u32) -> Self {
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

    fn send(&mut self, actor: &Actor, command: Command) -> Result<usize, RejectionKind> {
        let events = decide(&self.state, actor, command, NOW).map_err(|r| r.kind)?;
        let records = self.state.append(NOW, actor, events).expect("decided events can be folded");
        self.log.extend(records.clone());
        Ok(records.len())
    }

    fn manifest(&self, variant: usize) -> String {
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
                profile: format!("variant-{}", variant % 2),
                python: "3.11.7".to_owned(),
                lock_sha256: Digest::of(b""),
                packages: vec![],
            },
            policy: self.state.policy.clone(),
            runtime: RuntimePart {
                enclave: "0".to_owned(),
                attester: EvidenceKind::Simulated,
                jail: vec![],
            },
        }
        .canonical()
        .text()
        .to_owned()
    }

    /// A release by `account` for the identity that stands, or for the one before (`stale`).
    fn release(&self, account: usize, role: Role, stale: bool) -> Release {
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

    fn receipt(&self, run: u32, success: bool) -> Envelope {
        let identity = self.state.running().map(|run| &run.identity);
        let stranger = SigningKey::from_seed(&[3; 32]);
        let key = identity.and_then(|i| self.identities.get(&i.keys.signing)).unwrap_or(&stranger);
        let failed = RunStatus::Failed { reason: "exit code 3".to_owned(), exit_code: Some(3) };
        Receipt {
            computation: self.state.computation,
            manifest: identity.map_or(Digest::of(b""), |identity| identity.digest),
            run,
            started_at: NOW,
            ended_at: NOW,
            status: if success { RunStatus::Succeeded } else { failed },
            inputs: vec![],
            results: vec![],
            log: None,
        }
        .sign(key)
    }

    /// Plays one step; what it turns into depends on what there is.
    fn play(&mut self, step: &Step) {
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
            20 => (account, Command::Revoke { role }),
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
                (machine, Command::FinishRun { run, receipt, log: None, keys_refused })
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
                | Command::FetchResult { .. }
        );
        if harmless && once.is_ok() {
            assert_eq!(self.send(&actor, command), Ok(0), "a repeated step changes nothing");
        }
    }
}

fn upload_code(n: usize) -> Command {
    let (path, sha256) = ("run.py".parse().unwrap(), Digest::of(&[n as u8 % 2]));
    let files = vec![CodeFile { path, size: 1, sha256, sealed: false }];
    Command::UploadCode { files, archive: sha256 }
}

#[derive(Clone, Copy, Debug)]
struct Step {
    who: usize,
    what: u8,
    n: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..5usize, 0..40u8, 0..64usize).prop_map(|(who, what, n)| Step { who, what, n });
    prop::collection::vec(step, 0..160)
}

/// Everything that a log must never show.
fn check_log(log: &[Record]) {
    let Event::Created {
        owner,
        code_provider,
        data_providers,
        result_consumers,
        policy,
        computation,
        ..
    } = &log[0].event
    else {
        panic!("a log begins with its creation");
    };
    let email_of = |id: ParticipantId| match id.role {
        Role::CodeProvider => code_provider,
        Role::DataProvider => &data_providers[usize::from(id.index)],
        Role::ResultConsumer => &result_consumers[usize::from(id.index)],
    };
    let everybody: Vec<ParticipantId> = [
        (Role::CodeProvider, 1),
        (Role::DataProvider, data_providers.len()),
        (Role::ResultConsumer, result_consumers.len()),
    ]
    .into_iter()
    .flat_map(|(role, count)| (0..count).map(move |i| ParticipantId { role, index: i as u16 }))
    .collect();
    let mut keys: BTreeMap<ParticipantId, PublicKey> = BTreeMap::new();
    let mut released: BTreeMap<ParticipantId, PublicKey> = BTreeMap::new();
    let mut done: BTreeMap<ParticipantId, ()> = BTreeMap::new();
    let mut identity: Option<(EnclaveId, PublicKey, Digest)> = None;
    let (mut code, mut running, mut runs) = (false, None, 0);
    let (mut accepted, mut candidates) = (BTreeSet::new(), BTreeSet::new());
    let (mut succeeded, mut fetched) = (BTreeSet::new(), BTreeSet::new());
    for record in log {
        let by = |id: ParticipantId| {
            assert_eq!(record.actor, Actor::Account(email_of(id).clone()), "acts in his own role");
        };
        let by_owner = || assert_eq!(record.actor, Actor::Account(owner.clone()));
        match &record.event {
            Event::Created { .. } => by_owner(),
            Event::Registered { participant, public_key, .. } => {
                by(*participant);
                assert_eq!(keys.insert(*participant, *public_key), None, "registers once");
            }
            Event::CodeUploaded { .. } => {
                by(ParticipantId { role: Role::CodeProvider, index: 0 });
                assert!(!std::mem::replace(&mut code, true), "code is replaced only by a reset");
            }
            Event::CodeReset => {
                by(ParticipantId { role: Role::CodeProvider, index: 0 });
                assert_eq!(running, None);
                code = false;
            }
            Event::IdentityPublished { enclave, keys: identity_keys, manifest, .. } => {
                assert_eq!(record.actor, Actor::Enclave(*enclave));
                assert!(identity.is_none() && code, "one identity at a time, and only for code");
                assert!(everybody.iter().all(|id| keys.contains_key(id)), "everybody has joined");
                let digest = Digest::of(manifest.as_bytes());
                identity = Some((*enclave, identity_keys.signing, digest));
                runs = 0;
            }
            Event::IdentityWithdrawn { reason } => {
                assert!(*reason != Withdrawal::CodeReset || !code);
                identity = None;
                (accepted, candidates) = Default::default();
                released.clear();
            }
            Event::DataUploaded { participant, .. } => {
                by(*participant);
                assert!(keys.contains_key(participant) && !done.contains_key(participant));
            }
            Event::DataReset { participant } => {
                by(*participant);
                assert_eq!(running, None);
                done.remove(participant);
                accepted.remove(participant);
                candidates.remove(participant);
                released.remove(participant);
            }
            Event::DataDone { participant } => {
                by(*participant);
                assert_eq!(done.insert(*participant, ()), None);
            }
            Event::KeyProvisioned { participant, release } => {
                by(*participant);
                let (_, standing, manifest) = identity.expect("there is an identity to release to");
                assert_eq!(release.role(), participant.role);
                match release {
                    Release::Hybrid(release) => {
                        assert_eq!((release.identity, release.manifest), (standing, manifest));
                        assert_eq!(release.computation, *computation);
                        assert_eq!(release.participant, keys[participant]);
                        assert!(
                            participant.role != Role::DataProvider
                                || done.contains_key(participant)
                        );
                    }
                    Release::Sodium(release) => {
                        let signer = &keys[participant];
                        assert!(release.sealed_key.verify(computation.as_bytes(), signer).is_ok());
                    }
                }
                assert_eq!(running, None);
                if accepted.contains(participant) {
                    candidates.insert(*participant);
                }
                released.insert(*participant, standing);
            }
            Event::KeyAccepted { participant } | Event::KeyRefused { participant } => {
                let (enclave, standing, _) = identity.expect("an identity stands");
                assert_eq!(record.actor, Actor::Enclave(enclave));
                assert_eq!(released.get(participant), Some(&standing), "a key that was released");
                let second = candidates.remove(participant);
                if matches!(record.event, Event::KeyAccepted { .. }) {
                    accepted.insert(*participant);
                } else if !second {
                    released.remove(participant);
                }
            }
            Event::ResultFetched { run, participant } => {
                by(*participant);
                assert!(participant.role == Role::ResultConsumer && succeeded.contains(run));
                assert!(fetched.insert((*run, *participant)), "the first time alone");
            }
            Event::KeyRevoked { participant } => {
                by(*participant);
                accepted.remove(participant);
                candidates.remove(participant);
                assert!(released.remove(participant).is_some());
            }
            Event::RunRequested | Event::Archived | Event::Removed => by_owner(),
            Event::RunStarted { run } => {
                let (enclave, standing, _) = identity.expect("an identity stands");
                assert_eq!(record.actor, Actor::Enclave(enclave));
                assert_eq!(running.replace(*run), None, "one run at a time");
                runs += 1;
                assert!(runs <= policy.max_runs, "no more runs than approved");
                for id in &everybody {
                    assert_eq!(released.get(id), Some(&standing), "{id} has released its key");
                    assert!(id.role != Role::DataProvider || done.contains_key(id), "{id} is done");
                }
            }
            Event::RunFinished { run, receipt, .. } => {
                let (_, standing, _) = identity.expect("an identity stands");
                if receipt.verify(&standing).unwrap().status == RunStatus::Succeeded {
                    succeeded.insert(*run);
                }
                let (enclave, ..) = identity.expect("an identity stands");
                assert_eq!(record.actor, Actor::Enclave(enclave));
                assert_eq!(running.take(), Some(*run));
            }
            Event::RunLost { run } => {
                assert_eq!(record.actor, Actor::Server);
                assert_eq!(running.take(), Some(*run));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_history_breaks_the_rules(steps in steps(), head_start in 0..14usize, max_runs in 1..4u32) {
        let mut world = World::new(max_runs);
        prepared(&mut world, head_start);
        for step in &steps {
            world.play(step);
        }
        check_log(&world.log);
        let replayed = replay(&world.log).unwrap();
        prop_assert_eq!(format!("{replayed:?}"), format!("{:?}", world.state));
    }

    #[test]
    fn a_stale_writer_loses(steps in steps(), first: u8, second: u8) {
        let mut world = World::new(2);
        steps.iter().for_each(|step| world.play(step));
        // Both decide on what they saw; the one who stores first wins.
        let stale = world.state.clone();
        let seen = world.log.len();
        for n in 0..200 {
            world.play(&Step { who: n, what: (first as usize + n) as u8 % 40, n: second as usize + n });
            if world.log.len() > seen {
                break;
            }
        }
        if world.log.len() > seen {
            let (mut late, mut theirs) = (stale.clone(), stale);
            let records = late.append(NOW, &Actor::Server, vec![Event::RunRequested]).unwrap();
            world.log[seen..].iter().for_each(|record| theirs.apply(record).unwrap());
            let refused = matches!(theirs.apply(&records[0]), Err(ChainError::Gap { .. }));
            prop_assert!(refused);
        }
    }

    #[test]
    fn an_altered_log_does_not_replay(
        at: prop::sample::Index, other: prop::sample::Index, how in 0..5
    ) {
        let mut world = World::new(1);
        prepared(&mut world, 14);
        let mut log = world.log;
        let (at, other) = (at.index(log.len()), other.index(log.len()));
        match how {
            0 => log[at].at = Timestamp::MAX,
            1 => log[at].actor = Actor::Account("eve@x.org".parse().unwrap()),
            2 if at + 1 < log.len() => drop(log.remove(at)),
            3 if at != other => log.swap(at, other),
            _ => log[at].event = Event::RunRequested,
        }
        prop_assert!(replay(&log).is_err());
    }
}

/// The straight way to a finished run; each entry is one more step of it.
fn prepared(world: &mut World, steps: usize) {
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

#[test]
fn the_straight_way_leads_to_a_result() {
    let mut world = World::new(1);
    assert_eq!(world.state.phase(), Phase::Preparing);
    assert_eq!(world.state.waiting_for().len(), 5);
    prepared(&mut world, 9);
    assert_eq!(world.state.phase(), Phase::WaitingForEnclave);
    prepared(&mut world, 10);
    assert_eq!(world.state.phase(), Phase::Collecting);
    prepared(&mut world, 14);
    assert!(world.state.ready_to_run());
    let machine = Actor::Enclave(enclave(0));
    assert_eq!(world.send(&machine, Command::StartRun), Ok(1));
    assert_eq!(world.send(&machine, Command::StartRun), Ok(0), "the answer may have been lost");
    assert_eq!(world.state.phase(), Phase::Running);
    let receipt = world.receipt(1, true);
    let finish = Command::FinishRun { run: 1, receipt, log: None, keys_refused: false };
    assert_eq!(world.send(&machine, finish.clone()), Ok(1));
    assert_eq!(world.send(&machine, finish), Ok(0), "the enclave may say it twice");
    assert_eq!(world.state.phase(), Phase::Succeeded);
    assert!(world.state.is_exhausted());
    let lost = Command::LoseEnclave { enclave: enclave(0) };
    assert_eq!(world.send(&Actor::Server, lost), Ok(0), "it left on purpose");
    let again = Command::RequestRun;
    assert_eq!(world.send(&Actor::Account(email(0)), again), Ok(2), "asks for new approvals");
    assert_eq!(world.state.phase(), Phase::WaitingForEnclave);
    check_log(&world.log);
}

#[test]
fn keys_that_were_refused_are_asked_for_again_when_the_owner_says_so() {
    let mut world = World::new(1);
    prepared(&mut world, 14);
    let machine = Actor::Enclave(enclave(0));
    world.send(&machine, Command::StartRun).unwrap();
    let receipt = world.receipt(1, false);
    let finish = Command::FinishRun { run: 1, receipt, log: None, keys_refused: true };
    assert_eq!(world.send(&machine, finish), Ok(2));
    assert_eq!(world.state.phase(), Phase::Failed);
    assert!(!world.state.needs_enclave());
    world.send(&Actor::Account(email(0)), Command::RequestRun).unwrap();
    assert_eq!(world.state.phase(), Phase::WaitingForEnclave);
}

#[test]
fn an_enclave_lost_in_any_state_leaves_a_computation_that_goes_on() {
    for steps in 10..=14 {
        let mut world = World::new(1);
        prepared(&mut world, steps);
        if steps == 14 {
            world.send(&Actor::Enclave(enclave(0)), Command::StartRun).unwrap();
        }
        let lost = Command::LoseEnclave { enclave: enclave(0) };
        assert_eq!(world.send(&Actor::Server, lost), Ok(1 + usize::from(steps == 14)));
        assert_eq!(world.state.phase(), Phase::WaitingForEnclave);
        assert!(world.state.participants.iter().all(|p| p.release.is_none()));
        check_log(&world.log);
    }
}

#[test]
fn an_expired_computation_starts_no_run() {
    let mut world = World::new(1);
    prepared(&mut world, 14);
    world.state.policy.expires_at = Some(NOW);
    let refused = world.send(&Actor::Enclave(enclave(0)), Command::StartRun);
    assert_eq!(refused, Err(RejectionKind::WrongState));
}

#[test]
fn who_may_call_is_decided_before_the_state() {
    let mut world = World::new(1);
    for steps in 0..=14 {
        prepared(&mut world, steps);
        for n in 0..3 {
            let role = Role::ALL[n];
            let stranger = Actor::Account(email(4));
            let public_key = key_of(4, role).public();
            let commands = [
                Command::Register { role, public_key, suite: Suite::Hybrid },
                upload_code(0),
                Command::ResetCode,
                Command::UploadData { file: file(0) },
                Command::ResetData,
                Command::DataDone,
                Command::Provision { release: world.release(4, role, false) },
                Command::Revoke { role },
                Command::RequestRun,
                Command::FetchResult { run: 1 },
                Command::Archive,
                Command::Remove,
                Command::StartRun,
            ];
            for command in commands {
                let refused = world.send(&stranger, command.clone());
                assert_eq!(refused, Err(RejectionKind::Forbidden), "{command:?}");
            }
        }
    }
}

#[test]
fn an_account_is_named_once_in_a_role() {
    let wanted = |data: &[usize], results: &[usize], name: &str| Create {
        name: name.to_owned(),
        code_provider: email(0),
        data_providers: data.iter().map(|n| email(*n)).collect(),
        result_consumers: results.iter().map(|n| email(*n)).collect(),
        dev_mode: false,
        policy: Policy::default(),
    };
    let created =
        |wanted| create(ComputationId::random(), &email(0), wanted).map_err(|r| r.message);
    assert!(created(wanted(&[0, 1], &[0, 1], "all roles at once")).is_ok());
    for bad in [
        wanted(&[1, 1], &[2], "x"),
        wanted(&[1], &[2, 2], "x"),
        wanted(&[], &[2], "x"),
        wanted(&[1], &[], "x"),
        wanted(&[1], &[2], " "),
        wanted(&[1], &[2], "a\nb"),
        Create { policy: Policy { max_runs: 0, ..Policy::default() }, ..wanted(&[1], &[2], "x") },
    ] {
        assert!(created(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_key_that_does_not_open_is_asked_for_again_of_its_owner_alone() {
    let mut world = World::new(1);
    prepared(&mut world, 14);
    let participant = ParticipantId { role: Role::DataProvider, index: 0 };
    let release = world.state.participant(participant).unwrap().release.clone().unwrap();
    let judge = |opens| Command::JudgeKey { participant, release: release.release.digest(), opens };
    let other = Actor::Enclave(enclave(1));
    assert_eq!(world.send(&other, judge(false)), Err(RejectionKind::WrongState));
    let machine = Actor::Enclave(enclave(0));
    assert_eq!(world.send(&machine, judge(false)), Ok(1));
    assert!(!world.state.ready_to_run());
    assert_eq!(world.state.waiting_for().len(), 1, "of the others nothing is asked");
    assert_eq!(world.send(&machine, judge(true)), Ok(0), "it no longer stands");
    world.play(&Step { who: 2, what: 14, n: 1 });
    assert!(world.state.ready_to_run());
    assert_eq!(world.send(&machine, judge(true)), Ok(1));
    assert!(world.state.participant(participant).unwrap().release.as_ref().unwrap().accepted);

    // A second key that does not open leaves the first one where it is.
    let standing =
        |world: &World| world.state.participant(participant).unwrap().release.clone().unwrap();
    let first = standing(&world).release;
    let second = world.release(2, Role::DataProvider, true);
    let provide = |release: &Release| Command::Provision { release: release.clone() };
    let judge = |release: &Release, opens| Command::JudgeKey {
        participant,
        release: release.digest(),
        opens,
    };
    let account = Actor::Account(email(2));
    assert_eq!(world.send(&account, provide(&second)), Ok(1));
    assert_eq!(world.send(&account, provide(&second)), Ok(0), "harmless when repeated");
    assert_eq!(standing(&world).release, first);
    assert_eq!(world.send(&machine, judge(&second, false)), Ok(1));
    assert!(standing(&world).release == first && world.state.ready_to_run());
    world.send(&account, provide(&second)).unwrap();
    assert_eq!(world.send(&machine, judge(&second, true)), Ok(1));
    assert!(standing(&world).release == second && standing(&world).accepted);
    check_log(&world.log);
}

#[test]
fn a_suite_that_the_owner_has_ruled_out_cannot_register() {
    let mut world = World::new(1);
    world.state.policy.suites = Some([Suite::Hybrid].into());
    let register = |suite| {
        let (role, public_key) = (Role::DataProvider, key_of(2, Role::DataProvider).public());
        Command::Register { role, public_key, suite }
    };
    let actor = Actor::Account(email(2));
    assert_eq!(world.send(&actor, register(Suite::Sodium)), Err(RejectionKind::Invalid));
    assert_eq!(world.send(&actor, register(Suite::Hybrid)), Ok(1));
}

#[test]
fn a_fetch_is_noted_once_and_even_after_the_end() {
    let mut world = World::new(1);
    prepared(&mut world, 14);
    let consumer = Actor::Account(email(3));
    let fetch = || Command::FetchResult { run: 1 };
    assert_eq!(world.send(&consumer, fetch()), Err(RejectionKind::WrongState));
    world.send(&Actor::Enclave(enclave(0)), Command::StartRun).unwrap();
    assert_eq!(world.send(&consumer, fetch()), Err(RejectionKind::WrongState));
    let receipt = world.receipt(1, true);
    let finish = Command::FinishRun { run: 1, receipt, log: None, keys_refused: false };
    world.send(&Actor::Enclave(enclave(0)), finish).unwrap();
    world.send(&Actor::Account(email(0)), Command::Archive).unwrap();
    assert_eq!(world.send(&consumer, fetch()), Ok(1));
    assert_eq!(world.send(&consumer, fetch()), Ok(0));
    world.send(&Actor::Account(email(0)), Command::Remove).unwrap();
    assert_eq!(world.send(&consumer, fetch()), Err(RejectionKind::WrongState));
}
