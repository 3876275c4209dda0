//! Who gets at what: every route, by every kind of caller. The routes are those of the tables, so a
//! new one fails here until it is said who may use it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everlink::auth::NewToken;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Kind, TestApp, User, download_path, on_each_database, web_url};

on_each_database!(every_route_lets_in_whom_it_should_and_nobody_else);

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// To manage the item, and a scope to read.
    Read,
    /// To manage the item, and a scope to write.
    Write,
    /// A link; or to manage the item, and a scope to read.
    OpenedToRead,
    /// A link that lets download; or to manage the item, and a scope to read.
    OpenedToDownload,
    /// The same, of a folder: the links of this test are on a file.
    OpenedToArchive,
    /// An edit link.
    OpenedToWrite,
    /// An embed link.
    OpenedToEmbed,
    /// A scope to read, whoever it is that has it.
    AnyScope,
    /// A secret of its own in the URL.
    Secret,
    /// Nothing.
    Open,
    /// To be signed in at the site, which no token is.
    Session,
}

/// The one place that says what each route asks for.
fn access_of(method: &str, route: &str) -> Access {
    match (method, route) {
        ("GET" | "HEAD", "/" | "/docs" | "/docs/try" | "/openapi.json") => Access::Open,
        ("GET" | "HEAD", "/monitor/{copied}" | "/.well-known/everlink") => Access::Open,
        ("GET" | "HEAD", "/assets/{name}" | "/favicon.ico") => Access::Open,
        ("GET", "/signin" | "/signin/start" | "/signin/callback") => Access::Open,
        ("POST", "/signout") => Access::Session,
        (_, route) if route == "/my" || route.starts_with("/my/") => Access::Session,
        (_, "/upload/{secret}" | "/download/{ticket}") => Access::Secret,
        ("POST", "/batch") | ("GET", "/drives" | "/me") => Access::AnyScope,
        ("GET" | "HEAD", "/redir" | "/redir/" | "/preview" | "/qr" | "/qr.svg") => Access::OpenedToRead,
        ("GET" | "HEAD", "/download") => Access::OpenedToDownload,
        (_, "/zip") => Access::OpenedToArchive,
        ("POST", "/redir" | "/redir/") => Access::OpenedToWrite,
        ("GET" | "HEAD", "/embed" | "/embed/") => Access::OpenedToEmbed,
        ("GET", "/share" | "/share/permission" | "/share/item") => Access::OpenedToRead,
        ("GET", "/share/item/children") => Access::OpenedToRead,
        ("GET", "/share/item/content") => Access::OpenedToDownload,
        ("PUT", "/share/item/content") => Access::OpenedToWrite,
        ("POST", "/share/item/createUploadSession" | "/share/item/children") => Access::OpenedToWrite,
        ("POST", "/item/createLink" | "/share/item/createLink") => Access::Write,
        ("GET", "/item/permissions" | "/share/item/permissions") => Access::Write,
        (
            "GET" | "PATCH" | "DELETE",
            "/item/permissions/{permission_id}" | "/share/item/permissions/{permission_id}",
        ) => Access::Write,
        ("GET", "/drive" | "/item" | "/item/children" | "/item/content" | "/item/search" | "/item/delta") => {
            Access::Read
        }
        ("GET", "/item/versions" | "/item/versions/{version_id}" | "/item/versions/{version_id}/content") => {
            Access::Read
        }
        ("GET", "/item/analytics" | "/item/analytics/allTime" | "/item/analytics/lastSevenDays") => {
            Access::Read
        }
        ("GET", "/item/thumbnails" | "/item/recent" | "/item/sharedWithMe") => Access::Read,
        ("PATCH" | "DELETE", "/item") | ("POST", "/item/children" | "/item/copy") => Access::Write,
        ("PUT", "/item/content") | ("DELETE", "/item/versions/{version_id}") => Access::Write,
        (
            "POST",
            "/item/permanentDelete"
            | "/item/restore"
            | "/item/createUploadSession"
            | "/item/versions/{version_id}/restoreVersion",
        ) => Access::Write,
        other => panic!("{other:?} is in no row of this test: say who may use it"),
    }
}

/// Methods and routes of the tables.
fn routes() -> BTreeSet<(String, String)> {
    let tables = everlink::graph::routes::ROUTES.iter().chain(everlink::pages::PAGES);
    let tables = tables.chain(everlink::website::SITE);
    let routes: BTreeSet<_> =
        tables.map(|(method, route)| ((*method).to_owned(), (*route).to_owned())).collect();
    assert!(routes.len() > 40, "{routes:?}");
    routes
}

