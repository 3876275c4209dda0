//! Files and names that were made to do harm.

use serde_json::json;

use crate::browser::Browser;
use crate::samples::{keep, pdf};
use crate::support::{Kind, TestApp, page_path, web_url};
use crate::trap::Trap;

/// What a script does that got to run: it calls elsewhere, and renames the page.
fn payload(trap: &str) -> String {
    format!("document.title='caught';fetch('{trap}/script').catch(()=>0);new Image().src='{trap}/image'")
}

/// A document that is SVG to one reader and HTML to another, and wants to run something for each.
fn markup(trap: &str) -> String {
    let run = payload(trap);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"40\" onload=\"{run}\">\
         <script>{run}</script><image href=\"{trap}/inner\" width=\"9\" height=\"9\"/>\
         <style>@import url({trap}/style);</style>\
         <foreignObject><body xmlns=\"http://www.w3.org/1999/xhtml\"><script>{run}</script>\
         <img src=\"{trap}/picture\" onerror=\"{run}\"/><iframe src=\"{trap}/frame\"></iframe>\
         <form action=\"{trap}/form\"><input autofocus=\"\" onfocus=\"{run}\"/></form></body></foreignObject></svg>"
    )
}

fn files(trap: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (run, markup) = (payload(trap), markup(trap));
    let html = format!(
        "<!doctype html><html><head><meta http-equiv=refresh content='0;url={trap}/refresh'>\
         <link rel=stylesheet href={trap}/sheet><base href={trap}/></head><body>{markup}</body></html>"
    );
    let markdown = format!(
        "# Hello\n\n<script>{run}</script>\n\n![x]({trap}/picture)\n\n[click](javascript:{run})\n\n\
         [Elsewhere]({trap}/link)\n\n\
         <img src=x onerror=\"{run}\"><a href=\"{trap}/link\" onmouseover=\"{run}\">Elsewhere</a>\n\n\
         <iframe src=\"{trap}/frame\"></iframe><meta http-equiv=refresh content='0;url={trap}/refresh'>\n\n\
         <style>body{{background:url({trap}/background)}}</style>\n\n\
         <div style=\"background:url({trap}/style)\">x</div>\n"
    );
    let table = format!(
        "name,sum\n\"=HYPERLINK(\"\"{trap}/cell\"\")\",=1+1\n<img src=x onerror=\"{run}\">,<script>{run}</script>\n"
    );
    let (script, call) =
        (format!("app.alert('caught'); this.submitForm('{trap}/pdf');"), format!("{trap}/uri"));
    vec![
        ("page.html", html.clone().into_bytes()),
        ("page.xhtml", markup.clone().into_bytes()),
        ("page.svg", markup.clone().into_bytes()),
        ("page.xml", markup.clone().into_bytes()),
        ("polyglot.gif", [b"GIF89a/*".as_slice(), html.as_bytes()].concat()),
        ("polyglot.mp4", html.clone().into_bytes()),
        ("polyglot.pdf", html.into_bytes()),
        ("page.md", markdown.into_bytes()),
        ("table.csv", table.into_bytes()),
        ("script.js", run.into_bytes()),
        ("script.txt", markup.into_bytes()),
        (
            "script.pdf",
            pdf(&format!("<< /S /JavaScript /JS ({}) >>", script.replace('(', "\\(").replace(')', "\\)"))),
        ),
        ("address.pdf", pdf(&format!("<< /S /URI /URI ({call}) >>"))),
    ]
}

