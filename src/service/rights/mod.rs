//! Who may do what. Only this module makes rights, and operations take them: so whoever forgets to ask for a right has
//! nothing to call an operation with. What a secret of its own names, an upload session or a copy under way, is asked
//! for by that.
//!
//! There are two ways to an item. Its caller manages it: [`manage`] makes a [`Managed`], for what the caller's token
//! grants. Or a link opens it: [`open()`] makes a [`Shared`], with what the link's type permits. Both turn into the
//! right to read, to download and to write; what is only shown in other sites' pages takes the right to embed.
//!
//! A right is good for the moment it was made at. What a later transaction relies on is proven again in it, by the
//! right itself: see the methods named `prove`.

mod managing;
mod opening;

use std::marker::PhantomData;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::grant::FilesReadWrite;
use crate::domain::identity::Caller;
use crate::domain::ids::{DriveId, ItemId, LinkAt, LinkId};
use crate::domain::item::{Drive, FileVersion, HasNoContent, Item, Kind};
use crate::domain::link::{Act, Link, LinkType};
use crate::domain::upload::UploadSession;
use crate::error::{Error, Result};
use crate::keys::Ticket;
use crate::limits::Who;
use crate::service::author::Author;
use crate::service::store::Tx;
use crate::service::{Service, Shown};

pub(super) use managing::walk;
pub use managing::{
    claim, manage, manage_deleted, manage_drive, manage_even_deleted, manage_placed, manage_reached,
};
pub use opening::{open, open_own, open_ticket};

/// A drive that its caller manages.
#[derive(Debug)]
pub struct ManagedDrive {
    drive: Drive,
    used: i64,
    deleted: i64,
}

/// What reaches an item that its caller manages.
#[derive(Debug)]
pub struct Reached {
    /// The item and the folders that it is in, the root last: their numbers and names.
    pub(super) lineage: Arc<[(i64, String)]>,
    /// The links on them, the nearest first.
    pub(super) links: Vec<Link>,
}

/// A live item that its caller manages, by a token that grants `S`.
#[derive(Debug)]
pub struct Managed<S> {
    item: Arc<Item>,
    caller: Arc<Caller>,
    scope: PhantomData<S>,
}

/// An item that its caller manages, be it live or in the recycle bin.
#[derive(Clone, Debug)]
pub struct EvenDeleted {
    id: ItemId,
    caller: Arc<Caller>,
}

/// What createLink is asked for: an item that is named, by a caller who must turn out to manage it. The statement that
/// makes the link proves both, so that nothing is looked up before.
#[derive(Debug)]
pub struct Claim {
    id: ItemId,
    caller: Arc<Caller>,
}

/// An item that a link opened, or that opened to who manages it by its own URL.
#[derive(Clone, Debug)]
pub struct Shared {
    item: Arc<Item>,
    /// What is shared: the item itself, or a folder above it.
    whole: Arc<Item>,
    by: OpenedBy,
}

#[derive(Clone, Debug)]
enum OpenedBy {
    Link(Arc<Link>, Option<Arc<Shown>>),
    Manager,
}

/// What a right goes back to.
#[derive(Clone, Debug)]
enum Ground {
    Manager(Arc<Caller>),
    /// An item's own URL, opened by who manages it.
    OwnUrl,
    Link(LinkAt, LinkType),
    /// An upload session's secret, begun by who managed the drive.
    Session,
}

/// The right to see an item, and what is in it.
#[derive(Clone, Debug)]
pub struct ToRead {
    item: Arc<Item>,
    ground: Ground,
}

/// The right to a file's bytes, at one of its versions.
#[derive(Clone, Debug)]
pub struct ToDownload {
    item: ItemId,
    name: String,
    file: FileVersion,
    modified_at: Timestamp,
    who: Who,
}

/// The right to show a file's content in a page: a link may let look at what it does not let download.
#[derive(Clone, Debug)]
pub struct ToPreview(ToDownload);

/// The right to all that is in a folder, bytes and all.
#[derive(Clone, Debug)]
pub struct ToArchive {
    folder: ItemId,
    ground: Ground,
}

/// The right to show an item framed in another site's page.
#[derive(Clone, Debug)]
pub struct ToEmbed(ToRead);

/// The right to give a file new content and to put files into a folder; or to put files beside those that are there,
/// where the link permits no more.
#[derive(Clone, Debug)]
pub struct ToWrite {
    base: Arc<Item>,
    ground: Ground,
    author: Author,
}

impl ManagedDrive {
    pub fn drive(&self) -> &Drive {
        &self.drive
    }

    /// The bytes of its files: of those that are live, and of those in the recycle bin.
    pub(super) fn bytes(&self) -> (i64, i64) {
        (self.used, self.deleted)
    }
}

