//! Writes of every kind, in an order of chance, by two servers and by SQL; and readers who know in which order these
//! were answered. What a reader sees must be what some moment between the question and its answer was like.
//!
//! `EVERLINK_STRICTNESS_SECONDS=600 cargo test at_random` tries for longer; `EVERLINK_TEST_SEED` decides the order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use crate::strictness::span;
use crate::support::{Answer, TestApp, on_each_database, page_path, seed};

on_each_database!(every_answer_is_of_a_moment_between_its_question_and_itself);

/// What there is to see of a file.
#[derive(Clone, Debug)]
struct State {
    name: String,
    description: Value,
    size: usize,
    folder: usize,
    is_live: bool,
    link: Linked,
}

#[derive(Clone, Debug)]
enum Linked {
    Not,
    /// One that was asked for, and of which nothing is known yet.
    Somehow,
    By(Value),
}

/// A file that one task writes to.
struct Watched {
    item: String,
    owner: &'static str,
    /// Each state, from when it was asked for.
    states: Mutex<Vec<State>>,
    /// How many writes were answered.
    answered: AtomicUsize,
}

impl Watched {
    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drive(&self) -> (String, i64) {
        let (drive, number) = self.item.split_once('!').expect("an id");
        (drive.to_owned(), number.parse().expect("a number"))
    }

    /// The condition by which SQL finds it.
    fn key(&self) -> String {
        let (drive, number) = self.drive();
        let drive = u64::from_str_radix(&drive, 16).expect("hexadecimal").cast_signed();
        format!("drive_id = {drive} AND item_no = {number}")
    }

    /// Fails where an answer fits no state since `from`.
    fn check(&self, what: &str, from: usize, answer: &Answer, fits: impl Fn(&State) -> bool) {
        let states = self.states();
        let since = &states[from..];
        assert!(
            since.iter().any(fits),
            "{what}: {} {}\nfits none of {since:#?}",
            answer.status,
            answer.text()
        );
    }
}

/// Numbers of chance, decided by where they begin.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

/// Writes to a file until the end, by whichever server.
async fn write(
    servers: &[TestApp; 2],
    folders: &[String; 2],
    file: &Watched,
    mut chance: Chance,
    until: Instant,
) {
    let users = [servers[0].user(file.owner), servers[1].user(file.owner)];
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let alice = &users[chance.below(2)];
        let before = file.states().last().expect("one").clone();
        let mut next = before.clone();
        let item = format!("/me/drive/items/{}", file.item);
        let begin = |next: &State| file.states().push(next.clone());
        if !before.is_live {
            next.is_live = true;
            begin(&next);
            alice.post(&format!("{item}/restore"), json!({})).await.expect(200);
        } else {
            match chance.below(8) {
                0 => {
                    next.size = number;
                    begin(&next);
                    alice.put(&format!("{item}/content"), "x".repeat(number)).await.expect(200);
                }
                1 => {
                    next.name = format!("{}-{number}.txt", file.drive().1);
                    begin(&next);
                    alice.patch(&item, json!({ "name": next.name })).await.expect(200);
                }
                2 => {
                    next.description = json!(format!("said {number}"));
                    begin(&next);
                    alice.patch(&item, json!({ "description": next.description })).await.expect(200);
                }
                3 => {
                    next.folder = 1 - before.folder;
                    begin(&next);
                    let to = json!({ "parentReference": { "id": folders[next.folder] } });
                    alice.patch(&item, to).await.expect(200);
                }
                4 => {
                    next.is_live = false;
                    begin(&next);
                    alice.delete(&item).await.expect(204);
                }
                5 => {
                    next.description = json!(format!("typed {number}"));
                    begin(&next);
                    let said =
                        format!("UPDATE items SET description = 'typed {number}' WHERE {}", file.key());
                    servers[0].database.run(&said).await;
                }
                6 if matches!(before.link, Linked::By(_)) => {
                    next.link = Linked::Not;
                    begin(&next);
                    servers[0].database.run(&format!("DELETE FROM links WHERE {}", file.key())).await;
                }
                _ => match &before.link {
                    Linked::By(link) => {
                        next.link = Linked::Not;
                        begin(&next);
                        let id = link["id"].as_str().expect("an id");
                        alice.delete(&format!("{item}/permissions/{id}")).await.expect(204);
                    }
                    _ => {
                        next.link = Linked::Somehow;
                        begin(&next);
                        let link = alice.post(&format!("{item}/createLink"), json!({ "type": "view" })).await;
                        let link = Linked::By(link.expect(201).json());
                        file.states().last_mut().expect("one").link = link;
                    }
                },
            }
        }
        file.answered.fetch_add(1, Ordering::SeqCst);
    }
}

fn shows(state: &State, item: &Value) -> bool {
    item["name"] == *state.name
        && item["size"] == state.size
        && item.get("description").unwrap_or(&Value::Null) == &state.description
}

/// The same for an owner, who is told where it is, and whether it is shared.
fn shows_all(state: &State, item: &Value) -> bool {
    let is_shared = item.get("shared").is_some();
    let path = item["parentReference"]["path"].as_str().expect("a path");
    shows(state, item)
        && path.ends_with(["/a", "/b"][state.folder])
        && match state.link {
            Linked::Not => !is_shared,
            Linked::Somehow => true,
            Linked::By(_) => is_shared,
        }
}

