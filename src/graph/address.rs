//! Reads addresses: the many ways to write one thing in a URL become one.
//!
//! Clients of Microsoft's API write an item's address in many ways: by id or by path, encoded here and
//! not there, with and without a version in front, with three namespaces before an action. This module
//! takes a raw path apart into the item that it names ([`ItemAddress`]) and what is wanted of it, a
//! route of the table in [`super::routes`]. The table so lists each operation once.
//!
//! The path is decoded as a whole, once, and then split: `/` and `:` can't be in a name, so an encoded
//! one is a separator too, as real clients mean it.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Uri;
use actix_web::http::uri::{Parts, PathAndQuery};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::domain::address::{Base, DriveAddress, ItemAddress, SharedAddress};
use crate::domain::ids::{DriveId, ItemId};
use crate::domain::name::{ItemPath, Name};
use crate::error::{Error, Result};

/// What is encoded in a segment of a route: all but what ids are made of.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// What every address may start with.
const PREFIXES: [&str; 4] = ["v1.0/", "v2.0/", "beta/", "_api/v2.0/"];
/// Collections whose keys may stand in brackets, as OData writes them.
const KEYED: [&str; 6] = ["drives", "items", "users", "shares", "versions", "permissions"];
/// Namespaces that clients of different years put before an action.
const NAMESPACES: [&str; 4] = ["microsoft.graph.", "onedrive.", "action.", "view."];
/// Methods and patterns of the route table: the segments of its patterns are those that addresses may have.
type Routes = &'static [(&'static str, &'static str)];

/// What a request's path says.
#[derive(Debug)]
struct Parsed {
    /// A path of the table.
    route: String,
    named: Named,
    /// The text between the quotes of `search(q='text')`.
    argument: Option<Argument>,
}

#[derive(Debug)]
enum Named {
    Nothing,
    Drive(Result<DriveAddress>),
    Item(Result<ItemAddress>),
}

/// What a function in the path is given: the text of `search(q='text')`.
#[derive(Clone, Debug, Default)]
pub struct Argument(pub Option<String>);

impl Parsed {
    fn plain(route: String) -> Self {
        Self { route, named: Named::Nothing, argument: None }
    }

    fn item(start: &str, tail: &str, address: Result<ItemAddress>, routes: Routes) -> Self {
        let (tail, argument) = split_argument(tail);
        Self { route: format!("{start}{}", route_of(tail, routes)), named: Named::Item(address), argument }
    }
}

/// Replaces the request's path by its route, and keeps what the path names for the extractors. What
/// is wrong with an address is told by the extractor, after the caller was asked who they are.
pub fn resolve(request: &mut ServiceRequest, routes: Routes) -> Result<()> {
    let route = match parse(request.uri().path(), routes) {
        Some(Parsed { route, named, argument }) => {
            let mut extensions = request.extensions_mut();
            extensions.insert(named);
            extensions.insert(argument.unwrap_or_default());
            route
        }
        // Nothing is at this path, so that the default answers.
        None => "/-".to_owned(),
    };
    // The path alone: requests that are for a proxy name a host, too, and may have no path at all.
    let mut parts = Parts::default();
    let query = request.uri().query();
    let path = query.map_or_else(|| route.clone(), |query| format!("{route}?{query}"));
    // A route is made of plain and encoded characters, and the query was in a URI before.
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(Error::internal)?);
    let uri = Uri::from_parts(parts).map_err(Error::internal)?;
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
    Ok(())
}

