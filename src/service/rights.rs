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

use std::marker::PhantomData;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::clock::Timestamp;
use crate::domain::address::{Base, DriveAddress, ItemAddress, ShareToken, SharedAddress};
use crate::domain::grant::{FilesRead, FilesReadWrite, Granted, Scope};
use crate::domain::identity::{Caller, User};
use crate::domain::ids::{DriveId, ItemId, LinkAt, LinkId};
use crate::domain::item::{Drive, FileVersion, HasNoContent, Item, Kind};
use crate::domain::link::{Act, Link, LinkType};
use crate::domain::link_scope::LinkScope;
use crate::domain::name::{ItemPath, Name};
use crate::domain::upload::UploadSession;
use crate::error::{Error, Result};
use crate::keys::{ProvenLink, Ticket};
use crate::limits::Who;
use crate::service::author::Author;
use crate::service::outside::{current, current_or_last};
use crate::service::placed::folder_names;
use crate::service::store::{DriveInUse, ItemsOfLinks, KnownItem, Lineage, OpenedLink, Place, Tx, Way};
use crate::service::{PlacedItem, Service, Shown};

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
        match &self.ground {
            Ground::Link(at, _) => prove_link(tx, *at, self.folder, Act::Download).await.map(|_| ()),
            Ground::Manager(_) | Ground::OwnUrl | Ground::Session => Ok(()),
        }
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

/// The live item of an address, if the caller manages it.
pub async fn manage<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<Managed<S>> {
    let caller = &granted.caller;
    let item = match address {
        ItemAddress::Shared(shared) => {
            let opened = open(service, Some(caller), shared).await?;
            if !caller.manages(&opened.item.drive.tenant, &opened.item.drive.owner) {
                return Err(Error::ItemNotFound);
            }
            opened.item
        }
        // An id names its drive: one statement tells all.
        ItemAddress::InDrive { drive: DriveAddress::Mine | DriveAddress::Id(_), .. }
            if let Ok(id) = spelled_out(address) =>
        {
            Arc::new(managed_by(caller, service.store.item(id).await?)?)
        }
        ItemAddress::InDrive { drive, base, path } => {
            let (base, mut tx) = base_of(service, caller, drive, *base).await?;
            let item = live(&mut tx, caller, base).await?;
            Arc::new(walk(&mut tx, item, path.names()).await?)
        }
    };
    let item = current_or_last(service, item).await?;
    Ok(Managed { item, caller: caller.clone(), scope: PhantomData })
}

/// The same, and the folders that it is in. What was read lately is shown as it was, where its drive has not changed
/// since: that is one question, which many share.
pub async fn manage_placed<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<(Managed<S>, PlacedItem)> {
    let caller = &granted.caller;
    let known = match known_item(service, caller, address) {
        Some(seen) => prove_standing(service, seen).await?,
        None => None,
    };
    let known = match known {
        Some(known) => known,
        None => read_item(service, granted, address).await?.0,
    };
    let item = current_or_last(service, known.item).await?;
    let placed = PlacedItem { item: item.as_ref().clone(), folders: known.folders };
    Ok((Managed { item, caller: caller.clone(), scope: PhantomData }, placed))
}

/// The same, and the links on it and on the folders that it is in: these are asked for with how the drive stands.
pub async fn manage_reached<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<(Managed<S>, Reached)> {
    let caller = &granted.caller;
    let managed = |item| Managed { item, caller: caller.clone(), scope: PhantomData };
    if let Some((lineage, change, known)) = known_item(service, caller, address) {
        let KnownItem { item, lineage: items, .. } = known;
        let asked = ItemsOfLinks { drive: item.id.drive, kind: item.kind(), items: items.clone() };
        let now = service.queues.links_of(asked).await?;
        if let Some(now) = now.filter(|now| now.lineage == lineage && now.change == change)
            && service.store.are_still_called(item.applications()).await?
        {
            service.metrics.known().hits.inc();
            return Ok((managed(item), Reached { lineage: items, links: now.links }));
        }
        service.metrics.known().missed(true);
    }
    let (known, mut tx) = read_item(service, granted, address).await?;
    let links = tx.links_reaching(known.item.id).await?;
    Ok((managed(known.item), Reached { lineage: known.lineage, links }))
}