/// Looks at files in all ways that there are, until the end. Gives how often.
async fn look(servers: &[TestApp; 2], files: &[Watched], mut chance: Chance, until: Instant) -> usize {
    let mut looks = 0;
    // Links that were seen.
    let mut links: Vec<(usize, Value)> = Vec::new();
    while Instant::now() < until {
        looks += 1;
        let server = &servers[chance.below(2)];
        let which = chance.below(files.len());
        let file = &files[which];
        let alice = server.user(file.owner);
        let (from, now) = (file.answered.load(Ordering::SeqCst), file.states().last().expect("one").clone());
        if let Linked::By(link) = &now.link
            && !links.iter().any(|(_, known)| known["id"] == link["id"])
        {
            links.push((which, link.clone()));
        }
        match chance.below(8) {
            0 => {
                let answer = alice.get(&format!("/me/drive/items/{}", file.item)).await;
                file.check("the owner's look", from, &answer, |state| match answer.status.as_u16() {
                    200 => state.is_live && shows_all(state, &answer.json()),
                    _ => !state.is_live,
                });
            }
            1 => {
                let folder = chance.below(2);
                let answer = alice.get(&format!("/me/drive/root:/{}:/children", ["a", "b"][folder])).await;
                let all = answer.json();
                let listed =
                    all["value"].as_array().expect("a list").iter().find(|item| item["id"] == *file.item);
                file.check("the folder", from, &answer, |state| match listed {
                    Some(item) => state.is_live && state.folder == folder && shows_all(state, item),
                    None => !state.is_live || state.folder != folder,
                });
            }
            2 => {
                let answer = alice.get(&format!("/me/drive/items/{}/permissions", file.item)).await;
                let all = answer.json();
                let ids: BTreeSet<&str> = all["value"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|one| one["id"].as_str())
                    .collect();
                file.check("the permissions", from, &answer, |state| {
                    match (&state.link, answer.status.as_u16()) {
                        (_, 404) => !state.is_live,
                        (Linked::Not, _) => state.is_live && ids.len() == 1,
                        (Linked::Somehow, _) => state.is_live,
                        (Linked::By(link), _) => {
                            state.is_live
                                && ids.len() == 2
                                && ids.contains(link["id"].as_str().expect("an id"))
                        }
                    }
                });
            }
            _ if !links.is_empty() => {
                // Mostly one of the last.
                let back = chance.below(links.len().min(4));
                let (which, link) = links[links.len() - 1 - back].clone();
                let file = &files[which];
                let from = file.answered.load(Ordering::SeqCst);
                let answer = match chance.below(2) {
                    0 => {
                        let share = link["shareId"].as_str().expect("an id");
                        server.anybody().get(&format!("/shares/{share}/driveItem")).await
                    }
                    _ => {
                        let anybody = server.anybody();
                        let asked = anybody.request(reqwest::Method::GET, &page_path(&link));
                        anybody.send(asked.header("accept", "application/json")).await
                    }
                };
                file.check("a link", from, &answer, |state| {
                    let opens =
                        state.is_live && matches!(&state.link, Linked::By(live) if live["id"] == link["id"]);
                    match answer.status.as_u16() {
                        200 => opens && shows(state, &answer.json()),
                        _ => !opens,
                    }
                });
            }
            _ => {}
        }
    }
    looks
}

async fn every_answer_is_of_a_moment_between_its_question_and_itself(app: TestApp) {
    let seed = seed();
    let servers = [app.second().await, app];
    let until = Instant::now() + span();
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for owner in ["alice", "alice", "bob"] {
        let user = servers[0].user(owner);
        let item = user.upload(&format!("/a/{}.txt", files.len()), "").await;
        user.upload("/b/other.txt", "").await;
        let folder = async |path: &str| {
            let folder = user.get(&format!("/me/drive/root:/{path}")).await.expect(200).json();
            folder["id"].as_str().expect("an id").to_owned()
        };
        folders.push([folder("a").await, folder("b").await]);
        let first = State {
            name: format!("{}.txt", files.len()),
            description: Value::Null,
            size: 0,
            folder: 0,
            is_live: true,
            link: Linked::Not,
        };
        files.push(Watched { item, owner, states: Mutex::new(vec![first]), answered: AtomicUsize::new(0) });
    }
    let chance = |number: usize| Chance(seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let writing = files.iter().zip(&folders).enumerate();
    let writing = writing.map(|(at, (file, folders))| write(&servers, folders, file, chance(at), until));
    let looking = (0..8).map(|at| look(&servers, &files, chance(100 + at), until));
    let (_, looks) =
        tokio::join!(futures_util::future::join_all(writing), futures_util::future::join_all(looking));
    let writes: usize = files.iter().map(|file| file.answered.load(Ordering::SeqCst)).sum();
    let looks: usize = looks.into_iter().sum();
    println!("{writes} writes, {looks} looks");
    assert!(writes > 20 && looks > 100, "{writes} writes, {looks} looks");
}
