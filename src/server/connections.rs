//! The connections that are open: how many there may be, and whose go first.
//!
//! A connection that is idle makes room for a new one, the one that was idle longest first. So whoever opens many and
//! says nothing closes their own, and who asks for something is answered.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::rt::net::TcpStream;
use bytes::Bytes;
use ipnet::IpNet;
use pin_project_lite::pin_project;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockRef, Socket, Type};

use crate::error::{Error, Result};
use crate::sources::network;

/// Connections that wait to be taken.
const BACKLOG: i32 = 4_096;
/// How often it is looked for connections of which nothing is taken.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Files that are kept for what is no client's connection: the database's, contents, the log.
const OTHER_FILES: u64 = 256;
/// Those of a worker's own connections to the database.
const FILES_OF_WORKER: u64 = 24;
/// A connection has a second handle, by which it can be ended.
const FILES_OF_CONNECTION: u64 = 2;

/// Listens there.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listening = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    listening().map_err(|error: std::io::Error| {
        let said = format!("can't listen on {address}: {error}");
        Error::internal(std::io::Error::new(error.kind(), said))
    })
}

/// Lets the process open as many files as the system lets it, and gives how many connections that is enough for.
pub fn room_for(connections: usize, workers: usize) -> usize {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, ..limits };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    // None stands for any number.
    let Some(files) = files else { return connections };
    let others = OTHER_FILES + FILES_OF_WORKER * workers as u64;
    let room = usize::try_from(files.saturating_sub(others) / FILES_OF_CONNECTION).unwrap_or(usize::MAX);
    if room < connections {
        tracing::warn!(files, connections = room, "fewer connections: the process may not open more files");
    }
    connections.min(room.max(16))
}

/// All connections of clients.
pub struct Connections {
    most: usize,
    of_address: usize,
    /// Proxies' addresses stand for many clients.
    trusted: Vec<IpNet>,
    /// How long an answer may wait for its client to take more of it.
    unread: Duration,
    began: Instant,
    open: Mutex<HashMap<IpAddr, Vec<Weak<Connection>>>>,
    count: AtomicUsize,
}

/// A client's connection.
struct Connection {
    address: IpAddr,
    /// A second handle of it.
    socket: Socket,
    /// Requests that are under way, their answers included.
    busy: AtomicUsize,
    /// Milliseconds since the beginning when it last did something.
    active_at: AtomicU64,
    /// The same for an answer that is being taken; 0 while there is none.
    taken_at: AtomicU64,
    all: Arc<Connections>,
}

