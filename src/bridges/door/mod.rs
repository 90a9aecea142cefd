//! The door of `titer serve`: HTTP/1.1 within bounds, by hyper. What a request means, its [`House`] says.

mod body;
pub mod journal;
mod visit;

use std::fs::{File, TryLockError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::sync::{Mutex, Semaphore};

use crate::formats::journal_v1::Header;
use journal::Journal;

/// What a door bears.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; others wait in the system's queue.
    pub connections: usize,
    /// Until the head of a request is there.
    pub head: Duration,
    /// Bytes of a body as it comes.
    pub body: u64,
    /// Bytes of all bodies together, until they are kept.
    pub bodies: usize,
    /// Until a body is there.
    pub whole: Duration,
    /// Between two pieces of a body.
    pub pause: Duration,
    /// How long a body may be slower than its pace.
    pub grace: Duration,
    /// Bytes in a second that a body comes with at least.
    pub pace: u64,
    /// How long a body waits for others to be done with.
    pub patience: Duration,
    /// How long a sender that does not come again waits for room in the journal.
    pub wait: Duration,
    /// How long what is under way may take once the door closes.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head: Duration::from_secs(10),
            body: 20 << 20,
            bodies: 64 << 20,
            whole: Duration::from_mins(1),
            pause: Duration::from_secs(10),
            grace: Duration::from_secs(5),
            pace: 4096,
            patience: Duration::from_secs(5),
            wait: Duration::from_secs(20),
            farewell: Duration::from_secs(10),
        }
    }
}

/// The head of a request.
#[derive(Debug, Clone)]
pub struct Head {
    /// `GET`
    pub method: String,
    /// `/v1/logs`
    pub path: String,
    /// What stands behind `?`.
    pub query: String,
    headers: HeaderMap,
}

impl Head {
    /// A header, by its name in lower case; none where it is not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// Headers by their names.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What becomes of a request by its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// It is answered, whatever its body says.
    Answer(Answer),
    /// A page is [made](House::page).
    Page,
    /// Its body is read and [looked at](House::look). A patient one waits for room in the journal.
    Body {
        /// Whether it waits.
        is_patient: bool,
    },
}

/// What becomes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It is answered, and not kept.
    Answer(Answer),
    /// It is kept under this header, or as far as the journal lets.
    Keep(Header),
}

/// What became of a body that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The disk has it.
    Kept,
    /// There was no room for it in time.
    NoRoom,
    /// The disk did not take it.
    Failed,
    /// It was longer than any body may be.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The sender went away.
    Broken,
    /// All bodies together were too many.
    Crowded,
}

/// Who lives behind the door. Only [`Self::greet`] and [`Self::answer`] must be quick.
pub trait House: Send + Sync + 'static {
    /// What becomes of a request by its head.
    fn greet(&self, head: &Head) -> Greeting;
    /// Makes a page; one at a time.
    fn page(&self, head: &Head) -> Answer;
    /// Looks at a body.
    fn look(&self, head: &Head, body: &[u8]) -> Look;
    /// What is answered to a request whose body was to be kept.
    fn answer(&self, head: &Head, header: Option<&Header>, fate: Fate) -> Answer;
    /// The head of a request did not come in time.
    fn timed_out(&self);
}

/// The door, with all that it needs.
pub struct Door {
    limits: Limits,
    house: Arc<dyn House>,
    journal: Journal,
    bodies: Arc<Semaphore>,
    pages: Mutex<()>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Takes an address, and says which one it became.
///
/// # Errors
/// It cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Takes the lock of a folder, which is made if it is not there; `None` if another process has it.
///
/// # Errors
/// There is no folder, or no locks in it.
#[allow(clippy::disallowed_methods, reason = "the journal's own folder")]
pub fn lock(folder: &Path) -> io::Result<Option<File>> {
    std::fs::create_dir_all(folder)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Raised once somebody asks the process to end.
///
/// # Errors
/// Signals cannot be listened to.
pub fn stop_sign() -> io::Result<Arc<AtomicBool>> {
    let sign = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&sign))?;
    }
    Ok(sign)
}

impl Door {
    /// A door in front of a house, with a journal behind it.
    #[must_use]
    pub fn new(limits: Limits, house: Arc<dyn House>, journal: Journal) -> Self {
        let bodies = Arc::new(Semaphore::new(limits.bodies));
        Self { limits, house, journal, bodies, pages: Mutex::new(()) }
    }

    /// Stands open until the sign is raised, then waits a while for what is under way.
    ///
    /// # Errors
    /// The system gives no threads or no events.
    pub fn stand(self, listener: TcpListener, stop: &AtomicBool) -> io::Result<()> {
        // Few threads: each body that is looked at may take much memory.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
        let door = Arc::new(self);
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            door.welcome(listener, stop).await;
            io::Result::Ok(())
        })?;
        // A page that is still being made is nobody's any more.
        runtime.shutdown_timeout(Duration::from_millis(100));
        Ok(())
    }

    async fn welcome(self: Arc<Self>, listener: tokio::net::TcpListener, stop: &AtomicBool) {
        let visitors = GracefulShutdown::new();
        let seats = Arc::new(Semaphore::new(self.limits.connections));
        let raised = async {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::pin!(raised);
        loop {
            let next = async {
                let seat = Arc::clone(&seats).acquire_owned().await;
                (seat, listener.accept().await)
            };
            let (seat, accepted) = tokio::select! {
                () = &mut raised => break,
                next = next => next,
            };
            let (Ok(seat), Ok((stream, _))) = (seat, accepted) else {
                // Too many open files: those that are there have to end first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (door, house) = (Arc::clone(&self), Arc::clone(&self.house));
            let asked = Arc::new(AtomicBool::new(false));
            let asks = Arc::clone(&asked);
            let visit = service_fn(move |request| {
                asks.store(true, Ordering::Relaxed);
                Arc::clone(&door).visit(request)
            });
            let mut protocol = http1::Builder::new();
            protocol.timer(TokioTimer::new()).header_read_timeout(self.limits.head).max_buf_size(1 << 16);
            let visitor = visitors.watch(protocol.serve_connection(TokioIo::new(stream), visit));
            tokio::spawn(async move {
                // Whoever else breaks off has been answered, or will not be; who asked before is only done.
                if visitor.await.is_err_and(|error| error.is_timeout()) && !asked.load(Ordering::Relaxed) {
                    house.timed_out();
                }
                drop(seat);
            });
        }
        drop(listener);
        let _ = tokio::time::timeout(self.limits.farewell, visitors.shutdown()).await;
    }
}
