//! The owner's site: signing in, what it shows and does, and what other sites can't make it do. Browsers try it in
//! tests/pages.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Process, TestApp, User, on_each_database, page_path, web_url};

on_each_database!(
    one_signs_in_once_by_an_address_and_out_again,
    one_signs_in_as_whom_one_shares,
    a_session_ends_when_it_is_not_used_and_after_a_week_however_it_is_used,
    what_comes_from_another_site_changes_nothing,
    the_drive_is_shown_and_changed,
    the_bin_gives_back_what_was_deleted_and_takes_it_away_for_good,
    links_are_made_shown_and_removed_where_their_item_is,
    all_links_are_looked_through_and_removed_many_at_a_time,
    an_organizations_link_opens_to_who_is_signed_in,
    the_sites_script_reaches_the_api_by_the_session_alone,
);

/// A browser that somebody is signed in with.
struct Browser {
    user: User,
    cookie: String,
    /// What its pages' forms show.
    token: String,
}

/// The value of an attribute, the first time it is there.
fn attribute(page: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().expect("its end").replace("&#38;", "&")
}

impl Browser {
    /// The local user, by an address as `serve` prints it.
    async fn sign_in(app: &TestApp) -> Self {
        let answer = app.anybody().get(&address(app)).await.expect(303);
        assert_eq!(answer.header("location"), "/my");
        Self::with(app, &answer).await
    }

    async fn with(app: &TestApp, answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let mut browser = Self { user: app.anybody(), cookie, token: String::new() };
        let page = browser.get("/my").await.expect(200).text();
        browser.token = attribute(&page, "data-token");
        // What pages show differs: else the length of a page that is compressed would tell of it.
        let again = browser.get("/my").await.expect(200).text();
        assert_ne!(browser.token, attribute(&again, "data-token"));
        browser
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.user.request(method, path).header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Answer {
        self.user.send(self.request(Method::GET, path)).await
    }

    /// Sends a form of one of its pages, and follows where that leads.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post(path, fields).await;
        match answer.status.as_u16() {
            303 => self.get(answer.header("location")).await.expect(200),
            _ => answer,
        }
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &self.token);
        fields.iter().for_each(|(name, value)| {
            form.append_pair(name, value);
        });
        let post =
            self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        self.user.send(post.body(form.finish())).await
    }

    async fn api(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = self.request(method, &format!("/my/api{path}")).header("origin", &self.user_origin());
        self.user.send(request.body(body.to_owned())).await
    }

    fn user_origin(&self) -> String {
        self.user.url().to_owned()
    }

    /// A file in the drive; gives its number.
    async fn upload(&self, path: &str, body: &str) -> i64 {
        let made = self.api(Method::PUT, &format!("/me/drive/root:{path}:/content"), body).await;
        assert!(made.status.is_success(), "{}", made.text());
        number(&made.json())
    }

    async fn number(&self, path: &str) -> i64 {
        number(&self.api(Method::GET, &format!("/me/drive/root:{path}"), "").await.expect(200).json())
    }
}

fn number(item: &Value) -> i64 {
    let (_, number) = item["id"].as_str().expect("an id").split_once('!').expect("an item's id");
    number.parse().expect("a number")
}

/// What `everlink signin` prints.
fn address(app: &TestApp) -> String {
    address_for(app, &[])
}

fn address_for(app: &TestApp, whom: &[&str]) -> String {
    let printed = Process::ask(app, &[&["signin", "--public-url", &app.url], whom].concat());
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8(printed.stdout).expect("UTF-8").trim().to_owned()
}

async fn one_signs_in_as_whom_one_shares(app: TestApp) {
    let bob = app.user_with(|token| {
        token.user = Some("bob".to_owned());
        token.tenant = "default".to_owned();
    });
    bob.upload("/of-bob.txt", "one").await;
    let entered = app.anybody().get(&address_for(&app, &["--user", "bob"])).await.expect(303);
    let page = Browser::with(&app, &entered).await.get("/my").await.expect(200).text();
    assert!(page.contains("of-bob.txt"), "{page}");
}

