//! Accounts and tokens.
//!
//! A refresh token is 32 random bytes, stored as their hash. It is exchanged for an access token, a
//! JWT (HS256) that says whose it is for a day, so that most calls need no look into the database.

use crate::{
    ServeError,
    db::Db,
    problem::{Answer, Failure},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sealroom_protocol::{Digest, Email};
use serde::{Deserialize, Serialize};

/// Seconds that an access token holds. The 2022 client wants much more than 1000.
const ACCESS_SECONDS: u64 = 24 * 3600;
/// What a refresh token begins with, so that a leaked one is recognised.
const REFRESH_PREFIX: &str = "sealroom_refresh_";

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Take part in computations.
    User,
    /// Take part in computations and add accounts.
    Admin,
    /// Be an enclave: claim computations. Takes part in none.
    Enclave,
}

impl AccountKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::User, Self::Admin, Self::Enclave];

    /// The kind's name, in the database and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Enclave => "enclave",
        }
    }

    /// The kind that has this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who calls, as the token says.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) email: Email,
    pub(crate) kind: AccountKind,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Email,
    kind: AccountKind,
    iat: u64,
    exp: u64,
}

/// Makes and checks access tokens.
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Takes the key from the database; makes one if there is none.
    pub(crate) async fn open(db: &Db) -> Result<Self, ServeError> {
        let fresh = URL_SAFE_NO_PAD.encode(sealroom_seal::random::<32>());
        let stored = db.secret("access-token-key", fresh).await?;
        let key = URL_SAFE_NO_PAD
            .decode(stored)
            .map_err(|_| ServeError::Stored("the access token key is damaged".to_owned()))?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
        })
    }

    pub(crate) fn issue(&self, email: Email, kind: AccountKind) -> Answer<String> {
        let iat = crate::db::now_ms().unsigned_abs() / 1000;
        let claims = Claims { sub: email, kind, iat, exp: iat + ACCESS_SECONDS };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| Failure::internal("cannot sign an access token", &error))
    }

    pub(crate) fn check(&self, token: &str) -> Answer<Caller> {
        use jsonwebtoken::errors::ErrorKind;
        match jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation) {
            Ok(data) => Ok(Caller { email: data.claims.sub, kind: data.claims.kind }),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                Err(Failure::unauthenticated("the access token has expired"))
            }
            Err(_) => Err(Failure::unauthenticated("the access token is not valid")),
        }
    }
}

/// Gives the account one more refresh token, and makes the account if it is new.
pub(crate) async fn new_refresh_token(
    db: &Db,
    email: &Email,
    kind: AccountKind,
) -> sqlx::Result<String> {
    db.ensure_account(email, kind).await?;
    let secret = URL_SAFE_NO_PAD.encode(sealroom_seal::random::<32>());
    let token = format!("{REFRESH_PREFIX}{secret}");
    db.add_refresh_token(email, &Digest::of(token.as_bytes())).await?;
    Ok(token)
}

/// Whose refresh token this is.
pub(crate) async fn caller_of_refresh_token(db: &Db, token: &str) -> Answer<Caller> {
    let found = db.account_of_token(&Digest::of(token.trim().as_bytes())).await?;
    let found =
        found.ok_or_else(|| Failure::unauthenticated("the refresh token is not known here"))?;
    Ok(Caller { email: found.email, kind: found.kind })
}
