//! The owner's site, as its owner and others meet it.

use std::path::PathBuf;

use serde_json::json;
use thirtyfour::Key;

use crate::access::{axe, look};
use crate::browser::Browser;
use crate::samples::{content, folder, keep, names, noise, png, share};
use crate::support::{Kind, Process, TestApp, User, eventually, page_path, web_url};
use crate::trap::Trap;
use crate::way::Way;

/// What the local user's applications are let in with.
pub fn me(app: &TestApp) -> User {
    app.user_with(|token| {
        token.user = Some("me".to_owned());
        token.tenant = "default".to_owned();
    })
}

/// Signs in by the address that `everlink signin` prints, and comes to the drive.
pub async fn sign_in(browser: &Browser, app: &TestApp) {
    sign_in_at(browser, app, &app.url).await;
}

/// The same, by another way to the server.
async fn sign_in_at(browser: &Browser, app: &TestApp, url: &str) {
    let printed = Process::ask(app, &["signin", "--public-url", url]);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    browser.open(String::from_utf8(printed.stdout).expect("UTF-8").trim()).await;
    browser.until("document.querySelector('h1')?.textContent === 'My files'").await;
}

/// The number in an item's id, by which the site's addresses name it.
fn number(item: &str) -> &str {
    item.split_once('!').expect("an item's id").1
}

/// A control in the row of the list that shows an item.
fn row(item: &str, control: &str) -> String {
    format!("tr[data-item='{}'] {control}", number(item))
}

/// The focus is at an element with this text.
async fn is_at_text(browser: &Browser, text: &str) {
    browser.until(&format!("document.activeElement.textContent.trim() === '{text}'")).await;
}

async fn to_window(browser: &Browser, window: &thirtyfour::WindowHandle) {
    browser.driver.switch_to_window(window.clone()).await.expect("a window");
}

#[tokio::test]
async fn what_is_uploaded_is_shared_seen_to_be_opened_and_closed_again() {
    let app = TestApp::start(Kind::Sqlite).await;
    let (browser, guest) = Browser::pair().await;
    sign_in(&browser, &app).await;
    browser.sees("Put your first files here").await;
    let desk = tempfile::tempdir().expect("a folder");
    let file: PathBuf = desk.path().join("Notes.txt");
    std::fs::write(&file, "by the river").expect("a file");
    browser.click("[data-choose-files]").await;
    browser.choose(&[file]).await;
    browser.sees("1 file uploaded").await;
    browser.click("tr .share").await;
    browser.sees("Nobody can open this but you").await;
    browser.is_at("dialog h1").await;
    browser.press("Create a link").await;
    browser.sees("What can people do?").await;
    browser.press("Create link").await;
    browser.sees("Link created").await;
    browser.is_at("dialog .lk.new h3").await;
    // What is copied out of the field is pasted elsewhere.
    browser.click("dialog .cp input").await;
    browser.hold(Key::Control, 'a').await;
    browser.hold(Key::Control, 'c').await;
    browser.key(Key::Escape).await;
    browser.until("!document.querySelector('dialog')").await;
    browser.sees("1 link").await;
    browser.click("[data-search]").await;
    browser.hold(Key::Control, 'v').await;
    let link = browser.run("return document.querySelector('[data-search]').value", &[]).await;
    let link = link.as_str().expect("an address").to_owned();
    assert!(link.starts_with(&format!("{}/redir?resid=", app.url)), "{link}");
    guest.open(&link).await;
    guest.sees("by the river").await;
    let sharing = browser.run("return document.querySelector('.share').href", &[]).await;
    browser.open(sharing.as_str().expect("an address")).await;
    eventually("the open is counted", async || {
        let again = "return fetch(location).then((answer) => answer.text())";
        browser.run(again, &[]).await.as_str().expect("a page").contains("<dd>Once</dd>")
    })
    .await;
    browser.driver.refresh().await.expect("a page");
    browser.sees("Once").await;
    assert_eq!(browser.texts(".sums dd").await, ["1", "1", "1"]);
    // Over the list, and by the keyboard.
    browser.open(&format!("{}/my", app.url)).await;
    browser.click("tr .tag").await;
    browser.is_at("dialog h1").await;
    browser.tab_to("dialog .lk .dgr").await;
    browser.key(Key::Enter).await;
    browser.sees("Remove this link?").await;
    browser.sees("opened once").await;
    is_at_text(&browser, "Keep it").await;
    browser.key(Key::Enter).await;
    browser.is_at("dialog .lk .dgr").await;
    guest.driver.refresh().await.expect("a page");
    guest.sees("by the river").await;
    browser.key(Key::Enter).await;
    is_at_text(&browser, "Keep it").await;
    browser.hold(Key::Shift, char::from(Key::Tab)).await;
    is_at_text(&browser, "Remove link").await;
    browser.key(Key::Enter).await;
    browser.sees("Link removed. It’s dead from now on.").await;
    browser.sees("Nobody can open this but you").await;
    guest.driver.refresh().await.expect("a page");
    guest.sees("This link doesn’t open anything").await;
    assert!(!guest.text().await.contains("Notes"));
    browser.key(Key::Escape).await;
    browser.until("!document.querySelector('dialog') && !document.querySelector('tr .tag')").await;
    browser.click(".account summary").await;
    browser.press("Sign out").await;
    browser.sees("You’re signed out.").await;
    browser.driver.back().await.expect("a page");
    browser.sees("Open the sign-in address").await;
    assert!(!browser.text().await.contains("Notes"));
}