impl<S> Managed<S> {
    pub fn item(&self) -> &Arc<Item> {
        &self.item
    }

    pub fn id(&self) -> ItemId {
        self.item.id
    }

    pub fn who(&self) -> Who {
        (&*self.caller).into()
    }

    pub fn to_read(&self) -> ToRead {
        ToRead { item: self.item.clone(), ground: Ground::Manager(self.caller.clone()) }
    }

    /// The item as it is in a later transaction, if it is live then and its caller still manages it.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<Item> {
        live(tx, &self.caller, self.item.id).await
    }
}

impl Managed<FilesReadWrite> {
    pub(super) async fn author(&self, service: &Service) -> Result<Author> {
        Author::of(service, &self.caller).await
    }

    /// The caller, of whom no application asks: what was there before was made by none.
    pub(super) fn author_without_application(&self) -> Author {
        Author { user: self.caller.user_id().map(str::to_owned), app_no: None }
    }

    pub async fn to_write(&self, service: &Service) -> Result<ToWrite> {
        let ground = Ground::Manager(self.caller.clone());
        Ok(ToWrite { base: self.item.clone(), ground, author: self.author(service).await? })
    }

    /// The right to an item of the same drive, even once it is deleted.
    pub(super) fn even_deleted(&self, id: ItemId) -> Result<EvenDeleted> {
        if id.drive != self.item.id.drive {
            return Err(Error::ItemNotFound);
        }
        Ok(EvenDeleted { id, caller: self.caller.clone() })
    }
}

impl EvenDeleted {
    pub(super) fn id(&self) -> ItemId {
        self.id
    }

    pub(super) fn who(&self) -> Who {
        (&*self.caller).into()
    }

    pub(super) async fn author(&self, service: &Service) -> Result<Author> {
        Author::of(service, &self.caller).await
    }

    /// The right to see it once it is restored.
    pub fn to_read(&self, restored: &Item) -> Result<ToRead> {
        if restored.id != self.id {
            return Err(Error::ItemNotFound);
        }
        Ok(ToRead { item: Arc::new(restored.clone()), ground: Ground::Manager(self.caller.clone()) })
    }

    /// The item as it is in a later transaction: live, or deleted, perhaps together with a folder above it.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<Item> {
        let item = tx.item_or_deleted(self.id).await?;
        managed_by(&self.caller, item)
    }
}

impl Claim {
    pub(super) fn id(&self) -> ItemId {
        self.id
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The item, if it is live and the caller manages it.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<Item> {
        live(tx, &self.caller, self.id).await
    }
}

impl Shared {
    /// What is shared: the item itself, or a folder above it.
    pub fn whole(&self) -> &Arc<Item> {
        &self.whole
    }

    /// The link that opened it; none where it opened to who manages it.
    pub fn link(&self) -> Option<&Link> {
        match &self.by {
            OpenedBy::Link(link, _) => Some(link),
            OpenedBy::Manager => None,
        }
    }

    /// Where it is kept what the whole of it is shown as; none where something inside is opened, or no link opened it.
    pub fn shown(&self) -> Option<&Shown> {
        match &self.by {
            OpenedBy::Link(_, shown) if self.item.id == self.whole.id => shown.as_deref(),
            _ => None,
        }
    }

    pub fn who(&self) -> Who {
        self.link().map_or(Who::Drive(self.item.id.drive), |link| Who::Link(link.id))
    }

    /// Whether who opened it manages it anyway.
    pub fn is_opened_by_owner(&self, visitor: Option<&Caller>) -> bool {
        visitor.is_some_and(|caller| caller.manages(&self.whole.drive.tenant, &self.whole.drive.owner))
    }

    fn ground(&self) -> Ground {
        self.link().map_or(Ground::OwnUrl, |link| Ground::Link(link.at(), link.link_type))
    }

    /// Refused as a wrong link is: what a link's type does not permit, its bearer is told nothing of.
    fn check(&self, act: Act) -> Result<()> {
        let is_permitted = self.link().is_none_or(|link| link.link_type.permits(act));
        is_permitted.then_some(()).ok_or(Error::ItemNotFound)
    }

    /// Whether the link lets give files new contents.
    pub fn lets_write(&self) -> bool {
        self.link().is_some_and(|link| link.link_type.permits(Act::Write))
    }

    /// Whether the link lets put files into a folder.
    pub fn lets_add(&self) -> bool {
        self.link().is_some_and(|link| link.link_type.permits(Act::Add))
    }

    /// Whether the link lets put files into a folder and see nothing of it.
    pub fn only_adds(&self) -> bool {
        self.lets_add() && self.check(Act::Read).is_err()
    }

    pub fn to_read(&self) -> Result<ToRead> {
        self.check(Act::Read)?;
        Ok(ToRead { item: self.item.clone(), ground: self.ground() })
    }