/// Reads an item that its caller manages, and keeps it. With it, the transaction that it was read in.
async fn read_item<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &ItemAddress,
) -> Result<(KnownItem, Tx)> {
    let caller = &granted.caller;
    let era = service.store.era();
    let ItemAddress::InDrive { drive, base, path } = address else {
        let item = manage(service, granted, address).await?.item;
        let mut tx = service.store.read("place").await?;
        let known = located(&mut tx, item).await?;
        return Ok((known, tx));
    };
    let (start, mut tx) = base_of(service, caller, drive, *base).await?;
    let item = live(&mut tx, caller, start).await?;
    let item = Arc::new(walk(&mut tx, item, path.names()).await?);
    let known = located(&mut tx, item).await?;
    if let Some(standing) = tx.standing(start.drive, era).await? {
        let Drive { tenant, owner, .. } = &known.item.drive;
        service.store.keep_drive(tenant, owner, start.drive);
        service.store.keep_item(way_of(start, path), standing, known.clone());
    }
    Ok((known, tx))
}

/// An item, and where it is.
async fn located(tx: &mut Tx, item: Arc<Item>) -> Result<KnownItem> {
    let lineage: Arc<[(i64, String)]> = tx.lineage(item.id).await?.into();
    Ok(KnownItem { item, folders: folder_names(&lineage), lineage })
}

fn way_of(start: ItemId, path: &ItemPath) -> Way {
    let mut way = Way { start, path: String::new() };
    for name in path.names() {
        way.path.push('/');
        way.path.push_str(&name.key());
    }
    way
}

/// How an item's address begins, as far as that is known without a question; none where it is not.
fn known_way(service: &Service, caller: &Caller, address: &ItemAddress) -> Option<Way> {
    let ItemAddress::InDrive { drive, base, path } = address else { return None };
    let drive = match (drive, base) {
        (DriveAddress::Id(id), _) => *id,
        (DriveAddress::Mine, Base::Item(item)) => item.drive,
        (DriveAddress::Mine, Base::Root) => service.store.known_drive(&caller.tenant, caller.user_id()?)?,
        (DriveAddress::Of(owner), _) => service.store.known_drive(&caller.tenant, owner)?,
    };
    let start = match base {
        Base::Root => ItemId::root_of(drive),
        Base::Item(item) => *item,
    };
    (start.drive == drive).then(|| way_of(start, path))
}

/// What is known of an item that the caller manages, with how its drive stood then. None where it is to be read:
/// nothing is known, or its owner is to be called otherwise.
fn known_item(
    service: &Service,
    caller: &Caller,
    address: &ItemAddress,
) -> Option<(Lineage, i64, KnownItem)> {
    let known = known_way(service, caller, address).and_then(|way| service.store.known_item(&way));
    let Some(known) = known else {
        service.metrics.known().missed(false);
        return None;
    };
    let drive = &known.2.item.drive;
    // An id names its drive, whosever that is: the caller manages it or does not.
    let is_address = match address {
        ItemAddress::InDrive { drive: DriveAddress::Mine, base: Base::Item(_), .. } => true,
        ItemAddress::InDrive { drive: at, .. } => is_at(caller, drive, at),
        ItemAddress::Shared(_) => false,
    };
    let is_managed = caller.manages(&drive.tenant, &drive.owner);
    (is_address && is_managed && !is_to_be_renamed(caller, drive)).then_some(known)
}

/// Whether a caller's token calls the drive's owner, who they are, otherwise than the drive does.
fn is_to_be_renamed(caller: &Caller, drive: &Drive) -> bool {
    let name = caller.user.as_ref().filter(|user| user.id == drive.owner).and_then(|user| user.name.as_ref());
    name.is_some_and(|name| drive.owner_name.as_ref() != Some(name))
}

/// What is known of an item, if its drive stands as it did, and its applications are called as they were.
async fn prove_standing(
    service: &Service,
    (lineage, change, mut known): (Lineage, i64, KnownItem),
) -> Result<Option<KnownItem>> {
    let now = service.queues.standing(known.item.id).await?;
    let Some(now) = now.filter(|now| now.lineage == lineage && now.change == change) else {
        service.metrics.known().missed(true);
        return Ok(None);
    };
    if !service.store.are_still_called(known.item.applications()).await? {
        service.metrics.known().missed(true);
        return Ok(None);
    }
    service.metrics.known().hits.inc();
    if now.shared != known.item.shared {
        known.item = Arc::new(Item { shared: now.shared, ..known.item.as_ref().clone() });
    }
    Ok(Some(known))
}

