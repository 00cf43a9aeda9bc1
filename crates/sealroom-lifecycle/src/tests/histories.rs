//! Histories with a point of their own.

use super::{laws::check_log, world::*};
use crate::{
    command::{Command, Create},
    decide::{RejectionKind, create},
    event::Actor,
};
use sealroom_protocol::{ComputationId, ParticipantId, Policy, Release, Role, Suite, api::Phase};

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
    let finish = Command::FinishRun { run: 1, receipt, keys_refused: false };
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
    let finish = Command::FinishRun { run: 1, receipt, keys_refused: true };
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
                Command::Revoke { role, releases: vec![] },
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
    let finish = Command::FinishRun { run: 1, receipt, keys_refused: false };
    world.send(&Actor::Enclave(enclave(0)), finish).unwrap();
    world.send(&Actor::Account(email(0)), Command::Archive).unwrap();
    assert_eq!(world.send(&consumer, fetch()), Ok(1));
    assert_eq!(world.send(&consumer, fetch()), Ok(0));
    world.send(&Actor::Account(email(0)), Command::Remove).unwrap();
    assert_eq!(world.send(&consumer, fetch()), Err(RejectionKind::WrongState));
}

#[test]
fn a_key_taken_back_during_a_run_lets_it_fail_alone() {
    let mut world = World::new(2);
    prepared(&mut world, 14);
    let machine = Actor::Enclave(enclave(0));
    let provider = ParticipantId { role: Role::DataProvider, index: 0 };
    let revoke = Command::Revoke { role: Role::DataProvider, releases: vec![] };
    assert_eq!(
        world.send(&Actor::Account(email(4)), revoke.clone()),
        Err(RejectionKind::Forbidden)
    );
    assert_eq!(world.send(&machine, Command::StartRun), Ok(1));
    assert_eq!(world.send(&Actor::Account(email(2)), revoke.clone()), Ok(1));
    assert_eq!(world.send(&Actor::Account(email(2)), revoke), Ok(0), "once");
    let finish = |world: &World, success| Command::FinishRun {
        run: 1,
        receipt: world.receipt(1, success),
        keys_refused: false,
    };
    let success = finish(&world, true);
    assert_eq!(world.send(&machine, success), Err(RejectionKind::WrongState));
    let failure = finish(&world, false);
    assert_eq!(world.send(&machine, failure), Ok(1));
    assert_eq!(world.state.participant(provider).unwrap().taken_back.len(), 1);
    let other = Command::RecordDestruction {
        participant: provider,
        record: world.destruction(provider, true),
    };
    assert_eq!(world.send(&machine, other), Ok(0), "nothing is owed for another release");
    let record = world.destruction(provider, false);
    let destroyed = Command::RecordDestruction { participant: provider, record };
    let stranger = Actor::Enclave(enclave(1));
    assert_eq!(world.send(&stranger, destroyed.clone()), Err(RejectionKind::WrongState));
    assert_eq!(world.send(&machine, destroyed.clone()), Ok(1));
    assert_eq!(world.send(&machine, destroyed), Ok(0), "once");
    assert!(world.state.participant(provider).unwrap().taken_back.is_empty());
    assert!(!world.state.ready_to_run());
    assert_eq!(world.send(&machine, Command::StartRun), Err(RejectionKind::WrongState));
    check_log(&world.log);
}

#[test]
fn a_key_can_be_taken_back_in_every_state() {
    let revoke = || Command::Revoke { role: Role::DataProvider, releases: vec![] };
    let who = Actor::Account(email(2));
    for steps in 0..14 {
        let mut world = World::new(1);
        prepared(&mut world, steps);
        let released = world.state.participant_of(&email(2), Role::DataProvider).unwrap();
        let events = usize::from(released.release.is_some());
        assert_eq!(world.send(&who, revoke()), Ok(events), "after {steps} steps");
        assert_eq!(world.send(&who, revoke()), Ok(0), "after {steps} steps");
        assert!(!world.state.ready_to_run());
    }
    let mut world = World::new(1);
    prepared(&mut world, 14);
    let owner = Actor::Account(email(0));
    assert!(world.send(&owner, Command::Archive).is_ok());
    assert_eq!(world.send(&who, revoke()), Ok(0), "archived");
    assert!(world.send(&owner, Command::Remove).is_ok());
    assert_eq!(world.send(&who, revoke()), Ok(0), "removed");
}