/// None where the path is of no form that addresses have.
fn parse(raw: &str, routes: Routes) -> Option<Parsed> {
    let Ok(path) = percent_decode_str(raw).decode_utf8() else {
        return Some(Parsed::item("/item", "", Err(not_utf8()), routes));
    };
    let path = plain_slashes(path.strip_prefix('/')?);
    let path = PREFIXES.iter().find_map(|prefix| strip_start(&path, prefix)).unwrap_or(&path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if let Some(rest) = strip_start(path, "shares/") {
        return parse_share(rest, routes);
    }
    let alone = [
        ("openapi.json", "/openapi.json"),
        ("$batch", "/batch"),
        ("drives", "/drives"),
        ("me/drives", "/drives"),
        ("me", "/me"),
    ];
    if let Some((_, route)) = alone.into_iter().find(|(known, _)| path.eq_ignore_ascii_case(known)) {
        return Some(Parsed::plain(route.to_owned()));
    }
    // Secrets and ids have one spelling.
    if let Some((place @ ("upload" | "monitor"), secret)) = path.split_once('/') {
        let secret = utf8_percent_encode(secret, SEGMENT);
        return Some(Parsed::plain(format!("/{place}/{secret}")));
    }
    let (drive, rest) = parse_drive(path)?;
    if rest.is_empty() {
        return Some(Parsed { named: Named::Drive(drive), ..Parsed::plain("/drive".to_owned()) });
    }
    let (base, path, tail) = split_item(rest)?;
    let (path, tail) = enter_child(path, tail);
    let address = drive.and_then(|drive| Ok(ItemAddress::InDrive { drive, base: base?, path: path? }));
    Some(Parsed::item("/item", tail, address, routes))
}

/// A text without its start, be that in upper or lower case.
fn strip_start<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

/// Up to the first colon or bracket of a function, where names and texts begin, slashes are single and keys stand
/// between slashes: `v1.0//drives('7')/items('7!2')` becomes `v1.0/drives/7/items/7!2`.
fn plain_slashes(path: &str) -> Cow<'_, str> {
    let start = path.split(':').next().unwrap_or_default();
    if !start.contains("//") && !start.contains("('") && !start.starts_with('/') {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find(['/', ':', '(']).unwrap_or(rest.len());
        let (segment, after) = rest.split_at(end);
        plain.push_str(segment);
        let is_keyed = KEYED.iter().any(|known| segment.eq_ignore_ascii_case(known));
        rest = if after.starts_with('/') {
            if !plain.is_empty() && !plain.ends_with('/') {
                plain.push('/');
            }
            after.trim_start_matches('/')
        } else if let Some((key, after)) =
            after.strip_prefix("('").filter(|_| is_keyed).and_then(|after| after.split_once("')"))
        {
            plain.push('/');
            plain.push_str(&key.replace("''", "'"));
            after
        } else {
            plain.push_str(after);
            ""
        };
    }
    Cow::Owned(plain)
}

/// The drive at a path's start, and what follows its slash.
fn parse_drive(path: &str) -> Option<(Result<DriveAddress>, &str)> {
    let within_me = strip_start(path, "me/").unwrap_or(path);
    let (first, rest) = within_me.split_once('/').unwrap_or((within_me, ""));
    match &*first.to_ascii_lowercase() {
        "drive" => Some((Ok(DriveAddress::Mine), rest)),
        "drives" if !rest.is_empty() => {
            let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let id = id.parse::<DriveId>().map_err(|_| Error::ItemNotFound);
            Some((id.map(DriveAddress::Id), rest))
        }
        "users" => {
            let (user, rest) = rest.split_once('/')?;
            let (drive, rest) = rest.split_once('/').unwrap_or((rest, ""));
            let user = match user {
                // What Microsoft's SDKs write for «me», and a middleware of theirs replaces.
                "me-token-to-replace" => Ok(DriveAddress::Mine),
                user if user.is_empty() || user.contains('\0') => Err(Error::ItemNotFound),
                user => Ok(DriveAddress::Of(user.to_owned())),
            };
            drive.eq_ignore_ascii_case("drive").then_some((user, rest))
        }
        _ => None,
    }
}

type ItemParts<'a> = (Result<Base>, Result<ItemPath>, &'a str);

/// An item below a drive: where it starts, the path from there, and what is wanted of it.
fn split_item(text: &str) -> Option<ItemParts<'_>> {
    let (in_items, text) = strip_start(text, "items/").map_or((false, text), |rest| (true, rest));
    let end = text.find([':', '/']).unwrap_or(text.len());
    let (head, mut rest) = text.split_at(end);
    let base = match &*head.to_ascii_lowercase() {
        "root" => Ok(Base::Root),
        "special" if !in_items => {
            let name = rest.strip_prefix('/').unwrap_or_default();
            rest = &name[name.find([':', '/']).unwrap_or(name.len())..];
            Err(Error::NotSupported("A drive has no special folders here: address folders by id or by path."))
        }
        // What is asked of a whole drive is asked of its root.
        _ if !in_items && is_of_drive(head) => {
            return Some((Ok(Base::Root), Ok(ItemPath::default()), text));
        }
        _ if in_items => head.parse().map(Base::Item).map_err(|_| Error::ItemNotFound),
        _ => return None,
    };
    let (path, tail) = split_path(rest);
    Some((base, path, tail))
}