/// A caller, and what it is told in the place of an answer.
struct Caller {
    name: &'static str,
    user: User,
    manages: bool,
    may_read: bool,
    may_write: bool,
    is_colleague: bool,
    is_known: bool,
}

fn callers(app: &TestApp) -> Vec<Caller> {
    let token = |change: &dyn Fn(&mut NewToken)| app.user_with(|token| change(token));
    let of_owner = |scope: &'static str| token(&|token| token.scope = scope.to_owned());
    let of_app = |roles: &'static str| {
        token(&|token| {
            token.user = None;
            token.application = "daemon".to_owned();
            token.scope = roles.to_owned();
        })
    };
    let caller = |name, user, manages, may_read, may_write| Caller {
        name,
        user,
        manages,
        may_read,
        may_write,
        is_colleague: true,
        is_known: true,
    };
    vec![
        caller("the owner", of_owner("Files.ReadWrite"), true, true, true),
        caller("the owner by an application that reads", of_owner("Files.Read"), true, true, false),
        caller("the owner by an application with another scope", of_owner("User.Read"), true, false, false),
        caller("the owner by an application without a scope", of_owner(""), true, false, false),
        caller("another user", token(&|token| token.user = Some("bob".to_owned())), false, true, true),
        Caller {
            is_colleague: false,
            ..caller(
                "a user of another tenant",
                token(&|token| token.tenant = "elsewhere".to_owned()),
                false,
                true,
                true,
            )
        },
        caller("an application", of_app("Files.ReadWrite.All"), true, true, true),
        caller("an application that reads", of_app("Files.Read.All"), true, true, false),
        caller("an application with a user's scope", of_app("Files.ReadWrite"), true, false, false),
        caller("an application with another role", of_app("Mail.Send"), true, false, false),
        caller("an application without a role", of_app(""), true, false, false),
        Caller {
            is_colleague: false,
            is_known: false,
            ..caller("nobody", app.anybody(), false, false, false)
        },
    ]
}