#[tokio::test]
async fn links_tell_who_made_them_and_a_folders_are_removed_at_the_folder() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let item = keep(&me, "/Trip/a.txt", "one").await;
    let (own, inherited) = (me.link(&item, "edit").await, share(&me, "/Trip", "view").await);
    let browser = Browser::start().await;
    sign_in(&browser, &app).await;
    browser.press("Trip").await;
    browser.click(&row(&item, ".share")).await;
    browser.sees("by Sample Application").await;
    assert_eq!(browser.texts("dialog .lk:not(.in-h) h3").await, ["Can edit"]);
    assert_eq!(browser.texts("dialog .lk.in-h h3").await, ["Can view"]);
    assert_eq!(browser.texts("dialog .dgr").await.len(), 1);
    assert!(browser.texts("dialog .in-h .dgr").await.is_empty());
    browser.click("dialog .dgr").await;
    browser.click("dialog .b.d").await;
    browser.sees("Link removed. It’s dead from now on.").await;
    browser.sees("There are none of its own.").await;
    app.anybody().get(&page_path(&own)).await.expect(404);
    app.anybody().get(&page_path(&inherited)).await.expect(200);
    browser.press("links of Trip").await;
    browser.until("document.querySelector('#sharing')?.textContent === 'Trip'").await;
    browser.press("Remove").await;
    browser.press("Remove link").await;
    browser.sees("Nobody can open this but you").await;
    app.anybody().get(&page_path(&inherited)).await.expect(404);
}