/// The drive of an address, if the caller manages it.
pub async fn manage_drive<S: Scope>(
    service: &Service,
    granted: &Granted<S>,
    address: &DriveAddress,
) -> Result<ManagedDrive> {
    let caller = &granted.caller;
    // Where it is known which one it is, it is asked for with others.
    let known = match address {
        DriveAddress::Id(id) => Some(*id),
        DriveAddress::Mine => {
            caller.user_id().and_then(|user| service.store.known_drive(&caller.tenant, user))
        }
        DriveAddress::Of(owner) => service.store.known_drive(&caller.tenant, owner),
    };
    if let Some(id) = known
        && let Some(DriveInUse { drive, used, deleted }) = service.queues.drive(id).await?
        && is_at(caller, &drive, address)
        && caller.manages(&drive.tenant, &drive.owner)
        && !is_to_be_renamed(caller, &drive)
    {
        return Ok(ManagedDrive { drive, used, deleted });
    }
    let drive = managed_drive(service, caller, address).await?;
    service.store.keep_drive(&drive.tenant, &drive.owner, drive.id);
    let (used, deleted) = service.store.read("bytes_used").await?.bytes_used(drive.id).await?;
    Ok(ManagedDrive { drive, used, deleted })
}

/// Whether a drive is the one that an address names.
fn is_at(caller: &Caller, drive: &Drive, address: &DriveAddress) -> bool {
    let is_of = |owner: &str| owner == drive.owner && caller.tenant == drive.tenant;
    match address {
        DriveAddress::Id(id) => *id == drive.id,
        DriveAddress::Mine => caller.user_id().is_some_and(is_of),
        DriveAddress::Of(owner) => is_of(owner),
    }
}

