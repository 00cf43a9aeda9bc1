//! Putting a file together. What the server gives is checked before anybody keeps it.

use crate::{ClientError, Session};
use sealroom_http::{Body, Method, path_component};
use sealroom_lifecycle::Event;
use sealroom_protocol::{
    Base64, ComputationId, Digest, Dossier, ParticipantId, Receipt, Release, Role,
    api::RunDetail,
    dossier::{IdentityPart, VERSION},
    manifest::CanonicalManifest,
    statement::Predicate as _,
};
use sealroom_seal::Hashed;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

impl Session<'_> {
    /// The file of run `number`: its receipt, its identity, the releases that it was made with, and `endorsements` if others
    /// than those of the evidence are to be kept.
    ///
    /// # Errors
    /// [`ClientError::NoResults`] if the run has no receipt; [`ClientError::BadResult`] and [`ClientError::Receipt`] if what the
    /// server shows does not belong together; those of the event log.
    pub fn dossier(
        &self,
        id: ComputationId,
        number: u32,
        endorsements: Vec<Base64>,
    ) -> Result<Dossier, ClientError> {
        let detail: RunDetail = self.http.get(&Self::path(id, &format!("/runs/{number}")))?;
        let Some(envelope) = detail.receipt else {
            let problem = format!("run {number} is not finished, or was cut off without a receipt");
            return Err(ClientError::NoResults(problem));
        };
        let identity = detail.identity;
        let receipt: Receipt = envelope.verify(&identity.keys.signing)?;
        if receipt.computation != id || receipt.run != number {
            let problem = "the receipt is of another run or computation";
            return Err(ClientError::BadResult(problem.to_owned()));
        }
        // Whatever was released is in the event log. The receipt says which of it was opened.
        let mut released: BTreeMap<Digest, Release> = BTreeMap::new();
        for record in self.audit(id)?.records {
            if let Event::KeyProvisioned { release, .. } = record.event {
                released.insert(release.digest(), release);
            }
        }
        let find = |digest: &Digest| {
            released.get(digest).cloned().ok_or_else(|| {
                let problem = "a key release that the run was made with is not in the event log";
                ClientError::BadResult(problem.to_owned())
            })
        };
        let releases = receipt.releases.iter().map(find).collect::<Result<_, _>>()?;
        let identity = IdentityPart {
            manifest: identity.manifest,
            keys: identity.keys,
            evidence: identity.evidence,
        };
        let version = VERSION.to_owned();
        Ok(Dossier { version, receipt: envelope, identity, endorsements, releases })
    }

    /// Fetches this profile's sealed results of the run that `dossier` is of into `folder`, under the names that the receipt
    /// has for them, without opening them.
    ///
    /// # Errors
    /// [`ClientError::NotJoined`] if the profile is no consumer of it; [`ClientError::BadResult`] if one is not the file that the
    /// receipt names.
    pub fn sealed_results(
        &self,
        dossier: &Dossier,
        folder: &Path,
    ) -> Result<Vec<PathBuf>, ClientError> {
        let receipt: Receipt = dossier.receipt.verify(&dossier.identity.keys.signing)?;
        let manifest = CanonicalManifest::parse(&dossier.identity.manifest)
            .map_err(|error| ClientError::BadResult(error.to_string()))?;
        let (id, role) = (receipt.computation, Role::ResultConsumer);
        let key = self.profile.keys(id, role)?.signing.public();
        let mut participants = manifest.manifest().participants();
        let me = participants.find(|(_, part)| part.role == role && part.public_key == key);
        let (ParticipantId { index, .. }, _) =
            me.ok_or(ClientError::NotJoined { role, computation: id })?;
        let subjects = receipt.subjects();
        let mine = receipt.results.iter().zip(&subjects).filter(|(r, _)| r.consumer == index);
        let mut written = Vec::new();
        for (result, subject) in mine {
            let path = folder.join(subject.name());
            let fault = |source| ClientError::Io { path: path.clone(), source };
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(fault)?;
            let mut file = tempfile::NamedTempFile::new_in(parent).map_err(fault)?;
            let name = path_component(result.name.as_str());
            let rest = format!("/runs/{}/results/{name}", receipt.run);
            let response = self.http.call(Method::GET, &Self::path(id, &rest), Body::Empty)?;
            let body = response.into_body().into_with_config().limit(u64::MAX).reader();
            let mut hashed = Hashed::new(body.take(result.size.saturating_add(1)));
            io::copy(&mut hashed, &mut file).map_err(fault)?;
            let (_, size, sha256) = hashed.finish();
            if (size, sha256) != (result.size, result.sha256) {
                let problem = format!("`{}` is not the file that the receipt names", result.name);
                return Err(ClientError::BadResult(problem));
            }
            file.persist(&path).map_err(|error| fault(error.error))?;
            written.push(path);
        }
        Ok(written)
    }
}