async fn one_signs_in_once_by_an_address_and_out_again(app: TestApp) {
    let anybody = app.anybody();
    let asked = anybody.get("/my/links?opens=never").await.expect(303);
    assert_eq!(asked.header("location"), "/signin?to=%2Fmy%2Flinks%3Fopens%3Dnever");
    let page = anybody.get(asked.header("location")).await.expect(200).text();
    assert!(page.contains("sign-in</span> address"), "{page}");
    let address = address(&app);
    let entered = anybody.get(&address).await.expect(303);
    let cookie = entered.header("set-cookie");
    for part in ["__Host-everlink=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    let again = anybody.get(&address).await.expect(200);
    assert!(
        again.text().contains("used already") && again.header("set-cookie").is_empty(),
        "{}",
        again.text()
    );
    let first = Browser::with(&app, &entered).await;
    let page = first.get("/my").await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    let second = Browser::sign_in(&app).await;
    assert_ne!(first.cookie, second.cookie);
    // The database opens no session.
    let known = app.database.rows("SELECT tenant, user_id FROM sessions").await;
    assert_eq!(known.len(), 2);
    let out = first.post("/signout", &[("do", "here")]).await.expect(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    first.get("/my").await.expect(303);
    second.get("/my").await.expect(200);
    let third = Browser::sign_in(&app).await;
    third.post("/signout", &[("do", "everywhere")]).await.expect(303);
    for browser in [&second, &third] {
        browser.get("/my").await.expect(303);
    }
    for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let asked = format!(
            "/signin?to={}",
            form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect::<String>()
        );
        let page = anybody.get(&asked).await.expect(200).text();
        assert!(!page.contains("evil"), "{page}");
    }
}

async fn a_session_ends_when_it_is_not_used_and_after_a_week_however_it_is_used(app: TestApp) {
    let address = address(&app);
    let (left, used) = (Browser::sign_in(&app).await, Browser::sign_in(&app).await);
    for hours in [11, 11] {
        app.pass(TimeDelta::hours(hours));
        left.get("/my").await.expect(200);
        used.get("/my").await.expect(200);
    }
    app.pass(TimeDelta::hours(8));
    used.get("/my").await.expect(200);
    app.pass(TimeDelta::hours(5));
    left.get("/my").await.expect(303);
    // A day and eleven hours have passed.
    for _ in 0..13 {
        used.get("/my").await.expect(200);
        app.pass(TimeDelta::hours(10));
    }
    used.get("/my").await.expect(200);
    app.pass(TimeDelta::hours(4));
    used.get("/my").await.expect(303);
    // Nor does an address that was printed wait for longer than a day.
    app.anybody().get(&address).await.expect(200);
}

async fn what_comes_from_another_site_changes_nothing(app: TestApp) {
    let browser = Browser::sign_in(&app).await;
    let file = browser.upload("/a.txt", "x").await;
    let path = format!("/my/{file}/actions");
    let delete = |token: &str| format!("do=delete&token={token}");
    let form = |browser: &Browser| {
        browser.request(Method::POST, &path).header("content-type", "application/x-www-form-urlencoded")
    };
    // The cookie comes along, as browsers may send it.
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = form(&browser).header(name, value).body(delete(&browser.token));
        let status = browser.user.send(request).await.status.as_u16();
        assert!([401, 403].contains(&status), "{name}: {value}: {status}");
        let api = browser.request(Method::DELETE, "/my/api/me/drive/root:/a.txt").header(name, value);
        assert_eq!(browser.user.send(api).await.status, 401, "{name}: {value}");
    }
    browser.user.send(form(&browser).body(delete("nonsense"))).await.expect(403);
    browser.user.send(form(&browser).body("do=delete")).await.expect(403);
    let other = Browser::sign_in(&app).await;
    browser.user.send(form(&browser).body(delete(&other.token))).await.expect(403);
    browser.get(&format!("/my/{file}")).await.expect(200);
    // No other site's script reads what is here.
    let asked = browser.request(Method::GET, "/my/api/me/drive").header("origin", "https://evil.example");
    let answer = browser.user.send(asked).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let page = browser.get("/my").await;
    assert!(!page.headers.contains_key("access-control-allow-origin"));
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
}

