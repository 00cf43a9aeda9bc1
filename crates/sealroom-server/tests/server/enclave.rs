//! An enclave as far as the server can see: it speaks the wire and does the cryptography, and its
//! "run" joins all inputs.

use crate::harness::{Client, Reply, Server};
use sealroom_lifecycle::{
    EnclaveId, Record, State, replay,
    wire::{Claim, ClaimRequest, Events, FinishRun, PublishIdentity, RunNumber},
};
use sealroom_protocol::{
    Base64, ComputationId, Digest, Evidence, EvidenceKind, FileContext, FileKind, IdentityKeys,
    JailPart, Manifest, ParticipantId, Receipt, Release, Role, RuntimeName, Timestamp,
    archive::{self, Clear},
    context::result_path,
    manifest::{ComputationPart, EnvironmentPart, ParticipantPart, RuntimePart, VERSION},
    package::Variables,
    receipt::{Basis, RunStatus, SealedLog, SealedResult},
    release::Expected,
    statement::Predicate as _,
};
use sealroom_seal::{
    FileKey,
    release::{OpeningKey, generate},
    sign::SigningKey,
    stream::{OpenReader, SealReader},
};
use sealroom_server::AccountKind;
use std::{collections::BTreeMap, io::Read as _};
use uuid::Uuid;

/// An enclave that holds a computation.
pub(crate) struct Enclave {
    pub(crate) client: Client,
    pub(crate) id: EnclaveId,
    pub(crate) computation: ComputationId,
    signing: SigningKey,
    opening: OpeningKey,
    records: Vec<Record>,
}

pub(crate) fn account(server: &Server) -> Client {
    server.login("enclave@example.org", AccountKind::Enclave)
}

pub(crate) fn claim(client: &Client, id: EnclaveId) -> Option<Claim> {
    let request = ClaimRequest {
        enclave: id,
        version: "0".to_owned(),
        attester: EvidenceKind::Simulated,
        runtimes: vec![RuntimeName::default()],
    };
    let reply = client.post("/enclave/claims", &request).success();
    (reply.status == 200).then(|| reply.json())
}

impl Enclave {
    /// Claims whatever there is.
    pub(crate) fn claim(server: &Server) -> Self {
        let client = account(server);
        let id = EnclaveId(Uuid::new_v4());
        let claim = claim(&client, id).expect("there is work");
        let client = client.with_lease(&claim.lease);
        let (signing, opening) = (SigningKey::random(), generate().0);
        Self { client, id, computation: claim.computation, signing, opening, records: vec![] }
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/enclave/computations/{}{rest}", self.computation)
    }

    /// Takes in what happened.
    pub(crate) fn state(&mut self) -> State {
        let after = self.records.last().map(|r| format!("?after={}", r.seq)).unwrap_or_default();
        let events: Events = self.client.get(&self.path(&format!("/events{after}"))).json();
        self.records.extend(events.records);
        replay(&self.records).unwrap()
    }

    fn keys(&self) -> IdentityKeys {
        let sealing = Base64(self.opening.public().to_bytes());
        IdentityKeys { signing: self.signing.public(), sealing }
    }

    pub(crate) fn identity(&mut self) -> PublishIdentity {
        let state = self.state();
        let tar = self.client.get(&self.path("/code")).success().body;
        let code = archive::read(tar.as_slice(), Clear::Entrypoint, |_| Ok(())).unwrap();
        assert_eq!(code, state.code.as_ref().unwrap().files);
        let part = |p: &sealroom_lifecycle::state::Participant| {
            let (public_key, suite, _) = p.registered.unwrap();
            ParticipantPart { role: p.id.role, email: p.email.clone(), suite, public_key }
        };
        let manifest = Manifest {
            version: VERSION.to_owned(),
            computation: ComputationPart {
                uuid: state.computation,
                name: state.name.clone(),
                owner: state.owner.clone(),
                created_at: state.created_at,
                dev_mode: state.dev_mode,
            },
            participants: state.participants.iter().map(part).collect(),
            code,
            environment: EnvironmentPart {
                profile: RuntimeName::default(),
                platform: "linux_x86_64".to_owned(),
                variables: Variables::new(),
                python: "3".to_owned(),
                lock_sha256: Digest::of(b""),
                packages: vec![],
            },
            policy: state.policy,
            runtime: RuntimePart {
                enclave: "0".to_owned(),
                attester: EvidenceKind::Simulated,
                jail: JailPart::of(vec![]),
            },
        };
        let evidence = Evidence {
            kind: EvidenceKind::Simulated,
            quote: Base64(b"none".to_vec()),
            endorsements: vec![],
        };
        let manifest = manifest.canonical().text().to_owned();
        PublishIdentity { manifest, keys: self.keys(), evidence }
    }

