//! The journal: what came in is in a file, and the disk has it, before anybody is told so. Many requests share one wait for the disk.
#![allow(
    clippy::disallowed_methods,
    reason = "the journal's own files: written by one thread, and gone once they are read"
)]

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use crate::bridges::clock::Stopwatch;
use crate::formats::journal_v1::{Frame, MAGIC};

/// A file is closed once it is so long.
const LONG: u64 = 4 << 20;
/// A file with something in it is closed after so many seconds; while there is always a little, after twice as many as the one before.
const YOUNG: f64 = 1.0;
/// But never later than so many.
const OLD: f64 = 30.0;
/// So much is written before the disk is waited for.
const BATCH: u64 = 8 << 20;

/// The ending of the journal's files.
const ENDING: &str = "journal";

/// A file that is whole: to be read, oldest first, and then [given up](Journal::give_up).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Where it is.
    pub path: PathBuf,
    /// The room that it takes.
    pub size: u64,
}

#[derive(Debug)]
enum Order {
    Append {
        frame: Frame,
        body: Bytes,
        permit: OwnedSemaphorePermit,
        done: oneshot::Sender<bool>,
    },
    /// Somebody waits for room.
    Close,
    Stop,
}

#[derive(Debug, Default)]
struct Queue {
    files: VecDeque<Closed>,
    is_over: bool,
}

#[derive(Debug)]
struct Shared {
    limit: u64,
    used: AtomicU64,
    room: Notify,
    queue: Mutex<Queue>,
    more: Condvar,
}

/// The journal. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    orders: Sender<Order>,
}

/// Whoever opened the journal ends it with this.
#[derive(Debug)]
pub struct Writer {
    orders: Sender<Order>,
    thread: std::thread::JoinHandle<()>,
}

impl Writer {
    /// Closes the last file; nothing is kept after that.
    pub fn stop(self) {
        let _ = self.orders.send(Order::Stop);
        let _ = self.thread.join();
    }
}

