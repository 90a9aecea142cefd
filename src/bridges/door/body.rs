//! Bodies of requests, read within bounds: of size, of time, of what all of them together take.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;
use crate::bridges::clock::Stopwatch;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is longer than any may be.
    TooLarge,
    /// It does not come in time.
    TooSlow,
    /// The sender went away, or does not speak HTTP.
    Broken,
    /// All bodies together are too many.
    NoRoom,
}

/// A body, and its part of what all bodies together may take.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Reads a body.
pub(super) async fn read(body: Incoming, limits: &Limits, room: &Arc<Semaphore>) -> Result<Body, Trouble> {
    if body.size_hint().lower() > limits.body {
        return Err(Trouble::TooLarge);
    }
    tokio::time::timeout(limits.whole, pieces(body, limits, room)).await.unwrap_or(Err(Trouble::TooSlow))
}

async fn pieces(mut body: Incoming, limits: &Limits, room: &Arc<Semaphore>) -> Result<Body, Trouble> {
    let watch = Stopwatch::start();
    let mut permit = take(room, 0, limits.patience).await?;
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    loop {
        let frame = tokio::time::timeout(limits.pause, body.frame()).await.map_err(|_| Trouble::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Trouble::Broken)?.into_data() else { continue };
        let length = (first.len() + all.len() + data.len()) as u64;
        if length > limits.body {
            return Err(Trouble::TooLarge);
        }
        // A little every now and then holds a connection for as long as it likes.
        let late = Duration::from_secs_f64(watch.seconds()).saturating_sub(limits.grace);
        if u128::from(length) * 1000 < late.as_millis() * u128::from(limits.pace) {
            return Err(Trouble::TooSlow);
        }
        permit.merge(take(room, data.len(), limits.patience).await?);
        if first.is_empty() && all.is_empty() {
            // Most bodies come in one piece, which need not be copied.
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    let bytes = if all.is_empty() { first } else { Bytes::from(all) };
    Ok(Body { bytes, permit })
}

async fn take(room: &Arc<Semaphore>, bytes: usize, patience: Duration) -> Result<OwnedSemaphorePermit, Trouble> {
    let permits = u32::try_from(bytes).map_err(|_| Trouble::TooLarge)?;
    let taken = tokio::time::timeout(patience, Arc::clone(room).acquire_many_owned(permits)).await;
    taken.ok().and_then(Result::ok).ok_or(Trouble::NoRoom)
}
