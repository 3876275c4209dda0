//! What the provider says of itself. <https://openid.net/specs/openid-connect-discovery-1_0.html>

use actix_web::{HttpResponse, web};
use jsonwebtoken::jwk::Jwk;
use serde::Serialize;

use crate::dev::Dev;
use crate::dev::provider::tenant_of;
use crate::graph::site::Site;

#[derive(Serialize)]
struct Description {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: String,
    end_session_endpoint: String,
    jwks_uri: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 3],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 2],
    scopes_supported: [&'static str; 4],
    claims_supported: [&'static str; 9],
}

fn description(site: &Site, tenant: &str, version: &str, issuer: String) -> HttpResponse {
    // Clients that take the provider for another kind are led to the usual addresses.
    let tenant = if tenant == "adfs" { tenant_of(tenant) } else { tenant };
    let at = |end: &str| format!("{}/{tenant}/oauth2{version}/{end}", site.url);
    HttpResponse::Ok().json(Description {
        issuer,
        authorization_endpoint: at("authorize"),
        token_endpoint: at("token"),
        device_authorization_endpoint: at("devicecode"),
        end_session_endpoint: at("logout"),
        jwks_uri: format!("{}/{tenant}/discovery{version}/keys", site.url),
        response_types_supported: ["code"],
        response_modes_supported: ["query", "fragment", "form_post"],
        subject_types_supported: ["pairwise"],
        id_token_signing_alg_values_supported: ["RS256"],
        token_endpoint_auth_methods_supported: [
            "client_secret_post",
            "client_secret_basic",
            "private_key_jwt",
        ],
        code_challenge_methods_supported: ["S256", "plain"],
        scopes_supported: ["openid", "profile", "email", "offline_access"],
        claims_supported: ["iss", "aud", "exp", "sub", "oid", "tid", "name", "preferred_username", "nonce"],
    })
}

pub async fn get_description(site: Site, tenant: web::Path<String>) -> HttpResponse {
    let issuer = format!("{}/{}/v2.0", site.url, tenant_of(&tenant));
    description(&site, &tenant, "/v2.0", issuer)
}

/// Of the first version; of the second to clients that take the provider for AD FS.
pub async fn get_first_description(site: Site, tenant: web::Path<String>) -> HttpResponse {
    if *tenant == "adfs" {
        return get_description(site, tenant).await;
    }
    let issuer = format!("https://sts.windows.net/{}/", tenant_of(&tenant));
    description(&site, &tenant, "", issuer)
}

#[derive(Serialize)]
struct KeySet<'a> {
    keys: [&'a Jwk; 1],
}

pub async fn get_keys(dev: web::Data<Dev>) -> HttpResponse {
    HttpResponse::Ok().json(KeySet { keys: [&dev.provider.public] })
}

#[derive(Serialize)]
struct Instance<'a> {
    tenant_discovery_endpoint: String,
    #[serde(rename = "api-version")]
    api_version: &'static str,
    metadata: [Network<'a>; 1],
}

#[derive(Serialize)]
struct Network<'a> {
    preferred_network: &'a str,
    preferred_cache: &'a str,
    aliases: [&'a str; 1],
}

/// The other hosts that the provider is known by: none.
pub async fn get_instance(site: Site) -> HttpResponse {
    let host = site.url.split_once("://").map_or(site.url.as_str(), |(_, host)| host);
    HttpResponse::Ok().json(Instance {
        tenant_discovery_endpoint: format!("{}/common/v2.0/.well-known/openid-configuration", site.url),
        api_version: "1.1",
        metadata: [Network { preferred_network: host, preferred_cache: host, aliases: [host] }],
    })
}

#[derive(Serialize)]
struct Realm<'a> {
    ver: &'static str,
    account_type: &'static str,
    domain_name: &'a str,
    cloud_instance_name: &'a str,
    cloud_audience_urn: &'static str,
}

/// Where a user signs in by a password: here.
pub async fn get_realm(site: Site, user: web::Path<String>) -> HttpResponse {
    let host = site.url.split_once("://").map_or("", |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    HttpResponse::Ok().json(Realm {
        ver: "1.0",
        account_type: "Managed",
        domain_name: user.split_once('@').map_or(host, |(_, domain)| domain),
        cloud_instance_name: host,
        cloud_audience_urn: "urn:federation:MicrosoftOnline",
    })
}