impl Journal {
    /// Opens the journal in a folder of its own; what an earlier process left is closed.
    ///
    /// # Errors
    /// The folder cannot be made or read, or no thread begun.
    pub fn open(folder: &Path, limit: u64) -> io::Result<(Self, Writer)> {
        fs::create_dir_all(folder)?;
        let mut files = left(folder)?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let next = files.last().and_then(|last| number(&last.path)).unwrap_or(0) + 1;
        let used = files.iter().map(|file| file.size).sum();
        let shared = Arc::new(Shared {
            limit,
            used: AtomicU64::new(used),
            room: Notify::new(),
            queue: Mutex::new(Queue { files: files.into(), is_over: false }),
            more: Condvar::new(),
        });
        let (orders, taken) = channel();
        let pen = Pen {
            folder: folder.to_owned(),
            shared: Arc::clone(&shared),
            next,
            sheet: None,
            patience: YOUNG,
            rested: Stopwatch::start(),
        };
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || pen.run(&taken))?;
        Ok((Self { shared, orders: orders.clone() }, Writer { orders, thread }))
    }

    /// Bytes that the journal takes, what is being written included.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Takes room for so many bytes, if that leaves no more than so many hundredths of the whole taken.
    #[must_use]
    pub fn reserve(&self, size: u64, percent: u64) -> bool {
        let most = self.shared.limit / 100 * percent;
        let taken = |used: u64| used.checked_add(size).filter(|&sum| sum <= most);
        let is_taken = self.shared.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok();
        // Where nothing waits to be read, room comes only of what is being written.
        if !is_taken && self.queue().files.is_empty() {
            let _ = self.orders.send(Order::Close);
        }
        is_taken
    }

    /// Takes room for so many bytes as soon as there is some; `false` if there is none for that long.
    pub async fn reserve_within(&self, size: u64, patience: Duration) -> bool {
        let waiting = async {
            loop {
                // Whoever asks to be told asks before it looks.
                let told = self.shared.room.notified();
                if self.reserve(size, 100) {
                    return;
                }
                // Room may be there for something smaller in front.
                let _ = tokio::time::timeout(Duration::from_millis(250), told).await;
            }
        };
        size <= self.shared.limit && tokio::time::timeout(patience, waiting).await.is_ok()
    }

    /// Keeps a body for which [room was taken](Self::reserve); `true` once the disk has it.
    pub async fn append(&self, frame: Frame, body: Bytes, permit: OwnedSemaphorePermit) -> bool {
        let (done, kept) = oneshot::channel();
        let size = frame.len() as u64 + body.len() as u64;
        if self.orders.send(Order::Append { frame, body, permit, done }).is_err() {
            self.release(size);
            return false;
        }
        kept.await.unwrap_or(false)
    }

    /// The oldest closed file, which stays the oldest until it is given up. Waits for one; `None`: there will be none any more.
    #[must_use]
    pub fn oldest(&self) -> Option<Closed> {
        let mut queue = self.queue();
        loop {
            if let Some(file) = queue.files.front() {
                return Some(file.clone());
            }
            if queue.is_over {
                return None;
            }
            queue = self.shared.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What was in a closed file is kept elsewhere: it goes, once the disk has what is kept.
    ///
    /// # Errors
    /// The disk fails, or the file cannot be removed.
    pub fn give_up(&self, file: &Closed) -> io::Result<()> {
        if let Some(folder) = file.path.parent() {
            sync(&File::open(folder)?)?;
        }
        match fs::remove_file(&file.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.queue().files.retain(|other| other != file);
        self.release(file.size);
        Ok(())
    }

    /// A closed file that nobody can read stays for people to look at, under another name, and waits for nobody.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn set_aside(&self, file: &Closed) -> io::Result<()> {
        fs::rename(&file.path, file.path.with_extension("broken"))?;
        self.give_up(file)
    }

    fn release(&self, size: u64) {
        let _ =
            self.shared.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| Some(used.saturating_sub(size)));
        self.shared.room.notify_waiters();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the disk has all that was written where a folder lies: files of the ledger are not waited for one by one.
fn sync(folder: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::unistd::syncfs(folder)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        nix::unistd::sync();
    }
    Ok(())
}

fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn left(folder: &Path) -> io::Result<Vec<Closed>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|own| own == ENDING) && number(&path).is_some() {
            files.push(Closed { size: entry.metadata()?.len(), path });
        }
    }
    Ok(files)
}

/// The file that is being written.
#[derive(Debug)]
struct Sheet {
    path: PathBuf,
    file: File,
    /// Bytes of records that the disk has, and are answered for.
    size: u64,
    since: Stopwatch,
}

/// Who writes: one thread.
#[derive(Debug)]
struct Pen {
    folder: PathBuf,
    shared: Arc<Shared>,
    next: u64,
    sheet: Option<Sheet>,
    patience: f64,
    rested: Stopwatch,
}

type Waiting = (oneshot::Sender<bool>, OwnedSemaphorePermit);

impl Pen {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let left = self.sheet.as_ref().map(|sheet| (self.patience - sheet.since.seconds()).max(0.0));
            let order = match left {
                Some(left) => orders.recv_timeout(Duration::from_secs_f64(left)),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(Order::Append { frame, body, permit, done }) => {
                    if self.write(orders, (frame, body), (done, permit)) {
                        break;
                    }
                }
                Ok(Order::Close) => self.close(),
                Err(RecvTimeoutError::Timeout) => {
                    // The next one waits longer: each becomes files of the ledger, which are better few.
                    self.patience = (2.0 * self.patience).min(OLD);
                    self.close();
                }
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.close();
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.shared.more.notify_all();
    }

