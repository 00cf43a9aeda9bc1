//! The 2022 client's key release: a signed sealed box that names neither manifest nor files.

use super::{Expected, ReleaseRefusal};
use crate::{Base64, Digest, Role};
use sealroom_seal::{
    framed,
    sodium::{BoxedKeys, SealedKey},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A key release of the 2022 client's suite as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SodiumRelease {
    /// As what the participant releases it. Not signed: its format has no room for it.
    pub role: Role,
    /// 176 bytes: a signature over computation and box, and the box.
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sealed_key: SealedKey,
}

fn as_base64<S: Serializer>(key: &SealedKey, serializer: S) -> Result<S::Ok, S::Error> {
    Base64(key.as_bytes().to_vec()).serialize(serializer)
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SealedKey, D::Error> {
    let Base64(bytes) = Base64::deserialize(deserializer)?;
    SealedKey::try_from(bytes.as_slice()).map_err(serde::de::Error::custom)
}

impl SodiumRelease {
    pub(super) fn digest(&self) -> Digest {
        let (role, key) = (self.role.wire_name().as_bytes(), self.sealed_key.as_bytes());
        Digest::of(&framed(&[b"sealroom/sodium-release/v1", role, key]))
    }

    pub(super) fn check(self, expected: &Expected<'_>) -> Result<BoxedKeys, ReleaseRefusal> {
        if self.role != expected.role {
            return Err(ReleaseRefusal::Elsewhere { what: "role" });
        }
        let computation = expected.computation.as_bytes();
        self.sealed_key
            .verify(computation, expected.participant)
            .map_err(|_| ReleaseRefusal::Signature)
    }
}
