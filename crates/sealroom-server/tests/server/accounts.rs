//! Accounts and tokens.

use crate::{harness::Server, party};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sealroom_server::AccountKind;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&B64.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_refresh_token_is_exchanged_for_a_day() {
    let server = Server::start();
    let ada = server.user("Ada@Example.org");
    let claims = claims(ada.token.as_ref().unwrap());
    assert_eq!((&claims["sub"], &claims["kind"]), (&json!("ada@example.org"), &json!("user")));
    let lasts = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lasts, 24 * 3600);
    let me = ada.get("/me").ok();
    assert_eq!(me["email"], "ada@example.org");
    // One more token for the same account; the first stays good.
    let again = server.user("ada@example.org").get("/me").ok();
    assert_eq!(again["uuid"], me["uuid"]);
    ada.get("/me").success();
}

#[test]
fn what_is_no_token_of_ours_is_refused() {
    let server = Server::start();
    let ada = server.user("ada@example.org");
    let good = ada.token.clone().unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let mut claims = claims(&good);
    let sign = |claims: &Value, algorithm, key: &[u8]| {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key))
            .unwrap()
    };
    let none = B64.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let admin = B64
        .encode(json!({ "sub": "ada@example.org", "kind": "admin", "exp": u32::MAX }).to_string());
    let runtime_key = sign(&claims, Algorithm::HS256, b"another key");
    let forged = [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{admin}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        runtime_key,
        sign(&claims, Algorithm::HS384, b"another key"),
        String::new(),
        "x".repeat(5000),
    ];
    for token in forged {
        let problem = ada.with_token(&token).get("/me").refused(401, "unauthenticated");
        assert!(problem.hint.unwrap().contains("sealroom login"));
    }
    // Signed well, but expired: only the server's own key can show it.
    let key = stored_key(&server);
    claims["exp"] = json!(claims["iat"].as_u64().unwrap() - 1);
    let expired = sign(&claims, Algorithm::HS256, &key);
    let problem = ada.with_token(&expired).get("/me").refused(401, "unauthenticated");
    assert!(problem.detail.contains("expired"));
    claims.as_object_mut().unwrap().remove("exp");
    let endless = sign(&claims, Algorithm::HS256, &key);
    ada.with_token(&endless).get("/me").refused(401, "unauthenticated");
}

fn stored_key(server: &Server) -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let text: String = runtime.block_on(async {
        let url = format!("sqlite://{}", server.data_dir().join("sealroom.db").display());
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        let select = "SELECT value FROM secrets WHERE name = 'access-token-key'";
        sqlx::query_scalar(select).fetch_one(&pool).await.unwrap()
    });
    B64.decode(text).unwrap()
}

#[test]
fn unknown_refresh_tokens_are_refused_with_a_hint() {
    let server = Server::start();
    let exchange = |body: Value| server.anonymous().post("/oauth/token", &body);
    let unknown = exchange(json!({ "type": "refresh_token", "refresh_token": "nonsense" }));
    let problem = unknown.refused(401, "unauthenticated");
    assert!(problem.hint.unwrap().contains("sealroom login"));
    let other = exchange(json!({ "type": "password", "refresh_token": "x" }));
    other.refused(422, "invalid");
}

#[test]
fn only_an_administrator_adds_accounts_and_only_ordinary_ones() {
    let server = Server::start();
    let (admin, user) =
        (server.login("root@example.org", AccountKind::Admin), server.user("u@example.org"));
    let body = json!({ "email": "new@example.org" });
    user.post("/accounts", &body).refused(403, "forbidden");
    user.post("/accounts", &json!("nonsense")).refused(403, "forbidden");
    let added = admin.post("/accounts", &body);
    assert_eq!(added.status, 201);
    let refresh = added.ok()["refresh_token"].clone();
    let body = json!({ "type": "refresh_token", "refresh_token": refresh });
    let token = server.anonymous().post("/oauth/token", &body).ok()["access_token"].clone();
    assert_eq!(claims(token.as_str().unwrap())["kind"], "user");
    admin.post("/accounts", &json!({ "email": "root@example.org" })).refused(403, "forbidden");
    admin.post("/accounts", &json!({ "email": "nobody" })).refused(422, "invalid");
}

#[test]
fn a_participant_without_an_account_has_no_uuid_until_it_gets_one() {
    let server = Server::start();
    let owner = server.user("owner@example.org");
    let id = party::create(&owner, &json!({}));
    let uuid = || owner.get(&format!("/computations/{id}")).ok()["code_provider"]["uuid"].clone();
    assert_eq!(uuid(), Value::Null);
    let code = server.user("code@example.org");
    assert_eq!(uuid(), code.get("/me").ok()["uuid"]);
    assert_eq!(code.get("/computations").ok()[0]["uuid"], json!(id));
}

#[test]
fn what_the_server_stores_is_for_its_user_alone_and_holds_no_token() {
    let server = Server::start();
    let refresh = server.refresh_token("ada@example.org", AccountKind::User);
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = server.data_dir();
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let secret = refresh.as_bytes();
            assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{}", path.display());
        }
    }
}
