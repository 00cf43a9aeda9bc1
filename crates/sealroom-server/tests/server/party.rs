//! Participants with real keys, and a computation among four of them.

use crate::harness::{Client, Server};
use sealroom_protocol::{
    ComputationId, Digest, FileContext, FileKind, InventoryEntry, KeyRelease, Role,
    api::{Computation, Registration},
    archive::ArchiveWriter,
    release::Recipient,
};
use sealroom_seal::{
    FileKey, PreSharedKey, release::ReleasedKeys, sign::SigningKey, stream::OpenReader,
    stream::SealReader,
};
use serde_json::json;
use std::io::Read as _;

pub(crate) const RUN_PY: &str = "print('hello')\n";

/// One participant: account, role, keys.
pub(crate) struct Party {
    pub(crate) client: Client,
    pub(crate) role: Role,
    pub(crate) signer: SigningKey,
    pub(crate) key: FileKey,
    pub(crate) inventory: Vec<InventoryEntry>,
}

/// A computation and everybody in it.
pub(crate) struct Room {
    pub(crate) id: ComputationId,
    pub(crate) owner: Client,
    pub(crate) code: Party,
    pub(crate) data: [Party; 2],
    pub(crate) results: [Party; 2],
}

impl Party {
    pub(crate) fn new(client: Client, role: Role) -> Self {
        let (signer, key) = (SigningKey::random(), FileKey::random());
        Self { client, role, signer, key, inventory: vec![] }
    }

    pub(crate) fn registration(&self) -> Registration {
        Registration {
            public_key: self.signer.public(),
            side: self.role,
            suite: sealroom_protocol::Suite::Hybrid,
        }
    }

    pub(crate) fn register(&self, id: ComputationId) {
        let path = format!("/computations/{id}/register");
        self.client.post(&path, &self.registration()).success();
    }

    fn context<'a>(
        &self,
        id: ComputationId,
        participant: &'a sealroom_protocol::PublicKey,
        path: &'a str,
    ) -> FileContext<'a> {
        let kind = match self.role {
            Role::CodeProvider => FileKind::Code,
            Role::DataProvider => FileKind::Data,
            Role::ResultConsumer => FileKind::Result,
        };
        FileContext { computation: id, participant, kind, path }
    }

    pub(crate) fn seal(&self, id: ComputationId, path: &str, plain: &[u8]) -> Vec<u8> {
        let public = self.signer.public();
        let aad = self.context(id, &public, path).associated_data();
        let mut sealed = Vec::new();
        SealReader::new(plain, &self.key, &aad).read_to_end(&mut sealed).unwrap();
        sealed
    }

    pub(crate) fn open(&self, id: ComputationId, path: &str, sealed: &[u8]) -> Vec<u8> {
        let public = self.signer.public();
        let aad = self.context(id, &public, path).associated_data();
        let mut plain = Vec::new();
        OpenReader::new(sealed, &self.key, &aad).read_to_end(&mut plain).unwrap();
        plain
    }

    /// Seals and pushes a data file.
    pub(crate) fn push(&mut self, id: ComputationId, name: &str, plain: &[u8]) {
        let sealed = self.seal(id, name, plain);
        let path = format!("/computations/{id}/data/{name}");
        let stored = self.client.put(&path, &sealed).ok();
        let sha256 = Digest::of(&sealed);
        assert_eq!(stored["sha256"], json!(sha256));
        let (name, size) = (name.parse().unwrap(), sealed.len() as u64);
        self.inventory.push(InventoryEntry { name, size, sha256, uploaded_at: 1 });
    }

    /// Releases the key to the identity that the server shows.
    pub(crate) fn release(&self, id: ComputationId, psk: &[u8; 32]) -> KeyRelease {
        let computation: Computation = self.client.get(&format!("/computations/{id}")).json();
        let identity = computation.enclave.identity.expect("an identity stands");
        let to = Recipient {
            computation: id,
            manifest: Digest::of(identity.manifest.as_bytes()),
            identity: &identity.keys.signing,
            sealing: &identity.keys.sealing_key().unwrap(),
        };
        let keys = ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(psk),
            file_key: self.key.clone(),
        };
        KeyRelease::seal(&to, self.role, &self.signer, &keys, self.inventory.clone()).unwrap()
    }

    pub(crate) fn approve(&self, id: ComputationId) {
        let release = self.release(id, &[7; 32]);
        self.client.post(&format!("/computations/{id}/key/release"), &release).success();
    }
}

impl Room {
    /// Accounts and a computation, nothing more.
    pub(crate) fn new(server: &Server) -> Self {
        let owner = server.user("owner@example.org");
        let id = create(&owner, &json!({}));
        let party = |email: &str, role| Party::new(server.user(email), role);
        Self {
            id,
            owner,
            code: party("code@example.org", Role::CodeProvider),
            data: ["data0@example.org", "data1@example.org"]
                .map(|email| party(email, Role::DataProvider)),
            results: ["result0@example.org", "result1@example.org"]
                .map(|email| party(email, Role::ResultConsumer)),
        }
    }

    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Party> {
        std::iter::once(&self.code).chain(&self.data).chain(&self.results)
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/computations/{}{rest}", self.id)
    }

    pub(crate) fn show(&self) -> Computation {
        self.owner.get(&self.path("")).json()
    }

    pub(crate) fn phase(&self) -> String {
        serde_json::to_value(self.show().phase).unwrap().as_str().unwrap().to_owned()
    }

    /// The code as an archive: `run.py` and one sealed module.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let module = self.code.seal(self.id, "secret.py", b"SECRET = 42\n");
        let mut writer = ArchiveWriter::new(Vec::new());
        let run = RUN_PY.as_bytes();
        writer.add(&"run.py".parse().unwrap(), false, run.len() as u64, run).unwrap();
        let size = module.len() as u64;
        writer.add(&"secret.py".parse().unwrap(), true, size, module.as_slice()).unwrap();
        writer.finish().unwrap()
    }

    pub(crate) fn join(&self) {
        self.everybody().for_each(|party| party.register(self.id));
    }

    pub(crate) fn push_code(&self) -> Vec<u8> {
        let archive = self.archive();
        self.code.client.put(&self.path("/code"), &archive).success();
        archive
    }

    /// Everybody has joined and the code is there: ready for an enclave.
    pub(crate) fn ready(server: &Server) -> Self {
        let room = Self::new(server);
        room.join();
        room.push_code();
        room
    }

    pub(crate) fn push_data(&mut self) {
        let id = self.id;
        for (party, text) in self.data.iter_mut().zip(["zero", "one"]) {
            party.push(id, "table.csv", text.as_bytes());
            party.client.post_empty(&format!("/computations/{id}/data/done")).success();
        }
    }

    pub(crate) fn approve(&self) {
        self.everybody().for_each(|party| party.approve(self.id));
    }
}

/// Creates a computation among the usual accounts; `more` adds to the request.
pub(crate) fn create(owner: &Client, more: &serde_json::Value) -> ComputationId {
    let mut body = json!({
        "name": "two tables",
        "code_provider_email": "code@example.org",
        "data_providers_emails": ["data0@example.org", "data1@example.org"],
        "result_consumers_emails": ["result0@example.org", "result1@example.org"],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let created = owner.post("/computations", &body);
    assert_eq!(created.status, 201);
    created.json::<Computation>().uuid
}
