//! Signing in at an OpenID provider: the authorization code flow with PKCE, state and nonce.
//! <https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth>

use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::auth::is_plain;
use crate::domain::identity::{Member, User};
use crate::error::{Error, Result};

/// How long the provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an ID token tells besides the standard: Microsoft's, whose users and tenants have ids of their own.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct MoreClaims {
    tid: Option<String>,
    oid: Option<String>,
}

impl AdditionalClaims for MoreClaims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        MoreClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type ProviderClient<HasAuthUrl, HasTokenUrl, HasUserInfoUrl> = Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    HasAuthUrl,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    HasTokenUrl,
    HasUserInfoUrl,
>;
type Discovered = ProviderClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

/// Where people sign in.
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    secret: Option<SecretString>,
    http: reqwest::Client,
    metadata: OnceCell<CoreProviderMetadata>,
}

/// A sign-in that was begun: what is needed to end it. It is kept on the server, and never shown.
#[derive(Clone, Deserialize, Serialize)]
pub struct BegunSignIn {
    nonce: Nonce,
    verifier: String,
}

impl Provider {
    pub fn new(issuer: &str, client_id: &str, secret: Option<SecretString>) -> Result<Self> {
        let http = reqwest::Client::builder()
            // A provider that leads elsewhere would be asked with what is only for it.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            issuer: IssuerUrl::new(issuer.to_owned()).map_err(Error::internal)?,
            client_id: ClientId::new(client_id.to_owned()),
            secret,
            http,
            metadata: OnceCell::new(),
        })
    }

    /// What people know it by: the host of its address.
    pub fn host(&self) -> String {
        self.issuer.url().host_str().unwrap_or_default().to_owned()
    }

    async fn client(&self, redirect: &str) -> Result<Discovered> {
        let ask = |request| ask(&self.http, request);
        let metadata = self
            .metadata
            .get_or_try_init(async || CoreProviderMetadata::discover_async(self.issuer.clone(), &ask).await)
            .await
            .map_err(Error::unavailable)?;
        let secret = self.secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let client = Client::from_provider_metadata(metadata.clone(), self.client_id.clone(), secret);
        Ok(client.set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(Error::internal)?))
    }

    /// The address that a browser is sent to, and what is kept until it comes back. `state` comes back with it.
    pub async fn begin(&self, redirect: &str, state: &str) -> Result<(String, BegunSignIn)> {
        let client = self.client(redirect).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.to_owned());
        let (url, _, nonce) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, Nonce::new_random)
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Ok((url.into(), BegunSignIn { nonce, verifier: verifier.into_secret() }))
    }

    /// Who has signed in, as the provider vouches for by a code.
    pub async fn finish(&self, redirect: &str, code: &str, begun: BegunSignIn) -> Result<Member> {
        let client = self.client(redirect).await?;
        let ask = |request| ask(&self.http, request);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(Error::internal)?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier))
            .request_async(&ask)
            .await
            .map_err(|error| {
                tracing::warn!(error = error.to_string(), "a sign-in's code was not taken");
                NOT_VOUCHED
            })?;
        let id_token = openidconnect::TokenResponse::id_token(&tokens).ok_or(NOT_VOUCHED)?;
        let claims = id_token.claims(&client.id_token_verifier(), &begun.nonce).map_err(|error| {
            tracing::warn!(error = error.to_string(), "a sign-in's token is not good");
            NOT_VOUCHED
        })?;
        let more = claims.additional_claims();
        let tenant = more.tid.clone().unwrap_or_else(|| claims.issuer().as_str().to_owned());
        let id = more.oid.clone().unwrap_or_else(|| claims.subject().as_str().to_owned());
        if !is_plain(&tenant) || !is_plain(&id) {
            return Err(NOT_VOUCHED);
        }
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
        Ok(Member { tenant, user: User { id, name: name.filter(|name| is_plain(name)) } })
    }
}

const NOT_VOUCHED: Error = Error::Unauthenticated("The provider does not vouch for this sign-in.");

/// One request to the provider.
async fn ask(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, AskFailed> {
    let answer = http.execute(request.try_into()?).await?;
    let mut response = openidconnect::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    Ok(response.body(answer.bytes().await?.to_vec())?)
}

#[derive(Debug, thiserror::Error)]
enum AskFailed {
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    #[error(transparent)]
    Response(#[from] openidconnect::http::Error),
}
