//! What a page is asked for: a link, what it opens, and which part of that is to be shown.

use actix_web::HttpRequest;
use secrecy::ExposeSecret;

use crate::auth::Visitor;
use crate::domain::address::{ShareToken, SharedAddress};
use crate::domain::item::Item;
use crate::error::{Error, Result};
use crate::graph::site::Site;
use crate::pages::views::{Page, Sending};
use crate::pages::words;
use crate::service::links;
use crate::service::rights::{self, Shared};

/// A link that was opened by its address.
pub struct Opened {
    pub site: Site,
    pub shared: Shared,
    address: SharedAddress,
    query: String,
}

impl Opened {
    pub async fn by(visitor: &Visitor, request: &HttpRequest, site: Site) -> Result<Self> {
        let query = request.query_string().to_owned();
        let address = SharedAddress::of_query(&query).ok_or(Error::ItemNotFound)?;
        let shared = rights::open(site.service(), visitor.0.as_ref(), &address).await?;
        Ok(Self { site, shared, address, query })
    }

    /// What the query says of how the page is to be.
    pub fn asked(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Where a page shows an item, or has its bytes: by the link itself, so that it is good as long as the link is, and
    /// no longer. Relative, so that the page works under whatever name it was reached.
    pub fn url(&self, page: &str, number: i64) -> String {
        let (whole, authkey) = match &self.address.share {
            ShareToken::Link { item, authkey } => (*item, Some(authkey.expose_secret())),
            ShareToken::Item(item) => (*item, None),
            // No page is asked for by it.
            ShareToken::ShareId(_) => (self.shared.whole().id, None),
        };
        let mut url = format!("/{page}?resid={whole}");
        if let Some(authkey) = authkey {
            url.push_str("&authkey=");
            url.push_str(authkey);
        }
        if number != whole.number {
            url.push_str(&format!("&id={number}"));
        }
        url
    }

    /// The same for the item that the page is of.
    pub fn own_url(&self, page: &str) -> String {
        self.url(page, self.number())
    }

    fn number(&self) -> i64 {
        self.address.item.map_or(self.shared.whole().id.number, |item| item.number)
    }

    /// Where a page has an item's bytes: under an origin of their own, where there is one.
    pub fn bytes_url(&self, page: &str, item: &Item) -> String {
        format!("{}{}", self.site.content_origin().unwrap_or_default(), self.url(page, item.id.number))
    }

    /// What every page of a link has.
    pub fn page(&self, title: &str) -> Result<Page> {
        let whole = self.shared.whole();
        let address = match self.shared.link() {
            Some(link) if self.number() == whole.id.number => {
                link.url(&self.site.url, &links::authkey(self.site.service(), link)?)
            }
            _ => format!("{}{}", self.site.url, self.own_url("redir")),
        };
        Ok(Page {
            title: words::plain(title),
            owner: words::owner(&whole.drive),
            address: Some(address),
            qr: Some(self.own_url("qr")),
            card: None,
        })
    }

    /// The owner's name; empty where people could not read it.
    pub fn owner(&self) -> String {
        words::owner(&self.shared.whole().drive).unwrap_or_default()
    }

    /// By which the page speaks of the owner.
    pub fn first_name(&self) -> String {
        match self.owner() {
            owner if owner.is_empty() => "the owner".to_owned(),
            owner => words::first_name(&owner).to_owned(),
        }
    }

    /// Where the page sends files, and where a script does; none where the link lets add none.
    pub fn sending(&self) -> Result<Option<Sending>> {
        let Some(link) = self.shared.link().filter(|_| self.shared.lets_add()) else { return Ok(None) };
        let share = links::share_id(self.site.service(), link)?;
        let api = match self.address.item {
            Some(item) => format!("/v1.0/shares/{share}/items/{item}"),
            None => format!("/v1.0/shares/{share}/driveItem"),
        };
        Ok(Some(Sending { action: self.own_url("redir"), api }))
    }
}
