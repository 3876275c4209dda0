//! `everlink serve --dev`: a service that programs are tested against. HTTPS by a certificate of its own, an OpenID
//! provider that lets anybody in as whoever they like, and addresses by which tests prepare what they need: `/dev`.
//!
//! Nothing here is there without `--dev`: the server asks for a [`Dev`] before it adds any of these routes.

mod asked;
mod certificate;
mod controls;
mod faults;
mod provider;
mod seed;
mod time;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::web;
use percent_encoding::percent_decode_str;
use tempfile::TempDir;
use url::{Host, Url};

use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::address::DriveAddress;
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::identity::{Application, Caller, User};
use crate::error::{Error, Result};
use crate::pages::TokenAddress;
use crate::service::{Service, rights, snapshot};
use crate::telemetry::RequestIds;
use asked::{Asked, Requests};
use certificate::Certificate;
use faults::Faults;
use provider::Provider;
use seed::Seed;
use time::Time;

pub use controls::{CONTROLS, is_control};
pub use provider::PROVIDER;
pub use seed::DEFAULT_TENANT;

/// Signs what is signed in every run, so that links and tokens are the same in each. Everybody knows it.
const KEYS: &str = r#"{
  "epochs": { "1": "ZXZlcmxpbmsgZm9yIHRlc3RzOiBubyBzZWNyZXQgMSE=" },
  "local_issuer": "ZXZlcmxpbmsgZm9yIHRlc3RzOiBubyBzZWNyZXQgMiE="
}
"#;

/// What there is with `--dev`, for all workers.
pub struct Dev {
    /// What the service is opened with.
    pub settings: Settings,
    pub certificate: Certificate,
    time: Time,
    provider: Provider,
    faults: Faults,
    requests: Requests,
    seed: Seed,
    /// One tenant at a time goes back to its seed.
    resetting: tokio::sync::Mutex<()>,
    /// Where everything is that goes with the process; none where a folder was named.
    folder: Option<TempDir>,
}

impl Dev {
    /// Prepares the folder: keys, certificate. Refuses settings that say the service is no test's.
    pub fn open(settings: &Settings, real: Clock) -> Result<Self> {
        check(settings)?;
        let mut settings = settings.clone();
        // No proxy has to see that it ends, and whoever runs tests waits for it.
        settings.stop_delay = Duration::ZERO;
        let folder = match &settings.storage.keys.data_dir {
            Some(_) => None,
            None => {
                Some(tempfile::Builder::new().prefix("everlink-dev-").tempdir().map_err(Error::internal)?)
            }
        };
        let path = folder.as_ref().map(|folder| folder.path().to_owned());
        let path = path.unwrap_or_else(|| settings.storage.keys.data_dir());
        fs::create_dir_all(&path).map_err(Error::internal)?;
        // The tests may be other users' here: they read the authority.
        open_to_read(&path, 0o755)?;
        settings.storage.keys.data_dir = Some(path.clone());
        let key_file = settings.storage.keys.key_file();
        if !key_file.exists() {
            fs::write(&key_file, KEYS).map_err(Error::internal)?;
        }
        let development = &settings.development;
        let certificate = Certificate::load_or_create(&path, &development.dev_names, real.now())?;
        open_to_read(&path.join(Certificate::AUTHORITY), 0o644)?;
        let seed = development.seed.as_deref().map(Seed::read).transpose()?.unwrap_or_default();
        Ok(Self {
            certificate,
            time: Time::new(real.clone()),
            provider: Provider::new(real)?,
            faults: Faults::default(),
            requests: Requests::default(),
            seed,
            resetting: tokio::sync::Mutex::default(),
            folder,
            settings,
        })
    }

    pub fn clock(&self) -> Clock {
        self.time.clock()
    }

    pub fn key(&self) -> &jsonwebtoken::DecodingKey {
        self.provider.key()
    }

    /// Says loudly what runs here, and how programs get at it.
    pub fn greeting(&self, api: SocketAddr, secure: Option<SocketAddr>) -> String {
        let port = secure.map_or(0, |secure| secure.port());
        let authority = self.settings.storage.keys.data_dir().join(Certificate::AUTHORITY);
        let kept = match self.folder {
            Some(_) => "in a folder of its own, which goes with this process",
            None => "in the data folder",
        };
        format!(
            "Everlink {version} serves TESTS: anybody is let in as whoever they say they are. Never where links matter.

  https      https://localhost:{port}/v1.0 (as {names})
  http       http://{api}/v1.0
  authority  https://localhost:{port}/TENANT, any tenant, user, application and secret; `wrong` is wrong
  token      http://{api}/dev/token?user=alice&app=my-app
  site       http://{api}/my
  controls   http://{api}/dev/reset, /dev/clock, /dev/faults, /dev/requests
  kept       {kept}
  ready      /readyz of the admin listener

Clients trust https://localhost:{port} by its authority's certificate, {ca}
(curl -s http://{api}/dev/ca.pem):

  Python  export SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}
  Node    export NODE_EXTRA_CA_CERTS={ca}
  .NET    export SSL_CERT_FILE={ca}
  Go      export SSL_CERT_FILE={ca}
  Java    keytool -importcert -cacerts -storepass changeit -noprompt -alias everlink -file {ca}
  curl    export CURL_CA_BUNDLE={ca}
",
            version = env!("CARGO_PKG_VERSION"),
            names = self.certificate.hosts().collect::<Vec<_>>().join(", "),
            ca = authority.display(),
        )
    }