#[tokio::test]
async fn two_windows_tell_each_other_what_was_done_in_the_other() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let (a, b) = (keep(&me, "/a.txt", "one").await, keep(&me, "/b.txt", "two").await);
    let c = keep(&me, "/c.txt", "three").await;
    let link = me.link(&a, "view").await;
    folder(&me, "Box").await;
    let browser = Browser::start().await;
    sign_in(&browser, &app).await;
    let first = browser.driver.window().await.expect("a window");
    let second = browser.driver.new_tab().await.expect("a window");
    let windows = [&first, &second];
    // Both are about to remove the same link.
    for window in windows {
        to_window(&browser, window).await;
        browser.open(&format!("{}/my", app.url)).await;
        browser.click(&row(&a, ".share")).await;
        browser.click("dialog .dgr").await;
        is_at_text(&browser, "Keep it").await;
    }
    browser.click("dialog .b.d").await;
    browser.sees("Link removed. It’s dead from now on.").await;
    app.anybody().get(&page_path(&link)).await.expect(404);
    to_window(&browser, &first).await;
    browser.click("dialog .b.d").await;
    browser.sees("This link was removed already.").await;
    browser.sees("Nobody can open this but you").await;
    // One renames what the other moves meanwhile: both are done.
    let rename = async |item: &str| {
        browser.open(&format!("{}/my", app.url)).await;
        browser.click(&row(item, "[data-more]")).await;
        browser.press("Rename").await;
        browser.is_at("#new-name").await;
        browser.keys("new").await;
    };
    let done = async |item: &str, what: &str| {
        browser.open(&format!("{}/my", app.url)).await;
        browser.click(&row(item, "[data-more]")).await;
        browser.press(what).await;
    };
    rename(&b).await;
    to_window(&browser, &second).await;
    done(&b, "Move to…").await;
    browser.click("dialog .folders a").await;
    browser.press("Move into “Box”").await;
    browser.sees("It is in its new folder.").await;
    browser.until(&format!("!document.querySelector(\"{}\")", row(&b, "a"))).await;
    to_window(&browser, &first).await;
    browser.key(Key::Enter).await;
    browser.sees("It has its new name.").await;
    browser.until(&format!("!document.querySelector(\"{}\")", row(&b, "a"))).await;
    assert_eq!(names(&me, "/Box").await, ["new.txt"]);
    // One renames what the other deletes meanwhile: it is told.
    rename(&c).await;
    to_window(&browser, &second).await;
    done(&c, "Delete").await;
    browser.sees("“c.txt” is in the recycle bin").await;
    to_window(&browser, &first).await;
    browser.key(Key::Enter).await;
    browser.sees("Somebody else changed this meanwhile.").await;
}

#[tokio::test]
async fn a_link_that_was_removed_in_another_window_is_made_anew_with_another_address() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let item = keep(&me, "/a.txt", "one").await;
    let browser = Browser::start().await;
    sign_in(&browser, &app).await;
    let first = browser.driver.window().await.expect("a window");
    let sharing = format!("{}/my/{}/sharing", app.url, number(&item));
    let address = async || {
        let field = browser.find(".lk .cp input").await;
        let link = field.prop("value").await.expect("a field").expect("an address");
        link.strip_prefix(&app.url).expect("an address of the server's").to_owned()
    };
    browser.open(&format!("{sharing}?create")).await;
    browser.press("Create link").await;
    browser.sees("Link created").await;
    let old = address().await;
    // One is about to remove it, the other to share again.
    browser.press("Remove").await;
    browser.sees("Remove this link?").await;
    let second = browser.driver.new_tab().await.expect("a window");
    to_window(&browser, &second).await;
    browser.open(&format!("{sharing}?create")).await;
    browser.sees("What can people do?").await;
    to_window(&browser, &first).await;
    browser.press("Remove link").await;
    browser.sees("Link removed. It’s dead from now on.").await;
    to_window(&browser, &second).await;
    browser.press("Create link").await;
    browser.sees("Link created").await;
    let new = address().await;
    assert_ne!(old, new);
    app.anybody().get(&old).await.expect(404);
    app.anybody().get(&new).await.expect(200);
    // The other way round: it is shared again before it is removed, and says that it was there.
    to_window(&browser, &first).await;
    browser.open(&sharing).await;
    browser.press("Remove").await;
    browser.sees("Remove this link?").await;
    to_window(&browser, &second).await;
    browser.open(&format!("{sharing}?create")).await;
    browser.press("Create link").await;
    browser.sees("This link was there already").await;
    assert_eq!(address().await, new);
    to_window(&browser, &first).await;
    browser.press("Remove link").await;
    browser.sees("Link removed. It’s dead from now on.").await;
    app.anybody().get(&new).await.expect(404);
    assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
}

