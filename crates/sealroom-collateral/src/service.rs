//! Whom to ask.

use sealroom_http::{HttpError, base_url};

/// Intel's Provisioning Certification Service.
pub const INTEL: &str = "https://api.trustedservices.intel.com";
/// AMD's Key Distribution Service.
pub const AMD: &str = "https://kdsintf.amd.com";

/// Which of Intel's TCB information to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// What Intel enforces; platforms have had time to be patched.
    #[default]
    Standard,
    /// The newest there is, a year ahead at most.
    Early,
}

impl Update {
    /// As the service names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Early => "early",
        }
    }
}

/// The manufacturers' services, or those that stand in for them. `http:` will do: what they answer is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub(crate) intel: Option<String>,
    pub(crate) amd: Option<String>,
    pub(crate) update: Update,
}

impl Default for Service {
    /// The manufacturers' own.
    fn default() -> Self {
        let update = Update::default();
        Self { intel: Some(INTEL.to_owned()), amd: Some(AMD.to_owned()), update }
    }
}

impl Service {
    /// Those at these addresses; without an address, evidence of that manufacturer is asked nothing about.
    ///
    /// # Errors
    /// [`HttpError::Url`] if an address is no `http:` or `https:` URL.
    pub fn new(intel: Option<&str>, amd: Option<&str>, update: Update) -> Result<Self, HttpError> {
        let intel = intel.map(base_url).transpose()?;
        // As many a tool has it in its settings.
        let tails = ["/sgx/certification/v4", "/tdx/certification/v4"];
        let cut = |url: String| {
            let base = tails.iter().find_map(|tail| url.strip_suffix(tail));
            base.map(str::to_owned).unwrap_or(url)
        };
        Ok(Self { intel: intel.map(cut), amd: amd.map(base_url).transpose()?, update })
    }
}