    /// The right to the current content.
    pub fn to_download(&self) -> Result<ToDownload> {
        self.check(Act::Download)?;
        ToDownload::of(&self.item, self.who())
    }

    /// The right to show the current content in the link's own page.
    pub fn to_preview(&self) -> Result<ToPreview> {
        self.check(Act::Read)?;
        ToDownload::of(&self.item, self.who()).map(ToPreview)
    }

    /// The right to download a folder as a whole.
    pub fn to_archive(&self) -> Result<ToArchive> {
        self.check(Act::Download)?;
        match self.item.kind() {
            Kind::Folder => Ok(ToArchive { folder: self.item.id, ground: self.ground() }),
            Kind::File => Err(Error::ItemNotFound),
        }
    }

    pub fn to_embed(&self) -> Result<ToEmbed> {
        if !self.link().is_some_and(|link| link.link_type.permits(Act::Embed)) {
            return Err(Error::ItemNotFound);
        }
        self.to_read().map(ToEmbed)
    }

    /// Only a link permits writing here: who manages the item addresses it as their own.
    pub async fn to_write(&self, service: &Service, visitor: Option<&Caller>) -> Result<ToWrite> {
        self.to_change(Act::Write, service, visitor).await
    }

    /// The right to put files into a folder; with a link that permits writing, to write. Who may only add is told
    /// nothing of what is inside, so an item in it is as good as none.
    pub async fn to_add(&self, service: &Service, visitor: Option<&Caller>) -> Result<ToWrite> {
        let right = self.to_change(Act::Add, service, visitor).await?;
        if right.only_adds() && self.item.id != self.whole.id {
            return Err(Error::ItemNotFound);
        }
        Ok(right)
    }

    async fn to_change(&self, act: Act, service: &Service, visitor: Option<&Caller>) -> Result<ToWrite> {
        if !self.link().is_some_and(|link| link.link_type.permits(act)) {
            return Err(Error::ItemNotFound);
        }
        let author = match visitor {
            Some(caller) => Author::of(service, caller).await?,
            None => Author::default(),
        };
        Ok(ToWrite { base: self.item.clone(), ground: self.ground(), author })
    }
}

impl ToRead {
    /// Whoever put a file into their own drive may see what became of it. A visitor who came with a link gets none:
    /// they may see only what the link opens.
    pub(super) fn of_session(session: &UploadSession, made: &Item) -> Option<Self> {
        let is_theirs = session.through.is_none() && session.id.drive == made.id.drive;
        is_theirs.then(|| Self { item: Arc::new(made.clone()), ground: Ground::Session })
    }

    pub fn item(&self) -> &Arc<Item> {
        &self.item
    }

    /// Whose turn it takes.
    pub fn who(&self) -> Who {
        self.ground.who(self.item.id.drive)
    }

    /// Whether the right still holds, where more is read by it than the item itself.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<()> {
        self.ground.prove(tx, self.item.id, Act::Read).await
    }

    /// A ticket that opens an item's current content for a while, without a token: the item that is read, or one
    /// that is inside. Through a link, while the link lasts and the item is inside of what it shares. None where
    /// there is no content, or it may not be downloaded.
    pub fn ticket(&self, service: &Service, item: &Item) -> Option<String> {
        let through = self.may_download(item.id).filter(|_| self.lets_download(item))?;
        Some(sign(service, item.id, None, through))
    }

    /// Whether there is content that may be downloaded.
    pub fn lets_download(&self, item: &Item) -> bool {
        self.may_download(item.id).is_some() && item.file().is_some() && !item.deleted
    }

    /// The same ticket, of one of its versions.
    pub(super) fn ticket_of_version(&self, service: &Service, version: &FileVersion) -> Option<String> {
        let id = self.item.id;
        self.may_download(id).map(|through| sign(service, id, Some(version.number), through))
    }

    /// The link that it is downloaded by, if any; none at all where it may not be downloaded.
    fn may_download(&self, id: ItemId) -> Option<Option<LinkAt>> {
        if id.drive != self.item.id.drive {
            return None;
        }
        match &self.ground {
            Ground::Link(at, link_type) => link_type.permits(Act::Download).then_some(Some(*at)),
            Ground::Manager(_) | Ground::OwnUrl | Ground::Session => Some(None),
        }
    }
}

fn sign(service: &Service, item: ItemId, version: Option<i64>, through: Option<LinkAt>) -> String {
    let expires_at = service.clock.now() + service.limits.ticket;
    service.keys.sign_ticket(&Ticket { item, version, expires_at, through })
}

impl ToDownload {
    fn of(item: &Item, who: Who) -> Result<Self> {
        let file = item.file().ok_or(HasNoContent)?;
        Ok(Self {
            item: item.id,
            name: item.name.clone(),
            file: file.clone(),
            modified_at: item.modified.at,
            who,
        })
    }