#[tokio::test]
async fn an_upload_ends_well_though_the_session_ended_in_the_midst_of_it() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let way = Way::to(&app).await;
    let desk = tempfile::tempdir().expect("a folder");
    let (film, note) = (desk.path().join("film.bin"), desk.path().join("note.txt"));
    let big = noise(30 * 1024 * 1024);
    std::fs::write(&film, &big).expect("a file");
    std::fs::write(&note, "one").expect("a file");
    let browser = Browser::start().await;
    sign_in_at(&browser, &app, &way.url).await;
    way.narrow(15 * 1024 * 1024);
    browser.click("[data-choose-files]").await;
    browser.choose(&[film]).await;
    way.is_stuck().await;
    app.database.run("DELETE FROM sessions").await;
    // What was begun goes on: the upload has a key of its own.
    way.heal();
    eventually("the film is there", async || names(&me, "").await == ["film.bin"]).await;
    assert!(content(&me, "/film.bin").await == big);
    // What is new is not taken, and waits.
    browser.sees("You were signed out.").await;
    browser.click("[data-choose-files]").await;
    browser.choose(&[note]).await;
    browser.sees("Your upload waits.").await;
    assert_eq!(names(&me, "").await, ["film.bin"]);
    let page = browser.driver.window().await.expect("a window");
    let other = browser.driver.new_tab().await.expect("a window");
    to_window(&browser, &other).await;
    sign_in_at(&browser, &app, &way.url).await;
    to_window(&browser, &page).await;
    browser.click("[data-do=retry]").await;
    eventually("the note is there", async || names(&me, "").await == ["film.bin", "note.txt"]).await;
}

#[tokio::test]
async fn what_is_deleted_comes_back_by_undo_and_from_the_bin_with_its_links() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let item = keep(&me, "/a.txt", "one").await;
    keep(&me, "/b.txt", "two").await;
    let link = me.link(&item, "view").await;
    let opens = async |status: u16| {
        app.anybody().get(&page_path(&link)).await.expect(status);
    };
    let browser = Browser::start().await;
    sign_in(&browser, &app).await;
    browser.click(&row(&item, "[data-more]")).await;
    browser.is_at("[role=menuitem]").await;
    browser.press("Delete").await;
    browser.sees("“a.txt” is in the recycle bin").await;
    assert_eq!(browser.texts(".nm a").await, ["b.txt"]);
    opens(404).await;
    browser.press("Undo").await;
    browser.is_at(&row(&item, ".nm a")).await;
    opens(200).await;
    browser.key(Key::Delete).await;
    browser.sees("“a.txt” is in the recycle bin").await;
    opens(404).await;
    browser.press("Recycle bin").await;
    browser.sees("1 item · links to them are off until you restore them").await;
    browser.press("Restore").await;
    browser.sees("It is back where it was, and links to it open again.").await;
    browser.sees("The recycle bin is empty").await;
    opens(200).await;
    browser.press("My files").await;
    browser.find(&row(&item, ".nm a")).await;
    // For good, only after it was asked.
    browser.click(&row(&item, ".c .tap")).await;
    browser.sees("1 selected").await;
    browser.click(".selbar [value=delete]").await;
    browser.sees("“a.txt” is in the recycle bin").await;
    browser.press("Recycle bin").await;
    browser.click("[aria-label='Delete for good']").await;
    browser.sees("Nobody can bring it back.").await;
    is_at_text(&browser, "Keep it").await;
    browser.key(Key::Enter).await;
    browser.until("!document.querySelector('dialog')").await;
    browser.is_at("[aria-label='Delete for good']").await;
    browser.key(Key::Enter).await;
    is_at_text(&browser, "Keep it").await;
    browser.click("dialog .b.d").await;
    browser.sees("The recycle bin is empty").await;
    assert_eq!(names(&me, "").await, ["b.txt"]);
}

#[tokio::test]
async fn many_links_are_removed_at_once_and_the_rest_is_taken_along_as_a_sheet() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let mut links = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        let item = keep(&me, &format!("/Trip/{name}"), "x").await;
        links.push(me.link(&item, "view").await);
    }
    let browser = Browser::start().await;
    sign_in(&browser, &app).await;
    browser.press("All my links").await;
    browser.sees("3 links · 3 never opened").await;
    browser.click("tr:has([aria-label='Select the link to a.txt, Can view']) .tap").await;
    browser.click("tr:has([aria-label='Select the link to b.txt, Can view']) .tap").await;
    browser.sees("2 selected").await;
    browser.press("Remove 2 links").await;
    browser.sees("They stop working at once for everybody who has them.").await;
    is_at_text(&browser, "Keep them").await;
    app.anybody().get(&page_path(&links[0])).await.expect(200);
    browser.click("dialog .b.d").await;
    browser.sees("2 links removed.").await;
    browser.sees("1 link · 1 never opened").await;
    for (link, status) in links.iter().zip([404, 404, 200]) {
        app.anybody().get(&page_path(link)).await.expect(status);
    }
    browser.press("Save as CSV").await;
    let sheet = String::from_utf8(browser.downloaded("links.csv").await).expect("UTF-8");
    let lines: Vec<&str> = sheet.lines().collect();
    assert_eq!(lines.len(), 2, "{sheet}");
    assert!(lines[1].starts_with("c.txt,/Trip,view,Anyone with the link,Sample Application,"), "{sheet}");
    assert!(lines[1].ends_with(&format!(",{}", web_url(&links[2]))), "{sheet}");
}

