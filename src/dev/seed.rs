//! What there is at first, and after each reset: users, and what is in their drives. Read from a file in YAML, of which
//! JSON is a part.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;

use crate::domain::address::{Base, DriveAddress, ItemAddress};
use crate::domain::grant::{FilesReadWrite, Granted};
use crate::domain::identity::{Application, Caller, User};
use crate::domain::item::ClientProperties;
use crate::domain::link::LinkType;
use crate::domain::link_scope::LinkScope;
use crate::domain::name::ItemPath;
use crate::domain::preconditions::Preconditions;
use crate::domain::upload::Conflict;
use crate::error::{Error, Result};
use crate::service::links::LinkRequest;
use crate::service::{Service, drive, links, rights};

/// The tenant of who names none, and of `common`, `organizations` and `consumers`.
pub const DEFAULT_TENANT: &str = "default";
/// The application that puts in what there is at first, where the seed names no other.
const SOWER: &str = "seed";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Seed {
    #[serde(default)]
    pub users: Vec<SeedUser>,
    #[serde(default)]
    pub applications: Vec<SeedApplication>,
    /// What paths in it are relative to.
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SeedUser {
    /// What the user signs in by; the id, too.
    pub name: String,
    pub display_name: Option<String>,
    /// The one tenant that the user is in; none for all.
    tenant: Option<String>,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, SeedFile>,
    #[serde(default)]
    links: Vec<SeedLink>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SeedApplication {
    pub id: String,
    pub display_name: Option<String>,
}

/// A file's content.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum SeedFile {
    Text(String),
    Coded(Coded),
    OnDisk(OnDisk),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Coded {
    base64: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    /// A file's path, from the folder of the seed.
    from: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SeedLink {
    path: String,
    #[serde(rename = "type")]
    link_type: String,
    scope: Option<String>,
    /// The application that makes it.
    application: Option<String>,
}

impl Seed {
    pub fn read(file: &Path) -> Result<Self> {
        let failed =
            |why: String| Error::internal(format!("the seed {} can't be used: {why}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        let mut seed: Self = serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))?;
        seed.folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Ok(seed)
    }

    /// The tenants that are named, and the default one.
    pub fn tenants(&self) -> Vec<String> {
        let named = self.users.iter().filter_map(|user| user.tenant.clone());
        let mut tenants: Vec<String> = named.chain([DEFAULT_TENANT.to_owned()]).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    pub fn user(&self, tenant: &str, name: &str) -> Option<&SeedUser> {
        self.users_of(tenant).find(|user| user.name == name)
    }

    pub fn users_of(&self, tenant: &str) -> impl Iterator<Item = &SeedUser> {
        self.users.iter().filter(move |user| user.tenant.as_deref().is_none_or(|only| only == tenant))
    }

    pub fn application(&self, id: &str) -> Option<&SeedApplication> {
        self.applications.iter().find(|application| application.id == id)
    }

    /// Puts everything into a tenant that has nothing yet.
    pub async fn sow(&self, service: &Service, tenant: &str) -> Result<()> {
        for user in self.users_of(tenant) {
            self.sow_user(service, tenant, user).await.map_err(|error| {
                Error::internal(format!("the seed's user {}: {}", user.name, told(error)))
            })?;
        }
        Ok(())
    }

    async fn sow_user(&self, service: &Service, tenant: &str, user: &SeedUser) -> Result<()> {
        let granted = |application: &str| {
            let application = Application {
                id: application.to_owned(),
                name: self.application(application).and_then(|known| known.display_name.clone()),
            };
            Granted::<FilesReadWrite>::to(Arc::new(Caller {
                tenant: tenant.to_owned(),
                user: Some(User { id: user.name.clone(), name: user.display_name.clone() }),
                application,
                granted: vec!["Files.ReadWrite".to_owned()],
            }))
        };
        let at = |path: &str| -> Result<ItemAddress> {
            Ok(ItemAddress::InDrive {
                drive: DriveAddress::Mine,
                base: Base::Root,
                path: ItemPath::parse(path)?,
            })
        };
        let sower = granted(SOWER)?;
        let root = rights::manage(service, &sower, &at("")?).await?.to_write(service).await?;
        for path in &user.folders {
            let path = ItemPath::parse(path)?;
            for depth in 0..path.names().len() {
                let (above, name) = (&path.names()[..depth], &path.names()[depth]);
                let above = above.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("/");
                let parent = rights::manage(service, &sower, &at(&above)?).await?.to_write(service).await?;
                let properties = ClientProperties::default();
                drive::create_folder(service, &parent, name, &properties, Conflict::Replace).await?;
            }
        }
        for (path, file) in &user.files {
            let named = |error: Error| Error::internal(format!("{path}: {}", told(error)));
            let content = file.read(&self.folder).map_err(named)?;
            let limit = content.len() as u64;
            let target = drive::Upload {
                to: &root,
                path: &ItemPath::parse(path).map_err(|error| named(error.into()))?,
                conflict: Conflict::Fail,
                preconditions: &Preconditions::default(),
            };
            drive::upload(service, &target, limit, stream::iter([Ok(content)])).await.map_err(named)?;
        }
        for link in &user.links {
            let bad = |why: &dyn std::fmt::Display| Error::invalid_request(format!("{}: {why}", link.path));
            let link_type = link.link_type.parse::<LinkType>().map_err(|error| bad(&error))?;
            let scope = link.scope.as_deref().map(str::parse::<LinkScope>).transpose();
            let scope = scope.map_err(|error| bad(&error))?;
            let granted = granted(link.application.as_deref().unwrap_or(SOWER))?;
            let claim = rights::claim(service, &granted, &at(&link.path)?).await?;
            links::create_link(service, &claim, LinkRequest { link_type, scope }).await?;
        }
        Ok(())
    }
}

/// Who starts the service may see the inside.
fn told(error: Error) -> String {
    error.inside().unwrap_or_else(|| error.to_string())
}

impl SeedFile {
    fn read(&self, folder: &Path) -> Result<Bytes> {
        match self {
            Self::Text(text) => Ok(text.clone().into()),
            Self::Coded(Coded { base64 }) => {
                Ok(STANDARD.decode(base64).map_err(|_| Error::invalid_request("not base64"))?.into())
            }
            Self::OnDisk(OnDisk { from }) => {
                let path = folder.join(from);
                let read = std::fs::read(&path);
                Ok(read.map_err(|error| Error::internal(format!("{}: {error}", path.display())))?.into())
            }
        }
    }
}