async fn the_drive_is_shown_and_changed(app: TestApp) {
    let browser = Browser::sign_in(&app).await;
    let file = browser.upload("/f/<b>.txt".replace(['<', '>'], "'").as_str(), "one").await;
    browser.upload("/f/z.md", "# Title").await;
    let folder = browser.number("/f").await;
    let root = browser.get("/my").await.expect(200).text();
    assert!(root.contains(&format!("href=\"/my/{folder}\"")) && root.contains(">f</bdi>"), "{root}");
    let list = browser.get(&format!("/my/{folder}")).await.expect(200).text();
    assert!(list.contains("&#39;b&#39;.txt") && list.contains("2 items"), "{list}");
    let page = browser.get(&format!("/my/{file}")).await.expect(200).text();
    assert!(page.contains("one") && page.contains("/download?resid="), "{page}");
    let found = browser.get("/my/search?q=B%27.T").await.expect(200).text();
    assert!(found.contains("&#39;b&#39;.txt"), "{found}");
    let none = browser.get("/my/search?q=nothing-like-it").await.expect(200).text();
    assert!(none.contains("Nothing is named"), "{none}");
    let made = browser.send(&format!("/my/{folder}"), &[("do", "folder"), ("name", "g")]).await.text();
    assert!(made.contains("The folder is there."), "{made}");
    let again = browser.send(&format!("/my/{folder}"), &[("do", "folder"), ("name", "G")]).await.text();
    assert!(again.contains("is already there"), "{again}");
    let inner = browser.number("/f/g").await;
    let actions = format!("/my/{file}/actions");
    let renamed = browser.send(&actions, &[("do", "rename"), ("name", "c.txt")]).await.text();
    assert!(renamed.contains("c.txt"), "{renamed}");
    let bad = browser.send(&actions, &[("do", "rename"), ("name", "a/b")]).await.text();
    assert!(bad.contains("have \\ / : *"), "{bad}");
    browser.send(&actions, &[("do", "move"), ("into", &inner.to_string())]).await;
    assert_eq!(browser.number("/f/g/c.txt").await, file);
    let into_itself = format!("/my/{folder}/actions");
    let refused = browser.send(&into_itself, &[("do", "move"), ("into", &inner.to_string())]).await.text();
    assert!(refused.contains("into itself"), "{refused}");
    browser.upload("/f/g/c.txt", "two").await;
    let versions = browser.get(&format!("/my/{file}/versions")).await.expect(200).text();
    assert!(versions.contains("Current version"), "{versions}");
    browser.send(&format!("/my/{file}/versions"), &[("do", "restore"), ("version", "1")]).await;
    let bytes =
        browser.get(&attribute(&browser.get(&format!("/my/{file}")).await.text(), "p big w\" href")).await;
    assert_eq!(bytes.expect(200).text(), "one");
    // Without script, files come in a form.
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"form.txt\"\r\n\r\nby form\r\n--b--\r\n",
        browser.token
    );
    let post = |body: String| {
        let post = browser.request(Method::POST, &format!("/my/{folder}"));
        post.header("content-type", "multipart/form-data; boundary=b").body(body)
    };
    browser.user.send(post(body.clone())).await.expect(303);
    assert!(browser.number("/f/form.txt").await > 0);
    browser.user.send(post(body.replace(&browser.token, "x"))).await.expect(403);
    // Another's items are nobody's.
    let alice = app.user("alice");
    alice.upload("/a.txt", "x").await;
    browser.get("/my/9999").await.expect(404);
}

