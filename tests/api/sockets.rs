//! How the service's sockets are set, seen from outside of it.

use std::net::SocketAddr;
use std::process::Stdio;

use everlink::limits::Limits;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Kind, Process, TestApp};

/// The server's end of a connection.
fn other_end(server: &Process, client: SocketAddr) -> Socket {
    let pid = i32::try_from(server.child.id()).ok().and_then(Pid::from_raw).expect("a process");
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("it runs");
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).expect("it runs");
    files
        .filter_map(|file| file.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok())
        .map(Socket::from)
        .find(|socket| socket.peer_addr().ok().and_then(|peer| peer.as_socket()) == Some(client))
        .expect("the server's end")
}

/// Else the second packet of an answer waits for the first to be acknowledged, which clients put off for 40 ms.
#[tokio::test]
async fn no_answer_waits_for_an_acknowledgement() {
    let app = TestApp::start(Kind::Sqlite).await;
    let server = Process::serve(&app.data_dir(), &app.database, Stdio::null());
    for (url, path) in [(&server.url, "/docs"), (&server.admin, "/healthz")] {
        let address = url.strip_prefix("http://").expect("a URL");
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        connection.write_all(request.as_bytes()).await.expect("it is sent");
        let mut start = [0; 12];
        connection.read_exact(&mut start).await.expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200");
        let socket = other_end(&server, connection.local_addr().expect("an address"));
        assert!(socket.tcp_nodelay().expect("a setting"), "{path}");
        if path == "/docs" {
            // Who takes nothing of an answer is cut off.
            let limit = Limits::default().unread;
            assert_eq!(socket.tcp_user_timeout().expect("a setting"), Some(limit));
        }
    }
}