#[tokio::test]
async fn the_site_works_without_script() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let desk = tempfile::tempdir().expect("a folder");
    let file = desk.path().join("Notes.txt");
    std::fs::write(&file, "by the river").expect("a file");
    let browser = Browser::start().await;
    browser.without_script().await;
    sign_in(&browser, &app).await;
    let field = browser.find("#file").await;
    field.send_keys(file.to_str().expect("UTF-8")).await.expect("a file is chosen");
    browser.press("Upload files").await;
    browser.sees("It is uploaded.").await;
    let link = async || {
        browser.press("Share").await;
        browser.press("Create a link").await;
        browser.press("Create link").await;
        browser.sees("Link created").await;
        let link =
            browser.find(".lk.new input").await.prop("value").await.expect("a field").expect("an address");
        link.strip_prefix(&app.url).expect("an address of the server's").to_owned()
    };
    let first = link().await;
    app.anybody().get(&first).await.expect(200);
    browser.press("Remove").await;
    browser.sees("Remove this link?").await;
    is_at_text(&browser, "Keep it").await;
    browser.press("Keep it").await;
    app.anybody().get(&first).await.expect(200);
    browser.press("Remove").await;
    browser.press("Remove link").await;
    browser.sees("Link removed. It’s dead from now on.").await;
    app.anybody().get(&first).await.expect(404);
    browser.press("My files").await;
    browser.click("[data-more]").await;
    let name = browser.find("#new-name").await;
    name.clear().await.expect("a field");
    name.send_keys("River.txt").await.expect("it takes text");
    browser.press("Rename").await;
    browser.sees("It has its new name.").await;
    let second = link().await;
    browser.press("My files").await;
    browser.click(".c .tap").await;
    browser.press("Delete").await;
    browser.sees("It is in the recycle bin.").await;
    app.anybody().get(&second).await.expect(404);
    browser.press("Recycle bin").await;
    browser.press("Restore").await;
    browser.sees("It is back where it was, and links to it open again.").await;
    app.anybody().get(&second).await.expect(200);
    browser.press("All my links").await;
    browser.click(".c .tap").await;
    browser.press("Remove links").await;
    browser.press("Remove link").await;
    browser.sees("Link removed. It’s dead from now on.").await;
    app.anybody().get(&second).await.expect(404);
    assert_eq!(names(&me, "").await, ["River.txt"]);
    browser.click(".account summary").await;
    browser.press("Sign out").await;
    browser.sees("You’re signed out.").await;
}

