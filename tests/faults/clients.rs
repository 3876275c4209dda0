//! Clients that are many, or slow, or say nothing.

use std::process::Stdio;
use std::time::Duration;

use everlink::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Kind, Process, TestApp, User, download_path, eventually, page_path};

/// Lets this process open as many files as it may.
fn open_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits }).expect("a limit");
}

#[tokio::test]
async fn links_open_while_ten_thousand_connections_are_idle_and_the_server_may_open_1024_files() {
    open_many_files();
    let app = TestApp::start(Kind::Sqlite).await;
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/a.txt", "one").await, "view").await;
    let program = env!("CARGO_BIN_EXE_everlink");
    let server = Process::serve_by(&app.data_dir(), &app.database, Stdio::null(), |folder| {
        // The hard limit, too, so that it can't be raised.
        let mut command = std::process::Command::new("prlimit");
        command.args(["--nofile=1024:1024", "--", program]).env_clear().current_dir(folder);
        command
    });
    let address = server.url.strip_prefix("http://").expect("a URL").to_owned();
    let mut idle = Vec::new();
    for number in 0..10_000 {
        // Of forty addresses.
        let socket = TcpSocket::new_v4().expect("a socket");
        let from = format!("127.0.1.{}:0", number % 40 + 1).parse().expect("an address");
        socket.bind(from).expect("an address of this machine");
        idle.push(socket.connect(address.parse().expect("an address")).await.expect("a connection"));
        if number % 100 == 0 {
            let visitor = User::new(reqwest::Client::new(), server.url.clone(), None);
            visitor.get(&page_path(&link)).await.expect(200);
        }
    }
    for _ in 0..100 {
        let visitor = User::new(reqwest::Client::new(), server.url.clone(), None);
        visitor.get(&page_path(&link)).await.expect(200);
        assert_eq!(visitor.get(&download_path(&link)).await.expect(200).text(), "one");
    }
    let status = reqwest::get(format!("{}/readyz", server.admin)).await.expect("an answer").status();
    assert!(status.is_success());
}

#[tokio::test]
async fn one_address_keeps_its_busy_connections_and_loses_idle_ones() {
    let app = TestApp::start_with(Kind::Sqlite, &["--connections-per-address=8"]).await;
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/big.bin", &"x".repeat(32 << 20)).await, "view").await;
    let address = app.url.strip_prefix("http://").expect("a URL").to_owned();
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut reader = TcpStream::connect(&address).await.expect("a connection");
        let request =
            format!("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", download_path(&link));
        reader.write_all(request.as_bytes()).await.expect("it is sent");
        let mut start = [0; 12];
        reader.read_exact(&mut start).await.expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200");
        busy.push(reader);
    }
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(TcpStream::connect(&address).await.expect("a connection"));
    }
    // Who comes next is answered.
    let visitor = User::new(reqwest::Client::new(), app.url.clone(), None);
    visitor.get("/docs").await.expect(200);
    for mut reader in busy {
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.expect("the rest");
        assert!(rest.len() > 32 << 20);
    }
    let mut first = idle.remove(0);
    assert_eq!(first.read(&mut [0; 1]).await.unwrap_or(0), 0, "it was ended");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_more_is_let_go() {
    let app = TestApp::start(Kind::Sqlite).await;
    let limits = Limits { unread: Duration::from_secs(1), ..Limits::default() };
    let impatient = app.with_limits(limits).await;
    let alice = app.user("alice");
    let link = alice.link(&alice.upload("/big.bin", &"x".repeat(64 << 20)).await, "view").await;
    let mut readers = Vec::new();
    for _ in 0..4 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a setting");
        let address = impatient.url.strip_prefix("http://").expect("a URL").parse().expect("an address");
        let mut reader = socket.connect(address).await.expect("a connection");
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", download_path(&link));
        reader.write_all(request.as_bytes()).await.expect("it is sent");
        readers.push(reader);
    }
    let visitor = User::new(reqwest::Client::new(), impatient.url.clone(), None);
    assert_eq!(visitor.get(&download_path(&link)).await.expect(200).body.len(), 64 << 20);
    // Long before the system itself would find that nothing is taken, which it does after half a minute.
    let ends = readers.iter().map(|reader| eventually("it is let go", async || !is_open(reader)));
    let ended = tokio::time::timeout(Duration::from_secs(20), futures_util::future::join_all(ends)).await;
    assert!(ended.is_ok(), "they are open still");
    for mut reader in readers {
        let mut rest = Vec::new();
        // What was on its way comes; then it ends, or breaks off.
        let _ = reader.read_to_end(&mut rest).await;
        assert!(rest.len() < 64 << 20);
    }
}

/// Whether the server's end of a connection within this machine is open, as the system tells it.
fn is_open(client: &TcpStream) -> bool {
    let port = |address: std::io::Result<std::net::SocketAddr>| {
        format!(":{:04X}", address.expect("an address").port())
    };
    let (server, client) = (port(client.peer_addr()), port(client.local_addr()));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the system's table");
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // 01 stands for an established connection.
        matches!(fields[..], [_, from, to, "01", ..] if from.ends_with(&server) && to.ends_with(&client))
    })
}
