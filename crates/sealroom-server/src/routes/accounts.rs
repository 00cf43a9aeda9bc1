//! Accounts and tokens.

use super::Problems;
use crate::{
    AccountKind, auth,
    extract::{Json, User},
    problem::{Answer, Failure},
    server::App,
};
use axum::{extract::State, http::StatusCode};
use sealroom_protocol::api::{Account, AccountToken, NewAccount, TokenRequest, TokenResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(access_token)).routes(routes!(me)).routes(routes!(add))
}

/// Exchanges a refresh token for an access token.
#[utoipa::path(post, path = "/oauth/token", tag = "accounts", request_body = TokenRequest,
    responses((status = 200, body = TokenResponse), Problems))]
async fn access_token(
    State(app): State<App>,
    Json(request): Json<TokenRequest>,
) -> Answer<axum::Json<TokenResponse>> {
    if request.kind != "refresh_token" {
        let hint = "the only type of token that is taken is `refresh_token`";
        return Err(Failure::invalid("this type of token is not known", hint));
    }
    let caller = auth::caller_of_refresh_token(app.engine.db(), &request.refresh_token).await?;
    let access_token = app.tokens.issue(caller.email, caller.kind)?;
    Ok(axum::Json(TokenResponse { access_token }))
}

/// Who the caller is.
#[utoipa::path(get, path = "/me", tag = "accounts", security(("token" = [])),
    responses((status = 200, body = Account), Problems))]
async fn me(User(caller): User, State(app): State<App>) -> Answer<axum::Json<Account>> {
    let uuid = app.engine.db().account_id(&caller.email).await?;
    Ok(axum::Json(Account { uuid, email: caller.email }))
}

/// Adds an account, or one more refresh token to one that is there. For the administrator.
#[utoipa::path(post, path = "/accounts", tag = "accounts", security(("token" = [])),
    request_body = NewAccount, responses((status = 201, body = AccountToken), Problems))]
async fn add(
    User(caller): User,
    State(app): State<App>,
    request: axum::extract::Request,
) -> Answer<(StatusCode, axum::Json<AccountToken>)> {
    // Asked of the database: who is no longer an administrator is none at once.
    let db = app.engine.db();
    if db.account_kind(&caller.email).await? != Some(AccountKind::Admin) {
        let hint = "ask the server's operator for an account";
        return Err(Failure::forbidden("only an administrator adds accounts").hint(hint));
    }
    let Json(wanted) =
        <Json<NewAccount> as axum::extract::FromRequest<App>>::from_request(request, &app).await?;
    // A token for somebody else's rights would be one too many.
    if !matches!(db.account_kind(&wanted.email).await?, None | Some(AccountKind::User)) {
        let hint = "use `sealroom account add` on the server's machine";
        return Err(Failure::forbidden("this account is not an ordinary one").hint(hint));
    }
    let refresh_token = auth::new_refresh_token(db, &wanted.email, AccountKind::User).await?;
    tracing::info!("{} has added the account {}", caller.email, wanted.email);
    let email = wanted.email;
    Ok((StatusCode::CREATED, axum::Json(AccountToken { email, refresh_token })))
}
