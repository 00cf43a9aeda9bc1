//! A profile: the folder with a participant's keys, its account, and what it remembers.
//!
//! ```text
//! profile/
//!   account.json                     server and e-mail
//!   secrets.json | secrets.age       refresh token and keys; with a passphrase, an age file
//!   policy.json                      optional: the widest limits that this participant agrees to
//!   attestation.toml                 optional: which evidence of hardware this participant accepts
//!   collateral.toml                  optional: whom to ask for what vouches for evidence
//!   collateral-seen.json             the newest state of the manufacturers that was relied on
//!   advisories.json                  optional: known vulnerabilities, as they were imported
//!   computations/UUID.json           what was pushed, approved and seen
//! ```
//! Folders are 0700 and files 0600. Every change is written beside and moved into place, under a lock,
//! so that two commands at once, or one that is killed, leave no half-written file.

use crate::{
    ClientError,
    attestation::{self, PolicyFile},
};
use sealroom_advisories::Advisories;
use sealroom_attest::policy::Shipped;
use sealroom_protocol::{
    CodeFile, ComputationId, Digest, Email, InventoryEntry, Lock, Policy, PublicKey, Role,
    api::{Head, NewComputation},
};
use sealroom_seal::{FileKey, sign::SigningKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// What encrypts the secrets of a profile.
pub type Passphrase = age::secrecy::SecretString;

/// A participant's folder.
#[derive(Debug)]
pub struct Profile {
    dir: PathBuf,
    passphrase: Option<Passphrase>,
    opened: RefCell<Option<Opened>>,
}

/// What `secrets.age` held when it was opened last: opening it takes a second, on purpose.
struct Opened {
    sealed: Digest,
    plain: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(..)")
    }
}

/// The account that a profile uses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The server's URL.
    pub server: String,
    /// The account's address.
    pub email: Email,
}

/// What nobody else may know.
#[derive(Default, Serialize, Deserialize)]
struct Secrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(default)]
    computations: BTreeMap<ComputationId, ComputationSecrets>,
}

#[derive(Default, Serialize, Deserialize)]
struct ComputationSecrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    words: Option<Zeroizing<String>>,
    #[serde(default)]
    keys: BTreeMap<Role, KeyText>,
}

#[derive(Serialize, Deserialize)]
struct KeyText {
    signing_seed: Zeroizing<String>,
    file_key: Zeroizing<String>,
}

/// The keys of one role in one computation.
#[derive(Debug)]
pub struct RoleKeys {
    /// Signs releases, and is the participant's name.
    pub signing: SigningKey,
    /// Seals and opens the participant's files.
    pub file: FileKey,
}

/// What a profile remembers of a computation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// What the owner created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<NewComputation>,
    /// The code as it was pushed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<CodeFile>,
    /// The packages that were pushed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// The data as it was pushed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<InventoryEntry>,
    /// The manifest that was looked at last: `approve` accepts no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Digest>,
    /// Identities that were approved: their keys and manifests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approved: BTreeMap<PublicKey, Digest>,
    /// What was released in each role to the identity that was approved last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub released: BTreeMap<Role, ReleasedTo>,
    /// Receipts that were seen: what a run was once said to be it has to stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub receipts: BTreeMap<u32, Digest>,
    /// The newest event that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// Releases of one role, by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedTo {
    /// The identity that they are for.
    pub identity: PublicKey,
    /// All of them, whether or not the server has taken them.
    pub releases: BTreeSet<Digest>,
}

impl Memory {
    /// Adds a release.
    pub fn release(&mut self, role: Role, identity: PublicKey, release: Digest) {
        let none = || ReleasedTo { identity, releases: BTreeSet::new() };
        let known = self.released.entry(role).or_insert_with(none);
        if known.identity != identity {
            *known = none();
        }
        known.releases.insert(release);
    }
}

impl Profile {
    /// The profile in `dir`, which is made if it is not there. `passphrase` opens its secrets if
    /// they are encrypted.
    ///
    /// # Errors
    /// [`ClientError::File`] if there can be no such folder.
    pub fn open(dir: &Path, passphrase: Option<Passphrase>) -> Result<Self, ClientError> {
        let make = |dir: &Path| fs::DirBuilder::new().mode(0o700).recursive(true).create(dir);
        make(dir).map_err(|source| file_error(dir, source))?;
        Ok(Self { dir: dir.to_owned(), passphrase, opened: RefCell::default() })
    }