impl Connections {
    pub fn new(most: usize, of_address: usize, trusted: Vec<IpNet>, unread: Duration) -> Arc<Self> {
        let (open, count) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { most, of_address, trusted, unread, began: Instant::now(), open, count })
    }

    fn now(&self) -> u64 {
        // 0 is for never.
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Takes a new connection in. Where there are too many, one that is idle makes room, or this one goes.
    pub fn take_in(self: &Arc<Self>, connection: &dyn Any, extensions: &mut Extensions) {
        let stream = match connection.downcast_ref::<TlsStream<TcpStream>>() {
            Some(secure) => Some(secure.get_ref().0),
            None => connection.downcast_ref::<TcpStream>(),
        };
        let Some(stream) = stream else { return };
        let socket = SockRef::from(stream);
        // Where the system can't, a client that is gone is found out by the connection's own time-outs.
        let _ = socket.set_tcp_user_timeout(Some(self.unread));
        let (Ok(peer), Ok(handle)) = (stream.peer_addr(), socket.try_clone()) else {
            let _ = socket.shutdown(Shutdown::Both);
            return;
        };
        // One host may have a whole network of IPv6.
        let address = network(peer.ip().to_canonical(), 64);
        let connection = Arc::new(Connection {
            address,
            socket: handle,
            busy: AtomicUsize::new(0),
            active_at: AtomicU64::new(self.now()),
            taken_at: AtomicU64::new(0),
            all: self.clone(),
        });
        let is_proxy = self.trusted.iter().any(|trusted| trusted.contains(&peer.ip().to_canonical()));
        let others = if !is_proxy && self.of_address > 0 && self.count_of(address) >= self.of_address {
            Some(self.those_of(Some(address)))
        } else if self.count.load(Ordering::Relaxed) >= self.most {
            Some(self.those_of(None))
        } else {
            None
        };
        if let Some(others) = others {
            match longest_idle(&others) {
                Some(idle) => idle.end_idle(),
                None => connection.end(),
            }
        }
        self.table().entry(address).or_default().push(Arc::downgrade(&connection));
        self.count.fetch_add(1, Ordering::Relaxed);
        extensions.insert(connection);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, Vec<Weak<Connection>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_of(&self, address: IpAddr) -> usize {
        self.table().get(&address).map_or(0, Vec::len)
    }

    /// Those of an address, or all. A connection that ends takes itself out of the table, so none of these may be
    /// dropped while that is locked.
    fn those_of(&self, address: Option<IpAddr>) -> Vec<Arc<Connection>> {
        let table = self.table();
        match address {
            Some(address) => table.get(&address).into_iter().flatten().filter_map(Weak::upgrade).collect(),
            None => table.values().flatten().filter_map(Weak::upgrade).collect(),
        }
    }

    /// Ends connections whose clients take nothing more of their answers.
    pub async fn end_unread(self: Arc<Self>) {
        let mut every = tokio::time::interval(LOOK_EVERY.min(self.unread));
        loop {
            every.tick().await;
            let now = self.now();
            for connection in self.those_of(None) {
                let taken_at = connection.taken_at.load(Ordering::Relaxed);
                if taken_at > 0 && Duration::from_millis(now.saturating_sub(taken_at)) > self.unread {
                    connection.end();
                }
            }
        }
    }
}

/// The connection that nobody has used for the longest time.
fn longest_idle(connections: &[Arc<Connection>]) -> Option<&Arc<Connection>> {
    let idle = connections.iter().filter(|connection| connection.busy.load(Ordering::Relaxed) == 0);
    idle.min_by_key(|connection| connection.active_at.load(Ordering::Relaxed))
}

impl Connection {
    /// A request that has arrived meanwhile is answered before.
    fn end_idle(&self) {
        // As below.
        let _ = self.socket.shutdown(Shutdown::Read);
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// Its worker sees that it has ended, and lets it go.
    fn end(&self) {
        // It may have ended by itself.
        let _ = self.socket.shutdown(Shutdown::Both);
        // Not to be chosen again before it is gone.
        self.busy.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.all.table();
        if let Some(of_address) = open.get_mut(&self.address) {
            let this: *const Self = self;
            of_address.retain(|other| !std::ptr::eq(other.as_ptr(), this));
            if of_address.is_empty() {
                open.remove(&self.address);
            }
        }
        self.all.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection is not idle until its answer was taken.
pub async fn keep_busy<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, actix_web::Error>,
) -> Result<ServiceResponse<Watched<B>>, actix_web::Error> {
    let connection = request.request().conn_data::<Arc<Connection>>().cloned();
    let busy = connection.map(Busy::new);
    let answer = next(request).await?;
    Ok(answer.map_body(|_, body| Watched { body, busy }))
}

/// A request that is under way.
struct Busy(Arc<Connection>);

impl Busy {
    fn new(connection: Arc<Connection>) -> Self {
        connection.busy.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }

    fn takes_more(&self) {
        self.0.taken_at.store(self.0.all.now(), Ordering::Relaxed);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.taken_at.store(0, Ordering::Relaxed);
        self.0.active_at.store(self.0.all.now(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// An answer's body, as it is taken.
    pub struct Watched<B> {
        #[pin]
        body: B,
        busy: Option<Busy>,
    }
}

impl<B: MessageBody> MessageBody for Watched<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        if let Some(busy) = this.busy {
            busy.takes_more();
        }
        this.body.poll_next(context)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, busy } = self;
        body.try_into_bytes().map_err(|body| Self { body, busy })
    }
}
