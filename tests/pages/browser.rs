//! A browser of a test's own: Debian's Chromium without a window, with a profile and a folder for downloads of its own.

use std::io::{BufRead, BufReader};
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, ChromeCapabilities};
use thirtyfour::{
    ChromiumLikeCapabilities, DesiredCapabilities, Key, LoggingPrefsLogLevel, WebDriver, WebElement,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::support::eventually;

/// More at once than this are slower than one after the other, on two processors.
static TURNS: Semaphore = Semaphore::const_new(3);

const PATIENCE: Duration = Duration::from_secs(60);

/// Choosing files opens the system's dialog, which no test can answer: in its place, the field that asks is kept.
const CATCH_CHOOSERS: &str = "
    const click = HTMLInputElement.prototype.click;
    HTMLInputElement.prototype.click = function () {
        if (this.type === 'file') window.chooser = this;
        else click.call(this);
    };";

pub struct Browser {
    /// Never dropped: that would end the session, and wait two minutes for an answer.
    pub driver: ManuallyDrop<WebDriver>,
    _processes: Processes,
    folder: Folder,
    _turn: SemaphorePermit<'static>,
}

/// Ended when they are dropped.
struct Processes {
    chromedriver: Child,
    chromium: Option<Pid>,
    _output: BufReader<ChildStdout>,
}

impl Drop for Processes {
    fn drop(&mut self) {
        // They may have ended already.
        if let Some(chromium) = self.chromium {
            let _ = kill_process(chromium, Signal::KILL);
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

/// Gone when it is dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["profile", "downloads", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The last of Chromium's processes write into it for a moment more.
        let started = Instant::now();
        while std::fs::remove_dir_all(self.0.path()).is_err() && started.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
    }
}

/// Its address. It chooses a port that is free for IPv4, and ends where the same is not free for IPv6: then another is
/// tried.
fn start_chromedriver(folder: &Folder) -> (Processes, String) {
    (0..10).find_map(|_| try_to_start_chromedriver(folder)).expect("chromedriver ends before it is up")
}

fn try_to_start_chromedriver(folder: &Folder) -> Option<(Processes, String)> {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .env("TMPDIR", folder.at("tmp"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is not on this machine: install it (Debian: apt-get install chromium chromium-driver)");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let port = loop {
        let mut line = String::new();
        if output.read_line(&mut line).expect("text") == 0 {
            child.wait().expect("its end");
            return None;
        }
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim().trim_end_matches('.').to_owned();
        }
    };
    let processes = Processes { chromedriver: child, chromium: None, _output: output };
    Some((processes, format!("http://127.0.0.1:{port}")))
}

fn capabilities(folder: &Folder) -> ChromeCapabilities {
    let mut wanted = DesiredCapabilities::chrome();
    let profile = format!("--user-data-dir={}", folder.at("profile").display());
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--window-size=1280,900",
        "--lang=en",
        &profile,
    ] {
        wanted.add_arg(argument).expect("a flag");
    }
    let downloads = json!({ "download.default_directory": folder.at("downloads") });
    wanted.add_experimental_option("prefs", downloads).expect("a setting");
    for log in ["performance", "browser"] {
        wanted.set_logging_prefs(log, LoggingPrefsLogLevel::All).expect("a setting");
    }
    wanted
}

impl Browser {
    pub async fn start() -> Self {
        Self::at_turn(TURNS.acquire().await.expect("turns")).await
    }

    /// Two people, each with their own. Who waited for the second with the first in hand might wait for ever.
    pub async fn pair() -> (Self, Self) {
        let mut turns = TURNS.acquire_many(2).await.expect("turns");
        let turn = turns.split(1).expect("there are two");
        (Self::at_turn(turns).await, Self::at_turn(turn).await)
    }

    async fn at_turn(turn: SemaphorePermit<'static>) -> Self {
        let folder = Folder::new();
        let (mut processes, address) = start_chromedriver(&folder);
        let driver = WebDriver::new(address, capabilities(&folder)).await;
        let driver = driver.expect("chromium starts (Debian: apt-get install chromium chromium-driver)");
        let process = driver.capabilities().get("goog:processID").and_then(Value::as_i64);
        processes.chromium =
            Some(process.and_then(|process| Pid::from_raw(process as i32)).expect("a process"));
        let browser = Self { driver: ManuallyDrop::new(driver), _processes: processes, folder, _turn: turn };
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": CATCH_CHOOSERS })).await;
        browser
    }

    // What it shows

    pub async fn open(&self, url: &str) {
        self.driver.goto(url.to_owned()).await.expect("a page");
    }

    /// The same page at a given size, in a theme.
    pub async fn look(&self, width: u32, height: u32, theme: &str) {
        let is_phone = width < 500;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": theme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn without_script(&self) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    pub async fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.driver
            .cdp()
            .send_raw(method, parameters)
            .await
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// What a script's `return` gives; a promise is waited for.
    pub async fn run(&self, script: &str, arguments: &[Value]) -> Value {
        let result = self.driver.execute(script.to_owned(), arguments.to_vec()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    pub async fn url(&self) -> String {
        self.driver.current_url().await.expect("an address").to_string()
    }

    /// All text that is seen.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body?.innerText ?? ''", &[]).await;
        text.as_str().expect("a text").to_owned()
    }

    /// Waits until a text is seen.
    pub async fn sees(&self, text: &str) {
        patiently(text, async || {
            // Between two pages there is none.
            let seen = self.value("document.body?.innerText ?? ''").await?;
            let seen = seen.as_str().unwrap_or_default();
            if seen.contains(text) { Ok(()) } else { Err(format!("in its place: {seen}")) }
        })
        .await;
    }

    async fn value(&self, expression: &str) -> Result<Value, String> {
        let answer = self.driver.execute(format!("return {expression}"), Vec::new()).await;
        answer.map(|answer| answer.json().clone()).map_err(|error| error.to_string())
    }

    /// Waits until a script's expression holds in the page.
    pub async fn until(&self, expression: &str) {
        patiently(expression, async || match self.value(&format!("Boolean({expression})")).await? {
            Value::Bool(true) => Ok(()),
            _ => Err("it does not hold".to_owned()),
        })
        .await;
    }

    /// Texts of all elements that a selector finds.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent.trim())";
        let texts = self.run(script, &[json!(selector)]).await;
        serde_json::from_value(texts).expect("texts")
    }

    /// The element, once it is there and seen.
    pub async fn find(&self, selector: &str) -> WebElement {
        patiently(selector, async || self.first_seen(By::Css(selector.to_owned())).await).await
    }

    async fn first_seen(&self, by: By) -> Result<WebElement, String> {
        for element in self.driver.find_all(by).await.map_err(|error| error.to_string())? {
            if element.is_displayed().await.unwrap_or(false) {
                return Ok(element);
            }
        }
        Err("there is none".to_owned())
    }

    pub async fn click(&self, selector: &str) {
        self.click_first(selector, || By::Css(selector.to_owned())).await;
    }

    /// Follows the link, or presses the button, of this text.
    pub async fn press(&self, text: &str) {
        let pressed = "self::a or self::button or self::summary or self::label[not(@class='vh')]";
        let path = format!("//*[{pressed}][contains(normalize-space(.), \"{text}\")]");
        self.click_first(text, || By::XPath(path.clone())).await;
    }

    async fn click_first(&self, what: &str, by: impl Fn() -> By) {
        patiently(what, async || {
            let element = self.first_seen(by()).await?;
            // What floats at the window's edges is not to be over it.
            element.scroll_into_view().await.map_err(|error| error.to_string())?;
            element.click().await.map_err(|error| error.to_string())
        })
        .await;
    }

    // The keyboard

    /// Presses keys, wherever the focus is.
    pub async fn keys(&self, keys: impl Into<String>) {
        let keys: String = keys.into();
        self.send(async || self.driver.action_chain().send_keys(keys.clone()).perform().await).await;
    }

    /// Presses what no page has heard once more: Chromium may drop a key that comes while a new page is being shown.
    async fn send(&self, press: impl AsyncFn() -> WebDriverResult<()>) {
        self.until(LISTENS).await;
        // What a frame within the page hears, the page does not.
        for _ in 0..2 {
            self.until(HEARS_KEYS).await;
            press().await.expect("keys");
            let asked = Instant::now();
            while asked.elapsed() < HEARD_WITHIN {
                // Where the key has led to another page, nothing is known of it there.
                match self.value("window.heardKey").await {
                    Ok(Value::Bool(false)) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    Ok(_) => return,
                }
            }
        }
    }

    pub async fn key(&self, key: Key) {
        self.keys(char::from(key)).await;
    }

    pub async fn hold(&self, held: Key, key: impl Into<char>) {
        let (held, key) = (char::from(held), key.into());
        let chain = || self.driver.action_chain().key_down(held).key_down(key).key_up(key).key_up(held);
        self.send(async || chain().perform().await).await;
    }

    /// Goes on from one thing that takes the focus to the next, until one that a selector finds has it.
    pub async fn tab_to(&self, selector: &str) {
        let mut passed = Vec::new();
        for _ in 0..60 {
            self.key(Key::Tab).await;
            let script = "const at = document.activeElement;
                          return [at.matches(arguments[0]), at.getAttribute('aria-label') ?? at.textContent.trim()]";
            let at = self.run(script, &[json!(selector)]).await;
            if at[0] == true {
                return;
            }
            passed.push(at[1].as_str().unwrap_or_default().to_owned());
        }
        panic!("the keyboard never comes to {selector}, but to {passed:?}");
    }

    /// Whether the focus is at what a selector finds.
    pub async fn is_at(&self, selector: &str) {
        let selector = serde_json::to_string(selector).expect("a text");
        self.until(&format!("document.activeElement.matches({selector})")).await;
    }

    // Files

    /// Chooses files, or a folder, where the page has just asked for some.
    pub async fn choose(&self, paths: &[PathBuf]) {
        self.until("window.chooser").await;
        let chooser = json!({ "expression": "window.chooser" });
        let chooser = self.cdp("Runtime.evaluate", chooser).await["result"]["objectId"].clone();
        self.cdp("DOM.setFileInputFiles", json!({ "files": paths, "objectId": chooser })).await;
        self.run("delete window.chooser", &[]).await;
    }

    /// Drops files and folders onto the page.
    pub async fn drop_files(&self, paths: &[PathBuf]) {
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({ "items": [], "files": paths, "dragOperationsMask": 1 });
            self.cdp("Input.dispatchDragEvent", json!({ "type": kind, "x": 400, "y": 300, "data": data }))
                .await;
        }
    }

    /// The bytes of what was downloaded, once all of it is there.
    pub async fn downloaded(&self, name: &str) -> Vec<u8> {
        let path = self.folder.at("downloads").join(name);
        // Until it is whole it has another name, and at its own is a file with nothing in it.
        let is_whole = || std::fs::metadata(&path).is_ok_and(|file| file.len() > 0);
        eventually(&format!("the download of {name}"), async || is_whole()).await;
        let bytes = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("removed");
        bytes
    }

    /// What the console has told since the last call.
    pub async fn console(&self) -> Vec<String> {
        let log = self.driver.get_log("browser").await.expect("a log");
        log.into_iter().map(|entry| entry.message).collect()
    }

    /// Messages of the developer tools since the last call, of one kind.
    pub async fn messages(&self, method: &str) -> Vec<Value> {
        let log = self.driver.get_log("performance").await.expect("a log");
        let messages = log.iter().map(|entry| serde_json::from_str::<Value>(&entry.message).expect("JSON"));
        let of_kind =
            messages.map(|message| message["message"].clone()).filter(|message| message["method"] == method);
        of_kind.map(|message| message["params"].clone()).collect()
    }
}

/// A page's script listens once all of the page is there, and Chromium passes keys on once it is painted; a key before
/// that is nobody's.
const LISTENS: &str =
    "document.readyState === 'complete' && performance.getEntriesByType('paint').length > 0";

/// From here on a page tells by `heardKey` whether a key has come to it.
const HEARS_KEYS: &str = "(window.heardKey = false, \
     window.addEventListener('keydown', () => { window.heardKey = true }, { capture: true, once: true }), true)";
/// How long a key may be under way to a page.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// Tries until it works; fails after a generous while, and with the last problem.
async fn patiently<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(problem) if started.elapsed() > PATIENCE => panic!("never happened: {what}\n{problem}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