async fn the_bin_gives_back_what_was_deleted_and_takes_it_away_for_good(app: TestApp) {
    let browser = Browser::sign_in(&app).await;
    let first = browser.upload("/f/a.txt", "old").await;
    let other = browser.upload("/f/b.txt", "x").await;
    let folder = browser.number("/f").await;
    browser.send("/my/select", &[("item", &first.to_string()), ("item", &other.to_string())]).await;
    let bin = browser.get("/my/bin").await.expect(200).text();
    assert!(bin.contains("a.txt") && bin.contains("b.txt"), "{bin}");
    browser.upload("/f/a.txt", "new").await;
    let back = browser.send("/my/bin", &[("do", "restore"), ("item", &first.to_string())]).await.text();
    assert!(back.contains("under another name"), "{back}");
    assert_eq!(browser.number("/f/a 1.txt").await, first);
    let asked = browser.send("/my/bin", &[("do", "ask"), ("item", &other.to_string())]).await.text();
    assert!(asked.contains("Nobody can bring it back."), "{asked}");
    browser.send("/my/bin", &[("do", "purge"), ("item", &other.to_string())]).await;
    let gone = browser.send("/my/bin", &[("do", "restore"), ("item", &other.to_string())]).await.text();
    assert!(gone.contains("isn’t here any more"), "{gone}");
    browser.send(&format!("/my/{folder}/actions"), &[("do", "delete")]).await;
    let empty = browser.send("/my/bin", &[("do", "empty")]).await.text();
    assert!(empty.contains("The recycle bin is empty"), "{empty}");
}

/// The id of the card of a link in a panel.
fn card_of(panel: &str, address: &str) -> String {
    let panel = panel.replace("&#38;", "&");
    let (_, rest) =
        panel.split_once(&format!("value=\"{address}\"")).unwrap_or_else(|| panic!("{address}: {panel}"));
    attribute(rest, "name=\"id\" value")
}