/// `:/path:/tail`, and `/tail` where there is no path. The second colon may be missing where nothing
/// follows it, and stand there too.
fn split_path(rest: &str) -> (Result<ItemPath>, &str) {
    let Some(rest) = rest.strip_prefix(':') else {
        return (Ok(ItemPath::default()), rest.strip_prefix('/').unwrap_or(rest));
    };
    let (path, tail) = rest.split_once(':').unwrap_or((rest, ""));
    let tail = tail.trim_start_matches(':');
    (ItemPath::parse(path).map_err(Error::from), tail.strip_prefix('/').unwrap_or(tail))
}

/// `/drive/search(q='text')`, `/drive/delta` and their like are about the drive's root.
fn is_of_drive(segment: &str) -> bool {
    let name = segment.split('(').next().unwrap_or_default();
    matches!(&*bare(name), "search" | "delta" | "recent" | "sharedwithme")
}

/// `children/{name}` and `children('name')` name one child, and what follows is about that.
fn enter_child(path: Result<ItemPath>, tail: &str) -> (Result<ItemPath>, &str) {
    let Some(rest) = tail.get(..8).filter(|start| start.eq_ignore_ascii_case("children")).map(|_| &tail[8..])
    else {
        return (path, tail);
    };
    let (name, tail) = if let Some(rest) = rest.strip_prefix('/') {
        let (name, tail) = rest.split_once('/').unwrap_or((rest, ""));
        (Cow::Borrowed(name), tail)
    } else if let Some((quoted, tail)) = rest.strip_prefix("('").and_then(|rest| rest.split_once("')")) {
        (Cow::Owned(quoted.replace("''", "'")), tail.strip_prefix('/').unwrap_or(tail))
    } else {
        return (path, tail);
    };
    (path.and_then(|path| Ok(path.child(Name::parse(&name)?))), tail)
}

/// Takes the argument off a function: `search(q='text')`, `delta(token='x')`, `delta()`. A quote in
/// the text is doubled.
fn split_argument(tail: &str) -> (&str, Option<Argument>) {
    let Some((function, arguments)) = tail.strip_suffix(')').and_then(|tail| tail.split_once('(')) else {
        return (tail, None);
    };
    let quoted = arguments.split_once('=').map_or(arguments, |(_, value)| value).trim();
    let text = quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    (function, Some(Argument(text.map(|text| text.replace("''", "'")))))
}

fn parse_share(rest: &str, routes: Routes) -> Option<Parsed> {
    let (token, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let share = SharedAddress::of_token(token).ok_or(Error::ItemNotFound);
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (head, after) = rest.split_at(end);
    let (route, item, (path, tail)) = match &*head.to_ascii_lowercase() {
        "" => ("/share", Ok(None), (Ok(ItemPath::default()), "")),
        "permission" if after.is_empty() => ("/share/permission", Ok(None), (Ok(ItemPath::default()), "")),
        "driveitem" | "root" => ("/share/item", Ok(None), split_path(after)),
        "items" => {
            let text = after.strip_prefix('/')?;
            let end = text.find([':', '/']).unwrap_or(text.len());
            let (id, after) = text.split_at(end);
            let id = id.parse::<ItemId>().map(Some).map_err(|_| Error::ItemNotFound);
            ("/share/item", id, split_path(after))
        }
        _ => return None,
    };
    let (path, tail) = enter_child(path, tail);
    let address = share.and_then(|share| {
        Ok(ItemAddress::Shared(SharedAddress { item: item?.or(share.item), path: path?, ..share }))
    });
    Some(Parsed::item(route, tail, address, routes))
}

/// What follows an item, as the table spells it. Segments it does not know keep their spelling.
fn route_of(tail: &str, routes: Routes) -> String {
    let mut route = String::new();
    for segment in tail.split('/').filter(|_| !tail.is_empty()) {
        route.push('/');
        route.push_str(&table_spelling(segment, routes));
    }
    route
}

/// A segment in lower case, without its namespace, by the name it has today.
fn bare(segment: &str) -> String {
    let lower = segment.to_ascii_lowercase();
    let bare = NAMESPACES.iter().find_map(|namespace| lower.strip_prefix(namespace)).unwrap_or(&lower);
    if bare == "upload.createsession" { "createuploadsession".to_owned() } else { bare.to_owned() }
}

fn table_spelling(segment: &str, routes: Routes) -> Cow<'_, str> {
    let bare = bare(segment);
    let segments = routes.iter().flat_map(|(_, pattern)| pattern.split('/'));
    // What stands in braces may be anything.
    let mut known = segments.filter(|known| !known.starts_with('{'));
    match known.find(|known| known.eq_ignore_ascii_case(&bare)) {
        Some(known) => Cow::Borrowed(known),
        None => utf8_percent_encode(segment, SEGMENT).to_string().into(),
    }
}

