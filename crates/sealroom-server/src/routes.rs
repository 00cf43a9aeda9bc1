//! The HTTP interface, a file for each subject. Handlers are thin: they find out who calls about
//! what, make a command of it, and show what came of it.

mod accounts;
mod audit;
mod challenges;
mod client_2022;
mod code;
mod collateral;
mod computations;
mod data;
mod enclave;
mod enclave_runs;
mod keys;
mod packages;
mod runs;
mod system;

use crate::{drain, metrics, problem::Failure, server::App};
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};
use sealroom_protocol::{Problem, problem::MEDIA_TYPE};
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, OpenApi, ToSchema as _,
    openapi::{
        ComponentsBuilder, Content, InfoBuilder, OpenApiBuilder, Ref, RefOr,
        Response as ApiResponse, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

/// Every error of every call, for the OpenAPI document.
struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<ApiResponse>> {
        let schema = Ref::from_schema_name(Problem::name());
        let response = ResponseBuilder::new()
            .description("refused or failed")
            .content(MEDIA_TYPE, Content::new(Some(schema)))
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

#[derive(OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Base;

/// All routes, and the document that describes them.
pub(crate) fn all() -> (Router<App>, String) {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components =
        ComponentsBuilder::new().security_scheme("token", SecurityScheme::Http(scheme)).build();
    let info = InfoBuilder::new()
        .title("Sealroom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Confidential collaborative computation: the coordinator."))
        .build();
    let mut document = OpenApiBuilder::new().info(info).components(Some(components)).build();
    document.merge(Base::openapi());
    let (router, document) = OpenApiRouter::with_openapi(document)
        .merge(system::routes())
        .merge(accounts::routes())
        .merge(computations::routes())
        .merge(code::routes())
        .merge(data::routes())
        .merge(packages::routes())
        .merge(client_2022::routes())
        .merge(keys::routes())
        .merge(challenges::routes())
        .merge(runs::routes())
        .merge(audit::routes())
        .merge(collateral::routes())
        .merge(enclave::routes())
        .merge(enclave_runs::routes())
        .split_for_parts();
    let text = document.to_pretty_json().expect("an OpenAPI document has string keys");
    (router, text)
}

/// Adds what holds for every request.
pub(crate) fn finish(router: Router<App>, app: App) -> Router {
    let no_method = |request: Request| async move {
        Failure::method_not_allowed(request.method().as_str(), request.uri().path())
    };
    let nothing = || async {
        Failure::not_found("there is nothing at this address")
            .hint("see /openapi.json for the calls there are")
    };
    router
        .fallback(nothing)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(drain::layer))
        .layer(middleware::map_response(harden))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::observe))
        .with_state(app)
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| HeaderValue::from_static("no-store"));
    response
}