async fn links_are_made_shown_and_removed_where_their_item_is(app: TestApp) {
    let browser = Browser::sign_in(&app).await;
    let file = browser.upload("/f/a.txt", "x").await;
    let folder = browser.number("/f").await;
    let panel = format!("/my/{file}/sharing");
    assert!(browser.get(&panel).await.expect(200).text().contains("Nobody can open this but you"));
    let share = [("do", "share"), ("type", "view"), ("scope", "anonymous")];
    let made = browser.send(&panel, &share).await.text();
    assert!(made.contains("Link created"), "{made}");
    let again = browser.send(&panel, &share).await.text();
    assert!(again.contains("This link was there already."), "{again}");
    // An application's own, and one of the folder above.
    let me = app.user_with(|token| {
        token.user = Some("me".to_owned());
        token.tenant = "default".to_owned();
    });
    let item =
        me.get("/drive/root:/f/a.txt").await.expect(200).json()["id"].as_str().expect("an id").to_owned();
    let other = me.link(&item, "edit").await;
    browser.send(&format!("/my/{folder}/sharing"), &[("do", "share"), ("type", "createOnly")]).await;
    app.anybody().get(&page_path(&other)).await.expect(200);
    let shown = browser.get(&panel).await.expect(200).text();
    for told in ["Sample Application", "Can edit", "Can view", "Can add files", "links of <bdi>f</bdi>"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    crate::support::eventually("the open is counted", async || {
        browser.get(&panel).await.text().contains("Once")
    })
    .await;
    let id = card_of(&shown, web_url(&other));
    let asked = browser.send(&panel, &[("do", "ask"), ("id", &id)]).await.text();
    assert!(asked.contains("Remove this link?"), "{asked}");
    app.anybody().get(&page_path(&other)).await.expect(200);
    let removed = browser.send(&panel, &[("do", "remove"), ("id", &id)]).await.text();
    assert!(removed.contains("Link removed."), "{removed}");
    app.anybody().get(&page_path(&other)).await.expect(404);
    let raced = browser.send(&panel, &[("do", "remove"), ("id", &id)]).await.text();
    assert!(raced.contains("This link was removed already."), "{raced}");
    // What the site does is told as what an application does.
    let events = app
        .database
        .rows("SELECT action, actor FROM admin_link_events WHERE actor_app = 'everlink-site'")
        .await;
    assert_eq!(events.len(), 3, "{events:?}");
    let bad = browser.post(&panel, &[("do", "share"), ("type", "createOnly")]).await;
    assert_eq!(bad.status, 400);
}

async fn all_links_are_looked_through_and_removed_many_at_a_time(app: TestApp) {
    let browser = Browser::sign_in(&app).await;
    for name in ["=a.txt", "b.txt", "c.txt"] {
        let file = browser.upload(&format!("/f/{name}"), "x").await;
        browser.send(&format!("/my/{file}/sharing"), &[("do", "share"), ("type", "view")]).await;
    }
    let folder = browser.number("/f").await;
    browser.send(&format!("/my/{folder}/sharing"), &[("do", "share"), ("type", "edit")]).await;
    let page = browser.get("/my/links").await.expect(200).text();
    assert!(page.contains("4 links") && page.contains("4 never opened"), "{page}");
    let rows = |page: &str| page.matches("type=\"checkbox\" name=\"id\"").count();
    assert_eq!(rows(&page), 4);
    for (query, expected) in [
        ("text=B.T", 1),
        ("text=%25", 0),
        ("type=edit", 1),
        ("application=everlink-site", 4),
        ("application=other", 0),
        ("age=week", 4),
        ("age=older", 0),
        ("opens=never", 4),
        ("opens=not-this-year", 0),
        ("text=F", 4),
        ("type=view&text=c", 1),
    ] {
        let page = browser.get(&format!("/my/links?{query}")).await.expect(200).text();
        assert_eq!(rows(&page), expected, "{query}");
    }
    let sheet = browser.get("/my/links.csv?type=view").await.expect(200);
    assert_eq!(sheet.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(sheet.text().lines().count(), 4);
    assert!(sheet.text().contains("\n'=a.txt,"), "{}", sheet.text());
    let ids: Vec<String> = page
        .split("type=\"checkbox\" name=\"id\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().expect("its end").to_owned())
        .collect();
    let mut fields = vec![("do", "ask"), ("id", ids[0].as_str()), ("id", ids[1].as_str())];
    let asked = browser.send("/my/links", &fields).await.text();
    assert!(asked.contains("Remove 2 links?"), "{asked}");
    fields[0] = ("do", "remove");
    let removed = browser.send("/my/links", &fields).await.text();
    assert!(removed.contains("2 links removed"), "{removed}");
    let raced = browser.send("/my/links", &fields).await.text();
    assert!(raced.contains("2 were gone already"), "{raced}");
    assert!(browser.get("/my/links").await.text().contains("2 links"));
}

async fn an_organizations_link_opens_to_who_is_signed_in(app: TestApp) {
    let link_of = async |tenant: &str| {
        let owner = app.user_with(|token| token.tenant = tenant.to_owned());
        let item = owner.upload("/a.txt", "for us").await;
        let body = json!({ "type": "view", "scope": "organization" });
        owner.post(&format!("/drive/items/{item}/createLink"), body).await.expect(201).json()
    };
    let (ours, theirs) = (link_of("default").await, link_of("elsewhere").await);
    let asked = app.anybody().get(&page_path(&ours)).await.expect(401).text();
    let to = attribute(&asked, "p big w\" href");
    assert!(to.starts_with("/signin?to=%2Fredir%3Fresid"), "{to}");
    let browser = Browser::sign_in(&app).await;
    assert_eq!(browser.get(&to).await.expect(303).header("location"), page_path(&ours));
    assert!(browser.get(&page_path(&ours)).await.expect(200).text().contains("for us"));
    assert_eq!(
        browser.get(&page_path(&ours).replace("/redir", "/download")).await.expect(200).text(),
        "for us"
    );
    browser.get(&page_path(&theirs)).await.expect(401);
    browser.post("/signout", &[("do", "here")]).await.expect(303);
    browser.get(&page_path(&ours)).await.expect(401);
}

async fn the_sites_script_reaches_the_api_by_the_session_alone(app: TestApp) {
    let browser = Browser::sign_in(&app).await;
    browser.upload("/a.txt", "x").await;
    // The cookie is no token for the API itself, and a token is none for the site's way to it.
    browser.get("/v1.0/me/drive").await.expect(401);
    let alice = app.user("alice");
    alice.get("/my/api/me/drive").await.expect(401);
    alice.get("/my").await.expect(303);
    let session = browser
        .api(Method::POST, "/me/drive/root:/big.txt:/createUploadSession", "{}")
        .await
        .expect(200)
        .json();
    let url = session["uploadUrl"].as_str().expect("a URL");
    let put = browser.user.request(Method::PUT, url).header("content-range", "bytes 0-2/3").body("big");
    browser.user.send(put).await.expect(201);
    assert!(browser.number("/big.txt").await > 0);
}