/// An item's address that stands in a body: `/drive/root:/path`, `/drives/{id}/items/{id}`, and
/// whatever else a URL may say, encoded as there.
pub fn parse_reference(text: &str) -> Result<ItemAddress> {
    let text = if text.starts_with('/') { Cow::Borrowed(text) } else { format!("/{text}").into() };
    // A folder's address is all of it: nothing is wanted of it that a table would know.
    match parse(&text, &[]) {
        Some(Parsed { route, named: Named::Item(address), .. }) if route == "/item" => address,
        _ => Err(Error::invalid_request("The parentReference's path names no folder.")),
    }
}

/// The start of an address's path, which must exist, and the path, which need not.
pub fn split_target(address: &ItemAddress) -> (ItemAddress, ItemPath) {
    let mut start = address.clone();
    let path = match &mut start {
        ItemAddress::InDrive { path, .. } => std::mem::take(path),
        ItemAddress::Shared(shared) => std::mem::take(&mut shared.path),
    };
    (start, path)
}

fn not_utf8() -> Error {
    Error::InvalidPath("The address is not UTF-8.".into())
}

impl FromRequest for ItemAddress {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions_mut().remove::<Named>() {
            Some(Named::Item(address)) => address,
            _ => Err(Error::NoSuchApi),
        })
    }
}

impl FromRequest for Argument {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions_mut().remove::<Self>().unwrap_or_default()))
    }
}

impl FromRequest for DriveAddress {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions_mut().remove::<Named>() {
            Some(Named::Drive(address)) => address,
            _ => Err(Error::NoSuchApi),
        })
    }
}

impl FromRequest for SharedAddress {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions_mut().remove::<Named>() {
            Some(Named::Item(Ok(ItemAddress::Shared(address)))) => Ok(address),
            Some(Named::Item(Err(error))) => Err(error),
            _ => Err(Error::NoSuchApi),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const ROUTES: Routes = &[
        ("GET", "/item/children"),
        ("GET", "/item/content"),
        ("GET", "/item/search"),
        ("GET", "/item/delta"),
        ("POST", "/item/createLink"),
    ];

    /// Route, drive, base and path in one text.
    fn read(raw: &str) -> String {
        let Some(Parsed { route, named, argument }) = parse(raw, ROUTES) else { return "nothing".to_owned() };
        let route = match argument {
            Some(Argument(text)) => format!("{route}={text:?}"),
            None => route,
        };
        match named {
            Named::Nothing => route,
            Named::Drive(Ok(drive)) => format!("{route} {drive:?}"),
            Named::Item(Ok(ItemAddress::InDrive { drive, base, path })) => {
                let base = match base {
                    Base::Root => "root".to_owned(),
                    Base::Item(id) => id.to_string(),
                };
                let names: Vec<&str> = path.names().iter().map(|name| name.as_str()).collect();
                format!("{route} {drive:?} {base} {names:?}")
            }
            Named::Item(Ok(ItemAddress::Shared(shared))) => {
                format!("{route} shared {:?}", shared.item.is_some())
            }
            Named::Drive(Err(error)) | Named::Item(Err(error)) => format!("{route} {error:?}"),
        }
    }

    const A_B: &str = r#"/item/createLink Mine root ["a", "b.txt"]"#;
    const BY_ID: &str = "/item/createLink Mine 00000000000000AB!7 []";

    #[test]
    fn an_item_by_path_has_many_spellings() {
        for raw in [
            "/drive/root:/a/b.txt:/createLink",
            "/me/drive/root:/a/b.txt:/createLink",
            "/v1.0/me/drive/root:/a/b.txt:/microsoft.graph.createLink",
            "/v2.0/drive/root:/a/b.txt:/oneDrive.createLink",
            "/beta/me/drive/root:/a/b.txt:/CREATELINK",
            "/_api/v2.0/drive/root:/a/b.txt:/action.createLink",
            "/drive/items/root:/a/b.txt:/action.createLink",
            "/drive/items/root%3A%2Fa%2Fb.txt%3A/createLink",
            "/drive/root:%2Fa%2Fb.txt:/createLink",
            "/drive/root:/a%2Fb.txt:/createLink",
            "/drive/root:/a/b.txt:/createLink/",
            "/drive/root:/a/b%2Etxt/:/createLink",
        ] {
            assert_eq!(read(raw), A_B, "{raw}");
        }
    }