    pub fn item(&self) -> ItemId {
        self.item
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn file(&self) -> &FileVersion {
        &self.file
    }

    pub fn modified_at(&self) -> Timestamp {
        self.modified_at
    }

    /// Whose turn it takes.
    pub fn who(&self) -> Who {
        self.who.clone()
    }

    /// The link that it is downloaded by, if any.
    pub fn through(&self) -> Option<LinkId> {
        match self.who {
            Who::Link(link) => Some(link),
            _ => None,
        }
    }
}

impl ToPreview {
    pub fn item(&self) -> ItemId {
        self.0.item()
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub fn file(&self) -> &FileVersion {
        self.0.file()
    }

    pub fn modified_at(&self) -> Timestamp {
        self.0.modified_at()
    }

    /// Whose turn it takes.
    pub fn who(&self) -> Who {
        self.0.who()
    }
}

impl ToArchive {
    pub(super) fn folder(&self) -> ItemId {
        self.folder
    }

    /// Whose turn it takes.
    pub(super) fn who(&self) -> Who {
        self.ground.who(self.folder.drive)
    }

    /// Whether the right still holds, after the turn was waited for.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<()> {
        self.ground.prove(tx, self.folder, Act::Download).await
    }
}

impl ToEmbed {
    pub fn to_read(&self) -> &ToRead {
        &self.0
    }
}

impl ToWrite {
    pub fn base(&self) -> &Item {
        &self.base
    }

    /// Whether files are only put beside what is there, of which nothing is told.
    pub fn only_adds(&self) -> bool {
        matches!(&self.ground, Ground::Link(_, link_type) if !link_type.permits(Act::Write))
    }

    pub(super) fn author(&self) -> &Author {
        &self.author
    }

    /// Whose turn it takes.
    pub(super) fn who(&self) -> Who {
        self.ground.who(self.base.id.drive)
    }

    /// The link it comes through, if any.
    pub(super) fn through(&self) -> Option<LinkAt> {
        match self.ground {
            Ground::Link(at, _) => Some(at),
            _ => None,
        }
    }

    /// The right that an upload session was begun with.
    pub(super) async fn of_session(service: &Service, session: &UploadSession) -> Result<Self> {
        let mut tx = service.store.read("session_base").await?;
        let base = tx.item(session.base).await?.ok_or(Error::ItemNotFound)?;
        let ground = match session.through {
            Some(at) => Ground::Link(at, prove_link(&mut tx, at, base.id, Act::Add).await?),
            None => Ground::Session,
        };
        let author = Author { user: session.created_by.clone(), app_no: session.created_app_no };
        Ok(Self { base: Arc::new(base), ground, author })
    }

    /// The item to write to as it is in a later transaction, if the right still holds.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<Item> {
        let id = self.base.id;
        match &self.ground {
            Ground::Manager(caller) => live(tx, caller, id).await,
            Ground::Link(at, _) => {
                prove_link(tx, *at, id, Act::Add).await?;
                tx.item(id).await?.ok_or(Error::ItemNotFound)
            }
            Ground::Session => tx.item(id).await?.ok_or(Error::ItemNotFound),
            Ground::OwnUrl => Err(Error::ItemNotFound),
        }
    }
}

impl Ground {
    fn who(&self, drive: DriveId) -> Who {
        match self {
            Self::Manager(caller) => (&**caller).into(),
            Self::Link(at, _) => Who::Link(at.link),
            Self::OwnUrl | Self::Session => Who::Drive(drive),
        }
    }

    /// Links are revoked, and what is inside of them is moved out, at any moment.
    async fn prove(&self, tx: &mut Tx, item: ItemId, act: Act) -> Result<()> {
        match self {
            Self::Link(at, _) => prove_link(tx, *at, item, act).await.map(|_| ()),
            Self::Manager(_) | Self::OwnUrl | Self::Session => Ok(()),
        }
    }
}

/// Whether a link is there, permits something, and its item is, or has inside, this one.
pub(super) async fn prove_link(tx: &mut Tx, at: LinkAt, item: ItemId, act: Act) -> Result<LinkType> {
    let link_type = tx.link_type(at).await?.filter(|link_type| link_type.permits(act));
    let link_type = link_type.ok_or(Error::ItemNotFound)?;
    if tx.is_inside(item, at.item).await? { Ok(link_type) } else { Err(Error::ItemNotFound) }
}

fn managed_by(caller: &Caller, item: Option<Item>) -> Result<Item> {
    item.filter(|item| caller.manages(&item.drive.tenant, &item.drive.owner)).ok_or(Error::ItemNotFound)
}

async fn live(tx: &mut Tx, caller: &Caller, id: ItemId) -> Result<Item> {
    managed_by(caller, tx.item(id).await?)
}