    pub(crate) fn publish(&mut self) {
        let identity = self.identity();
        self.client.post(&self.path("/identity"), &identity).success();
    }

    pub(crate) fn start_run(&self) -> Reply {
        self.client.post_empty(&self.path("/runs"))
    }

    /// Everybody's key, opened.
    pub(crate) fn open_keys(&mut self) -> BTreeMap<ParticipantId, FileKey> {
        let state = self.state();
        let identity = self.signing.public();
        let open = |p: &sealroom_lifecycle::state::Participant| {
            let released = p.release.clone().expect("released");
            let Release::Hybrid(release) = released.release else { panic!("the native suite") };
            let expected = Expected {
                computation: self.computation,
                role: p.id.role,
                participant: &p.registered.unwrap().0,
                manifest: state.identity.as_ref().unwrap().digest,
                identity: &identity,
            };
            let opened = release.check(&expected).unwrap().open(&self.opening).unwrap();
            assert_eq!(opened.keys.pre_shared_key.expose(), &[7; 32]);
            (p.id, opened.keys.file_key.clone())
        };
        state.participants.iter().map(open).collect()
    }

    /// The inputs, joined.
    pub(crate) fn inputs(&mut self, keys: &BTreeMap<ParticipantId, FileKey>) -> Vec<u8> {
        let state = self.state();
        let mut plain = Vec::new();
        for p in state.of_role(Role::DataProvider) {
            for (file, _) in &p.files {
                let path = self.path(&format!("/data/{}/{}", p.id.index, file.name));
                let sealed = self.client.get(&path).success().body;
                assert_eq!(Digest::of(&sealed), file.sha256);
                let context = FileContext {
                    computation: self.computation,
                    participant: &p.registered.unwrap().0,
                    kind: FileKind::Data,
                    path: file.name.as_str(),
                };
                let aad = context.associated_data();
                OpenReader::new(&sealed[..], &keys[&p.id], &aad).read_to_end(&mut plain).unwrap();
            }
        }
        plain
    }

    /// Seals a result for a consumer and stages it.
    pub(crate) fn stage(
        &mut self,
        run: u32,
        consumer: u16,
        key: &FileKey,
        plain: &[u8],
    ) -> SealedResult {
        let name: sealroom_protocol::FileName = "result.bin".parse().unwrap();
        let state = self.state();
        let id = ParticipantId { role: Role::ResultConsumer, index: consumer };
        let context = FileContext {
            computation: self.computation,
            participant: &state.participant(id).unwrap().registered.unwrap().0,
            kind: FileKind::Result,
            path: &result_path(run, &name),
        };
        let mut sealed = Vec::new();
        let aad = context.associated_data();
        SealReader::new(plain, key, &aad).read_to_end(&mut sealed).unwrap();
        let path = self.path(&format!("/runs/{run}/results/{consumer}/{name}"));
        self.client.put(&path, &sealed).success();
        SealedResult { consumer, name, size: sealed.len() as u64, sha256: Digest::of(&sealed) }
    }

    pub(crate) fn receipt(
        &mut self,
        run: u32,
        status: RunStatus,
        results: Vec<SealedResult>,
        logs: Vec<SealedLog>,
    ) -> FinishRun {
        let manifest = self.state().identity.expect("it stands").digest;
        let receipt = Receipt {
            computation: self.computation,
            manifest,
            basis: Basis { code: manifest, lock: manifest, policy: manifest, evidence: manifest },
            run,
            run_of_identity: run,
            releases: vec![],
            published_at: Timestamp::UNIX_EPOCH,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            sbom: None,
            status,
            inputs: vec![],
            results,
            logs,
        };
        FinishRun { receipt: receipt.sign(&self.signing), keys_refused: false }
    }

    pub(crate) fn finish(&self, run: u32, end: &FinishRun) -> Reply {
        self.client.post(&self.path(&format!("/runs/{run}/finish")), end)
    }

    /// A whole run.
    pub(crate) fn work(&mut self) -> u32 {
        let keys = self.open_keys();
        let plain = self.inputs(&keys);
        let run = self.start_run().json::<RunNumber>().run;
        let results = [0, 1].map(|consumer| {
            let id = ParticipantId { role: Role::ResultConsumer, index: consumer };
            self.stage(run, consumer, &keys[&id], &plain)
        });
        let log = b"sealed log".to_vec();
        self.client.put(&self.path(&format!("/runs/{run}/logs/code/0")), &log).success();
        let reader = ParticipantId { role: Role::CodeProvider, index: 0 };
        let log = SealedLog { reader, size: log.len() as u64, sha256: Digest::of(&log) };
        let end = self.receipt(run, RunStatus::Succeeded, results.to_vec(), vec![log]);
        self.finish(run, &end).success();
        // The answer may have got lost: once more.
        self.finish(run, &end).success();
        run
    }
}
