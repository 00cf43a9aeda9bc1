//! Asks for what a piece of evidence needs.

use crate::{Collateral, FetchError, Need, Service, get::Getter, kds, need::Kind, pcs};
use sealroom_protocol::EvidenceKind;
use std::time::Duration;

/// Asks the services; keeps what they answer while it counts, a day at most.
#[derive(Debug)]
pub struct Fetcher {
    service: Service,
    getter: Getter,
}

impl Fetcher {
    /// Asks these services.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self { service, getter: Getter::new(None) }
    }

    /// The same, with so much time for each question.
    #[must_use]
    pub fn with_time_limit(self, time: Duration) -> Self {
        Self { getter: Getter::new(Some(time)), ..self }
    }

    /// Fetches what evidence of `kind` needs. `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn fetch(
        &self,
        kind: EvidenceKind,
        need: &Need,
        now: u64,
    ) -> Result<Collateral, FetchError> {
        let Service { intel, amd, update } = &self.service;
        let none = || FetchError::NoService { amd: need.is_amd() };
        let base = if need.is_amd() { amd } else { intel }.as_ref().ok_or_else(none)?;
        let items = match &need.0 {
            Kind::Intel(platform) => {
                let set = pcs::fetch(&self.getter, base, *update, platform, now)?;
                vec![serde_json::to_vec(&set).expect("it has string keys")]
            }
            Kind::Amd(chip) => kds::fetch(&self.getter, base, chip, now)?,
        };
        let collateral = Collateral::new(kind, items);
        if Collateral::read(&collateral.write()).is_err() {
            return Err(FetchError::Whole { url: base.clone() });
        }
        Ok(collateral)
    }
}
