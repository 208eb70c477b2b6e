//! The parts of a trace: what is done for a request, how long it took, and within what.
//!
//! Nothing is measured, and no id is made, unless somebody records.

use std::sync::OnceLock;

use aws_lc_rs::rand;

use crate::clock::Time;

use super::{Cause, TraceParent};

/// What a part is, seen from the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does something itself.
    Internal,
    /// It answers somebody.
    Server,
    /// It asks somebody.
    Client,
}

/// What is told of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// A part that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its trace, and its own id.
    pub place: TraceParent,
    /// The part that it belongs to, if that is known.
    pub parent: Option<TraceParent>,
    /// What it is.
    pub kind: Kind,
    /// What it is called: one of few.
    pub name: String,
    /// When it began.
    pub began_at: Time,
    /// When it was over.
    pub ended_at: Time,
    /// What is told of it; names are those of OpenTelemetry where it has one.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it went well.
    pub end: End,
}

/// How a part ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is to be said of it.
    Well,
    /// It failed, by what whoever asked could not help.
    Failed,
}

/// A part that is under way. Dropped, it is not told of.
#[derive(Debug)]
pub struct Running {
    place: TraceParent,
    parent: Option<TraceParent>,
    kind: Kind,
    began_at: Time,
}

type Recorder = Box<dyn Fn(Span) + Send + Sync>;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// Has `recorder` told of each part that ends from now on. Whether nobody was told before.
pub fn record_with(recorder: impl Fn(Span) + Send + Sync + 'static) -> bool {
    RECORDER.set(Box::new(recorder)).is_ok()
}

impl Cause {
    /// Begins a part of what is done for this: the cause of all that is done within it, and the part, if it is recorded. Where
    /// whoever asked records nothing, nothing is recorded here (W3C Trace Context §4.1).
    pub fn begin(&self, kind: Kind, now: Time) -> (Self, Option<Running>) {
        let parent = self.trace_parent;
        let is_recorded = RECORDER.get().is_some() && parent.is_none_or(|parent| parent.is_sampled());
        let Some(place) = is_recorded.then(|| new_place(parent)).flatten() else {
            return (self.clone(), None);
        };
        let within = Self { request_id: self.request_id.clone(), trace_parent: Some(place) };
        (within, Some(Running { place, parent, kind, began_at: now }))
    }
}

impl Running {
    /// Ends the part, and tells of it.
    pub fn end(self, now: Time, name: String, attributes: Vec<(&'static str, Value)>, end: End) {
        let Self { place, parent, kind, began_at } = self;
        if let Some(recorder) = RECORDER.get() {
            recorder(Span { place, parent, kind, name, began_at, ended_at: now, attributes, end });
        }
    }
}

/// A place of its own in the trace of `parent`, or in a new one.
fn new_place(parent: Option<TraceParent>) -> Option<TraceParent> {
    let mut span_id = [0; 8];
    rand::fill(&mut span_id).ok()?;
    let span_id = u64::from_be_bytes(span_id);
    match parent {
        Some(parent) => Some(parent.with_span(span_id)),
        None => {
            let mut trace_id = [0; 16];
            rand::fill(&mut trace_id).ok()?;
            TraceParent::recorded(u128::from_be_bytes(trace_id), span_id)
        }
    }
}