    /// Writes a record and all that wait behind it, waits for the disk once, and answers them; says whether that was the end.
    fn write(&mut self, orders: &Receiver<Order>, first: (Frame, Bytes), waits: Waiting) -> bool {
        let (mut waiting, mut records, mut is_over, mut asked) = (vec![waits], vec![first], false, false);
        let size = |(frame, body): &(Frame, Bytes)| frame.len() as u64 + body.len() as u64;
        let mut bytes = size(&records[0]);
        while bytes < BATCH {
            match orders.try_recv() {
                Ok(Order::Append { frame, body, permit, done }) => {
                    waiting.push((done, permit));
                    records.push((frame, body));
                    bytes += records.last().map_or(0, size);
                }
                Ok(Order::Close) => asked = true,
                Ok(Order::Stop) => {
                    is_over = true;
                    break;
                }
                Err(_) => break,
            }
        }
        let is_kept = self.put(&records, bytes).is_ok();
        drop(records);
        for (done, permit) in waiting {
            drop(permit);
            let _ = done.send(is_kept);
        }
        if !is_kept {
            // Whatever is wrong with the disk, the next try is made with another file.
            let _ = self
                .shared
                .used
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| Some(used.saturating_sub(bytes)));
            self.shared.room.notify_waiters();
        }
        let long = LONG.min(self.shared.limit / 4);
        if asked || !is_kept || self.sheet.as_ref().is_some_and(|sheet| sheet.size >= long) {
            self.close();
        }
        is_over
    }

    fn put(&mut self, records: &[(Frame, Bytes)], bytes: u64) -> io::Result<()> {
        let mut sheet = match self.sheet.take() {
            Some(sheet) => sheet,
            None => self.begin()?,
        };
        let written = io::BufWriter::with_capacity(1 << 16, &sheet.file);
        let written = records.iter().try_fold(written, |mut to, (frame, body)| {
            to.write_all(&frame.before)?;
            to.write_all(body)?;
            to.write_all(&frame.after).map(|()| to)
        });
        let done = written.and_then(|mut to| to.flush()).and_then(|()| sheet.file.sync_data());
        if done.is_ok() {
            sheet.size += bytes;
        } else {
            // What nobody was told of must not be found later.
            let _ = sheet.file.set_len(MAGIC.len() as u64 + sheet.size);
        }
        self.sheet = Some(sheet);
        done
    }

    fn begin(&mut self) -> io::Result<Sheet> {
        if self.rested.seconds() > OLD {
            // There was nothing for a while: whoever comes now is not made to wait.
            self.patience = YOUNG;
        }
        let path = self.folder.join(format!("{:012}.{ENDING}", self.next));
        self.next += 1;
        let mut file = File::create_new(&path)?;
        file.write_all(MAGIC)?;
        // The name has to be on the disk, too.
        File::open(&self.folder)?.sync_all()?;
        Ok(Sheet { path, file, size: 0, since: Stopwatch::start() })
    }

    fn close(&mut self) {
        let Some(Sheet { path, file, size, .. }) = self.sheet.take() else { return };
        drop(file);
        self.rested = Stopwatch::start();
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.files.push_back(Closed { path, size });
        self.shared.more.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::journal_v1::{Header, read};
    use tokio::sync::Semaphore;

    fn append(journal: &Journal, body: &'static [u8]) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
            let frame = Frame::of(&Header::default(), body).unwrap();
            let size = (frame.len() + body.len()) as u64;
            journal.reserve_within(size, Duration::from_millis(10)).await
                && journal.append(frame, Bytes::from_static(body), permit).await
        })
    }

    #[test]
    fn what_is_kept_is_found_again_by_the_next_process_and_room_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, writer) = Journal::open(folder.path(), 4000).unwrap();
        assert!(append(&journal, b"one") && append(&journal, b"two"));
        // No room for a third: the two are closed so that somebody can make some.
        assert!(!append(&journal, &[7; 3800]));
        let first = journal.oldest().unwrap();
        let bytes = fs::read(&first.path).unwrap();
        let bodies: Vec<&[u8]> = read(&bytes).records.iter().map(|record| record.1).collect();
        assert_eq!(bodies, [b"one", b"two"]);
        writer.stop();
        let (journal, writer) = Journal::open(folder.path(), 8000).unwrap();
        let again = journal.oldest().unwrap();
        assert_eq!(again.path, first.path);
        assert_eq!(journal.used(), again.size);
        journal.give_up(&again).unwrap();
        assert_eq!(journal.used(), 0);
        assert!(append(&journal, &[7; 3800]));
        writer.stop();
        assert!(journal.oldest().is_some_and(|file| file.path > first.path || !first.path.exists()));
        assert!(!append(&journal, b"too late"));
    }
}