/// A page that sends what it can to a site where its reader is signed in, and says what became of it.
fn attack(site: &str, file: &str, folder: &str) -> String {
    let site = serde_json::to_string(site).expect("JSON");
    format!(
        "<!doctype html><title>at it</title><iframe name=in></iframe><script>
        const site = {site};
        const send = (path, more) => fetch(site + path, {{ credentials: 'include', ...more }})
            .then((answer) => answer.type === 'opaque' ? 'sent'
                : answer.text().then((text) => `read ${{path}}: ${{text}}`), () => 'refused');
        const form = (fields) => ({{ method: 'POST', mode: 'no-cors', body: new URLSearchParams(fields) }});
        const submit = (path, fields) => {{
            const sent = Object.assign(document.createElement('form'),
                {{ method: 'post', target: 'in', action: site + path }});
            for (const [name, value] of Object.entries(fields)) {{
                sent.append(Object.assign(document.createElement('input'), {{ name, value }}));
            }}
            document.body.append(sent);
            return new Promise((done) => {{
                document.querySelector('iframe').onload = () => done('posted');
                sent.submit();
            }});
        }};
        const tried = [
            send('/my'), send('/my/{file}/sharing'), send('/my/links.csv'), send('/my/api/me/drive'),
            send('/download?resid={file}'),
            send('/my', {{ headers: {{ 'X-Everlink-Token': 'x' }} }}),
            send('/my/api/me/drive/root:/secret.txt', {{ method: 'DELETE' }}),
            send('/my/api/me/drive/root:/new.txt:/content', {{ method: 'PUT', body: 'x' }}),
            send('/my/api/me/drive/root/children',
                {{ method: 'POST', mode: 'no-cors', body: JSON.stringify({{ name: 'n', folder: {{}} }}) }}),
            send('/my/{file}/actions', form({{ do: 'delete' }})),
            send('/my/{file}/sharing', form({{ do: 'share', type: 'view', scope: 'anonymous' }})),
            send('/my/bin', form({{ do: 'empty' }})),
            send('/signout', form({{ do: 'everywhere' }})),
        ];
        Promise.all(tried).then(async (all) => {{
            all.push(await submit('/my/{file}/actions', {{ do: 'delete' }}));
            all.push(await submit('/my/{folder}', {{ do: 'folder', name: 'n' }}));
            all.push(await submit('/signout', {{ do: 'everywhere' }}));
            document.body.dataset.became = all.join('\\n');
            document.title = 'done';
        }});
        </script>"
    )
}

#[tokio::test]
async fn a_page_of_another_site_does_and_reads_nothing_here() {
    let app = TestApp::start(Kind::Sqlite).await;
    let me = me(&app);
    let item = keep(&me, "/secret.txt", "what nobody else knows").await;
    let shared = folder(&me, "Box").await;
    let trap = Trap::set(|_| attack(&app.url, number(&item), number(&shared))).await;
    let browser = Browser::start().await;
    sign_in(&browser, &app).await;
    let frame = "document.querySelector('iframe')";
    // The first is of the same site, as browsers see it: they send it the cookie. The second is of another.
    for origin in [trap.url.clone(), trap.url.replace("127.0.0.1", "localhost")] {
        browser.open(&origin).await;
        browser.until("document.title === 'done'").await;
        let became = browser.run("return document.body.dataset.became", &[]).await;
        let became: Vec<&str> = became.as_str().expect("a text").lines().collect();
        for said in &became {
            assert!(["refused", "sent", "posted"].contains(said), "{became:#?}");
        }
        assert_eq!(became.iter().filter(|said| **said == "refused").count(), 8, "{became:#?}");
        // Nor is a page of the site shown in a frame of another.
        // In one script: between two of them the frame can have loaded already.
        let load = format!(
            "return new Promise((done) => {{ const frame = {frame}; frame.onload = () => done(); \
             frame.src = arguments[0] }})"
        );
        browser.run(&load, &[json!(format!("{}/my", app.url))]).await;
        browser.driver.enter_frame(0).await.expect("a frame");
        assert!(!browser.text().await.contains("secret"));
        browser.driver.enter_default_frame().await.expect("the page");
        assert_eq!(names(&me, "").await, ["Box", "secret.txt"]);
        assert!(names(&me, "/Box").await.is_empty());
        assert_eq!(app.database.number("SELECT count(*) FROM links").await, 0);
        // The owner is still signed in, and follows a link from there.
        browser.run("location = arguments[0]", &[json!(format!("{}/my", app.url))]).await;
        browser.sees("secret.txt").await;
    }
}

/// A drive with some of everything: the numbers of a file and of the folder that it is in.
async fn some_of_everything(app: &TestApp) -> (String, String) {
    let me = me(app);
    let item = keep(&me, "/Trip/Valley.png", png(90, 60, [0, 90, 60])).await;
    keep(&me, "/Trip/Valley.png", png(60, 90, [0, 90, 60])).await;
    keep(&me, "/Trip/Maps/North.txt", "x").await;
    let link = me.link(&item, "edit").await;
    me.link(&item, "view").await;
    share(&me, "/Trip", "createOnly").await;
    let old = keep(&me, "/Trip/old.txt", "x").await;
    me.delete(&format!("/drive/items/{old}")).await.expect(204);
    app.anybody().get(&page_path(&link)).await.expect(200);
    eventually("the open is counted", async || {
        app.database.number("SELECT count(*) FROM link_opens").await > 0
    })
    .await;
    let trip = me.get("/drive/root:/Trip").await.expect(200).json();
    (number(&item).to_owned(), number(trip["id"].as_str().expect("an id")).to_owned())
}