    /// Where the profile is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the secrets are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.dir.join("secrets.age").exists()
    }

    /// The account.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`] if there is none.
    pub fn account(&self) -> Result<Account, ClientError> {
        self.load("account.json")?.ok_or(ClientError::NotLoggedIn)
    }

    /// The account's refresh token.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`] if there is none, [`ClientError::Passphrase`].
    pub fn refresh_token(&self) -> Result<sealroom_http::RefreshToken, ClientError> {
        let secrets = self.secrets()?;
        let token = secrets.refresh_token.ok_or(ClientError::NotLoggedIn)?;
        Ok(sealroom_http::RefreshToken::new(&token))
    }

    /// Remembers an account.
    ///
    /// # Errors
    /// Those of writing, and [`ClientError::Passphrase`].
    pub fn set_account(
        &self,
        account: &Account,
        token: &sealroom_http::RefreshToken,
    ) -> Result<(), ClientError> {
        self.change_secrets(|secrets| {
            secrets.refresh_token = Some(Zeroizing::new(token.expose().to_owned()));
        })?;
        self.store("account.json", &to_json(account))
    }

    /// The keys of `role`, made if there are none yet.
    ///
    /// # Errors
    /// Those of writing, and [`ClientError::Passphrase`].
    pub fn make_keys(&self, id: ComputationId, role: Role) -> Result<RoleKeys, ClientError> {
        self.change_secrets(|secrets| {
            let keys = &mut secrets.computations.entry(id).or_default().keys;
            keys.entry(role).or_insert_with(|| KeyText {
                signing_seed: FileKey::random().to_hex(),
                file_key: FileKey::random().to_hex(),
            });
        })?;
        self.keys(id, role)
    }

    /// The keys of `role`.
    ///
    /// # Errors
    /// [`ClientError::NotJoined`] if there are none, [`ClientError::Passphrase`].
    pub fn keys(&self, id: ComputationId, role: Role) -> Result<RoleKeys, ClientError> {
        let secrets = self.secrets()?;
        let text = secrets.computations.get(&id).and_then(|c| c.keys.get(&role));
        let text = text.ok_or(ClientError::NotJoined { role, computation: id })?;
        let key = |text: &str| FileKey::from_hex(text).ok_or_else(|| self.damaged("a bad key"));
        let seed = key(&text.signing_seed)?;
        Ok(RoleKeys { signing: SigningKey::from_seed(seed.expose()), file: key(&text.file_key)? })
    }

    /// The safety words, if they were made or given here.
    ///
    /// # Errors
    /// [`ClientError::Passphrase`], and a damaged file.
    pub fn words(
        &self,
        id: ComputationId,
    ) -> Result<Option<sealroom_seal::words::SafetyWords>, ClientError> {
        let secrets = self.secrets()?;
        let words = secrets.computations.get(&id).and_then(|c| c.words.as_ref());
        words.map(|w| w.parse().map_err(|_| self.damaged("bad safety words"))).transpose()
    }

    /// Remembers the safety words.
    ///
    /// # Errors
    /// Those of writing, and [`ClientError::Passphrase`].
    pub fn set_words(
        &self,
        id: ComputationId,
        words: &sealroom_seal::words::SafetyWords,
    ) -> Result<(), ClientError> {
        self.change_secrets(|secrets| {
            let text = Zeroizing::new(words.expose().to_owned());
            secrets.computations.entry(id).or_default().words = Some(text);
        })
    }

    /// The widest limits that this participant agrees to: `policy.json`, or the defaults.
    ///
    /// # Errors
    /// [`ClientError::Damaged`] if the file is no policy.
    pub fn bounds(&self) -> Result<Policy, ClientError> {
        Ok(self.load("policy.json")?.unwrap_or_default())
    }

    /// What evidence of hardware this participant accepts: `attestation.toml`, or the policy `standard`.
    ///
    /// # Errors
    /// [`ClientError::Policy`] if the file is no policy: it is never passed over.
    pub fn attestation(&self) -> Result<PolicyFile, ClientError> {
        match PolicyFile::read(&self.attestation_file()) {
            Err(ClientError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(PolicyFile::shipped(Shipped::Standard))
            }
            read => read,
        }
    }

    /// Uses a policy for evidence of hardware from now on.
    ///
    /// # Errors
    /// Those of writing.
    pub fn set_attestation(&self, file: &PolicyFile) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        self.store(attestation::FILE, file.text.as_bytes())
    }

    /// Uses the policy `standard` from now on.
    ///
    /// # Errors
    /// Those of removing.
    pub fn reset_attestation(&self) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        let path = self.attestation_file();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(&path, error)),
            _ => Ok(()),
        }
    }

    /// Where the policy for evidence of hardware is, if the profile has its own.
    #[must_use]
    pub fn attestation_file(&self) -> PathBuf {
        self.dir.join(attestation::FILE)
    }

    /// Known vulnerabilities, if any were imported.
    ///
    /// # Errors
    /// [`ClientError::Advisories`] if what was imported can't be read.
    pub fn advisories(&self) -> Result<Option<Advisories>, ClientError> {
        let path = self.advisories_file();
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(Advisories::load(&path)?))
    }

    /// Where imported advisories are.
    #[must_use]
    pub fn advisories_file(&self) -> PathBuf {
        self.dir.join("advisories.json")
    }

    /// What is remembered of a computation.
    ///
    /// # Errors
    /// [`ClientError::Damaged`] if the file can't be read.
    pub fn memory(&self, id: ComputationId) -> Result<Memory, ClientError> {
        Ok(self.load(&memory_file(id))?.unwrap_or_default())
    }

    /// Changes what is remembered of a computation.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn remember(
        &self,
        id: ComputationId,
        change: impl FnOnce(&mut Memory),
    ) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        let mut memory = self.memory(id)?;
        change(&mut memory);
        self.store(&memory_file(id), &to_json(&memory))
    }

    /// Encrypts the secrets with `passphrase` from now on.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn encrypt(&mut self, passphrase: Passphrase) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        let secrets = self.secrets()?;
        self.passphrase = Some(passphrase);
        self.store_secrets(&secrets, true)?;
        match fs::remove_file(self.dir.join("secrets.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file_error(&self.dir, error))
            }
            _ => Ok(()),
        }
    }

    fn change_secrets(&self, change: impl FnOnce(&mut Secrets)) -> Result<(), ClientError> {
        let _lock = self.lock()?;
        let mut secrets = self.secrets()?;
        let before = to_json(&secrets);
        change(&mut secrets);
        if to_json(&secrets) == before {
            return Ok(());
        }
        self.store_secrets(&secrets, self.is_encrypted())
    }

    fn secrets(&self) -> Result<Secrets, ClientError> {
        if !self.is_encrypted() {
            return Ok(self.load("secrets.json")?.unwrap_or_default());
        }
        let sealed = self.read("secrets.age")?.unwrap_or_default();
        let digest = Digest::of(&sealed);
        let mut opened = self.opened.borrow_mut();
        // Another command may have written it since.
        if opened.as_ref().is_none_or(|opened| opened.sealed != digest) {
            let passphrase = self.passphrase.clone().ok_or(ClientError::Passphrase)?;
            let identity = age::scrypt::Identity::new(passphrase);
            let plain = age::decrypt(&identity, &sealed).map_err(|_| ClientError::Passphrase)?;
            *opened = Some(Opened { sealed: digest, plain: Zeroizing::new(plain) });
        }
        let plain = opened.as_ref().map(|opened| opened.plain.as_slice()).unwrap_or_default();
        serde_json::from_slice(plain).map_err(|error| self.damaged(&error.to_string()))
    }

    fn store_secrets(&self, secrets: &Secrets, encrypted: bool) -> Result<(), ClientError> {
        let plain = to_json(secrets);
        if !encrypted {
            return self.store("secrets.json", &plain);
        }
        let passphrase = self.passphrase.clone().ok_or(ClientError::Passphrase)?;
        let recipient = age::scrypt::Recipient::new(passphrase);
        let sealed =
            age::encrypt(&recipient, &plain).map_err(|error| self.damaged(&error.to_string()))?;
        self.store("secrets.age", &sealed)?;
        *self.opened.borrow_mut() = Some(Opened { sealed: Digest::of(&sealed), plain });
        Ok(())
    }

    fn damaged(&self, problem: &str) -> ClientError {
        let name = if self.is_encrypted() { "secrets.age" } else { "secrets.json" };
        ClientError::Damaged { path: self.dir.join(name), problem: problem.to_owned() }
    }

    pub(crate) fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ClientError> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| ClientError::Damaged {
            path: self.dir.join(name),
            problem: error.to_string(),
        })
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, ClientError> {
        let path = self.dir.join(name);
        let mut bytes = Zeroizing::new(Vec::new());
        match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_error(&path, source)),
        }
    }

    /// Writes beside and moves into place. `tempfile` makes its files 0600.
    pub(crate) fn store(&self, name: &str, bytes: &[u8]) -> Result<(), ClientError> {
        let path = self.dir.join(name);
        let write = || {
            let folder = path.parent().unwrap_or(&self.dir);
            fs::DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error).map(drop)
        };
        write().map_err(|source| file_error(&path, source))
    }

    pub(crate) fn lock(&self) -> Result<File, ClientError> {
        let path = self.dir.join("lock");
        let open = || {
            let mut options = File::options();
            let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            file.lock().map(|()| file)
        };
        open().map_err(|source| file_error(&path, source))
    }
}