    #[test]
    fn an_item_by_id_has_many_spellings() {
        for raw in [
            "/drive/items/00000000000000AB!7/createLink",
            "/drive/items/00000000000000ab%217/createLink",
            "/drive/items/AB!7/Microsoft.Graph.CreateLink",
            "/me/drive/items/AB!7:/createLink".replace(":/createLink", "::/createLink").as_str(),
        ] {
            assert_eq!(read(raw), BY_ID, "{raw}");
        }
        assert_eq!(
            read("/drives/ab/items/AB!7"),
            format!("/item Id({:?}) 00000000000000AB!7 []", "ab".parse::<DriveId>().expect("an id"))
        );
    }

    #[test]
    fn colons_and_slashes_at_the_end_change_nothing() {
        for raw in
            ["/drive/root:/a", "/drive/root:/a:", "/drive/root:/a:/", "/drive/root:/a/", "/drive/root:/a::"]
        {
            assert_eq!(read(raw), r#"/item Mine root ["a"]"#, "{raw}");
        }
        for raw in ["/drive/root", "/drive/root/", "/drive/root:", "/drive/root:/", "/drive/items/root"] {
            assert_eq!(read(raw), "/item Mine root []", "{raw}");
        }
        for raw in ["/drive", "/drive/", "/me/drive"] {
            assert_eq!(read(raw), "/drive Mine", "{raw}");
        }
    }

    #[test]
    fn segments_have_any_case_and_slashes_may_be_doubled() {
        for raw in [
            "/V1.0/Me/Drive/Root",
            "/v1.0//me/drive/root",
            "//v1.0/me/drive/root",
            "/v1.0/me//drive/root",
            "/ME/DRIVE/Items/ROOT",
            "/v1.0/users/me-token-to-replace/drive/root",
        ] {
            assert_eq!(read(raw), "/item Mine root []", "{raw}");
        }
        assert_eq!(read("/v1.0/Drives"), "/drives");
        assert_eq!(read("/v1.0/Me"), "/me");
        assert!(read("/drive/root:/a//b:/children").contains("InvalidPath"));
    }

    #[test]
    fn keys_stand_in_brackets_too() {
        let drive = format!("{:?}", "ab".parse::<DriveId>().expect("an id"));
        assert_eq!(
            read("/v1.0/drives('ab')/items('AB!7')/createLink"),
            format!("/item/createLink Id({drive}) 00000000000000AB!7 []")
        );
        assert_eq!(read("/drive/items('AB%217')"), "/item Mine 00000000000000AB!7 []");
        assert_eq!(read("/drives('ab')/root"), format!("/item Id({drive}) root []"));
        assert_eq!(read("/drive/root/search(q='a//b')"), r#"/item/search=Some("a//b") Mine root []"#);
    }

    #[test]
    fn a_dot_at_a_paths_start_goes() {
        for raw in ["/drive/root:/./a", "/drive/root:/.%2Fa", "/drive/root:/./a/"] {
            assert_eq!(read(raw), r#"/item Mine root ["a"]"#, "{raw}");
        }
        assert_eq!(read("/drive/root:/."), "/item Mine root []");
        assert!(read("/drive/root:/a/./b").contains("InvalidPath"));
    }

    #[test]
    fn a_child_is_named_after_its_folder() {
        let expected = r#"/item/content Mine root ["a", "it's b"]"#;
        for raw in [
            "/drive/root:/a:/children/it's%20b/content",
            "/drive/root:/a:/children('it''s%20b')/content",
            "/drive/root:/a:/children(%27it%27%27s%20b%27)/content",
        ] {
            assert_eq!(read(raw), expected, "{raw}");
        }
        assert_eq!(read("/drive/root/children"), "/item/children Mine root []");
        assert!(read("/drive/root/children/a*b/content").contains("InvalidPath"));
    }

    #[test]
    fn a_function_has_its_argument() {
        assert_eq!(
            read("/drive/root/search(q='it''s/a:b')"),
            r#"/item/search=Some("it's/a:b") Mine root []"#
        );
        assert_eq!(read("/drive/search(q='x')"), r#"/item/search=Some("x") Mine root []"#);
        assert_eq!(read("/drive/root/microsoft.graph.search(q='')"), r#"/item/search=Some("") Mine root []"#);
        assert_eq!(read("/drive/root/delta"), "/item/delta Mine root []");
        assert_eq!(read("/drive/root/delta()"), "/item/delta=None Mine root []");
        assert_eq!(read("/drive/root/view.delta"), "/item/delta Mine root []");
        assert_eq!(read("/drive/root/delta(token='abc')"), r#"/item/delta=Some("abc") Mine root []"#);
    }

    #[test]
    fn lists_uploads_and_monitors_are_plain() {
        for raw in ["/drives", "/v1.0/me/drives", "/me/drives/"] {
            assert_eq!(read(raw), "/drives", "{raw}");
        }
        assert_eq!(read("/upload/a-b_c"), "/upload/a-b_c");
        assert_eq!(read("/v1.0/monitor/a/b"), "/monitor/a%2Fb");
        assert!(read("/me/drive/special/documents:/a:/children").contains("NotSupported"));
        assert!(read("/drive/special/photos").contains("NotSupported"));
    }

    #[test]
    fn names_are_decoded_once_and_a_plus_is_a_plus() {
        assert_eq!(read("/drive/root:/a%2520b:"), r#"/item Mine root ["a%20b"]"#);
        assert_eq!(read("/drive/root:/a+b"), r#"/item Mine root ["a+b"]"#);
        assert_eq!(read("/drive/root:/100%"), r#"/item Mine root ["100%"]"#);
        assert_eq!(read("/drive/root:/createLink"), r#"/item Mine root ["createLink"]"#);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        assert!(read("/drive/root:/%FF").contains("InvalidPath"));
        assert!(read("/drive/root:/a//b:/createLink").contains("InvalidPath"));
        assert!(read("/drive/root:/a/../b").contains("InvalidPath"));
        assert!(read("/drive/root:/a%00b").contains("InvalidPath"));
        assert_eq!(read("/drive/items/nonsense"), "/item ItemNotFound");
        assert_eq!(read("/drives/nonsense/root"), "/item ItemNotFound");
    }

    #[test]
    fn what_is_no_address_is_nothing() {
        for raw in [
            "/",
            "",
            "/item/children",
            "/share",
            "/users/alice",
            "/users/alice/mail",
            "/drive/nonsense",
            "/shares/x/nonsense",
            "/v1.0",
        ] {
            assert_eq!(read(raw), "nothing", "{raw}");
        }
    }

    #[test]
    fn a_share_is_named_by_its_id_or_by_a_url() {
        let url = "http://h/redir?resid=AB!7&authkey=!abc&ithint=file%2cmd";
        let encoded = URL_SAFE_NO_PAD.encode(url);
        for token in ["s!abc".to_owned(), format!("u!{encoded}"), format!("u%21{encoded}=")] {
            assert_eq!(read(&format!("/v1.0/shares/{token}")), "/share shared false");
            assert_eq!(
                read(&format!("/shares/{token}/driveItem/content")),
                "/share/item/content shared false"
            );
            assert_eq!(
                read(&format!("/shares/{token}/items/AB!8/children")),
                "/share/item/children shared true"
            );
            assert_eq!(
                read(&format!("/shares/{token}/driveItem:/a:/content")),
                "/share/item/content shared false"
            );
        }
        for token in
            ["abc", "u!%%", "u!", &format!("u!{}", URL_SAFE_NO_PAD.encode("http://h/other?resid=AB!7"))]
        {
            assert_eq!(read(&format!("/shares/{token}")), "/share ItemNotFound");
        }
    }

    #[test]
    fn an_address_shows_no_secret_when_it_is_printed() {
        let parsed = parse("/shares/s!topsecret/driveItem", ROUTES).expect("an address");
        assert!(!format!("{parsed:?}").contains("topsecret"));
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_read_without_a_panic(raw in "/.{0,60}") {
            parse(&raw, ROUTES);
        }

        #[test]
        fn any_tail_of_a_drive_is_read_without_a_panic(raw in "/drive/[a-z:/%!0-9.]{0,40}") {
            parse(&raw, ROUTES);
        }
    }
}