/// A folder of the owner's with a file, which has two versions, and a link to it of each kind.
struct Fixture {
    folder: String,
    file: String,
    drive: String,
    /// Address of one of the pages' own files.
    asset: String,
    /// Address that tells how a copy stands.
    monitor: String,
    links: Vec<(&'static str, Value)>,
}

const LINKS: [(&str, &str, &str); 5] = [
    ("a view link", "view", "anonymous"),
    ("an edit link", "edit", "anonymous"),
    ("an embed link", "embed", "anonymous"),
    ("a link without download", "blocksDownload", "anonymous"),
    ("an organization's link", "view", "organization"),
];

async fn fixture(app: &TestApp, number: usize) -> Fixture {
    let alice = app.user("alice");
    alice.upload(&format!("/f{number}/a.png"), "one").await;
    let file = alice.upload(&format!("/f{number}/a.png"), "two").await;
    let folder = alice.get(&format!("/drive/root:/f{number}")).await.expect(200).json();
    let drive = file.split_once('!').expect("an id").0.to_owned();
    let mut links = Vec::new();
    for (name, link_type, scope) in LINKS {
        // The organization's is another application's: there is one of a type for each.
        let user = app.user_with(|token| token.application = scope.to_owned());
        let body = json!({ "type": link_type, "scope": scope });
        let answer = user.post(&format!("/drive/items/{file}/createLink"), body).await.expect(201);
        links.push((name, answer.json()));
    }
    let copy = json!({ "name": format!("copy {number}.png"), "parentReference": { "id": "root" } });
    let copied = alice.post(&format!("/drive/items/{file}/copy"), copy).await.expect(202);
    let monitor = copied.header("location").replace(&app.url, "");
    let home = app.anybody().get("/").await.expect(200).text();
    let (_, asset) = home.split_once("rel=\"stylesheet\" href=\"").expect("a style");
    let asset = asset.split('"').next().expect("its end").to_owned();
    Fixture { folder: folder["id"].as_str().expect("an id").to_owned(), file, drive, asset, monitor, links }
}

impl Fixture {
    fn permission(&self) -> &str {
        self.links[0].1["id"].as_str().expect("an id")
    }
}

/// By which an item is reached that is shared.
enum Token<'a> {
    /// The item's own URL.
    Item,
    Link(&'a Value),
}

fn share_id(fixture: &Fixture, token: &Token<'_>) -> String {
    match token {
        Token::Item => {
            let url = format!("http://host/redir?resid={}", fixture.file);
            format!("u!{}", URL_SAFE_NO_PAD.encode(url))
        }
        Token::Link(link) => link["shareId"].as_str().expect("an id").to_owned(),
    }
}

/// What is asked of a route: its path, and a body that whoever is let in is not refused for.
fn request(fixture: &Fixture, route: &str, token: &Token<'_>) -> (String, Option<Value>) {
    let (folder, file, drive) = (&fixture.folder, &fixture.file, &fixture.drive);
    let item = format!("/drives/{drive}/items/{file}");
    let in_folder = format!("/drives/{drive}/items/{folder}");
    let share = format!("/shares/{}", share_id(fixture, token));
    let query = match token {
        Token::Item => format!("resid={file}"),
        Token::Link(link) => web_url(link).split_once('?').expect("a query").1.to_owned(),
    };
    let permission = fixture.permission();
    let path = match route {
        "/drive" => return (format!("/drives/{drive}"), None),
        "/item" => return (item, Some(json!({ "name": "b.png" }))),
        "/item/children" => {
            return (format!("{in_folder}/children"), Some(json!({ "name": "n", "folder": {} })));
        }
        "/item/copy" => return (format!("{item}/copy"), Some(json!({ "name": "c.txt" }))),
        "/item/createLink" => return (format!("{item}/createLink"), Some(json!({ "type": "view" }))),
        "/item/search" => format!("{in_folder}/search(q='a')"),
        "/item/delta" => format!("/drives/{drive}/root/delta"),
        "/item/restore" => return (format!("{item}/restore"), Some(json!({}))),
        "/item/createUploadSession" => return (format!("{item}/createUploadSession"), Some(json!({}))),
        "/item/permissions/{permission_id}" => {
            return (format!("{item}/permissions/{permission}"), Some(json!({ "roles": ["read"] })));
        }
        "/item/versions/{version_id}/content" => format!("{item}/versions/1.0/content"),
        "/item/versions/{version_id}/restoreVersion" => format!("{item}/versions/1.0/restoreVersion"),
        "/item/versions/{version_id}" => format!("{item}/versions/1.0"),
        "/share/item/createLink" => {
            return (format!("{share}/driveItem/createLink"), Some(json!({ "type": "view" })));
        }
        "/share/item/permissions/{permission_id}" => {
            let path = format!("{share}/driveItem/permissions/{permission}");
            return (path, Some(json!({ "roles": ["read"] })));
        }
        "/share/item/createUploadSession" => {
            return (format!("{share}/driveItem/createUploadSession"), Some(json!({})));
        }
        "/batch" => {
            let inner =
                json!([{ "id": "1", "method": "GET", "url": format!("/drives/{drive}/items/{file}") }]);
            return ("/$batch".to_owned(), Some(json!({ "requests": inner })));
        }
        "/.well-known/everlink" => format!("{route}?challenge={}", "x".repeat(32)),
        "/monitor/{copied}" => return (fixture.monitor.clone(), None),
        "/upload/{secret}" => format!("/upload/{}", "A".repeat(55)),
        "/download/{ticket}" => format!("/download/{}", "A".repeat(98)),
        "/redir" | "/redir/" | "/download" | "/preview" | "/zip" | "/qr" | "/qr.svg" | "/embed"
        | "/embed/" => {
            format!("{route}?{query}")
        }
        "/assets/{name}" => return (fixture.asset.clone(), None),
        "/share/item/children" => {
            let path = format!("{share}/driveItem/children");
            return (path, Some(json!({ "name": "n", "folder": {} })));
        }
        other => match other.strip_prefix("/share") {
            Some(rest) => format!("{share}{}", rest.replacen("/item", "/driveItem", 1)),
            None => other.replacen("/item", &item, 1),
        },
    };
    (path, None)
}

/// The status of who is refused; none for who is let in.
fn refusal(access: Access, caller: &Caller, link: Option<(&str, &str)>) -> Option<&'static [u16]> {
    let is_managed = |may: bool| match (caller.is_known, may, caller.manages) {
        (false, ..) => Some(&[401][..]),
        (_, false, _) => Some(&[403][..]),
        (_, _, false) => Some(&[404][..]),
        _ => None,
    };
    let is_opened = |link_types: &[&str]| match link {
        Some((link_type, _)) if !link_types.contains(&link_type) => Some(&[401, 404][..]),
        Some((_, "organization")) if !caller.is_colleague => Some(&[401][..]),
        Some(_) => None,
        // An item's own URL is good to read, for who manages the item.
        None if !link_types.contains(&"view") => Some(&[403, 404][..]),
        None if !caller.is_known => Some(&[404][..]),
        None => is_managed(caller.may_read),
    };
    match access {
        Access::Open => None,
        // A page leads to where one signs in.
        Access::Session => Some(&[303, 401, 403][..]),
        Access::Secret => Some(&[404][..]),
        Access::AnyScope if !caller.is_known => Some(&[401][..]),
        Access::AnyScope => (!caller.may_read).then_some(&[403][..]),
        Access::Read => is_managed(caller.may_read),
        Access::Write => is_managed(caller.may_write),
        Access::OpenedToRead => is_opened(&["view", "edit", "embed", "blocksDownload"]),
        Access::OpenedToDownload => is_opened(&["view", "edit", "embed"]),
        Access::OpenedToArchive => Some(&[401, 403, 404][..]),
        Access::OpenedToWrite => is_opened(&["edit"]),
        Access::OpenedToEmbed => is_opened(&["embed"]),
    }
}

