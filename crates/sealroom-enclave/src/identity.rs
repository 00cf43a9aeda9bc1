//! The enclave's identity: keys that are made for one computation and die with the process.

use sealroom_protocol::{Base64, IdentityKeys, release::OpeningKeys};
use sealroom_seal::{
    release::{self, OpeningKey},
    sign::SigningKey,
    sodium::BoxKey,
};

pub(crate) struct Identity {
    pub(crate) signing: SigningKey,
    opening: OpeningKey,
    /// The signature key as the 2022 client seals to it.
    opening_sodium: BoxKey,
}

impl Identity {
    pub(crate) fn fresh() -> Self {
        let signing = SigningKey::random();
        let opening_sodium = BoxKey::of(&signing);
        Self { signing, opening: release::generate().0, opening_sodium }
    }

    /// What opens the keys that participants release.
    pub(crate) fn opening_keys(&self) -> OpeningKeys<'_> {
        OpeningKeys { hybrid: &self.opening, sodium: &self.opening_sodium }
    }

    pub(crate) fn public(&self) -> IdentityKeys {
        IdentityKeys {
            signing: self.signing.public(),
            sealing: Base64(self.opening.public().to_bytes()),
        }
    }
}
