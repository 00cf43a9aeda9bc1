//! Collateral: what the server keeps of it, and whom this profile asks instead.

use crate::{ClientError, Profile, Session};
use sealroom_collateral::{AMD, Collateral, INTEL, MAX_FILE, Service, Update};
use sealroom_http::{Body, Method};
use sealroom_protocol::{ComputationId, Evidence, api};
use serde::Deserialize;
use std::io::Read as _;

/// The profile's `collateral.toml`: whom to ask for what vouches for evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// Intel's PCS, or a PCCS.
    pub intel: Option<String>,
    /// AMD's KDS, or what stands in for it.
    pub amd: Option<String>,
    /// Ask Intel for what it will enforce, and not for what it enforces.
    #[serde(default)]
    pub early: bool,
}

impl Sources {
    /// Whom to ask: the manufacturers where nobody else is named.
    ///
    /// # Errors
    /// [`ClientError::Http`] if an address is no URL.
    pub fn service(&self) -> Result<Service, ClientError> {
        let (intel, amd) = (self.intel.as_deref(), self.amd.as_deref());
        let update = if self.early { Update::Early } else { Update::Standard };
        Ok(Service::new(Some(intel.unwrap_or(INTEL)), Some(amd.unwrap_or(AMD)), update)?)
    }
}

impl Profile {
    /// Whom this profile asks; nobody in particular if it has no `collateral.toml`.
    ///
    /// # Errors
    /// [`ClientError::Damaged`] if the file can't be read.
    pub fn sources(&self) -> Result<Sources, ClientError> {
        let path = self.dir().join("collateral.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                let problem = error.message().to_owned();
                ClientError::Damaged { path, problem }
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Sources::default()),
            Err(source) => Err(ClientError::File { path, source }),
        }
    }
}

impl Session<'_> {
    /// What the server keeps for the evidence of the identity that stands, or of the one that `run` had; `None` if it
    /// keeps nothing, or not yet. It is an untrusted cache: judge evidence with it, do not believe it.
    ///
    /// # Errors
    /// What the server says; [`ClientError::Collateral`] if it hands out something else.
    pub fn collateral(
        &self,
        id: ComputationId,
        run: Option<u32>,
    ) -> Result<Option<Collateral>, ClientError> {
        let query = run.map(|run| format!("?run={run}")).unwrap_or_default();
        let path = Self::path(id, &format!("/collateral{query}"));
        let mut response = match self.http.call(Method::GET, &path, Body::Empty) {
            Ok(response) => response,
            // A server of before has no such address.
            Err(error) if error.status() == Some(404) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        let mut body = response.body_mut().as_reader().take(MAX_FILE as u64 + 1);
        body.read_to_end(&mut bytes).map_err(sealroom_http::HttpError::Transfer)?;
        Ok(Some(Collateral::read(&bytes)?))
    }

    /// The evidence of the identity that stands, or of the one that `run` had.
    ///
    /// # Errors
    /// What the server says; [`ClientError::NoIdentity`].
    pub fn evidence(&self, id: ComputationId, run: Option<u32>) -> Result<Evidence, ClientError> {
        if let Some(run) = run {
            let path = Self::path(id, &format!("/runs/{run}"));
            let detail: api::RunDetail = self.http.get(&path)?;
            return Ok(detail.identity.evidence);
        }
        let identity = self.computation(id)?.enclave.identity;
        Ok(identity.ok_or(ClientError::NoIdentity)?.evidence)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_profile_names_whom_to_ask() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(dir.path(), None).unwrap();
        assert_eq!(profile.sources().unwrap().service().unwrap(), Service::default());
        let file = dir.path().join("collateral.toml");
        std::fs::write(&file, "intel = \"https://pccs.example:8081\"\nearly = true\n").unwrap();
        let service = profile.sources().unwrap().service().unwrap();
        let wanted = Service::new(Some("https://pccs.example:8081"), Some(AMD), Update::Early);
        assert_eq!(service, wanted.unwrap());
        std::fs::write(&file, "intell = \"https://pccs.example\"\n").unwrap();
        assert!(matches!(profile.sources(), Err(ClientError::Damaged { .. })));
        std::fs::write(&file, "amd = \"kds\"\n").unwrap();
        assert!(profile.sources().unwrap().service().is_err());
    }
}