#[tokio::test]
async fn nothing_that_is_shared_runs_or_calls_elsewhere() {
    let app = TestApp::start(Kind::Sqlite).await;
    let trap = Trap::set(|url| format!("<title>trap</title><body>{}", markup(url))).await;
    let mallory = app.user_with(|token| {
        token.user = Some("mallory".to_owned());
        token.user_name = Some(format!("\u{202E}Mal<svg onload=\"{}\">", payload(&trap.url)));
        token.application_name = Some(format!("<script>{}</script>", payload(&trap.url)));
    });
    let browser = Browser::start().await;
    // The trap works: elsewhere, all of this runs.
    browser.open(&format!("{}/control", trap.url)).await;
    browser.until("document.title === 'caught'").await;
    crate::support::eventually("the trap is called", async || {
        trap.heard().iter().any(|head| head.starts_with("GET /script "))
    })
    .await;
    browser.open("about:blank").await;
    trap.heard();

    // What a name can't have in it comes as what becomes that in a page.
    let folder = "/Box/&lt;svg onload=alert(1)&gt; '{{7+7}} \u{202E}fdp.\u{2066}exe";
    let mut links = Vec::new();
    for (name, bytes) in files(&trap.url) {
        let path = format!("{folder}/'onload='alert(1)' \u{202E}&amp;{name}");
        let path = path.replace('{', "%7B").replace('}', "%7D").replace('&', "%26").replace('#', "%23");
        let item = keep(&mallory, &path, bytes).await;
        for link_type in ["view", "embed", "edit"] {
            links.push((name, link_type, mallory.link(&item, link_type).await));
        }
    }
    let encoded = folder.replace('{', "%7B").replace('}', "%7D").replace('&', "%26");
    let folder = mallory.get(&format!("/drive/root:{encoded}")).await.expect(200).json();
    let folder = folder["id"].as_str().expect("an id").to_owned();
    for link_type in ["view", "edit", "createOnly"] {
        links.push(("folder", link_type, mallory.link(&folder, link_type).await));
    }
    let inside = keep(&mallory, "/inside.txt", "x").await;
    let body = json!({ "type": "view", "scope": "organization" });
    let inside = mallory.post(&format!("/drive/items/{inside}/createLink"), body).await.expect(201).json();
    links.push(("inside.txt", "organization", inside));

    for (name, link_type, link) in &links {
        let pages: &[(&str, &str)] = match *link_type {
            "view" => &[("redir", ""), ("redir", "&show=text"), ("preview", ""), ("qr", "")],
            "embed" => &[("embed", ""), ("preview", "")],
            _ => &[("redir", "")],
        };
        for (page, more) in pages {
            let path = page_path(link).replace("/redir", &format!("/{page}"));
            let address = format!("{}{path}{more}", app.url);
            let what = format!("{name}, {link_type}, {page}{more}");
            browser.open(&address).await;
            browser.until("document.readyState === 'complete'").await;
            assert_eq!(browser.url().await, address, "{what}");
            assert_ne!(browser.driver.title().await.expect("a title"), "caught", "{what}");
            assert!(browser.driver.get_alert_text().await.is_err(), "{what}");
            assert_eq!(trap.heard(), Vec::<String>::new(), "{what}");
            // Nothing of it has become an element of the page, either.
            let bad = "script:not([src]), [onload], [onerror], [onfocus], [onmouseover], iframe, base, foreignObject";
            if *page != "preview" {
                assert_eq!(browser.texts(bad).await, Vec::<String>::new(), "{what}");
            }
        }
    }
    // What names order to be turned around stays within the name.
    let (_, _, link) = &links[links.len() - 4];
    browser.open(web_url(link)).await;
    let text = browser.text().await;
    assert!(!text.contains('\u{202E}') && !text.contains('\u{2066}') && text.contains("{{7+7}}"), "{text}");

    // Who follows a link of a text does not tell where it stood.
    let (_, _, link) = links.iter().find(|(name, _, _)| *name == "page.md").expect("a link");
    browser.open(web_url(link)).await;
    browser.press("Elsewhere").await;
    crate::support::eventually("the link is followed", async || {
        let heads = trap.heard();
        let followed = heads.iter().find(|head| head.starts_with("GET /link "));
        assert!(followed.is_none_or(|head| !head.to_lowercase().contains("\r\nreferer:")), "{followed:?}");
        followed.is_some()
    })
    .await;
}