#[tokio::test]
async fn pages_of_the_site_can_be_used_by_everybody() {
    let app = TestApp::start(Kind::Sqlite).await;
    let axe = axe();
    let browser = Browser::start().await;
    let mut found = Vec::new();
    let mut see = async |what: &str, path: &str| {
        browser.open(&format!("{}{path}", app.url)).await;
        look(&browser, &axe, what, &mut found).await;
    };
    see("sign-in", "/my").await;
    see("sign-in with an old address", "/signin?code=x").await;
    sign_in(&browser, &app).await;
    see("an empty drive", "/my").await;
    see("no links", "/my/links").await;
    see("an empty bin", "/my/bin").await;
    let (item, trip) = some_of_everything(&app).await;
    see("drive", "/my").await;
    see("folder", &format!("/my/{trip}")).await;
    see("file", &format!("/my/{item}")).await;
    see("search", "/my/search?q=o").await;
    see("nothing found", "/my/search?q=nothing").await;
    see("sharing", &format!("/my/{item}/sharing")).await;
    see("create", &format!("/my/{item}/sharing?create")).await;
    see("create, for a folder", &format!("/my/{trip}/sharing?create")).await;
    see("all links", "/my/links").await;
    see("no link is like that", "/my/links?text=x").await;
    see("bin", "/my/bin").await;
    see("versions", &format!("/my/{item}/versions")).await;
    see("actions", &format!("/my/{item}/actions")).await;
    see("a notice", &format!("/my/{trip}?done=taken")).await;
    see("no item", "/my/99999").await;
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn what_opens_over_pages_of_the_site_can_be_used_by_everybody() {
    let app = TestApp::start(Kind::Sqlite).await;
    let axe = axe();
    let browser = Browser::start().await;
    let mut found = Vec::new();
    let (item, trip) = some_of_everything(&app).await;
    let row = |control: &str| format!("tr[data-item='{item}'] {control}");
    let open = async |path: &str| {
        browser.look(1280, 900, "light").await;
        browser.open(&format!("{}{path}", app.url)).await;
    };
    let folder = format!("/my/{trip}");
    sign_in(&browser, &app).await;
    open(&folder).await;
    browser.click(&row(".c .tap")).await;
    browser.sees("1 selected").await;
    look(&browser, &axe, "a selection", &mut found).await;
    open(&folder).await;
    browser.click(".account summary").await;
    browser.sees("Sign out everywhere").await;
    look(&browser, &axe, "the account", &mut found).await;
    open(&folder).await;
    browser.press("New folder").await;
    browser.is_at("#name").await;
    look(&browser, &axe, "a new folder", &mut found).await;
    open(&folder).await;
    browser.click(&row("[data-more]")).await;
    browser.is_at("[role=menuitem]").await;
    look(&browser, &axe, "a menu", &mut found).await;
    browser.press("Rename").await;
    browser.is_at("#new-name").await;
    look(&browser, &axe, "a new name", &mut found).await;
    open(&folder).await;
    browser.click(&row(".share")).await;
    browser.sees("From a folder above").await;
    look(&browser, &axe, "sharing", &mut found).await;
    browser.click("dialog .dgr").await;
    is_at_text(&browser, "Keep it").await;
    look(&browser, &axe, "a link that is about to be removed", &mut found).await;
    browser.press("Create a link").await;
    browser.sees("What can people do?").await;
    look(&browser, &axe, "create", &mut found).await;
    browser.press("Create link").await;
    browser.sees("Link created").await;
    look(&browser, &axe, "a link that was just made", &mut found).await;
    open("/my/links").await;
    browser.click("[aria-label=Remove]").await;
    is_at_text(&browser, "Keep it").await;
    look(&browser, &axe, "one of all links that is about to be removed", &mut found).await;
    assert!(found.is_empty(), "{found:#?}");
}