    /// Puts in what there is at first, where nothing is there yet.
    pub async fn begin(&self, service: &Service) -> Result<()> {
        for tenant in self.seed.tenants() {
            if !snapshot::is_kept(service, &tenant).await? {
                self.reset(service, &tenant).await?;
            }
        }
        Ok(())
    }

    /// Lets a tenant have what there was at first, and nothing else.
    async fn reset(&self, service: &Service, tenant: &str) -> Result<()> {
        let _turn = self.resetting.lock().await;
        let is_kept = snapshot::is_kept(service, tenant).await?;
        snapshot::restore_tenant(service, tenant).await?;
        if !is_kept {
            self.seed.sow(service, tenant).await?;
            snapshot::keep_tenant(service, tenant).await?;
        }
        Ok(())
    }

    /// Whether an address is one of these, rather than the API's.
    pub fn has(&self, path: &str) -> bool {
        controls::is_control(path) || provider::is_provider(path)
    }
}

fn open_to_read(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::internal)
}

/// Refuses what must not be open to everybody.
fn check(settings: &Settings) -> Result<()> {
    if settings.storage.database_url.is_some() || settings.content_url.is_some() {
        return Err(Error::internal(
            "--dev keeps everything in SQLite and files: it takes no DATABASE_URL and no EVERLINK_CONTENT_URL",
        ));
    }
    if settings.development.dev_anyway {
        return Ok(());
    }
    if settings.oidc_issuer.is_some() {
        return Err(Error::internal(
            "--dev lets anybody in as whoever they like, beside EVERLINK_OIDC_ISSUER: leave one of them out, \
             or say --dev-anyway",
        ));
    }
    let is_elsewhere = |url: &String| Url::parse(url).is_ok_and(|url| !is_this_machine(&url));
    if let Some(url) = settings.public_url.as_ref().filter(|url| is_elsewhere(url)) {
        return Err(Error::internal(format!(
            "--dev lets anybody in as whoever they like, and {url} is not this machine's: leave \
             EVERLINK_PUBLIC_URL out, and links start with what each client calls the service; or say --dev-anyway"
        )));
    }
    Ok(())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Adds all routes.
pub fn routes(dev: &web::Data<Dev>, routes: &mut web::ServiceConfig) {
    routes.app_data(dev.clone());
    routes.app_data(web::Data::new(TokenAddress("/dev/token")));
    controls::routes(routes);
    provider::routes(routes);
}

/// Remembers each request, lets those fail that tests want to fail, and makes the drive of whom an application on its
/// own asks for: users need no registration.
pub async fn watch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let data = (request.app_data::<web::Data<Dev>>().cloned(), request.app_data::<web::Data<App>>().cloned());
    let (Some(dev), Some(app), false) = (data.0, data.1, controls::is_control(request.path())) else {
        return Ok(next(request).await?.map_into_left_body());
    };
    let mut asked = Asked::of(&request, dev.time.now());
    let fault = dev.faults.take(&asked);
    if let Some(delay) = fault.as_ref().and_then(|fault| fault.delay()) {
        tokio::time::sleep(delay).await;
    }
    let ids = RequestIds::get(request.request());
    let ordered = fault.as_ref().and_then(|fault| fault.answer(ids.as_ref(), dev.time.now()));
    asked.fault = fault.is_some();
    let answer = match ordered {
        Some(answer) => Ok(request.into_response(answer).map_into_right_body()),
        None => {
            make_drive(&app.service, &asked).await?;
            next(request).await.map(ServiceResponse::map_into_left_body)
        }
    };
    asked.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
    dev.requests.remember(asked);
    answer
}

/// Makes the drive that an application on its own asks for, where its owner has none yet.
async fn make_drive(service: &Service, asked: &Asked) -> Result<()> {
    let (Some(tenant), None, Some(application)) =
        (&asked.who.tenant, &asked.who.user, &asked.who.application)
    else {
        return Ok(());
    };
    let mut segments = asked.path.split('/').skip_while(|segment| *segment != "users");
    let Some(owner) = segments.nth(1).and_then(|owner| percent_decode_str(owner).decode_utf8().ok()) else {
        return Ok(());
    };
    let owner = Caller {
        tenant: tenant.clone(),
        user: Some(User { id: owner.into_owned(), name: None }),
        application: Application { id: application.clone(), name: None },
        granted: vec!["Files.ReadWrite".to_owned()],
    };
    let granted = Granted::<FilesReadWrite>::to(Arc::new(owner))?;
    rights::manage_drive(service, &granted, &DriveAddress::Mine).await.map(|_| ())
}