fn memory_file(id: ComputationId) -> String {
    format!("computations/{id}.json")
}

fn to_json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec_pretty(value).expect("profile types have string keys"))
}

fn file_error(path: &Path, source: io::Error) -> ClientError {
    ClientError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn keys_are_made_once_and_only_the_owner_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(&dir.path().join("p"), None).unwrap();
        let id = ComputationId::random();
        let missing = profile.keys(id, Role::DataProvider);
        assert!(matches!(missing, Err(ClientError::NotJoined { .. })));
        let made = profile.make_keys(id, Role::DataProvider).unwrap();
        let again = profile.make_keys(id, Role::DataProvider).unwrap();
        assert_eq!(made.file, again.file);
        let other = profile.make_keys(id, Role::ResultConsumer).unwrap();
        assert_ne!(other.signing.public(), made.signing.public(), "each role has its own keys");
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(profile.dir().to_owned()), 0o700);
        assert_eq!(mode(profile.dir().join("secrets.json")), 0o600);
    }

    #[test]
    fn a_passphrase_hides_the_keys() {
        let dir = tempfile::tempdir().unwrap();
        let id = ComputationId::random();
        let mut profile = Profile::open(dir.path(), None).unwrap();
        let key = profile.make_keys(id, Role::CodeProvider).unwrap().file;
        profile.encrypt("correct horse".to_owned().into()).unwrap();
        assert!(!dir.path().join("secrets.json").exists());
        let text = fs::read(dir.path().join("secrets.age")).unwrap();
        assert!(text.starts_with(b"age-encryption.org/v1"));
        assert_eq!(profile.keys(id, Role::CodeProvider).unwrap().file, key);
        for wrong in [None, Some("battery staple".to_owned().into())] {
            let profile = Profile::open(dir.path(), wrong).unwrap();
            let refused = profile.keys(id, Role::CodeProvider);
            assert!(matches!(refused, Err(ClientError::Passphrase)));
        }
    }

    #[test]
    fn commands_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<ComputationId> = (0..16).map(|_| ComputationId::random()).collect();
        std::thread::scope(|scope| {
            for id in &ids {
                scope.spawn(|| {
                    let profile = Profile::open(dir.path(), None).unwrap();
                    profile.make_keys(*id, Role::CodeProvider).unwrap();
                });
            }
        });
        let profile = Profile::open(dir.path(), None).unwrap();
        assert!(ids.iter().all(|id| profile.keys(*id, Role::CodeProvider).is_ok()));
    }
}
