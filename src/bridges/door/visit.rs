//! One request: its head, its body, the journal, the answer.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::body::{self, Body, Trouble};
use super::{Answer, Door, Fate, Greeting, Head, Look};
use crate::formats::journal_v1::Frame;
use crate::formats::packed::Coding;

/// Longer bodies are looked at elsewhere: others wait here meanwhile.
const QUICK: usize = 1 << 18;
/// OpenTelemetry's senders come again, and are asked to once so many hundredths of the journal are taken.
const PRESSURE: u64 = 75;

impl Door {
    /// Answers one request.
    pub(super) async fn visit(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let head = Arc::new(Head {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
        });
        Ok(match self.house.greet(&head) {
            // What the body would say is not waited for.
            Greeting::Answer(answer) => response(answer, !hyper::body::Body::is_end_stream(&body)),
            Greeting::Page => response(self.page(head).await, false),
            Greeting::Body { is_patient } => match body::read(body, &self.limits, &self.bodies).await {
                Ok(body) => response(self.take(head, body, is_patient).await, false),
                Err(trouble) => {
                    let fate = match trouble {
                        Trouble::TooLarge => Fate::TooLarge,
                        Trouble::TooSlow => Fate::TooSlow,
                        Trouble::Broken => Fate::Broken,
                        Trouble::NoRoom => Fate::Crowded,
                    };
                    response(self.house.answer(&head, None, fate), true)
                }
            },
        })
    }

    async fn page(&self, head: Arc<Head>) -> Answer {
        let alone = self.pages.lock().await;
        let house = Arc::clone(&self.house);
        let made = tokio::task::spawn_blocking(move || house.page(&head)).await;
        drop(alone);
        made.unwrap_or_else(|_| Answer { status: 500, ..Answer::default() })
    }

    async fn take(&self, head: Arc<Head>, body: Body, is_patient: bool) -> Answer {
        let Body { bytes, permit } = body;
        let look = if Coding::of(head.header("content-encoding"), &bytes) == Some(Coding::None) && bytes.len() < QUICK {
            self.house.look(&head, &bytes)
        } else {
            let (house, head, bytes) = (Arc::clone(&self.house), Arc::clone(&head), bytes.clone());
            let looked = tokio::task::spawn_blocking(move || house.look(&head, &bytes)).await;
            looked.unwrap_or_else(|_| Look::Answer(Answer { status: 500, ..Answer::default() }))
        };
        let header = match look {
            Look::Answer(answer) => return answer,
            Look::Keep(header) => header,
        };
        let Some(frame) = Frame::of(&header, &bytes) else {
            return self.house.answer(&head, Some(&header), Fate::TooLarge);
        };
        let size = frame.len() as u64 + bytes.len() as u64;
        let has_room = if is_patient {
            self.journal.reserve_within(size, self.limits.wait).await
        } else {
            self.journal.reserve(size, PRESSURE)
        };
        let fate = if !has_room {
            Fate::NoRoom
        } else if self.journal.append(frame, bytes, permit).await {
            Fate::Kept
        } else {
            Fate::Failed
        };
        self.house.answer(&head, Some(&header), fate)
    }
}

/// Where the rest of a body is not read, there is nothing to be said on this connection any more.
fn response(answer: Answer, is_last: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if is_last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