/// An item by its id, if the caller manages it: one that is deleted has no other address.
pub async fn manage_deleted(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<EvenDeleted> {
    let right = EvenDeleted { id: spelled_out(address)?, caller: granted.caller.clone() };
    right.prove(&mut service.store.read("manage_deleted").await?).await?;
    Ok(right)
}

/// An item by whatever address, if the caller manages it; addressed by its id, it may also be in the recycle bin.
pub async fn manage_even_deleted(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<EvenDeleted> {
    if spelled_out(address).is_ok() {
        return manage_deleted(service, granted, address).await;
    }
    let item = manage(service, granted, address).await?;
    Ok(EvenDeleted { id: item.id(), caller: item.caller })
}

/// An id that the address spells out is taken as it is; any other address is looked up.
pub async fn claim(
    service: &Service,
    granted: &Granted<FilesReadWrite>,
    address: &ItemAddress,
) -> Result<Claim> {
    let id = match address {
        ItemAddress::InDrive {
            drive: DriveAddress::Mine | DriveAddress::Id(_),
            base: Base::Item(_),
            path,
        } if path.is_empty() => spelled_out(address)?,
        _ => manage(service, granted, address).await?.id(),
    };
    Ok(Claim { id, caller: granted.caller.clone() })
}

/// The id of an address that is one.
fn spelled_out(address: &ItemAddress) -> Result<ItemId> {
    match address {
        ItemAddress::InDrive { drive, base: Base::Item(id), path } if path.is_empty() => match drive {
            DriveAddress::Id(drive) if *drive != id.drive => Err(Error::ItemNotFound),
            _ => Ok(*id),
        },
        _ => Err(Error::ItemNotFound),
    }
}

/// Opens what a link shares, or something inside of it: whoever shows the link's key gets it as it is now.
///
/// The key is checked first, without the database; then one statement finds link, item and current version together.
/// Whatever is wrong (a wrong key, a revoked link, an item in the recycle bin) is one and the same «not found», so
/// that nothing is learned by trying.
///
/// Who manages an item gets at it by its own URL, too. That asks for what every other way to a caller's own items
/// asks for, the scope; a link asks for none.
pub async fn open(
    service: &Service,
    visitor: Option<&Arc<Caller>>,
    address: &SharedAddress,
) -> Result<Shared> {
    let opened = open_uncounted(service, visitor, address).await;
    match &opened {
        Ok(Shared { by: OpenedBy::Link(link, _), .. }) => {
            service.metrics.link_opened(link.link_type, link.scope);
        }
        Err(Error::ItemNotFound | Error::ForOrganization(_)) => service.metrics.link_refused(),
        _ => {}
    }
    opened
}

async fn open_uncounted(
    service: &Service,
    visitor: Option<&Arc<Caller>>,
    address: &SharedAddress,
) -> Result<Shared> {
    let proven = match &address.share {
        ShareToken::ShareId(id) => service.keys.prove_share_id(id.expose_secret()),
        ShareToken::Link { item, authkey } => service.keys.prove_authkey(*item, authkey.expose_secret()),
        ShareToken::Item(id) => {
            let visitor = visitor.ok_or(Error::ItemNotFound)?;
            let granted = Granted::<FilesRead>::to(visitor.clone())?;
            let mut tx = service.store.read("open_own_url").await?;
            let whole = Arc::new(live(&mut tx, &granted.caller, *id).await?);
            let item = Arc::new(inside(&mut tx, &whole, address).await?);
            drop(tx);
            return opened_now(service, Shared { item, whole, by: OpenedBy::Manager }).await;
        }
    };
    let proven: ProvenLink = proven.ok_or(Error::ItemNotFound)?;
    let opened = service.queues.open(proven).await?;
    let OpenedLink { link, item: whole, shown } = opened.ok_or(Error::ItemNotFound)?;
    if link.scope == LinkScope::Organization
        && visitor.is_none_or(|visitor| visitor.tenant != whole.drive.tenant)
    {
        return Err(Error::ForOrganization(whole.drive.tenant.clone()));
    }
    // Who may not read is told nothing of what is inside, not even whether it is there.
    let is_whole = address.is_whole() || (address.path.is_empty() && address.item == Some(whole.id));
    if !is_whole && !link.link_type.permits(Act::Read) {
        return Err(Error::ItemNotFound);
    }
    let item = if address.is_whole() {
        whole.clone()
    } else {
        Arc::new(inside(&mut service.store.read("open_inside").await?, &whole, address).await?)
    };
    opened_now(service, Shared { item, whole, by: OpenedBy::Link(link, shown) }).await
}

/// What was opened, with the version that its file has now where that is outside.
async fn opened_now(service: &Service, opened: Shared) -> Result<Shared> {
    let item = current(service, opened.item.clone()).await?;
    if Arc::ptr_eq(&item, &opened.item) {
        return Ok(opened);
    }
    let whole = if item.id == opened.whole.id { item.clone() } else { opened.whole };
    let by = match opened.by {
        OpenedBy::Link(link, _) => OpenedBy::Link(link, None),
        OpenedBy::Manager => OpenedBy::Manager,
    };
    Ok(Shared { item, whole, by })
}

/// An item of the caller's own, as its own URL opens it.
pub async fn open_own(service: &Service, granted: &Granted<FilesReadWrite>, id: ItemId) -> Result<Shared> {
    let address = SharedAddress::whole(ShareToken::Item(id));
    open_uncounted(service, Some(&granted.caller), &address).await
}

/// What a ticket opens now.
pub async fn open_ticket(service: &Service, ticket: &str) -> Result<ToDownload> {
    let ticket = service.keys.prove_ticket(ticket).ok_or(Error::ItemNotFound)?;
    let mut tx = service.store.read("open_ticket").await?;
    let item = tx.item(ticket.item).await?.filter(|item| item.file().is_some()).ok_or(Error::ItemNotFound)?;
    let who = match ticket.through {
        // It may be revoked by now, and the file may have left the shared folder.
        Some(at) => {
            prove_link(&mut tx, at, item.id, Act::Download).await?;
            Who::Link(at.link)
        }
        None => Who::Drive(item.id.drive),
    };
    drop(tx);
    // What is not there any more is told first: to ask for a new URL would not help.
    let item = current(service, Arc::new(item)).await?;
    if ticket.expires_at <= service.clock.now() {
        return Err(Error::DownloadUrlExpired);
    }
    let mut right = ToDownload::of(&item, who)?;
    if let Some(version) = ticket.version {
        let mut tx = service.store.read("version").await?;
        right.file = tx.version(item.id, version).await?.ok_or(Error::ItemNotFound)?;
    }
    Ok(right)
}

/// The caller's own drive, made at its first use.
async fn own_drive(service: &Service, caller: &Caller) -> Result<Drive> {
    let user = user_of(caller)?;
    let known = service.store.read("own_drive").await?.drive_of(&caller.tenant, &user.id).await?;
    if let Some(mut drive) = known {
        if let Some(name) = &user.name
            && drive.owner_name.as_ref() != Some(name)
        {
            let rename = async |tx: &mut Tx| tx.rename_owner(drive.id, name).await;
            service.store.write("rename_owner", rename).await?;
            drive.owner_name = Some(name.clone());
        }
        return Ok(drive);
    }
    let now = service.clock.now();
    service
        .store
        .write("make_drive", async |tx| {
            let drive = Drive {
                id: service.new_ids.drive(&caller.tenant, &user.id),
                tenant: caller.tenant.clone(),
                owner: user.id.clone(),
                owner_name: user.name.clone(),
            };
            if tx.insert_drive(&drive, now).await? {
                return Ok(drive);
            }
            // Another request of the same user was first.
            tx.drive_of(&caller.tenant, &user.id).await?.ok_or(Error::ItemNotFound)
        })
        .await
}

fn user_of(caller: &Caller) -> Result<&User> {
    caller.user.as_ref().ok_or_else(|| {
        Error::invalid_request(
            "An application on its own has no drive: address one by /drives/{id} or /users/{id}/drive.",
        )
    })
}

/// The drive of an address, if the caller manages it; none where it is to be made, or its owner's name written, first.
async fn drive_in(tx: &mut Tx, caller: &Caller, address: &DriveAddress) -> Result<Option<Drive>> {
    let drive = match address {
        DriveAddress::Id(id) => tx.drive(*id).await?,
        DriveAddress::Of(owner) if caller.user_id() != Some(owner) => {
            tx.drive_of(&caller.tenant, owner).await?
        }
        DriveAddress::Mine | DriveAddress::Of(_) => {
            let user = user_of(caller)?;
            let drive = tx.drive_of(&caller.tenant, &user.id).await?;
            return Ok(drive.filter(|drive| user.name.is_none() || drive.owner_name == user.name));
        }
    };
    let drive = drive.filter(|drive| caller.manages(&drive.tenant, &drive.owner));
    drive.ok_or(Error::ItemNotFound).map(Some)
}

async fn managed_drive(service: &Service, caller: &Caller, address: &DriveAddress) -> Result<Drive> {
    let known = drive_in(&mut service.store.read("manage_drive").await?, caller, address).await?;
    match known {
        Some(drive) => Ok(drive),
        None => own_drive(service, caller).await,
    }
}

/// The id of the item that an address's path starts at, and a transaction to go on with. That the caller manages it is
/// still to be seen.
async fn base_of(
    service: &Service,
    caller: &Caller,
    drive: &DriveAddress,
    base: Base,
) -> Result<(ItemId, Tx)> {
    let mut tx = service.store.read("manage").await?;
    match (base, drive) {
        (Base::Root, DriveAddress::Id(id)) => return Ok((ItemId::root_of(*id), tx)),
        // An id names its drive. Whether that is the caller's is seen with the item.
        (Base::Item(item), DriveAddress::Mine) => return Ok((item, tx)),
        (Base::Item(item), DriveAddress::Id(id)) if item.drive == *id => return Ok((item, tx)),
        (Base::Item(_), DriveAddress::Id(_)) => return Err(Error::ItemNotFound),
        (Base::Root, DriveAddress::Mine) | (_, DriveAddress::Of(_)) => {}
    }
    let drive = match drive_in(&mut tx, caller, drive).await? {
        Some(drive) => drive.id,
        None => {
            drop(tx);
            let drive = own_drive(service, caller).await?.id;
            // One that sees it.
            tx = service.store.read("manage").await?;
            drive
        }
    };
    match base {
        Base::Root => Ok((ItemId::root_of(drive), tx)),
        Base::Item(item) if item.drive == drive => Ok((item, tx)),
        Base::Item(_) => Err(Error::ItemNotFound),
    }
}

/// Follows names down from an item.
pub(super) async fn walk(tx: &mut Tx, from: Item, names: &[Name]) -> Result<Item> {
    if names.is_empty() {
        return Ok(from);
    }
    let mut id = from.id;
    for name in names {
        id = tx.child(Place { folder: id, name }).await?.ok_or(Error::ItemNotFound)?;
    }
    tx.item(id).await?.ok_or(Error::ItemNotFound)
}

/// The item that is addressed inside of what is shared. Nothing outside is ever found.
async fn inside(tx: &mut Tx, whole: &Item, address: &SharedAddress) -> Result<Item> {
    let start = match address.item {
        None => whole.clone(),
        Some(id) if id == whole.id => whole.clone(),
        Some(id) if id.drive == whole.id.drive => {
            if !tx.is_inside(id, whole.id).await? {
                return Err(Error::ItemNotFound);
            }
            tx.item(id).await?.ok_or(Error::ItemNotFound)?
        }
        Some(_) => return Err(Error::ItemNotFound),
    };
    walk(tx, start, address.path.names()).await
}
