//! What no history may lead to, by rules of its own.

use super::world::*;
use crate::{
    event::{Actor, EnclaveId, Event, Record, Withdrawal},
    state::{ChainError, replay},
};
use proptest::prelude::*;
use sealroom_protocol::{
    Destruction, Digest, ParticipantId, PublicKey, Receipt, Release, Role, Timestamp,
    receipt::RunStatus,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a log must never show.
pub(super) fn check_log(log: &[Record]) {
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
    let (mut locked, mut refused) = (false, false);
    let (mut code, mut running, mut runs) = (false, None, 0);
    let (mut accepted, mut candidates) = (BTreeSet::new(), BTreeSet::new());
    let (mut succeeded, mut fetched) = (BTreeSet::new(), BTreeSet::new());
    let (mut revoked, mut taken_back) = (false, BTreeSet::new());
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
                (locked, refused) = (false, false);
            }
            Event::EnvironmentLocked { lock } => {
                by(ParticipantId { role: Role::CodeProvider, index: 0 });
                assert!(code && identity.is_none(), "packages are locked with the code");
                assert!(!std::mem::replace(&mut locked, true), "and once");
                let Event::CodeUploaded { files, .. } = &log[record.seq as usize - 1].event else {
                    panic!("with the code means right behind it");
                };
                assert!(files.iter().any(|file| file.sha256 == lock.requirements));
                assert_eq!(lock.runtime, policy.runtime);
                assert_eq!(lock.sources().count(), 0, "nobody has allowed any");
            }
            Event::EnvironmentRefused { reason } => {
                assert!(matches!(record.actor, Actor::Enclave(_)));
                assert!(code && identity.is_none(), "refused is code that waits");
                assert!(!std::mem::replace(&mut refused, true), "and once");
                assert!(!reason.contains('\u{1b}'), "in words that can be shown");
            }
            Event::CodeReset => {
                by(ParticipantId { role: Role::CodeProvider, index: 0 });
                assert_eq!(running, None);
                code = false;
            }
            Event::IdentityPublished { enclave, keys: identity_keys, manifest, .. } => {
                assert_eq!(record.actor, Actor::Enclave(*enclave));
                assert!(identity.is_none() && code, "one identity at a time, and only for code");
                assert!(!refused, "nor for code that was refused");
                assert!(everybody.iter().all(|id| keys.contains_key(id)), "everybody has joined");
                let digest = Digest::of(manifest.as_bytes());
                identity = Some((*enclave, identity_keys.signing, digest));
                runs = 0;
            }
            Event::IdentityWithdrawn { reason } => {
                assert!(*reason != Withdrawal::CodeReset || !code);
                identity = None;
                taken_back.clear();
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
                if released.remove(participant).is_some() {
                    taken_back.insert(*participant);
                }
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
            Event::KeyRevoked { participant, .. } => {
                by(*participant);
                accepted.remove(participant);
                candidates.remove(participant);
                assert!(released.remove(participant).is_some());
                taken_back.insert(*participant);
                revoked |= running.is_some();
            }
            Event::KeyDestroyed { participant, record: said } => {
                let (enclave, standing, manifest) = identity.expect("an identity stands");
                assert_eq!(record.actor, Actor::Enclave(enclave));
                let said: Destruction = said.verify(&standing).expect("the identity says so");
                assert_eq!((said.participant, said.manifest), (*participant, manifest));
                assert!(taken_back.contains(participant), "of a key that was taken back");
            }
            Event::RunRequested | Event::Archived | Event::Removed => by_owner(),
            Event::RunStarted { run } => {
                let (enclave, standing, _) = identity.expect("an identity stands");
                assert_eq!(record.actor, Actor::Enclave(enclave));
                assert_eq!(running.replace(*run), None, "one run at a time");
                runs += 1;
                revoked = false;
                assert!(runs <= policy.max_runs, "no more runs than approved");
                for id in &everybody {
                    assert_eq!(released.get(id), Some(&standing), "{id} has released its key");
                    assert!(id.role != Role::DataProvider || done.contains_key(id), "{id} is done");
                }
            }
            Event::RunFinished { run, receipt } => {
                let (_, standing, _) = identity.expect("an identity stands");
                let said: Receipt = receipt.verify(&standing).unwrap();
                if said.status == RunStatus::Succeeded {
                    assert!(!revoked, "no success with a key that was taken back");
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
            world.play(&Step { who: n, what: (first as usize + n) as u8 % 41, n: second as usize + n });
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
