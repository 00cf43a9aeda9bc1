//! The enclave's identity: keys that are made for one computation and die with the process.

use sealroom_protocol::{Base64, IdentityKeys};
use sealroom_seal::{
    release::{self, OpeningKey},
    sign::SigningKey,
};

pub(crate) struct Identity {
    pub(crate) signing: SigningKey,
    pub(crate) opening: OpeningKey,
}

impl Identity {
    pub(crate) fn fresh() -> Self {
        Self { signing: SigningKey::random(), opening: release::generate().0 }
    }

    pub(crate) fn public(&self) -> IdentityKeys {
        IdentityKeys {
            signing: self.signing.public(),
            sealing: Base64(self.opening.public().to_bytes()),
        }
    }
}