async fn every_route_lets_in_whom_it_should_and_nobody_else(app: TestApp) {
    let alice = app.user("alice");
    let mut wrong = Vec::new();
    let mut number = 0;
    let mut fresh = fixture(&app, number).await;
    for (method, route) in routes() {
        let access = access_of(&method, &route);
        let by_link = route.starts_with("/share")
            || !matches!(
                access,
                Access::Read
                    | Access::Write
                    | Access::AnyScope
                    | Access::Secret
                    | Access::Open
                    | Access::Session
            );
        let ways: Vec<Option<usize>> = if by_link {
            std::iter::once(None).chain((0..LINKS.len()).map(Some)).collect()
        } else {
            vec![None]
        };
        for way in ways {
            for caller in callers(&app) {
                let link = way.map(|way| (LINKS[way].1, LINKS[way].2));
                let mut expected = refusal(access, &caller, link);
                if access == Access::Write
                    && link.is_some_and(|(_, scope)| scope == "organization")
                    && !caller.is_colleague
                {
                    // It does not even open.
                    expected = Some(&[401]);
                }
                let way = way.map_or(Token::Item, |way| Token::Link(&fresh.links[way].1));
                let (path, body) = request(&fresh, &route, &way);
                if route == "/item/restore" {
                    alice.delete(&format!("/drive/items/{}", fresh.file)).await.expect(204);
                }
                let verb = Method::from_bytes(method.as_bytes()).expect("a method");
                let mut request = caller.user.request(verb, &path);
                request = match body.filter(|_| matches!(&*method, "POST" | "PATCH")) {
                    Some(body) => request.json(&body),
                    None if method == "PUT" => request.header("content-range", "bytes 0-2/3").body("new"),
                    None => request,
                };
                if method == "PUT" && route.ends_with("/content") {
                    request = caller.user.request(Method::PUT, &path).body("new");
                }
                if method == "POST" && route.starts_with("/redir") {
                    let boundary = "multipart/form-data; boundary=b";
                    request = caller.user.request(Method::POST, &path).header("content-type", boundary);
                    request = request
                        .body("--b\r\ncontent-disposition: form-data; name=\"do\"\r\n\r\nx\r\n--b--\r\n");
                }
                let answer = caller.user.send(request).await;
                let status = answer.status.as_u16();
                // What nobody may do is refused to who is let in, too, and told apart from what they may not know.
                let is_refused = match (&*method, &*route) {
                    ("PATCH", route) if route.contains("permissions") => status != 400,
                    // It has no drive of its own, and is no user.
                    ("GET", "/drives" | "/me") if caller.name.starts_with("an application") => status != 400,
                    // A file has no children.
                    ("GET" | "POST", "/share/item/children") => status != 400,
                    // Nothing was chosen in the form.
                    ("POST", "/redir" | "/redir/") => status != 303,
                    _ => status >= 400,
                };
                let is_right = match expected {
                    None => !is_refused,
                    Some(statuses) => statuses.contains(&status),
                };
                if !is_right {
                    let by = link.map_or("its own URL".to_owned(), |link| format!("{link:?}"));
                    let (name, body) = (caller.name, answer.text());
                    wrong.push(format!(
                        "{method} {route} by {name}, {by}: {status}, not {expected:?}: {body}"
                    ));
                }
                // What was let in may have changed it.
                if status < 400 && method != "GET" && method != "HEAD" || route == "/item/restore" {
                    number += 1;
                    fresh = fixture(&app, number).await;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_items_own_url_gives_no_more_than_the_api() {
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let file = alice.upload("/salary.txt", "secret").await;
    let without = app.user_with(|token| token.scope = "Mail.Read".to_owned());
    for path in [format!("/download?resid={file}"), format!("/redir?resid={file}")] {
        alice.get(&path).await.expect(200);
        without.get(&path).await.expect(403);
        app.anybody().get(&path).await.expect(404);
    }
    // A link asks for nothing but itself, whoever's token comes along.
    let link = alice.link(&file, "view").await;
    for user in [&alice, &without, &app.anybody(), &app.user("bob")] {
        assert_eq!(user.get(&download_path(&link)).await.expect(200).text(), "secret");
    }
}
